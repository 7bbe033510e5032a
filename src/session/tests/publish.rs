//! A decision to let publish is remembered for a subscriber, and only as long as it would be taken
//! again.

use super::live::{house, member, token};
use super::*;

impl Peer {
    /// The code of the error, or 0.
    async fn publishes(&mut self, channel: &str) -> u64 {
        let request = json!({"channel": channel, "data": 1});
        let (reply, _) = self.ask("publish", request).await;
        reply["error"]["code"].as_u64().unwrap_or(0)
    }
}

#[tokio::test]
async fn chan_5_newer_terms_end_what_was_remembered() {
    let (_, sessions) = house();
    let mut alice = member(&sessions, "alice", json!({}), &["chat:a"]).await;
    for _ in 0..2 {
        assert_eq!(alice.publishes("chat:a").await, 0);
    }
    sessions.node.terms.replace(terms(&["team"], SETTINGS));
    assert_eq!(alice.publishes("chat:a").await, 102);
    sessions.node.terms.replace(terms(&["chat"], SETTINGS));
    assert_eq!(alice.publishes("chat:a").await, 0);
}

#[tokio::test]
async fn live_2_a_newer_identity_ends_what_was_remembered() {
    let (_, sessions) = house();
    let teams = |teams: Value| json!({"teams": teams});
    let red = teams(json!(["red"]));
    let mut alice = member(&sessions, "alice", red, &["team:red"]).await;
    for _ in 0..2 {
        assert_eq!(alice.publishes("team:red").await, 0);
    }
    let fewer = json!({"token": token("alice", teams(json!(["blue"])))});
    assert!(alice.ask("refresh", fewer).await.0["refresh"].is_object());
    assert_eq!(alice.publishes("team:red").await, 103);
}

#[tokio::test(start_paused = true)]
async fn chan_4_what_depends_on_the_time_is_not_remembered() {
    let (clock, sessions) = house();
    let mut alice = member(&sessions, "alice", json!({}), &["early:a"]).await;
    assert_eq!(alice.publishes("early:a").await, 0);
    clock.advance(Duration::from_secs(90));
    assert_eq!(alice.publishes("early:a").await, 103);
}

#[tokio::test]
async fn what_is_remembered_is_counted_as_a_decision_too() {
    let (_, sessions) = house();
    let mut alice = member(&sessions, "alice", json!({}), &["chat:a"]).await;
    for _ in 0..3 {
        assert_eq!(alice.publishes("chat:a").await, 0);
    }
    let counted = r#"permission="publish",decision="allow",step="rule"} 3"#;
    let metrics = sessions.node.metrics.render();
    assert!(metrics.contains(counted), "{metrics}");
}
