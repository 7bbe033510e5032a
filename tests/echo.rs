//! The echo server: what comes goes back, behind the same door.

mod support;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use support::client::Client;
use support::frames::{BINARY, CONTINUATION, FIN, PING, PONG, TEXT, close, frame, text};
use support::{Gateway, Setup, now, token, token_with};
use tokio_tungstenite::tungstenite::Message;

const ECHO: &str = "/connection/echo";

fn gateway() -> Gateway {
    Gateway::with(&Setup {
        door: "echo = true",
        ..Setup::default()
    })
}

async fn open(gateway: &Gateway) -> Client {
    gateway.open(ECHO, &token("alice")).await.unwrap()
}

#[tokio::test]
async fn text_and_bytes_come_back_as_they_were() {
    let gateway = gateway();
    let mut echo = open(&gateway).await;
    let messages = [
        Message::text("hello"),
        Message::text(""),
        Message::text("é 😀 \n\n {} \u{0}"),
        Message::text(r#"{"id":1,"connect":{}}"#),
        Message::binary(vec![0, 255, 254, 10]),
        Message::binary(vec![]),
        Message::text("x".repeat(64 * 1024)),
        Message::binary(vec![0xfe; 64 * 1024]),
    ];
    for message in &messages {
        echo.socket.send(message.clone()).await.unwrap();
        let back = echo.socket.next().await.unwrap().unwrap();
        assert!(back == *message, "{} bytes came back", back.len());
    }
    // Without waiting: in order, each a message of its own.
    for message in &messages {
        echo.socket.feed(message.clone()).await.unwrap();
    }
    echo.socket.flush().await.unwrap();
    for message in &messages {
        assert!(echo.socket.next().await.unwrap().unwrap() == *message);
    }
    echo.socket.close(None).await.unwrap();
}

#[tokio::test]
async fn fragments_come_back_as_one_message() {
    let gateway = gateway();
    let mut echo = gateway.raw_at(ECHO, "alice").await;
    let parts = [
        frame(BINARY, b"one "),
        frame(FIN | PING, b"between"),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b"message"),
    ];
    echo.write(&parts.concat()).await;
    let mut came = [echo.next().await, echo.next().await];
    came.sort_by_key(|frame| frame.first);
    assert_eq!(
        (came[0].first, &came[0].payload[..]),
        (FIN | BINARY, &b"one message"[..])
    );
    assert_eq!(
        (came[1].first, &came[1].payload[..]),
        (FIN | PONG, &b"between"[..])
    );
}

// What was good before the fault comes back, then the close.
#[tokio::test]
async fn bad_frames_are_closed_as_on_any_connection() {
    let gateway = gateway();
    for (bad, code) in [
        (frame(FIN | 0x40 | TEXT, b""), 1002),
        (frame(FIN | 3, b""), 1002),
        (frame(FIN | TEXT, b"\xff"), 1007),
        (close(1005, ""), 1002),
        (close(4001, "bye"), 4001),
    ] {
        let mut echo = gateway.raw_at(ECHO, "alice").await;
        echo.write(&[text("before"), bad].concat()).await;
        let first = echo.next().await;
        assert_eq!(first.payload, b"before", "{code}");
        assert_eq!(echo.closed().await, code);
    }
}

#[tokio::test]
async fn it_stands_behind_the_same_door() {
    let gateway = gateway();
    let expired = token_with("alice", json!({"iat": now() - 100, "exp": now() - 1}));
    for (token, code) in [
        ("not-a-token", "token_malformed"),
        (&expired, "token_expired"),
    ] {
        let refused = gateway.open(ECHO, token).await.err();
        assert_eq!(refused, Some((401, code.to_owned())));
    }
    let origin = "Origin: https://evil.example.com\r\n";
    let headers = format!(
        "{}{origin}Authorization: Bearer {}\r\n",
        support::http::UPGRADE,
        token("alice")
    );
    let refused = gateway.get(ECHO, &headers).await;
    assert_eq!(
        (refused.status, &refused.code()[..]),
        (403, "origin_not_allowed")
    );
    let without = gateway.get(ECHO, support::http::UPGRADE).await;
    assert_eq!(without.status, 401, "{without:?}");
    assert_eq!(gateway.get(ECHO, "").await.status, 426);
}

// LIMIT-2: a connection of the session like any other.
#[tokio::test]
async fn it_counts_as_a_connection_of_the_session() {
    let gateway = Gateway::with(&Setup {
        door: "echo = true",
        tables: "[session]\nmax_connections = 2",
        ..Setup::default()
    });
    let _echo = open(&gateway).await;
    let _client = gateway.client("alice").await;
    assert_eq!(gateway.metric("gatepost_connections").await, 2.0);
    assert_eq!(gateway.metric("gatepost_sessions").await, 1.0);
    let full = Some((429, "too_many_connections".to_owned()));
    assert_eq!(gateway.open(ECHO, &token("alice")).await.err(), full);
    let socket = gateway.open("/connection/websocket", &token("alice")).await;
    assert_eq!(socket.err(), full);
    gateway.open(ECHO, &token("bob")).await.unwrap();
}

// It speaks no protocol: nothing said there reaches a room, and nothing of a room reaches it.
#[tokio::test]
async fn it_has_no_part_in_rooms() {
    let gateway = gateway();
    let mut echo = open(&gateway).await;
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    let lines =
        "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"publish\":{\"channel\":\"chat:a\",\"data\":1}}";
    echo.send_text(lines).await;
    let back = echo.socket.next().await.unwrap().unwrap();
    assert_eq!(back, Message::text(lines));
    assert!(bob.rest().await.is_empty());
}

#[tokio::test]
async fn it_is_not_there_unless_it_is_switched_on() {
    let gateway = Gateway::start();
    let refused = gateway.open(ECHO, &token("alice")).await.err();
    assert_eq!(refused.map(|refusal| refusal.0), Some(404));
    assert_eq!(gateway.get(ECHO, "").await.status, 404);
}
