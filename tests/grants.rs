//! What a token itself grants: the channels that the server subscribes to, and the caps.

mod support;

use serde_json::{Value, json};
use support::client::Client;
use support::protobuf::CONNECT;
use support::{Gateway, Setup, token_with};

const EVERYTHING: [&str; 4] = ["sub", "pub", "prs", "hst"];

/// Rooms that nothing but a grant opens, beside the usual ones.
fn start() -> Gateway {
    Gateway::with(&Setup {
        tables: r#"
[room.vault]
presence = "false"
history = { size = 10, ttl = "1h", read = "false" }
join_leave = true
deny = "claims.muted"

[room.default]
"#,
        ..Setup::default()
    })
}

/// Opens with these claims, and gives what connect answered too.
async fn connect(gateway: &Gateway, user: &str, more: Value) -> (Client, Value) {
    let token = token_with(user, more);
    let mut client = gateway.open("/connection/websocket", &token).await.unwrap();
    let reply = client.ok("connect", json!({})).await;
    (client, reply)
}

#[tokio::test]
async fn the_server_subscribes_to_what_the_token_names() {
    let gateway = start();
    let channels = json!({"channels": ["vault:a", "news", "news"]});
    let (mut alice, reply) = connect(&gateway, "alice", channels).await;
    assert_eq!(
        reply["subs"],
        json!({"#alice": {}, "news": {}, "vault:a": {}})
    );
    // It hears at once, and a command of its own for the same is too much.
    let caps = json!({"caps": [{"channels": ["vault:a"], "allow": ["pub"]}]});
    let (mut bob, reply) = connect(&gateway, "bob", caps).await;
    assert_eq!(reply["subs"], json!({"#bob": {}}));
    bob.publish("vault:a", json!("hello")).await;
    assert_eq!(alice.publication("vault:a").await["data"], "hello");
    assert_eq!(
        alice
            .error("subscribe", json!({"channel": "vault:a"}))
            .await,
        105
    );
    // Nothing else was granted.
    assert_eq!(
        alice
            .error("publish", json!({"channel": "vault:a", "data": 1}))
            .await,
        103
    );
    assert_eq!(
        alice.error("presence", json!({"channel": "vault:a"})).await,
        103
    );
    assert_eq!(
        bob.error("subscribe", json!({"channel": "vault:a"})).await,
        103
    );
    // The client may leave, and come again by the same grant.
    alice.ok("unsubscribe", json!({"channel": "vault:a"})).await;
    alice.subscribe("vault:a").await;
}

#[tokio::test]
async fn options_of_a_server_side_subscription_reach_the_client_and_the_others() {
    let gateway = start();
    let see = json!([{"channels": ["vault:a"], "allow": ["sub", "pub", "prs"]}]);
    let options = |info: Value| {
        json!({"caps": see, "info": {"name": "x"}, "subs": {"vault:a": {
            "info": info, "data": {"topic": 1.50},
            "override": {"force_push_join_leave": {"value": true}},
        }}})
    };
    let (mut alice, reply) = connect(&gateway, "alice", options(json!({"seat": 1}))).await;
    assert_eq!(reply["subs"]["vault:a"], json!({"data": {"topic": 1.5}}));
    let (mut bob, _) = connect(&gateway, "bob", options(json!({"seat": 2}))).await;
    let joined = alice
        .wait_for(|m| m["push"]["join"]["info"]["user"] == "bob")
        .await;
    let info = &joined["push"]["join"]["info"];
    assert_eq!(
        (&info["chan_info"], &info["conn_info"]),
        (&json!({"seat": 2}), &json!({"name": "x"}))
    );
    bob.publish("vault:a", json!(1)).await;
    assert_eq!(
        alice.publication("vault:a").await["info"]["chan_info"],
        json!({"seat": 2})
    );
    let there = alice.ok("presence", json!({"channel": "vault:a"})).await;
    let seats: Vec<&Value> = there["presence"].as_object().unwrap().values().collect();
    assert!(
        seats
            .iter()
            .all(|info| info["chan_info"]["seat"].is_number()),
        "{there}"
    );
    // Elsewhere it has no seat.
    bob.subscribe("chat:a").await;
    bob.publish("chat:a", json!(1)).await;
    assert_eq!(
        bob.publication("chat:a").await["info"].get("chan_info"),
        None
    );
    drop(bob);
    let left = alice.wait_for(|m| m["push"].get("leave").is_some()).await;
    assert_eq!(
        left["push"]["leave"]["info"]["chan_info"],
        json!({"seat": 2})
    );
}

#[tokio::test]
async fn caps_open_what_they_name_in_each_way() {
    let gateway = start();
    for (channels, how, open, shut) in [
        ("vault:a", None, "vault:a", "vault:b"),
        ("vault:a*z", Some("wildcard"), "vault:a:z", "vault:a:y"),
        ("^vault:[0-9]+$", Some("regex"), "vault:42", "vault:42a"),
    ] {
        let mut cap = json!({"channels": [channels], "allow": EVERYTHING});
        if let Some(how) = how {
            cap["match"] = how.into();
        }
        let (mut alice, _) = connect(&gateway, "alice", json!({"caps": [cap]})).await;
        for (name, more) in [
            ("publish", json!({"data": 1})),
            ("subscribe", json!({})),
            ("presence", json!({})),
            ("presence_stats", json!({})),
            ("history", json!({"limit": 1})),
        ] {
            let mut request = more;
            request["channel"] = shut.into();
            assert_eq!(
                alice.error(name, request.clone()).await,
                103,
                "{name} on {shut}"
            );
            request["channel"] = open.into();
            alice.ok(name, request).await;
        }
    }
}

// CHAN-2, CHAN-4: every way in, with every grant, for somebody whom the channel does not name.
#[tokio::test]
async fn chan_2_no_grant_opens_what_is_private() {
    let gateway = start();
    let private = [
        "#alice",
        "dm:#alice,bob",
        "dm:general",
        "chat:#alice",
        "vault:#alice",
    ];
    let all = |channels: Value, how: &str| json!({"channels": channels, "match": how, "allow": EVERYTHING});
    let exact = json!({"channels": private, "allow": EVERYTHING});
    for grants in [
        json!({"channels": private}),
        json!({"subs": {"#alice": {}, "dm:#alice,bob": {}, "dm:general": {}}}),
        json!({"caps": [exact]}),
        json!({"caps": [all(json!(["*"]), "wildcard")]}),
        json!({"caps": [all(json!([""]), "regex")]}),
    ] {
        let (mut carol, reply) = connect(&gateway, "carol", grants.clone()).await;
        assert_eq!(reply["subs"], json!({"#carol": {}}), "{grants}");
        for channel in private {
            for (name, more) in [
                ("subscribe", json!({})),
                ("publish", json!({"data": 1})),
                ("history", json!({"limit": 1})),
                ("presence", json!({})),
                ("presence_stats", json!({})),
            ] {
                let mut request = more;
                request["channel"] = channel.into();
                let reply = carol.command(name, request).await;
                // Personal channels have no presence here, whoever asks.
                let off = channel == "#alice" && name.starts_with("presence");
                let expected = if off { 108 } else { 103 };
                assert_eq!(
                    reply["error"]["code"], expected,
                    "{name} on {channel}: {reply}"
                );
            }
        }
    }
}

#[tokio::test]
async fn deny_vetoes_what_a_token_grants() {
    let gateway = start();
    let grants = json!({
        "muted": true, "channels": ["vault:a"],
        "caps": [{"channels": ["vault:*"], "match": "wildcard", "allow": EVERYTHING}],
    });
    let (mut alice, reply) = connect(&gateway, "alice", grants).await;
    assert_eq!(reply["subs"], json!({"#alice": {}}));
    assert_eq!(
        alice
            .error("subscribe", json!({"channel": "vault:a"}))
            .await,
        103
    );
    assert_eq!(
        alice
            .error("publish", json!({"channel": "vault:a", "data": 1}))
            .await,
        103
    );
}

// What a token names and there is not is noticed, since with it nobody connects.
#[tokio::test]
async fn a_channel_of_no_room_or_too_many_connect_nobody() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nmax_channels = 4",
        ..Setup::default()
    });
    let of = |channels: &[&str]| token_with("alice", json!({ "channels": channels }));
    let path = "/connection/websocket";
    let unknown = of(&["chat:a", "nowhere:a"]);
    let mut client = gateway.open(path, &unknown).await.unwrap();
    assert_eq!(client.error("connect", json!({})).await, 102);
    let five = ["chat:a", "chat:b", "chat:c", "chat:d", "chat:e"];
    let mut client = gateway.open(path, &of(&five)).await.unwrap();
    client.send("connect", json!({})).await;
    let closed = client.closed().await;
    assert_eq!(
        (closed.code, closed.reason.as_str()),
        (3505, "channel limit")
    );
    // The personal channel is left out before one of the token is.
    let mut client = gateway.open(path, &of(&five[..4])).await.unwrap();
    let reply = client.ok("connect", json!({})).await;
    assert_eq!(reply["subs"].as_object().unwrap().len(), 4);
    assert!(reply["subs"].get("#alice").is_none());
    let logged = gateway.logged();
    for reason in [
        "a channel of no room",
        "more channels than",
        "no room for one more",
    ] {
        assert!(logged.contains(reason), "{reason}");
    }
}

#[tokio::test]
async fn jwt_10_grants_of_another_kind_are_refused_by_name_or_switched_off() {
    let bad = token_with("alice", json!({"channels": {"email": true}}));
    let gateway = Gateway::start();
    let refused = gateway.open("/connection/websocket", &bad).await.err();
    assert_eq!(refused, Some((401, "token_grants_malformed".to_owned())));
    let gateway = Gateway::with(&Setup {
        issuer: "grants = false",
        ..Setup::default()
    });
    let more = json!({"channels": {"email": true}, "caps": [{"channels": ["*"], "match": "wildcard",
        "allow": EVERYTHING}]});
    let (mut alice, reply) = connect(&gateway, "alice", more).await;
    assert_eq!(reply["subs"], json!({"#alice": {}}));
    assert_eq!(
        alice
            .error("subscribe", json!({"channel": "team:red"}))
            .await,
        103
    );
}

#[tokio::test]
async fn in_protobuf_the_server_side_subscriptions_have_their_data() {
    let gateway = start();
    let subs = json!({"vault:a": {"data": [1]}, "news": {}});
    let token = token_with("alice", json!({ "subs": subs }));
    let mut client = gateway.binary_with(&token).await;
    let result = client.ok(CONNECT, &[]).await;
    let subs: Vec<&[u8]> = result.all(6);
    let expected: [&[u8]; 3] = [
        b"\x0a\x04news\x12\x00",
        b"\x0a\x07vault:a\x12\x05\x5a\x03[1]",
        b"\x0a\x06#alice\x12\x00",
    ];
    assert_eq!(subs, expected);
}

// LIVE-2: what the server made goes with the token that named it, whatever a rule would allow.
#[tokio::test]
async fn live_2_server_side_subscriptions_follow_a_newer_token() {
    let gateway = start();
    let named = |subs: Value| token_with("alice", json!({ "subs": subs }));
    let first = json!({"vault:a": {}, "chat:a": {}, "chat:b": {"info": 1}});
    let (mut alice, _) = {
        let token = named(first);
        let mut client = gateway.open("/connection/websocket", &token).await.unwrap();
        let reply = client.ok("connect", json!({ "token": token })).await;
        (client, reply)
    };
    // One that she made herself is hers.
    alice.subscribe("chat:c").await;
    let newer = json!({"chat:b": {"info": 2}, "news": {"data": [1]}, "chat:c": {}});
    alice.ok("refresh", json!({"token": named(newer)})).await;
    let mut seen = Vec::new();
    for message in alice.rest().await {
        let (channel, push) = (&message["push"]["channel"], &message["push"]);
        if let Some(ended) = push.get("unsubscribe") {
            seen.push(format!("{channel} {}", ended["code"]));
        } else if let Some(begun) = push.get("subscribe") {
            seen.push(format!("{channel} {begun}"));
        }
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            r#""chat:a" 2000"#,
            r#""news" {"data":[1]}"#,
            r#""vault:a" 2000"#
        ]
    );
    alice.publish("chat:b", json!(1)).await;
    let publication = alice.publication("chat:b").await;
    assert_eq!(publication["info"]["chan_info"], 2);
    alice.publish("chat:c", json!(1)).await;
    alice.publication("chat:c").await;
    let refused = json!({"channel": "vault:a"});
    assert_eq!(alice.error("subscribe", refused).await, 103);
}
