//! The server pings, the client answers, and who does not is gone. These wait for real, with the
//! shortest interval that there is.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::frames::{FIN, Frame, PING, PONG, TEXT, frame};
use support::{Gateway, Setup, token};
use tokio::time::Instant;

const FRAME_PINGS: &str = "/connection/websocket?cf_ws_frame_ping_pong=true";

fn gateway() -> Gateway {
    Gateway::with(&Setup {
        tables: "[session]\nping_interval = \"5s\"\npong_timeout = \"4s\"",
        ..Setup::default()
    })
}

fn is_ping(frame: &Frame) -> bool {
    frame.text() == "{}"
}

// WS-7: the first after half to all of the interval, then every interval, whatever else flows.
#[tokio::test]
async fn pings_come_and_pongs_keep_the_connection_alive() {
    let gateway = gateway();
    let mut raw = gateway.upgraded("alice").await;
    let began = Instant::now();
    let reply = raw.connect().await;
    assert_eq!((&reply["ping"], &reply["pong"]), (&json!(5), &json!(true)));
    let mut pings = Vec::new();
    for _ in 0..3 {
        assert!(is_ping(&raw.next().await));
        pings.push(began.elapsed());
        // A command is no pong, and does not move the next ping.
        raw.send(r#"{"id":2,"rpc":{}}"#).await;
        assert!(raw.next().await.text().contains("108"));
        raw.send("{}").await;
    }
    // Never early; how late they come is the machine's affair.
    for (index, ping) in pings.iter().enumerate() {
        let earliest = Duration::from_millis(2_450 + 5_000 * index as u64);
        assert!(*ping >= earliest, "{pings:?}");
    }
    // A second pong for the same ping answers nothing.
    raw.send("{}").await;
    assert_eq!(raw.closed().await, 3501);
}

// WS-7: only a pong counts.
#[tokio::test]
async fn no_pong_is_the_end() {
    let gateway = gateway();
    let mut client = gateway.client("alice").await;
    client.answers_pings = false;
    let closed = client.closed().await;
    assert_eq!((closed.code, &closed.reason[..]), (3012, "no pong"));

    let mut raw = gateway.raw_client("alice").await;
    assert!(is_ping(&raw.next().await));
    loop {
        // Commands and pong frames are answered or ignored, and change nothing.
        raw.write(&frame(FIN | PONG, b"")).await;
        raw.send(r#"{"id":2,"rpc":{}}"#).await;
        let next = raw.next().await;
        if next.opcode() != TEXT {
            assert_eq!(next.close().unwrap().0, 3012);
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let closes = r#"gatepost_closes_total{code="3012",by="server"}"#;
    gateway.until_metric(closes, 2.0).await;
}

// A pong may share its frame with commands.
#[tokio::test]
async fn a_pong_beside_commands_in_one_frame_counts() {
    let gateway = gateway();
    let mut raw = gateway.raw_client("alice").await;
    for _ in 0..2 {
        assert!(is_ping(&raw.next().await));
        raw.send("{\"id\":2,\"rpc\":{}}\n{}\n{\"id\":3,\"rpc\":{}}")
            .await;
        let mut lines = Vec::new();
        while lines.len() < 2 {
            let frame = raw.next().await;
            lines.extend(frame.text().split('\n').map(str::to_owned));
        }
        assert!(lines[0].contains("\"id\":2") && lines[1].contains("\"id\":3"));
    }
}

// For terminals: WebSocket's own pings, and nothing about pings in the connect reply.
#[tokio::test]
async fn who_asks_for_ping_frames_gets_them_instead() {
    let gateway = gateway();
    let mut raw = gateway.raw_at(FRAME_PINGS, "alice").await;
    let reply = raw.connect().await;
    assert_eq!((reply.get("ping"), reply.get("pong")), (None, None));
    for _ in 0..2 {
        let ping = raw.next().await;
        assert_eq!(ping.first, FIN | PING);
        raw.write(&frame(FIN | PONG, &ping.payload)).await;
    }
    assert!(raw.is_alive().await);
    // The protocol's pong answers no ping here.
    raw.send("{}").await;
    assert_eq!(raw.closed().await, 3501);

    // A library answers by itself.
    let mut client = gateway.open(FRAME_PINGS, &token("alice")).await.unwrap();
    client.ok("connect", json!({})).await;
    assert_eq!(client.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn no_pong_frame_is_the_end_too() {
    let gateway = gateway();
    let mut raw = gateway.raw_at(FRAME_PINGS, "alice").await;
    raw.connect().await;
    assert_eq!(raw.next().await.first, FIN | PING);
    assert_eq!(raw.closed().await, 3012);
}

#[tokio::test]
async fn other_values_of_the_parameter_and_other_parameters_change_nothing() {
    let gateway = gateway();
    for query in ["cf_ws_frame_ping_pong=false", "cf_protocol_version=v2", "x"] {
        let path = format!("/connection/websocket?{query}");
        let mut client = gateway.open(&path, &token("alice")).await.unwrap();
        let reply = client.ok("connect", json!({})).await;
        assert_eq!(reply["ping"], 5, "{query}");
    }
}
