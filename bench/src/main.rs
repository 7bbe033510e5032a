//! Measures Gatepost beside a floor and its peers. What the figures mean is in `README.md`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]
#![allow(unreachable_pub, reason = "a program: all of it is its own")]

mod client;
mod clock;
mod credentials;
mod crowd;
mod dialect;
mod floor;
mod frame;
mod kernel;
mod latency;
mod ledger;
mod payload;
mod peer;
mod plan;
mod probe;
mod process;
mod publisher;
mod record;
mod report;
mod rooms;
mod run;
mod server;
mod tally;
mod target;
mod tls;
mod workload;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::run::Log;
use crate::workload::{Alone, Task};

/// Measures Gatepost beside a floor and its peers; run it from the root of the repository
#[derive(Parser)]
#[command(name = "bench", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures each workload on each peer, round by round
    Run(run::Options),
    #[command(flatten)]
    One(Task),
    /// Makes tables and charts of the records of a run
    Report(report::Options),
    /// Serves as the floor; its settings are BENCH_ADDRESS, _CERTIFICATE, _KEY and _SECRET
    Floor,
}

fn main() -> ExitCode {
    match command(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(command: Command) -> Result<bool> {
    raise_file_limit()?;
    match command {
        Command::Run(options) => run::run(&options),
        Command::Report(options) => report::run(&options).map(|()| true),
        Command::Floor => floor::run().map(|()| true),
        Command::One(task) => {
            let Alone { peer, out } = task.alone();
            let version = peer.version()?;
            let measurement = run::measure(*peer, &task)?;
            Log::open(out)?.enter(*peer, &version, task.name(), 1, &measurement)?;
            Ok(measurement.outcome.is_whole())
        }
    }
}

/// Sockets that the largest runs need.
const FILES: u64 = 1 << 20;

/// As many sockets as this process may have; servers inherit it.
fn raise_file_limit() -> Result<()> {
    // Only root may have more than the limit that is set.
    if setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES).is_err() {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    }
    Ok(())
}
