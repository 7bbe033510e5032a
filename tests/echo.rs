//! `/connection/echo`: behind the same door, and a connection of the session like any other.

mod support;

use futures_util::{SinkExt, StreamExt};
use support::{Gateway, Setup, token, token_with};
use tokio_tungstenite::tungstenite::{Bytes, Message};

fn on<'a>(tables: &'a str) -> Setup<'a> {
    Setup {
        door: "echo = true",
        tables,
        ..Setup::default()
    }
}

#[tokio::test]
async fn what_is_sent_comes_back_as_it_was() {
    let gateway = Gateway::with(&on(""));
    let mut client = gateway
        .open("/connection/echo", &token("alice"))
        .await
        .unwrap();
    for message in [
        Message::text("hello"),
        Message::text(""),
        Message::text("two\nlines and ünïcode"),
        Message::binary(Bytes::from_static(&[0, 255, 10, 13])),
        Message::binary(vec![7; 60_000]),
    ] {
        client.socket.send(message.clone()).await.unwrap();
        assert_eq!(client.socket.next().await.unwrap().unwrap(), message);
    }
    client.socket.close(None).await.unwrap();
    assert_eq!(client.closed().await.code, 1000);
}

#[tokio::test]
async fn it_has_the_same_door_and_counts_as_a_connection() {
    let gateway = Gateway::with(&on("[session]
max_connections = 1"));
    let expired = token_with("alice", serde_json::json!({ "exp": 1000, "iat": 900 }));
    let refused = gateway
        .open("/connection/echo", &expired)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, (401, "token_expired".to_owned()));
    let echo = gateway
        .open("/connection/echo", &token("alice"))
        .await
        .unwrap();
    let refused = gateway
        .open("/connection/websocket", &token("alice"))
        .await
        .err()
        .unwrap();
    assert_eq!(refused, (429, "too_many_connections".to_owned()));
    drop(echo);
    gateway.until_metric("gatepost_connections", 0.0).await;
    gateway.client("alice").await;
}

#[tokio::test]
async fn it_is_off_unless_it_is_switched_on() {
    let gateway = Gateway::start();
    let refused = gateway
        .open("/connection/echo", &token("alice"))
        .await
        .err()
        .unwrap();
    assert_eq!(refused, (404, "not_found".to_owned()));
}
