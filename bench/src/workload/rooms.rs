//! Small rooms: each member publishes at a steady rate, and everybody in the room gets it, itself
//! included.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at};

use super::{Window, channel, every};
use crate::client::Client;
use crate::crowd::{Crowd, subscribed};
use crate::dialect::Incoming;
use crate::payload::Stamp;
use crate::record::Measurement;
use crate::server::Server;
use crate::tally::Receiver;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Members of a room
    #[arg(long, default_value_t = 10)]
    pub members: usize,
    /// Publications of each a second
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// How many times each publishes; once more before that, which is not counted
    #[arg(long, default_value_t = 10)]
    pub times: u32,
}

/// What all members are told: publish up to so many, the first at that time.
#[derive(Clone, Copy)]
struct Order {
    times: u32,
    begin: Instant,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    // Whole rooms only, so that each message has the same number of receivers.
    let members = options.members.max(1);
    let connections = options.connections.next_multiple_of(members);
    let room = |i| channel(format_args!("room-{}", i / members));
    let clients = subscribed(target, &target.guests(0..connections)?, room).await?;

    let mut crowd = Crowd::new();
    let begin = Instant::now();
    let (orders, heard) = watch::channel(Order { times: 0, begin });
    for (number, client) in clients.into_iter().enumerate() {
        let member = Member {
            client,
            receiver: crowd.receiver(),
            room: room(number),
            place: u32::try_from(number % members)?,
            // Spread evenly over the time between two publications of one member.
            offset: every(options.rate).mul_f64(number as f64 / connections as f64),
            every: every(options.rate),
            published: 0,
        };
        crowd.run(member.live(heard.clone()));
    }

    let deliveries = connections as u64 * members as u64;
    orders.send(Order {
        times: 1,
        begin: Instant::now(),
    })?;
    crowd.settle(deliveries).await;
    crowd.tally().borrow_mut().open_window();

    let window = Window::open(server)?;
    orders.send(Order {
        times: 1 + options.times,
        begin: Instant::now(),
    })?;
    let loaded = every(options.rate) * options.times;
    tokio::time::sleep(loaded).await;
    crowd.settle(deliveries * u64::from(options.times)).await;
    let mut measurement = window.close()?;

    measurement.connections = connections;
    measurement.published = connections as u64 * u64::from(options.times);
    measurement.outcome = crowd.outcome(&vec![1 + options.times; members]);
    measurement.per_delivery();
    let latency = crowd.tally().borrow().latency.summary();
    measurement.latency.insert("delivery", latency);
    Ok(measurement)
}

struct Member {
    client: Client,
    receiver: Rc<Receiver>,
    room: String,
    /// Its number in the room.
    place: u32,
    offset: Duration,
    every: Duration,
    published: u32,
}

impl Member {
    async fn live(mut self, mut orders: watch::Receiver<Order>) {
        loop {
            let order = *orders.borrow_and_update();
            let mut ticks = interval_at(order.begin + self.offset, self.every);
            let carried_out = async {
                loop {
                    tokio::select! {
                        _ = ticks.tick(), if self.published < order.times => {
                            let payload = Stamp::now(self.place, self.published).write();
                            self.published += 1;
                            self.client.publish(&self.room, &payload);
                            self.client.flush().await?;
                        }
                        changed = orders.changed() => return anyhow::Ok(changed.is_ok()),
                        read = self.client.read(|incoming| {
                            if let Incoming::Publication(data) = incoming {
                                self.receiver.take(data);
                            }
                        }) => read?,
                    }
                }
            };
            match carried_out.await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.receiver.broke(&error),
            }
        }
    }
}
