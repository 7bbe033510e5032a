//! Subscriptions made by a token of their own: how they end, and what decides on them again.

use super::*;
use crate::clock::UnixSeconds;
use crate::identity::revocations::{Revocation, Until};
use crate::identity::testing::with;

/// Rooms that a token opens and no rule: one that nothing closes, and one that `deny` closes two
/// and a half minutes after [`NOW`].
pub(super) fn rooms() -> [(String, RoomSource); 2] {
    let closing = RoomSource {
        deny: Some(format!("now >= timestamp({})", NOW.0 + 150)),
        ..RoomSource::default()
    };
    [
        ("vault".to_owned(), RoomSource::default()),
        ("closing".to_owned(), closing),
    ]
}

/// A token of alice for a channel, with this end and leave to publish.
pub(super) fn token(channel: &str, life: u64) -> String {
    let mut claims = with("channel", json!(channel));
    claims["exp"] = json!(NOW.0 + life);
    claims["allow"] = json!(["pub"]);
    TestIssuer::new(Algorithm::HS256).sign(&claims)
}

impl Peer {
    /// The reply to a command about a channel; what is pushed before is not looked at.
    async fn about(&mut self, command: &str, channel: &str, token: Option<String>) -> Value {
        let request = json!({"channel": channel, "token": token, "data": 1});
        self.ask(command, request).await.0
    }

    /// The next push of this kind.
    async fn pushed(&mut self, kind: &str) -> Value {
        loop {
            let message = self.message().await;
            if message["push"].get(kind).is_some() {
                return message["push"].clone();
            }
        }
    }
}

async fn alice(sessions: &Sessions) -> Peer {
    Peer::connected(sessions, testing::identity("alice", json!({}))).await
}

#[tokio::test(start_paused = true)]
async fn live_1_a_subscription_ends_25_seconds_after_its_token() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut alice = alice(&sessions).await;
    let began = Instant::now();
    let reply = alice
        .about("subscribe", "vault:a", Some(token("vault:a", 60)))
        .await;
    assert_eq!(reply["subscribe"], json!({"expires": true, "ttl": 54}));
    let reply = alice.about("publish", "vault:a", None).await;
    assert_eq!(reply["publish"], json!({}));
    // In the grace it hears; what else the token allowed has ended.
    clock.advance(Duration::from_secs(60));
    let reply = alice.about("publish", "vault:a", None).await;
    assert_eq!(reply["error"]["code"], 103);
    let grant = testing::identity(
        "bob",
        json!({"caps": [{"channels": ["vault:a"], "allow": ["pub"]}]}),
    );
    let mut bob = Peer::connected(&sessions, grant).await;
    assert_eq!(
        bob.about("publish", "vault:a", None).await["publish"],
        json!({})
    );
    let heard = alice.pushed("pub").await;
    assert_eq!(heard["pub"]["info"]["user"], "bob");

    clock.advance(Duration::from_secs(25));
    let push = alice.pushed("unsubscribe").await;
    let expired = json!({"code": 2501, "reason": "subscription expired"});
    assert_eq!(push, json!({"channel": "vault:a", "unsubscribe": expired}));
    assert_eq!(began.elapsed().as_secs(), 60 + 25);
    let reply = alice
        .about("subscribe", "vault:a", Some(token("vault:a", 60)))
        .await;
    assert_eq!(reply["error"]["code"], 109);
}

#[tokio::test(start_paused = true)]
async fn a_newer_token_puts_the_end_off() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut alice = alice(&sessions).await;
    let began = Instant::now();
    for (channel, life) in [("vault:a", 60), ("vault:b", 90)] {
        alice
            .about("subscribe", channel, Some(token(channel, life)))
            .await;
    }
    clock.advance(Duration::from_secs(70));
    let reply = alice
        .about("sub_refresh", "vault:a", Some(token("vault:a", 600)))
        .await;
    // Half a minute before the end of the newer one.
    assert_eq!(reply["sub_refresh"], json!({"expires": true, "ttl": 500}));
    // Now the other is the first to end.
    clock.advance(Duration::from_secs(45));
    assert_eq!(alice.pushed("unsubscribe").await["channel"], "vault:b");
    assert_eq!(began.elapsed().as_secs(), 90 + 25 - 70);
    assert_eq!(sessions.node.metrics.panics.get(), 0);
}

/// Who takes a user's tokens back takes those of subscriptions back with them. As with one that is
/// over, the client is to come with a newer one.
#[tokio::test(start_paused = true)]
async fn live_3_a_subscription_token_that_was_revoked_opens_nothing() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut alice = alice(&sessions).await;
    let issued = |seconds_ago: u64, id: &str| {
        let mut claims = with("channel", json!("vault:a"));
        claims["iat"] = json!(NOW.0 - seconds_ago);
        claims["jti"] = json!(id);
        Some(TestIssuer::new(Algorithm::HS256).sign(&claims))
    };
    let tokens = Revocation::Tokens {
        user: UserId::parse("alice").unwrap(),
        issued_before: UnixSeconds(NOW.0 - 50),
        until: Until::Forever,
    };
    let token = Revocation::Token {
        issuer: "main".into(),
        id: "stolen".to_owned(),
        until: Until::Forever,
    };
    let revocations = sessions.terms().door.revocations.clone();
    for revocation in [tokens, token] {
        let _ = revocations.take(&revocation, NOW).await.unwrap();
    }
    for revoked in [issued(51, "a"), issued(0, "stolen")] {
        let reply = alice.about("subscribe", "vault:a", revoked).await;
        assert_eq!(reply["error"]["code"], 109, "{reply}");
    }
    let reply = alice.about("subscribe", "vault:a", issued(50, "b")).await;
    assert!(reply["subscribe"].is_object(), "{reply}");
    let reply = alice.about("sub_refresh", "vault:a", issued(51, "c")).await;
    assert_eq!(reply["sub_refresh"], json!({}));
    let expired = json!({"code": 2501, "reason": "subscription expired"});
    assert_eq!(alice.pushed("unsubscribe").await["unsubscribe"], expired);
}

/// What was made by a token is decided again by that token, and by everything else (CHAN-4).
#[tokio::test(start_paused = true)]
async fn chan_4_a_decision_on_a_tokens_subscription_is_taken_again_with_the_token() {
    let clock = Clock::manual(NOW);
    let settings = SessionSettings {
        // Nobody answers pings while this test sleeps.
        ping_interval: Duration::from_secs(3600),
        ..SETTINGS
    };
    let sessions = node(memory(&clock), clock.clone(), settings);
    let mut alice = alice(&sessions).await;
    let reply = alice
        .about("subscribe", "closing:a", Some(token("closing:a", 600)))
        .await;
    assert!(reply["subscribe"].is_object(), "{reply}");
    // Twice it stands, although no rule would give it.
    for _ in 0..2 {
        clock.advance(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_secs(61)).await;
        let reply = alice.about("publish", "closing:a", None).await;
        assert_eq!(reply["publish"], json!({}));
    }
    clock.advance(Duration::from_secs(60));
    let withdrawn = json!({"code": 2100, "reason": "permission withdrawn"});
    assert_eq!(alice.pushed("unsubscribe").await["unsubscribe"], withdrawn);
    let reply = alice.about("publish", "closing:a", None).await;
    assert_eq!(reply["error"]["code"], 103);
}
