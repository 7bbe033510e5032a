//! Sessions: everything of one user on this node, and the tasks of their connections.
//!
//! `edge` brings an [`Identity`], gets a [`Reservation`] before it answers 101, and hands over the
//! stream afterwards. What a client may do is decided here for each command, what it did goes to
//! the engine, and what it is to hear comes by its link.

mod again;
mod by_token;
mod client;
mod close;
mod commands;
mod connection;
mod deadlines;
mod decide;
mod explain;
mod given;
mod inbox;
mod link;
mod outbox;
mod peer;
mod permit;
mod places;
mod rates;
mod settings;
mod subscription;
mod subscriptions;
mod terms;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

pub use explain::{Explained, Live};
pub use rates::CommandRates;
pub use settings::{SessionSettings, WhenFull};
pub use terms::{InForce, Numbered, Terms};
pub use wire::{Flushed, Wire, Written, close_orderly};

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::client::Client;
pub use self::close::Farewell;
use self::close::{By, Close};
use self::connection::{Connection, Pings, Service};
use self::link::Link;
use self::peer::Peer;
use self::places::{Place, Places};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::identity::Identity;
use crate::identity::revocations::Marks;
use crate::limits::ENDS_IN_A_TURN;
use crate::policy::{ConnectionFacts, UserId};
use crate::protocol::{Disconnect, Format};
use crate::telemetry::{Gauged, Metrics, logs};
use crate::turns::Turns;

/// What all connections of a node share.
pub struct Node {
    /// Who may do what, and who is let in; a reload replaces it.
    pub terms: InForce,
    /// Keeps and carries publications.
    pub engine: Arc<dyn Engine>,
    /// The time that tokens are judged by.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Bounds the log lines that a client can cause.
    pub lines: logs::Samplers,
}

/// Why a user gets no place (LIMIT-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The session is full, and new connections are to be refused.
    #[error("the user has as many connections as one may have")]
    Full,
    /// New connections come too often.
    #[error("the user connects too often")]
    TooOften {
        /// After how long one more may come.
        retry_after: Duration,
    },
}

/// What the upgrade request asked to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// The Centrifuge client protocol, kept alive by its own pings.
    Protocol(Format),
    /// The same, kept alive by WebSocket pings (`cf_ws_frame_ping_pong=true`).
    ProtocolWithFramePings(Format),
    /// Every message comes back.
    Echo,
}

/// The sessions of a node. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    node: Arc<Node>,
    places: Arc<Places>,
    ends: Arc<Turns>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl Sessions {
    /// A node without sessions. To be called where their tasks are to run.
    pub fn new(node: Arc<Node>) -> Sessions {
        let places = Arc::new(Places::new(node.metrics.sessions.clone()));
        Sessions {
            node,
            places,
            ends: Arc::new(Turns::of(ENDS_IN_A_TURN)),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// Takes a place in the session of the identity's user, before the 101 is answered.
    ///
    /// # Errors
    /// When the session is full, or the user connects too often.
    pub async fn admit(
        &self,
        identity: Identity,
        facts: ConnectionFacts,
        conversation: Conversation,
    ) -> Result<Reservation, NoPlace> {
        let settings = self.node.terms.load().settings;
        let place = self.places.take(identity.user(), &settings)?;
        Ok(Reservation {
            sessions: self.clone(),
            place,
            identity,
            facts,
            conversation,
        })
    }

    /// Whether one more connection of the user would be admitted, without taking a place.
    ///
    /// # Errors
    /// When it would not.
    pub async fn has_room(&self, user: &UserId) -> Result<(), NoPlace> {
        self.places.has_room(user, &self.node.terms.load().settings)
    }

    /// The terms that newcomers are let in by.
    pub fn terms(&self) -> Arc<Numbered> {
        self.node.terms.load().clone()
    }

    /// Live connections.
    pub fn connections(&self) -> usize {
        usize::try_from(self.node.metrics.connections.get()).unwrap_or(0)
    }

    /// Bytes that wait in the outboxes of all connections.
    pub fn queued_bytes(&self) -> usize {
        self.places
            .peers()
            .iter()
            .map(|peer| peer.link.bytes())
            .sum()
    }

    /// Ends the connections that `names` picks, by what each is by now and its client id, among
    /// those of one user or among all; tells how many. They are gone within a second, and hear
    /// nothing more from now on. A connection that is being admitted is not among them: it looks at
    /// the revocations when it is.
    pub async fn end_matching(
        &self,
        user: Option<&UserId>,
        farewell: &Farewell,
        names: impl Fn(&Identity, &str) -> bool,
    ) -> usize {
        let end = |peers: Vec<Arc<Peer>>| {
            let named = peers
                .iter()
                .filter(|peer| names(&peer.identity(), peer.name()));
            named.filter(|peer| peer.dismiss(farewell)).count()
        };
        if let Some(user) = user {
            return end(self.places.of_user(user));
        }
        let mut ended = 0;
        for peers in self.places.parts() {
            ended += end(peers);
            tokio::task::yield_now().await;
        }
        ended
    }

    /// Has those subscriptions end whose own token `names` picks, of one user or of anybody: they
    /// hear nothing more from now on, and their clients are told as when such a token is over. The
    /// revocation must be on the list: one that is being made looks there when it is.
    pub async fn end_by_token(&self, user: Option<&UserId>, names: impl Fn(Marks<'_>) -> bool) {
        let doubt = |peers: Vec<Arc<Peer>>| {
            for peer in peers {
                if peer.by_token.doubt(&names) {
                    peer.link.ask();
                }
            }
        };
        if let Some(user) = user {
            return doubt(self.places.of_user(user));
        }
        for peers in self.places.parts() {
            doubt(peers);
            tokio::task::yield_now().await;
        }
    }

    /// Closes all connections evenly over the window with a code that reconnects, those that wait
    /// for nothing first, and returns when the last is gone. The caller bounds the wait.
    pub async fn drain(&self, window: Duration) {
        self.places.begin_drain();
        let mut peers = self.places.peers();
        // Asked once of each: sorting may panic where an answer changes meanwhile.
        peers.sort_by_cached_key(|peer| peer.link.bytes() > 0);
        tracing::info!(connections = peers.len(), ?window, "draining");
        let began = Instant::now();
        let count = u32::try_from(peers.len()).unwrap_or(u32::MAX).max(1);
        for (number, peer) in (1..=count).zip(&peers) {
            // The last at the end of the window: whoever balances has time to see that we stop.
            tokio::time::sleep_until(began + window * number / count).await;
            peer.end(Disconnect::Shutdown);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A place in a session, for a connection that is being admitted. Dropped, it is free again.
pub struct Reservation {
    sessions: Sessions,
    place: Place,
    identity: Identity,
    facts: ConnectionFacts,
    conversation: Conversation,
}

impl Reservation {
    /// Runs the connection as a task of its own, where the sessions run: there `open` makes the
    /// wire, which may be called from anywhere. `early` is what came behind the upgrade request.
    ///
    /// # Errors
    /// When there is no wire.
    pub fn start(
        self,
        open: impl FnOnce() -> io::Result<Box<dyn Wire>>,
        early: Bytes,
    ) -> io::Result<()> {
        let Sessions { tasks, runtime, .. } = self.sessions.clone();
        let _there = runtime.enter();
        tasks.spawn(self.serve(open()?, early));
        Ok(())
    }

    fn serve(self, wire: Box<dyn Wire>, early: Bytes) -> impl Future<Output = ()> + Send {
        let Reservation {
            sessions,
            mut place,
            identity,
            facts,
            conversation,
        } = self;
        let (node, ends) = (sessions.node, sessions.ends);
        let (format, pings) = match conversation {
            Conversation::Protocol(format) => (format, Pings::Protocol),
            Conversation::ProtocolWithFramePings(format) => (format, Pings::Frames),
            // Its frames are the client's; it says nothing of its own.
            Conversation::Echo => (Format::Json, Pings::Frames),
        };
        let settings = node.terms.load().settings;
        let link = Link::new(wire, format, settings.outbox_bytes);
        let generation = node.terms.generation.clone();
        let peer = Arc::new(Peer::new(&identity, facts, link, generation));
        place.register(peer.clone());
        if settings.one_connection_per_token {
            place.end_others_of_token(&identity);
        }
        // Behind it: either a revocation, or a reload that closes the door to this one, finds it
        // among the sessions, or it finds them.
        let door = node.terms.load().door.clone();
        if let Err(revoked) = door.revocations.check(&identity, node.clock.now()) {
            peer.dismiss(&Disconnect::from(revoked).into());
        } else if !door.verifier.stands(&identity) {
            peer.end(Disconnect::ConnectionExpired);
        }
        let live = Gauged::new(&node.metrics.connections);
        let together = place.together();
        let service = match conversation {
            Conversation::Echo => Service::Echo(identity),
            _ => Service::Protocol(Box::new(Client::new(
                node.clone(),
                peer.clone(),
                identity,
                pings == Pings::Protocol,
                together.clone(),
            ))),
        };
        let mut connection =
            Connection::new(node.clone(), peer.clone(), service, pings, together, &early);
        // Even empty it holds the buffer that the request was read into.
        drop(early);
        async move {
            // A fault in one connection ends that one alone: what it holds is given back below.
            let run = AssertUnwindSafe(connection.run()).catch_unwind();
            let close = run.await.unwrap_or_else(|_| {
                node.metrics.panics.inc();
                tracing::error!(client = peer.name(), "connection ended by a panic");
                Disconnect::InternalServerError.into()
            });
            // Nothing more is for it, also while it waits for its end.
            peer.link.end(close);
            ends.next().await;
            // In boxes, as all that a connection does seldom: its idle task does not keep the room.
            let end = AssertUnwindSafe(Box::pin(connection.end())).catch_unwind();
            if end.await.is_err() {
                node.metrics.panics.inc();
            }
            log_end(&node, &peer, close, connection.age());
            drop((live, place));
        }
    }
}

fn log_end(node: &Node, peer: &Peer, close: Close, lived: Duration) {
    node.metrics.closed(close.label(), close.by.as_str());
    let (client, code, by) = (peer.name(), close.code, close.by.as_str());
    let lived_seconds = lived.as_secs();
    let info = peer.info();
    let user = logs::field(&info.user);
    if close.by == By::Server
        && let Some(left_out) = node.lines.admit(close.reason)
    {
        let reason = close.reason;
        tracing::info!(
            left_out,
            user,
            client,
            code,
            by,
            reason,
            lived_seconds,
            "connection closed"
        );
    } else {
        tracing::debug!(user, client, code, by, lived_seconds, "connection closed");
    }
}
