//! The task of one connection: reads frames, has commands carried out, writes what came of them,
//! keeps the deadlines. There is one per WebSocket, and it touches no other. What others have for
//! its client goes past it, by the [`Link`](super::link::Link), unless the socket is full.

mod due;
mod incoming;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use self::due::counting;
use super::Node;
use super::client::Client;
use super::close::{By, Close};
use super::deadlines::{Deadlines, Due};
use super::inbox::{Inbox, ReadTurn};
use super::link::WriteTurn;
use super::peer::Peer;
use super::rates::Together;
use crate::identity::Identity;
use crate::limits::{
    CLOSE_TIMEOUT, CONNECT_TIMEOUT, EMPTY_READS, FIRST_MESSAGE_BYTES, MESSAGE_TIMEOUT,
    OUTBOX_SOFT_BYTES, WRITE_TIMEOUT,
};
use crate::protocol::websocket::{Frame, Violation, close_frame, close_reply};
use crate::protocol::{Command, Decoder, Disconnect, Request};
use crate::rate::Bucket;

/// What runs on a connection.
pub(super) enum Service {
    /// The Centrifuge client protocol.
    Protocol(Box<Client>),
    /// Every message comes back as it is, until the identity expires.
    Echo(Identity),
}

/// One connection.
pub(super) struct Connection {
    node: Arc<Node>,
    peer: Arc<Peer>,
    inbox: Inbox,
    service: Service,
    /// The message whose commands are being carried out.
    commands: Option<Decoder>,
    deadlines: Deadlines,
    pings: Pings,
    stage: Stage,
    together: Arc<Together>,
    control_frames: Bucket,
    empty_reads: Bucket,
    /// The client broke the rules behind the last whole frame; what came before is carried out.
    violation: Option<Violation>,
    /// Since when nothing is read, because too much waits to be written.
    paused: Option<Instant>,
}

/// How the server keeps the connection alive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pings {
    /// By messages of the protocol.
    Protocol,
    /// By WebSocket frames, for terminals that speak only those.
    Frames,
}

/// How far the end has come; why it has, the link knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Our close frame is queued; the peer's is awaited.
    Closing,
    /// Both close frames are exchanged, once what we wrote is out.
    Closed,
    /// There is nobody to say goodbye to.
    GaveUp,
}

/// What there is to do.
enum Turn {
    Pong,
    /// In a box, for the room that a command takes is not an idle connection's to keep.
    Command(Box<Command>),
    Close(Close),
    Due(Due),
    /// What the client was let in and allowed on may have changed.
    LookAgain,
    Over(Close),
}

impl Connection {
    /// A connection whose identity the door has verified. `early` came right behind the upgrade
    /// request (WS-10).
    pub(super) fn new(
        node: Arc<Node>,
        peer: Arc<Peer>,
        service: Service,
        pings: Pings,
        together: Arc<Together>,
        early: &[u8],
    ) -> Connection {
        let mut connection = Connection {
            inbox: Inbox::new(FIRST_MESSAGE_BYTES),
            deadlines: Deadlines::new(),
            stage: Stage::Open,
            commands: None,
            together,
            control_frames: Bucket::default(),
            empty_reads: Bucket::default(),
            violation: None,
            paused: None,
            node,
            peer,
            service,
            pings,
        };
        match &connection.service {
            Service::Protocol(_) => connection.deadlines.set(Due::Connect, CONNECT_TIMEOUT),
            Service::Echo(_) => connection.begin(),
        }
        connection.violation = connection.inbox.feed(early).err();
        connection.await_message();
        connection
    }

    /// Runs until the connection is over.
    pub(super) async fn run(&mut self) -> Close {
        loop {
            match poll_fn(|cx| self.poll_turn(cx)).await {
                Turn::Pong => self.on_pong(),
                Turn::Command(command) => {
                    if let Err(reason) = self.carry_out(command).await {
                        self.peer.end(reason);
                    }
                    // Commands that never wait would keep the thread from everybody else.
                    tokio::task::coop::consume_budget().await;
                }
                Turn::Close(close) => self.peer.link.end(close),
                Turn::Due(due) => self.on_due(due).await,
                Turn::LookAgain => self.look_again().await,
                Turn::Over(close) => return close,
            }
        }
    }

    /// How long it has been there.
    pub(super) fn age(&self) -> Duration {
        self.deadlines.age()
    }

    /// Ends what the connection held: its subscriptions, and the stream under it.
    pub(super) async fn end(&mut self) {
        if let Service::Protocol(client) = &mut self.service {
            client.leave_all().await;
        }
        self.count_traffic();
        let orderly = self.stage == Stage::Closed;
        self.peer.link.shut_down(orderly).await;
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if let Some(due) = self.deadlines.due(counting(self.paused.is_some())) {
            return Poll::Ready(Turn::Due(due));
        }
        loop {
            // All that was read is carried out before anything is written: the answers, and what
            // others said meanwhile, go out together.
            if let Some(turn) = self.next_turn() {
                return Poll::Ready(turn);
            }
            let was_paused = self.is_paused();
            if let Some(over) = self.write(cx) {
                return Poll::Ready(Turn::Over(over));
            }
            if self.peer.link.take_asked() {
                return Poll::Ready(Turn::LookAgain);
            }
            // Where too much waited to go on, the write may have made room.
            if was_paused && !self.is_paused() {
                continue;
            }
            if !self.may_read() || self.read(cx).is_pending() {
                break;
            }
        }
        self.deadlines.arm(cx, counting(self.paused.is_some()));
        Poll::Pending
    }

    /// Writes what waits, then the close frame if the connection is ending.
    fn write(&mut self, cx: &mut Context<'_>) -> Option<Close> {
        loop {
            if self.stage == Stage::GaveUp {
                return Some(self.lost());
            }
            match self.peer.link.poll_write(cx) {
                Err(_) => return Some(self.lost()),
                Ok(WriteTurn::Full { progress }) => {
                    if progress {
                        self.deadlines.set(Due::Write, WRITE_TIMEOUT);
                    } else {
                        self.deadlines.begin(Due::Write, WRITE_TIMEOUT);
                    }
                    if let Some(patience) = self.peer.link.patience() {
                        // A reader that takes a little now and then must not put off its end.
                        self.deadlines.begin(Due::Close, patience);
                        self.deadlines.hasten(Due::Close, patience);
                    }
                    return None;
                }
                Ok(WriteTurn::Done) => self.deadlines.clear(Due::Write),
            }
            self.count_traffic();
            match (self.stage, self.peer.link.ending()) {
                (Stage::Closed, _) => return Some(self.lost()),
                // There is nobody to say goodbye to.
                (Stage::Open, Some(close)) if close.by == By::Network => return Some(close),
                (Stage::Open, Some(close)) => self.begin_close(close),
                _ => return None,
            }
        }
    }

    fn begin_close(&mut self, close: Close) {
        let reply = close.is_reply();
        self.peer.link.say_goodbye(match reply {
            true => close_reply(Some(close.code)),
            false => close_frame(close.code, close.reason),
        });
        self.stage = if reply { Stage::Closed } else { Stage::Closing };
        self.commands = None;
        match self.peer.link.patience() {
            // It runs since the order, where the close frame had to wait.
            Some(patience) if patience < CLOSE_TIMEOUT => {
                self.deadlines.begin(Due::Close, patience);
                self.deadlines.hasten(Due::Close, patience);
            }
            _ => self.deadlines.set(Due::Close, CLOSE_TIMEOUT),
        }
    }

    /// Why it is over, if it is now; an end that was begun keeps its reason.
    fn lost(&self) -> Close {
        self.peer.link.ending().unwrap_or(Close::LOST)
    }

    /// Whether more may be read: not while much waits to be written, and nothing between the wish
    /// to end and the close frame, since what is read then has nowhere to go.
    fn may_read(&mut self) -> bool {
        match self.stage {
            Stage::Open => !self.is_paused() && self.peer.link.ending().is_none(),
            Stage::Closing => true,
            Stage::Closed | Stage::GaveUp => false,
        }
    }

    fn is_paused(&mut self) -> bool {
        let full = self.peer.link.bytes() > OUTBOX_SOFT_BYTES;
        match (full, self.paused) {
            (true, None) => self.paused = Some(Instant::now()),
            (false, Some(since)) => {
                self.paused = None;
                self.deadlines.postpone(Due::Pong, since.elapsed());
                self.deadlines.postpone(Due::Message, since.elapsed());
            }
            _ => {}
        }
        full
    }

    async fn carry_out(&mut self, command: Box<Command>) -> Result<(), Disconnect> {
        let Service::Protocol(client) = &mut self.service else {
            return Ok(());
        };
        let was_connected = client.is_connected();
        let (subscribes, refreshes) = match command.request {
            Request::Connect(_) | Request::Subscribe(_) => (true, false),
            Request::Refresh { .. } => (true, true),
            _ => (false, false),
        };
        let brings_token = match &command.request {
            Request::Subscribe(request) => request.token.is_some(),
            request => matches!(request, Request::SubRefresh { .. }),
        };
        let handled = Box::pin(client.handle(*command));
        self.peer.link.gather(handled).await?;
        let connects = client.is_connected() && !was_connected;
        if connects {
            self.deadlines.clear(Due::Connect);
            self.begin();
        } else if refreshes {
            self.await_expiry();
        }
        if subscribes {
            self.await_redecision();
        }
        if brings_token {
            self.await_subscriptions();
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match std::task::ready!(self.inbox.poll_read(cx, &self.peer.link)) {
            Err(violation) => self.violation = Some(violation),
            Ok(ReadTurn::End) => {
                self.stage = Stage::GaveUp;
                return Poll::Ready(());
            }
            Ok(ReadTurn::Bytes { messages: true }) => {
                self.empty_reads.fill();
                self.deadlines.clear(Due::Message);
            }
            Ok(ReadTurn::Bytes { messages: false }) => {
                let now = self.together.ticks.now();
                if self.empty_reads.take(&EMPTY_READS, now).is_err() {
                    self.peer.link.end(Violation::TooManyPieces.into());
                }
            }
        }
        if self.stage == Stage::Closing {
            self.await_close_frame();
        }
        self.await_message();
        Poll::Ready(())
    }

    /// The rest of a message that has begun must come in time (WS-2).
    fn await_message(&mut self) {
        if self.inbox.is_mid_message() {
            self.deadlines.begin(Due::Message, MESSAGE_TIMEOUT);
        } else {
            self.deadlines.clear(Due::Message);
        }
    }

    /// We have said goodbye: only the peer's counts now, all else is thrown away.
    fn await_close_frame(&mut self) {
        while let Some(frame) = self.inbox.next() {
            if matches!(frame, Frame::Close { .. }) {
                self.stage = Stage::Closed;
            }
        }
    }

    /// Adds to the node's counters what this turn moved.
    fn count_traffic(&mut self) {
        let sent = self.peer.link.take_sent();
        let metrics = &self.node.metrics;
        metrics
            .received_bytes
            .inc_by(std::mem::take(&mut self.inbox.received));
        metrics.sent_bytes.inc_by(sent.bytes);
        metrics.deliveries.inc_by(sent.messages);
    }
}
