//! One channel: its members, what waits for them, and how far the batch under way has come.
//!
//! At any time at most one task delivers for a channel, the one that holds its [`Turn`]; that
//! keeps the order. Under the lock nothing is ever delivered, so that no publisher waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::members::{Members, Seated};
use super::{Batch, Event, Member};
use crate::limits::CHANNEL_WAITING_BYTES;
use crate::policy::ChannelName;

pub(super) struct Channel {
    pub(super) name: ChannelName,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Members,
    /// The number of the next event.
    next: u64,
    waiting: VecDeque<Event>,
    waiting_bytes: usize,
    /// Somebody has the turn to deliver.
    is_delivering: bool,
    under_way: Option<UnderWay>,
    is_crowded: bool,
}

struct UnderWay {
    batch: Arc<Batch>,
    /// The number of its first event.
    first: u64,
    next_seat: usize,
}

/// What is to be delivered next: a batch, to some members.
pub(super) struct Slice {
    pub(super) batch: Arc<Batch>,
    /// The number of the batch's first event.
    pub(super) first: u64,
    /// The channel was crowded, and is no longer.
    pub(super) made_room: bool,
}

/// What came of an event.
pub(super) struct Enqueued {
    /// The caller has the turn to deliver, and how many members there are.
    pub(super) turn: Option<usize>,
    /// The channel is crowded from now on.
    pub(super) crowded: bool,
}

impl Channel {
    pub(super) fn new(name: ChannelName) -> Channel {
        Channel {
            name,
            state: Mutex::default(),
        }
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.state.lock().is_crowded
    }

    pub(super) fn add(&self, member: Arc<dyn Member>) {
        let mut state = self.state.lock();
        let since = state.next;
        state.members.add(member, since);
    }

    /// Removes the member and tells how many are left.
    pub(super) fn remove(&self, member: &dyn Member) -> usize {
        let mut state = self.state.lock();
        let under_way = state.under_way.is_some();
        state.members.remove(member, under_way);
        state.members.len()
    }

    pub(super) fn members(&self, limit: usize) -> Vec<Arc<dyn Member>> {
        self.state
            .lock()
            .members
            .iter()
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn enqueue(&self, event: Event) -> Enqueued {
        let mut state = self.state.lock();
        state.next += 1;
        state.waiting_bytes += event.cost();
        state.waiting.push_back(event);
        let crowded = !state.is_crowded && state.waiting_bytes > CHANNEL_WAITING_BYTES;
        state.is_crowded |= crowded;
        let has_turn = !state.is_delivering;
        state.is_delivering = true;
        Enqueued {
            turn: has_turn.then(|| state.members.len()),
            crowded,
        }
    }

    /// The next members of the batch under way, at most `most`, or the first ones of the next
    /// batch; for who has the turn. Without a batch the turn is over.
    pub(super) fn next_slice(&self, most: usize, into: &mut Vec<Seated>) -> Option<Slice> {
        let mut state = self.state.lock();
        let mut made_room = false;
        let under_way = match state.under_way.take() {
            Some(under_way) => under_way,
            None => {
                let Some(begun) = state.begin(&self.name) else {
                    state.is_delivering = false;
                    return None;
                };
                made_room = state.is_crowded && state.waiting_bytes <= CHANNEL_WAITING_BYTES / 2;
                state.is_crowded &= !made_room;
                begun
            }
        };
        let next_seat = state.members.take(under_way.next_seat, most, into);
        let slice = Slice {
            batch: under_way.batch.clone(),
            first: under_way.first,
            made_room,
        };
        match next_seat {
            Some(next_seat) => {
                state.under_way = Some(UnderWay {
                    next_seat,
                    ..under_way
                });
            }
            None => state.members.close_holes(),
        }
        Some(slice)
    }
}

impl State {
    fn begin(&mut self, channel: &ChannelName) -> Option<UnderWay> {
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
            return None;
        }
        let first = self.next - self.waiting.len() as u64;
        let size = Batch::size_of_next(self.waiting.iter());
        let events: Box<[Event]> = self.waiting.drain(..size).collect();
        self.waiting_bytes -= events.iter().map(Event::cost).sum::<usize>();
        Some(UnderWay {
            batch: Arc::new(Batch::new(channel.clone(), events)),
            first,
            next_seat: 0,
        })
    }
}
