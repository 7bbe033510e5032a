//! A measurement as one line of JSON: all raw figures, and what they were taken on.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

use crate::clock;
use crate::latency::Summary;
use crate::peer::Peer;
use crate::process::{Cpu, field};
use crate::tally::Tally;

/// What a workload found out.
#[derive(Default, Serialize)]
pub struct Measurement {
    /// Length of the window in which CPU time was counted.
    pub seconds: f64,
    /// Connections that were open in it.
    pub connections: usize,
    /// What CPU time is divided by: admissions, deliveries, round trips, readmissions.
    pub operations: u64,
    /// Messages that were published in it.
    pub published: u64,
    /// What became of them.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Attempts to connect that were refused or failed.
    pub refused: u64,
    /// What the server used in the window.
    #[serde(flatten)]
    pub cpu: Cpu,
    /// Its memory at the end, in KiB.
    pub pss_kib: f64,
    /// The figures that the workload is for.
    pub figures: BTreeMap<&'static str, f64>,
    /// How long deliveries, or what else was awaited, took.
    pub latency: BTreeMap<&'static str, Summary>,
}

/// What became of the messages: whether each came to each subscriber, once.
#[derive(Default, Serialize)]
pub struct Outcome {
    /// Deliveries in the window.
    pub deliveries: u64,
    /// Deliveries that did not come, ever.
    pub lost: u64,
    /// Deliveries that came again.
    pub doubled: u64,
    /// Deliveries that came behind a later message of the same sender.
    pub reordered: u64,
    /// Deliveries that took over a second.
    pub late: u64,
    /// Messages that are missing before one that came, to a reader that was cut later on.
    pub holes: u64,
    /// Connections that ended although nobody closed them.
    pub broken: u64,
    /// Why the first of those did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Outcome {
    /// What a tally tells, and how many deliveries the ledgers miss.
    pub fn of(tally: &Tally, lost: u64) -> Outcome {
        Outcome {
            deliveries: tally.deliveries,
            lost,
            doubled: tally.doubled,
            reordered: tally.reordered,
            late: tally.late,
            holes: 0,
            broken: tally.broken.len() as u64,
            why: tally.broken.first().cloned(),
        }
    }

    /// Adds what another thread counted.
    pub fn add(&mut self, other: Outcome) {
        self.deliveries += other.deliveries;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.late += other.late;
        self.holes += other.holes;
        self.broken += other.broken;
        self.why = self.why.take().or(other.why);
    }

    /// Whether each message came to each subscriber once and in order, over connections that held.
    pub fn is_whole(&self) -> bool {
        let wrong = [
            self.lost,
            self.doubled,
            self.reordered,
            self.holes,
            self.broken,
        ];
        wrong.iter().all(|count| *count == 0)
    }
}

/// The line.
#[derive(Serialize)]
pub struct Record<'a> {
    date: String,
    machine: &'a Machine,
    peer: &'static str,
    version: &'a str,
    workload: &'a str,
    round: usize,
    #[serde(flatten)]
    measurement: &'a Measurement,
}

impl<'a> Record<'a> {
    /// A record of this moment.
    pub fn new(
        machine: &'a Machine,
        peer: Peer,
        version: &'a str,
        workload: &'a str,
        round: usize,
        measurement: &'a Measurement,
    ) -> Record<'a> {
        Record {
            date: humantime::format_rfc3339_seconds(clock::date()).to_string(),
            machine,
            peer: peer.name(),
            version,
            workload,
            round,
            measurement,
        }
    }
}

/// The machine that was measured on.
#[derive(Serialize)]
pub struct Machine {
    cores: usize,
    memory_mib: u64,
    kernel: String,
    processor: String,
}

impl Machine {
    /// This one. What it does not tell is left empty.
    pub fn this() -> Machine {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0.0);
        let processors = read("/proc/cpuinfo");
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: (memory_kib / 1024.0) as u64,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: processor.map_or(String::new(), |(_, name)| name.trim().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;
    use crate::tally::{Receiver, SharedTally};

    /// What became of three messages, when one subscriber got these.
    fn outcome(got: &[u32]) -> Outcome {
        let tally = SharedTally::default();
        let receiver = Receiver::new(&tally);
        for &number in got {
            receiver.take(&Stamp::now(0, number).write());
        }
        Outcome::of(&tally.borrow(), receiver.ledger().lost(0, 3))
    }

    #[test]
    fn a_lost_a_doubled_and_a_reordered_message_are_not_passed_over() {
        assert!(outcome(&[0, 1, 2]).is_whole());
        for wrong in [&[0, 1][..], &[0, 1, 1, 2], &[0, 2, 1], &[1, 2]] {
            assert!(!outcome(wrong).is_whole(), "{wrong:?}");
        }
    }

    #[test]
    fn a_connection_that_broke_and_what_nobody_sent_are_not_passed_over() {
        let tally = SharedTally::default();
        Receiver::new(&tally).take(b"noise");
        assert!(!Outcome::of(&tally.borrow(), 0).is_whole());
    }
}
