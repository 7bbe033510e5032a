//! A node without file descriptors goes on as soon as there are some again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::net::Ipv4Addr;
use std::process::Command;

use support::wire::tcp_from;
use support::{Gateway, Setup};

/// LIMIT-3
#[tokio::test]
async fn limit_3_the_node_never_stops_accepting() {
    let gateway = Gateway::with(&Setup {
        tables: "[limits]\nhandshake_timeout = \"60s\"",
        ..Setup::default()
    });
    let limited = Command::new("prlimit")
        .args(["--nofile=64:64", "--pid", &gateway.pid().to_string()])
        .status();
    assert!(limited.unwrap().success());
    let mut sockets = Vec::new();
    for number in 1..=100 {
        sockets.push(tcp_from(Ipv4Addr::new(127, 0, 1, number), gateway.public).await);
    }
    // Nobody can ask for metrics now.
    gateway.until_logged("accept failed").await;
    drop(sockets);
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:x").await;
    assert!(gateway.metric("gatepost_accept_errors_total").await >= 1.0);
    gateway.until_metric("gatepost_accepted_total", 101.0).await;
}
