//! Offsets, pages and what is forgotten, with a clock that the test moves.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::protocol::{ClientInfo, Payload};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const LIMITS: HistoryLimits = HistoryLimits {
    size: 5,
    ttl: Duration::from_secs(60),
};
const SETTINGS: StreamSettings = StreamSettings {
    history_bytes: 1 << 20,
    streams: SHARDS * 2,
};

fn streams(settings: StreamSettings) -> (Streams, Clock) {
    let clock = Clock::manual(NOW);
    (Streams::new(settings, clock.clone()), clock)
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn publish(streams: &Streams, name: &str, text: &str) -> Position {
    let data = Payload::parse(format!("{text:?}").as_bytes()).unwrap();
    let publication = Publication {
        data,
        info: None,
        offset: 0,
    };
    streams
        .append(&channel(name), publication, LIMITS, |_| {})
        .0
}

fn query(limit: usize) -> HistoryQuery {
    HistoryQuery {
        limit,
        since: None,
        epoch: String::new(),
        reverse: false,
        max_bytes: 1 << 20,
    }
}

fn since(offset: u64) -> HistoryQuery {
    HistoryQuery {
        since: Some(offset),
        ..query(100)
    }
}

fn backwards(query: HistoryQuery) -> HistoryQuery {
    HistoryQuery {
        reverse: true,
        ..query
    }
}

fn offsets(streams: &Streams, name: &str, query: &HistoryQuery) -> Vec<u64> {
    let page = streams.read(&channel(name), query).unwrap();
    page.publications
        .iter()
        .map(|publication| publication.offset)
        .collect()
}

// The Centrifuge client protocol's table of history requests, on a stream of 7 that keeps 3 to 7.
#[test]
fn pages_are_those_of_the_protocol() {
    let (streams, _) = streams(SETTINGS);
    for number in 1..=7 {
        publish(&streams, "a:b", &number.to_string());
    }
    for (query, expected) in [
        (query(0), vec![]),
        (query(2), vec![3, 4]),
        (query(100), vec![3, 4, 5, 6, 7]),
        (backwards(query(2)), vec![7, 6]),
        (since(4), vec![5, 6, 7]),
        (since(7), vec![]),
        (since(99), vec![]),
        // A beginning that was trimmed: from the oldest kept, without an error.
        (since(1), vec![3, 4, 5, 6, 7]),
        (backwards(since(6)), vec![5, 4, 3]),
        // Whose predecessor is trimmed, or beyond the top.
        (backwards(since(3)), vec![]),
        (backwards(since(8)), vec![7, 6, 5, 4, 3]),
        (backwards(since(9)), vec![]),
    ] {
        assert_eq!(offsets(&streams, "a:b", &query), expected, "{query:?}");
        let top = streams
            .read(&channel("a:b"), &query)
            .unwrap()
            .position
            .offset;
        assert_eq!(top, 7, "the position is the top's");
    }
}

#[test]
fn a_page_holds_so_many_bytes_and_at_least_one_publication() {
    let (streams, _) = streams(SETTINGS);
    for _ in 0..4 {
        publish(&streams, "a:b", &"x".repeat(98));
    }
    let query = HistoryQuery {
        max_bytes: 2 * (100 + HISTORY_ENTRY_BYTES) + 50,
        ..query(100)
    };
    assert_eq!(offsets(&streams, "a:b", &query), [1, 2]);
    let query = HistoryQuery {
        max_bytes: 1,
        ..query
    };
    assert_eq!(offsets(&streams, "a:b", &query), [1]);
}

// What a subscription's token shows of a sender is as much a part of the answer as the data is.
#[test]
fn a_page_counts_all_that_is_shown_of_the_senders() {
    let (streams, _) = streams(SETTINGS);
    let text = |bytes| Payload::parse(format!("{:?}", "x".repeat(bytes)).as_bytes()).unwrap();
    let sender = Arc::new(ClientInfo {
        user: "alice".into(),
        client: "c".into(),
        conn_info: None,
        chan_info: Some(text(4000)),
    });
    for _ in 0..4 {
        let publication = Publication {
            data: text(98),
            info: Some(sender.clone()),
            offset: 0,
        };
        streams.append(&channel("a:b"), publication, LIMITS, |_| {});
    }
    assert!(streams.bytes() > 4 * 4000);
    let query = HistoryQuery {
        max_bytes: 9000,
        ..query(100)
    };
    assert_eq!(offsets(&streams, "a:b", &query), [1, 2]);
}

#[test]
fn another_epoch_is_an_error_and_an_empty_one_matches() {
    let (streams, _) = streams(SETTINGS);
    let position = publish(&streams, "a:b", "x");
    let with = |epoch: &str| HistoryQuery {
        epoch: epoch.to_owned(),
        ..since(0)
    };
    assert!(
        streams
            .read(&channel("a:b"), &with(&position.epoch))
            .is_ok()
    );
    assert!(streams.read(&channel("a:b"), &with("")).is_ok());
    let other = streams.read(&channel("a:b"), &with("_"));
    assert!(matches!(other, Err(HistoryError::UnrecoverablePosition)));
}

#[test]
fn an_empty_stream_has_the_epoch_that_its_first_publication_keeps() {
    let (streams, _) = streams(SETTINGS);
    let empty = streams.read(&channel("a:b"), &query(0)).unwrap().position;
    assert_eq!((empty.offset, empty.epoch.len()), (0, 8));
    let first = publish(&streams, "a:b", "x");
    assert_eq!(
        first,
        Position {
            offset: 1,
            epoch: empty.epoch
        }
    );
}

#[test]
fn trimming_by_time_keeps_offset_and_epoch() {
    let (streams, clock) = streams(SETTINGS);
    let before = publish(&streams, "a:b", "x");
    clock.advance(LIMITS.ttl);
    let page = streams.read(&channel("a:b"), &query(100)).unwrap();
    assert!(page.publications.is_empty());
    assert_eq!(page.position, before);
    assert_eq!(streams.bytes(), 0);
    assert_eq!(publish(&streams, "a:b", "y").offset, 2);
}

#[test]
fn the_limit_in_bytes_holds_over_all_channels_and_positions_stay() {
    let settings = StreamSettings {
        history_bytes: 20_000,
        streams: SHARDS * 100,
    };
    let (streams, _) = streams(settings);
    for number in 0..200 {
        publish(&streams, &format!("a:{number}"), &"x".repeat(1000));
        assert!(
            streams.bytes() <= settings.history_bytes,
            "{}",
            streams.bytes()
        );
    }
    let last = offsets(&streams, "a:199", &query(10));
    assert_eq!(last, [1], "what was just published is kept");
    let kept = (0..200).filter(|n| !offsets(&streams, &format!("a:{n}"), &query(1)).is_empty());
    assert!((10..20).contains(&kept.count()));
    assert_eq!(publish(&streams, "a:0", "again").offset, 2);
}

#[test]
fn a_stream_that_was_forgotten_does_not_look_like_itself() {
    let (streams, _) = streams(StreamSettings {
        streams: SHARDS,
        ..SETTINGS
    });
    let first = publish(&streams, "a:0", "x");
    for number in 1..SHARDS * 20 {
        publish(&streams, &format!("a:{number}"), "x");
    }
    let stored: usize = streams.shards.iter().map(|shard| shard.lock().len()).sum();
    assert!(stored <= SHARDS);
    let again = publish(&streams, "a:0", "x");
    assert_eq!(again.offset, 1);
    assert_ne!(again.epoch, first.epoch);
}

#[test]
fn a_sweep_of_all_parts_frees_what_expired() {
    let (streams, clock) = streams(SETTINGS);
    publish(&streams, "a:b", "x");
    clock.advance(LIMITS.ttl);
    (0..SHARDS).for_each(|_| streams.sweep());
    assert_eq!(streams.bytes(), 0);
    clock.advance(STREAM_META_TTL);
    (0..SHARDS).for_each(|_| streams.sweep());
    assert!(streams.shards.iter().all(|shard| shard.lock().is_empty()));
}

proptest! {
    /// Offsets are 1, 2, 3 … without a gap, in the order in which members hear them, and what is
    /// counted is what is held.
    #[test]
    fn offsets_have_no_gap(channels in prop::collection::vec(0u8..4, 1..60)) {
        let (streams, _) = streams(StreamSettings { streams: SHARDS * 100, ..SETTINGS });
        let mut tops = [0; 4];
        for number in channels {
            let name = channel(&format!("a:{number}"));
            let data = Payload::parse(b"1").unwrap();
            let publication = Publication { data, info: None, offset: 0 };
            let (position, heard) = streams.append(&name, publication, LIMITS, |p| p.offset);
            tops[usize::from(number)] += 1;
            prop_assert_eq!(position.offset, tops[usize::from(number)]);
            prop_assert_eq!(heard, position.offset);
        }
        let held: usize = streams
            .shards
            .iter()
            .flat_map(|shard| shard.lock().values().map(|s| s.kept.iter().map(|p| cost(p)).sum::<usize>()).collect::<Vec<_>>())
            .sum();
        prop_assert_eq!(streams.bytes(), held);
    }
}
