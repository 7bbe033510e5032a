//! Tokens of single subscriptions: what they open, when they end, and the newer one that comes.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::api::ADMIN;
use support::client::Client;
use support::protobuf::{self, SUB_REFRESH, SUBSCRIBE};
use support::tokens::sign_raw;
use support::{Gateway, OTHER_SECRET, Setup, claims, now, sign, token, token_with};
use tokio::time::Instant;

/// A room that nothing but a token opens, beside the usual ones.
fn setup() -> Setup<'static> {
    Setup {
        tables: "[room.vault]\npresence = \"false\"\ndeny = \"claims.muted\"",
        ..Setup::default()
    }
}

/// The claims of a token with which this user may subscribe to this channel, with others or more.
fn claims_for(user: &str, channel: &str, more: Value) -> Value {
    let mut all = claims(user);
    all["channel"] = channel.into();
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn token_for(user: &str, channel: &str, more: Value) -> String {
    sign(&claims_for(user, channel, more))
}

fn vault(token: &str) -> Value {
    json!({"channel": "vault:a", "token": token})
}

#[tokio::test]
async fn a_token_opens_its_channel_and_what_it_allows_there() {
    let gateway = Gateway::with(&setup());
    let mut alice = gateway.client("alice").await;
    assert_eq!(
        alice
            .error("subscribe", json!({"channel": "vault:a"}))
            .await,
        103
    );
    let publish = json!({"channel": "vault:a", "data": 1});
    assert_eq!(alice.error("publish", publish.clone()).await, 103);
    let more = json!({"info": {"seat": 1}, "data": {"topic": 1}, "allow": ["pub", "prs"]});
    let token = token_for("alice", "vault:a", more);
    let reply = alice.ok("subscribe", vault(&token)).await;
    assert_eq!(
        (&reply["expires"], &reply["data"]),
        (&json!(true), &json!({"topic": 1}))
    );
    let ttl = reply["ttl"].as_u64().unwrap();
    assert!(
        (500..=570).contains(&ttl),
        "half a minute before its end: {ttl}"
    );
    alice.ok("publish", publish.clone()).await;
    let info = alice.publication("vault:a").await["info"].clone();
    assert_eq!(info["chan_info"], json!({"seat": 1}));
    let there = alice.ok("presence", json!({"channel": "vault:a"})).await;
    assert!(
        there["presence"]
            .to_string()
            .contains(r#""chan_info":{"seat":1}"#)
    );
    // What it allowed ends with the subscription.
    alice.ok("unsubscribe", json!({"channel": "vault:a"})).await;
    assert_eq!(alice.error("publish", publish).await, 103);
    assert_eq!(
        alice.error("presence", json!({"channel": "vault:a"})).await,
        103
    );
}

#[tokio::test]
async fn chan_2_no_token_opens_what_is_private_or_denied() {
    let gateway = Gateway::with(&setup());
    let mut carol = gateway.client("carol").await;
    for channel in ["#alice", "dm:#alice,bob", "dm:general", "vault:#alice"] {
        let token = token_for("carol", channel, json!({"allow": ["pub", "prs", "hst"]}));
        let request = json!({"channel": channel, "token": token});
        assert_eq!(carol.error("subscribe", request).await, 103, "{channel}");
        let reply = carol
            .command("publish", json!({"channel": channel, "data": 1}))
            .await;
        assert_eq!(reply["error"]["code"], 103, "{channel}");
    }
    let muted = support::token_with("alice", json!({"muted": true}));
    let mut alice = gateway.client_with(&muted).await;
    let token = token_for("alice", "vault:a", json!({}));
    assert_eq!(alice.error("subscribe", vault(&token)).await, 103);
}

#[tokio::test]
async fn a_bad_token_opens_nothing_even_where_a_rule_would() {
    let gateway = Gateway::with(&setup());
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let good = claims_for("alice", "chat:a", json!({})).to_string();
    let mut alice = gateway.client("alice").await;
    for (fault, token) in [
        ("not a token", "abc".to_owned()),
        (
            "signature",
            sign_raw(header, &good, OTHER_SECRET.as_bytes()),
        ),
        ("a connection's", token("alice")),
        (
            "audience",
            token_for("alice", "chat:a", json!({"aud": "other"})),
        ),
        (
            "without exp",
            token_for("alice", "chat:a", json!({"exp": null})),
        ),
        (
            "lives too long",
            token_for("alice", "chat:a", json!({"exp": now() + 90_000})),
        ),
        (
            "bad allow",
            token_for("alice", "chat:a", json!({"allow": ["all"]})),
        ),
        (
            "another form of the name",
            token_for("alice", "chat:", json!({})),
        ),
    ] {
        let request = json!({"channel": "chat:a", "token": token});
        assert_eq!(alice.error("subscribe", request).await, 103, "{fault}");
    }
    let expired = token_for("alice", "chat:a", json!({"iat": now() - 60, "exp": now()}));
    let request = json!({"channel": "chat:a", "token": expired});
    let reply = alice.command("subscribe", request).await;
    assert_eq!(
        reply["error"],
        json!({"code": 109, "message": "token expired"})
    );
    // There is no such room, whatever the token is worth.
    let request = json!({"channel": "nowhere:a", "token": "abc"});
    assert_eq!(alice.error("subscribe", request).await, 102);
    alice.subscribe("chat:a").await;
    assert!(gateway.logged().contains("subscription token refused"));
    assert!(!gateway.logged().contains(&expired[..60]), "TOKEN-1");
}

// A token that is good, and for somebody or something else, was stolen or mixed up.
#[tokio::test]
async fn another_users_or_channels_token_ends_the_connection_for_good() {
    let gateway = Gateway::with(&setup());
    for token in [
        token_for("bob", "vault:a", json!({})),
        token_for("Alice", "vault:a", json!({})),
        token_for("alice", "vault:b", json!({})),
        token_for("alice", "vault:a", json!({"client": "another"})),
    ] {
        let mut alice = gateway.client("alice").await;
        alice.send("subscribe", vault(&token)).await;
        let closed = alice.closed().await;
        assert_eq!(
            (closed.code, closed.reason.as_str()),
            (3500, "invalid token")
        );
    }
}

async fn subscribed(gateway: &Gateway) -> Client {
    let mut alice = gateway.client("alice").await;
    let token = token_for("alice", "vault:a", json!({"exp": now() + 60}));
    alice.ok("subscribe", vault(&token)).await;
    alice
}

#[tokio::test]
async fn sub_refresh_brings_a_newer_token() {
    let gateway = Gateway::with(&setup());
    let mut alice = subscribed(&gateway).await;
    let publish = json!({"channel": "vault:a", "data": 1});
    assert_eq!(alice.error("publish", publish.clone()).await, 103);
    let newer = token_for("alice", "vault:a", json!({"allow": ["pub"], "info": 2}));
    let reply = alice.ok("sub_refresh", vault(&newer)).await;
    assert_eq!(reply["expires"], true);
    assert!(reply["ttl"].as_u64().unwrap() > 500, "{reply}");
    alice.ok("publish", publish).await;
    assert_eq!(alice.publication("vault:a").await["info"]["chan_info"], 2);
    assert_eq!(
        alice
            .error("sub_refresh", json!({"channel": "vault:a"}))
            .await,
        107
    );
    assert_eq!(
        alice
            .error("sub_refresh", json!({"channel": "vault:b", "token": newer}))
            .await,
        103
    );
    // An expired one gets an answer that no SDK takes for the end, and then has to come anew.
    let expired = token_for("alice", "vault:a", json!({"iat": now() - 60, "exp": now()}));
    assert_eq!(alice.ok("sub_refresh", vault(&expired)).await, json!({}));
    let push = alice
        .wait_for(|m| m["push"].get("unsubscribe").is_some())
        .await;
    let expected = json!({"code": 2501, "reason": "subscription expired"});
    assert_eq!(push["push"]["unsubscribe"], expected);
    assert_eq!(alice.error("subscribe", vault(&expired)).await, 109);
    alice.ok("subscribe", vault(&newer)).await;
}

#[tokio::test]
async fn what_sub_refresh_ends_the_connection_for() {
    let gateway = Gateway::with(&setup());
    let newer = token_for("alice", "vault:a", json!({}));
    for (request, code) in [
        (vault("abc"), 3500),
        (vault(&token_for("bob", "vault:a", json!({}))), 3500),
        (vault(&token_for("alice", "vault:b", json!({}))), 3500),
        (vault(&token("alice")), 3500),
        // Subscriptions that no token made.
        (json!({"channel": "chat:a", "token": newer}), 3501),
        (json!({"channel": "#alice", "token": newer}), 3501),
        (json!({"channel": "", "token": newer}), 3501),
    ] {
        let mut alice = subscribed(&gateway).await;
        alice.subscribe("chat:a").await;
        alice.send("sub_refresh", request.clone()).await;
        assert_eq!(alice.closed().await.code, code, "{request}");
    }
}

// Two keys of one issuer's name: one opens the door, the other opens channels.
#[tokio::test]
async fn jwt_15_a_key_set_of_their_own() {
    let gateway = Gateway::with(&Setup {
        issuer: "purpose = \"connection\"",
        tables: r#"
[room.vault]

[[issuer]]
name = "channels"
issuer = "https://auth.example.com/"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "GATEPOST_TEST_OTHER_SECRET"
purpose = "subscription"
"#,
        ..Setup::default()
    });
    let mut alice = gateway.client("alice").await;
    let claims = claims_for("alice", "vault:a", json!({}));
    assert_eq!(alice.error("subscribe", vault(&sign(&claims))).await, 103);
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let signed = |claims: &Value| sign_raw(header, &claims.to_string(), OTHER_SECRET.as_bytes());
    alice.ok("subscribe", vault(&signed(&claims))).await;
    let door = signed(&support::claims("alice"));
    let refused = gateway.open("/connection/websocket", &door).await.err();
    assert_eq!(refused, Some((401, "token_signature_invalid".to_owned())));
}

/// The next unsubscribe push.
async fn unsubscribed(client: &mut Client) -> Value {
    let push = client.wait_for(|m| m["push"].get("unsubscribe").is_some());
    push.await["push"].clone()
}

/// Of whom a revocation names one subscription's token, the connection stays, and what another
/// token made; that subscription is over within a second, as if its token were.
#[tokio::test]
async fn live_3_a_revocation_ends_the_subscriptions_that_it_names_and_nothing_else() {
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[room.vault]"),
        ..Setup::default()
    });
    let caps = json!({"caps": [{"channels": ["vault:*", "chat:*"], "match": "wildcard",
        "allow": ["pub"]}]});
    let mut bob = gateway.client_with(&token_with("bob", caps)).await;
    let mut alice = gateway.client("alice").await;
    let by_token = |channel: &str, id: &str, seconds_ago: u64| {
        let more = json!({"jti": id, "iat": now() - seconds_ago, "allow": ["pub"]});
        json!({"channel": channel, "token": token_for("alice", channel, more)})
    };
    let channels = [
        ("vault:id", "named", 0),
        ("vault:old", "old", 100),
        ("vault:kept", "kept", 0),
        // A rule would have let her in here too.
        ("chat:id", "named", 0),
    ];
    for (channel, id, seconds_ago) in channels {
        let wish = by_token(channel, id, seconds_ago);
        alice.ok("subscribe", wish).await;
        let publish = json!({"channel": channel, "data": "before"});
        alice.ok("publish", publish).await;
        assert_eq!(alice.publication(channel).await["data"], "before");
    }
    let expired = json!({"code": 2501, "reason": "subscription expired"});
    let id = json!({"uid": "named"});
    let old = json!({"user": "alice", "issued_before": now() - 50});
    let mut times = Vec::new();
    for (method, body, named) in [
        ("revoke_token", id, &["vault:id", "chat:id"][..]),
        ("invalidate_user_tokens", old, &["vault:old"]),
    ] {
        let began = Instant::now();
        // It tells of connections.
        assert_eq!(gateway.ended_by(method, &body).await, 0);
        let mut ended = Vec::new();
        for _ in named {
            let push = unsubscribed(&mut alice).await;
            assert_eq!(push["unsubscribe"], expired);
            ended.push(push["channel"].as_str().unwrap().to_owned());
        }
        times.push(began.elapsed());
        ended.sort_unstable();
        let mut named = named.to_vec();
        named.sort_unstable();
        assert_eq!(ended, named);
    }
    // The machine may stand still during one of them.
    assert!(
        times.iter().min() < Some(&Duration::from_secs(1)),
        "{times:?}"
    );
    for (channel, ..) in channels {
        bob.publish(channel, json!("after")).await;
    }
    assert_eq!(alice.publication("vault:kept").await["data"], "after");
    assert_eq!(alice.rest().await, Vec::<Value>::new());
    // What the token allowed is over with it; a newer one opens the channel again.
    let publish = json!({"channel": "vault:id", "data": 1});
    assert_eq!(alice.error("publish", publish).await, 103);
    let again = by_token("vault:id", "named", 0);
    assert_eq!(alice.error("subscribe", again).await, 109);
    alice
        .ok("subscribe", by_token("vault:id", "newer", 0))
        .await;
    bob.publish("vault:id", json!("again")).await;
    assert_eq!(alice.publication("vault:id").await["data"], "again");
}

#[tokio::test]
async fn in_protobuf_as_in_json() {
    let gateway = Gateway::with(&setup());
    let mut alice = gateway.binary_client("alice").await;
    let text = |token: &str| [protobuf::text(1, "vault:a"), protobuf::text(2, token)];
    let first = token_for("alice", "vault:a", json!({"data": [1], "exp": now() + 60}));
    let result = alice.ok(SUBSCRIBE, &text(&first)).await;
    assert_eq!((result.number(1), result.bytes(11)), (1, b"[1]".as_slice()));
    assert!(
        (1..=54).contains(&result.number(2)),
        "a tenth before its end: {result:?}"
    );
    let newer = token_for("alice", "vault:a", json!({}));
    let reply = alice.ask(SUB_REFRESH, &text(&newer)).await;
    let result = reply.message(SUB_REFRESH).unwrap();
    assert!(
        result.number(1) == 1 && result.number(2) > 500,
        "{result:?}"
    );
}
