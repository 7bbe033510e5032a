//! Ten thousand bad upgrades leave nothing behind, and frames before the 101 are not lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::refusals::refusals;
use support::request::Request;
use support::wire::{Raw, connect_frame, tcp_from, text_frame, tls_over};
use support::{Gateway, PATIENCE, door, token, token_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

const UPGRADES: usize = 10_000;
const AT_ONCE: usize = 64;

/// An address of loopback for each number; they come again after 62,500.
fn address(number: usize) -> Ipv4Addr {
    let byte = |n: usize| u8::try_from(n % 250 + 1).unwrap();
    Ipv4Addr::new(127, 1, byte(number / 250), byte(number))
}

/// Open file descriptors of the gateway.
fn descriptors(gateway: &Gateway) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", gateway.pid()))
        .unwrap()
        .count()
}

/// A number of `/proc/PID/status`.
fn status(gateway: &Gateway, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits until the gateway has no more descriptors open than this.
async fn until_descriptors(gateway: &Gateway, most: usize) {
    let settled = async {
        while descriptors(gateway) > most {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, settled).await;
    assert!(
        in_time.is_ok(),
        "{} descriptors, before {most}",
        descriptors(gateway)
    );
}

/// Sends all cases in turn, those that stand in this range, from many addresses.
async fn send_all(gateway: &Arc<Gateway>, range: std::ops::Range<usize>) {
    let cases: Arc<[_]> = refusals()
        .into_iter()
        .map(|case| (case.name, case.request.bytes(), case.status))
        .collect();
    let next = Arc::new(AtomicUsize::new(range.start));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (gateway, cases, next) = (gateway.clone(), cases.clone(), next.clone());
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= range.end {
                    break;
                }
                let (name, bytes, status) = &cases[number % cases.len()];
                let answer = ask_from(&gateway, address(number), bytes).await;
                assert_eq!(answer, *status, "{name}");
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
}

async fn ask_from(gateway: &Gateway, from: Ipv4Addr, bytes: &[u8]) -> u16 {
    let socket = tcp_from(from, gateway.public).await;
    let stream = tls_over(socket, &gateway.tls).await.unwrap();
    let raw = Raw::begin(stream, bytes).await;
    assert!(raw.answer.closed);
    raw.answer.status
}

/// Others that never come to an end of their own: they leave at some point of the way.
async fn leave_halfway(gateway: &Gateway, count: usize) {
    let good = Request::upgrade_with(&token("alice")).bytes();
    for number in 0..count {
        let mut socket = tcp_from(address(number), gateway.public).await;
        if number % 4 == 0 {
            continue;
        }
        if number % 4 == 1 {
            socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            continue;
        }
        let mut stream = tls_over(socket, &gateway.tls).await.unwrap();
        let length = if number % 4 == 2 {
            good.len() / 2
        } else {
            good.len()
        };
        stream.write_all(&good[..length]).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// The counters of refusals, by code.
async fn counted(gateway: &Gateway) -> BTreeMap<String, usize> {
    let page = support::http::get_clear(gateway.admin, "/metrics")
        .await
        .body;
    let lines = page.lines().filter_map(|line| {
        let line = line.strip_prefix("gatepost_refusals_total{code=\"")?;
        let (code, count) = line.split_once("\"} ")?;
        Some((code.to_owned(), count.parse().unwrap()))
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_bad_upgrades_leave_nothing_behind() {
    let gateway = Arc::new(door::start());
    let before = descriptors(&gateway);

    send_all(&gateway, 0..UPGRADES / 2).await;
    leave_halfway(&gateway, 200).await;
    gateway.until_metric("gatepost_connections", 0.0).await;
    until_descriptors(&gateway, before).await;
    let (warm, threads) = (status(&gateway, "VmRSS"), status(&gateway, "Threads"));

    send_all(&gateway, UPGRADES / 2..UPGRADES).await;
    leave_halfway(&gateway, 200).await;
    gateway.until_metric("gatepost_connections", 0.0).await;
    until_descriptors(&gateway, before).await;
    let grown = status(&gateway, "VmRSS").saturating_sub(warm);
    assert!(grown < 4096, "{grown} KiB more than {warm} KiB");
    // The one that reads files comes and goes.
    let after = status(&gateway, "Threads");
    assert!(after <= threads + 1, "{after} threads, {threads} before");

    for gauge in ["sessions", "channels", "queued_bytes", "history_bytes"] {
        assert_eq!(
            gateway.metric(&format!("gatepost_{gauge}")).await,
            0.0,
            "{gauge}"
        );
    }
    assert_eq!(gateway.metric("gatepost_panics_total").await, 0.0);
    let cases = refusals();
    let mut wanted = BTreeMap::new();
    for number in 0..UPGRADES {
        *wanted
            .entry(cases[number % cases.len()].code.to_owned())
            .or_insert(0) += 1;
    }
    assert_eq!(counted(&gateway).await, wanted, "each is counted once");
    // And the door still opens.
    gateway.client("alice").await;
}

/// WS-10
#[tokio::test]
async fn ws_10_commands_right_behind_the_request_are_answered_once() {
    let gateway = door::start();
    let request = Request::upgrade_with(&token("alice"));
    let mut raw = gateway
        .lets_in(&request.clone().behind(&connect_frame(1)))
        .await;
    let reply = raw.message().await;
    assert!(reply["id"] == 1 && reply["connect"].is_object(), "{reply}");
    // Were it answered twice, that would come before this.
    raw.send(&text_frame(r#"{"id":2,"rpc":{"method":"x"}}"#))
        .await;
    let reply = raw.message().await;
    assert!(reply["id"] == 2 && reply["error"].is_object(), "{reply}");
}

/// WS-10: many, and more than the head's buffer holds.
#[tokio::test]
async fn ws_10_many_frames_right_behind_the_request_keep_their_order() {
    let gateway = door::start();
    let padding = "p".repeat(700);
    let command = |id: u32| format!(r#"{{"id":{id},"rpc":{{"method":"{padding}"}}}}"#);
    let mut frames = connect_frame(1);
    for id in 2..=40 {
        frames.extend(text_frame(&command(id)));
    }
    assert!(frames.len() > 16 * 1024);
    let request = Request::upgrade_with(&token("alice")).behind(&frames);
    let mut raw = gateway.lets_in(&request).await;
    for id in 1..=40 {
        assert_eq!(raw.message().await["id"], id);
    }
}

/// WS-10: a frame that was begun behind the request goes on after the 101.
#[tokio::test]
async fn ws_10_a_frame_in_two_parts_around_the_101() {
    let gateway = door::start();
    let frame = connect_frame(1);
    for cut in 0..frame.len() {
        let request = Request::upgrade_with(&token(&format!("user{cut}"))).behind(&frame[..cut]);
        let mut raw = gateway.lets_in(&request).await;
        raw.send(&frame[cut..]).await;
        assert_eq!(raw.message().await["id"], 1);
    }
}

/// WS-10: what stands behind a refused request is never read as frames.
#[tokio::test]
async fn ws_10_frames_behind_a_refused_request_are_not_answered() {
    let gateway = door::start();
    let expired = token_with("alice", serde_json::json!({"iat": 0, "exp": 1}));
    for (token, frames) in [(expired.as_str(), 1), ("bad", 1), ("bad", 300)] {
        let frames = connect_frame(1).repeat(frames);
        let request = Request::upgrade_with(token).behind(&frames);
        let mut raw = gateway.begin(&request.bytes()).await;
        assert_eq!(raw.answer.status, 401);
        // Nothing of a WebSocket, neither an answer nor a close frame.
        assert!(raw.answer.closed);
        let mut rest = Vec::new();
        let _ = raw.stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{rest:?}");
    }
    for counter in ["admitted_total", "received_bytes_total", "connections"] {
        assert_eq!(gateway.metric(&format!("gatepost_{counter}")).await, 0.0);
    }
}
