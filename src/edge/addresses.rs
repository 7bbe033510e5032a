//! What one address may do at the door (LIMIT-1): how often it may connect, and how often it may
//! fail. An office or a school is one address, so the first is generous; the second is strict, and
//! counts only what no authentic token came with.
//!
//! An IPv6 client has a whole /64 to itself, and often more: it is counted by that, and by the /48
//! around it, which may do more.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::proxies::Remote;
use crate::identity::Refusal;
use crate::limits::ADDRESSES_COUNTED;
use crate::rate::{Rate, Table, Ticks};

/// How often an address may do what; none: as often as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRates {
    /// New connections.
    pub connections: Option<Rate>,
    /// Upgrades, and questions to `/connection/check`, that were malformed or without a good token.
    pub failures: Option<Rate>,
}

/// The limits by address, with what each has used.
pub struct Addresses {
    rates: ArcSwap<AddressRates>,
    table: Table,
    ticks: Ticks,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is served.
    Served,
    /// It is one too many, and is told so.
    Told {
        /// After how long one more may come.
        retry_after: Duration,
    },
    /// There are too many even to tell them.
    TurnedAway,
}

/// What is counted of a prefix of addresses.
#[derive(Clone, Copy, Hash)]
enum Use {
    Connection,
    Failure,
    /// To be told costs a handshake, so that is limited too.
    Told,
}

/// How much more a /48 may do than a /64: it may be a site, or a street.
const SHARE_OF_48: u32 = 16;
/// Which part of the connections beyond the limit are told so.
const PART_TOLD: u32 = 10;

impl Addresses {
    /// All addresses as if they had never been seen.
    pub fn new(rates: AddressRates) -> Addresses {
        Addresses {
            rates: ArcSwap::from_pointee(rates),
            table: Table::new(ADDRESSES_COUNTED),
            ticks: Ticks::begin(),
        }
    }

    /// Other rates from now on; what has been used stays so.
    pub fn replace_rates(&self, rates: AddressRates) {
        self.rates.store(Arc::new(rates));
    }

    /// Counts a new connection of this address.
    pub(super) fn arrive(&self, address: IpAddr) -> Arrival {
        let Some(rate) = self.rates.load().connections else {
            return Arrival::Served;
        };
        match self.take(address, Use::Connection, &rate) {
            Ok(()) => Arrival::Served,
            Err(retry_after) => match self.take(address, Use::Told, &rate.fraction(PART_TOLD)) {
                Ok(()) => Arrival::Told { retry_after },
                Err(_) => Arrival::TurnedAway,
            },
        }
    }

    /// Counts a connection that a proxy brought, of which there is no more than the request.
    pub(super) fn arrive_by_proxy(&self, address: IpAddr) -> Result<(), Refusal> {
        let Some(rate) = self.rates.load().connections else {
            return Ok(());
        };
        let taken = self.take(address, Use::Connection, &rate);
        taken.map_err(|retry_after| Refusal::AddressConnectsTooOften { retry_after })
    }

    /// Refuses whoever has failed too often of late.
    pub(super) fn check_failures(&self, remote: Remote) -> Result<(), Refusal> {
        let Some(rate) = self.rates.load().failures.filter(|_| remote.is_client) else {
            return Ok(());
        };
        let now = self.ticks.now();
        for (prefix, factor) in prefixes(remote.address) {
            let rate = rate.times(factor);
            let would = self.table.peek(&(Use::Failure, prefix), &rate, now);
            would.map_err(|retry_after| Refusal::AddressFailsTooOften { retry_after })?;
        }
        Ok(())
    }

    /// Counts a failure.
    pub(super) fn fail(&self, remote: Remote) {
        if let Some(rate) = self.rates.load().failures.filter(|_| remote.is_client) {
            // Those who came in the same moment fail without being counted.
            let _ = self.take(remote.address, Use::Failure, &rate);
        }
    }

    fn take(&self, address: IpAddr, what: Use, rate: &Rate) -> Result<(), Duration> {
        let now = self.ticks.now();
        for (prefix, factor) in prefixes(address) {
            let rate = rate.times(factor);
            self.table.take(&(what, prefix), &rate, now)?;
        }
        Ok(())
    }
}

/// By what an address is counted, each with the share that it has.
fn prefixes(address: IpAddr) -> impl Iterator<Item = (Prefix, u32)> {
    let (first, second) = match address.to_canonical() {
        IpAddr::V4(address) => (Prefix::V4(address.to_bits()), None),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let site = Prefix::Site(bits >> 80);
            (Prefix::Net((bits >> 64) as u64), Some((site, SHARE_OF_48)))
        }
    };
    std::iter::once((first, 1)).chain(second)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Prefix {
    V4(u32),
    /// A /64.
    Net(u64),
    /// A /48.
    Site(u128),
}

#[cfg(test)]
mod tests;
