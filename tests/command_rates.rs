//! How fast a client may send commands, by itself and with the other connections of its user.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use serde_json::{Value, json};
use support::client::Client;
use support::{Gateway, Setup};

fn with(limits: &str) -> Gateway {
    Gateway::with(&Setup {
        tables: &format!("[limits]\n{limits}"),
        ..Setup::default()
    })
}

fn publish() -> (&'static str, Value) {
    ("publish", json!({"channel": "chat:x", "data": 1}))
}

/// How many of so many attempts are carried out; the others must be error 111.
async fn carried_out(client: &mut Client, name: &str, request: &Value, attempts: usize) -> usize {
    let mut count = 0;
    for _ in 0..attempts {
        let reply = client.command(name, request.clone()).await;
        match reply.get("error") {
            None => count += 1,
            Some(error) => assert_eq!(
                *error,
                json!({"code": 111, "message": "too many requests", "temporary": true})
            ),
        }
    }
    count
}

#[tokio::test]
async fn chan_8_too_many_commands_are_refused_and_the_connection_goes_on() {
    let gateway = with("commands = \"1/h burst 10\"");
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:x").await;
    let (name, request) = publish();
    // Connect and subscribe were two of the ten.
    assert_eq!(carried_out(&mut alice, name, &request, 20).await, 8);
    let read = json!({"channel": "chat:x", "limit": 0});
    assert_eq!(carried_out(&mut alice, "history", &read, 3).await, 0);
    for _ in 0..8 {
        alice.publication("chat:x").await;
    }
    let mut bob = gateway.client("bob").await;
    bob.publish("chat:x", json!("still here?")).await;
    assert_eq!(alice.publication("chat:x").await["data"], "still here?");
    let counted = "gatepost_throttled_total{kind=\"commands\"}";
    assert_eq!(gateway.metric(counted).await, 15.0);
    gateway.until_logged("too many requests").await;
}

#[tokio::test]
async fn chan_8_each_kind_has_its_own_rate() {
    let gateway =
        with("subscribes = \"1/h burst 2\"\npublishes = \"1/h burst 3\"\nreads = \"1/h burst 4\"");
    let mut alice = gateway.client("alice").await;
    let subscribe = |n: usize| json!({"channel": format!("chat:{n}")});
    assert_eq!(
        carried_out(&mut alice, "subscribe", &subscribe(1), 1).await,
        1
    );
    assert_eq!(
        carried_out(&mut alice, "subscribe", &subscribe(2), 1).await,
        1
    );
    assert_eq!(
        carried_out(&mut alice, "subscribe", &subscribe(3), 1).await,
        0
    );
    let (name, request) = publish();
    assert_eq!(carried_out(&mut alice, name, &request, 5).await, 3);
    let channel = json!({"channel": "chat:x"});
    assert_eq!(carried_out(&mut alice, "presence", &channel, 1).await, 1);
    assert_eq!(
        carried_out(&mut alice, "presence_stats", &channel, 1).await,
        1
    );
    assert_eq!(carried_out(&mut alice, "history", &channel, 5).await, 2);
    assert_eq!(carried_out(&mut alice, "presence", &channel, 1).await, 0);
    for (kind, count) in [("subscribes", 1.0), ("publishes", 2.0), ("reads", 4.0)] {
        let counted = format!("gatepost_throttled_total{{kind=\"{kind}\"}}");
        assert_eq!(gateway.metric(&counted).await, count, "{kind}");
    }
}

/// An SDK takes an error to unsubscribe for a broken connection.
#[tokio::test]
async fn chan_8_to_unsubscribe_is_never_refused() {
    let gateway = with("commands = \"1/h burst 2\"");
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:x").await;
    let channel = json!({"channel": "chat:x"});
    for _ in 0..3 {
        alice.ok("unsubscribe", channel.clone()).await;
    }
    let mut bob = gateway.client("bob").await;
    let stats = bob.ok("presence_stats", channel).await;
    assert_eq!(stats["num_clients"], 0, "nobody is there any more");
}

#[tokio::test]
async fn chan_8_a_session_has_four_times_as_much() {
    let gateway = with("publishes = \"1/h burst 2\"");
    let (name, request) = publish();
    let mut tabs = Vec::new();
    for _ in 0..6 {
        tabs.push(gateway.client("alice").await);
    }
    let mut published = Vec::new();
    for tab in &mut tabs {
        published.push(carried_out(tab, name, &request, 3).await);
    }
    assert_eq!(published, [2, 2, 2, 2, 0, 0]);
    let mut bob = gateway.client("bob").await;
    assert_eq!(carried_out(&mut bob, name, &request, 3).await, 2);
}

/// WS-11: each command of a message is counted.
#[tokio::test]
async fn ws_11_commands_in_one_message_are_counted_each() {
    let gateway = with("commands = \"1/h burst 10\"");
    let mut alice = gateway.client("alice").await;
    let lines: Vec<String> = (100..120)
        .map(|id| json!({"id": id, "publish": {"channel": "chat:x", "data": id}}).to_string())
        .collect();
    alice.send_text(&lines.join("\n")).await;
    for id in 100..120 {
        let reply = alice.wait_for(|message| message["id"] == id).await;
        assert_eq!(reply.get("error").is_some(), id >= 109, "{reply}");
    }
}
