//! A connection with a pipe in place of its socket and a clock that the test moves: what takes
//! minutes on the wall happens at once.

mod explain;
mod link;
mod live;
mod pipe;
mod presence;
mod publish;
mod rates;
mod revocation;
mod tokens;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use self::pipe::Pipe;
use super::*;
use crate::engine::memory::{MemoryEngine, StreamSettings};
use crate::engine::{
    EngineError, HistoryError, HistoryPage, HistoryQuery, Position, PresenceStats,
};
use crate::hub::{Hub, Member};
use crate::identity::testing::{self, NOW, TestIssuer};
use crate::identity::{Algorithm, Door, Origins, Sources, Tickets};
use crate::policy::{ChannelName, HistoryLimits, Policy, PolicySource, RoomSource};
use crate::protocol::{ClientInfo, Format, Payload};

/// A node whose rules let everybody do everything in `chat:`, until 90 s after [`NOW`] hear
/// `early:` and publish there, and those of a team its channel.
fn node(engine: Arc<dyn Engine>, clock: Clock, settings: SessionSettings) -> Sessions {
    Sessions::new(Arc::new(Node {
        terms: InForce::new(terms(&["chat", "early", "team"], settings)),
        engine,
        clock,
        metrics: Metrics::new(),
        lines: logs::Samplers::default(),
    }))
}

/// Those rooms of it alone.
fn terms(rooms: &[&str], settings: SessionSettings) -> Terms {
    let all = || Some("true".to_owned());
    let history = Some(HistoryLimits {
        size: 100,
        ttl: Duration::from_secs(3600),
    });
    let chat = RoomSource {
        subscribe: all(),
        publish: all(),
        history,
        ..RoomSource::default()
    };
    let until = format!("now < timestamp({})", NOW.0 + 90);
    let early = RoomSource {
        subscribe: Some(until.clone()),
        publish: Some(until),
        ..RoomSource::default()
    };
    let of_team = "channel.parts[0] in claims.teams".to_owned();
    let team = RoomSource {
        subscribe: Some(of_team.clone()),
        publish: Some(of_team),
        presence: all(),
        join_leave: true,
        ..RoomSource::default()
    };
    let all_rooms = [("chat", chat), ("early", early), ("team", team)];
    let source = PolicySource {
        rooms: all_rooms
            .into_iter()
            .filter(|(name, _)| rooms.contains(name))
            .map(|(name, room)| (name.to_owned(), room))
            .chain(tokens::rooms())
            .collect(),
        ..PolicySource::default()
    };
    let policy = Policy::compile(source).unwrap().policy;
    let issuers = vec![TestIssuer::new(Algorithm::HS256).settings()];
    let verifier = crate::identity::Verifier::new(issuers, policy.declared_claims().clone());
    let door = Door {
        sources: Sources::default(),
        origins: Origins::parse(&[]).unwrap(),
        allow_missing_origin: true,
        verifier: verifier.unwrap(),
        revocations: Arc::default(),
        tickets: Tickets::in_memory(),
    };
    Terms {
        policy: Arc::new(policy),
        door: Arc::new(door),
        settings,
    }
}

fn memory(clock: &Clock) -> Arc<dyn Engine> {
    let settings = StreamSettings {
        history_bytes: 1 << 20,
        streams: 1000,
    };
    Arc::new(MemoryEngine::new(
        Arc::new(Hub::new(Metrics::new())),
        settings,
        clock.clone(),
    ))
}

const SETTINGS: SessionSettings = SessionSettings {
    max_connections: 16,
    when_full: WhenFull::Refuse,
    connects: None,
    one_connection_per_token: false,
    max_channels: 8,
    rates: rates::OFF,
    ping_interval: Duration::from_secs(25),
    pong_timeout: Duration::from_secs(8),
    max_message: 64 * 1024,
    outbox_bytes: 1 << 20,
};

fn facts() -> ConnectionFacts {
    ConnectionFacts {
        address: [127, 0, 0, 1].into(),
        origin: None,
        protocol: "json",
    }
}

/// The client's end of the pipe.
struct Peer {
    pipe: DuplexStream,
    /// Of a frame with several messages, those that were not asked for yet.
    messages: VecDeque<Value>,
}

impl Peer {
    async fn open(sessions: &Sessions, identity: Identity) -> Peer {
        Peer::open_with(sessions, identity, 1 << 16).await
    }

    async fn open_with(sessions: &Sessions, identity: Identity, pipe: usize) -> Peer {
        let (pipe, wire) = duplex(pipe);
        let reservation = sessions
            .admit(identity, facts(), Conversation::Protocol(Format::Json))
            .await
            .unwrap();
        reservation
            .start(|| Ok(Box::new(Pipe::new(wire))), Bytes::new())
            .unwrap();
        Peer::at(pipe)
    }

    fn at(pipe: DuplexStream) -> Peer {
        let messages = VecDeque::new();
        Peer { pipe, messages }
    }

    async fn connected(sessions: &Sessions, identity: Identity) -> Peer {
        let mut peer = Peer::open(sessions, identity).await;
        peer.send(&json!({"id": 1, "connect": {}})).await;
        assert!(peer.message().await["connect"].is_object());
        peer
    }

    /// One masked text frame; the mask is zero, so that the text stands as it is.
    async fn send(&mut self, command: &Value) {
        let text = command.to_string();
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(short @ 0..126) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.pipe.write_all(&frame).await.unwrap();
    }

    /// The next frame: its opcode and payload.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let opcode = self.pipe.read_u8().await.unwrap() & 0x0f;
        let length = match self.pipe.read_u8().await.unwrap() {
            127 => usize::try_from(self.pipe.read_u64().await.unwrap()).unwrap(),
            126 => usize::from(self.pipe.read_u16().await.unwrap()),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.pipe.read_exact(&mut payload).await.unwrap();
        (opcode, payload)
    }

    /// The next message; pings are answered.
    async fn message(&mut self) -> Value {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return message;
            }
            let (opcode, payload) = self.frame().await;
            let text = String::from_utf8(payload).unwrap();
            assert_eq!(opcode, 1, "{text}");
            for line in text.split('\n') {
                match serde_json::from_str(line).unwrap() {
                    ping if ping == json!({}) => self.send(&ping).await,
                    message => self.messages.push_back(message),
                }
            }
        }
    }

    /// What a command comes to, and what came before that.
    async fn ask(&mut self, command: &str, request: Value) -> (Value, Vec<Value>) {
        self.send(&json!({"id": 99, command: request})).await;
        let mut before = Vec::new();
        loop {
            match self.message().await {
                reply if reply["id"] == 99 => return (reply, before),
                other => before.push(other),
            }
        }
    }

    /// Reads on to the close frame and gives its code.
    async fn close_code(&mut self, answer_pings: bool) -> u16 {
        loop {
            let (opcode, payload) = self.frame().await;
            if opcode == 8 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
            if answer_pings && payload == b"{}" {
                self.send(&json!({})).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_connect_or_answer_is_closed() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut stale = Peer::open(&sessions, testing::identity("alice", json!({}))).await;
    let began = Instant::now();
    assert_eq!(stale.close_code(true).await, 3502);
    assert_eq!(began.elapsed().as_secs(), 10);

    let mut silent = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    let began = Instant::now();
    assert_eq!(silent.close_code(false).await, 3012);
    // The first ping comes between half the interval and the whole, then 8 s for the pong.
    assert!(
        (12 + 8..=25 + 8).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

// WS-2, WS-10: also where a message began right behind the upgrade request.
#[tokio::test(start_paused = true)]
async fn ws_2_a_message_that_began_before_the_101_has_30_seconds_too() {
    let settings = SessionSettings {
        ping_interval: Duration::from_secs(3600),
        ..SETTINGS
    };
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock, settings);
    let (pipe, wire) = duplex(1 << 16);
    let identity = testing::identity("alice", json!({}));
    let admitted = sessions.admit(identity, facts(), Conversation::Echo).await;
    let early = Bytes::from_static(&[0x81, 0x85, 0, 0, 0, 0, b'x']);
    admitted
        .unwrap()
        .start(|| Ok(Box::new(Pipe::new(wire))), early)
        .unwrap();
    let began = Instant::now();
    assert_eq!(Peer::at(pipe).close_code(false).await, 1008);
    assert_eq!(began.elapsed().as_secs(), 30);
}

// RES-6: whatever panics, it ends that connection alone and leaves nothing behind.
#[tokio::test]
async fn res_6_a_panic_ends_one_connection() {
    let clock = Clock::manual(NOW);
    let sessions = node(Arc::new(Panicking), clock, SETTINGS);
    let mut neighbour = Peer::connected(&sessions, testing::identity("bob", json!({}))).await;
    let mut alice = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    alice
        .send(&json!({"id": 2, "subscribe": {"channel": "chat:a"}}))
        .await;
    alice
        .send(&json!({"id": 3, "publish": {"channel": "chat:a", "data": 1}}))
        .await;
    let mut rest = Vec::new();
    alice.pipe.read_to_end(&mut rest).await.unwrap();
    assert_eq!(sessions.node.metrics.panics.get(), 1);
    neighbour
        .send(&json!({"id": 2, "subscribe": {"channel": "chat:a"}}))
        .await;
    assert!(neighbour.message().await["subscribe"].is_object());
    assert_eq!(sessions.node.metrics.connections.get(), 1);
}

/// What an idle connection costs besides TLS: its task holds this future.
#[tokio::test]
async fn the_task_of_a_connection_is_small() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock, SETTINGS);
    let admitted = sessions.admit(
        testing::identity("alice", json!({})),
        facts(),
        Conversation::Protocol(Format::Json),
    );
    let reservation = admitted.await.unwrap();
    let (_pipe, wire) = duplex(64);
    let task = reservation.serve(Box::new(Pipe::new(wire)), Bytes::new());
    assert!(size_of_val(&task) <= 900, "{} bytes", size_of_val(&task));
}

/// An engine that fails in the worst way when it is published to.
struct Panicking;

#[async_trait]
impl Engine for Panicking {
    async fn subscribe(&self, _: &ChannelName, _: Arc<dyn Member>) -> Result<(), EngineError> {
        Ok(())
    }
    async fn unsubscribe(&self, _: &ChannelName, _: &dyn Member) {}
    async fn publish(
        &self,
        _: &ChannelName,
        _: Payload,
        _: Option<Arc<ClientInfo>>,
        _: Option<HistoryLimits>,
    ) -> Result<Position, EngineError> {
        panic!("the engine of this test")
    }
    async fn join(&self, _: &ChannelName, _: Arc<ClientInfo>) -> Result<(), EngineError> {
        Ok(())
    }
    async fn leave(&self, _: &ChannelName, _: Arc<ClientInfo>) -> Result<(), EngineError> {
        Ok(())
    }
    async fn history(&self, _: &ChannelName, _: HistoryQuery) -> Result<HistoryPage, HistoryError> {
        Err(EngineError::Failed("no history".to_owned()).into())
    }
    async fn presence(
        &self,
        _: &ChannelName,
        _: usize,
    ) -> Result<Vec<Arc<ClientInfo>>, EngineError> {
        Ok(Vec::new())
    }
    async fn presence_stats(&self, _: &ChannelName) -> Result<PresenceStats, EngineError> {
        Ok(PresenceStats {
            connections: 0,
            users: 0,
        })
    }
}
