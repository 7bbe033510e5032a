//! Whom the clients talk to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;

use crate::credentials::Credentials;
use crate::dialect::Dialect;

/// Connections from one address; the kernel has 28,000 ports for each by default.
const PER_SOURCE: usize = 20_000;

/// A running server, as its clients see it.
#[derive(Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it speaks.
    pub dialect: Dialect,
    /// What it trusts and shows.
    pub credentials: Arc<Credentials>,
}

/// A client that may connect: its token is signed before anything is measured.
#[derive(Clone)]
pub struct Guest {
    /// Its token.
    pub token: String,
    /// The address that it connects from; any, as long as one is enough.
    pub source: Option<IpAddr>,
}

impl Target {
    /// The client with this number, a user of its own.
    pub fn guest(&self, number: usize) -> Result<Guest> {
        let source = u8::try_from(number / PER_SOURCE).unwrap_or(u8::MAX);
        let user = format!("user-{number}");
        Ok(Guest {
            token: match self.dialect {
                Dialect::Pusher => self.credentials.capability_token(&user)?,
                _ => self.credentials.token(&user)?,
            },
            source: (source > 0).then(|| IpAddr::from(Ipv4Addr::new(127, 0, 1, source))),
        })
    }

    /// The clients with these numbers.
    pub fn guests(&self, numbers: std::ops::Range<usize>) -> Result<Vec<Guest>> {
        numbers.map(|number| self.guest(number)).collect()
    }
}
