//! What one address, one user and the node itself may take at the door.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::net::Ipv4Addr;

use serde_json::json;
use support::answers::assert_refused;
use support::api::{ADMIN, without_key};
use support::http::{Answer, read_answer};
use support::request::Request;
use support::wire::{Raw, tcp_from, tls_over, until_closed};
use support::{Gateway, ORIGIN, PATIENCE, SECRET, Setup, now, token, token_with};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const ALICE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
const MALLORY: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 66);

fn with(limits: &str) -> Gateway {
    Gateway::with(&Setup {
        door: "echo = true",
        tables: &format!("[limits]\n{limits}"),
        ..Setup::default()
    })
}

async fn connect(gateway: &Gateway, from: Ipv4Addr) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = tcp_from(from, gateway.public).await;
    tls_over(socket, &gateway.tls).await
}

/// One request on a connection of its own.
async fn ask(gateway: &Gateway, from: Ipv4Addr, request: &Request) -> Answer {
    let stream = connect(gateway, from).await.unwrap();
    Raw::begin(stream, &request.bytes()).await.answer
}

/// One request to the admin listener.
async fn call(gateway: &Gateway, from: Ipv4Addr, request: &Request) -> Answer {
    let mut stream = tcp_from(from, gateway.admin).await;
    stream.write_all(&request.bytes()).await.unwrap();
    read_answer(&mut stream).await
}

fn good() -> Request {
    Request::upgrade_with(&token("alice"))
}

fn bad() -> Request {
    Request::upgrade_with("no.token.at-all")
}

fn check(token: &str) -> Request {
    Request::new("POST", "/connection/check")
        .bearer(token)
        .and("Origin", ORIGIN)
}

#[tokio::test]
async fn limit_1_an_address_that_fails_is_refused_and_no_other() {
    let gateway = with("failures_per_address = \"1/h burst 3\"");
    for _ in 0..3 {
        let answer = ask(&gateway, MALLORY, &bad()).await;
        assert_refused(&answer, "bad", 401, "token_malformed");
    }
    let answer = ask(&gateway, MALLORY, &good()).await;
    assert_refused(&answer, "a good one now", 429, "address_fails_too_often");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait} s");
    // Before whether there is anything at the path, and which method it takes (HTTP-6).
    for request in [
        good().target("/connection/nothing"),
        good().line("PUT /connection/check HTTP/1.1"),
    ] {
        let answer = ask(&gateway, MALLORY, &request).await;
        assert_refused(&answer, "before the path", 429, "address_fails_too_often");
    }
    assert_eq!(ask(&gateway, ALICE, &good()).await.status, 101);
    let health = Request::new("GET", "/health/ready").and("Connection", "close");
    assert_eq!(ask(&gateway, MALLORY, &health).await.status, 200);
    let counted = "gatepost_refusals_total{code=\"address_fails_too_often\"}";
    assert_eq!(gateway.metric(counted).await, 3.0);
}

#[tokio::test]
async fn limit_4_all_ways_to_try_a_token_have_one_account() {
    let gateway = Gateway::with(&Setup {
        door: "echo = true\nsources = [\"header\", \"ticket\"]",
        tables: "[limits]\nfailures_per_address = \"1/h burst 5\"",
        ..Setup::default()
    });
    let ways = [
        bad(),
        check("no.token.at-all"),
        bad().target("/connection/echo"),
        check("no.token.at-all").rename("POST", "/connection/ticket"),
        Request::upgrade().target("/connection/websocket?ticket=guessed"),
    ];
    for request in &ways {
        assert_eq!(ask(&gateway, MALLORY, request).await.status, 401);
    }
    for request in &ways {
        let answer = ask(&gateway, MALLORY, request).await;
        assert_refused(&answer, "spent", 429, "address_fails_too_often");
    }
    // The page can read it, and when to come again (HTTP-11).
    let answer = ask(&gateway, MALLORY, &check(&token("alice"))).await;
    assert_refused(&answer, "spent", 429, "address_fails_too_often");
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("retry-after"));
}

/// LIMIT-4: a key of the server API is guessed no more often than a token.
#[tokio::test]
async fn limit_4_wrong_api_keys_are_charged_to_the_account_of_the_door() {
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[limits]\nfailures_per_address = \"1/h burst 3\""),
        ..Setup::default()
    });
    let without = || without_key("unblock_user", r#"{"user":"alice"}"#);
    let with_key = || without().and("X-API-Key", SECRET);
    for guess in [
        without(),
        without().and("X-API-Key", "wrong"),
        without().and("Authorization", "apikey wrong"),
    ] {
        let answer = call(&gateway, MALLORY, &guess).await;
        assert_eq!(answer.code(), "api_key_wrong", "{guess:?}");
    }
    let answer = call(&gateway, MALLORY, &with_key()).await;
    assert_eq!(answer.status, 429, "a good one now");
    assert_eq!(answer.code(), "address_fails_too_often");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait} s");
    let answer = ask(&gateway, MALLORY, &good()).await;
    assert_refused(&answer, "at the door", 429, "address_fails_too_often");
    let metrics = Request::new("GET", "/metrics").and("Connection", "close");
    assert_eq!(call(&gateway, MALLORY, &metrics).await.status, 200);
    // What is wrong with a call is no guess.
    for _ in 0..4 {
        let text = with_key().set("Content-Type", "text/plain");
        assert_eq!(call(&gateway, ALICE, &text).await.status, 415);
    }
    assert_eq!(call(&gateway, ALICE, &with_key()).await.status, 200);
}

#[tokio::test]
async fn limit_1_who_is_authentic_is_not_charged() {
    let gateway = with("failures_per_address = \"1/h burst 1\"");
    let expired = token_with("alice", json!({"exp": now() - 1, "iat": now() - 100}));
    let of_another = token_with("alice", json!({"aud": "another"}));
    let not_charged = [
        (Request::upgrade_with(&expired), 401),
        (check(&expired), 401),
        (Request::upgrade_with(&of_another), 401),
        (good().and("Origin", "https://evil.example"), 403),
        (good().target("/connection/nothing"), 404),
        (Request::new("GET", "/favicon.ico"), 404),
        (good().line("PUT /connection/websocket HTTP/1.1"), 405),
    ];
    for (request, status) in &not_charged {
        for _ in 0..3 {
            let answer = ask(&gateway, ALICE, request).await;
            assert_eq!(answer.status, *status, "{request:?}");
        }
    }
    assert_eq!(ask(&gateway, ALICE, &good()).await.status, 101);
}

#[tokio::test]
async fn limit_1_what_is_charged() {
    let gateway = with("failures_per_address = \"1/h burst 1\"");
    let forged = format!(
        "{}AAAA",
        token("alice").rsplit_once('.').unwrap().0.to_owned() + "."
    );
    let unread = Request::new("GET", "/\u{7f}").line("NOT HTTP AT ALL");
    let charged = [
        (Request::upgrade(), 401),
        (Request::upgrade_with(&forged), 401),
        (good().without("Sec-WebSocket-Key"), 400),
        (good().set("Sec-WebSocket-Version", "8"), 426),
        (
            good()
                .target("/connection/websocket?access_token=x")
                .without("Authorization"),
            400,
        ),
        (check("a b"), 400),
        (good().and("X", &"x".repeat(9217)), 431),
        (unread, 400),
    ];
    for (number, (request, status)) in charged.iter().enumerate() {
        let from = Ipv4Addr::new(127, 0, 3, u8::try_from(number + 1).unwrap());
        let answer = ask(&gateway, from, request).await;
        assert_eq!(answer.status, *status, "{request:?}");
        let answer = ask(&gateway, from, &good()).await;
        assert_eq!(answer.code(), "address_fails_too_often", "{request:?}");
    }
}

#[tokio::test]
async fn limit_1_an_address_that_connects_too_often_is_told_then_turned_away() {
    let gateway = with("connections_per_address = \"1/h burst 10\"");
    for _ in 0..10 {
        assert_eq!(ask(&gateway, MALLORY, &good()).await.status, 101);
    }
    let answer = ask(&gateway, MALLORY, &good()).await;
    assert_refused(&answer, "one too many", 429, "address_connects_too_often");
    for _ in 0..3 {
        assert!(connect(&gateway, MALLORY).await.is_err());
    }
    assert_eq!(ask(&gateway, ALICE, &good()).await.status, 101);
    let counted = "gatepost_turned_away_total{kind=\"address\"}";
    assert_eq!(gateway.metric(counted).await, 3.0);
    gateway.until_logged("connection closed at accept").await;
}

/// LIMIT-2
#[tokio::test]
async fn limit_2_a_user_that_connects_too_often_is_refused() {
    let gateway = with("connections_per_user = \"1/h burst 2\"");
    let bad = Request::upgrade_with(&token("alice")).without("Sec-WebSocket-Key");
    for _ in 0..5 {
        // Whoever is refused has not connected, and who asks does not connect.
        assert_eq!(ask(&gateway, ALICE, &bad).await.status, 400);
        assert_eq!(
            ask(&gateway, ALICE, &check(&token("alice"))).await.status,
            204
        );
    }
    for _ in 0..2 {
        assert_eq!(ask(&gateway, ALICE, &good()).await.status, 101);
    }
    gateway.until_metric("gatepost_sessions", 0.0).await;
    for request in [good(), check(&token("alice"))] {
        let answer = ask(&gateway, ALICE, &request).await;
        assert_refused(&answer, "too often", 429, "user_connects_too_often");
    }
    let bob = Request::upgrade_with(&token("bob"));
    assert_eq!(ask(&gateway, ALICE, &bob).await.status, 101);
}

/// LIMIT-3
#[tokio::test]
async fn limit_3_above_the_ceiling_503_and_beyond_it_nothing() {
    let gateway = with("max_connections = 10");
    let mut open = Vec::new();
    for number in 0..10 {
        open.push(gateway.client(&format!("user-{number}")).await);
    }
    let answer = ask(&gateway, ALICE, &good()).await;
    assert_refused(&answer, "one more", 503, "node_full");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait} s");
    // A connection that says nothing is one too; the next is beyond a tenth more.
    let counted = "gatepost_turned_away_total{kind=\"node\"}";
    let waiting = async {
        loop {
            // Until the one that was refused is gone.
            if let Ok(waiting) = connect(&gateway, ALICE).await {
                break waiting;
            }
        }
    };
    let waiting = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    let before = gateway.metric(counted).await;
    assert!(connect(&gateway, ALICE).await.is_err());
    assert_eq!(gateway.metric(counted).await, before + 1.0);
    // Those who are in feel nothing, and who leaves makes room.
    open[0].subscribe("chat:x").await;
    drop((waiting, open.pop()));
    gateway.until_metric("gatepost_connections", 9.0).await;
    let again = async { while ask(&gateway, ALICE, &good()).await.status != 101 {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

/// A connection from each address, each of another user.
async fn admitted(
    gateway: &Gateway,
    from: impl IntoIterator<Item = Ipv4Addr>,
) -> Vec<Raw<TlsStream<TcpStream>>> {
    let mut open = Vec::new();
    for (number, address) in from.into_iter().enumerate() {
        let request = Request::upgrade_with(&token(&format!("user-{number}")));
        let stream = connect(gateway, address).await.unwrap();
        let raw = Raw::begin(stream, &request.bytes()).await;
        assert_eq!(raw.answer.status, 101, "{number}");
        open.push(raw);
    }
    open
}

/// LIMIT-3: half of a MiB is for 42 connections.
#[tokio::test]
async fn limit_3_the_ceiling_is_what_the_memory_has_room_for() {
    let gateway = with("memory = \"1MiB\"");
    gateway.until_logged("\"max_connections\":42").await;
    let _open = admitted(&gateway, [ALICE; 42]).await;
    let answer = ask(&gateway, ALICE, &good()).await;
    assert_refused(&answer, "full", 503, "node_full");
}

/// LIMIT-3: `ulimit -n 256`.
#[tokio::test]
async fn limit_3_the_ceiling_is_below_the_file_limit() {
    let gateway = Gateway::with(&Setup {
        files: Some(256),
        ..Setup::default()
    });
    let from = |number: u8| Ipv4Addr::new(127, 0, 4, number + 1);
    let mut open = admitted(&gateway, (0..116).map(from)).await;
    let answer = ask(&gateway, ALICE, &good()).await;
    assert_refused(&answer, "full", 503, "node_full");
    // Far more sockets than it has descriptors: it goes on accepting, and answers its operator.
    let mut more = Vec::new();
    for number in 0..400_u16 {
        let [high, low] = number.to_be_bytes();
        more.push(tcp_from(Ipv4Addr::new(127, 0, 5 + high, low), gateway.public).await);
    }
    gateway
        .until_counted("gatepost_turned_away_total{kind=\"node\"}", 300.0)
        .await;
    assert_eq!(gateway.metric("gatepost_accept_errors_total").await, 0.0);
    assert!(until_closed(&mut more[399]).await.is_empty());
    open[0].connect().await;
    drop((open, more));
    gateway.until_metric("gatepost_connections", 0.0).await;
    let again = async { while ask(&gateway, ALICE, &good()).await.status != 101 {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

/// HTTP-6: a node that stops says so first.
#[tokio::test]
async fn http_6_a_node_that_stops_says_so_before_any_limit() {
    let mut gateway = Gateway::with(&Setup {
        tables: "[limits]\nfailures_per_address = \"1/h burst 1\"\n[drain]\nwindow = \"10m\"\ntimeout = \"10m\"",
        ..Setup::default()
    });
    let _alice = gateway.client("alice").await;
    let mut stream = connect(&gateway, MALLORY).await.unwrap();
    assert_eq!(ask(&gateway, MALLORY, &bad()).await.status, 401);
    assert_eq!(ask(&gateway, MALLORY, &good()).await.status, 429);
    gateway.signal("TERM");
    gateway.until_logged("\"draining\"").await;
    stream.write_all(&good().bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_refused(&answer, "draining", 503, "draining");
    gateway.signal("TERM");
    gateway.ended().await;
}
