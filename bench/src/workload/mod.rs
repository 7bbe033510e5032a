//! The workloads: each file says what it does and what its figure means.

pub mod connect;
pub mod fanout;
pub mod idle;
pub mod lone;
pub mod publish;
pub mod rooms;
pub mod rtt;
pub mod slow;
pub mod storm;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use tokio::time::Instant;

use crate::dialect::Format;
use crate::peer::Peer;
use crate::process::Cpu;
use crate::record::Measurement;
use crate::server::Server;

/// One workload with how much of it, as the command line says it.
#[derive(Subcommand, Debug)]
pub enum Task {
    /// Admission: handshakes, upgrades and tokens
    Connect(One<connect::Options>),
    /// Memory of idle connections
    Idle(One<idle::Options>),
    /// One channel with many subscribers
    Fanout(One<fanout::Options>),
    /// Small rooms in which everybody publishes
    Rooms(One<rooms::Options>),
    /// Round trips of one client
    Rtt(One<rtt::Options>),
    /// Thousands are cut at once, and come back
    Storm(One<storm::Options>),
    /// Some readers of a channel stop reading
    Slow(One<slow::Options>),
    /// A lone client beside a large busy channel
    Lone(One<lone::Options>),
    /// Many publishers with one subscriber each
    Publish(One<publish::Options>),
}

/// What a workload that is run by itself needs to know besides.
#[derive(Args, Clone, Debug)]
pub struct One<O: Args> {
    #[command(flatten)]
    options: O,
    #[command(flatten)]
    alone: Alone,
}

/// Whom to measure, and where to write it down; a whole run says that for all.
#[derive(Args, Clone, Debug)]
pub struct Alone {
    /// Whom to measure
    #[arg(long, default_value = "gatepost")]
    pub peer: Peer,
    /// Where the record goes, a line behind those that are there
    #[arg(long, default_value = "target/bench/single.jsonl")]
    pub out: PathBuf,
}

impl Task {
    /// Measures.
    pub async fn run(&self, server: &Server) -> Result<Measurement> {
        match self {
            Task::Connect(one) => connect::run(&one.options, server).await,
            Task::Idle(one) => idle::run(&one.options, server).await,
            Task::Fanout(one) => fanout::run(&one.options, server).await,
            Task::Rooms(one) => rooms::run(&one.options, server).await,
            Task::Rtt(one) => rtt::run(&one.options, server).await,
            Task::Storm(one) => storm::run(&one.options, server).await,
            Task::Slow(one) => slow::run(&one.options, server).await,
            Task::Lone(one) => lone::run(&one.options, server).await,
            Task::Publish(one) => publish::run(&one.options, server).await,
        }
    }

    /// What was said of it alone.
    pub fn alone(&self) -> &Alone {
        match self {
            Task::Connect(one) => &one.alone,
            Task::Idle(one) => &one.alone,
            Task::Fanout(one) => &one.alone,
            Task::Rooms(one) => &one.alone,
            Task::Rtt(one) => &one.alone,
            Task::Storm(one) => &one.alone,
            Task::Slow(one) => &one.alone,
            Task::Lone(one) => &one.alone,
            Task::Publish(one) => &one.alone,
        }
    }

    /// Whether this peer can do it.
    pub fn suits(&self, peer: Peer) -> bool {
        match self {
            Task::Fanout(one) => peer.dialect().written_as(one.options.format).is_some(),
            _ => true,
        }
    }

    /// The name in the record.
    pub fn name(&self) -> &'static str {
        match self {
            Task::Connect(_) => "connect",
            Task::Idle(_) => "idle",
            Task::Fanout(one) => match (one.options.saturated, one.options.format) {
                (false, Format::Json) => "fanout",
                (true, Format::Json) => "saturated",
                (false, Format::Protobuf) => "fanout-protobuf",
                (true, Format::Protobuf) => "saturated-protobuf",
            },
            Task::Rooms(_) => "rooms",
            Task::Rtt(_) => "rtt",
            Task::Storm(one) if one.options.at_once >= one.options.clients => "storm-flood",
            Task::Storm(_) => "storm",
            Task::Slow(_) => "slow",
            Task::Lone(_) => "lone",
            Task::Publish(_) => "publish",
        }
    }
}

/// The namespace of all channels: where there are rules for namespaces, they are for this one.
const NAMESPACE: &str = "bench";

/// A channel's name.
pub fn channel(name: impl std::fmt::Display) -> String {
    format!("{NAMESPACE}:{name}")
}

/// The time in which CPU is counted.
struct Window<'a> {
    server: &'a Server,
    before: Cpu,
    began: Instant,
}

impl<'a> Window<'a> {
    fn open(server: &'a Server) -> Result<Window<'a>> {
        Ok(Window {
            server,
            before: server.cpu()?,
            began: Instant::now(),
        })
    }

    /// A measurement of what was used since.
    fn close(self) -> Result<Measurement> {
        Ok(Measurement {
            seconds: self.began.elapsed().as_secs_f64(),
            cpu: self.server.cpu()?.since(self.before),
            pss_kib: self.server.pss_kib()?,
            ..Measurement::default()
        })
    }
}

impl Measurement {
    /// Sets what CPU time is divided by, and the figure that comes of it.
    fn per(&mut self, operations: u64, figure: &'static str, unit_us: f64) {
        self.operations = operations;
        let each = self.cpu.total_us / operations.max(1) as f64;
        self.figures.insert(figure, each / unit_us);
    }

    /// The same for deliveries, which is what most workloads are about.
    fn per_delivery(&mut self) {
        let deliveries = self.outcome.deliveries;
        self.per(deliveries, "cpu_us_per_delivery", 1.0);
        self.figures
            .insert("deliveries_per_second", deliveries as f64 / self.seconds);
    }
}

/// So many times a second.
fn every(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
