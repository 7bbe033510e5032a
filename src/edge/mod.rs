//! The edge: TCP, TLS, HTTP and the upgrade, with all that may be refused before a 101.
//!
//! A connection is accepted ([`Listener`]), shakes hands ([`tls`]), and asks over HTTP. What it
//! asks is answered by [`Gateway`]; a good upgrade becomes a reservation of the session, and the
//! stream is handed over with it. Nothing in here looks into a frame.

mod accept;
mod addresses;
mod admin;
mod answer;
mod api;
mod body;
mod ceiling;
mod check;
mod crossing;
mod explain;
mod forwarded;
mod http;
mod proxies;
mod silent;
mod site;
mod socket;
mod stream;
pub mod tls;
mod upgrade;
mod visit;

pub use accept::{Listener, Transport};
pub use addresses::{AddressRates, Addresses};
pub use admin::{Admin, AdminPaths};
pub use ceiling::Ceiling;
pub use crossing::Crossing;
pub use explain::Explanations;
pub use forwarded::ClientHeader;
pub use proxies::Proxies;
pub use site::{Page, Site, SiteRequest};
pub use tls::{Certificates, HandshakeLimits};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::identity::{Door, Refusal};
use crate::limits::RELOAD_FAULT_BYTES;
use crate::session::Sessions;
use crate::telemetry::Metrics;
use crate::telemetry::logs::Samplers;

/// What the public listener answers from.
pub struct Gateway {
    /// Where they are.
    pub sessions: Sessions,
    /// Names in `Host` that are served; empty: any.
    pub hosts: Vec<String>,
    /// Whether `/connection/echo` is there.
    pub echo: bool,
    /// Who is trusted to say where a request comes from.
    pub proxies: Proxies,
    /// What one address may do.
    pub addresses: Arc<Addresses>,
    /// How many connections the node holds.
    pub ceiling: Ceiling,
    /// The way of who is admitted to the sessions.
    pub crossing: Crossing,
    /// The refused upgrades that are completed to be explained.
    pub explanations: Explanations,
    /// Pages of the development mode.
    pub site: Option<Arc<dyn Site>>,
    /// Whether answers say that the host is to be reached by TLS only.
    pub strict_transport: bool,
    /// The time that tokens are judged by.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Whether new connections are taken.
    pub readiness: Readiness,
    /// What went wrong when something was read again.
    pub reloads: Reloads,
    /// Bounds the log lines of refusals.
    pub refusals: Samplers,
}

impl Gateway {
    /// Whether a balancer should send anybody here: in a word, and whether that means yes.
    fn condition(&self) -> (&'static str, bool) {
        if self.readiness.is_draining() {
            ("draining", false)
        } else if !self.door().verifier.has_required_keys() {
            ("without_keys", false)
        } else {
            ("ok", true)
        }
    }

    /// Who is let in, by the terms in force.
    fn door(&self) -> Arc<Door> {
        self.sessions.terms().door.clone()
    }
}

/// What was read again and not taken over, for the detail of readiness. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Reloads(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Reloads {
    /// This was not taken over, and why; until it is.
    pub fn failed(&self, what: &'static str, fault: &str) {
        let end = fault.floor_char_boundary(RELOAD_FAULT_BYTES.min(fault.len()));
        self.0.lock().insert(what, fault[..end].to_owned());
    }

    /// This is in use as it is written.
    pub fn done(&self, what: &'static str) {
        self.0.lock().remove(what);
    }

    /// What is not in use as it is written, and why.
    fn told(&self) -> BTreeMap<&'static str, String> {
        self.0.lock().clone()
    }
}

/// Whether this node takes new connections. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The node stops: from now on it is not ready, and new connections get 503.
    pub fn begin_drain(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the node is stopping.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Refuses while the node is stopping; the waits differ, so that not all come back at once.
    fn check(&self) -> Result<(), Refusal> {
        if self.is_draining() {
            let seconds = rand::random_range(1..=10);
            return Err(Refusal::Draining {
                retry_after: Duration::from_secs(seconds),
            });
        }
        Ok(())
    }
}
