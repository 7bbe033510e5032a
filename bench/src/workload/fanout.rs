//! Fan-out: one channel with many subscribers, and a publisher that is none of them: at a steady
//! rate, or saturated, with some publications in flight at any time. One is in flight until the
//! last subscriber has got it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{Window, channel, every};
use crate::client::Client;
use crate::crowd::{Crowd, subscribed};
use crate::dialect::Format;
use crate::payload::{self, Stamp};
use crate::publisher::Speaker;
use crate::record::Measurement;
use crate::server::Server;

/// How long the first of the publications in flight may take to be with everybody.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Subscribers
    #[arg(long, default_value_t = 1000)]
    pub subscribers: usize,
    /// Publications a second
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// Seconds
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Publish as soon as a publication is with everybody
    #[arg(long)]
    pub saturated: bool,
    /// Publications in flight, when saturated
    #[arg(long, default_value_t = 16)]
    pub in_flight: u32,
    /// How messages are written, of peers that have the choice
    #[arg(long, default_value = "json")]
    pub format: Format,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let mut target = server.target.clone();
    target.dialect = target
        .dialect
        .written_as(options.format)
        .context("the peer has only one format")?;
    let target = &target;
    let guests = target.guests(0..options.subscribers + 1)?;
    let (guest, guests) = guests.split_last().context("a publisher is needed")?;
    let members = subscribed(target, guests, |_| channel("all")).await?;
    let flight = Rc::new(Flight::new(options.subscribers));
    let mut crowd = Crowd::new();
    let landing = flight.clone();
    crowd.listen(members, move |stamp| landing.landed(stamp));
    let client = Client::connect(target, guest).await?;
    let mut source = if options.saturated {
        Source::Saturated(Box::new(Saturated {
            client,
            published: 0,
            flight,
            in_flight: options.in_flight,
        }))
    } else {
        let every = every(options.rate);
        Source::Steady(
            Speaker::start(client, channel("all"), every, payload::LENGTH),
            every,
        )
    };

    let deliveries = |published: u32| u64::from(published) * options.subscribers as u64;
    source.publish(1.0).await?;
    crowd.settle(|| deliveries(source.published())).await;
    let before = source.published();
    crowd.tally().borrow_mut().open_window();

    let window = Window::open(server)?;
    source.publish(options.seconds).await?;
    crowd
        .settle(|| deliveries(source.published() - before))
        .await;
    let all = source.published();
    let mut measurement = window.close()?;

    measurement.connections = options.subscribers + 1;
    measurement.published = u64::from(all - before);
    measurement.outcome = crowd.outcome(&[all]);
    measurement.per_delivery();
    let latency = crowd.tally().borrow().latency.summary();
    measurement.latency.insert("delivery", latency);
    Ok(measurement)
}

/// Where publications come from.
enum Source {
    Steady(Speaker, Duration),
    Saturated(Box<Saturated>),
}

impl Source {
    /// Publishes for so long.
    async fn publish(&mut self, seconds: f64) -> Result<()> {
        let time = Duration::from_secs_f64(seconds);
        match self {
            Source::Steady(speaker, every) => {
                let more = time.div_duration_f64(*every).round() as u32;
                speaker.order(speaker.published() + more);
                sleep(time).await;
                Ok(())
            }
            Source::Saturated(saturated) => saturated.publish(Instant::now() + time).await,
        }
    }

    /// How many there are since the beginning.
    fn published(&self) -> u32 {
        match self {
            Source::Steady(speaker, _) => speaker.published(),
            Source::Saturated(saturated) => saturated.published,
        }
    }
}

/// Publishes as fast as publications arrive.
struct Saturated {
    client: Client,
    published: u32,
    flight: Rc<Flight>,
    in_flight: u32,
}

impl Saturated {
    async fn publish(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            while self.published - self.flight.all_landed() < self.in_flight {
                self.put();
            }
            self.client.flush().await?;
            let flight = self.flight.clone();
            let landing = timeout(PATIENCE, flight.changed.notified());
            tokio::pin!(landing);
            loop {
                tokio::select! {
                    landed = &mut landing => break landed.context("publications do not arrive")?,
                    read = self.client.read(|_| {}) => read?,
                }
            }
        }
        Ok(())
    }

    fn put(&mut self) {
        let payload = Stamp::now(0, self.published).write();
        self.client.publish(&channel("all"), &payload);
        self.published += 1;
    }
}

/// Which publications are with everybody.
struct Flight {
    subscribers: usize,
    /// How many have got each publication from this number on.
    landed: RefCell<(u32, VecDeque<usize>)>,
    changed: Notify,
}

impl Flight {
    fn new(subscribers: usize) -> Flight {
        Flight {
            subscribers,
            landed: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// One subscriber has got it.
    fn landed(&self, stamp: Stamp) {
        let mut landed = self.landed.borrow_mut();
        let (first, counts) = &mut *landed;
        let index = (stamp.number - *first) as usize;
        if counts.len() <= index {
            counts.resize(index + 1, 0);
        }
        counts[index] += 1;
        let before = *first;
        while counts.front() == Some(&self.subscribers) {
            counts.pop_front();
            *first += 1;
        }
        if *first > before {
            self.changed.notify_one();
        }
    }

    /// The number of the first that is not with everybody.
    fn all_landed(&self) -> u32 {
        self.landed.borrow().0
    }
}
