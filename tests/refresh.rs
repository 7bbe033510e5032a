//! A newer token on the live socket: who is told when to bring it, what it changes, and what is
//! refused.

mod support;

use serde_json::{Value, json};
use support::client::{Client, Closed};
use support::issuer::{FakeIssuer, Key, Page};
use support::protobuf::{CONNECT, text};
use support::tokens::sign_raw;
use support::{Gateway, OTHER_ISSUER, Setup, claims, now, token, token_with};

/// The request's number; the result's is the same.
const REFRESH: u64 = 14;

fn with_two_issuers() -> Gateway {
    Gateway::with(&Setup {
        issuer: &format!("\nshared_users = true\n{OTHER_ISSUER}"),
        ..Setup::default()
    })
}

/// A client that has shown a token in its connect command, and what it was told.
async fn with_token(gateway: &Gateway, token: &str) -> (Client, Value) {
    let opened = gateway.open("/connection/websocket", token).await;
    let mut client = opened.unwrap();
    let told = client.ok("connect", json!({ "token": token })).await;
    (client, told)
}

fn lives(seconds: u64) -> String {
    token_with("alice", json!({"exp": now() + seconds}))
}

/// Whether it is what was left of a token when it was made, or less by what has passed since.
fn is_near(value: u64, expected: u64) -> bool {
    (expected - 50..=expected).contains(&value)
}

fn ttl(of: &Value) -> u64 {
    of["ttl"].as_u64().unwrap()
}

#[tokio::test]
async fn only_who_showed_a_token_is_told_when_to_bring_another() {
    let gateway = Gateway::start();
    for (life, expected) in [(600, 570), (100, 90)] {
        let (_, told) = with_token(&gateway, &lives(life)).await;
        assert_eq!(told["expires"], true);
        assert!(is_near(ttl(&told), expected), "{told}");
    }
    // An SDK that has none would stop for good when the time has come.
    let mut cookie = gateway
        .open("/connection/websocket", &token("alice"))
        .await
        .unwrap();
    let told = cookie.ok("connect", json!({"token": ""})).await;
    assert_eq!((told.get("expires"), told.get("ttl")), (None, None));

    // Of the one in the command, where that is the fresher one.
    let mut fresher = gateway
        .open("/connection/websocket", &lives(60))
        .await
        .unwrap();
    let told = fresher.ok("connect", json!({"token": lives(600)})).await;
    assert!(is_near(ttl(&told), 570), "{told}");
}

#[tokio::test]
async fn live_2_a_refresh_brings_new_claims_and_a_new_end() {
    let gateway = Gateway::start();
    let of = |name: &str, life: u64, teams: Value| {
        let more = json!({"exp": now() + life, "info": {"name": name}, "teams": teams});
        token_with("alice", more)
    };
    let (mut alice, told) = with_token(&gateway, &of("old", 60, json!(["red", "blue"]))).await;
    for channel in ["team:red", "team:blue", "chat:a"] {
        alice.subscribe(channel).await;
    }
    let newer = of("new", 600, json!(["blue"]));
    let result = alice.ok("refresh", json!({"token": newer})).await;
    assert_eq!(result["client"], told["client"]);
    assert_eq!(result["version"], told["version"]);
    assert_eq!(result["expires"], true);
    assert!(is_near(ttl(&result), 570), "{result}");

    // What is lost is told, once, and not heard any more.
    let lost = alice.wait_for(|m| m["push"].get("unsubscribe").is_some());
    let expected = json!({"channel": "team:red",
        "unsubscribe": {"code": 2100, "reason": "permission withdrawn"}});
    assert_eq!(lost.await["push"], expected);
    let both = token_with("bob", json!({"teams": ["red", "blue"]}));
    let mut bob = gateway.client_with(&both).await;
    bob.publish("team:red", json!(1)).await;
    bob.publish("team:blue", json!(2)).await;
    assert_eq!(alice.publication("team:blue").await["data"], 2);
    assert_eq!(alice.rest().await, Vec::<Value>::new());
    let wish = json!({"channel": "team:red", "data": 1});
    assert_eq!(alice.error("publish", wish).await, 103);

    // Others see the newer claims, in what she says and in who is there.
    alice.publish("chat:a", json!(3)).await;
    let publication = alice.publication("chat:a").await;
    assert_eq!(publication["info"]["conn_info"]["name"], "new");
    let there = alice.ok("presence", json!({"channel": "chat:a"})).await;
    let id = told["client"].as_str().unwrap();
    assert_eq!(there["presence"][id]["conn_info"]["name"], "new");
    assert!(!gateway.logged().contains(&newer[..80]), "TOKEN-1");
}

// PROTOCOL: an SDK stops for good on any error but a temporary one, so none is ever an answer.
#[tokio::test]
async fn live_2_a_bad_refresh_ends_the_connection_and_says_whether_to_come_back() {
    let gateway = with_two_issuers();
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let forged = sign_raw(
        header,
        &claims("alice").to_string(),
        b"another-secret-of-at-least-32-bytes!",
    );
    let expired = token_with("alice", json!({"iat": now() - 100, "exp": now() - 1}));
    let other_issuer = json!({"iss": "https://other.example.com/"});
    // Its tokens are good for whoever came with one.
    let (mut other, _) = with_token(&gateway, &token_with("alice", other_issuer.clone())).await;
    let newer = token_with("alice", other_issuer.clone());
    other.ok("refresh", json!({"token": newer})).await;

    let (bad, gone) = ((3500, "invalid token"), (3005, "connection expired"));
    for (fault, token, (code, reason)) in [
        ("expired", expired, gone),
        ("another user", token("bob"), bad),
        ("another issuer", token_with("alice", other_issuer), bad),
        ("forged", forged, bad),
        ("no token", "abc".to_owned(), bad),
        ("audience", token_with("alice", json!({"aud": "x"})), bad),
        (
            "a subscription's",
            token_with("alice", json!({"channel": "chat:a"})),
            bad,
        ),
        (
            "another type of claim",
            token_with("alice", json!({"teams": "red"})),
            bad,
        ),
    ] {
        let mut alice = gateway.client("alice").await;
        alice.subscribe("chat:a").await;
        alice.send("refresh", json!({ "token": token })).await;
        let reason = reason.to_owned();
        assert_eq!(alice.closed().await, Closed { code, reason }, "{fault}");
    }
    let log = gateway.logged();
    assert!(log.contains("token in a command refused"));
    assert!(log.contains("another_user"), "{log}");
}

#[tokio::test]
async fn a_refresh_out_of_place_is_3501() {
    let gateway = Gateway::start();
    for request in [json!({}), json!({"token": ""})] {
        let mut alice = gateway.client("alice").await;
        alice.send("refresh", request).await;
        assert_eq!(alice.closed().await.code, 3501);
    }
    let opened = gateway.open("/connection/websocket", &token("alice")).await;
    let mut early = opened.unwrap();
    early
        .send("refresh", json!({"token": token("alice")}))
        .await;
    assert_eq!(early.closed().await.code, 3501);
}

#[tokio::test]
async fn live_2_refreshes_are_limited_and_the_client_may_try_again() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    let wish = || json!({"token": token("alice")});
    // In one frame, since a slow machine could need longer than the limit between two.
    let both = [50, 51].map(|id| json!({"id": id, "refresh": wish()}).to_string());
    alice.send_text(&both.join("\n")).await;
    let reply = alice.wait_for(|message| message["id"] == 50).await;
    assert!(reply["refresh"].is_object(), "{reply}");
    let reply = alice.wait_for(|message| message["id"] == 51).await;
    let expected = json!({"code": 111, "message": "too many requests", "temporary": true});
    assert_eq!(reply["error"], expected);
    // The limit is of the connection, and of nothing else that it does.
    alice.subscribe("chat:a").await;
    gateway.client("alice").await.ok("refresh", wish()).await;
}

// LIVE-2: what stands in one frame is carried out in its order, each by the identity of its turn.
#[tokio::test]
async fn live_2_a_publish_in_flight_is_decided_by_the_identity_of_its_turn() {
    let gateway = Gateway::start();
    let may = |muted: bool, name: &str| {
        token_with("alice", json!({"muted": muted, "info": {"name": name}}))
    };
    let mut alice = gateway.client_with(&may(false, "old")).await;
    alice.subscribe("chat:a").await;
    let publish = |id: u32| json!({"id": id, "publish": {"channel": "chat:a", "data": id}});
    let refresh = json!({"id": 51, "refresh": {"token": may(true, "new")}});
    let frame = [publish(50), refresh, publish(52)].map(|command| command.to_string());
    alice.send_text(&frame.join("\n")).await;
    let answer = |id: u32| move |message: &Value| message["id"] == id;
    assert!(alice.wait_for(answer(50)).await["publish"].is_object());
    assert!(alice.wait_for(answer(51)).await["refresh"].is_object());
    assert_eq!(alice.wait_for(answer(52)).await["error"]["code"], 103);
    let publication = alice.publication("chat:a").await;
    assert_eq!(publication["data"], 50);
    assert_eq!(publication["info"]["conn_info"]["name"], "old");
    assert_eq!(alice.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn server_side_subscriptions_follow_the_token() {
    let rules = r#"
[claims]
paid = false
[personal]
subscribe = "claims.paid"
publish = "true"
[room.chat]
subscribe = "true"
"#;
    let gateway = Gateway::with(&Setup {
        rules: Some(rules),
        ..Setup::default()
    });
    let paid = |paid: bool| token_with("alice", json!({ "paid": paid }));
    let (mut alice, told) = with_token(&gateway, &paid(false)).await;
    assert_eq!(told.get("subs"), None, "{told}");
    alice.ok("refresh", json!({"token": paid(true)})).await;
    let push = alice
        .wait_for(|m| m["push"].get("subscribe").is_some())
        .await;
    assert_eq!(push["push"], json!({"channel": "#alice", "subscribe": {}}));
    let mut bob = gateway.client("bob").await;
    bob.publish("#alice", json!("psst")).await;
    assert_eq!(alice.publication("#alice").await["data"], "psst");

    let (mut alice, told) = with_token(&gateway, &paid(true)).await;
    assert_eq!(told["subs"], json!({"#alice": {}}));
    alice.ok("refresh", json!({"token": paid(false)})).await;
    let push = alice
        .wait_for(|m| m["push"].get("unsubscribe").is_some())
        .await;
    assert_eq!(push["push"]["channel"], "#alice");
    bob.publish("#alice", json!("psst")).await;
    assert_eq!(alice.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_same_in_protobuf() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary("alice").await;
    let told = alice.ok(CONNECT, &[text(1, &token("alice"))]).await;
    assert_eq!(told.number(3), 1, "expires");
    assert!(is_near(told.number(4), 570), "ttl");
    let reply = alice.ask(REFRESH, &[text(1, &lives(100))]).await;
    let result = reply.message(REFRESH).unwrap();
    assert_eq!(result.text(1), told.text(1));
    assert_eq!(result.text(2), told.text(2));
    assert_eq!(result.number(3), 1);
    assert!(is_near(result.number(4), 90), "{result:?}");
}

/// A gateway that has this key of an issuer, and the issuer's `iss`.
async fn publishing(fake: &FakeIssuer, key: &Key) -> (Gateway, String) {
    fake.publish("/a", &[key]);
    let iss = format!("{}/a", fake.base);
    let table = format!(
        "shared_users = true\n[[issuer]]\nname = \"a\"\nissuer = \"{iss}\"\n\
         audience = [\"gatepost\"]\nshared_users = true\njwks = \"{iss}/jwks\""
    );
    let gateway = Gateway::with(&Setup {
        issuer: &table,
        ..Setup::default()
    });
    gateway
        .until_metric("gatepost_issuer_keys{issuer=\"a\"}", 1.0)
        .await;
    (gateway, iss)
}

// LIVE-2: an issuer that is down is no fault of the token; the client may come with it again.
#[tokio::test]
async fn live_2_keys_that_cannot_be_had_are_error_100_and_the_connection_stays() {
    let fake = FakeIssuer::start().await;
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (gateway, iss) = publishing(&fake, &old).await;
    let (mut alice, _) = with_token(&gateway, &old.token(&iss, "alice")).await;
    fake.set("/a/jwks", Page::Status(500));
    let wish = json!({"token": new.token(&iss, "alice")});
    let reply = alice.command("refresh", wish).await;
    let expected = json!({"code": 100, "message": "internal server error", "temporary": true});
    assert_eq!(reply["error"], expected);
    alice.subscribe("chat:a").await;
}

// JWKS-5: nor is a key that may not be looked for yet.
#[tokio::test]
async fn live_2_a_key_that_may_not_be_looked_for_yet_is_error_100_too() {
    let fake = FakeIssuer::start().await;
    let (old, new, junk) = (Key::new("old"), Key::new("new"), Key::new("junk"));
    let (gateway, iss) = publishing(&fake, &old).await;
    let (mut alice, _) = with_token(&gateway, &old.token(&iss, "alice")).await;
    let of_junk = junk.token(&iss, "alice");
    let refused = gateway.open_with_keys(&of_junk).await;
    assert_eq!(refused.err(), Some((401, "token_key_unknown".to_owned())));
    fake.publish("/a", &[&old, &new]);
    let wish = json!({"token": new.token(&iss, "alice")});
    let reply = alice.command("refresh", wish).await;
    let expected = json!({"code": 100, "message": "internal server error", "temporary": true});
    assert_eq!(reply["error"], expected);
    alice.subscribe("chat:a").await;
}
