//! A storm: thousands of clients are cut at once and, after the pause that SDKs make, all come back,
//! by full handshakes, some at once, and subscribe again. Others never left: what they feel of the
//! cut and of the return is measured on a thread of its own, in small rooms with steady traffic.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Window, channel, every};
use crate::client::Client;
use crate::clock::now_ns;
use crate::crowd::{each, keep, subscribed};
use crate::kernel::AcceptQueue;
use crate::probe::{Probe, Samples, Signals, phase};
use crate::publisher::Order;
use crate::record::{Measurement, Outcome};
use crate::rooms::Rooms;
use crate::server::Server;
use crate::target::{Guest, Target};

/// Members of a room of those who stay.
const ROOM: usize = 10;
/// How long a client whose attempt failed waits before the next.
const BACKOFF: Duration = Duration::from_millis(200);
/// How long until a client that is not back is taken to be refused for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Clients that are cut
    #[arg(long, default_value_t = 5000)]
    pub clients: usize,
    /// Clients that stay, in rooms of ten
    #[arg(long, default_value_t = 500)]
    pub stay: usize,
    /// Publications of each of those a second
    #[arg(long, default_value_t = 0.4)]
    pub rate: f64,
    /// Attempts to come back at once
    #[arg(long, default_value_t = 500)]
    pub at_once: usize,
    /// Seconds from the cut to the first attempt
    #[arg(long, default_value_t = 0.5)]
    pub pause: f64,
    /// Seconds of calm before the storm
    #[arg(long, default_value_t = 2.0)]
    pub calm: f64,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let stay = options.stay.next_multiple_of(ROOM);
    let guests = target.guests(0..stay + options.clients)?;
    let (staying, leaving) = guests.split_at(stay);
    let mut clients = keep(subscribed(target, leaving, own).await?);
    let probe = {
        let (target, guests) = (target.clone(), staying.to_vec());
        let every = every(options.rate);
        Probe::start(move |signals| stay_on(target, guests, every, signals)).await?
    };

    // Calm: what the traffic of those who stay costs, and how long it takes.
    let window = Window::open(server)?;
    let began = now_ns();
    sleep(Duration::from_secs_f64(options.calm)).await;
    let calm = window.close()?;
    let calm_us_per_second = calm.cpu.total_us / calm.seconds;

    // Storm.
    let queue = AcceptQueue::now()?;
    let window = Window::open(server)?;
    let cut = now_ns();
    clients.shutdown().await;
    sleep(Duration::from_secs_f64(options.pause)).await;
    let first = now_ns();
    let (back, refused) = come_back(target, leaving, options.at_once).await?;
    let all_back = now_ns();
    let mut measurement = window.close()?;
    let queue = AcceptQueue::now()?.since(queue);
    let (samples, outcome) = probe.finish().await?;
    drop(back);

    measurement.connections = guests.len();
    measurement.refused = refused;
    measurement.outcome = outcome;
    let storm_us = measurement.cpu.total_us - calm_us_per_second * measurement.seconds;
    let readmission_ms = storm_us / 1000.0 / options.clients as f64;
    measurement.operations = options.clients as u64;
    for (name, figure, range) in [
        ("before", "p99_before_ms", began..cut),
        ("cut", "p99_cut_ms", cut..first),
        ("during", "p99_during_ms", first..all_back),
    ] {
        let latency = phase(&samples, range);
        measurement
            .figures
            .insert(figure, latency.quantile_ms(0.99));
        measurement.latency.insert(name, latency.summary());
    }
    measurement.figures.extend([
        ("cpu_ms_per_readmission", readmission_ms),
        ("all_back_s", (all_back - first) as f64 / 1e9),
        ("listen_overflows", queue.overflows),
        ("listen_drops", queue.drops),
    ]);
    Ok(measurement)
}

fn own(number: usize) -> String {
    channel(format_args!("own-{number}"))
}

/// Connects and subscribes them all again. Returns them, with the count of attempts that failed.
async fn come_back(
    target: &Target,
    guests: &[Guest],
    at_once: usize,
) -> Result<(Vec<Client>, u64)> {
    let (began, refused) = (Instant::now(), Cell::new(0));
    let refused_once = &refused;
    let back = each(guests, at_once, |number, guest| async move {
        loop {
            let error = match attempt(target, guest, number).await {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            refused_once.set(refused_once.get() + 1);
            if began.elapsed() > PATIENCE {
                bail!(error.context("a client could not come back"));
            }
            sleep(BACKOFF).await;
        }
    });
    let back = back
        .await
        .with_context(|| format!("{} attempts failed", refused.get()))?;
    Ok((back, refused.get()))
}

async fn attempt(target: &Target, guest: &Guest, number: usize) -> Result<Client> {
    let mut client = Client::connect(target, guest).await?;
    client.subscribe(&own(number), |_| {}).await?;
    Ok(client)
}

/// Those who stay, until the end.
async fn stay_on(
    target: Target,
    guests: Vec<Guest>,
    every: Duration,
    signals: Signals,
) -> Result<(Vec<(u64, u64)>, Outcome)> {
    let samples = Samples::default();
    let arrived = samples.clone();
    let rooms = Rooms::gather(&target, &guests, ROOM, every, move |stamp| {
        arrived.add(stamp)
    })
    .await?;
    rooms.order(Order::publish(u32::MAX));
    // Until each has published once.
    sleep(every).await;
    let _ = signals.ready.send(());
    let _ = signals.stop.await;
    rooms.order(Order::rest());
    // Those that are just publishing.
    sleep(Duration::from_millis(50)).await;
    rooms.settle(0).await;
    Ok((samples.take(), rooms.outcome()))
}
