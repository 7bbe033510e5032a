//! Subscribe and unsubscribe: answered in order, and the last command wins.

mod support;

use serde_json::{Value, json};
use support::Gateway;
use support::client::Client;

async fn stats(client: &mut Client, channel: &str) -> Value {
    client
        .ok("presence_stats", json!({"channel": channel}))
        .await
}

const NOBODY: (u32, u32) = (0, 0);

fn counts((clients, users): (u32, u32)) -> Value {
    json!({"num_clients": clients, "num_users": users})
}

// Ten times without waiting, as the SDKs do: no 105 is left over, and no presence.
#[tokio::test]
async fn loops_without_waiting_end_as_the_last_command_says() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    let mut bob = gateway.client("bob").await;
    let channel = json!({"channel": "chat:a"});
    for _ in 0..3 {
        let mut ids = Vec::new();
        for _ in 0..10 {
            ids.push(("subscribe", alice.send("subscribe", channel.clone()).await));
            ids.push((
                "unsubscribe",
                alice.send("unsubscribe", channel.clone()).await,
            ));
        }
        ids.push(("subscribe", alice.send("subscribe", channel.clone()).await));
        for (name, id) in ids {
            let reply = alice.wait_for(|message| message["id"] == id).await;
            assert_eq!(reply[name], json!({}), "{reply}");
        }
        assert_eq!(stats(&mut bob, "chat:a").await, counts((1, 1)));
        bob.publish("chat:a", json!(1)).await;
        assert_eq!(alice.publication("chat:a").await["data"], 1);
        assert_eq!(alice.rest().await, Vec::<Value>::new(), "heard once");
        alice.ok("unsubscribe", channel.clone()).await;
        assert_eq!(stats(&mut bob, "chat:a").await, counts(NOBODY));
    }
}

#[tokio::test]
async fn loops_in_one_frame_with_connect() {
    let gateway = Gateway::start();
    let mut alice = gateway
        .open("/connection/websocket", &support::token("alice"))
        .await
        .unwrap();
    let mut lines = vec![r#"{"id":1,"connect":{}}"#.to_owned()];
    for pair in 0..10 {
        let id = 2 + pair * 2;
        lines.push(format!(
            r#"{{"id":{id},"subscribe":{{"channel":"chat:a"}}}}"#
        ));
        lines.push(format!(
            r#"{{"id":{},"unsubscribe":{{"channel":"chat:a"}}}}"#,
            id + 1
        ));
    }
    alice.send_text(&lines.join("\n")).await;
    for id in 1..=21 {
        let reply = alice.wait_for(|message| message["id"] == id).await;
        assert_eq!(reply.get("error"), None, "{reply}");
    }
    let mut bob = gateway.client("bob").await;
    assert_eq!(stats(&mut bob, "chat:a").await, counts(NOBODY));
}

// Joins and leaves of one connection do not overtake each other.
#[tokio::test]
async fn joins_and_leaves_of_a_loop_alternate() {
    let gateway = Gateway::start();
    let mut witness = gateway.client("witness").await;
    let ask = json!({"channel": "chat:a", "join_leave": true});
    witness.ok("subscribe", ask.clone()).await;
    witness.wait_for(|m| m["push"].get("join").is_some()).await;
    let mut alice = gateway.client("alice").await;
    for _ in 0..10 {
        alice.send("subscribe", ask.clone()).await;
        alice
            .send("unsubscribe", json!({"channel": "chat:a"}))
            .await;
    }
    for _ in 0..10 {
        for event in ["join", "leave"] {
            let push = witness.wait_for(|m| m.get("push").is_some()).await;
            assert_eq!(push["push"][event]["info"]["user"], "alice", "{push}");
        }
    }
    // Her own joins came to her, her leaves did not.
    let heard = alice.rest().await;
    let pushes: Vec<&Value> = heard.iter().filter(|m| m.get("push").is_some()).collect();
    assert_eq!(pushes.len(), 10);
    for push in pushes {
        assert_eq!(push["push"]["join"]["info"]["user"], "alice");
    }
}

#[tokio::test]
async fn twice_is_105_also_for_what_the_server_subscribed() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:a").await;
    let already = json!({"code": 105, "message": "already subscribed"});
    for channel in ["chat:a", "#alice"] {
        let reply = alice
            .command("subscribe", json!({"channel": channel}))
            .await;
        assert_eq!(reply["error"], already);
    }
    // Nothing was undone by that.
    alice.publish("chat:a", json!(1)).await;
    assert_eq!(alice.publication("chat:a").await["data"], 1);
    assert_eq!(stats(&mut alice, "chat:a").await, counts((1, 1)));
}

// An SDK reconnects on an error to unsubscribe.
#[tokio::test]
async fn unsubscribe_always_succeeds() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    for channel in [
        "chat:never",
        "nope:x",
        "team:red",
        "dm:#bob,carol",
        "dm:#bob,alice",
        "chat:",
        "#bob",
        "chat:a b",
    ] {
        let reply = alice
            .command("unsubscribe", json!({"channel": channel}))
            .await;
        assert_eq!(reply["unsubscribe"], json!({}), "{channel}: {reply}");
    }
}

#[tokio::test]
async fn a_denied_subscribe_leaves_nothing_behind() {
    let gateway = Gateway::start();
    let red = support::token_with("alice", json!({"teams": ["red"]}));
    let mut alice = gateway.client_with(&red).await;
    let mut bob = gateway.client("bob").await;
    alice.subscribe("team:red").await;
    assert_eq!(
        bob.error("subscribe", json!({"channel": "team:red"})).await,
        103
    );
    alice.publish("team:red", json!(1)).await;
    assert_eq!(bob.rest().await, Vec::<Value>::new());
    // A denied one is not "already subscribed".
    assert_eq!(
        bob.error("subscribe", json!({"channel": "team:red"})).await,
        103
    );
}

#[tokio::test]
async fn who_tried_to_recover_is_told_and_other_features_are_silently_left_out() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    for (request, expected) in [
        (json!({}), json!({})),
        (json!({"positioned": true, "recoverable": true}), json!({})),
        (json!({"delta": "fossil", "flag": 1}), json!({})),
        (json!({"join_leave": true}), json!({})),
        (json!({"recover": true}), json!({"was_recovering": true})),
        (
            json!({"recover": true, "offset": 5, "epoch": "abc", "recoverable": true}),
            json!({"was_recovering": true}),
        ),
    ] {
        let mut subscribe = request.clone();
        subscribe["channel"] = json!("chat:a");
        assert_eq!(
            alice.ok("subscribe", subscribe).await,
            expected,
            "{request}"
        );
        alice.ok("unsubscribe", json!({"channel": "chat:a"})).await;
    }
}

// No publication overtakes the reply to subscribe, or comes after the one to unsubscribe.
#[tokio::test]
async fn publications_come_between_the_two_replies() {
    let gateway = Gateway::start();
    let mut speaker = gateway.client("bob").await;
    let mut listener = gateway.raw_client("alice").await;
    let speak = async {
        for number in 0..200 {
            speaker.publish("chat:a", json!(number)).await;
        }
    };
    let listen = async {
        for _ in 0..20 {
            let subscribe = r#"{"id":2,"subscribe":{"channel":"chat:a"}}"#;
            let unsubscribe = r#"{"id":3,"unsubscribe":{"channel":"chat:a"}}"#;
            listener.send(&format!("{subscribe}\n{unsubscribe}")).await;
            listener.send(r#"{"id":4,"rpc":{}}"#).await;
            let mut lines: Vec<String> = Vec::new();
            while lines
                .last()
                .is_none_or(|line| !line.starts_with(r#"{"id":4"#))
            {
                let frame = listener.next().await;
                lines.extend(frame.text().split('\n').map(str::to_owned));
            }
            assert!(lines[0].starts_with(r#"{"id":2,"#), "{lines:?}");
            assert!(
                lines[lines.len() - 2].starts_with(r#"{"id":3,"#),
                "{lines:?}"
            );
        }
    };
    tokio::join!(speak, listen);
}
