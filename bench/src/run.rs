//! Whole runs: each workload on each peer, interleaved round by round, each on a server that was
//! started for it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use tokio::task::LocalSet;

use crate::peer::Peer;
use crate::plan;
use crate::record::{Machine, Measurement, Record};
use crate::server::Server;
use crate::workload::Task;

/// The peers of a run that is not told any: all but those that take long to build.
const PEERS: &str = "floor gatepost tungstenite bun gorilla ws centrifugo";

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Peers, separated by spaces or commas
    #[arg(long, default_value = PEERS)]
    peers: String,
    /// Workloads, likewise; all by default
    #[arg(long, default_value_t = plan::names().join(" "))]
    workloads: String,
    /// How many times everything is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The number of the first of them, to add some to what was measured before
    #[arg(long, default_value_t = 1)]
    first_round: usize,
    /// A little of each load: shows that everything works, not how fast
    #[arg(long)]
    quick: bool,
    /// End with 1 if a message was lost, came twice or out of order, or a connection broke
    #[arg(long)]
    check: bool,
    /// Where the records go, a line each; what is in it stays
    #[arg(long, default_value = "target/bench/results.jsonl")]
    out: PathBuf,
}

/// Runs. Returns whether every message arrived, once.
pub fn run(options: &Options) -> Result<bool> {
    let peers = installed(&options.peers)?;
    let tasks = names(&options.workloads)
        .map(|name| Ok((name, plan::task(name, options.quick)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut log = Log::open(&options.out)?;
    let mut whole = true;
    for round in (options.first_round..).take(options.rounds) {
        for (name, task) in &tasks {
            for (peer, version) in peers.iter().filter(|(peer, _)| task.suits(*peer)) {
                let measurement =
                    measure(*peer, task).with_context(|| format!("{name} of {}", peer.name()))?;
                log.enter(*peer, version, name, round, &measurement)?;
                whole &= measurement.outcome.is_whole();
            }
        }
    }
    if !whole {
        println!("messages were lost or doubled, or connections broke: see the lines above");
    }
    Ok(whole || !options.check)
}

/// One measurement, on a server that is started for it.
pub fn measure(peer: Peer, task: &Task) -> Result<Measurement> {
    let server = Server::start(peer)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new()
        .block_on(&runtime, task.run(&server))
        .with_context(|| format!("the server said:\n{}", server.said()))
}

/// The peers of these names with their versions. One that is not installed is left out, but not
/// those that the bench is about.
fn installed(list: &str) -> Result<Vec<(Peer, String)>> {
    let mut peers = Vec::new();
    for name in names(list) {
        let peer = peer(name)?;
        match peer.version() {
            Ok(version) => peers.push((peer, version)),
            Err(error) if matches!(peer, Peer::Floor | Peer::Gatepost) => return Err(error),
            Err(error) => println!("{name} is left out: {error:#}"),
        }
    }
    Ok(peers)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([' ', ',']).filter(|name| !name.is_empty())
}

fn peer(name: &str) -> Result<Peer> {
    Peer::from_str(name, false).map_err(|_| {
        let known: Vec<_> = Peer::value_variants()
            .iter()
            .map(|peer| peer.name())
            .collect();
        anyhow!("there is no peer `{name}`; there are {}", known.join(", "))
    })
}

/// Where records go: a file, and in short the terminal.
pub struct Log {
    file: File,
    machine: Machine,
}

impl Log {
    /// Appends to this file, which is made with its folder if need be.
    pub fn open(path: &Path) -> Result<Log> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).append(true).open(path);
        Ok(Log {
            file: file.with_context(|| format!("cannot write {}", path.display()))?,
            machine: Machine::this(),
        })
    }

    /// Writes one measurement down.
    pub fn enter(
        &mut self,
        peer: Peer,
        version: &str,
        workload: &str,
        round: usize,
        measurement: &Measurement,
    ) -> Result<()> {
        let record = Record::new(&self.machine, peer, version, workload, round, measurement);
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        println!("{}", in_short(peer, workload, round, measurement));
        Ok(())
    }
}

fn in_short(peer: Peer, workload: &str, round: usize, measurement: &Measurement) -> String {
    let mut line = format!("round {round}  {workload:<12} {:<12}", peer.name());
    for (name, value) in &measurement.figures {
        line.push_str(&format!("  {name} {value:.3}"));
    }
    for (name, latency) in &measurement.latency {
        line.push_str(&format!("  {name} {latency}"));
    }
    let outcome = &measurement.outcome;
    if !outcome.is_whole() {
        line.push_str(&format!(
            "  LOST {} DOUBLED {} REORDERED {} BROKEN {} {}",
            outcome.lost,
            outcome.doubled,
            outcome.reordered,
            outcome.broken,
            outcome.why.as_deref().unwrap_or_default()
        ));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_as_one_likes() {
        assert_eq!(
            names("floor, gatepost bun").collect::<Vec<_>>(),
            ["floor", "gatepost", "bun"]
        );
        assert!(names(PEERS).all(|name| peer(name).is_ok()));
    }
}
