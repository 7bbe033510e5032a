//! Whole runs: each workload on each peer, interleaved round by round, each on a server that was
//! started for it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Parser, ValueEnum};
use tokio::task::LocalSet;

use crate::peer::Peer;
use crate::record::{Machine, Measurement, Record};
use crate::server::Server;
use crate::workload::Task;

/// The workloads of a run: the name, the command line that measures it alone, and what that gets
/// besides for `--quick`.
const WORKLOADS: &[(&str, &str, &str)] = &[
    ("connect", "connect", "--connections 100 --warm-up 10"),
    (
        "idle",
        "idle",
        "--connections 100 --warm-up 10 --settle 0.2",
    ),
    ("fanout", "fanout", "--subscribers 100 --seconds 1"),
    (
        "saturated",
        "fanout --saturated",
        "--subscribers 100 --seconds 1",
    ),
    ("rooms", "rooms", "--connections 100 --times 2 --rate 4"),
    ("rtt", "rtt", "--messages 200 --warm-up 20"),
    ("publish", "publish", "--pairs 50 --times 10"),
    ("lone", "lone", "--subscribers 200 --seconds 1"),
    (
        "slow",
        "slow",
        "--readers 100 --neighbours 20 --healthy 0.5 --stall 1",
    ),
    (
        "storm",
        "storm",
        "--clients 200 --stay 50 --at-once 50 --rate 2 --calm 0.5",
    ),
    (
        "storm-flood",
        "storm --at-once 5000",
        "--clients 200 --stay 50 --rate 2 --calm 0.5",
    ),
];

/// The peers of a run that is not told any: all but those that take long to build.
const PEERS: &str = "floor gatepost tungstenite bun gorilla ws centrifugo";

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Peers, separated by spaces or commas
    #[arg(long, default_value = PEERS)]
    peers: String,
    /// Workloads, likewise; all by default
    #[arg(long, default_value_t = all_workloads())]
    workloads: String,
    /// How many times everything is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
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
    let peers = names(&options.peers)
        .map(peer)
        .collect::<Result<Vec<_>>>()?;
    let tasks = names(&options.workloads)
        .map(|name| Ok((name, task(name, options.quick)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut log = Log::open(&options.out)?;
    let mut whole = true;
    for round in 1..=options.rounds {
        for (name, task) in &tasks {
            for &peer in &peers {
                let measurement =
                    measure(peer, task).with_context(|| format!("{name} of {}", peer.name()))?;
                log.enter(peer, name, round, &measurement)?;
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

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([' ', ',']).filter(|name| !name.is_empty())
}

fn all_workloads() -> String {
    WORKLOADS
        .iter()
        .map(|(name, ..)| *name)
        .collect::<Vec<_>>()
        .join(" ")
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

/// The workload of this name, as its command line makes it.
fn task(name: &str, quick: bool) -> Result<Task> {
    let Some((_, line, less)) = WORKLOADS.iter().find(|(known, ..)| *known == name) else {
        bail!(
            "there is no workload `{name}`; there are {}",
            all_workloads()
        );
    };
    let words = ["bench", line, if quick { less } else { "" }];
    let words = words.iter().flat_map(|words| words.split_whitespace());
    Ok(Line::try_parse_from(words)?.task)
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    task: Task,
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
        workload: &str,
        round: usize,
        measurement: &Measurement,
    ) -> Result<()> {
        let version = peer.version();
        let version = version.as_deref();
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
    fn every_workload_is_a_command_line_that_measures_it() {
        for (name, ..) in WORKLOADS {
            for quick in [false, true] {
                assert_eq!(task(name, quick).unwrap().name(), *name);
            }
        }
    }

    #[test]
    fn names_are_separated_as_one_likes() {
        assert_eq!(
            names("floor, gatepost bun").collect::<Vec<_>>(),
            ["floor", "gatepost", "bun"]
        );
        assert!(names(PEERS).all(|name| peer(name).is_ok()));
    }

    #[test]
    fn a_name_that_is_not_known_is_told_with_those_that_are() {
        let error = task("fan", false).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no workload `fan`; there are connect"),
            "{error}"
        );
    }
}
