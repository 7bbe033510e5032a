//! A lone client beside a large busy channel: how long its round trips take while the server fans
//! out to thousands. It has a thread of its own, and pauses between two, so that it loads nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::time::sleep;

use super::{Window, channel, every};
use crate::client::Client;
use crate::clock::now_ns;
use crate::crowd::{Crowd, subscribed};
use crate::dialect::Incoming;
use crate::payload::{self, Stamp};
use crate::probe::{Probe, Samples, Signals, phase};
use crate::publisher::Speaker;
use crate::record::{Measurement, Outcome};
use crate::server::Server;
use crate::target::{Guest, Target};

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Subscribers of the large channel
    #[arg(long, default_value_t = 8000)]
    pub subscribers: usize,
    /// Publications a second in it
    #[arg(long, default_value_t = 4.0)]
    pub rate: f64,
    /// Seconds
    #[arg(long, default_value_t = 6.0)]
    pub seconds: f64,
    /// Milliseconds from the end of a round trip to the next
    #[arg(long, default_value_t = 2.0)]
    pub pause: f64,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let guests = target.guests(0..options.subscribers + 2)?;
    let (crowded, two) = guests.split_at(options.subscribers);
    let (publisher, lone) = (&two[0], &two[1]);
    let members = subscribed(target, crowded, |_| channel("large")).await?;
    let mut crowd = Crowd::new();
    crowd.listen(members, |_| {});
    let speaker = Client::connect(target, publisher).await?;
    let every = every(options.rate);
    let speaker = Speaker::start(speaker, channel("large"), every, payload::LENGTH);
    let probe = {
        let (target, lone) = (target.clone(), lone.clone());
        let pause = Duration::from_secs_f64(options.pause / 1000.0);
        Probe::start(move |signals| trips(target, lone, pause, signals)).await?
    };

    // The first publications find everything cold.
    speaker.order(u32::MAX);
    sleep(Duration::from_secs(1)).await;
    let (began, before) = (now_ns(), speaker.published());
    let window = Window::open(server)?;
    sleep(Duration::from_secs_f64(options.seconds)).await;
    let (ended, published) = (now_ns(), speaker.stop().await?);
    crowd
        .settle(|| u64::from(published) * options.subscribers as u64)
        .await;
    let mut measurement = window.close()?;
    let (samples, outcome) = probe.finish().await?;
    let latency = phase(&samples, began..ended);

    measurement.connections = guests.len();
    measurement.published = u64::from(published - before);
    measurement.outcome = crowd.outcome(&[published]);
    measurement.outcome.add(outcome);
    measurement.operations = measurement.outcome.deliveries;
    let figures = [("worst_ms", 1.0), ("p99_ms", 0.99)];
    let figures = figures.map(|(name, quantile)| (name, latency.quantile_ms(quantile)));
    measurement.figures.extend(figures);
    measurement.latency.insert("lone", latency.summary());
    let delivery = crowd.tally().borrow().latency.summary();
    measurement.latency.insert("delivery", delivery);
    Ok(measurement)
}

/// Round trips, one after the other, until the end.
async fn trips(
    target: Target,
    guest: Guest,
    pause: Duration,
    mut signals: Signals,
) -> Result<(Vec<(u64, u64)>, Outcome)> {
    let mut client = Client::connect(&target, &guest).await?;
    let own = channel("lone");
    client.subscribe(&own, |_| {}).await?;
    let mut crowd = Crowd::new();
    let (receiver, samples) = (crowd.receiver(), Samples::default());
    let _ = signals.ready.send(());
    let mut published = 0;
    while signals.stop.try_recv().is_err() {
        client.publish(&own, &Stamp::now(0, published).write());
        let mut back = false;
        while !back {
            let read = client.read(|incoming| {
                if let Incoming::Publication(data) = incoming
                    && let Some(stamp) = receiver.take(data)
                {
                    samples.add(stamp);
                    back |= stamp.number == published;
                }
            });
            read.await.context("the lone client")?;
        }
        published += 1;
        sleep(pause).await;
    }
    Ok((samples.take(), crowd.outcome(&[published])))
}
