//! One connection's subscription to one channel, and the gate that keeps a publication from
//! overtaking the reply to the subscribe command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::outbox::Entry;
use super::peer::Peer;
use crate::hub::{ConnectionId, Event, EventBody, Member};
use crate::limits::OUTBOX_ENTRY_BYTES;
use crate::policy::ChannelName;
use crate::protocol::{ClientInfo, Disconnect};

/// A subscription, shared by its connection and the hub.
pub(super) struct Subscription {
    peer: Arc<Peer>,
    channel: ChannelName,
    /// It asked for joins and leaves, and may see presence.
    join_leave: AtomicBool,
    /// Its decision read the time, so it is taken again now and then.
    pub(super) reads_now: bool,
    gate: Mutex<Gate>,
}

enum Gate {
    /// The reply is not queued yet: what comes waits here.
    Subscribing {
        waiting: Vec<Arc<Event>>,
        bytes: usize,
    },
    Subscribed,
}

impl Subscription {
    /// A subscription whose events wait until [`Subscription::open`].
    pub(super) fn new(
        peer: Arc<Peer>,
        channel: ChannelName,
        join_leave: bool,
        reads_now: bool,
    ) -> Subscription {
        let gate = Mutex::new(Gate::Subscribing {
            waiting: Vec::new(),
            bytes: 0,
        });
        Subscription {
            peer,
            channel,
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
        if let Gate::Subscribing { waiting, .. } = std::mem::replace(&mut *gate, Gate::Subscribed) {
            for event in waiting {
                self.peer.outbox.push(Entry::Message(event.json().clone()));
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        match event.body() {
            EventBody::Publication(_) => true,
            EventBody::Join(_) => self.has_join_leave(),
            // The one who leaves is removed before, but may be subscribed anew already.
            EventBody::Leave(info) => self.has_join_leave() && info.client != self.peer.name(),
        }
    }
}

impl Member for Subscription {
    fn connection(&self) -> ConnectionId {
        self.peer.id()
    }

    fn info(&self) -> Arc<ClientInfo> {
        self.peer.info()
    }

    fn deliver(&self, event: &Arc<Event>) {
        if !self.wants(event) {
            return;
        }
        match &mut *self.gate.lock() {
            Gate::Subscribed => self.peer.outbox.push(Entry::Message(event.json().clone())),
            Gate::Subscribing { waiting, bytes } => {
                *bytes += event.json().len() + OUTBOX_ENTRY_BYTES;
                if *bytes > self.peer.outbox.limit() {
                    self.peer.end(Disconnect::Slow);
                } else {
                    waiting.push(event.clone());
                }
            }
        }
    }
}
