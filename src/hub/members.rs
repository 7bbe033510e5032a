//! The members of a channel, in seats that a batch can walk along while others come and go.
//!
//! Who comes sits down behind the last. Who goes while a batch is under way leaves a hole, for the
//! last one must not move to where the batch has been; the holes are closed when it has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Member;

/// Where a member sits in its channel; kept by the member, set by the hub.
#[derive(Debug, Default)]
pub struct Seat(AtomicUsize);

/// A member, and the number of the first event that it is to hear.
#[derive(Clone)]
pub(super) struct Seated {
    pub(super) member: Arc<dyn Member>,
    pub(super) since: u64,
}

#[derive(Default)]
pub(super) struct Members {
    seats: Vec<Option<Seated>>,
}

/// The empty seats among the members.
#[derive(Default)]
pub(super) struct Holes(Vec<usize>);

impl Holes {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Members {
    /// How many seats there are, holes included.
    pub(super) fn seats(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Member>> {
        self.seats.iter().flatten().map(|seated| &seated.member)
    }

    pub(super) fn add(&mut self, member: Arc<dyn Member>, since: u64) {
        member.seat().0.store(self.seats.len(), Ordering::Relaxed);
        // Most channels have one member for good: their own.
        self.seats.reserve_exact(usize::from(self.seats.is_empty()));
        self.seats.push(Some(Seated { member, since }));
    }

    /// Removes the member, if it is one, and leaves a hole.
    pub(super) fn remove(&mut self, member: &dyn Member, holes: &mut Holes) {
        let seat = member.seat().0.load(Ordering::Relaxed);
        let sits_here = |seated: &Seated| std::ptr::eq(seated.member.seat(), member.seat());
        match self.seats.get_mut(seat) {
            Some(taken) if taken.as_ref().is_some_and(sits_here) => *taken = None,
            _ => return,
        }
        holes.0.push(seat);
    }

    /// Those from a seat on, at most `most` of them; returns where the next ones sit, if anywhere.
    pub(super) fn take(&self, from: usize, most: usize, into: &mut Vec<Seated>) -> Option<usize> {
        into.reserve(most.min(self.seats.len().saturating_sub(from)));
        for (seat, taken) in self.seats.iter().enumerate().skip(from) {
            if into.len() == most {
                return Some(seat);
            }
            into.extend(taken.clone());
        }
        None
    }

    pub(super) fn close(&mut self, holes: &mut Holes) {
        // The highest first: what is moved into a hole then never comes from one.
        holes.0.sort_unstable();
        while let Some(hole) = holes.0.pop() {
            self.seats.swap_remove(hole);
            if let Some(Some(moved)) = self.seats.get(hole) {
                moved.member.seat().0.store(hole, Ordering::Relaxed);
            }
        }
        if self.seats.capacity() > 4 * self.seats.len().max(8) {
            self.seats.shrink_to(2 * self.seats.len());
        }
    }
}
