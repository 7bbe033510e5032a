//! Who delivers: the publisher itself where all members fit one slice, else a flusher, in slices
//! and in turns with its other channels.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::channel::Channel;
use super::members::Seated;
use super::{Delivered, Hub};
use crate::limits::SLICE_MEMBERS;

/// The channels that wait for a flusher; the one that waited longest is next.
#[derive(Default)]
pub(super) struct Flusher {
    queue: Mutex<VecDeque<Arc<Channel>>>,
    came: Notify,
}

impl Flusher {
    fn push(&self, channel: Arc<Channel>) {
        self.queue.lock().push_back(channel);
        self.came.notify_one();
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.queue.lock().is_empty()
    }

    async fn next(&self) -> Arc<Channel> {
        loop {
            let next = self.queue.lock().pop_front();
            match next {
                Some(channel) => return channel,
                None => self.came.notified().await,
            }
        }
    }

    /// Delivers for one channel after the other, a slice each, and lets everybody else have a turn
    /// after as many deliveries as a slice has.
    pub(super) async fn run(&self, hub: &Hub) {
        let mut slice = Vec::new();
        let mut delivered = 0;
        loop {
            let mut turn = Turn::new(hub, self, self.next().await);
            delivered += turn.slice(&mut slice);
            drop(turn);
            if delivered >= SLICE_MEMBERS {
                delivered = 0;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The right and the duty to deliver for a channel. Dropped, it goes to the flusher, so that it is
/// never lost.
pub(super) struct Turn<'a> {
    hub: &'a Hub,
    flusher: &'a Flusher,
    channel: Option<Arc<Channel>>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(hub: &'a Hub, flusher: &'a Flusher, channel: Arc<Channel>) -> Turn<'a> {
        Turn {
            hub,
            flusher,
            channel: Some(channel),
        }
    }

    /// Delivers what waits, up to about a slice; returns how much that was.
    pub(super) fn deliver(mut self) -> usize {
        let (mut slice, mut delivered) = (Vec::new(), 0);
        while self.channel.is_some() && delivered < SLICE_MEMBERS {
            delivered += self.slice(&mut slice);
        }
        delivered
    }

    /// Delivers one slice; returns how much that was, of the [`SLICE_MEMBERS`] that a turn has.
    pub(super) fn slice(&mut self, space: &mut Vec<Seated>) -> usize {
        let Some(channel) = &self.channel else {
            return 0;
        };
        let Some(slice) = channel.next_slice(space) else {
            self.channel = None;
            return 0;
        };
        if slice.made_room {
            self.hub.make_room();
        }
        let work = space.len() * SLICE_MEMBERS / slice.most;
        let mut total = Delivered::default();
        for Seated { member, since } in space.drain(..) {
            let heard = since.saturating_sub(slice.first);
            let tail = match heard {
                0 => None,
                // It came while the batch waited, or is under way: it hears what came after it.
                _ => match slice
                    .batch
                    .after(usize::try_from(heard).unwrap_or(usize::MAX))
                {
                    Some(tail) => Some(tail),
                    None => continue,
                },
            };
            let batch = tail.as_ref().unwrap_or(&slice.batch);
            // A fault in one connection must not take the others' publications with it.
            match catch_unwind(AssertUnwindSafe(|| member.deliver(batch))) {
                Ok(delivered) => total += delivered,
                Err(_) => {
                    self.hub.metrics.panics.inc();
                    member.fail();
                }
            }
        }
        self.hub.count(total);
        work
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.flusher.push(channel);
        }
    }
}
