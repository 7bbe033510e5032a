//! Bodies of requests, where there is something that takes them: in development mode.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use serde_json::Value;
use support::answers::assert_refused;
use support::http::{Answer, connect};
use support::request::Request;
use support::wire::until_closed;
use support::{Gateway, ORIGIN};
use tokio::io::AsyncWriteExt;

const LIMIT: usize = 64 * 1024;

fn login() -> Request {
    Request::new("POST", "/dev/login").and("Content-Type", "application/json")
}

fn sized(body: &str) -> Request {
    login()
        .and("Content-Length", &body.len().to_string())
        .behind(body.as_bytes())
}

fn chunked(body: &str) -> Request {
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    login()
        .and("Transfer-Encoding", "chunked")
        .behind(chunk.as_bytes())
}

/// A login of exactly this many bytes.
fn body_of(bytes: usize) -> String {
    let (begin, end) = (r#"{"user":"alice","claims":{"#, "}}");
    format!(
        "{begin}{}{end}",
        " ".repeat(bytes - begin.len() - end.len())
    )
}

fn token_in(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn http_3_a_body_of_64_kib_passes_and_a_byte_more_does_not() {
    let gateway = Gateway::dev();
    for form in [sized, chunked] {
        let token = token_in(&gateway.ask(&form(&body_of(LIMIT))).await);
        let mut raw = gateway.lets_in(&Request::upgrade_with(&token)).await;
        assert_eq!(raw.connect().await, ["#alice"]);
        for bytes in [LIMIT + 1, 4 * LIMIT] {
            let answer = gateway.ask(&form(&body_of(bytes))).await;
            assert_refused_in_dev(&answer, 413, "body_too_large");
        }
    }
    let small = sized(r#"{"user":"alice"}"#);
    token_in(&gateway.ask(&small).await);
}

/// HTTP-2: who does not send what was announced is not waited for without end.
#[tokio::test]
async fn http_2_a_body_that_does_not_come() {
    let gateway = Gateway::dev();
    let part = login().and("Content-Length", "100").behind(b"{");
    let answer = gateway.ask(&part).await;
    assert_eq!((answer.status, answer.closed), (408, true), "{answer:?}");
}

/// As everywhere, without what is said over TLS: localhost is also other projects' name.
fn assert_refused_in_dev(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.header("strict-transport-security"), None);
    let mut answer = answer.clone();
    let strict = ("strict-transport-security", "max-age=1");
    answer
        .headers
        .push((strict.0.to_owned(), strict.1.to_owned()));
    assert_refused(&answer, code, status, code);
}

#[tokio::test]
async fn http_3_the_type_of_a_body_must_fit() {
    let gateway = Gateway::dev();
    let body = r#"{"user":"alice"}"#;
    for good in ["application/json", "Application/JSON; charset=utf-8"] {
        token_in(&gateway.ask(&sized(body).set("Content-Type", good)).await);
    }
    for wrong in [
        "text/plain",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "",
    ] {
        let answer = gateway.ask(&sized(body).set("Content-Type", wrong)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "unsupported_media_type")
        );
        assert!(answer.closed);
    }
    let answer = gateway.ask(&sized(body).without("Content-Type")).await;
    assert_eq!(answer.status, 415);
    let answer = gateway.ask(&sized(body).and("Origin", ORIGIN)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "origin_not_allowed")
    );
    let answer = gateway.ask(&sized("not JSON")).await;
    assert_eq!(answer.status, 400);
}

/// HTTP-4: a body was read, and still nothing follows.
#[tokio::test]
async fn http_4_nothing_follows_a_body_that_was_read() {
    let gateway = Gateway::dev();
    let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let both = chunked(r#"{"user":"alice"}"#).and("Content-Length", "5");
    for request in [
        sized(r#"{"user":"alice"}"#),
        chunked(r#"{"user":"alice"}"#),
        both,
    ] {
        let bytes = request.behind(live.as_bytes()).bytes();
        let mut stream = connect(gateway.public, &gateway.tls).await;
        stream.write_all(&bytes).await.unwrap();
        let text = String::from_utf8(until_closed(&mut stream).await).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    }
}

/// ORIGIN-3, HTTP-9: the pages are there for whom development mode is, and nowhere else.
#[tokio::test]
async fn origin_3_development_mode_has_its_hosts_too() {
    let gateway = Gateway::dev();
    let body = r#"{"user":"alice"}"#;
    for (path, method) in [
        ("/", "GET"),
        ("/dev/jwks.json", "GET"),
        ("/dev/login", "POST"),
    ] {
        let request = sized(body).rename(method, path).set("Host", "evil.test");
        assert_refused_in_dev(&gateway.ask(&request).await, 421, "host_not_served");
    }
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/assets/../index.html",
        "/assets/",
        "//",
        "/nowhere",
    ] {
        let answer = gateway.ask(&Request::new("GET", path)).await;
        assert_refused_in_dev(&answer, 404, "not_found");
    }
    let served = Gateway::start();
    for path in ["/", "/dev/jwks.json", "/dev/login", "/index.html"] {
        let answer = served.ask(&Request::new("GET", path)).await;
        assert_refused(&answer, path, 404, "not_found");
    }
}
