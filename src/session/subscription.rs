//! One connection's subscription to one channel, and the gate that keeps a publication from
//! overtaking the reply to the subscribe command, or from following the one to unsubscribe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::peer::Peer;
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
    pub(super) reads_now: bool,
    gate: Mutex<Gate>,
}

enum Gate {
    /// The reply is not queued yet: what comes waits here. In a box, since it is soon over.
    Subscribing(Box<Waiting>),
    Subscribed,
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
        reads_now: bool,
    ) -> Subscription {
        let gate = Mutex::new(Gate::Subscribing(Box::default()));
        Subscription {
            peer,
            channel,
            seat: Seat::default(),
            join_leave: AtomicBool::new(join_leave),
            reads_now,
            gate,
        }
    }

    pub(super) fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Whether it hears of joins and leaves.
    pub(super) fn has_join_leave(&self) -> bool {
        self.join_leave.load(Ordering::Relaxed)
    }

    /// Presence was withdrawn.
    pub(super) fn end_join_leave(&self) {
        self.join_leave.store(false, Ordering::Relaxed);
    }

    /// The reply is queued: what waited goes out, and all else directly.
    pub(super) fn open(&self) {
        let mut gate = self.gate.lock();
        if let Gate::Subscribing(waiting) = std::mem::replace(&mut *gate, Gate::Subscribed) {
            for batch in waiting.batches {
                self.peer.link.deliver(&batch);
            }
        }
    }

    /// From the return on nothing is heard.
    pub(super) fn end(&self) {
        *self.gate.lock() = Gate::Ended;
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

    /// Hands on what is to be heard, or keeps it until the reply is queued.
    fn hear(&self, gate: &mut Gate, batch: &Arc<Batch>) -> Delivered {
        match gate {
            Gate::Subscribed => return self.peer.link.deliver(batch),
            Gate::Subscribing(waiting) => {
                waiting.bytes += batch.frame(self.peer.link.format).len() + OUTBOX_ENTRY_BYTES;
                if waiting.bytes > self.peer.link.limit() {
                    self.peer.end(Disconnect::Slow);
                } else {
                    waiting.batches.push(batch.clone());
                }
            }
            Gate::Ended => {}
        }
        Delivered::default()
    }
}

impl Member for Subscription {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn info(&self) -> Arc<ClientInfo> {
        self.peer.info()
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
