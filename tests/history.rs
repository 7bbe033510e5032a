//! What a room keeps: pages, positions, and what is trimmed.

mod support;

use serde_json::{Value, json};
use support::client::Client;
use support::{Gateway, PATIENCE, Setup};
use tokio::time::timeout;

const RULES: &str = r#"
[room.log]
subscribe = "true"
publish = "true"
history = { size = 5, ttl = "1h" }

[room.long]
subscribe = "true"
publish = "true"
history = { size = 1000, ttl = "1h" }

[room.short]
subscribe = "true"
publish = "true"
history = { size = 5, ttl = "1s" }

[room.sealed]
subscribe = "true"
publish = "true"
history = { size = 5, ttl = "1h", read = "user == 'auditor'" }

[room.write_only]
publish = "true"
history = { size = 5, ttl = "1h" }
"#;

fn gateway() -> Gateway {
    Gateway::with(&Setup {
        rules: Some(RULES),
        ..Setup::default()
    })
}

async fn fill(client: &mut Client, channel: &str, count: u64) {
    for number in 1..=count {
        client.publish(channel, json!(number)).await;
    }
}

/// Asks with these members beside the channel.
async fn history(client: &mut Client, channel: &str, more: Value) -> Value {
    let mut request = json!({"channel": channel});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    client.ok("history", request).await
}

fn offsets(history: &Value) -> Vec<u64> {
    let publications = history["publications"].as_array().unwrap();
    for publication in publications {
        assert_eq!(publication["offset"], publication["data"]);
    }
    publications
        .iter()
        .map(|p| p["offset"].as_u64().unwrap())
        .collect()
}

// The Centrifuge client protocol's table of history requests, on a stream of 7 that keeps 3 to 7.
#[tokio::test]
async fn pages_are_those_of_the_protocol() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    fill(&mut alice, "log:a", 7).await;
    let top = history(&mut alice, "log:a", json!({})).await;
    assert_eq!(
        (&top["publications"], &top["offset"]),
        (&json!([]), &json!(7))
    );
    let epoch = top["epoch"].as_str().unwrap();
    assert!(!epoch.is_empty() && epoch != "_");
    let since = |offset: u64| json!({"offset": offset, "epoch": epoch});
    for (request, expected) in [
        (json!({"limit": 0}), &[][..]),
        (json!({"limit": 2}), &[3, 4]),
        (json!({"limit": 5}), &[3, 4, 5, 6, 7]),
        (json!({"limit": 100}), &[3, 4, 5, 6, 7]),
        (json!({"limit": -1}), &[3, 4, 5, 6, 7]),
        (json!({"limit": -1, "reverse": true}), &[7, 6, 5, 4, 3]),
        (json!({"limit": 2, "reverse": true}), &[7, 6]),
        (json!({"limit": -1, "since": since(5)}), &[6, 7]),
        (json!({"limit": 1, "since": since(4)}), &[5]),
        (json!({"limit": -1, "since": since(7)}), &[]),
        (json!({"limit": -1, "since": since(70)}), &[]),
        // The beginning was trimmed: it starts at the oldest kept.
        (json!({"limit": -1, "since": since(1)}), &[3, 4, 5, 6, 7]),
        (
            json!({"limit": -1, "since": {"offset": 0}}),
            &[3, 4, 5, 6, 7],
        ),
        // An empty epoch matches any.
        (json!({"limit": -1, "since": {"offset": 6}}), &[7]),
        (
            json!({"limit": 2, "since": since(6), "reverse": true}),
            &[5, 4],
        ),
        (
            json!({"limit": -1, "since": since(3), "reverse": true}),
            &[],
        ),
        (
            json!({"limit": -1, "since": since(2), "reverse": true}),
            &[],
        ),
        (
            json!({"limit": -1, "since": since(70), "reverse": true}),
            &[],
        ),
        (json!({"limit": 0, "since": since(5)}), &[]),
    ] {
        let page = history(&mut alice, "log:a", request.clone()).await;
        assert_eq!(offsets(&page), expected, "{request}");
        assert_eq!(
            (&page["offset"], &page["epoch"]),
            (&json!(7), &json!(epoch))
        );
    }
}

#[tokio::test]
async fn positions_that_cannot_be_have_their_codes() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    fill(&mut alice, "log:a", 2).await;
    for (request, code) in [
        (json!({"since": {"offset": 1, "epoch": "wrongone"}}), 112),
        (
            json!({"since": {"offset": 1, "epoch": "_"}, "limit": 1}),
            112,
        ),
        (json!({"since": {"offset": 0, "epoch": "wrongone"}}), 112),
        (json!({"since": {"offset": 0}, "reverse": true}), 107),
    ] {
        for channel in ["log:a", "log:never-used"] {
            let mut request = request.clone();
            request["channel"] = json!(channel);
            assert_eq!(
                alice.error("history", request.clone()).await,
                code,
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn a_channel_that_was_never_used_has_a_position_that_its_first_publication_keeps() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    let empty = history(&mut alice, "log:new", json!({"limit": -1})).await;
    assert_eq!(
        (&empty["publications"], &empty["offset"]),
        (&json!([]), &json!(0))
    );
    fill(&mut alice, "log:new", 1).await;
    let used = history(&mut alice, "log:new", json!({"limit": -1})).await;
    assert_eq!(offsets(&used), [1]);
    assert_eq!(used["epoch"], empty["epoch"]);
}

#[tokio::test]
async fn what_is_kept_is_what_was_heard_sender_included() {
    let gateway = gateway();
    let token = support::token_with("alice", json!({"info": {"name": "Alice"}}));
    let mut alice = gateway.client_with(&token).await;
    alice.subscribe("log:a").await;
    alice.publish("log:a", json!({"text": "hi"})).await;
    let heard = alice.publication("log:a").await;
    drop(alice);
    let mut bob = gateway.client("bob").await;
    let page = history(&mut bob, "log:a", json!({"limit": -1})).await;
    assert_eq!(page["publications"], json!([heard]));
    assert_eq!(heard["info"]["conn_info"]["name"], "Alice");
}

#[tokio::test]
async fn what_time_takes_away_leaves_offset_and_epoch() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    fill(&mut alice, "short:a", 3).await;
    let before = history(&mut alice, "short:a", json!({})).await;
    let trimmed = async {
        loop {
            let page = history(&mut alice, "short:a", json!({"limit": -1})).await;
            if page["publications"] == json!([]) {
                return page;
            }
        }
    };
    let after = timeout(PATIENCE, trimmed).await.unwrap();
    assert_eq!(
        (&after["offset"], &after["epoch"]),
        (&before["offset"], &before["epoch"])
    );
    alice.publish("short:a", json!(4)).await;
    let next = history(&mut alice, "short:a", json!({})).await;
    assert_eq!(
        (&next["offset"], &next["epoch"]),
        (&json!(4), &before["epoch"])
    );
}

// CHAN-7
#[tokio::test]
async fn a_page_has_at_most_300_publications() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    fill(&mut alice, "long:a", 301).await;
    for limit in [-1, 301, 1000, i32::MAX] {
        let page = history(&mut alice, "long:a", json!({"limit": limit})).await;
        assert_eq!(offsets(&page), (1..=300).collect::<Vec<u64>>(), "{limit}");
        assert_eq!(page["offset"], 301);
    }
    let rest = json!({"limit": -1, "since": {"offset": 300}});
    assert_eq!(offsets(&history(&mut alice, "long:a", rest).await), [301]);
}

// RES-1: at most 512 KiB of data, and paging goes on from there.
#[tokio::test]
async fn a_page_of_much_data_is_shorter() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    let large = "x".repeat(60 * 1024);
    for _ in 0..10 {
        alice.publish("long:a", json!(large)).await;
    }
    let length = |page: &Value| page["publications"].as_array().unwrap().len();
    let page = history(&mut alice, "long:a", json!({"limit": -1})).await;
    assert_eq!(length(&page), 8);
    let since = json!({"limit": -1, "since": {"offset": 8, "epoch": page["epoch"]}});
    let page = history(&mut alice, "long:a", since).await;
    assert_eq!(length(&page), 2);
    assert_eq!(page["offset"], 10);
}

// CHAN-7: a permission of its own where the room has a rule for it, else that of hearing.
#[tokio::test]
async fn reading_is_decided_apart() {
    let gateway = gateway();
    let mut alice = gateway.client("alice").await;
    let mut auditor = gateway.client("auditor").await;
    alice.subscribe("sealed:a").await;
    fill(&mut alice, "sealed:a", 1).await;
    for more in [
        json!({"limit": -1}),
        json!({}),
        json!({"since": {"offset": 1}}),
        json!({"reverse": true, "limit": 1}),
    ] {
        let mut request = more;
        request["channel"] = json!("sealed:a");
        assert_eq!(alice.error("history", request).await, 103);
    }
    let page = history(&mut auditor, "sealed:a", json!({"limit": -1})).await;
    assert_eq!(offsets(&page), [1]);
    fill(&mut alice, "write_only:a", 1).await;
    let request = json!({"channel": "write_only:a", "limit": -1});
    assert_eq!(alice.error("history", request).await, 103);
}

/// What is shown of the senders counts too: a page must fit the outbox of whoever asks for it.
#[tokio::test]
async fn res_1_a_page_fits_whatever_its_senders_show_of_themselves() {
    let gateway = gateway();
    let info = json!({ "info": "x".repeat(4500) });
    let mut alice = gateway
        .client_with(&support::token_with("alice", info))
        .await;
    fill(&mut alice, "long:a", 300).await;
    let mut bob = gateway.client("bob").await;
    let page = history(&mut bob, "long:a", json!({ "limit": 300 })).await;
    let count = page["publications"].as_array().unwrap().len();
    assert!((50..300).contains(&count), "{count}");
    assert_eq!(page["offset"], 300);
}
