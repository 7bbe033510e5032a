//! This node's map of channel to subscribed connections; it fans out.
//!
//! Only the engine calls it, and it knows nothing of sockets or permissions: it hands a [`Batch`]
//! of events to each [`Member`] of a channel. An event goes through three hands: it is enqueued in
//! its channel, in the order of the channel; whoever has the channel's turn gathers all that waits
//! into a batch; and the members get it in slices, so that a large channel does not keep the
//! others waiting.

mod batch;
mod channel;
mod flusher;
mod members;

#[cfg(test)]
mod tests;

pub use batch::{Batch, Event};
pub use members::Seat;

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;
use parking_lot::Mutex;
use tokio::sync::Notify;

use self::channel::Channel;
use self::flusher::{Flusher, Turn};
use crate::limits::{ROOM_TIMEOUT, SLICE_MEMBERS};
use crate::policy::ChannelName;
use crate::protocol::ClientInfo;
use crate::telemetry::Metrics;

/// One subscription of one connection, as the hub sees it. It must neither wait nor call back.
pub trait Member: Send + Sync {
    /// Where it sits.
    fn seat(&self) -> &Seat;
    /// What presence, joins and leaves show of it.
    fn info(&self) -> Arc<ClientInfo>;
    /// Takes the batch over, in the order of the channel.
    fn deliver(&self, batch: &Arc<Batch>) -> Delivered;
    /// A delivery panicked: what was to be heard is lost, so nothing more may be.
    fn fail(&self);
}

/// What a delivery wrote to its client. What had to wait is counted by who writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages of the protocol.
    pub messages: u64,
    /// Bytes of frames, before TLS.
    pub bytes: u64,
}

impl AddAssign for Delivered {
    fn add_assign(&mut self, other: Delivered) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// Subscribers by channel.
pub struct Hub {
    shards: Box<[Shard]>,
    hasher: RandomState,
    metrics: Metrics,
    /// Channels in which more waits than may.
    crowded: AtomicUsize,
    room: Notify,
}

#[derive(Default)]
struct Shard {
    channels: Mutex<HashSet<Named, RandomState>>,
    flusher: Flusher,
}

/// A channel, to be found by the name that it holds.
struct Named(Arc<Channel>);

/// Each has a flusher, and the fewer channels share one, the seldomer does one wait for another.
const SHARDS: usize = 64;

/// An event that is enqueued: [`Hub::deliver`] is to be called for it, outside all locks.
#[must_use = "what is enqueued is not delivered yet"]
pub struct Enqueued<'a>(Option<(Turn<'a>, usize)>);

impl Hub {
    /// A hub without channels.
    pub fn new(metrics: Metrics) -> Hub {
        Hub {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            metrics,
            crowded: AtomicUsize::new(0),
            room: Notify::new(),
        }
    }

    /// The tasks that deliver what is not delivered at once; each runs until it is dropped.
    pub fn flushers(
        self: &Arc<Hub>,
    ) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
        let hub = self.clone();
        (0..SHARDS).map(move |number| {
            let hub = hub.clone();
            async move { hub.shards[number].flusher.run(&hub).await }
        })
    }

    /// Adds a member, which hears all that is enqueued from now on. It must not be one already.
    pub fn add(&self, channel: &ChannelName, member: Arc<dyn Member>) {
        let mut channels = self.shard(channel).channels.lock();
        if let Some(Named(found)) = channels.get(channel.as_str()) {
            return found.add(member);
        }
        let new = Arc::new(Channel::new(channel.clone()));
        new.add(member);
        channels.insert(Named(new));
    }

    /// Removes a member. A batch that is under way may still reach it; it knows that it has gone.
    pub fn remove(&self, channel: &ChannelName, member: &dyn Member) {
        let mut channels = self.shard(channel).channels.lock();
        if let Some(Named(found)) = channels.get(channel.as_str())
            && found.remove(member) == 0
        {
            channels.remove(channel.as_str());
        }
    }

    /// Waits until no more waits in the channel than may; false when that takes too long.
    pub async fn has_room(&self, channel: &ChannelName) -> bool {
        // Almost always, and then nothing is looked up.
        if self.crowded.load(Ordering::Acquire) == 0 {
            return true;
        }
        let room = self.until_there_is_room(channel);
        tokio::time::timeout(ROOM_TIMEOUT, room).await.is_ok()
    }

    async fn until_there_is_room(&self, channel: &ChannelName) {
        while self.crowded.load(Ordering::Acquire) > 0 {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            match self.find(self.shard(channel), channel) {
                Some(found) if found.is_crowded() => room.await,
                _ => return,
            }
        }
    }

    /// Puts the event behind those that wait in the channel. This alone is what decides their
    /// order, and it never waits.
    pub fn enqueue(&self, channel: &ChannelName, event: Event) -> Enqueued<'_> {
        let shard = self.shard(channel);
        // Both under the lock that members are added under: who is added before hears it.
        let channels = shard.channels.lock();
        let Some(Named(found)) = channels.get(channel.as_str()) else {
            return Enqueued(None);
        };
        let enqueued = found.enqueue(event);
        if enqueued.crowded {
            self.crowded.fetch_add(1, Ordering::Release);
        }
        let turn = |members| (Turn::new(self, &shard.flusher, found.clone()), members);
        Enqueued(enqueued.turn.map(turn))
    }

    /// Delivers, or leaves it to a flusher where there are many members. What is delivered counts
    /// as work of the task that calls.
    pub async fn deliver(&self, enqueued: Enqueued<'_>) {
        let delivered = match enqueued.0 {
            Some((turn, members)) if members <= SLICE_MEMBERS => turn.deliver(),
            // Dropped, the turn is the flusher's.
            _ => return,
        };
        for _ in 0..delivered {
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Enqueues and delivers, room or not: for joins and leaves, since nobody who goes may have to
    /// wait for those who stay.
    pub async fn publish(&self, channel: &ChannelName, event: Event) {
        self.deliver(self.enqueue(channel, event)).await;
    }

    /// The members of a channel, at most `limit`.
    pub fn members(&self, channel: &ChannelName, limit: usize) -> Vec<Arc<dyn Member>> {
        self.find(self.shard(channel), channel)
            .map_or_else(Vec::new, |found| found.members(limit))
    }

    /// Shows each member of a channel, in slices, between which others have their turn. Of those who
    /// come and go meanwhile it may see some and miss others.
    pub async fn visit(&self, channel: &ChannelName, mut see: impl FnMut(&dyn Member)) {
        let Some(found) = self.find(self.shard(channel), channel) else {
            return;
        };
        let (mut from, mut slice) = (0, Vec::new());
        while let Some(next) = found.members_from(from, &mut slice) {
            slice.drain(..).for_each(|seated| see(&*seated.member));
            from = next;
            tokio::task::yield_now().await;
        }
        slice.drain(..).for_each(|seated| see(&*seated.member));
    }

    /// How many channels have a subscriber on this node.
    pub fn channels(&self) -> usize {
        let count = |shard: &Shard| shard.channels.lock().len();
        self.shards.iter().map(count).sum()
    }

    fn make_room(&self) {
        self.crowded.fetch_sub(1, Ordering::Release);
        self.room.notify_waiters();
    }

    fn count(&self, delivered: Delivered) {
        self.metrics.deliveries.inc_by(delivered.messages);
        self.metrics.sent_bytes.inc_by(delivered.bytes);
    }

    fn find(&self, shard: &Shard, channel: &ChannelName) -> Option<Arc<Channel>> {
        let channels = shard.channels.lock();
        channels.get(channel.as_str()).map(|found| found.0.clone())
    }

    fn shard(&self, channel: &ChannelName) -> &Shard {
        // SHARDS is a power of two; the seed is random, so that names cannot be made to collide.
        &self.shards[self.hasher.hash_one(channel.as_str()) as usize % SHARDS]
    }
}

impl Borrow<str> for Named {
    fn borrow(&self) -> &str {
        self.0.name.as_str()
    }
}

/// By the text of the name, as [`Borrow`] demands.
impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Named) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Named {}
