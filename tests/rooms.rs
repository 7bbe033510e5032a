//! Rooms: who hears, who speaks, who is there, and what everybody sees of it.

mod support;

use serde_json::{Value, json};
use support::client::Client;
use support::{Gateway, Setup, token_with};

#[tokio::test]
async fn what_one_says_everybody_in_the_room_hears_with_the_verified_sender() {
    let gateway = Gateway::start();
    let mut alice = gateway
        .client_with(&token_with("alice", json!({"info": {"name": "Alice"}})))
        .await;
    let mut bob = gateway.client("bob").await;
    alice.subscribe("chat:general").await;
    bob.subscribe("chat:general").await;
    alice.publish("chat:general", json!({"text": "hi"})).await;
    for client in [&mut alice, &mut bob] {
        let publication = client.publication("chat:general").await;
        assert_eq!(publication["data"], json!({"text": "hi"}));
        assert_eq!(publication["info"]["user"], "alice");
        assert_eq!(publication["info"]["conn_info"], json!({"name": "Alice"}));
        assert_eq!(publication["offset"], 1);
    }
}

#[tokio::test]
async fn all_subscribers_hear_several_speakers_in_one_order_without_a_hole() {
    let gateway = Gateway::start();
    let mut listeners = Vec::new();
    for number in 0..20 {
        let mut listener = gateway.client(&format!("listener-{number}")).await;
        listener.subscribe("chat:a").await;
        listeners.push(listener);
    }
    let mut outsider = gateway.client("outsider").await;
    outsider.subscribe("chat:b").await;
    let speak = async |name: &str| {
        let mut speaker = gateway.client(name).await;
        for number in 0..10 {
            speaker.publish("chat:a", json!([name, number])).await;
        }
    };
    tokio::join!(speak("ada"), speak("ben"), speak("cleo"));

    let mut first_heard: Vec<Value> = Vec::new();
    for listener in &mut listeners {
        let mut heard = Vec::new();
        for offset in 1..=30 {
            let publication = listener.publication("chat:a").await;
            assert_eq!(publication["offset"], offset);
            assert_eq!(publication["info"]["user"], publication["data"][0]);
            heard.push(publication["data"].clone());
        }
        if first_heard.is_empty() {
            first_heard = heard;
        } else {
            assert_eq!(heard, first_heard);
        }
        assert_eq!(listener.rest().await, Vec::<Value>::new());
    }
    for name in ["ada", "ben", "cleo"] {
        let of_one: Vec<&Value> = first_heard.iter().filter(|d| d[0] == name).collect();
        let expected: Vec<Value> = (0..10).map(|number| json!([name, number])).collect();
        assert!(of_one.into_iter().eq(&expected), "{name} is out of order");
    }
    assert_eq!(outsider.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn one_need_not_hear_to_speak_and_hears_no_more_after_unsubscribe() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    alice.publish("chat:a", json!(1)).await;
    assert_eq!(bob.publication("chat:a").await["data"], 1);
    assert_eq!(alice.rest().await, Vec::<Value>::new());
    bob.ok("unsubscribe", json!({"channel": "chat:a"})).await;
    alice.publish("chat:a", json!(2)).await;
    assert_eq!(bob.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn without_history_publications_have_no_offset() {
    let gateway = Gateway::start();
    let red = token_with("alice", json!({"teams": ["red"]}));
    let mut alice = gateway.client_with(&red).await;
    alice.subscribe("team:red").await;
    alice.publish("team:red", json!(1)).await;
    let publication = alice.publication("team:red").await;
    assert_eq!(publication.get("offset"), None, "{publication}");
}

const MODERATED: &str = r#"
[claims]
moderator = false
suspended = false

[room.open]
subscribe = "true"
publish = "true"
presence = "claims.moderator"
join_leave = true
deny = "claims.suspended"

[room.quiet]
subscribe = "true"
presence = "true"

[room.default]
subscribe = "channel.name == 'news'"
"#;

async fn join_leave(client: &mut Client, channel: &str) {
    let ask = json!({"channel": channel, "join_leave": true});
    client.ok("subscribe", ask).await;
}

fn named(message: &Value, event: &str) -> Option<String> {
    Some(message["push"][event]["info"]["user"].as_str()?.to_owned())
}

async fn next(client: &mut Client, event: &str) -> Value {
    let message = client
        .wait_for(|message| named(message, event).is_some())
        .await;
    message["push"].clone()
}

#[tokio::test]
async fn joins_and_leaves_come_to_those_who_ask_the_joiner_too_and_the_leaver_not() {
    let gateway = Gateway::start();
    let info = json!({"info": {"name": "Alice"}});
    let mut alice = gateway.client_with(&token_with("alice", info)).await;
    join_leave(&mut alice, "chat:a").await;
    let push = next(&mut alice, "join").await;
    assert_eq!(push["channel"], "chat:a");
    let own = &push["join"]["info"];
    assert_eq!(
        (&own["user"], &own["conn_info"]["name"]),
        (&json!("alice"), &json!("Alice"))
    );
    assert!(own["client"].is_string());

    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    assert_eq!(
        next(&mut alice, "join").await["join"]["info"]["user"],
        "bob"
    );
    bob.ok("unsubscribe", json!({"channel": "chat:a"})).await;
    assert_eq!(
        next(&mut alice, "leave").await["leave"]["info"]["user"],
        "bob"
    );
    assert_eq!(bob.rest().await, Vec::<Value>::new(), "bob did not ask");

    // A connection that is lost has left too.
    bob.subscribe("chat:a").await;
    assert_eq!(
        next(&mut alice, "join").await["join"]["info"]["user"],
        "bob"
    );
    drop(bob);
    assert_eq!(
        next(&mut alice, "leave").await["leave"]["info"]["user"],
        "bob"
    );

    alice.ok("unsubscribe", json!({"channel": "chat:a"})).await;
    assert_eq!(alice.rest().await, Vec::<Value>::new(), "the leaver");
}

// CHAN-7: who may not see who is there does not see who comes.
#[tokio::test]
async fn joins_and_leaves_need_the_permission_for_presence_and_the_room_to_have_them() {
    let gateway = Gateway::with(&Setup {
        rules: Some(MODERATED),
        ..Setup::default()
    });
    let moderator = token_with("mo", json!({"moderator": true}));
    let mut mo = gateway.client_with(&moderator).await;
    let mut bob = gateway.client("bob").await;
    join_leave(&mut bob, "open:a").await;
    join_leave(&mut mo, "open:a").await;
    assert_eq!(next(&mut mo, "join").await["join"]["info"]["user"], "mo");
    assert_eq!(bob.rest().await, Vec::<Value>::new());
    join_leave(&mut bob, "quiet:a").await;
    assert_eq!(bob.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn presence_shows_each_connection_and_counts_each_user_once() {
    let gateway = Gateway::start();
    let with_info = token_with(
        "alice",
        json!({"info": {"name": "Alice"}, "teams": ["red"]}),
    );
    let mut here = Vec::new();
    for token in [&with_info, &with_info, &support::token("bob")] {
        let mut client = gateway.client_with(token).await;
        client.subscribe("chat:a").await;
        here.push(client);
    }
    // Asked by one who is not there.
    let mut carol = gateway.client("carol").await;
    let channel = json!({"channel": "chat:a"});
    let stats = carol.ok("presence_stats", channel.clone()).await;
    assert_eq!(stats, json!({"num_clients": 3, "num_users": 2}));
    let presence = carol.ok("presence", channel.clone()).await;
    let clients = presence["presence"].as_object().unwrap();
    assert_eq!(clients.len(), 3);
    for (client, info) in clients {
        assert_eq!(info["client"], *client);
        // CHAN-7: public info only, never claims.
        let expected = match info["user"].as_str().unwrap() {
            "alice" => json!({"user": "alice", "client": client, "conn_info": {"name": "Alice"}}),
            _ => json!({"user": "bob", "client": client}),
        };
        assert_eq!(*info, expected);
    }
    for mut client in here {
        client.ok("unsubscribe", channel.clone()).await;
    }
    let nobody = json!({"num_clients": 0, "num_users": 0});
    assert_eq!(carol.ok("presence_stats", channel.clone()).await, nobody);
    let presence = carol.ok("presence", channel).await;
    assert_eq!(presence, json!({"presence": {}}));
}

#[tokio::test]
async fn unknown_off_and_denied_have_their_codes_in_this_order() {
    let gateway = Gateway::start();
    let mut bob = gateway.client("bob").await;
    let publish = |channel: &str| json!({"channel": channel, "data": 1});
    // CHAN-6, one thing has one name: nothing is called `personal:x` or `default:x`.
    for unknown in [
        "nope:x",
        "nope:#bob",
        "personal:bob",
        "default:news",
        "news",
        "Chat:a",
    ] {
        for command in ["subscribe", "presence", "presence_stats", "history"] {
            let code = bob.error(command, json!({"channel": unknown})).await;
            assert_eq!(code, 102, "{command} {unknown}");
        }
        assert_eq!(bob.error("publish", publish(unknown)).await, 102);
    }
    // team has neither presence nor history, and bob is in no team.
    let channel = json!({"channel": "team:red"});
    assert_eq!(bob.error("presence", channel.clone()).await, 108);
    assert_eq!(bob.error("presence_stats", channel.clone()).await, 108);
    assert_eq!(bob.error("history", channel.clone()).await, 108);
    assert_eq!(bob.error("subscribe", channel.clone()).await, 103);
    assert_eq!(bob.error("publish", publish("team:red")).await, 103);
}

#[tokio::test]
async fn rules_decide_by_the_claims_of_the_token() {
    let gateway = Gateway::start();
    let red = token_with("alice", json!({"teams": ["red"], "muted": true}));
    let mut alice = gateway.client_with(&red).await;
    alice.subscribe("team:red").await;
    alice.publish("team:red", json!("in the team")).await;
    let blue = json!({"channel": "team:blue"});
    assert_eq!(alice.error("subscribe", blue).await, 103);
    // Muted is heard nowhere in chat, but hears.
    alice.subscribe("chat:a").await;
    let publish = json!({"channel": "chat:a", "data": 1});
    assert_eq!(alice.error("publish", publish).await, 103);
    alice.ok("presence", json!({"channel": "chat:a"})).await;
}

#[tokio::test]
async fn a_deny_rule_vetoes_everything_and_absent_rules_deny() {
    let gateway = Gateway::with(&Setup {
        rules: Some(MODERATED),
        ..Setup::default()
    });
    let everything = json!({"moderator": true, "suspended": true});
    let mut mo = gateway.client_with(&token_with("mo", everything)).await;
    let publish = |channel: &str| json!({"channel": channel, "data": 1});
    let open = json!({"channel": "open:a"});
    for command in ["subscribe", "presence", "presence_stats"] {
        assert_eq!(mo.error(command, open.clone()).await, 103, "{command}");
    }
    assert_eq!(mo.error("publish", publish("open:a")).await, 103);
    // No rule for publish in quiet, and none at all but subscribe for names without a namespace.
    mo.subscribe("quiet:a").await;
    assert_eq!(mo.error("publish", publish("quiet:a")).await, 103);
    mo.subscribe("news").await;
    assert_eq!(mo.error("subscribe", json!({"channel": "olds"})).await, 103);
    assert_eq!(mo.error("publish", publish("news")).await, 103);
}
