//! Slow readers: a channel with traffic, of whose readers some stop reading. What their neighbours
//! feel of it is measured on a thread of its own; how much memory the server takes meanwhile, when
//! it cuts each stalled one, and whether what those had got has holes.

mod stalled;

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::time::sleep;

use self::stalled::Stalled;
use super::{Window, channel, every};
use crate::client::Client;
use crate::clock::now_ns;
use crate::crowd::{Crowd, subscribed};
use crate::probe::{Probe, Samples, Signals, phase};
use crate::publisher::Speaker;
use crate::record::{Measurement, Outcome};
use crate::server::Server;
use crate::target::{Guest, Target};

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Readers
    #[arg(long, default_value_t = 2000)]
    pub readers: usize,
    /// Percent of them that stall
    #[arg(long, default_value_t = 1.5)]
    pub stalled: f64,
    /// Readers whose latency is measured
    #[arg(long, default_value_t = 100)]
    pub neighbours: usize,
    /// Publications a second
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// Bytes of a publication
    #[arg(long, default_value_t = 8000)]
    pub bytes: usize,
    /// Seconds in which everybody reads
    #[arg(long, default_value_t = 8.0)]
    pub healthy: f64,
    /// Seconds in which the stalled ones do not
    #[arg(long, default_value_t = 17.0)]
    pub stall: f64,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let guests = target.guests(0..options.readers + 1)?;
    let (publisher, readers) = guests.split_first().context("a publisher is needed")?;
    let (neighbours, others) = readers.split_at(options.neighbours.min(readers.len()));
    let mut clients = subscribed(target, others, |_| channel("all")).await?;
    let stalling = (options.readers as f64 * options.stalled / 100.0).round() as usize;
    let stalling = clients.split_off(clients.len().saturating_sub(stalling));
    let mut stalled = Stalled::start(stalling)?;
    let mut crowd = Crowd::new();
    crowd.listen(clients, |_| {});
    let probe = {
        let (target, neighbours) = (target.clone(), neighbours.to_vec());
        Probe::start(move |signals| listen(target, neighbours, signals)).await?
    };
    let speaker = Client::connect(target, publisher).await?;
    let speaker = Speaker::start(speaker, channel("all"), every(options.rate), options.bytes);

    // The first second finds everything cold.
    speaker.order(u32::MAX);
    sleep(Duration::from_secs(1)).await;
    let healthy = now_ns();
    sleep(Duration::from_secs_f64(options.healthy)).await;
    let pss_before = server.pss_kib()?;
    let window = Window::open(server)?;
    let stall = now_ns();
    let pss_most = stalled
        .stall(server, Duration::from_secs_f64(options.stall))
        .await?;
    let mut measurement = window.close()?;
    let end = now_ns();

    let published = speaker.stop().await?;
    crowd
        .settle(|| u64::from(published) * crowd.len() as u64)
        .await;
    let (samples, outcome, heard) = probe.finish().await?;
    measurement.connections = guests.len();
    measurement.published = u64::from(published);
    measurement.outcome = crowd.outcome(&[published]);
    measurement.outcome.add(outcome);
    // What none of the neighbours has got.
    measurement.outcome.lost += u64::from(published - heard) * neighbours.len() as u64;
    measurement.figures.extend(stalled.figures());
    measurement.outcome.add(stalled.read_on().await?);
    measurement.operations = measurement.outcome.deliveries;
    let (without, with) = (phase(&samples, healthy..stall), phase(&samples, stall..end));
    measurement.figures.extend([
        ("p99_with_ms", typical_p99_ms(&samples, stall..end)),
        ("p99_without_ms", typical_p99_ms(&samples, healthy..stall)),
        ("pss_before_mib", pss_before / 1024.0),
        ("pss_most_mib", pss_most / 1024.0),
    ]);
    measurement.latency.insert("without", without.summary());
    measurement.latency.insert("with", with.summary());
    Ok(measurement)
}

/// The median of the 99th percentiles of each second: phases of different length can be compared by
/// it, where the longer one would have the worse tail.
fn typical_p99_ms(samples: &[(u64, u64)], range: Range<u64>) -> f64 {
    let mut seconds: Vec<f64> = range
        .clone()
        .step_by(1_000_000_000)
        .map(|begin| phase(samples, begin..(begin + 1_000_000_000).min(range.end)))
        .map(|latency| latency.quantile_ms(0.99))
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

/// Those who read on, until the end. Returns also how many messages they have heard of.
async fn listen(
    target: Target,
    guests: Vec<Guest>,
    signals: Signals,
) -> Result<(Vec<(u64, u64)>, Outcome, u32)> {
    let clients = subscribed(&target, &guests, |_| channel("all")).await?;
    let (mut crowd, samples) = (Crowd::new(), Samples::default());
    let heard = Rc::new(Cell::new(0));
    let (arrived, number) = (samples.clone(), heard.clone());
    crowd.listen(clients, move |stamp| {
        arrived.add(stamp);
        number.set(number.get().max(stamp.number + 1));
    });
    let _ = signals.ready.send(());
    let _ = signals.stop.await;
    // The last message is with all others: it cannot be far.
    sleep(Duration::from_millis(100)).await;
    crowd
        .settle(|| u64::from(heard.get()) * crowd.len() as u64)
        .await;
    Ok((samples.take(), crowd.outcome(&[heard.get()]), heard.get()))
}
