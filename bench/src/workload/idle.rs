//! Memory of idle connections, each subscribed to a channel of its own. Where the server has
//! personal channels, each is subscribed to that besides.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::time::sleep;

use super::{Window, channel};
use crate::crowd::{Crowd, subscribed};
use crate::kernel::KernelMemory;
use crate::record::Measurement;
use crate::server::Server;
use crate::target::{Guest, Target};

const CHUNK: usize = 1000;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections
    #[arg(long, default_value_t = 5000)]
    pub connections: usize,
    /// Connections before, which pay for what all share
    #[arg(long, default_value_t = 200)]
    pub warm_up: usize,
    /// Seconds of silence before memory is read
    #[arg(long, default_value_t = 2.0)]
    pub settle: f64,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let guests = target.guests(0..options.warm_up + options.connections)?;
    let (first, measured) = guests.split_at(options.warm_up);
    let settle = Duration::from_secs_f64(options.settle);
    let mut crowd = Crowd::new();
    if !first.is_empty() {
        gather(&mut crowd, target, first, "warm").await?;
        sleep(settle).await;
    }

    let (before, kernel_before) = (server.pss_kib()?, KernelMemory::now()?);
    let window = Window::open(server)?;
    gather(&mut crowd, target, measured, "own").await?;
    sleep(settle).await;
    let mut measurement = window.close()?;
    let kernel = KernelMemory::now()?;

    let each = |kib: f64| kib / options.connections as f64;
    let figures = [
        ("pss_kib_per_connection", measurement.pss_kib - before),
        (
            "slab_kib_per_connection",
            kernel.slab_kib - kernel_before.slab_kib,
        ),
        (
            "tcp_kib_per_connection",
            kernel.tcp_kib - kernel_before.tcp_kib,
        ),
    ];
    measurement
        .figures
        .extend(figures.map(|(name, kib)| (name, each(kib))));
    measurement.connections = options.connections;
    measurement.operations = options.connections as u64;
    // One that the server has closed would make the others look cheaper.
    measurement.outcome = crowd.outcome(&[]);
    Ok(measurement)
}

/// Connects so many at a time, and listens to them from then on: pings want an answer.
async fn gather(crowd: &mut Crowd, target: &Target, guests: &[Guest], name: &str) -> Result<()> {
    for (chunk, guests) in guests.chunks(CHUNK).enumerate() {
        let own = |i| channel(format_args!("{name}-{}", chunk * CHUNK + i));
        crowd.listen(subscribed(target, guests, own).await?, |_| {});
    }
    Ok(())
}
