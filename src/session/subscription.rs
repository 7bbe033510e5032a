//! One connection's subscription to one channel, and the gate that keeps a publication from
//! overtaking the reply to the subscribe command, or from following the one to unsubscribe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::given::{Given, Origin};
use super::peer::Peer;
use super::permit::Standing;
use super::terms::{STALE, Terms};
use crate::clock::UnixSeconds;
use crate::hub::{Batch, Delivered, Event, Member, Seat};
use crate::limits::OUTBOX_ENTRY_BYTES;
use crate::policy::ChannelName;
use crate::protocol::{ClientInfo, Disconnect};

/// A subscription, shared by its connection and the hub.
pub(super) struct Subscription {
    peer: Arc<Peer>,
    channel: ChannelName,
    seat: Seat,
    /// It asked for joins and leaves, and may see presence.
    join_leave: AtomicBool,
    /// Its decision read the time, so it is taken again now and then.
    reads_now: AtomicBool,
    /// The generation of the terms that it was decided under, last of all.
    decided: AtomicU32,
    /// The generation of the terms under which a rule that lasts let its connection publish here.
    publishes: AtomicU32,
    /// The server made it, by itself.
    server_side: bool,
    /// What a token gave it; few have any.
    given: ArcSwapOption<Given>,
    gate: Mutex<Gate>,
}

enum Gate {
    /// The reply is not queued yet, or the decision is to be taken again: what comes waits here. In
    /// a box, since it is soon over.
    Shut(Box<Waiting>),
    Open,
    /// A batch that is under way comes too late.
    Ended,
}

#[derive(Default)]
struct Waiting {
    batches: Vec<Arc<Batch>>,
    bytes: usize,
}

impl Subscription {
    /// A subscription whose events wait until [`Subscription::open`].
    pub(super) fn new(
        peer: Arc<Peer>,
        channel: ChannelName,
        join_leave: bool,
        standing: Standing,
        origin: Origin,
    ) -> Subscription {
        Subscription {
            peer,
            channel,
            seat: Seat::default(),
            join_leave: AtomicBool::new(join_leave),
            reads_now: AtomicBool::new(standing.reads_now),
            decided: AtomicU32::new(standing.generation),
            publishes: AtomicU32::new(STALE),
            server_side: origin.server_side,
            given: ArcSwapOption::new(origin.given.map(Arc::new)),
            gate: Mutex::new(Gate::Shut(Box::default())),
        }
    }

    pub(super) fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Whether the server made it, by itself.
    pub(super) fn is_server_side(&self) -> bool {
        self.server_side
    }

    /// What a token gave it.
    pub(super) fn given(&self) -> Option<Arc<Given>> {
        self.given.load_full()
    }

    /// Whether the token of its own that it was made by was revoked.
    pub(super) fn is_revoked(&self, terms: &Terms, now: UnixSeconds) -> bool {
        let given = self.given();
        given.is_some_and(|given| given.is_revoked(terms, now))
    }

    /// A newer token gives it this.
    pub(super) fn give(&self, given: Option<Given>) {
        self.given.store(given.map(Arc::new));
    }

    /// What others in the channel see of the connection.
    pub(super) fn shown(&self) -> Arc<ClientInfo> {
        let info = self.peer.info();
        match self.given().and_then(|given| given.info.clone()) {
            None => info,
            chan_info => Arc::new(ClientInfo {
                chan_info,
                ..ClientInfo::clone(&info)
            }),
        }
    }

    /// Whether it hears of joins and leaves.
    pub(super) fn has_join_leave(&self) -> bool {
        self.join_leave.load(Ordering::Relaxed)
    }

    /// Presence was withdrawn.
    pub(super) fn end_join_leave(&self) {
        self.join_leave.store(false, Ordering::Relaxed);
    }

    /// Whether its decision holds only for a while.
    pub(super) fn reads_now(&self) -> bool {
        self.reads_now.load(Ordering::Relaxed)
    }

    /// Whether it was decided under the terms in force.
    pub(super) fn is_current(&self) -> bool {
        let decided = self.decided.load(Ordering::Relaxed);
        self.peer.generation.is_current(decided)
    }

    /// Whether it was decided under these terms, for this identity, that its connection may publish
    /// here, and the same would come of it again.
    pub(super) fn publishes_under(&self, generation: u32) -> bool {
        self.publishes.load(Ordering::Relaxed) == generation
    }

    /// Remembers such a decision, until [`Subscription::doubt`].
    pub(super) fn remember_publish(&self, standing: Standing) {
        if standing.lasts() {
            self.publishes.store(standing.generation, Ordering::Relaxed);
        }
    }

    /// The identity that it was decided for is another now: nothing is heard until
    /// [`Subscription::stand`].
    pub(super) fn doubt(&self) {
        self.publishes.store(STALE, Ordering::Relaxed);
        // With the gate in hand, so that what is being written is out before.
        let _gate = self.gate.lock();
        self.decided.store(STALE, Ordering::Relaxed);
    }

    /// It was decided again, and stands: what waited goes out.
    pub(super) fn stand(&self, standing: Standing) {
        let mut gate = self.gate.lock();
        self.reads_now.store(standing.reads_now, Ordering::Relaxed);
        self.decided.store(standing.generation, Ordering::Relaxed);
        self.release(&mut gate);
    }

    /// The reply is queued: what waited goes out, and all else directly.
    pub(super) fn open(&self) {
        self.release(&mut self.gate.lock());
    }

    /// From the return on nothing is heard.
    pub(super) fn end(&self) {
        *self.gate.lock() = Gate::Ended;
    }

    fn release(&self, gate: &mut Gate) {
        let Gate::Shut(waiting) = gate else { return };
        if !self.is_current() {
            self.peer.link.ask();
            return;
        }
        for batch in std::mem::take(&mut waiting.batches) {
            // Presence may have been withdrawn while they waited.
            if batch.is_publications() || self.has_join_leave() {
                self.peer.link.deliver(&batch);
            }
        }
        *gate = Gate::Open;
    }

    /// What of joins and leaves is to be heard here.
    fn wanted_presence(&self, batch: &Arc<Batch>) -> Option<Arc<Batch>> {
        if !self.has_join_leave() {
            return None;
        }
        // The one who leaves is removed before, but may be subscribed anew already.
        let is_own_leave = |event: &Event| matches!(event, Event::Leave(info) if *info.client == *self.peer.name());
        match batch.events().iter().any(is_own_leave) {
            false => Some(batch.clone()),
            true => batch.only(|event| !is_own_leave(event)),
        }
    }

    /// Hands on what is to be heard, or keeps it until the reply is queued, or until it was decided
    /// again whether it may be heard (CHAN-5).
    fn hear(&self, gate: &mut Gate, batch: &Arc<Batch>) -> Delivered {
        match gate {
            Gate::Open if self.is_current() => return self.peer.link.deliver(batch),
            Gate::Open => {
                let mut waiting = Box::default();
                self.keep(&mut waiting, batch);
                *gate = Gate::Shut(waiting);
                self.peer.link.ask();
            }
            Gate::Shut(waiting) => self.keep(waiting, batch),
            Gate::Ended => {}
        }
        Delivered::default()
    }

    fn keep(&self, waiting: &mut Waiting, batch: &Arc<Batch>) {
        waiting.bytes += batch.frame(self.peer.link.format).len() + OUTBOX_ENTRY_BYTES;
        if waiting.bytes > self.peer.link.limit() {
            self.peer.end(Disconnect::Slow);
        } else {
            waiting.batches.push(batch.clone());
        }
    }
}

impl Member for Subscription {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn info(&self) -> Arc<ClientInfo> {
        self.shown()
    }

    fn deliver(&self, batch: &Arc<Batch>) -> Delivered {
        // Held throughout, so that who ends the subscription waits for what is being written.
        let mut gate = self.gate.lock();
        if batch.is_publications() {
            return self.hear(&mut gate, batch);
        }
        match self.wanted_presence(batch) {
            Some(wanted) => self.hear(&mut gate, &wanted),
            None => Delivered::default(),
        }
    }

    fn fail(&self) {
        self.peer.end(Disconnect::InternalServerError);
    }
}
