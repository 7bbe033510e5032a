//! Small rooms, in which each member publishes and gets what all publish, itself included.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use crate::crowd::{Crowd, subscribed};
use crate::payload::{self, Stamp};
use crate::publisher::{Order, Publisher};
use crate::record::Outcome;
use crate::target::{Guest, Target};
use crate::workload::channel;

/// Rooms of the same size.
pub struct Rooms {
    crowd: Crowd,
    members: usize,
    orders: watch::Sender<Order>,
    /// How many each member has published.
    published: Vec<Rc<Cell<u32>>>,
}

impl Rooms {
    /// Connects everybody, and puts them into rooms of so many members each; each will publish once
    /// in this time, all of them evenly spread. Tells of each delivery.
    pub async fn gather(
        target: &Target,
        guests: &[Guest],
        members: usize,
        every: Duration,
        landed: impl Fn(Stamp) + Clone + 'static,
    ) -> Result<Rooms> {
        let room = |number| channel(format_args!("room-{}", number / members));
        let clients = subscribed(target, guests, room).await?;
        let (orders, heard) = watch::channel(Order::rest());
        let mut rooms = Rooms {
            crowd: Crowd::new(),
            members,
            orders,
            published: Vec::new(),
        };
        for (number, client) in clients.into_iter().enumerate() {
            let published = Rc::new(Cell::new(0));
            rooms.published.push(published.clone());
            let publisher = Publisher {
                client,
                channel: room(number),
                sender: u32::try_from(number % members)?,
                offset: every.mul_f64(number as f64 / guests.len() as f64),
                every,
                bytes: payload::LENGTH,
                published,
            };
            rooms.add(publisher, heard.clone(), landed.clone());
        }
        Ok(rooms)
    }

    fn add(
        &mut self,
        publisher: Publisher,
        orders: watch::Receiver<Order>,
        landed: impl Fn(Stamp) + 'static,
    ) {
        let receiver = self.crowd.receiver();
        self.crowd.run(async move {
            let lived = publisher.live(orders, |data| {
                if let Some(stamp) = receiver.take(data) {
                    landed(stamp);
                }
            });
            if let Err(error) = lived.await {
                receiver.broke(&error);
            }
        });
    }

    /// Tells all members what to do.
    pub fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Waits until all that was published is with everybody, and gives up after a while.
    pub async fn settle(&self, since: u64) {
        self.crowd.settle(|| self.deliveries() - since).await;
    }

    /// The deliveries that follow from all that was published.
    pub fn deliveries(&self) -> u64 {
        let published: u64 = self
            .published
            .iter()
            .map(|count| u64::from(count.get()))
            .sum();
        published * self.members as u64
    }

    /// The crowd in the rooms.
    pub fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// What became of all messages.
    pub fn outcome(&self) -> Outcome {
        self.crowd.outcome_by(|number| {
            let first = number / self.members * self.members;
            let room = &self.published[first..first + self.members];
            room.iter().map(|count| count.get()).collect::<Vec<u32>>()
        })
    }
}
