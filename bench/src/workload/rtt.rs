//! Round trips of one client, one after the other: it publishes into a channel that it is alone in,
//! and waits for its own message.

use anyhow::Result;
use clap::Args;

use super::{Window, channel};
use crate::client::Client;
use crate::crowd::Crowd;
use crate::dialect::Incoming;
use crate::payload::Stamp;
use crate::record::Measurement;
use crate::server::Server;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Messages
    #[arg(long, default_value_t = 3000)]
    pub messages: u32,
    /// Messages before, which are not counted
    #[arg(long, default_value_t = 300)]
    pub warm_up: u32,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let mut client = Client::connect(&server.target, &server.target.guest(0)?).await?;
    let channel = channel("alone");
    client.subscribe(&channel, |_| {}).await?;
    let mut crowd = Crowd::new();
    let receiver = crowd.receiver();
    let mut published = 0;
    let mut trips = async |count: u32| -> Result<()> {
        for number in published..published + count {
            client.publish(&channel, &Stamp::now(0, number).write());
            client.flush().await?;
            let mut back = false;
            while !back {
                client
                    .read(|incoming| {
                        if let Incoming::Publication(data) = incoming {
                            back |= receiver.take(data).is_some_and(|s| s.number == number);
                        }
                    })
                    .await?;
            }
        }
        published += count;
        Ok(())
    };

    trips(options.warm_up).await?;
    crowd.tally().borrow_mut().open_window();
    let window = Window::open(server)?;
    trips(options.messages).await?;
    let mut measurement = window.close()?;

    measurement.connections = 1;
    measurement.published = u64::from(options.messages);
    measurement.outcome = crowd.outcome(&[options.warm_up + options.messages]);
    measurement.per(u64::from(options.messages), "cpu_us_per_round_trip", 1.0);
    let latency = crowd.tally().borrow().latency.summary();
    measurement.latency.insert("round_trip", latency);
    Ok(measurement)
}
