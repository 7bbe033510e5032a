//! `/connection/check`: exactly what the upgrade would say, where a browser can read it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use support::answers::{assert_of_every_answer, assert_refused};
use support::plain::{as_plain, assert_not_shared, assert_shared, of_origin_and_token};
use support::refusals::{Case, refusals};
use support::request::Request;
use support::{Gateway, ORIGIN, Setup, door, token};

const PATH: &str = "/connection/check";

fn check(method: &str) -> Request {
    Request::new(method, PATH)
}

#[tokio::test]
async fn whom_the_door_would_let_in_gets_204() {
    let gateway = door::start();
    let cookie = format!("gp_token={}", token("alice"));
    for method in ["GET", "POST"] {
        for request in [
            check(method).bearer(&token("alice")),
            check(method).bearer(&token("alice")).and("Origin", ORIGIN),
            check(method).and("Cookie", &cookie).and("Origin", ORIGIN),
            check(method)
                .bearer(&token("alice"))
                .and("Content-Length", "0"),
            check(method)
                .bearer(&token("alice"))
                .rename(method, "/connection/check?x=1"),
        ] {
            let answer = gateway.ask(&request).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (204, ""),
                "{answer:?}"
            );
            assert_of_every_answer(&answer, "204");
            if request.has("Origin") {
                assert_shared(&answer, ORIGIN, "204");
            } else {
                assert_not_shared(&answer, "204");
            }
        }
    }
    assert_eq!(gateway.metric("gatepost_admitted_total").await, 0.0);
}

#[tokio::test]
async fn every_refusal_is_that_of_the_upgrade() {
    let gateway = door::start();
    let mut compared = 0;
    for case in refusals().iter().filter(|case| of_origin_and_token(case)) {
        let upgrade = gateway.refuses(case).await;
        for method in ["GET", "POST"] {
            let answer = gateway.ask(&as_plain(method, PATH, case)).await;
            assert_refused(&answer, &case.name, case.status, case.code);
            assert_eq!(answer.body, upgrade.body, "{}", case.name);
        }
        compared += 1;
    }
    assert!(compared > 100, "only {compared}");
}

/// HTTP-11
#[tokio::test]
async fn http_11_a_page_that_may_connect_can_read_every_refusal() {
    let gateway = door::start();
    let about_origin = |case: &Case| case.code.contains("origin") || case.request.has("Origin");
    let mut read = 0;
    for case in refusals()
        .iter()
        .filter(|case| of_origin_and_token(case) && !about_origin(case))
    {
        let request = as_plain("POST", PATH, case).and("Origin", ORIGIN);
        let answer = gateway.ask(&request).await;
        assert_refused(&answer, &case.name, case.status, case.code);
        assert_shared(&answer, ORIGIN, &case.name);
        read += 1;
    }
    assert!(read > 80, "only {read}");
    let below = "https://Red.team.example";
    let answer = gateway.ask(&check("GET").and("Origin", below)).await;
    assert_shared(&answer, below, "the origin as the page wrote it");
}

/// HTTP-11: also those that are given before the token is looked for.
#[tokio::test]
async fn http_11_a_page_can_read_the_refusals_of_its_request() {
    let gateway = door::start();
    let page = |method: &str| check(method).bearer(&token("alice")).and("Origin", ORIGIN);
    let long = format!("{PATH}?{}", "q".repeat(4096));
    let cases = [
        (
            page("POST").set("Host", "evil.test"),
            421,
            "host_not_served",
        ),
        (
            page("POST").and("Content-Length", "2").behind(b"{}"),
            400,
            "body_not_allowed",
        ),
        (page("DELETE"), 405, "method_not_allowed"),
        (page("HEAD"), 405, "method_not_allowed"),
        (page("GET").rename("GET", &long), 414, "uri_too_long"),
        (
            page("GET").and("X", &"x".repeat(9217)),
            431,
            "header_fields_too_large",
        ),
    ];
    for (request, status, code) in cases {
        let answer = gateway.ask(&request).await;
        let name = if status == 405 {
            "HEAD or DELETE"
        } else {
            code
        };
        assert_refused(&answer, name, status, code);
        assert_shared(&answer, ORIGIN, code);
    }
}

/// HTTP-11
#[tokio::test]
async fn http_11_another_page_reads_nothing() {
    let gateway = door::start();
    for case in refusals()
        .iter()
        .filter(|case| case.code == "origin_not_allowed")
    {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = gateway.ask(&as_plain(method, PATH, case)).await;
            assert_refused(&answer, &case.name, 403, "origin_not_allowed");
            assert_not_shared(&answer, &case.name);
        }
    }
    let two = check("GET").and("Origin", ORIGIN).and("Origin", ORIGIN);
    let answer = gateway.ask(&two).await;
    assert_refused(&answer, "two origins", 400, "several_origins");
    assert_not_shared(&answer, "two origins");
}

/// HTTP-11
#[tokio::test]
async fn http_11_the_browser_asks_beforehand() {
    let gateway = door::start();
    let preflight = check("OPTIONS")
        .and("Access-Control-Request-Method", "POST")
        .and("Access-Control-Request-Headers", "authorization");
    let answer = gateway.ask(&preflight.clone().and("Origin", ORIGIN)).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_shared(&answer, ORIGIN, "preflight");
    let list = |name: &str| answer.header(name).unwrap_or_default().to_ascii_lowercase();
    let methods = list("access-control-allow-methods");
    assert!(
        methods.contains("get") && methods.contains("post"),
        "{methods}"
    );
    assert!(list("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    let answer = gateway.ask(&preflight).await;
    assert_refused(&answer, "no origin", 403, "origin_required");
}

/// HTTP-11: credentials are the cookie's matter.
#[tokio::test]
async fn http_11_no_credentials_where_no_cookie_is_read() {
    let gateway = Gateway::with(&Setup {
        door: r#"sources = ["header"]"#,
        ..Setup::default()
    });
    let page = check("GET").bearer(&token("alice")).and("Origin", ORIGIN);
    let answer = gateway.ask(&page).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let cookie = check("GET")
        .and("Origin", ORIGIN)
        .and("Cookie", &format!("gp_token={}", token("alice")));
    assert_refused(
        &gateway.ask(&cookie).await,
        "a cookie",
        401,
        "token_missing",
    );
}

/// A page cannot send a subprotocol or read its cookie here, but it can always set a header.
#[tokio::test]
async fn it_takes_the_header_where_the_upgrade_does_not() {
    let gateway = Gateway::with(&Setup {
        door: r#"sources = ["subprotocol"]"#,
        ..Setup::default()
    });
    let answer = gateway.ask(&check("POST").bearer(&token("alice"))).await;
    assert_eq!(answer.status, 204);
    let answer = gateway.ask(&check("POST").bearer("bad")).await;
    assert_refused(&answer, "a bad token", 401, "token_malformed");
    let cookie = format!("gp_token={}", token("alice"));
    let request = check("POST").and("Cookie", &cookie).and("Origin", ORIGIN);
    let answer = gateway.ask(&request).await;
    assert_refused(&answer, "the cookie is off", 401, "token_missing");
}

/// LIMIT-2: it looks at the user's places, and takes none.
#[tokio::test]
async fn it_says_when_the_user_has_no_place_and_takes_none_itself() {
    let gateway = Gateway::start();
    let page = check("POST").bearer(&token("alice")).and("Origin", ORIGIN);
    for _ in 0..20 {
        assert_eq!(gateway.ask(&page).await.status, 204);
    }
    assert_eq!(gateway.metric("gatepost_sessions").await, 0.0);
    let upgrade = Request::upgrade_with(&token("alice"));
    let mut open = Vec::new();
    for _ in 0..16 {
        assert_eq!(gateway.ask(&page).await.status, 204);
        open.push(gateway.lets_in(&upgrade).await);
    }
    let answer = gateway.ask(&page).await;
    assert_refused(&answer, "full", 429, "too_many_connections");
    assert_shared(&answer, ORIGIN, "full");
    let refused = gateway.ask(&upgrade).await;
    assert_eq!(refused.header("retry-after"), answer.header("retry-after"));
    assert_eq!(
        gateway
            .ask(&check("GET").bearer(&token("bob")))
            .await
            .status,
        204
    );
    for connection in &mut open {
        assert_eq!(
            connection.connect().await,
            ["#alice"],
            "one of them was closed"
        );
    }
    assert_eq!(gateway.metric("gatepost_connections").await, 16.0);
}

#[tokio::test]
async fn it_closes_nobody_where_the_oldest_would_go() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nmax_connections = 1\nwhen_full = \"close\"",
        ..Setup::default()
    });
    let upgrade = Request::upgrade_with(&token("alice"));
    let mut oldest = gateway.lets_in(&upgrade).await;
    for _ in 0..3 {
        let answer = gateway.ask(&check("GET").bearer(&token("alice"))).await;
        assert_eq!(answer.status, 204);
    }
    assert_eq!(oldest.connect().await, ["#alice"]);
    gateway.lets_in(&upgrade).await;
    assert_eq!(oldest.close_code().await, 3504);
}

#[tokio::test]
async fn it_says_that_the_node_stops() {
    let (gateway, _clients) = door::stopping().await;
    let page = check("GET").bearer(&token("alice")).and("Origin", ORIGIN);
    let answer = gateway.ask(&page).await;
    assert_refused(&answer, "draining", 503, "draining");
    assert_shared(&answer, ORIGIN, "draining");
    // Were the question beforehand refused, the page could not read the answer.
    let preflight = check("OPTIONS").and("Origin", ORIGIN);
    assert_eq!(gateway.ask(&preflight).await.status, 204);
}
