//! What all subscribers of one thread got together.

use std::cell::RefCell;
use std::rc::Rc;

use crate::clock::now_ns;
use crate::latency::Latency;
use crate::ledger::{Entry, Ledger};
use crate::payload::Stamp;

/// A delivery that took longer than this is late.
const LATE_NS: u64 = 1_000_000_000;

/// The counts since the window of the measurement was opened.
#[derive(Default)]
pub struct Tally {
    /// Deliveries, each message to each subscriber once.
    pub deliveries: u64,
    /// Deliveries of what the subscriber had already.
    pub doubled: u64,
    /// Deliveries behind a later message of the same sender.
    pub reordered: u64,
    /// Deliveries that took over a second.
    pub late: u64,
    /// How long they took.
    pub latency: Latency,
    /// Why connections ended that should not have.
    pub broken: Vec<String>,
}

/// A tally that the tasks of one thread write into.
pub type SharedTally = Rc<RefCell<Tally>>;

impl Tally {
    /// Begins to count and to measure anew; what went wrong before is kept.
    pub fn open_window(&mut self) {
        self.deliveries = 0;
        self.latency = Latency::default();
    }
}

/// One subscriber: its ledger, and the tally that it counts for.
#[derive(Default)]
pub struct Receiver {
    ledger: RefCell<Ledger>,
    tally: SharedTally,
}

impl Receiver {
    /// A subscriber that counts for this tally.
    pub fn new(tally: &SharedTally) -> Rc<Receiver> {
        Rc::new(Receiver {
            ledger: RefCell::default(),
            tally: tally.clone(),
        })
    }

    /// Notes a delivery. `None` if it is a doubled one, or no payload at all.
    pub fn take(&self, payload: &[u8]) -> Option<Stamp> {
        let mut tally = self.tally.borrow_mut();
        let Some(stamp) = Stamp::read(payload) else {
            tally.broken.push(format!(
                "a payload that nobody sent: {}",
                String::from_utf8_lossy(payload)
            ));
            return None;
        };
        match self.ledger.borrow_mut().enter(stamp) {
            Entry::InOrder => {}
            Entry::Reordered => tally.reordered += 1,
            Entry::Doubled => {
                tally.doubled += 1;
                return None;
            }
        }
        let took = now_ns().saturating_sub(stamp.sent_ns);
        tally.deliveries += 1;
        tally.late += u64::from(took > LATE_NS);
        tally.latency.add_ns(took);
        Some(stamp)
    }

    /// Notes that the connection ended although nobody closed it.
    pub fn broke(&self, error: &anyhow::Error) {
        self.tally.borrow_mut().broken.push(format!("{error:#}"));
    }

    /// The account of this subscriber.
    pub fn ledger(&self) -> std::cell::Ref<'_, Ledger> {
        self.ledger.borrow()
    }
}
