//! The end of a node: it says so, lets nobody in, and closes its connections evenly.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use support::client::Closed;
use support::frames::TEXT;
use support::http::{UPGRADE, get_clear};
use support::{Gateway, Setup, token};
use tokio::time::{Instant, timeout};

fn gateway(drain: &str) -> Gateway {
    Gateway::with(&Setup {
        tables: &format!("[drain]\n{drain}"),
        ..Setup::default()
    })
}

fn shutdown() -> Closed {
    Closed {
        code: 3001,
        reason: "shutdown".to_owned(),
    }
}

fn upgrade_headers() -> String {
    format!("{UPGRADE}Authorization: Bearer {}\r\n", token("bob"))
}

async fn says_so_and_lets_nobody_in(signal: &str) {
    let mut gateway = gateway("window = \"20s\"\ntimeout = \"60s\"");
    assert_eq!(gateway.get("/health/ready", "").await.status, 200);
    assert_eq!(get_clear(gateway.admin, "/health/ready").await.status, 200);
    // One of them has its turn at the end of the window, or near it.
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(gateway.client("alice").await);
    }
    gateway.signal(signal);
    gateway.until_logged("draining").await;

    let public = gateway.get("/health/ready", "").await;
    assert_eq!(public.status, 503);
    assert!(public.body.contains("draining"), "{public:?}");
    let admin = get_clear(gateway.admin, "/health/ready").await;
    assert_eq!(admin.status, 503);
    assert!(admin.body.contains("draining"), "{admin:?}");
    // It is not dead, only leaving.
    assert_eq!(gateway.get("/health/live", "").await.status, 200);
    assert_eq!(get_clear(gateway.admin, "/health/live").await.status, 200);

    let refused = gateway
        .get("/connection/websocket", &upgrade_headers())
        .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert!(refused.closed);
    assert_eq!(gateway.get("/connection/check", "").await.status, 503);

    for client in &mut clients {
        assert_eq!(client.closed().await, shutdown());
    }
    assert_eq!(gateway.ended().await.code(), Some(0), "SIG{signal}");
}

#[tokio::test]
async fn after_sigterm_a_node_says_that_it_stops_and_lets_nobody_in() {
    says_so_and_lets_nobody_in("TERM").await;
}

#[tokio::test]
async fn after_sigint_a_node_says_that_it_stops_and_lets_nobody_in() {
    says_so_and_lets_nobody_in("INT").await;
}

// RES-4: not all at once, or all come back at once.
#[tokio::test]
async fn connections_are_closed_evenly_over_the_window() {
    const CLIENTS: u32 = 10;
    let window = Duration::from_secs(5);
    let mut gateway = gateway("window = \"5s\"\ntimeout = \"30s\"");
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(gateway.client(&format!("user-{number}")).await);
    }
    let began = Instant::now();
    gateway.signal("TERM");
    let mut ends = join_all(clients.iter_mut().map(async |client| {
        assert_eq!(client.closed().await, shutdown());
        began.elapsed()
    }))
    .await;
    ends.sort();
    // None before its turn; how much later it is noticed here is the machine's affair.
    for (turn, end) in (0..CLIENTS).zip(&ends) {
        assert!(*end >= window * turn / CLIENTS, "{turn}: {ends:?}");
    }
    assert_eq!(gateway.ended().await.code(), Some(0));
}

// Commands are carried out and publications delivered until a connection's turn comes.
#[tokio::test]
async fn until_its_turn_a_connection_is_served() {
    let mut gateway = gateway("window = \"10m\"\ntimeout = \"10m\"");
    let mut clients = Vec::new();
    for number in 0..4 {
        clients.push(gateway.raw_client(&format!("user-{number}")).await);
    }
    gateway.signal("TERM");
    gateway.until_logged("draining").await;
    let mut served = 0;
    for client in &mut clients {
        client
            .send(r#"{"id":2,"subscribe":{"channel":"chat:a"}}"#)
            .await;
        let frame = client.next().await;
        // At most one has had its turn this early in the ten minutes.
        if frame.opcode() == TEXT {
            assert_eq!(frame.text(), r#"{"id":2,"subscribe":{}}"#);
            client
                .send(r#"{"id":3,"publish":{"channel":"chat:a","data":"still here"}}"#)
                .await;
            assert!(client.next().await.text().contains("still here"));
            served += 1;
        }
    }
    assert!(served >= 3, "{served}");
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn without_connections_or_with_no_window_it_ends_at_once() {
    let mut idle = gateway("window = \"60s\"\ntimeout = \"60s\"");
    idle.signal("TERM");
    assert_eq!(idle.ended().await.code(), Some(0));
    idle.until_logged(r#""message":"stopped""#).await;

    let mut busy = gateway("window = \"0s\"\ntimeout = \"60s\"");
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(busy.client("alice").await);
    }
    busy.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.closed().await, shutdown());
    }
    assert_eq!(busy.ended().await.code(), Some(0));
    busy.until_logged(r#""message":"stopped""#).await;
}

// SIGHUP is no end: it is often sent to have a configuration read again.
#[tokio::test]
async fn sighup_ends_nothing() {
    let gateway = gateway("window = \"0s\"\ntimeout = \"60s\"");
    let mut alice = gateway.raw_client("alice").await;
    gateway.signal("HUP");
    gateway.until_logged("configuration read again").await;
    assert!(alice.is_alive().await);
    assert_eq!(gateway.get("/health/ready", "").await.status, 200);
    gateway.client("bob").await;
}

// Who does not answer the close frame does not hold it up.
#[tokio::test]
async fn a_connection_that_does_not_answer_is_dropped() {
    let mut gateway = gateway("window = \"0s\"\ntimeout = \"60s\"");
    let mut deaf = gateway.raw_client("alice").await;
    gateway.signal("TERM");
    assert_eq!(deaf.close_frame().await.0, 3001);
    // Reads on and says nothing.
    deaf.ended().await;
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.until_logged(r#""message":"stopped""#).await;
}

#[tokio::test]
async fn what_is_left_after_the_timeout_is_cut_off() {
    let mut gateway = gateway("window = \"0s\"\ntimeout = \"1s\"");
    let mut deaf = gateway.raw_client("alice").await;
    gateway.signal("TERM");
    // It would have two seconds to answer its close frame.
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.until_logged("drain took too long").await;
    deaf.ended().await;
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut gateway = gateway("window = \"10m\"\ntimeout = \"10m\"");
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(gateway.client("alice").await);
        }
        gateway.signal(first);
        gateway.until_logged("draining").await;
        gateway.signal(second);
        assert_eq!(gateway.ended().await.code(), Some(0));
        gateway.until_logged("second signal").await;
    }
}

// Requests that are begun and not whole do not hold up the end either.
#[tokio::test]
async fn half_a_request_does_not_hold_it_up() {
    use tokio::io::AsyncWriteExt;
    let mut gateway = gateway("window = \"0s\"\ntimeout = \"60s\"");
    let silent = tokio::net::TcpStream::connect(gateway.public)
        .await
        .unwrap();
    let mut half = support::http::connect(gateway.public, &gateway.tls).await;
    half.write_all(b"GET /health/ready HTTP/1.1\r\n")
        .await
        .unwrap();
    half.flush().await.unwrap();
    let idle = support::http::connect(gateway.public, &gateway.tls).await;
    let mut client = gateway.client("alice").await;
    gateway.signal("TERM");
    assert_eq!(client.closed().await, shutdown());
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.until_logged(r#""message":"stopped""#).await;
    drop((silent, half, idle));
}

// RES-5: under load, with subscriptions and echoes, everything has its end.
#[tokio::test]
async fn under_load_everything_ends_in_order() {
    let mut gateway = Gateway::with(&Setup {
        door: "echo = true",
        tables: "[drain]\nwindow = \"2s\"\ntimeout = \"60s\"",
        ..Setup::default()
    });
    let mut clients = Vec::new();
    for number in 0..10 {
        let mut client = gateway.client(&format!("user-{number}")).await;
        client.subscribe("chat:a").await;
        clients.push(client);
    }
    let mut echo = gateway
        .open("/connection/echo", &token("echo"))
        .await
        .unwrap();
    let talk = |mut client: support::client::Client| {
        tokio::spawn(async move {
            // Publishes until it is told to go, and reads in between, so that it is never slow.
            let publish = json!({"channel": "chat:a", "data": "x".repeat(1000)});
            loop {
                let text = json!({"id": 7, "publish": publish}).to_string();
                use futures_util::SinkExt;
                let message = tokio_tungstenite::tungstenite::Message::text(text);
                if client.socket.send(message).await.is_err() {
                    return None;
                }
                match timeout(Duration::from_millis(50), client.closed()).await {
                    Ok(closed) => return Some(closed),
                    Err(_) => continue,
                }
            }
        })
    };
    let talks: Vec<_> = clients.into_iter().map(talk).collect();
    gateway.signal("TERM");
    assert_eq!(echo.closed().await, shutdown());
    for talk in talks {
        // None: it wrote while it was being told.
        let closed = talk.await.unwrap();
        assert!(closed.is_none() || closed == Some(shutdown()), "{closed:?}");
    }
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.until_logged(r#""message":"stopped""#).await;
    let logged = gateway.logged();
    assert!(!logged.contains("panic"), "{logged}");
}
