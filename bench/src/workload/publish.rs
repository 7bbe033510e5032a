//! Many publishers, each with one subscriber: what a publication costs when nearly nothing is
//! fanned out.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::Result;
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Window, channel, every};
use crate::client::Client;
use crate::crowd::{Crowd, each, subscribed};
use crate::payload;
use crate::publisher::{Order, Publisher};
use crate::record::Measurement;
use crate::server::Server;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Publishers, and as many subscribers
    #[arg(long, default_value_t = 500)]
    pub pairs: usize,
    /// Publications of each a second
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// How many times each publishes; a fifth of that more before, which is not counted
    #[arg(long, default_value_t = 30)]
    pub times: u32,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let guests = target.guests(0..2 * options.pairs)?;
    let (readers, writers) = guests.split_at(options.pairs);
    let own = |number| channel(format_args!("pair-{number}"));
    let mut crowd = Crowd::new();
    crowd.listen(subscribed(target, readers, own).await?, |_| {});
    let clients = each(writers, 50, |_, guest| Client::connect(target, guest)).await?;

    let every = every(options.rate);
    let (orders, heard) = watch::channel(Order::rest());
    let mut publishers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let publisher = Publisher {
            client,
            channel: own(number),
            sender: 0,
            offset: every.mul_f64(number as f64 / options.pairs as f64),
            every,
            bytes: payload::LENGTH,
            published: Rc::new(Cell::new(0)),
        };
        publishers.spawn_local(publisher.live(heard.clone(), |_| {}));
    }

    let (warm_up, pairs) = (options.times.div_ceil(5), options.pairs as u64);
    orders.send_replace(Order::publish(warm_up));
    crowd.settle(|| pairs * u64::from(warm_up)).await;
    crowd.tally().borrow_mut().open_window();

    let window = Window::open(server)?;
    orders.send_replace(Order::publish(warm_up + options.times));
    sleep(every * options.times).await;
    crowd.settle(|| pairs * u64::from(options.times)).await;
    let mut measurement = window.close()?;

    measurement.connections = 2 * options.pairs;
    measurement.published = pairs * u64::from(options.times);
    measurement.outcome = crowd.outcome(&[warm_up + options.times]);
    measurement.per_delivery();
    let latency = crowd.tally().borrow().latency.summary();
    measurement.latency.insert("delivery", latency);
    Ok(measurement)
}
