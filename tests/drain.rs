//! How a node ends: not ready, nobody new, everybody told, and then nothing is left.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use support::http::{UPGRADE, get_clear};
use support::{Gateway, Setup, token};
use tokio::time::Instant;

fn draining(window: &str, timeout: &str) -> Gateway {
    let tables = format!("[drain]\nwindow = \"{window}\"\ntimeout = \"{timeout}\"");
    Gateway::with(&Setup {
        tables: &tables,
        ..Setup::default()
    })
}

// RES-4, RES-5.
#[tokio::test]
async fn res_5_a_drain_refuses_the_new_and_closes_the_others_over_its_window() {
    let mut gateway = draining("2s", "10s");
    let mut clients = join_all((0..8).map(|n| gateway.client(["a", "b", "c", "d"][n % 4]))).await;
    let began = Instant::now();
    gateway.signal("TERM");
    gateway.until_logged("draining").await;

    assert_eq!(gateway.get("/health/ready", "").await.status, 503);
    assert_eq!(gateway.get("/health/live", "").await.status, 200);
    assert_eq!(get_clear(gateway.admin, "/health/ready").await.status, 503);
    for path in ["/connection/websocket", "/connection/check"] {
        let bearer = format!("{UPGRADE}Authorization: Bearer {}\r\n", token("new"));
        let refused = gateway.get(path, &bearer).await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
        assert!(
            refused
                .header("retry-after")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                >= 1
        );
    }

    let ends = join_all(clients.iter_mut().map(async |client| {
        let closed = client.closed().await;
        assert_eq!((closed.code, closed.reason.as_str()), (3001, "shutdown"));
        began.elapsed()
    }));
    let mut ends = ends.await;
    ends.sort();
    // One after the other, not all at once; how late each may be is not judged.
    for (number, end) in (1u32..).zip(&ends) {
        assert!(
            *end >= Duration::from_secs(2) * number / 8,
            "{number}: {end:?}"
        );
    }
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn sigint_ends_it_too_and_sighup_does_not() {
    let mut gateway = draining("0s", "10s");
    gateway.signal("HUP");
    gateway.until_logged("SIGHUP ignored").await;
    let mut client = gateway.client("alice").await;
    gateway.signal("INT");
    assert_eq!(client.closed().await.code, 3001);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn one_that_does_not_answer_does_not_hold_it_up() {
    let mut gateway = draining("0s", "10s");
    // A request that is never finished, a handshake that is never begun, and a client that has the
    // close frame and never reads it.
    let _half = gateway.half_request().await;
    let _silent = tokio::net::TcpStream::connect(gateway.public)
        .await
        .unwrap();
    let _deaf = gateway.client("alice").await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut gateway = draining("60s", "90s");
    let _client = gateway.client("alice").await;
    gateway.signal("TERM");
    gateway.until_logged("draining").await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    assert!(gateway.logged().contains("second signal"));
}
