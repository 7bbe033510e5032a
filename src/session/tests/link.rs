//! The way to a client when others write to it too: nothing is stuck, lost or said in the wrong
//! place.

use std::io;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use super::*;
use crate::hub::{Batch, Delivered, Event, Seat};
use crate::protocol::Publication;

fn house() -> (Arc<Hub>, Sessions) {
    let (clock, hub) = (Clock::manual(NOW), Arc::new(Hub::new(Metrics::new())));
    let settings = StreamSettings {
        history_bytes: 1 << 20,
        streams: 1000,
    };
    let engine = MemoryEngine::new(hub.clone(), settings, clock.clone());
    (hub.clone(), node(Arc::new(engine), clock, SETTINGS))
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn publication(bytes: usize) -> Event {
    let data = Payload::parse(format!("{:?}", "x".repeat(bytes)).as_bytes()).unwrap();
    Event::Publication(Arc::new(Publication {
        data,
        info: None,
        offset: 0,
    }))
}

async fn subscribe(peer: &mut Peer) {
    peer.send(&json!({"id": 2, "subscribe": {"channel": "chat:a"}}))
        .await;
    assert!(peer.message().await["subscribe"].is_object());
}

/// More waits in `chat:b` than may, and here no flusher ever comes to it.
fn crowd(hub: &Hub) {
    for _ in 0..200 {
        hub.add(&channel("chat:b"), Arc::<Deaf>::default());
    }
    for _ in 0..20 {
        drop(hub.enqueue(&channel("chat:b"), publication(60_000)));
    }
}

/// Alice is subscribed to `chat:a`, and her publication waits for room in `chat:b`.
async fn alice_waits_for_room() -> (Arc<Hub>, Sessions, Peer) {
    let (hub, sessions) = house();
    let mut alice = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    subscribe(&mut alice).await;
    crowd(&hub);
    alice
        .send(&json!({"id": 3, "publish": {"channel": "chat:b", "data": 1}}))
        .await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    (hub, sessions, alice)
}

#[derive(Default)]
struct Deaf(Seat);

impl Member for Deaf {
    fn seat(&self) -> &Seat {
        &self.0
    }
    fn info(&self) -> Arc<ClientInfo> {
        unreachable!("nobody asks who is there")
    }
    fn deliver(&self, _: &Arc<Batch>) -> Delivered {
        Delivered::default()
    }
    fn fail(&self) {}
}

#[tokio::test(start_paused = true)]
async fn many_tiny_messages_are_echoed_without_waiting_for_a_timer() {
    const COUNT: usize = 2300;
    let (_, sessions) = house();
    let (mut pipe, wire) = duplex(1 << 20);
    let identity = testing::identity("alice", json!({}));
    let admitted = sessions.admit(identity, facts(), Conversation::Echo).await;
    admitted
        .unwrap()
        .start(|| Ok(Box::new(Pipe::new(wire))), Bytes::new())
        .unwrap();
    let began = Instant::now();
    let frames = [0x81, 0x81, 0, 0, 0, 0, b'x'].repeat(COUNT);
    pipe.write_all(&frames).await.unwrap();
    let mut back = vec![0; 3 * COUNT];
    pipe.read_exact(&mut back).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_ping_behind_a_large_answer_is_answered_when_there_is_room() {
    let (_, sessions) = house();
    let mut bob = Peer::connected(&sessions, testing::identity("bob", json!({}))).await;
    let data = Payload::parse(format!("{:?}", "x".repeat(4000)).as_bytes()).unwrap();
    let limits = Some(HistoryLimits {
        size: 100,
        ttl: Duration::from_secs(3600),
    });
    let room = channel("chat:a");
    for _ in 0..60 {
        let engine = &sessions.node.engine;
        let published = engine.publish(&room, data.clone(), None, limits).await;
        published.unwrap();
    }
    let text = json!({"id": 2, "history": {"channel": "chat:a", "limit": -1}}).to_string();
    let mut frames = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frames.extend_from_slice(text.as_bytes());
    frames.extend_from_slice(&[0x89, 0x80, 0, 0, 0, 0]);
    let began = Instant::now();
    bob.pipe.write_all(&frames).await.unwrap();
    while bob.frame().await.0 != 10 {}
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_written_to_and_then_told_to_try_later() {
    let (hub, _sessions, mut alice) = alice_waits_for_room().await;
    // More than the pipe holds; she reads it.
    for _ in 0..10 {
        hub.publish(&channel("chat:a"), publication(30_000)).await;
    }
    let began = Instant::now();
    for _ in 0..10 {
        assert!(alice.message().await["push"].is_object());
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(alice.message().await["error"]["code"], 111);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_can_be_ended() {
    let (_hub, sessions, mut alice) = alice_waits_for_room().await;
    let began = Instant::now();
    sessions.places.peers()[0].end(Disconnect::ConnectionLimit);
    assert_eq!(alice.close_code(true).await, 3504);
    assert!(began.elapsed() <= Duration::from_secs(1));
}

/// Stands for publishers on other cores: while a batch is delivered the next one comes.
struct Others {
    seat: Seat,
    hub: Weak<Hub>,
    left: AtomicUsize,
}

impl Member for Others {
    fn seat(&self) -> &Seat {
        &self.seat
    }
    fn info(&self) -> Arc<ClientInfo> {
        unreachable!("nobody asks who is there")
    }
    fn deliver(&self, _: &Arc<Batch>) -> Delivered {
        let left = self
            .left
            .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
        if let (Ok(_), Some(hub)) = (left, self.hub.upgrade()) {
            drop(hub.enqueue(&channel("chat:a"), publication(60_000)));
        }
        Delivered::default()
    }
    fn fail(&self) {}
}

#[tokio::test(start_paused = true)]
async fn who_delivers_for_others_is_not_slow_itself() {
    let (hub, sessions) = house();
    let flushers: Vec<_> = hub.flushers().map(tokio::spawn).collect();
    // Her socket takes all of it: if anything is slow, it is not she.
    let identity = testing::identity("alice", json!({}));
    let mut alice = Peer::open_with(&sessions, identity, 1 << 22).await;
    alice.send(&json!({"id": 1, "connect": {}})).await;
    assert!(alice.message().await["connect"].is_object());
    subscribe(&mut alice).await;
    let others = Others {
        seat: Seat::default(),
        hub: Arc::downgrade(&hub),
        left: 30.into(),
    };
    hub.add(&channel("chat:a"), Arc::new(others));
    alice
        .send(&json!({"id": 3, "publish": {"channel": "chat:a", "data": 1}}))
        .await;
    let (mut pushes, mut replies) = (0, 0);
    while pushes < 31 || replies < 1 {
        match alice.message().await["push"].is_object() {
            true => pushes += 1,
            false => replies += 1,
        }
    }
    flushers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A pipe whose third write is not like the others.
struct Third {
    pipe: Pipe,
    writes: u32,
    does: fn() -> io::Result<Written>,
}

impl Wire for Third {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        self.writes += 1;
        match self.writes {
            3 => (self.does)(),
            _ => self.pipe.write(bytes),
        }
    }
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        self.pipe.poll_flush(cx)
    }
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.pipe.poll_read(cx, into)
    }
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_shutdown(cx)
    }
    fn abort(&self) {}
}

/// A client that is subscribed, and to which the first publication is written as `does` says, the
/// second as ever; what it gets of both.
async fn third_write(does: fn() -> io::Result<Written>) -> Vec<u8> {
    let (hub, sessions) = house();
    let (pipe, wire) = duplex(1 << 16);
    let identity = testing::identity("alice", json!({}));
    let protocol = Conversation::Protocol(Format::Json);
    let admitted = sessions.admit(identity, facts(), protocol).await;
    let wire = Third {
        pipe: Pipe::new(wire),
        writes: 0,
        does,
    };
    admitted
        .unwrap()
        .start(|| Ok(Box::new(wire)), Bytes::new())
        .unwrap();
    let mut alice = Peer::at(pipe);
    alice.send(&json!({"id": 1, "connect": {}})).await;
    alice.message().await;
    subscribe(&mut alice).await;
    for _ in 0..2 {
        hub.publish(&channel("chat:a"), publication(10)).await;
    }
    let mut rest = Vec::new();
    alice.pipe.read_to_end(&mut rest).await.unwrap();
    rest
}

// RES-6: nothing is said behind the hole but why it ends.
#[tokio::test(start_paused = true)]
async fn res_6_a_panic_in_a_delivery_ends_that_connection() {
    let rest = third_write(|| panic!("the wire of this test")).await;
    let code = u16::from_be_bytes([rest[2], rest[3]]);
    assert_eq!((rest[0], code), (0x88, 3004));
}

// WS-8: 1006 is never sent.
#[tokio::test(start_paused = true)]
async fn ws_8_a_failed_write_ends_without_a_close_frame() {
    let rest = third_write(|| Err(io::ErrorKind::OutOfMemory.into())).await;
    assert_eq!(rest, b"");
}
