//! Admission: full TLS 1.3 handshakes, upgrade and token. A client is admitted once the server has
//! verified its token: with the 101, or where the token is in the connect command with its answer.

use anyhow::Result;
use clap::Args;

use super::Window;
use crate::client::Client;
use crate::crowd::each;
use crate::record::Measurement;
use crate::server::Server;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections that are made, and stay open
    #[arg(long, default_value_t = 2000)]
    pub connections: usize,
    /// Of them at once
    #[arg(long, default_value_t = 50)]
    pub at_once: usize,
    /// Connections before, which are not counted
    #[arg(long, default_value_t = 200)]
    pub warm_up: usize,
    /// Also wait until commands can be sent, for peers whose protocol begins with `connect`
    #[arg(long)]
    pub greet: bool,
}

/// Measures.
pub async fn run(options: &Options, server: &Server) -> Result<Measurement> {
    let target = &server.target;
    let guests = target.guests(0..options.warm_up + options.connections)?;
    let (first, measured) = guests.split_at(options.warm_up);
    let admit = |_, guest| async move {
        if options.greet {
            Client::connect(target, guest).await
        } else {
            Client::admit(target, guest).await
        }
    };
    let _warm = each(first, options.at_once, admit).await?;

    let window = Window::open(server)?;
    let open = each(measured, options.at_once, admit).await?;
    let mut measurement = window.close()?;

    measurement.connections = open.len();
    measurement.per(open.len() as u64, "cpu_ms_per_admission", 1000.0);
    let rate = open.len() as f64 / measurement.seconds;
    measurement.figures.insert("admissions_per_second", rate);
    Ok(measurement)
}
