//! Reading the lines that a run writes. Of each, what a report needs.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// One workload of one peer in one round.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) peer: String,
    pub(super) version: Option<String>,
    pub(super) workload: String,
    pub(super) round: usize,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) figures: BTreeMap<String, f64>,
    pub(super) latency: BTreeMap<String, Latency>,
}

/// What it was measured on.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
    pub(super) processor: String,
}

/// What became of the messages and the connections.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) published: u64,
    pub(super) deliveries: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) reordered: u64,
    pub(super) late: u64,
    #[serde(default)]
    pub(super) holes: u64,
    pub(super) broken: u64,
    pub(super) refused: u64,
}

impl Counts {
    pub(super) fn is_nothing(self) -> bool {
        self == Counts::default()
    }

    pub(super) fn add(&mut self, other: Counts) {
        self.published += other.published;
        self.deliveries += other.deliveries;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.late += other.late;
        self.holes += other.holes;
        self.broken += other.broken;
        self.refused += other.refused;
    }
}

/// How long something took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
}

/// Reads a run: at least one record, and none twice.
pub(super) fn read(text: &str) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut seen = BTreeMap::new();
    for (line, number) in text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty())
    {
        let record: Record = serde_json::from_str(line)
            .with_context(|| format!("line {number} is not a record of the bench"))?;
        let key = (record.workload.clone(), record.peer.clone(), record.round);
        if let Some(before) = seen.insert(key, number) {
            anyhow::bail!(
                "line {number} is round {} of {} on {} again, which line {before} is already: \
                 ratios are of one run, so give each run a file of its own",
                record.round,
                record.workload,
                record.peer
            );
        }
        records.push(record);
    }
    ensure!(!records.is_empty(), "it has no records");
    Ok(records)
}
