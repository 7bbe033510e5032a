//! A client that publishes at a steady rate when it is told to, and reads meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
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
    /// How many it has published.
    pub published: Rc<Cell<u32>>,
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
        let payload = Stamp::now(self.sender, number).write();
        self.client.publish(&self.channel, &payload);
        self.client.flush().await
    }
}
