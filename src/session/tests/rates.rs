//! How many connections a user may have and open, and how fast a client may send.

use super::*;
use crate::rate::Rate;

pub(super) const OFF: CommandRates = CommandRates {
    commands: None,
    subscribes: None,
    publishes: None,
    reads: None,
};

fn with(settings: SessionSettings) -> Sessions {
    let clock = Clock::manual(NOW);
    node(memory(&clock), clock, settings)
}

// LIMIT-2: of 17 at once exactly 16 get in.
#[tokio::test]
async fn limit_2_of_17_reservations_16_are_given() {
    let sessions = with(SETTINGS);
    let admit = || {
        sessions.admit(
            testing::identity("alice", json!({})),
            facts(),
            Conversation::Echo,
        )
    };
    let (mut places, mut refused) = (Vec::new(), 0);
    for admitted in futures_util::future::join_all((0..17).map(|_| admit())).await {
        match admitted {
            Ok(place) => places.push(place),
            Err(NoPlace::Full) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((places.len(), refused), (16, 1));
    let alice = testing::identity("alice", json!({}));
    assert_eq!(sessions.has_room(alice.user()).await, Err(NoPlace::Full));
    places.pop();
    assert!(admit().await.is_ok());
    drop(places);
    assert_eq!(sessions.node.metrics.sessions.get(), 0);
}

// LIMIT-2: what counts is who got a place, and the count outlives the session.
#[tokio::test(start_paused = true)]
async fn limit_2_a_user_connects_30_times_a_minute() {
    let sessions = with(SessionSettings {
        connects: Some(Rate::per_minute(30)),
        ..SETTINGS
    });
    let admit = |user: &str| {
        let identity = testing::identity(user, json!({}));
        sessions.admit(identity, facts(), Conversation::Echo)
    };
    for _ in 0..30 {
        assert!(admit("alice").await.is_ok());
    }
    assert_eq!(sessions.node.metrics.sessions.get(), 0);
    let retry_after = Duration::from_secs(2);
    let alice = testing::identity("alice", json!({}));
    let has_room = sessions.has_room(alice.user()).await;
    assert_eq!(has_room, Err(NoPlace::TooOften { retry_after }));
    assert_eq!(admit("alice").await.err(), has_room.err());
    assert!(admit("bob").await.is_ok());
    tokio::time::advance(retry_after).await;
    assert!(sessions.has_room(alice.user()).await.is_ok());
    assert!(admit("alice").await.is_ok());
    assert!(admit("alice").await.is_err());
}

/// Sends a publish and tells whether it was carried out; `None` when the connection ended, with
/// the code of the close frame.
async fn publishes(peer: &mut Peer) -> Result<bool, u16> {
    let publish = json!({"id": 7, "publish": {"channel": "chat:a", "data": 1}});
    peer.send(&publish).await;
    loop {
        let (opcode, payload) = peer.frame().await;
        if opcode == 8 {
            return Err(u16::from_be_bytes([payload[0], payload[1]]));
        }
        let message: Value = serde_json::from_slice(&payload).unwrap();
        if message == json!({}) {
            peer.send(&json!({})).await;
            continue;
        }
        let error = &message["error"];
        if !error.is_null() {
            let wanted = json!({"code": 111, "message": "too many requests", "temporary": true});
            assert_eq!(*error, wanted);
        }
        return Ok(error.is_null());
    }
}

fn with_few_publishes() -> Sessions {
    with(SessionSettings {
        rates: CommandRates {
            publishes: Some(Rate::per_second(2, 4)),
            ..OFF
        },
        ..SETTINGS
    })
}

// CHAN-8: told so for ten seconds, then sent away with a code that comes back.
#[tokio::test(start_paused = true)]
async fn chan_8_ten_seconds_of_too_many_end_the_connection() {
    let sessions = with_few_publishes();
    let mut alice = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    let (began, mut published, mut refused) = (Instant::now(), 0, 0);
    let code = loop {
        match publishes(&mut alice).await {
            Ok(true) => published += 1,
            Ok(false) => refused += 1,
            Err(code) => break code,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(code, 3013);
    let lived = began.elapsed();
    let wanted = Duration::from_secs(10)..Duration::from_secs(11);
    assert!(wanted.contains(&lived), "{lived:?}");
    // A burst of 4, then two a second.
    assert!((22..=26).contains(&published), "{published}");
    assert!(refused > 70, "{refused}");
}

// CHAN-8: who slows down begins anew.
#[tokio::test(start_paused = true)]
async fn chan_8_who_slows_down_now_and_then_stays() {
    let sessions = with_few_publishes();
    let mut alice = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    for _ in 0..10 {
        let mut refused = 0;
        for _ in 0..50 {
            refused += usize::from(!publishes(&mut alice).await.unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(refused > 20, "{refused}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
