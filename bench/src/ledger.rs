//! What one subscriber got of each sender: tells a lost, a doubled and a reordered delivery apart.

use crate::payload::Stamp;

/// One subscriber's account.
#[derive(Default)]
pub struct Ledger {
    senders: Vec<Sender>,
}

#[derive(Default)]
struct Sender {
    next: u32,
    /// What was passed over, and has not come since.
    missing: Vec<u32>,
}

/// How a delivery stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The next of its sender, or later than that.
    InOrder,
    /// Came after a later one.
    Reordered,
    /// Came before.
    Doubled,
}

impl Ledger {
    /// Notes a delivery.
    pub fn enter(&mut self, stamp: Stamp) -> Entry {
        let index = stamp.sender as usize;
        if self.senders.len() <= index {
            self.senders.resize_with(index + 1, Sender::default);
        }
        self.senders[index].enter(stamp.number)
    }

    /// How many of the `published` messages of this sender did not come.
    pub fn lost(&self, sender: u32, published: u32) -> u64 {
        match self.senders.get(sender as usize) {
            Some(sender) => sender.lost(published),
            None => u64::from(published),
        }
    }

    /// Messages that were passed over and have not come since: holes in what the subscriber got.
    pub fn holes(&self) -> u64 {
        self.senders.iter().map(|s| s.missing.len() as u64).sum()
    }
}

impl Sender {
    fn enter(&mut self, number: u32) -> Entry {
        if number >= self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
            return Entry::InOrder;
        }
        match self.missing.iter().position(|missing| *missing == number) {
            Some(position) => {
                self.missing.swap_remove(position);
                Entry::Reordered
            }
            None => Entry::Doubled,
        }
    }

    fn lost(&self, published: u32) -> u64 {
        self.missing.len() as u64 + u64::from(published.saturating_sub(self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(numbers: &[u32]) -> (Ledger, Vec<Entry>) {
        let mut ledger = Ledger::default();
        let entries = numbers
            .iter()
            .map(|&number| {
                ledger.enter(Stamp {
                    sender: 1,
                    number,
                    sent_ns: 0,
                })
            })
            .collect();
        (ledger, entries)
    }

    #[test]
    fn all_in_order_is_nothing_lost() {
        let (ledger, entries) = ledger(&[0, 1, 2]);
        assert!(entries.iter().all(|entry| *entry == Entry::InOrder));
        assert_eq!((ledger.lost(1, 3), ledger.holes()), (0, 0));
    }

    #[test]
    fn a_gap_at_the_beginning_in_the_middle_or_at_the_end_is_lost() {
        assert_eq!(ledger(&[1, 2]).0.lost(1, 3), 1);
        assert_eq!(ledger(&[0, 2]).0.lost(1, 3), 1);
        assert_eq!(ledger(&[0, 1]).0.lost(1, 3), 1);
        assert_eq!(ledger(&[]).0.lost(1, 3), 3);
        assert_eq!(ledger(&[0, 2]).0.holes(), 1);
    }

    #[test]
    fn what_comes_twice_is_doubled_and_does_not_hide_a_loss() {
        let (ledger, entries) = ledger(&[0, 1, 1, 3]);
        assert_eq!(entries[2], Entry::Doubled);
        assert_eq!(ledger.lost(1, 4), 1);
    }

    #[test]
    fn what_comes_late_is_reordered_and_not_lost() {
        let (ledger, entries) = ledger(&[0, 2, 1]);
        assert_eq!(entries[2], Entry::Reordered);
        assert_eq!(ledger.lost(1, 3), 0);
    }
}
