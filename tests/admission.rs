//! Who gets in: every good way to present a token, and how many connections one user may have.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use serde_json::json;
use support::answers::assert_refused;
use support::request::{ACCEPT, PATH, Request};
use support::wire::frame;
use support::{Gateway, ORIGIN, Setup, door, token, token_with};

/// HTTP-6, HTTP-7, HTTP-8, ORIGIN-1, TOKEN-2
#[tokio::test]
async fn every_good_way_in() {
    let gateway = door::start();
    let token = token("alice");
    let with = || Request::upgrade_with(&token);
    let offer = |offer: &str| Request::upgrade().and("Sec-WebSocket-Protocol", offer);
    let authorization = |value: &str| Request::upgrade().and("Authorization", value);
    let page = || Request::upgrade().and("Origin", ORIGIN);
    let cookie = |value: &str| page().and("Cookie", value);
    let json = Some("centrifuge-json");
    let both = format!("centrifuge-json, bearer.{token}");
    let ways = [
        ("the header", with(), None),
        (
            "the scheme in another case",
            authorization(&format!("bEARER {token}")),
            None,
        ),
        ("the header from a page", with().and("Origin", ORIGIN), None),
        (
            "one label below",
            with().and("Origin", "https://red.team.example"),
            None,
        ),
        (
            "upper case in the origin",
            with().and("Origin", "https://APP.example.COM"),
            None,
        ),
        (
            "the origin's own port",
            with().and("Origin", "https://app.example.com:443"),
            None,
        ),
        ("the subprotocol", offer(&both), json),
        (
            "the token first",
            offer(&format!("bearer.{token},centrifuge-json")),
            json,
        ),
        (
            "on two lines",
            offer(&format!("bearer.{token}")).and("Sec-WebSocket-Protocol", "centrifuge-json"),
            json,
        ),
        (
            "unknown names before it",
            offer(&format!("mqtt, {both}")),
            json,
        ),
        ("a cookie", cookie(&format!("gp_token={token}")), None),
        (
            "a cookie among others",
            cookie(&format!("a=b; gp_token={token}; c")),
            None,
        ),
        (
            "a cookie in quotes",
            cookie(&format!("gp_token=\"{token}\"")),
            None,
        ),
        (
            "one cookie twice",
            cookie(&format!("gp_token={token}; gp_token={token}")),
            None,
        ),
        (
            "one token in all places",
            cookie(&format!("gp_token={token}"))
                .bearer(&token)
                .and("Sec-WebSocket-Protocol", &both),
            json,
        ),
        (
            "Basic beside a cookie",
            cookie(&format!("gp_token={token}")).and("Authorization", "Basic eDp5"),
            None,
        ),
        (
            "a known name, the token in the header",
            with().and("Sec-WebSocket-Protocol", "centrifuge-json"),
            json,
        ),
        (
            "unknown names alone",
            with().and("Sec-WebSocket-Protocol", "mqtt, x"),
            None,
        ),
        (
            "a list in Connection",
            with().set("Connection", "keep-alive, Upgrade"),
            None,
        ),
        (
            "two Connection lines",
            with()
                .set("Connection", "keep-alive")
                .and("Connection", "upgrade"),
            None,
        ),
        (
            "mixed case",
            with()
                .set("Connection", "uPGRADE")
                .set("Upgrade", "WebSocket"),
            None,
        ),
        (
            "a list in Upgrade",
            with().set("Upgrade", "h2c, websocket"),
            None,
        ),
        (
            "an extension is offered",
            with().and("Sec-WebSocket-Extensions", "permessage-deflate"),
            None,
        ),
        (
            "an unknown parameter",
            with().target("/connection/websocket?cf_protocol_version=v2"),
            None,
        ),
        (
            "JSON in the query",
            with().target("/connection/websocket?cf_protocol=json"),
            None,
        ),
        (
            "an empty query",
            with().target("/connection/websocket?"),
            None,
        ),
        (
            "another host that is served",
            with().set("Host", "GW.example.com:8443"),
            None,
        ),
        (
            "a host with its final dot",
            with().set("Host", "gw.example.com."),
            None,
        ),
        ("a length of zero", with().and("Content-Length", "0"), None),
    ];
    for (name, request, subprotocol) in ways {
        let mut raw = gateway.lets_in(&request).await;
        let answer = &raw.answer;
        assert_eq!(
            answer.header("sec-websocket-accept"),
            Some(ACCEPT),
            "{name}"
        );
        assert_eq!(
            answer.header("sec-websocket-protocol"),
            subprotocol,
            "{name}"
        );
        assert_eq!(answer.header("sec-websocket-extensions"), None, "{name}");
        assert!(
            answer
                .header("upgrade")
                .unwrap()
                .eq_ignore_ascii_case("websocket"),
            "{name}"
        );
        assert!(
            answer
                .header("connection")
                .unwrap()
                .eq_ignore_ascii_case("upgrade"),
            "{name}"
        );
        assert!(
            answer
                .headers
                .iter()
                .all(|(_, value)| !value.contains(&token)),
            "{name}"
        );
        assert_eq!(raw.connect().await, ["#alice"], "{name}");
        // HTTP-7: nobody agreed to compression.
        raw.send(&frame(0xC1, b"{}")).await;
        assert_eq!(raw.close_code().await, 1002, "{name}");
    }
    let partner = door::partner("alice", json!({"tenant": "t"}));
    let mut raw = gateway.lets_in(&Request::upgrade_with(&partner)).await;
    assert_eq!(raw.connect().await, ["#partner/alice"]);
}

/// TOKEN-1
#[tokio::test]
async fn a_token_in_the_query_where_that_is_configured() {
    let gateway = Gateway::with(&Setup {
        door: r#"sources = ["query"]"#,
        ..Setup::default()
    });
    let (one, other) = (token("alice"), token_with("alice", json!({"jti": "2"})));
    let query = |query: &str| Request::upgrade().target(&format!("{PATH}?{query}"));
    let mut raw = gateway
        .lets_in(&query(&format!("x=1&access_token={one}")))
        .await;
    assert_eq!(raw.connect().await, ["#alice"]);
    let twice = query(&format!("access_token={one}&access_token={other}"));
    let answer = gateway.ask(&twice).await;
    assert_refused(&answer, "TOKEN-2", 400, "several_tokens");
    // What is off is not read.
    let answer = gateway.ask(&Request::upgrade_with(&one)).await;
    assert_refused(&answer, "the header is off", 401, "token_missing");
    let offer = format!("centrifuge-json, bearer.{one}");
    let offered = Request::upgrade().and("Sec-WebSocket-Protocol", &offer);
    assert_refused(
        &gateway.ask(&offered).await,
        "the subprotocol is off",
        401,
        "token_missing",
    );
    assert!(
        gateway.logged().contains("tokens in URLs"),
        "no warning at the start"
    );
}

/// LIMIT-2
#[tokio::test]
async fn a_user_has_sixteen_connections_and_no_seventeenth() {
    let gateway = Gateway::start();
    let request = Request::upgrade_with(&token("alice"));
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(gateway.lets_in(&request).await);
    }
    let answer = gateway.ask(&request).await;
    assert_refused(&answer, "the seventeenth", 429, "too_many_connections");
    gateway.lets_in(&Request::upgrade_with(&token("bob"))).await;
    drop(open.pop());
    gateway.until_metric("gatepost_connections", 15.0).await;
    gateway.lets_in(&request).await;
}

#[tokio::test]
async fn origin_1_a_missing_origin_where_it_is_required() {
    let gateway = Gateway::with(&Setup {
        door: "allow_missing_origin = false",
        ..Setup::default()
    });
    let request = Request::upgrade_with(&token("alice"));
    assert_refused(
        &gateway.ask(&request).await,
        "no origin",
        403,
        "origin_required",
    );
    gateway.lets_in(&request.and("Origin", ORIGIN)).await;
}
