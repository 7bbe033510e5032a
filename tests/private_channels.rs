//! Private channels: for the users whom they name, whatever is tried, by whatever way.

mod support;

use serde_json::{Value, json};
use support::client::Client;
use support::{Gateway, token_with};

/// Every way in: a command, and what it is tried with.
fn ways(channel: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("subscribe", json!({ "channel": channel })),
        (
            "subscribe",
            json!({ "channel": channel, "recover": true, "offset": 0, "epoch": "" }),
        ),
        (
            "subscribe",
            json!({ "channel": channel, "token": "eyJhbGciOiJub25lIn0.e30." }),
        ),
        ("publish", json!({ "channel": channel, "data": "psst" })),
        ("history", json!({ "channel": channel, "limit": 10 })),
        (
            "history",
            json!({ "channel": channel, "since": { "offset": 1, "epoch": "" }, "reverse": true }),
        ),
        ("presence", json!({ "channel": channel })),
        ("presence_stats", json!({ "channel": channel })),
    ]
}

// CHAN-2, CHAN-4: each permission × whom the channel does not name × each way in.
#[tokio::test]
async fn chan_4_a_third_user_gets_in_by_no_way() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("dm:#alice,bob").await;
    alice.publish("dm:#alice,bob", json!("secret")).await;
    // One who resembles a member, one who is in another such channel, one with every claim.
    for user in [
        "mallory",
        "alic",
        "alice2",
        "Alice",
        "bob,".trim_end_matches(','),
        "carol",
    ] {
        let claims = json!({ "teams": ["dm", "friend", "alice", "bob"], "channels": ["dm:#alice,bob"],
            "caps": [{ "channels": ["*"], "match": "wildcard", "allow": ["sub", "pub", "prs", "hst"] }] });
        if user == "bob" {
            // Each way is one, for a user whom the channel names.
            let mut client = gateway.client("bob").await;
            for (command, request) in ways("dm:#alice,bob") {
                // A bad token opens nothing, not even what is open without one.
                if request.get("token").is_some() {
                    assert_eq!(client.error(command, request).await, 103);
                    continue;
                }
                client.ok(command, request).await;
                client
                    .ok("unsubscribe", json!({ "channel": "dm:#alice,bob" }))
                    .await;
            }
            continue;
        }
        let mut client = gateway.client_with(&token_with(user, claims)).await;
        for (command, request) in ways("dm:#alice,bob") {
            assert_eq!(
                client.error(command, request.clone()).await,
                103,
                "{user}: {command} {request}"
            );
        }
        alice.publish("dm:#alice,bob", json!("secret")).await;
        assert!(!format!("{:?}", client.rest().await).contains("secret"));
    }
}

// A personal channel is a mailbox. Hearing it is for its owner alone, whatever the rule
// lets others put in.
#[tokio::test]
async fn a_personal_channel_is_heard_by_its_owner_alone() {
    let gateway = Gateway::start();
    let mut alice = gateway
        .open("/connection/websocket", &support::token("alice"))
        .await
        .unwrap();
    let connected = alice.ok("connect", json!({})).await;
    assert_eq!(connected["subs"], json!({ "#alice": {} }));
    let mut second_tab = gateway.client("alice").await;

    let friend = token_with("bob", json!({ "teams": ["friend"] }));
    let mut bob = gateway.client_with(&friend).await;
    bob.publish("#alice", json!("for you")).await;
    for tab in [&mut alice, &mut second_tab] {
        let publication = tab.publication("#alice").await;
        assert_eq!(
            (&publication["data"], &publication["info"]["user"]),
            (&json!("for you"), &json!("bob"))
        );
    }
    for (command, request) in ways("#alice")
        .into_iter()
        .filter(|(command, _)| *command != "publish")
    {
        // Presence is off for personal channels here, which is told to everybody alike.
        let expected = if command.starts_with("presence") {
            108
        } else {
            103
        };
        assert_eq!(bob.error(command, request).await, expected, "{command}");
    }
    assert!(bob.rest().await.is_empty());

    let mut stranger = gateway.client("carol").await;
    let request = json!({ "channel": "#alice", "data": 1 });
    assert_eq!(stranger.error("publish", request).await, 103);
    let history = alice
        .ok("history", json!({ "channel": "#alice", "limit": 10 }))
        .await;
    assert_eq!(history["publications"].as_array().unwrap().len(), 1);
    // The server subscribed her already.
    assert_eq!(
        alice
            .error("subscribe", json!({ "channel": "#alice" }))
            .await,
        105
    );
}

// CHAN-1, CHAN-2: one conversation has one name, and nothing else is nearly that name.
#[tokio::test]
async fn chan_2_names_that_are_not_the_one_name_are_refused() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    for (name, code) in [
        ("dm:#bob,alice", 107),
        ("dm:#alice,alice,bob", 107),
        ("dm:#alice,", 107),
        ("dm:#,alice", 107),
        ("dm:#", 107),
        ("dm:#alice#bob", 107),
        ("#alice#bob", 107),
        ("dm:#alice,bob\n", 107),
        ("dm:#alice, bob", 107),
        ("dm:#аlice,bob", 107),
        ("#alice,bob", 107),
        (":#alice", 107),
        // A private namespace has no channel without users.
        ("dm:general", 103),
        ("dm:%23alice", 103),
        // Somebody else's name is a name like any other.
        ("#Alice", 103),
        ("#alice2", 103),
        // These would be second names of `#x` and of a channel without a namespace.
        ("personal:x", 102),
        ("default:x", 102),
        ("nope:#alice", 102),
    ] {
        let reply = alice.command("subscribe", json!({ "channel": name })).await;
        assert_eq!(reply["error"]["code"], code, "{name:?}: {reply}");
    }
    let reply = alice
        .command("subscribe", json!({ "channel": "dm:#bob,alice" }))
        .await;
    let message = reply["error"]["message"].as_str().unwrap();
    assert!(message.contains("dm:#alice,bob"), "{message}");
    let long = format!("chat:{}", "x".repeat(251));
    assert_eq!(
        alice.error("subscribe", json!({ "channel": long })).await,
        107
    );
}

// CHAN-6: the answer does not tell whether the channel has members or history.
#[tokio::test]
async fn chan_6_forbidden_channels_look_alike() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("dm:#alice,bob").await;
    alice.publish("dm:#alice,bob", json!(1)).await;
    let mut mallory = gateway.client("mallory").await;
    for ((command, used), (_, unused)) in ways("dm:#alice,bob")
        .into_iter()
        .zip(ways("dm:#carol,dave"))
    {
        let answer = async |client: &mut Client, request| {
            let mut reply = client.command(command, request).await;
            reply["id"] = json!(0);
            reply.to_string()
        };
        let of_used = answer(&mut mallory, used).await;
        assert_eq!(of_used, answer(&mut mallory, unused).await, "{command}");
    }
}

// LIVE-5: what a client says of itself is not believed.
#[tokio::test]
async fn live_5_the_sender_is_the_tokens() {
    let gateway = Gateway::start();
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    let mut mallory = gateway
        .open("/connection/websocket", &support::token("mallory"))
        .await
        .unwrap();
    let claims = json!({ "user": "bob", "info": { "user": "bob" }, "data": { "user": "bob" },
        "name": "bob", "headers": { "authorization": "Bearer x", "x-user": "bob" } });
    mallory.ok("connect", claims).await;
    let data = json!({ "info": { "user": "bob" } });
    let request =
        json!({ "channel": "chat:a", "data": data, "info": { "user": "bob" }, "user": "bob" });
    mallory.ok("publish", request).await;
    let publication = bob.publication("chat:a").await;
    assert_eq!(publication["info"]["user"], "mallory");
    assert_eq!(publication["data"], data, "data is the application's own");
}

// LIVE-6: user ids are bytes; those that look alike are different users.
#[tokio::test]
async fn live_6_users_that_look_alike_are_others() {
    let gateway = Gateway::start();
    let mut lower = gateway.client("alice").await;
    for other in ["Alice", "ALICE", "alice.", "alice%20"] {
        let mut client = gateway
            .client_with(&token_with(other, json!({"teams": ["friend"]})))
            .await;
        client.publish(&format!("#{other}"), json!(other)).await;
        assert_eq!(
            client.publication(&format!("#{other}")).await["data"],
            other
        );
        assert_eq!(
            client
                .error("subscribe", json!({ "channel": "#alice" }))
                .await,
            103
        );
    }
    assert!(lower.rest().await.is_empty());
}
