//! A reader that stalls costs its outbox and no more, never gets a stream with a hole in it, and
//! nobody else feels it.

mod support;

use serde_json::{Value, json};
use support::frames::{CLOSE, Raw, text};
use support::{Gateway, PATIENCE, Setup};
use tokio::time::timeout;

const KIB: usize = 1024;
/// The smallest that may be configured.
const OUTBOX: usize = 1024 * KIB;

fn gateway() -> Gateway {
    Gateway::with(&Setup {
        rules: Some(
            r#"
[room.feed]
subscribe = "true"
publish = "true"
presence = "true"
history = { size = 20, ttl = "1h" }
"#,
        ),
        tables: "[session]\nping_interval = \"10m\"\n[limits]\noutbox = \"1MiB\"",
        ..Setup::default()
    })
}

/// Connects and subscribes a client that reads only when it is told to.
async fn stalling(gateway: &Gateway, user: &str) -> Raw {
    let mut raw = gateway.raw_with_small_buffer(user).await;
    raw.connect().await;
    let reply = raw
        .ask(r#"{"id":2,"subscribe":{"channel":"feed:a"}}"#)
        .await;
    assert_eq!(reply, r#"{"id":2,"subscribe":{}}"#);
    raw
}

/// Publishes 60 KiB so many times; all of `healthy` read each before the next is sent, so that
/// they are never slow themselves. The offsets are checked.
async fn feed(gateway: &Gateway, healthy: &mut [support::client::Client], count: u64) {
    let data = json!("x".repeat(60 * KIB));
    let mut offset = 0;
    while offset < count {
        // Nobody speaks for long.
        let mut speaker = gateway.client("speaker").await;
        for _ in 0..(count - offset).min(30) {
            offset += 1;
            speaker.publish("feed:a", data.clone()).await;
            for client in healthy.iter_mut() {
                let publication = client.publication("feed:a").await;
                assert_eq!(publication["offset"], offset);
                assert_eq!(publication["data"].as_str().unwrap().len(), 60 * KIB);
            }
        }
    }
}

async fn healthy(gateway: &Gateway, count: usize) -> Vec<support::client::Client> {
    let mut clients = Vec::new();
    for number in 0..count {
        let mut client = gateway.client(&format!("healthy-{number}")).await;
        client.subscribe("feed:a").await;
        clients.push(client);
    }
    clients
}

/// Resident memory of the process, in bytes.
fn memory(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * KIB
}

/// Reads what is there until the close frame: the offsets that came, and the code.
async fn offsets_and_code(raw: &mut Raw) -> (Vec<u64>, u16) {
    let mut offsets = Vec::new();
    loop {
        let frame = raw.next().await;
        if frame.opcode() == CLOSE {
            return (offsets, frame.close().unwrap().0);
        }
        for line in frame.text().split('\n') {
            let message: Value = serde_json::from_str(line).unwrap();
            offsets.push(message["push"]["pub"]["offset"].as_u64().unwrap());
        }
    }
}

// RES-1
#[tokio::test]
async fn who_reads_again_too_late_gets_a_stream_without_a_hole_and_then_its_end() {
    let gateway = gateway();
    let mut slow = stalling(&gateway, "slow").await;
    let mut healthy = healthy(&gateway, 3).await;
    // Four times what an outbox and the kernel can hold between them.
    feed(&gateway, &mut healthy, 100).await;
    let (offsets, code) = offsets_and_code(&mut slow).await;
    assert_eq!(code, 3008);
    assert!(!offsets.is_empty() && offsets.len() < 60, "{offsets:?}");
    assert!(
        offsets.iter().copied().eq(1..=offsets.len() as u64),
        "{offsets:?}"
    );
    slow.ended().await;
    let closes = r#"gatepost_closes_total{code="3008",by="server"}"#;
    gateway.until_metric(closes, 1.0).await;
    for client in &mut healthy {
        assert_eq!(client.rest().await, Vec::<Value>::new());
    }
}

// RES-1: one that never reads again is gone all the same, with what waited for it.
#[tokio::test]
async fn who_never_reads_again_is_cut() {
    let gateway = gateway();
    let slow = stalling(&gateway, "slow").await;
    let mut healthy = healthy(&gateway, 1).await;
    feed(&gateway, &mut healthy, 60).await;
    let slow_or_stuck = async {
        loop {
            for code in [3008, 3009] {
                let closes = format!(r#"gatepost_closes_total{{code="{code}",by="server"}}"#);
                if gateway.metric(&closes).await == 1.0 {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE * 2, slow_or_stuck).await.unwrap();
    gateway.until_metric("gatepost_sessions", 1.0).await;
    assert_eq!(gateway.metric("gatepost_queued_bytes").await, 0.0);
    let stats = healthy[0]
        .ok("presence_stats", json!({"channel": "feed:a"}))
        .await;
    assert_eq!(stats["num_clients"], 1);
    drop(slow);
}

// RES-1, RES-2: each stalled reader costs its outbox at most, and one publication is held once.
#[tokio::test]
async fn memory_is_bounded_by_the_outboxes() {
    let gateway = gateway();
    let mut stalled = Vec::new();
    for number in 0..20 {
        stalled.push(stalling(&gateway, &format!("slow-{number}")).await);
    }
    let mut healthy = healthy(&gateway, 1).await;
    feed(&gateway, &mut healthy, 1).await;
    let before = memory(&gateway);
    let mut speaker = gateway.client("second-speaker").await;
    let data = json!("y".repeat(60 * KIB));
    let (mut most_queued, mut most_memory) = (0.0_f64, 0);
    for _ in 0..35 {
        speaker.publish("feed:a", data.clone()).await;
        healthy[0].publication("feed:a").await;
        most_queued = most_queued.max(gateway.metric("gatepost_queued_bytes").await);
        most_memory = most_memory.max(memory(&gateway));
    }
    // Besides its outbox each has one message that is half written.
    let most = 20 * (OUTBOX + 64 * KIB);
    assert!(most_queued <= most as f64, "{most_queued}");
    // Twenty outboxes full of the same publications: held once they are little more than one
    // outbox and the history; copied they would be twenty outboxes.
    let grown = most_memory.saturating_sub(before);
    assert!(grown < 14 * OUTBOX, "{grown} bytes");
    assert!(
        most_queued > (10 * OUTBOX) as f64,
        "they did stall: {most_queued}"
    );
}

// RES-1: while much waits for a connection no further command of it is read.
#[tokio::test]
async fn who_asks_for_much_without_reading_waits_and_gets_it_all() {
    let gateway = gateway();
    let mut healthy = healthy(&gateway, 1).await;
    feed(&gateway, &mut healthy, 10).await;
    let mut asking = gateway.raw_with_small_buffer("asking").await;
    asking.connect().await;
    // Some 16 MB in answers, each half an outbox.
    let mut questions = Vec::new();
    for id in 2..34 {
        let history = format!(r#"{{"id":{id},"history":{{"channel":"feed:a","limit":-1}}}}"#);
        questions.extend(text(&history));
    }
    asking.write(&questions).await;
    let paused = async { while gateway.metric("gatepost_queued_bytes").await == 0.0 {} };
    // The kernel is full, one answer is being written, the next one waits, and no more is asked.
    timeout(PATIENCE, paused).await.unwrap();
    assert!(gateway.metric("gatepost_queued_bytes").await <= OUTBOX as f64);
    healthy[0]
        .ok("presence_stats", json!({"channel": "feed:a"}))
        .await;
    for id in 2..34 {
        let reply = asking.next().await;
        let reply: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!(reply["id"], id);
        assert_eq!(
            reply["history"]["publications"].as_array().unwrap().len(),
            8
        );
    }
    assert!(asking.is_alive().await);
}

// RES-1: an answer that is larger than the outbox has left does not end who reads it.
#[tokio::test]
async fn large_answers_between_publications_keep_their_order() {
    let gateway = gateway();
    let mut healthy = healthy(&gateway, 1).await;
    feed(&gateway, &mut healthy, 10).await;
    let reader = &mut healthy[0];
    for _ in 0..5 {
        let page = reader
            .ok("history", json!({"channel": "feed:a", "limit": -1}))
            .await;
        assert_eq!(page["publications"].as_array().unwrap().len(), 8);
        let publish = json!({"channel": "feed:a", "data": "z".repeat(60 * KIB)});
        reader.ok("publish", publish).await;
        reader.publication("feed:a").await;
    }
}
