//! `[door] explain = "close"`: a refusal that a browser can read, as a close frame.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::answers::assert_refused;
use support::request::Request;
use support::wire::{connect_frame, text_frame, until_closed};
use support::{Gateway, ORIGIN, PATIENCE, Setup, now, token, token_with};

fn gateway_with(tables: &str) -> Gateway {
    Gateway::with(&Setup {
        door: "explain = \"close\"",
        tables,
        ..Setup::default()
    })
}

/// As a page connects.
fn page(token: &str) -> Request {
    Request::upgrade().and("Origin", ORIGIN).and(
        "Sec-WebSocket-Protocol",
        &format!("centrifuge-json, bearer.{token}"),
    )
}

/// What a page is told: the code and the reason of the close frame, and nothing else.
async fn told(gateway: &Gateway, request: &Request) -> (u16, String) {
    let mut socket = gateway.begin(&request.bytes()).await;
    assert_eq!(socket.answer.status, 101, "{:?}", socket.answer);
    let protocol = socket.answer.header("sec-websocket-protocol");
    assert_eq!(protocol, Some("centrifuge-json"));
    let (first, payload) = socket.frame().await.unwrap();
    assert_eq!(first, 0x88, "{payload:?}");
    assert_eq!(until_closed(&mut socket.stream).await, b"");
    let code = u16::from_be_bytes([payload[0], payload[1]]);
    (code, String::from_utf8(payload[2..].to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_is_told_why_by_a_code_whose_consequence_fits() {
    let gateway = gateway_with("[session]\nmax_connections = 1");
    let expired = token_with("alice", json!({ "iat": now() - 60, "exp": now() - 1 }));
    let (code, reason) = told(&gateway, &page(&expired)).await;
    assert_eq!(code, 3014);
    assert_eq!(
        reason,
        "token_expired: the token has expired; get a new one and connect again"
    );

    let forged = format!("{}x", token("alice"));
    let (code, reason) = told(&gateway, &page(&forged)).await;
    assert!(reason.starts_with("token_"), "{reason}");
    assert_eq!(code, 3500);

    let mut first = gateway.lets_in(&page(&token("alice"))).await;
    let (code, reason) = told(&gateway, &page(&token("alice"))).await;
    assert!(reason.starts_with("too_many_connections: "), "{reason}");
    assert_eq!(code, 3013);
    assert_eq!(first.connect().await, ["#alice"]);

    // Each counts as a failed upgrade, and none as a connection.
    for refused in ["token_expired", "too_many_connections"] {
        let name = format!("gatepost_refusals_total{{code=\"{refused}\"}}");
        assert_eq!(gateway.metric(&name).await, 1.0, "{refused}");
        assert!(gateway.logged().contains(refused));
    }
    assert_eq!(gateway.metric("gatepost_admitted_total").await, 1.0);
    assert_eq!(gateway.metric("gatepost_connections").await, 1.0);
}

#[tokio::test]
async fn only_what_is_decided_after_the_origin_was_found_good_is_explained() {
    let gateway = gateway_with("");
    let bad = page("bad");
    let foreign = bad.clone().set("Origin", "https://evil.io");
    let answer = gateway.ask(&foreign).await;
    assert_refused(&answer, "foreign", 403, "origin_not_allowed");
    let answer = gateway.ask(&bad.clone().without("Origin")).await;
    assert_refused(&answer, "a program", 401, "token_malformed");
    let answer = gateway
        .ask(&bad.clone().set("Sec-WebSocket-Version", "8"))
        .await;
    assert_refused(&answer, "the form", 426, "upgrade_required");
    let answer = gateway.ask(&bad.clone().without("Sec-WebSocket-Key")).await;
    assert_refused(&answer, "the form", 400, "bad_key");
    let answer = gateway.ask(&bad.target("/connection/other")).await;
    assert_refused(&answer, "the path", 404, "not_found");
}

#[tokio::test]
async fn what_it_sends_is_thrown_away_and_it_is_ended() {
    let gateway = gateway_with("");
    let request = page("bad").behind(&connect_frame(1));
    let mut socket = gateway.begin(&request.bytes()).await;
    assert_eq!(socket.close_code().await, 3500);
    let subscribe = text_frame(r#"{"id":2,"subscribe":{"channel":"chat:a"}}"#);
    let mut more = Vec::new();
    for _ in 0..64 {
        more.extend_from_slice(&subscribe);
    }
    // It goes on sending, and never says goodbye.
    let sending = async {
        use tokio::io::AsyncWriteExt;
        while socket.stream.write_all(&more).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let end = tokio::time::timeout(PATIENCE, sending).await;
    assert!(end.is_ok(), "it was not ended");
    assert_eq!(gateway.metric("gatepost_sessions").await, 0.0);
    assert_eq!(gateway.metric("gatepost_deliveries_total").await, 0.0);
}

#[tokio::test]
async fn it_is_off_unless_it_is_configured() {
    let gateway = Gateway::start();
    let answer = gateway.ask(&page("bad")).await;
    assert_refused(&answer, "off", 401, "token_malformed");
}
