//! The server API: who may call it, how, and what it answers to what is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use serde_json::{Value, json};
use support::api::{self, ADMIN, ask, request, without_key};
use support::http::Answer;
use support::request::Request;
use support::{Gateway, SECRET, Setup, now};

const METHODS: [&str; 6] = [
    "revoke_token",
    "invalidate_user_tokens",
    "block_user",
    "unblock_user",
    "disconnect",
    "explain",
];

const ALICE: &str = r#"{"user":"alice"}"#;

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn admin_1_a_call_needs_one_good_key() {
    let gateway = api::start();
    let call = || without_key("unblock_user", ALICE);
    let apikey = format!("apikey {SECRET}");
    for good in [
        call().and("X-API-Key", SECRET),
        call().and("Authorization", &apikey),
        call().and("Authorization", &apikey.replace("apikey", "ApiKey")),
        // A proxy's own, which is not ours to read.
        call()
            .and("X-API-Key", SECRET)
            .and("Authorization", "Basic eDp5"),
    ] {
        let answer = ask(gateway.admin, &good).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let (prefix, longer) = (&SECRET[..SECRET.len() - 1], format!("{SECRET}0"));
    for bad in [
        call(),
        call().and("X-API-Key", ""),
        call().and("X-API-Key", "wrong"),
        call().and("X-API-Key", prefix),
        call().and("X-API-Key", &longer),
        call().and("X-API-Key", &SECRET.to_uppercase()),
        call().and("X-API-Key", SECRET).and("X-API-Key", SECRET),
        call()
            .and("X-API-Key", "wrong")
            .and("Authorization", &apikey),
        call()
            .and("Authorization", &apikey)
            .and("Authorization", &apikey),
        call().and("Authorization", SECRET),
        call().and("Authorization", "apikey"),
        call().and("Authorization", &format!("apikey  {SECRET}")),
        call().and("Authorization", &format!("Bearer {SECRET}")),
        call().rename("POST", &format!("/api/unblock_user?api_key={SECRET}")),
        call().rename("POST", &format!("/api/unblock_user?access_token={SECRET}")),
    ] {
        let answer = ask(gateway.admin, &bad).await;
        assert_eq!(told(&answer), (401, "api_key_wrong".to_owned()), "{bad:?}");
        assert_eq!(answer.header("www-authenticate"), Some("apikey"));
        assert!(answer.closed);
    }
    // LOG-1, LOG-3: the calls are in the log, and no key is.
    let log = gateway.logged();
    assert!(
        log.contains("admin call refused") && log.contains("\"admin call\""),
        "{log}"
    );
    assert!(!log.contains(&SECRET[..20]), "{log}");
    let calls = "gatepost_api_calls_total{method=\"unblock_user\",result=\"ok\"}";
    assert_eq!(gateway.metric(calls).await, 4.0);
}

#[tokio::test]
async fn admin_1_without_a_key_in_the_configuration_the_api_is_closed() {
    let gateway = Gateway::start();
    for method in METHODS {
        for call in [
            without_key(method, ALICE),
            without_key(method, ALICE).and("X-API-Key", ""),
            request(method, ALICE),
        ] {
            let answer = ask(gateway.admin, &call).await;
            assert_eq!(told(&answer), (401, "api_closed".to_owned()), "{method}");
        }
    }
}

#[tokio::test]
async fn admin_1_each_of_several_keys_is_good() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("api.key");
    let next = "the-next-api-key-has-more-than-32-bytes-too";
    std::fs::write(&file, format!("{next}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}api_key_file = {:?}\n", file.display().to_string()),
        ..Setup::default()
    });
    for key in [SECRET, next] {
        let call = without_key("unblock_user", ALICE).and("X-API-Key", key);
        assert_eq!(ask(gateway.admin, &call).await.status, 200);
    }
    let both = format!("{SECRET},{next}");
    let call = without_key("unblock_user", ALICE).and("X-API-Key", &both);
    assert_eq!(ask(gateway.admin, &call).await.status, 401);
}

// A key that leaked is good until the next reload at the longest, and one in its place from then on.
#[tokio::test]
async fn admin_1_a_reload_puts_other_keys_in_force() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("api.key");
    let write = |key: &str| {
        std::fs::write(&file, key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
    };
    let (leaked, next) = (
        "the-api-key-that-leaked-has-more-than-32-bytes",
        "the-next-api-key-has-more-than-32-bytes-too",
    );
    write(leaked);
    let option = format!("api_key_file = {:?}\n", file.display().to_string());
    let gateway = Gateway::with(&Setup {
        tables: &format!("[admin]\n{option}"),
        ..Setup::default()
    });
    let status = async |key: &str| {
        let call = without_key("unblock_user", ALICE).and("X-API-Key", key);
        ask(gateway.admin, &call).await.status
    };
    assert_eq!((status(leaked).await, status(next).await), (200, 401));
    write(next);
    let text = gateway.written();
    assert!(gateway.reload(&text).await);
    assert_eq!((status(leaked).await, status(next).await), (401, 200));
    // One that is not good leaves the keys that there are.
    write("short");
    assert!(!gateway.reload(&text).await);
    // Nor does one that is gone, with all else that is written.
    std::fs::remove_file(&file).unwrap();
    let other = text.replace("[room.chat]", "[room.other]");
    assert!(!gateway.reload(&other).await);
    gateway.client("alice").await.subscribe("chat:a").await;
    assert_eq!(status(next).await, 200);
    assert!(gateway.reload(&text.replace(&option, "")).await);
    assert_eq!(status(next).await, 401);
    let env = "api_key_env = \"GATEPOST_TEST_SECRET\"\n";
    assert!(gateway.reload(&text.replace(&option, env)).await);
    assert_eq!((status(next).await, status(SECRET).await), (401, 200));
}

#[tokio::test]
async fn admin_1_the_public_listener_has_no_api() {
    let gateway = api::start();
    for method in METHODS {
        let answer = gateway.ask(&request(method, ALICE)).await;
        assert_eq!(told(&answer), (404, "not_found".to_owned()), "{method}");
    }
}

// HTTP-9, HTTP-3: what is wrong with the request itself is a status.
#[tokio::test]
async fn admin_3_requests_in_another_form() {
    let gateway = api::start();
    let large = format!(r#"{{"user":"{}"}}"#, "u".repeat(1024 * 1024));
    let json_type = |value: &str| request("unblock_user", ALICE).set("Content-Type", value);
    let get = Request::new("GET", "/api/unblock_user").and("X-API-Key", SECRET);
    let rows: Vec<(Request, u16, &str)> = vec![
        (request("publish", ALICE), 404, "api_method_unknown"),
        (request("", ALICE), 404, "api_method_unknown"),
        (request("Unblock_User", ALICE), 404, "api_method_unknown"),
        (request("unblock_user/", ALICE), 404, "api_method_unknown"),
        (request("%75nblock_user", ALICE), 404, "api_method_unknown"),
        (get, 405, "method_not_allowed"),
        (json_type("text/plain"), 415, "unsupported_media_type"),
        (
            request("unblock_user", ALICE).without("Content-Type"),
            415,
            "unsupported_media_type",
        ),
        (request("unblock_user", &large), 413, "body_too_large"),
        (
            request("unblock_user", ALICE).set("Host", "evil.test"),
            421,
            "host_not_served",
        ),
    ];
    for (request, status, code) in rows {
        let answer = ask(gateway.admin, &request).await;
        assert_eq!(told(&answer), (status, code.to_owned()), "{status} {code}");
        let allow = (status == 405).then_some("POST");
        assert_eq!(answer.header("allow"), allow);
    }
    let answer = ask(gateway.admin, &json_type("Application/JSON; charset=utf-8")).await;
    assert_eq!(answer.status, 200);
}

// A body that is none of the method's is 400 in plain text, as libraries expect; and a member that
// we do not know is never passed over, for it may be a filter.
#[tokio::test]
async fn admin_3_bodies_that_are_none() {
    let gateway = api::start();
    for (method, body) in [
        ("block_user", ""),
        ("block_user", "alice"),
        ("block_user", "[]"),
        ("block_user", r#"{"user":"alice"}{}"#),
        ("block_user", r#"{"user":7}"#),
        ("block_user", r#"{"user":"alice","user":"bob"}"#),
        ("block_user", r#"{"user":"alice","expire_at":"1"}"#),
        ("block_user", r#"{"user":"alice","expire_at":1.5}"#),
        ("block_user", r#"{"user":"alice","only_from":"10.0.0.0/8"}"#),
        (
            "disconnect",
            r#"{"user":"alice","disconnect":{"reason":"x"}}"#,
        ),
        ("disconnect", r#"{"user":"alice","whitelist":"x"}"#),
        ("revoke_token", r#"{"uid":"x","user":"alice"}"#),
    ] {
        let answer = ask(gateway.admin, &request(method, body)).await;
        assert_eq!(answer.status, 400, "{method} {body}: {}", answer.body);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; charset=utf-8"));
    }
    assert_eq!(gateway.metric("gatepost_revocations").await, 0.0);
}

#[tokio::test]
async fn calls_that_would_do_something_else_than_they_say_are_107() {
    let gateway = api::start();
    let past = now() - 10;
    let milliseconds = now() * 1000;
    for (method, body) in [
        ("block_user", json!({})),
        ("block_user", json!({"user": null})),
        ("block_user", json!({"user": ""})),
        // LIVE-6: nothing is trimmed or folded into somebody else.
        ("block_user", json!({"user": "alice "})),
        ("block_user", json!({"user": "аlice"})),
        ("block_user", json!({"user": "alice,bob"})),
        ("block_user", json!({"user": "alice", "expire_at": past})),
        ("block_user", json!({"user": "alice", "expire_at": -1})),
        (
            "block_user",
            json!({"user": "alice", "expire_at": milliseconds}),
        ),
        ("revoke_token", json!({})),
        ("revoke_token", json!({"uid": "x", "expire_at": past})),
        ("invalidate_user_tokens", json!({"issued_before": past})),
        (
            "invalidate_user_tokens",
            json!({"user": "alice", "issued_before": now() + 3600}),
        ),
        (
            "invalidate_user_tokens",
            json!({"user": "alice", "issued_before": milliseconds}),
        ),
        (
            "invalidate_user_tokens",
            json!({"user": "alice", "channel": "chat:a"}),
        ),
        ("disconnect", json!({"user": "alice", "session": "x"})),
        (
            "disconnect",
            json!({"user": "alice", "label_filter": {"op": "x"}}),
        ),
        ("disconnect", json!({"user": "alice", "all_users": true})),
        ("disconnect", json!({"all_users": true})),
        (
            "disconnect",
            json!({"user": "alice", "disconnect": {"code": 3000, "reason": "x"}}),
        ),
        (
            "disconnect",
            json!({"user": "alice", "disconnect": {"code": 70000, "reason": "x"}}),
        ),
        (
            "disconnect",
            json!({"user": "alice", "disconnect": {"code": 4000, "reason": ""}}),
        ),
        (
            "disconnect",
            json!({"user": "alice", "disconnect": {"code": 4000, "reason": "{}"}}),
        ),
    ] {
        let mut alice = gateway.client("alice").await;
        let (code, message) = gateway.call_error(method, &body).await;
        assert_eq!(code, 107, "{method} {body}");
        assert!(message.starts_with("bad request: "), "{message}");
        alice.subscribe("chat:a").await;
    }
    assert_eq!(gateway.metric("gatepost_revocations").await, 0.0);
}

#[tokio::test]
async fn errors_are_200_unless_the_status_is_asked_for() {
    let gateway = api::start();
    let answer = ask(gateway.admin, &request("block_user", "{}")).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["error"]["code"]), (200, &json!(107)));
    let transport = request("block_user", "{}").and("X-Centrifugo-Error-Mode", "transport");
    let answer = ask(gateway.admin, &transport).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["code"]), (400, &json!(107)));
}

// What is over was forgotten, so there is room again; what is not is never let go of.
#[tokio::test]
async fn live_3_a_full_list_says_so() {
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[revocations]\nmax_entries = 1000\n"),
        ..Setup::default()
    });
    for number in 0..1000 {
        let uid = json!({"uid": format!("id{number}")});
        assert_eq!(gateway.ended_by("revoke_token", &uid).await, 0);
    }
    let mut alice = gateway.client("alice").await;
    let (code, message) = gateway
        .call_error("block_user", &json!({"user": "alice"}))
        .await;
    assert_eq!(code, 106);
    assert!(message.contains("max_entries"), "{message}");
    alice.subscribe("chat:a").await;
    // Without a place on the list she can still be told to go.
    assert_eq!(
        gateway
            .ended_by("disconnect", &json!({"user": "alice"}))
            .await,
        1
    );
}
