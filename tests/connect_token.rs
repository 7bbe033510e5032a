//! A token in the connect command goes through the checks of the door once more, and the end of
//! the identity is the end of the connection.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::client::{Client, Closed};
use support::tokens::sign_raw;
use support::{Gateway, Setup, claims, now, token, token_with};

async fn open(gateway: &Gateway, token: &str) -> Client {
    gateway.open("/connection/websocket", token).await.unwrap()
}

fn invalid_token() -> Closed {
    Closed {
        code: 3500,
        reason: "invalid token".to_owned(),
    }
}

/// Connects with this token beside the door's, on a connection of alice.
async fn connect(gateway: &Gateway, token: &str) -> (Client, u32) {
    let mut client = open(gateway, &support::token("alice")).await;
    let id = client.send("connect", json!({"token": token})).await;
    (client, id)
}

#[tokio::test]
async fn the_same_users_token_is_fine() {
    let gateway = Gateway::start();
    let mut client = open(&gateway, &token("alice")).await;
    let reply = client
        .ok("connect", json!({"token": token("alice"), "name": "js"}))
        .await;
    assert_eq!(reply["subs"], json!({"#alice": {}}));
    client.subscribe("chat:a").await;
}

#[tokio::test]
async fn one_that_expired_is_109_and_the_connection_is_of_no_more_use() {
    let gateway = Gateway::start();
    let expired = token_with("alice", json!({"iat": now() - 100, "exp": now() - 1}));
    let (mut client, id) = connect(&gateway, &expired).await;
    let reply = client.wait_for(|message| message["id"] == id).await;
    let expected = json!({"code": 109, "message": "token expired"});
    assert_eq!(reply["error"], expected);
    client.send("subscribe", json!({"channel": "chat:a"})).await;
    assert_eq!(client.closed().await.code, 3501);
    // Nor may it try again, or answer a ping that never came.
    let (mut client, id) = connect(&gateway, &expired).await;
    client.wait_for(|message| message["id"] == id).await;
    client.send("connect", json!({})).await;
    assert_eq!(client.closed().await.code, 3501);
}

#[tokio::test]
async fn any_other_fault_ends_the_connection_for_good() {
    let gateway = Gateway::start();
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let good = claims("alice").to_string();
    let another_secret = b"another-secret-of-at-least-32-bytes!";
    let changed = {
        let token = token("alice");
        let (head, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        format!("{head}.{flipped}{}", &signature[1..])
    };
    let expired_and_forged = {
        let claims = json!({"iss": support::ISSUER, "aud": "gatepost", "sub": "alice",
            "iat": now() - 100, "exp": now() - 1});
        sign_raw(header, &claims.to_string(), another_secret)
    };
    for (fault, token) in [
        ("another user", token("bob")),
        ("the user in another case", token("Alice")),
        ("signature", sign_raw(header, &good, another_secret)),
        ("one bit of it", changed),
        ("expired too, but forged", expired_and_forged),
        ("not a token", "abc".to_owned()),
        (
            "not signed",
            sign_raw(r#"{"alg":"none"}"#, &good, another_secret),
        ),
        (
            "issuer",
            token_with("alice", json!({"iss": "https://other.example.com/"})),
        ),
        ("audience", token_with("alice", json!({"aud": "other"}))),
        (
            "not yet valid",
            token_with("alice", json!({"nbf": now() + 500})),
        ),
        (
            "of another purpose",
            token_with("alice", json!({"channel": "chat:a"})),
        ),
        (
            "claim of the wrong type",
            token_with("alice", json!({"teams": "red"})),
        ),
    ] {
        let (mut client, _) = connect(&gateway, &token).await;
        assert_eq!(client.closed().await, invalid_token(), "{fault}");
    }
    assert!(!gateway.logged().contains(&token("bob")[..60]), "TOKEN-1");
}

// LIVE-2: the fresher identity counts, an older one changes nothing.
#[tokio::test]
async fn one_that_lives_longer_becomes_the_identity() {
    let gateway = Gateway::start();
    let with = |name: &str, life: u64, team: &str| {
        let more = json!({"exp": now() + life, "info": {"name": name}, "teams": [team]});
        token_with("alice", more)
    };
    for (life, name, team, other) in [(900, "new", "blue", "red"), (60, "old", "red", "blue")] {
        let mut alice = open(&gateway, &with("old", 300, "red")).await;
        alice
            .ok("connect", json!({"token": with("new", life, "blue")}))
            .await;
        alice.subscribe(&format!("team:{team}")).await;
        let request = json!({"channel": format!("team:{other}")});
        assert_eq!(alice.error("subscribe", request).await, 103);
        alice.subscribe("chat:a").await;
        alice.publish("chat:a", json!(1)).await;
        let publication = alice.publication("chat:a").await;
        assert_eq!(publication["info"]["conn_info"]["name"], name);
    }
}

/// Waits for the clock of the wall, which tokens are judged by.
async fn until(second: u64) {
    while now() < second {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

// LIVE-1: after `exp` it hears but does nothing new, and 25 s later it ends. Waits for real.
#[tokio::test]
async fn after_exp_a_connection_hears_for_25_seconds_and_does_nothing_new() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nping_interval = \"10m\"",
        ..Setup::default()
    });
    let exp = now() + 15;
    let short = token_with("alice", json!({"exp": exp, "teams": ["friend"]}));
    let mut alice = gateway.client_with(&short).await;
    alice.subscribe("chat:a").await;
    alice.publish("chat:a", json!("before")).await;
    assert_eq!(alice.publication("chat:a").await["data"], "before");
    // The one in the command lives longer than that of the door.
    let mut renewed = open(&gateway, &short).await;
    renewed
        .ok("connect", json!({"token": token("alice")}))
        .await;
    // The door would not let it in again.
    until(exp).await;
    let refused = gateway.open("/connection/websocket", &short).await.err();
    assert_eq!(refused, Some((401, "token_expired".to_owned())));

    let expired = json!({"code": 110, "message": "expired", "temporary": true});
    for (name, request) in [
        ("subscribe", json!({"channel": "chat:b"})),
        ("subscribe", json!({"channel": "chat:b", "recover": true})),
        ("publish", json!({"channel": "chat:a", "data": 1})),
    ] {
        let reply = alice.command(name, request).await;
        assert_eq!(reply["error"], expired, "{name}");
    }
    // Deliveries go on, and one may leave.
    renewed.publish("chat:a", json!("in the grace")).await;
    assert_eq!(alice.publication("chat:a").await["data"], "in the grace");
    alice.ok("unsubscribe", json!({"channel": "#alice"})).await;

    let closed = alice.closed().await;
    assert_eq!(
        (closed.code, &closed.reason[..]),
        (3005, "connection expired")
    );
    assert!(now() >= exp + 24, "{} s early", exp + 25 - now());
    renewed.publish("chat:a", json!("after")).await;
    assert_eq!(renewed.rest().await, Vec::<Value>::new());
}

// LIVE-1: there is nothing that it could be refused in the grace.
#[tokio::test]
async fn an_echo_connection_expires_too() {
    let gateway = Gateway::with(&Setup {
        door: "echo = true",
        ..Setup::default()
    });
    let exp = now() + 10;
    let short = token_with("alice", json!({"exp": exp}));
    let mut echo = gateway.open("/connection/echo", &short).await.unwrap();
    assert_eq!(echo.closed().await.code, 3005);
    assert!(now() >= exp + 24);
    gateway.until_metric("gatepost_sessions", 0.0).await;
}
