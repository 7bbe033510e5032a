//! A client that publishes at a steady rate when it is told to, and reads meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

use crate::client::Client;
use crate::dialect::Incoming;
use crate::payload::Stamp;

/// What all publishers are told.
#[derive(Clone, Copy)]
pub struct Order {
    /// How many messages each is to have published in the end.
    pub times: u32,
    /// When the first of them begins; the others are spread evenly behind it.
    pub begin: Instant,
}

impl Order {
    /// Publish nothing, or nothing more.
    pub fn rest() -> Order {
        Order::publish(0)
    }

    /// Publish up to so many, from now on.
    pub fn publish(times: u32) -> Order {
        Order {
            times,
            begin: Instant::now(),
        }
    }
}

/// One of them.
pub struct Publisher {
    /// Its connection.
    pub client: Client,
    /// Where it publishes.
    pub channel: String,
    /// Its number among those who publish there.
    pub sender: u32,
    /// How long after the order it begins.
    pub offset: Duration,
    /// The time from one message to the next.
    pub every: Duration,
    /// Bytes of a payload.
    pub bytes: usize,
    /// How many it has published.
    pub published: Rc<Cell<u32>>,
}

/// A publisher that nobody else publishes beside, on a task of its own.
pub struct Speaker {
    orders: watch::Sender<Order>,
    published: Rc<Cell<u32>>,
    task: JoinHandle<Result<()>>,
}

impl Speaker {
    /// Lets this client speak in a channel, once in this time; it waits for an order.
    pub fn start(client: Client, channel: String, every: Duration, bytes: usize) -> Speaker {
        let published = Rc::new(Cell::new(0));
        let (orders, heard) = watch::channel(Order::rest());
        let publisher = Publisher {
            client,
            channel,
            sender: 0,
            offset: Duration::ZERO,
            every,
            bytes,
            published: published.clone(),
        };
        Speaker {
            orders,
            published,
            task: tokio::task::spawn_local(publisher.live(heard, |_| {})),
        }
    }

    /// Publishes until there are so many.
    pub fn order(&self, times: u32) {
        self.orders.send_replace(Order::publish(times));
    }

    /// How many there are.
    pub fn published(&self) -> u32 {
        self.published.get()
    }

    /// Ends it. Returns how many there are.
    pub async fn stop(self) -> Result<u32> {
        drop(self.orders);
        self.task.await?.context("the publisher")?;
        Ok(self.published.get())
    }
}

impl Publisher {
    /// Carries out orders until there is nobody to give any.
    pub async fn live(
        mut self,
        mut orders: watch::Receiver<Order>,
        mut on_publication: impl FnMut(&[u8]),
    ) -> Result<()> {
        loop {
            let order = *orders.borrow_and_update();
            let mut ticks = interval_at(order.begin + self.offset, self.every);
            loop {
                tokio::select! {
                    _ = ticks.tick(), if self.published.get() < order.times => {
                        self.publish().await?;
                    }
                    changed = orders.changed() => {
                        if changed.is_err() {
                            return Ok(());
                        }
                        break;
                    }
                    read = self.client.read(|incoming| {
                        if let Incoming::Publication(data) = incoming {
                            on_publication(data);
                        }
                    }) => read?,
                }
            }
        }
    }

    async fn publish(&mut self) -> Result<()> {
        let number = self.published.get();
        self.published.set(number + 1);
        let payload = Stamp::now(self.sender, number).write_long(self.bytes);
        self.client.publish(&self.channel, &payload);
        self.client.flush().await
    }
}
