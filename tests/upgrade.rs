//! The door: which requests become a WebSocket, and what all others are answered with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::collections::BTreeSet;

use gatepost::identity::Refusal;
use serde_json::json;
use support::answers::assert_refused;
use support::refusals::refusals;
use support::request::{PATH, Request};
use support::{ORIGIN, door, token, token_with};

/// HTTP-6, HTTP-9, HTTP-10, TLS-4, ORIGIN-1, ORIGIN-2, TOKEN-1, TOKEN-2, JWT-1 to JWT-20
#[tokio::test]
async fn every_fault_has_its_refusal_and_the_connection_ends() {
    let gateway = door::start();
    for case in refusals() {
        gateway.refuses(&case).await;
    }
    assert_eq!(gateway.metric("gatepost_admitted_total").await, 0.0);
    assert_eq!(gateway.metric("gatepost_connections").await, 0.0);
}

/// Not in the table of `support::refusals`: other tests bring these about, or nothing can in this
/// version.
const ELSEWHERE: &[&str] = &[
    "draining",
    "too_many_connections",
    "body_too_large",
    "unsupported_media_type",
    "node_full",
    "address_connects_too_often",
    "address_fails_too_often",
    "user_connects_too_often",
    "ticket_not_taken",
    "ticket_invalid",
    "ticket_of_another_origin",
    "too_many_tickets",
    "tickets_full",
    "issuer_keys_unavailable",
    "token_key_unknown",
    "token_key_not_yet_known",
    "ticket_invalid",
    "ticket_not_taken",
    "ticket_of_another_origin",
    "too_many_tickets",
    "tickets_full",
    "token_revoked",
    "user_blocked",
    "not_on_admin",
    "api_method_unknown",
    "api_closed",
    "api_key_wrong",
];

#[test]
fn the_table_knows_every_refusal() {
    let tried: BTreeSet<&str> = refusals().iter().map(|case| case.code).collect();
    for refusal in Refusal::ALL {
        let code = refusal.code();
        assert_ne!(tried.contains(code), ELSEWHERE.contains(&code), "{code}");
    }
    for case in refusals() {
        let known = Refusal::ALL.iter().find(|known| known.code() == case.code);
        assert_eq!(known.unwrap().status(), case.status, "{}", case.name);
    }
}

#[tokio::test]
async fn a_node_that_stops_refuses_and_says_when_to_come_back() {
    let (gateway, _clients) = door::stopping().await;
    let good = Request::upgrade_with(&token("alice"));
    let waits: BTreeSet<u64> = {
        let mut waits = BTreeSet::new();
        for _ in 0..20 {
            let answer = gateway.ask(&good).await;
            assert_refused(&answer, "draining", 503, "draining");
            waits.insert(answer.header("retry-after").unwrap().parse().unwrap());
        }
        waits
    };
    assert!(
        waits.iter().all(|seconds| (1..=10).contains(seconds)),
        "{waits:?}"
    );
    assert!(
        waits.len() > 1,
        "all are told to come back at once: {waits:?}"
    );
    // HTTP-6: it comes before every other fault.
    let faults = [
        good.clone().set("Host", "evil.test"),
        good.clone().set("Sec-WebSocket-Version", "8"),
        good.clone().and("Origin", "https://evil.io"),
        Request::upgrade(),
    ];
    for request in faults {
        assert_refused(&gateway.ask(&request).await, "draining", 503, "draining");
    }
    assert_eq!(
        gateway
            .ask(&Request::new("GET", "/health/live"))
            .await
            .status,
        200
    );
    assert_eq!(
        gateway
            .ask(&Request::new("GET", "/health/ready"))
            .await
            .status,
        503
    );
}

/// HTTP-6: with every later fault at once, the earlier one is told.
#[tokio::test]
async fn of_several_faults_the_first_in_the_order_is_told() {
    let gateway = door::start();
    let expired = token_with("alice", json!({"exp": 1, "iat": 0}));
    let mut request = Request::upgrade()
        .target("/nowhere")
        .set("Host", "evil.test")
        .set("Upgrade", "h2c")
        .set("Connection", "close")
        .and("Origin", "https://evil.io")
        .bearer("one")
        .bearer(&expired);
    type Repair = fn(Request) -> Request;
    let order: [(u16, &str, Repair); 7] = [
        (404, "not_found", |r| {
            r.line("POST /connection/websocket HTTP/1.1")
        }),
        (405, "method_not_allowed", |r| r.target(PATH)),
        (421, "host_not_served", |r| r.set("Host", "localhost")),
        (426, "upgrade_required", |r| r.set("Upgrade", "websocket")),
        (400, "bad_connection_header", |r| {
            r.set("Connection", "upgrade")
        }),
        (403, "origin_not_allowed", |r| r.set("Origin", ORIGIN)),
        (400, "several_authorizations", |r| {
            r.without("Authorization")
        }),
    ];
    for (status, code, repair) in order {
        assert_refused(&gateway.ask(&request).await, code, status, code);
        request = repair(request);
    }
    let answer = gateway.ask(&request).await;
    assert_refused(&answer, "no token", 401, "token_missing");
    // Verification comes before what the user may have.
    let full = Request::upgrade_with(&token("alice"));
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(gateway.lets_in(&full).await);
    }
    let answer = gateway.ask(&request.bearer(&expired)).await;
    assert_refused(
        &answer,
        "an expired token of a full session",
        401,
        "token_expired",
    );
}
