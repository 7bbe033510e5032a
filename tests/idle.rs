//! What an idle connection costs: 5,000 of them, each of its own user, subscribed to the personal
//! channel and to a room. `cargo test --release --test idle -- --nocapture` prints the figure.

mod support;

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use support::Gateway;
use tokio::sync::Semaphore;

const CONNECTIONS: usize = 5000;
/// Proportional set size of the gateway for each, in KiB.
const MOST_KIB: f64 = 11.0;

#[tokio::test(flavor = "multi_thread")]
async fn res_3_an_idle_connection_costs_less_than_11_kib() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .unwrap();

    let gateway = Arc::new(Gateway::start());
    // The first connections also pay for what all share.
    let warm = open(&gateway, 0..200).await;
    let before = pss_kib(gateway.pid());
    let idle = open(&gateway, 200..200 + CONNECTIONS).await;
    let each = (pss_kib(gateway.pid()) - before) / CONNECTIONS as f64;
    println!("{each:.1} KiB PSS for each of {CONNECTIONS} idle connections");
    assert!(each < MOST_KIB, "{each:.1} KiB");
    drop((warm, idle));
    gateway.until_metric("gatepost_connections", 0.0).await;
}

async fn open(
    gateway: &Arc<Gateway>,
    users: std::ops::Range<usize>,
) -> Vec<support::client::Client> {
    let at_once = Arc::new(Semaphore::new(64));
    let tasks: Vec<_> = users
        .map(|user| {
            let (gateway, at_once) = (gateway.clone(), at_once.clone());
            tokio::spawn(async move {
                let _turn = at_once.acquire().await.unwrap();
                let mut client = gateway.client(&format!("user-{user}")).await;
                let channel = format!("chat:room-{user}");
                client.ok("subscribe", json!({ "channel": channel })).await;
                client
            })
        })
        .collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    clients
}

fn pss_kib(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
