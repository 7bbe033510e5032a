//! One channel: its members, what waits for them, and how far the batch under way has come.
//!
//! At any time at most one task delivers for a channel, the one that holds its [`Turn`]; that
//! keeps the order. Under the lock nothing is ever delivered, so that no publisher waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::members::{Holes, Members, Seated};
use super::{Batch, Event, Member};
use crate::limits::{CHANNEL_WAITING_BYTES, SLICE_BYTES, SLICE_MEMBERS};
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
    /// While somebody has the turn to deliver; most channels are idle most of the time.
    traffic: Option<Box<Traffic>>,
}

#[derive(Default)]
struct Traffic {
    waiting: VecDeque<Event>,
    waiting_bytes: usize,
    is_crowded: bool,
    under_way: Option<UnderWay>,
    /// Who went while a batch is under way.
    holes: Holes,
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
    /// The most members that may get it in one turn.
    pub(super) most: usize,
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
        let state = self.state.lock();
        state.traffic.as_ref().is_some_and(|t| t.is_crowded)
    }

    pub(super) fn add(&self, member: Arc<dyn Member>) {
        let mut state = self.state.lock();
        let since = state.next;
        state.members.add(member, since);
    }

    /// Removes the member and tells how many are left.
    pub(super) fn remove(&self, member: &dyn Member) -> usize {
        let mut state = self.state.lock();
        let State {
            members, traffic, ..
        } = &mut *state;
        match traffic {
            Some(traffic) if traffic.under_way.is_some() => {
                members.remove(member, &mut traffic.holes);
                members.seats() - traffic.holes.len()
            }
            _ => {
                let mut hole = Holes::default();
                members.remove(member, &mut hole);
                members.close(&mut hole);
                members.seats()
            }
        }
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

    /// As many as are seen in one turn, from a seat on; returns where the next ones sit, if anywhere.
    pub(super) fn members_from(&self, seat: usize, into: &mut Vec<Seated>) -> Option<usize> {
        self.state.lock().members.take(seat, SLICE_MEMBERS, into)
    }

    pub(super) fn enqueue(&self, event: Event) -> Enqueued {
        let mut state = self.state.lock();
        state.next += 1;
        let has_turn = state.traffic.is_none();
        let traffic = state.traffic.get_or_insert_default();
        traffic.waiting_bytes += event.cost();
        traffic.waiting.push_back(event);
        let crowded = !traffic.is_crowded && traffic.waiting_bytes > CHANNEL_WAITING_BYTES;
        traffic.is_crowded |= crowded;
        Enqueued {
            turn: has_turn.then(|| state.members.seats()),
            crowded,
        }
    }

    /// The next members of the batch under way, or the first ones of the next batch, as many as may
    /// get it in one turn; for who has the turn. Without a batch the turn is over.
    pub(super) fn next_slice(&self, into: &mut Vec<Seated>) -> Option<Slice> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let traffic = state.traffic.as_mut()?;
        let mut made_room = false;
        let under_way = match traffic.under_way.take() {
            Some(under_way) => under_way,
            None => {
                let Some(begun) = traffic.begin(&self.name, state.next) else {
                    state.traffic = None;
                    return None;
                };
                made_room =
                    traffic.is_crowded && traffic.waiting_bytes <= CHANNEL_WAITING_BYTES / 2;
                traffic.is_crowded &= !made_room;
                begun
            }
        };
        let most = (SLICE_BYTES / under_way.batch.cost()).clamp(1, SLICE_MEMBERS);
        let next_seat = state.members.take(under_way.next_seat, most, into);
        let slice = Slice {
            batch: under_way.batch.clone(),
            first: under_way.first,
            most,
            made_room,
        };
        match next_seat {
            Some(next_seat) => {
                traffic.under_way = Some(UnderWay {
                    next_seat,
                    ..under_way
                });
            }
            None => state.members.close(&mut traffic.holes),
        }
        Some(slice)
    }
}

impl Traffic {
    /// Makes the next batch of what waits; `next` is the number of the channel's next event.
    fn begin(&mut self, channel: &ChannelName, next: u64) -> Option<UnderWay> {
        if self.waiting.is_empty() {
            return None;
        }
        let first = next - self.waiting.len() as u64;
        let size = Batch::size_of_next(self.waiting.iter());
        let events: Box<[Event]> = self.waiting.drain(..size).collect();
        let batch = Arc::new(Batch::new(channel.clone(), events));
        self.waiting_bytes -= batch.cost();
        Some(UnderWay {
            batch,
            first,
            next_seat: 0,
        })
    }
}
