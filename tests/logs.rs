//! What is logged and measured: never a secret, never a second line, never a label of a client's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::api;
use support::client::Client;
use support::http::get_clear;
use support::refusals::refusals;
use support::request::{PATH, Request};
use support::tokens::{BadToken, bad_tokens, sign_raw};
use support::{Gateway, ORIGIN, Setup, door, token, token_with};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Stops the gateway, and gives all that it ever logged.
async fn logged_to_the_end(mut gateway: Gateway) -> String {
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    gateway.until_logged("stopped").await;
    gateway.logged()
}

/// All ways in which a client can present a token, one by one and all together.
fn ways(token: &str) -> Vec<Request> {
    let bearer = format!("bearer.{token}");
    let cookie = format!("gp_token={token}");
    let query = format!("{PATH}?access_token={token}");
    let page = Request::upgrade().and("Origin", ORIGIN);
    vec![
        page.clone().bearer(token),
        page.clone().and(
            "Sec-WebSocket-Protocol",
            &format!("centrifuge-json, {bearer}"),
        ),
        page.clone().and("Sec-WebSocket-Protocol", &bearer),
        page.clone().and("Cookie", &cookie),
        page.clone().target(&query),
        page.clone()
            .target(&format!("/elsewhere?access_token={token}")),
        page.clone().and("Authorization", token),
        page.clone()
            .and("Authorization", &format!("Bearer {token} {token}")),
        page.clone()
            .bearer("other")
            .and("Cookie", &cookie)
            .target(&query),
        page.clone().rename("POST", &query),
        page.clone()
            .rename("GET", &format!("/connection/check?access_token={token}")),
        page.bearer(token).rename("POST", "/connection/check"),
    ]
}

/// What must be nowhere: the token, and each of its parts that is long enough to mean something.
fn needles(token: &str) -> Vec<&str> {
    let parts = token.split('.').filter(|part| part.len() >= 16);
    parts.chain((token.len() >= 16).then_some(token)).collect()
}

fn assert_without(haystack: &str, token: &str, about: &str) {
    for needle in needles(token) {
        let found = haystack.lines().find(|line| line.contains(needle));
        assert!(found.is_none(), "{about}: {found:?}");
    }
}

/// Tokens inside of commands, of good and of bad form.
async fn tokens_in_commands(gateway: &Gateway, secret: &str) {
    let mut client = gateway.open(PATH, &token("alice")).await.unwrap();
    client
        .ok(
            "connect",
            json!({"token": secret, "data": {"token": secret}}),
        )
        .await;
    let subscribe = json!({"channel": "chat:x", "token": secret});
    client.command("subscribe", subscribe).await;
    client.ok("refresh", json!({"token": secret})).await;
    client
        .error("sub_refresh", json!({"channel": "chat:x", "token": secret}))
        .await;
    client
        .error("rpc", json!({"method": secret, "data": secret}))
        .await;
    client
        .send_text(&format!(r#"{{"id":9,"refresh":{{"token":"{secret}"}}"#))
        .await;
    assert_eq!(client.closed().await.code, 3501);
}

/// LOG-1, TOKEN-1, JWT-20
#[tokio::test]
async fn log_1_no_token_is_in_a_log_line_or_a_metric() {
    let queried =
        "sources = [\"header\", \"subprotocol\", \"cookie\", \"query\"]\ncookie = \"gp_token\"";
    for door in ["", queried] {
        let gateway = Gateway::with(&Setup {
            door,
            ..door::setup()
        });
        let good = BadToken {
            name: "good",
            token: token("alice"),
            code: "",
        };
        let mut tokens = bad_tokens();
        tokens.push(good);
        for one in &tokens {
            let fits = |request: &Request| request.bytes().len() < 16_000;
            for request in ways(&one.token).iter().filter(|request| fits(request)) {
                gateway.ask(request).await;
            }
        }
        let secret = token_with("alice", json!({"jti": "in a command"}));
        tokens_in_commands(&gateway, &secret).await;
        let metrics = get_clear(gateway.admin, "/metrics").await.body;
        let log = logged_to_the_end(gateway).await;
        for code in ["token_expired", "token_signature_invalid", "several_tokens"] {
            assert!(
                log.contains(code) && metrics.contains(code),
                "{code} is not told"
            );
        }
        for one in &tokens {
            assert_without(&log, &one.token, one.name);
            assert_without(&metrics, &one.token, one.name);
        }
        assert_without(&log, &secret, "in a command");
        assert!(!log.contains("access_token"), "a query is logged");
        assert!(!log.contains(support::SECRET), "the key is logged");
    }
}

const FORGED: &str = "x\n{\"level\":\"error\"}\u{1b}[2J\u{7f}\u{9b}31m\u{2028}";

/// A key that the gateway knows nothing of.
const ANOTHER_SECRET: &[u8] = b"another-secret-that-is-long-enough-for-hs256";

/// A rule whose fault may tell what it was given.
const NUMBERS: &str = "[room.number]\nsubscribe = \"int(claims.label) > 0\"";

fn rules() -> String {
    support::RULES.replace("[claims]", "[claims]\nlabel = \"\"")
}

/// Whatever of a client's text can reach the log is sent.
async fn inject(gateway: &Gateway) {
    let user = token_with("x", json!({"sub": FORGED, "info": FORGED, "jti": FORGED}));
    gateway.ask(&Request::upgrade_with(&user)).await;
    let in_claims = token_with("alice", json!({"teams": FORGED}));
    gateway.ask(&Request::upgrade_with(&in_claims)).await;
    let header = json!({"alg": "HS256", "kid": FORGED}).to_string();
    let iss = FORGED.repeat(20);
    let in_header = sign_raw(&header, &json!({"iss": iss}).to_string(), ANOTHER_SECRET);
    gateway.ask(&Request::upgrade_with(&in_header)).await;
    let long = "p".repeat(1000);
    for path in [
        "/x%0a%1b[2J",
        "/\u{9b}31m",
        "/\u{2028}",
        &format!("/{long}"),
    ] {
        gateway.ask(&Request::upgrade().target(path)).await;
    }
    let alice = json!({"jti": FORGED, "info": FORGED, "label": FORGED});
    let mut client = gateway
        .open(PATH, &token_with("alice", alice))
        .await
        .unwrap();
    let app = json!({"name": FORGED, "version": FORGED.repeat(100)});
    client.ok("connect", app).await;
    for channel in [
        FORGED,
        "number:7",
        "team:x\u{1b}[2J",
        "team:\u{9b}31m",
        "team:no\\n{}\"quote",
    ] {
        client
            .command("subscribe", json!({"channel": channel}))
            .await;
        client
            .command("publish", json!({"channel": channel, "data": FORGED}))
            .await;
    }
    client
        .command(
            "subscribe",
            json!({"channel": format!("team:{}", "t".repeat(250))}),
        )
        .await;
    client
        .command("rpc", json!({"method": FORGED, "data": FORGED}))
        .await;
    // A method of this name is a protocol violation, and its name may be told.
    client
        .send_text(&json!({"id": 99, FORGED: {}}).to_string())
        .await;
    client.closed().await;
    let mut client = gateway.client("alice").await;
    let goodbye = CloseFrame {
        code: 4000.into(),
        reason: FORGED.into(),
    };
    let _ = client.socket.close(Some(goodbye)).await;
    client.closed().await;
}

/// Characters that move a terminal's cursor or begin a line, C1 and separators among them.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// LOG-2
#[tokio::test]
async fn log_2_in_json_a_line_is_one_object() {
    let gateway = Gateway::with(&Setup {
        rules: Some(&rules()),
        tables: NUMBERS,
        ..Setup::default()
    });
    inject(&gateway).await;
    let log = logged_to_the_end(gateway).await;
    assert!(
        log.contains("permission denied") && log.contains("\\\\n{}"),
        "{log}"
    );
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).expect(line);
        let object = value.as_object().expect(line);
        assert!(
            object.contains_key("timestamp") && object.contains_key("level"),
            "{line}"
        );
        assert_ne!(value["level"], "error", "{line}");
        for (name, field) in object {
            let length = field.as_str().map_or(0, str::len);
            // Of an explanation each value is cut.
            let most = if name == "explanation" { 4096 } else { 300 };
            assert!(length <= most, "{name} has {length} bytes: {line}");
        }
    }
}

/// LOG-2
#[tokio::test]
async fn log_2_in_text_control_characters_are_escaped() {
    let gateway = Gateway::with(&Setup {
        log: Some("format = \"text\"\nlevel = \"debug\""),
        rules: Some(&rules()),
        tables: NUMBERS,
        ..Setup::default()
    });
    inject(&gateway).await;
    let log = logged_to_the_end(gateway).await;
    assert!(log.contains("permission denied"), "{log}");
    for line in log.lines() {
        assert!(
            line.starts_with("20"),
            "not the beginning of a line of ours: {line:?}"
        );
        assert!(!line.contains(is_unsafe), "{line:?}");
    }
}

/// LOG-3: each with its code, the client's address and the path.
#[tokio::test]
async fn log_3_every_refusal_has_its_line() {
    let gateway = door::start();
    for case in refusals() {
        let request = case.request.and("X-Request-Id", "not-ours");
        gateway.ask(&request).await;
    }
    let address = "\"client\":\"127.0.0.1\"";
    let log = logged_to_the_end(gateway).await;
    for case in refusals() {
        let code = format!("\"code\":\"{}\"", case.code);
        let line = log.lines().find(|line| line.contains(&code));
        assert!(
            line.is_some_and(|line| line.contains(address)),
            "{}: {line:?}",
            case.code
        );
    }
    assert_request_ids(&log, "request refused");
    assert!(!log.contains("not-ours"));
}

/// Each line has an id of the gateway's own, which no other has.
fn assert_request_ids(log: &str, message: &str) {
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == message)
        .collect();
    let ids: BTreeSet<&str> = lines
        .iter()
        .map(|line| line["request"].as_str().unwrap_or_default())
        .collect();
    assert!(!lines.is_empty() && ids.len() == lines.len(), "{lines:#?}");
    let is_id = |id: &&str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(ids.iter().all(is_id), "{ids:?}");
}

/// LOG-3: whatever becomes of a call of the server API.
#[tokio::test]
async fn log_3_every_admin_call_has_its_line() {
    let gateway = api::start();
    for _ in 0..2 {
        gateway.call("disconnect", &json!({"user": "bob"})).await;
        gateway.call_error("disconnect", &json!({})).await;
        let refused = api::ask(gateway.admin, &api::without_key("disconnect", "{}")).await;
        assert_eq!(refused.status, 401);
    }
    let log = logged_to_the_end(gateway).await;
    for message in ["admin call", "admin call failed", "admin call refused"] {
        assert_request_ids(&log, message);
    }
}

/// LOG-3: whose token it was, as far as it says so itself.
#[tokio::test]
async fn log_3_the_refusal_of_a_token_names_its_issuer_and_key() {
    let gateway = Gateway::start();
    let forged = |header: Value, more: Value| {
        let mut all = support::claims("alice");
        let members = more.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        sign_raw(&header.to_string(), &all.to_string(), ANOTHER_SECRET)
    };
    let elsewhere = "https://elsewhere.example.com/";
    let expired = json!({"exp": 1, "iat": 0});
    let of_main = forged(json!({"alg": "HS256", "kid": "k1"}), json!({}));
    let bearer = format!("centrifuge-json, bearer.{of_main}");
    let check = Request::new("POST", "/connection/check").and("Origin", ORIGIN);
    let mut expected = Vec::new();
    for (request, code, issuer, kid) in [
        (
            Request::upgrade_with(&of_main),
            "token_signature_invalid",
            json!("main"),
            json!("k1"),
        ),
        (
            Request::upgrade().and("Sec-WebSocket-Protocol", &bearer),
            "token_signature_invalid",
            json!("main"),
            json!("k1"),
        ),
        (
            check.bearer(&of_main),
            "token_signature_invalid",
            json!("main"),
            json!("k1"),
        ),
        (
            Request::upgrade_with(&forged(
                json!({"alg": "HS256", "kid": "k2"}),
                json!({"iss": elsewhere}),
            )),
            "token_issuer_unknown",
            json!(elsewhere),
            json!("k2"),
        ),
        (
            Request::upgrade_with(&forged(
                json!({"alg": "HS256", "kid": 7}),
                json!({"iss": 7}),
            )),
            "token_malformed",
            Value::Null,
            Value::Null,
        ),
        (
            Request::upgrade_with(&token_with("alice", expired)),
            "token_expired",
            json!("main"),
            Value::Null,
        ),
        (
            Request::upgrade(),
            "token_missing",
            Value::Null,
            Value::Null,
        ),
    ] {
        let answer = gateway.ask(&request).await;
        assert_eq!(answer.code(), code, "{request:?}");
        assert!(!answer.body.contains("k1") && !answer.body.contains(elsewhere));
        expected.push((json!("request refused"), issuer, kid));
    }
    // The token of a command goes through the same checks.
    let mut client = gateway.client("alice").await;
    let subscribe = json!({"channel": "chat:x", "token": of_main});
    client.error("subscribe", subscribe).await;
    let refresh = json!({"id": 99, "refresh": {"token": of_main}});
    client.send_text(&refresh.to_string()).await;
    assert_eq!(client.closed().await.code, 3500);
    for message in ["subscription token refused", "token in a command refused"] {
        expected.push((json!(message), json!("main"), json!("k1")));
    }
    gateway.until_logged("token in a command refused").await;
    let log = logged_to_the_end(gateway).await;
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let refused = lines.filter(|line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.ends_with("refused")
    });
    let told: Vec<_> = refused
        .map(|line| {
            (
                line["message"].clone(),
                line["issuer"].clone(),
                line["kid"].clone(),
            )
        })
        .collect();
    assert_eq!(told, expected);
}

/// Series on the page of metrics.
async fn series(gateway: &Gateway) -> BTreeSet<String> {
    let page = get_clear(gateway.admin, "/metrics").await.body;
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

/// Names of a client's, new ones in each round.
async fn random_names(gateway: &Gateway, round: u16) {
    let user = format!("user{round}");
    let partner = door::partner(&user, json!({"tenant": "t"}));
    let kid = sign_raw(
        &format!(r#"{{"alg":"HS{round}","kid":"k{round}"}}"#),
        &support::claims(&user).to_string(),
        ANOTHER_SECRET,
    );
    let header = format!("X-{round}");
    for request in [
        Request::upgrade().target(&format!("/p{round}")),
        Request::upgrade().line(&format!("M{round} {PATH} HTTP/1.1")),
        Request::upgrade().set("Host", &format!("h{round}.test")),
        Request::upgrade().and("Origin", &format!("https://o{round}.test")),
        Request::upgrade_with(&kid).and(&header, "x"),
        Request::upgrade_with(&token_with(&user, json!({"iss": format!("i{round}")}))),
        Request::upgrade_with(&partner).and("Sec-WebSocket-Protocol", &format!("s{round}")),
    ] {
        gateway.ask(&request).await;
    }
    let mut client: Client = gateway.client(&user).await;
    for channel in [
        format!("chat:c{round}"),
        format!("n{round}:c"),
        format!("team:t{round}"),
    ] {
        client
            .command("subscribe", json!({"channel": channel}))
            .await;
        client
            .command("publish", json!({"channel": channel, "data": {}}))
            .await;
        client
            .command("history", json!({"channel": channel, "limit": 1}))
            .await;
        client
            .command("presence", json!({"channel": channel}))
            .await;
    }
    client
        .command("rpc", json!({"method": format!("m{round}")}))
        .await;
    let goodbye = CloseFrame {
        code: (4000 + round).into(),
        reason: format!("r{round}").into(),
    };
    let _ = client.socket.close(Some(goodbye)).await;
    client.closed().await;
    let mut client = gateway.client(&user).await;
    let _ = futures_util::SinkExt::send(&mut client.socket, Message::binary(vec![1])).await;
    client.closed().await;
}

/// LOG-4
#[tokio::test]
async fn log_4_no_name_of_a_client_becomes_a_label() {
    let gateway = door::start();
    random_names(&gateway, 0).await;
    gateway.until_metric("gatepost_connections", 0.0).await;
    let before = series(&gateway).await;
    for round in 1..=40 {
        random_names(&gateway, round).await;
    }
    gateway.until_metric("gatepost_connections", 0.0).await;
    let new: Vec<String> = series(&gateway)
        .await
        .difference(&before)
        .cloned()
        .collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(before.len() < 100, "{before:#?}");
}
