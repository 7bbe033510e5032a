//! What is told of a live connection is what its next command would come to.

use super::*;
use crate::policy::Permission;

const ALL: [Permission; 2] = [Permission::Subscribe, Permission::Publish];

/// By what each permission is decided for the only connection of alice, under the terms in force.
async fn decided_by(sessions: &Sessions, channel: &str) -> [String; 2] {
    let alice = UserId::parse("alice").unwrap();
    let channel = ChannelName::parse(channel).unwrap();
    let live = sessions.of_user(&alice).pop().unwrap();
    let same = sessions.of_client(live.client()).await.unwrap();
    assert_eq!(same.user(), alice);
    let explained = same.explain(&sessions.terms(), &channel, &ALL).unwrap();
    assert!(!explained.expired);
    let decided = |number: usize| {
        let decision = explained.explanations[number].decision();
        format!("{}: {}", decision.word(), decision.decided_by())
    };
    [decided(0), decided(1)]
}

fn a_node() -> (Sessions, Clock) {
    let clock = Clock::manual(NOW);
    (node(memory(&clock), clock.clone(), SETTINGS), clock)
}

async fn alice(sessions: &Sessions) -> super::Peer {
    super::Peer::connected(sessions, testing::identity("alice", json!({}))).await
}

#[tokio::test]
async fn the_token_of_a_subscription_counts_as_long_as_there_is_the_subscription() {
    let (sessions, clock) = a_node();
    let mut alice = alice(&sessions).await;
    let denied = ["deny: rule", "deny: rule"];
    assert_eq!(decided_by(&sessions, "vault:a").await, denied);
    for channel in ["vault:a", "vault:b"] {
        let request = json!({"channel": channel, "token": tokens::token(channel, 60)});
        let reply = alice.ask("subscribe", request).await.0;
        assert!(reply["subscribe"].is_object(), "{reply}");
    }
    let [hears, speaks] = decided_by(&sessions, "vault:a").await;
    assert!(
        hears.starts_with("allow: ") && hears.contains("token"),
        "{hears}"
    );
    assert_eq!(hears, speaks);
    // In the grace it is heard, and gives no more than that; just as for a command.
    clock.advance(Duration::from_secs(60));
    let [hears, speaks] = decided_by(&sessions, "vault:a").await;
    assert!(hears.starts_with("allow: "), "{hears}");
    assert_eq!(speaks, denied[1]);
    let publish = json!({"channel": "vault:a", "data": 1});
    let reply = alice.ask("publish", publish).await.0;
    assert_eq!(reply["error"]["code"], 103);

    alice
        .ask("unsubscribe", json!({"channel": "vault:a"}))
        .await;
    assert_eq!(decided_by(&sessions, "vault:a").await, denied);
    let [hears, _] = decided_by(&sessions, "vault:b").await;
    assert!(hears.starts_with("allow: "), "{hears}");
}

#[tokio::test]
async fn it_is_by_the_terms_in_force() {
    let (sessions, _) = a_node();
    let _alice = alice(&sessions).await;
    let rules = ["allow: room.chat.subscribe", "allow: room.chat.publish"];
    assert_eq!(decided_by(&sessions, "chat:a").await, rules);
    sessions.node.terms.replace(terms(&[], SETTINGS));
    assert_eq!(decided_by(&sessions, "chat:a").await, ["deny: name"; 2]);
}

#[tokio::test]
async fn an_expired_identity_is_told_as_one_and_an_ending_connection_not_at_all() {
    let (sessions, clock) = a_node();
    let _alice = alice(&sessions).await;
    let user = UserId::parse("alice").unwrap();
    let live = sessions.of_user(&user).pop().unwrap();
    let channel = ChannelName::parse("chat:a").unwrap();
    clock.advance(Duration::from_secs(3600));
    let explain = || live.explain(&sessions.terms(), &channel, &ALL);
    assert!(explain().unwrap().expired);
    let farewell = Farewell::from(Disconnect::ForceDisconnect);
    let ended = sessions.end_matching(Some(&user), &farewell, |_, _| true);
    assert_eq!(ended.await, 1);
    assert!(explain().is_none());
    assert!(sessions.of_client("nobody").await.is_none());
}
