//! The records of a run by workload, peer and round, and the figures taken from them.

use std::collections::BTreeMap;

use super::figure::{Base, Figure};
use super::records::{Counts, Latency, Machine, Record};
use super::spread::Spread;

/// The lower bound that ratios are taken to.
pub(super) const FLOOR: &str = "floor";
/// Whom the report is about.
pub(super) const GATEPOST: &str = "gatepost";

/// A run.
pub(super) struct Results {
    records: Vec<Record>,
    /// In the order in which they were measured.
    peers: Vec<String>,
}

impl Results {
    pub(super) fn of(records: Vec<Record>) -> Results {
        let mut peers: Vec<String> = Vec::new();
        for record in &records {
            if !peers.contains(&record.peer) {
                peers.push(record.peer.clone());
            }
        }
        Results { records, peers }
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &str> {
        self.peers.iter().map(String::as_str)
    }

    pub(super) fn rounds(&self) -> usize {
        self.records
            .iter()
            .map(|record| record.round)
            .max()
            .unwrap_or(0)
    }

    /// When the first and the last measurement ended.
    pub(super) fn dates(&self) -> (&str, &str) {
        let dates = || self.records.iter().map(|record| record.date.as_str());
        (
            dates().min().unwrap_or_default(),
            dates().max().unwrap_or_default(),
        )
    }

    /// The machine of the first measurement.
    pub(super) fn machine(&self) -> Option<&Machine> {
        self.records.first().map(|record| &record.machine)
    }

    pub(super) fn version(&self, peer: &str) -> Option<&str> {
        self.records
            .iter()
            .find_map(|record| (record.peer == peer).then_some(record.version.as_deref())?)
    }

    /// Names of the workloads, in the order in which they were measured.
    pub(super) fn workloads(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for record in &self.records {
            if !names.contains(&record.workload.as_str()) {
                names.push(&record.workload);
            }
        }
        names
    }

    /// What became of all messages of a workload on a peer; `None` if it was not measured.
    pub(super) fn counts(&self, workload: &str, peer: &str) -> Option<Counts> {
        let mut sum = None;
        for record in self.of_workload(workload, peer) {
            sum.get_or_insert_with(Counts::default).add(record.counts);
        }
        sum
    }

    /// The same of all workloads.
    pub(super) fn total(&self, peer: &str) -> Option<Counts> {
        let mut sum = None;
        for record in self.records.iter().filter(|record| record.peer == peer) {
            sum.get_or_insert_with(Counts::default).add(record.counts);
        }
        sum
    }

    /// One of the latencies of a workload, over the rounds, in milliseconds.
    pub(super) fn latency(
        &self,
        workload: &str,
        name: &str,
        peer: &str,
        of: impl Fn(&Latency) -> f64,
    ) -> Option<Spread> {
        let rounds = self.of_workload(workload, peer);
        Spread::of(
            rounds
                .filter_map(|record| Some(of(record.latency.get(name)?) / 1000.0))
                .collect(),
        )
    }

    /// The values of a figure over the rounds.
    pub(super) fn values(&self, figure: &Figure, peer: &str) -> Option<Spread> {
        let rounds = self.of_workload(figure.workload, peer);
        Spread::of(rounds.filter_map(|record| figure.value(record)).collect())
    }

    /// The ratios of a figure to its base, each in its round.
    pub(super) fn ratios(&self, figure: &Figure, peer: &str) -> Option<Spread> {
        let (workload, base_peer) = match figure.base? {
            Base::Floor => (figure.workload, FLOOR),
            Base::Workload(workload) => (workload, peer),
        };
        let bases: BTreeMap<usize, f64> = self
            .of_workload(workload, base_peer)
            .filter_map(|record| Some((record.round, figure.value(record)?)))
            .collect();
        let rounds = self.of_workload(figure.workload, peer);
        Spread::of(
            rounds
                .filter_map(|record| Some(figure.value(record)? / bases.get(&record.round)?))
                .filter(|ratio| ratio.is_finite())
                .collect(),
        )
    }

    fn of_workload(&self, workload: &str, peer: &str) -> impl Iterator<Item = &Record> {
        let wanted = move |record: &&Record| record.workload == workload && record.peer == peer;
        self.records.iter().filter(wanted)
    }
}

/// How a peer is written.
pub(super) fn display(peer: &str) -> &str {
    match peer {
        GATEPOST => "Gatepost",
        "bun" => "Bun",
        "centrifugo" => "Centrifugo",
        "sockudo" => "Sockudo",
        other => other,
    }
}
