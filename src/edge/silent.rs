//! Sockets that were accepted and have not said enough: bounded, and the oldest goes first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The silent sockets of a listener.
pub(super) struct SilentSockets {
    sockets: Mutex<Sockets>,
    per_address: usize,
    in_all: usize,
}

#[derive(Default)]
struct Sockets {
    next: u64,
    by_age: BTreeMap<u64, (Option<IpAddr>, Arc<Notify>)>,
    by_address: HashMap<IpAddr, BTreeSet<u64>, RandomState>,
}

/// One silent socket; it is one no longer when this is dropped.
pub(super) struct Silent<'a> {
    sockets: &'a SilentSockets,
    age: u64,
    dropped: Arc<Notify>,
}

impl SilentSockets {
    pub(super) fn new(per_address: usize, in_all: usize) -> SilentSockets {
        SilentSockets {
            sockets: Mutex::default(),
            per_address,
            in_all,
        }
    }

    /// A socket was read and gave nothing whole. Where there is no room, the oldest one of its
    /// address, if that counts, or of all, is dropped.
    pub(super) fn enter(&self, address: Option<IpAddr>) -> Silent<'_> {
        // An IPv4 client on a dual-stack socket is that IPv4 client.
        let address = address.map(|address| address.to_canonical());
        let mut sockets = self.sockets.lock();
        let of_address = address.and_then(|address| sockets.by_address.get(&address));
        let oldest = match of_address {
            Some(ages) if ages.len() >= self.per_address => ages.first().copied(),
            _ if sockets.by_age.len() >= self.in_all => sockets.by_age.keys().next().copied(),
            _ => None,
        };
        if let Some(oldest) = oldest
            && let Some(dropped) = sockets.remove(oldest)
        {
            dropped.notify_one();
        }
        let dropped = Arc::new(Notify::new());
        let age = sockets.next;
        sockets.next += 1;
        sockets.by_age.insert(age, (address, dropped.clone()));
        if let Some(address) = address {
            sockets.by_address.entry(address).or_default().insert(age);
        }
        Silent {
            sockets: self,
            age,
            dropped,
        }
    }
}

impl Sockets {
    fn remove(&mut self, age: u64) -> Option<Arc<Notify>> {
        let (address, dropped) = self.by_age.remove(&age)?;
        if let Some(address) = address
            && let Some(ages) = self.by_address.get_mut(&address)
        {
            ages.remove(&age);
            if ages.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(dropped)
    }
}

impl Silent<'_> {
    /// Waits until its place is given to another.
    pub(super) async fn dropped(&self) {
        self.dropped.notified().await;
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        self.sockets.sockets.lock().remove(self.age);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn tls_10_the_oldest_of_an_address_goes_first() {
        let sockets = SilentSockets::new(2, 100);
        let first = sockets.enter(address(1));
        let second = sockets.enter(address(1));
        let other = sockets.enter(address(2));
        let _third = sockets.enter(address(1));
        assert!(first.dropped().now_or_never().is_some());
        assert!(second.dropped().now_or_never().is_none());
        assert!(other.dropped().now_or_never().is_none());
    }

    #[test]
    fn tls_10_the_oldest_of_all_goes_first() {
        let sockets = SilentSockets::new(10, 2);
        let first = sockets.enter(address(1));
        let second = sockets.enter(address(2));
        let _third = sockets.enter(address(3));
        assert!(first.dropped().now_or_never().is_some());
        assert!(second.dropped().now_or_never().is_none());
    }

    #[test]
    fn a_socket_that_spoke_is_forgotten() {
        let sockets = SilentSockets::new(10, 10);
        drop(sockets.enter(address(1)));
        let state = sockets.sockets.lock();
        assert!(state.by_age.is_empty() && state.by_address.is_empty());
    }

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_address() {
        let sockets = SilentSockets::new(1, 10);
        let first = sockets.enter("::ffff:10.0.0.1".parse().ok());
        let _second = sockets.enter(address(1));
        assert!(first.dropped().now_or_never().is_some());
    }
}
