//! Small rooms: each member publishes at a steady rate, and everybody in the room gets it, itself
//! included.

use anyhow::Result;
use clap::Args;
use tokio::time::sleep;

use super::{Window, every};
use crate::publisher::Order;
use crate::record::Measurement;
use crate::rooms::Rooms;
use crate::server::Server;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Members of a room
    #[arg(long, default_value_t = 10, value_parser = super::at_least_one)]
    pub members: usize,
    /// Publications of each a second
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// How many times each publishes; once more before that, which is not counted
    #[arg(long, default_value_t = 10)]
    pub times: u32,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let (members, every) = (options.members, every(options.rate));
    // Whole rooms only, so that each message has the same number of receivers.
    let connections = options.connections.next_multiple_of(members);
    let guests = server.target.guests(0..connections)?;
    let rooms = Rooms::gather(&server.target, &guests, members, every, |_| {}).await?;

    rooms.order(Order::publish(1));
    sleep(every).await;
    rooms.settle(0).await;
    rooms.crowd().tally().borrow_mut().open_window();
    let before = rooms.deliveries();

    let window = Window::open(server)?;
    rooms.order(Order::publish(1 + options.times));
    sleep(every * options.times).await;
    rooms.settle(before).await;
    let mut measurement = window.close()?;

    measurement.connections = connections;
    measurement.published = (rooms.deliveries() - before) / members as u64;
    measurement.outcome = rooms.outcome();
    measurement.per_delivery();
    let latency = rooms.crowd().tally().borrow().latency.summary();
    measurement.latency.insert("delivery", latency);
    Ok(measurement)
}
