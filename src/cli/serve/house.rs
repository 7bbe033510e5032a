//! Puts the house together, from the inside to the listeners: each part is given those that it uses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rustix::process::{Resource, getrlimit};
use tokio::runtime::Handle;

use super::keepers::Keepers;
use super::reload::{InUse, Reload};
use super::{cores, memory};
use crate::backend::{ApiKeys, Backend, KeysInForce};
use crate::clock::Clock;
use crate::config::{Config, Limits, Tls, TlsVersion};
use crate::edge::{
    AddressRates, Addresses, Admin, AdminPaths, Ceiling, Certificates, Crossing, Explanations,
    Gateway, HandshakeLimits, Listener, Proxies, Readiness, Reloads, Site, Transport,
};
use crate::engine::memory::{MemoryEngine, StreamSettings};
use crate::hub::Hub;
use crate::identity::revocations::Keeper;
use crate::identity::{Door, Revocations};
use crate::limits::SILENT_SOCKETS;
use crate::session::{InForce, Node, Sessions, Terms};
use crate::telemetry::{Metrics, logs};

/// The parts that run.
pub(super) struct House {
    pub(super) listener: Listener,
    pub(super) admin: Arc<Admin>,
    pub(super) hub: Arc<Hub>,
    pub(super) engine: Arc<MemoryEngine>,
    pub(super) keeper: Option<Keeper>,
    pub(super) sessions: Sessions,
    pub(super) readiness: Readiness,
}

/// What more than one part of it has.
struct Shared {
    clock: Clock,
    metrics: Metrics,
    readiness: Readiness,
    reloads: Reloads,
    addresses: Arc<Addresses>,
    api_keys: KeysInForce,
}

/// Who is here, and what they hear.
struct Inside {
    sessions: Sessions,
    engine: Arc<MemoryEngine>,
    hub: Arc<Hub>,
}

impl House {
    /// Builds it and binds both listeners; it runs when its parts are run.
    pub(super) fn build(
        config: Config,
        file: Option<PathBuf>,
        site: Option<Arc<dyn Site>>,
        clock: Clock,
        newcomers: &Handle,
    ) -> anyhow::Result<(House, Reload)> {
        let (resolved, hosts) = (config.resolved().to_owned(), config.listen.hosts.clone());
        let shared = Shared::new(config.limits.addresses, config.api_keys, clock);
        let (revocations, keeper) = Revocations::open(&config.revocations, &shared.clock)?;
        let door = Door {
            revocations: Arc::new(revocations),
            ..config.door
        };
        let terms = Terms {
            policy: config.policy,
            door: Arc::new(door),
            settings: config.session,
        };
        let inside = shared.inside(terms, config.engine);
        let ceiling = ceiling(&config.limits);
        let most = ceiling.most();
        let gateway = Arc::new(Gateway {
            sessions: inside.sessions.clone(),
            hosts: config.listen.hosts,
            echo: config.echo,
            crossing: Crossing::default(),
            explanations: Explanations::new(config.explain),
            // A browser that learnt it for localhost would keep it for every other project there.
            strict_transport: site.is_none() && matches!(config.tls, Tls::Files(_)),
            proxies: Proxies::new(config.proxies.networks, config.proxies.header),
            addresses: shared.addresses.clone(),
            ceiling,
            site,
            clock: shared.clock.clone(),
            metrics: shared.metrics.clone(),
            readiness: shared.readiness.clone(),
            reloads: shared.reloads.clone(),
            refusals: logs::Samplers::default(),
        });
        let (transport, certificate) =
            transport(config.tls, handshake_limits(&config.limits, most));
        let listener = {
            let _there = newcomers.enter();
            Listener::bind(config.listen.public, transport, gateway.clone())
        }
        .context("the public listener")?;
        let admin = shared.admin(config.listen.admin, config.admin, gateway, &inside)?;
        let (public, private) = (listener.local_address()?, admin.local_address()?);
        tracing::info!(%public, admin = %private, max_connections = most, "listening");
        let reload = Reload {
            file,
            resolved,
            hosts,
            certificate,
            sessions: inside.sessions.clone(),
            addresses: shared.addresses,
            api_keys: shared.api_keys,
            reloads: shared.reloads,
            keepers: Keepers::new(shared.metrics.clone()),
            metrics: shared.metrics,
            clock: shared.clock,
        };
        let house = House {
            listener,
            admin,
            hub: inside.hub,
            engine: inside.engine,
            keeper,
            sessions: inside.sessions,
            readiness: shared.readiness,
        };
        Ok((house, reload))
    }
}

impl Shared {
    fn new(rates: AddressRates, api_keys: ApiKeys, clock: Clock) -> Shared {
        Shared {
            clock,
            metrics: Metrics::new(),
            readiness: Readiness::default(),
            reloads: Reloads::default(),
            addresses: Arc::new(Addresses::new(rates)),
            api_keys: KeysInForce::new(api_keys),
        }
    }

    fn inside(&self, terms: Terms, streams: StreamSettings) -> Inside {
        let hub = Arc::new(Hub::new(self.metrics.clone()));
        let engine = Arc::new(MemoryEngine::new(hub.clone(), streams, self.clock.clone()));
        let sessions = Sessions::new(Arc::new(Node {
            terms: InForce::new(terms),
            engine: engine.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            lines: logs::Samplers::default(),
        }));
        Inside {
            sessions,
            engine,
            hub,
        }
    }

    fn admin(
        &self,
        address: SocketAddr,
        paths: AdminPaths,
        gateway: Arc<Gateway>,
        inside: &Inside,
    ) -> anyhow::Result<Arc<Admin>> {
        let backend = Backend {
            keys: self.api_keys.clone(),
            sessions: inside.sessions.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        };
        let (hub, engine) = (inside.hub.clone(), inside.engine.clone());
        Admin::bind(address, paths, gateway, hub, engine, backend).context("the admin listener")
    }
}

fn ceiling(limits: &Limits) -> Ceiling {
    let memory = limits.memory.or_else(memory::of_node);
    Ceiling::of(limits.max_connections, file_limit(), memory)
}

fn handshake_limits(limits: &Limits, most_connections: usize) -> HandshakeLimits {
    HandshakeLimits {
        in_a_turn: limits.handshakes_per_turn.saturating_mul(cores()),
        timeout: limits.handshake_timeout,
        silent_per_address: limits.silent_sockets_per_address,
        // Who says nothing must not keep out who does.
        silent_in_all: SILENT_SOCKETS.min(most_connections / 4).max(1),
    }
}

/// How to listen, and the certificate, which can be replaced.
fn transport(tls: Tls, limits: HandshakeLimits) -> (Transport, Option<InUse>) {
    let transport = match tls {
        Tls::Files(certificate) => {
            let certificates = Certificates::new(certificate.key);
            let tls = Transport::Tls {
                certificates: certificates.clone(),
                only_tls_13: certificate.min_version == TlsVersion::Tls13,
                limits,
            };
            let in_use = InUse {
                files: certificate.files,
                validity: certificate.validity,
                certificates,
            };
            return (tls, Some(in_use));
        }
        Tls::Off {
            behind_tls_proxy: true,
        } => Transport::BehindProxies,
        Tls::Off { .. } => Transport::Loopback,
    };
    (transport, None)
}

/// How many file descriptors there may be. Without a limit, what Linux gives a process at most,
/// unless it is told otherwise (`fs.nr_open`).
fn file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(1 << 20, |files| usize::try_from(files).unwrap_or(1 << 20))
}
