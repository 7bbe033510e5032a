//! HTTP on the public listener: its limits, its patience, and requests that mean two things.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::time::Duration;

use support::answers::{assert_of_every_answer, assert_refused};
use support::request::{PATH, Request};
use support::wire::until_closed;
use support::{Gateway, ORIGIN, door, http, token};
use tokio::io::AsyncWriteExt;

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends all of it on one connection, and gives all that comes until that ends.
async fn talk(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = http::connect(gateway.public, &gateway.tls).await;
    // The server may close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    String::from_utf8(until_closed(&mut stream).await).unwrap()
}

/// The statuses of the answers in there.
fn statuses(text: &str) -> Vec<u16> {
    let status = |answer: &str| answer.get(2..5).and_then(|status| status.parse().ok());
    text.split("HTTP/1.").skip(1).filter_map(status).collect()
}

/// A head of exactly this many bytes.
fn head_of(bytes: usize) -> Request {
    let request = Request::upgrade_with(&token("alice")).and("X-1", &"x".repeat(9000));
    let so_far = request.bytes().len() + "X-2: \r\n".len();
    request.and("X-2", &"x".repeat(bytes - so_far))
}

#[tokio::test]
async fn http_1_a_head_just_within_the_limits_passes() {
    let gateway = Gateway::start();
    let good = || Request::upgrade_with(&token("alice"));
    let query = "q".repeat(4096 - PATH.len() - 1);
    // Host, four of the upgrade, Authorization.
    let many = (0..58).fold(good(), |request, n| request.and(&format!("X-{n}"), "1"));
    for request in [
        good().target(&format!("{PATH}?{query}")),
        good().and("X", &"x".repeat(9 * 1024)),
        many,
        head_of(16 * 1024),
    ] {
        assert_eq!(gateway.lets_in(&request).await.connect().await, ["#alice"]);
    }
}

#[tokio::test]
async fn http_1_a_head_over_the_limits_does_not() {
    let gateway = Gateway::start();
    let good = || Request::upgrade_with(&token("alice"));
    let many = (0..200).fold(good(), |request, n| request.and(&format!("X-{n}"), "1"));
    for request in [many, head_of(16 * 1024 + 1), head_of(17_000)] {
        let answer = gateway.ask(&request).await;
        assert_eq!(answer.status, 431, "{answer:?}");
        assert!(answer.closed);
    }
    let counted = "gatepost_http_errors_total{kind=\"head_too_large\"}";
    gateway.until_metric(counted, 3.0).await;
    // Ten times over, and more to come: it is not read on.
    let endless = [good().bytes(), b"X: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let endless = String::from_utf8(endless)
        .unwrap()
        .replacen("\r\n\r\n", "\r\n", 1);
    let text = talk(&gateway, endless.as_bytes()).await;
    assert!(text.is_empty() || statuses(&text) == [431], "{text}");
    gateway.until_metric(counted, 4.0).await;
    let long = Request::new("GET", &format!("/{}", "a".repeat(20_000)));
    let text = talk(&gateway, &long.bytes()).await;
    assert!(text.is_empty() || statuses(&text) == [431], "{text}");
}

#[tokio::test]
async fn http_2_who_is_slow_with_a_head_is_closed() {
    let gateway = Gateway::start();
    let silent = async {
        let mut stream = http::connect(gateway.public, &gateway.tls).await;
        assert!(until_closed(&mut stream).await.is_empty());
    };
    let half = async {
        let mut stream = http::connect(gateway.public, &gateway.tls).await;
        stream.write_all(&LIVE.as_bytes()[..30]).await.unwrap();
        let text = until_closed(&mut stream).await;
        assert!(!text.windows(12).any(|w| w == b"HTTP/1.1 200"));
    };
    let dripping = async {
        let stream = http::connect(gateway.public, &gateway.tls).await;
        let (mut read, mut write) = tokio::io::split(stream);
        let drip = async {
            let mut pause = tokio::time::interval(Duration::from_millis(100));
            write
                .write_all(&LIVE.as_bytes()[..LIVE.len() - 2])
                .await
                .unwrap();
            while write.write_all(b"X: y\r\n").await.is_ok() {
                pause.tick().await;
            }
        };
        tokio::select! {
            () = drip => {}
            rest = until_closed(&mut read) => {
                assert!(!rest.windows(12).any(|w| w == b"HTTP/1.1 200"));
            }
        }
    };
    let idle = async {
        let text = talk(&gateway, LIVE.as_bytes()).await;
        assert_eq!(statuses(&text), [200]);
    };
    tokio::join!(silent, half, dripping, idle);
    let slow = gateway
        .metric("gatepost_http_errors_total{kind=\"head_too_slow\"}")
        .await;
    assert!(slow >= 2.0, "{slow}");
    gateway.client("alice").await;
}

#[tokio::test]
async fn http_2_one_connection_has_a_hundred_requests() {
    let gateway = Gateway::start();
    let text = talk(&gateway, LIVE.repeat(102).as_bytes()).await;
    assert_eq!(statuses(&text), [200; 100]);
    assert_eq!(text.matches("connection: close").count(), 1);
}

/// HTTP-4: each is answered once, and what stands behind it never.
#[tokio::test]
async fn http_4_a_request_of_two_meanings_is_the_last_of_its_connection() {
    let gateway = Gateway::start();
    let get =
        |headers: &str| format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let shapes = [
        get("Content-Length: 4\r\nContent-Length: 5\r\n"),
        get("Content-Length: 4, 5\r\n"),
        get("Content-Length: +4\r\n"),
        get("Content-Length: -4\r\n"),
        get("Content-Length: 0x4\r\n"),
        get("Content-Length: 99999999999999999999999\r\n"),
        get("Content-Length:\r\n"),
        get("Transfer-Encoding: identity\r\n"),
        get("Transfer-Encoding: chunked, identity\r\n"),
        get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        get("Transfer-Encoding: xchunked\r\n"),
        get("Transfer-Encoding: \u{b}chunked\r\n"),
        get("Transfer-Encoding : chunked\r\n"),
        get("Content-Length : 4\r\n"),
        get("X: folded\r\n line\r\n"),
        get("X: folded\r\n\tline\r\n"),
        get(" X: leading space\r\n"),
        get("X: bare\rreturn\r\n"),
        get("X: nul\0\r\n"),
        get("X\0: nul\r\n"),
        get("X y: space\r\n"),
        get("no colon\r\n"),
        get(": no name\r\n"),
        get("").replace("HTTP/1.1", "HTTP/2.0"),
        get("").replace("HTTP/1.1", "HTTP/1.2"),
        get("").replace("GET ", "GET  "),
        get("").replace("GET", "G(T"),
        get("").replace("/health", "/hea lth"),
        get("Transfer-Encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0"),
        "\u{16}\u{3}\u{1}".to_owned(),
    ];
    for shape in &shapes {
        let text = talk(&gateway, format!("{shape}{LIVE}").as_bytes()).await;
        assert_eq!(statuses(&text), [400], "{shape:?}: {text}");
        assert!(text.contains("connection: close"), "{shape:?}: {text}");
    }
    let counted = "gatepost_http_errors_total{kind=\"malformed\"}";
    gateway.until_metric(counted, shapes.len() as f64).await;
}

/// HTTP-3, HTTP-4: a body is never followed by another request, since who stands in front may
/// have seen another length.
#[tokio::test]
async fn http_4_nothing_follows_a_request_with_a_body() {
    let gateway = Gateway::start();
    let hidden = LIVE.len();
    let bodies = [
        format!("Content-Length: 5\r\n\r\nhello{LIVE}"),
        format!("Content-Length: {hidden}\r\n\r\n{LIVE}{LIVE}"),
        format!("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{LIVE}"),
        format!("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{LIVE}"),
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{LIVE}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{LIVE}"),
        format!("Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello{LIVE}"),
    ];
    let lines = [
        ("GET /health/live", 200),
        ("GET /health/ready", 200),
        ("OPTIONS /connection/check", 204),
        ("POST /connection/check", 400),
        ("GET /connection/check", 400),
        ("GET /connection/websocket", 426),
        ("POST /connection/websocket", 405),
        ("POST /nowhere", 404),
    ];
    let mut followed = Vec::new();
    for (line, status) in lines {
        for body in &bodies {
            let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n{body}");
            let text = talk(&gateway, head.as_bytes()).await;
            let answered = statuses(&text);
            // To refuse the body is as good as to ignore it.
            let once = [[status], [400], [413]].iter().any(|good| answered == good);
            if !once || !text.contains("connection: close") {
                followed.push((line, body, answered));
            }
        }
    }
    assert!(followed.is_empty(), "{followed:#?}");
}

/// HTTP-5: a proxy that takes the upgrade for done must not be left with an open pipe.
#[tokio::test]
async fn http_5_nothing_behind_a_refused_upgrade_is_answered() {
    let gateway = door::start();
    for case in support::refusals::refusals() {
        let request = case.request.clone().behind(LIVE.as_bytes());
        let text = talk(&gateway, &request.bytes()).await;
        assert_eq!(statuses(&text), [case.status], "{}: {text}", case.name);
    }
}

/// HTTP-9
#[tokio::test]
async fn http_9_trace_and_connect_are_not_methods_here() {
    let gateway = Gateway::start();
    for line in [
        "CONNECT localhost:443 HTTP/1.1",
        "CONNECT /connection/websocket HTTP/1.1",
        "TRACE /connection/websocket HTTP/1.1",
        "TRACE /health/live HTTP/1.1",
        "TRACE /connection/check HTTP/1.1",
        "TRACE / HTTP/1.1",
    ] {
        let answer = gateway.ask(&Request::new("GET", "/").line(line)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method_not_allowed"),
            "{line}"
        );
        assert!(answer.header("allow").is_some(), "{line}");
        assert!(answer.closed, "{line}");
    }
}

/// HTTP-9: every answer with a wrong method names the good ones, is logged and is counted.
#[tokio::test]
async fn http_9_a_wrong_method_is_a_refusal_like_all_others() {
    let gateway = Gateway::start();
    for (path, allow) in [
        (PATH, "GET"),
        ("/health/live", "GET, HEAD"),
        ("/health/ready", "GET, HEAD"),
        ("/connection/check", "GET, POST, OPTIONS"),
    ] {
        let answer = gateway.ask(&Request::new("DELETE", path)).await;
        assert_refused(&answer, path, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow));
    }
    let counted = "gatepost_refusals_total{code=\"method_not_allowed\"}";
    assert_eq!(gateway.metric(counted).await, 4.0);
    assert_eq!(
        gateway
            .logged()
            .matches("\"code\":\"method_not_allowed\"")
            .count(),
        4
    );
}

/// HTTP-6: a node that stops says so first, whatever else is wrong.
#[tokio::test]
async fn http_6_draining_comes_before_path_and_method() {
    let (gateway, _clients) = door::stopping().await;
    for line in [
        "POST /connection/websocket HTTP/1.1",
        "GET /nowhere HTTP/1.1",
    ] {
        let answer = gateway.ask(&Request::upgrade().line(line)).await;
        assert_refused(&answer, line, 503, "draining");
    }
}

/// TLS-4: RFC 9112 §3.2.2, a host in the request line stands in place of the header.
#[tokio::test]
async fn tls_4_a_host_in_the_request_line_is_judged_too() {
    let gateway = door::start();
    let absolute = |host: &str| {
        Request::upgrade_with(&token("alice")).target(&format!("https://{host}{PATH}"))
    };
    let answer = gateway.ask(&absolute("evil.test")).await;
    assert_refused(&answer, "an absolute URI", 421, "host_not_served");
    gateway.lets_in(&absolute("localhost")).await;
}

/// HTTP-10
#[tokio::test]
async fn http_10_the_headers_of_every_answer() {
    let gateway = Gateway::start();
    let check = || Request::new("GET", "/connection/check");
    let asked = [
        (Request::new("GET", "/health/live"), 200),
        (Request::new("HEAD", "/health/ready"), 200),
        (check().bearer(&token("alice")), 204),
        (check(), 401),
        (
            Request::new("OPTIONS", "/connection/check").and("Origin", ORIGIN),
            204,
        ),
        (Request::new("GET", "/"), 404),
        (Request::upgrade(), 401),
    ];
    for (request, status) in asked {
        let answer = gateway.ask(&request.and("Connection", "close")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_of_every_answer(&answer, &format!("{answer:?}"));
        let typed = answer.header("content-type").is_some();
        assert_eq!(typed, status != 204, "{answer:?}");
    }
    let raw = gateway
        .lets_in(&Request::upgrade_with(&token("alice")))
        .await;
    assert_of_every_answer(&raw.answer, "101");
}
