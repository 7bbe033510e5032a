//! Pings, pongs and the end, byte by byte.

mod support;

use std::time::Duration;

use support::frames::*;
use support::{Gateway, Setup};
use tokio::time::Instant;

// WS-6
#[tokio::test]
async fn pings_are_answered_with_what_they_carry() {
    let gateway = Gateway::start();
    let mut raw = gateway.upgraded("alice").await;
    let longest = [b'p'; 125];
    for payload in [&b""[..], b"hello", b"\x00\xff\xfe", &longest] {
        raw.write(&frame(FIN | PING, payload)).await;
        let pong = raw.next().await;
        assert_eq!((pong.first, &pong.payload[..]), (FIN | PONG, payload));
    }
    raw.connect().await;
    raw.write(&frame(FIN | PING, b"after")).await;
    assert_eq!(raw.next().await.payload, b"after");
}

// WS-6, RFC 6455 §5.4: control frames stand between the fragments of a message.
#[tokio::test]
async fn a_ping_between_fragments_is_answered_and_the_message_goes_on() {
    let gateway = Gateway::start();
    let mut raw = gateway.raw_client("alice").await;
    raw.write(&frame(TEXT, br#"{"id":2,"#)).await;
    raw.write(&frame(FIN | PING, b"between")).await;
    let pong = raw.next().await;
    assert_eq!(
        (pong.first, &pong.payload[..]),
        (FIN | PONG, &b"between"[..])
    );
    raw.write(&frame(FIN | PONG, b"unasked")).await;
    raw.write(&frame(FIN | CONTINUATION, br#""rpc":{}}"#)).await;
    assert!(raw.next().await.text().contains(r#""code":108"#));
}

// WS-6: of pings that come at once the newest is always answered, none out of order, and none
// twice (RFC 6455 §5.5.3).
#[tokio::test]
async fn pongs_do_not_pile_up() {
    let gateway = Gateway::start();
    let mut raw = gateway.raw_client("alice").await;
    let pings: Vec<u8> = (b'a'..=b'j')
        .flat_map(|n| frame(FIN | PING, &[n]))
        .collect();
    raw.write(&pings).await;
    let mut answered = Vec::new();
    while answered.last() != Some(&b'j') {
        let pong = raw.next().await;
        assert_eq!(pong.first, FIN | PONG);
        answered.extend(pong.payload);
    }
    assert!(answered.is_sorted_by(|a, b| a < b), "{answered:?}");
    assert!(raw.is_alive().await, "nothing more comes of them");
}

// WS-6: ten a second, twenty at once.
#[tokio::test]
async fn floods_of_control_frames_are_closed_and_neighbours_are_unharmed() {
    let gateway = Gateway::start();
    let mut neighbour = gateway.raw_client("alice").await;
    for opcode in [PING, PONG] {
        let mut raw = gateway.raw_client("mallory").await;
        raw.write(&frame(FIN | opcode, b"flood").repeat(50_000))
            .await;
        assert_eq!(raw.close_frame().await.0, 1008, "{opcode}");
        assert!(neighbour.is_alive().await);
    }
}

// WS-6: those that nobody asked for are ignored.
#[tokio::test]
async fn a_pong_frame_is_no_pong_of_the_protocol() {
    let gateway = Gateway::start();
    let mut raw = gateway.upgraded("alice").await;
    raw.write(&frame(FIN | PONG, b"before")).await;
    raw.connect().await;
    raw.write(&frame(FIN | PONG, b"after")).await;
    assert!(raw.is_alive().await);
}

// WS-8
#[tokio::test]
async fn a_close_is_answered_once_with_the_same_code() {
    let gateway = Gateway::start();
    for code in [
        1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999,
    ] {
        for connected in [true, false] {
            let mut raw = match connected {
                true => gateway.raw_client("alice").await,
                false => gateway.upgraded("alice").await,
            };
            raw.write(&close(code, "so long")).await;
            let answer = raw.next().await.close();
            // The reason is never an echo.
            assert_eq!(answer, Some((code, String::new())));
            assert_eq!(raw.frame_or_end().await, None);
        }
    }
    // Without a code.
    let mut raw = gateway.raw_client("alice").await;
    raw.write(&frame(FIN | CLOSE, b"")).await;
    let answer = raw.next().await.close();
    assert!(matches!(answer, None | Some((1000, _))), "{answer:?}");
    assert_eq!(raw.frame_or_end().await, None);
}

// WS-8
#[tokio::test]
async fn close_codes_that_may_not_be_sent_are_a_protocol_error() {
    let gateway = Gateway::start();
    for code in [
        0,
        999,
        1004,
        1005,
        1006,
        1015,
        1016,
        1100,
        2000,
        2999,
        5000,
        u16::MAX,
    ] {
        let mut raw = gateway.raw_client("mallory").await;
        raw.write(&close(code, "")).await;
        assert_eq!(raw.closed().await, 1002, "{code}");
    }
    let mut raw = gateway.raw_client("mallory").await;
    raw.write(&frame(FIN | CLOSE, b"\x03")).await;
    assert_eq!(raw.closed().await, 1002);
}

// WS-8: what comes behind a close frame is not read.
#[tokio::test]
async fn nothing_behind_a_close_is_carried_out() {
    let gateway = Gateway::start();
    let mut witness = gateway.client("bob").await;
    witness.subscribe("chat:a").await;
    let mut raw = gateway.raw_client("alice").await;
    let publish = text(r#"{"id":2,"publish":{"channel":"chat:a","data":1}}"#);
    raw.write(&[close(1000, ""), publish].concat()).await;
    raw.ended().await;
    gateway.until_metric("gatepost_connections", 1.0).await;
    assert_eq!(witness.rest().await, Vec::<serde_json::Value>::new());
}

// WS-8: a peer that does not answer our close frame is waited for a while, then dropped.
#[tokio::test]
async fn a_close_without_an_answer_ends_by_itself() {
    let gateway = Gateway::start();
    let mut raw = gateway.raw_client("mallory").await;
    raw.send("not JSON").await;
    assert_eq!(raw.close_frame().await.0, 3501);
    // No close frame from here; only reading on.
    raw.ended().await;
    gateway.until_metric("gatepost_connections", 0.0).await;
    let closes = r#"gatepost_closes_total{code="3501",by="server"}"#;
    assert_eq!(gateway.metric(closes).await, 1.0);
}

#[tokio::test]
async fn half_a_frame_and_then_the_end() {
    let gateway = Gateway::start();
    let whole = text(r#"{"id":2,"publish":{"channel":"chat:a","data":1}}"#);
    let mut witness = gateway.client("bob").await;
    witness.subscribe("chat:a").await;
    for cut in [1, 2, 5, 6, 20, whole.len() - 1] {
        let mut raw = gateway.raw_client("alice").await;
        raw.write(&whole[..cut]).await;
        drop(raw);
    }
    gateway.until_metric("gatepost_connections", 1.0).await;
    assert_eq!(gateway.metric("gatepost_sessions").await, 1.0);
    assert_eq!(gateway.metric("gatepost_panics_total").await, 0.0);
    assert_eq!(witness.rest().await, Vec::<serde_json::Value>::new());
}

// WS-1, WS-2: who announces a message has thirty seconds for it.
#[tokio::test]
async fn half_a_frame_and_then_nothing() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nping_interval = \"10m\"",
        ..Setup::default()
    });
    let mut raw = gateway.raw_client("mallory").await;
    let began = Instant::now();
    raw.write(&header(FIN | TEXT, 64 * 1024)).await;
    assert_eq!(raw.close_frame().await.0, 1008);
    assert!(began.elapsed() >= Duration::from_secs(29));
}
