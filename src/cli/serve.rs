//! `gatepost serve`: puts the house together from a configuration that is proven good, and runs it
//! until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{NO, complain};
use crate::clock::Clock;
use crate::config::{Config, Loaded, Tls, TlsVersion};
use crate::edge::{
    Addresses, Admin, Ceiling, Gateway, HandshakeLimits, Listener, Proxies, Readiness, Site,
    Transport,
};
use crate::engine::memory::MemoryEngine;
use crate::hub::Hub;
use crate::limits::SILENT_SOCKETS;
use crate::session::{InForce, Node, Sessions, Terms};
use crate::telemetry::{Metrics, logs};

/// Loads the configuration and serves.
pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match Config::load(file) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&format!("the configuration is not valid\n\n{faults}"));
            return Ok(ExitCode::from(NO));
        }
    };
    start(loaded, None)
}

/// Serves until SIGTERM or SIGINT, then drains. `site` stands beside the gateway.
pub(super) fn start(loaded: Loaded, site: Option<Arc<dyn Site>>) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = loaded;
    logs::init(config.log.format, config.log.level.as_str())?;
    log_panics();
    for warning in &warnings {
        tracing::warn!(at = %warning, "configuration");
    }
    let files = raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(config, site, files));
    // What is left after the drain is aborted: it had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(config: Config, site: Option<Arc<dyn Site>>, files: usize) -> anyhow::Result<()> {
    let mut stops = Stops::new()?;
    let drain = config.drain.clone();
    let house = House::build(config, site, files)?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let listener = tasks.spawn(house.listener.run(stop.clone()));
    let admin = tasks.spawn(house.admin.run(stop.clone()));
    let sweeper = tasks.spawn(sweep(house.engine, stop.clone()));
    let watch = {
        let (sessions, stop) = (house.sessions.clone(), stop.clone());
        tasks.spawn(async move { sessions.watch_clock(stop).await })
    };
    // They end with this function, behind the last connection.
    let mut flushers: JoinSet<()> = house.hub.flushers().collect();
    let door = house.sessions.terms().door.clone();
    let mut keepers: JoinSet<()> = door.verifier.keepers(&house.metrics).collect();

    let name = tokio::select! {
        name = stops.next() => name,
        // They run until they are told to stop: one that ends before has panicked.
        _ = listener => bail!("the public listener ended"),
        _ = admin => bail!("the admin listener ended"),
        _ = sweeper => bail!("the upkeep of the engine ended"),
        _ = watch => bail!("the watch over the clock ended"),
        _ = flushers.join_next() => bail!("a flusher of the hub ended"),
        Some(_) = keepers.join_next() => bail!("what fetches the keys of an issuer ended"),
    };
    tracing::info!(signal = name, "stopping");
    house.readiness.begin_drain();
    let all = async {
        house.sessions.drain(drain.window).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    };
    tokio::select! {
        () = all => tracing::info!("stopped"),
        () = tokio::time::sleep(drain.timeout) => tracing::warn!("drain took too long: stopped"),
        name = stops.next() => tracing::warn!(signal = name, "second signal: stopped at once"),
    }
    Ok(())
}

/// The parts that run.
struct House {
    metrics: Metrics,
    listener: Listener,
    admin: Arc<Admin>,
    hub: Arc<Hub>,
    engine: Arc<MemoryEngine>,
    sessions: Sessions,
    readiness: Readiness,
}

impl House {
    fn build(config: Config, site: Option<Arc<dyn Site>>, files: usize) -> anyhow::Result<House> {
        let (clock, metrics, readiness) = (Clock::system(), Metrics::new(), Readiness::default());
        let hub = Arc::new(Hub::new(metrics.clone()));
        let engine = Arc::new(MemoryEngine::new(hub.clone(), config.engine, clock.clone()));
        let sessions = Sessions::new(Arc::new(Node {
            terms: InForce::new(Terms {
                policy: config.policy,
                door: config.door,
                settings: config.session,
            }),
            engine: engine.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            lines: logs::Samplers::default(),
        }));
        let ceiling = Ceiling::of(config.limits.max_connections, files);
        let most = ceiling.most();
        let gateway = Arc::new(Gateway {
            sessions: sessions.clone(),
            hosts: config.listen.hosts,
            echo: config.echo,
            // A browser that learnt it for localhost would keep it for every other project there.
            strict_transport: site.is_none() && matches!(config.tls, Tls::Files(_)),
            proxies: Proxies::new(config.proxies.networks, config.proxies.header),
            addresses: Addresses::new(config.limits.addresses),
            ceiling,
            site,
            clock,
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            refusals: logs::Samplers::default(),
        });
        let limits = HandshakeLimits {
            in_a_turn: config.limits.handshakes_per_turn.saturating_mul(cores()),
            timeout: config.limits.handshake_timeout,
            silent_per_address: config.limits.silent_sockets_per_address,
            // Who says nothing must not keep out who does.
            silent_in_all: SILENT_SOCKETS.min(most / 4).max(1),
        };
        let transport = transport(config.tls, limits);
        let listener = Listener::bind(config.listen.public, transport, gateway.clone())
            .context("the public listener")?;
        let admin = Admin::bind(config.listen.admin, gateway, hub.clone(), engine.clone())
            .context("the admin listener")?;
        let (public, private) = (listener.local_address()?, admin.local_address()?);
        tracing::info!(%public, admin = %private, max_connections = most, "listening");
        Ok(House {
            metrics,
            listener,
            admin,
            hub,
            engine,
            sessions,
            readiness,
        })
    }
}

fn transport(tls: Tls, limits: HandshakeLimits) -> Transport {
    match tls {
        Tls::Files(certificate) => Transport::Tls {
            certificate: certificate.key,
            only_tls_13: certificate.min_version == TlsVersion::Tls13,
            limits,
        },
        Tls::Off {
            behind_tls_proxy: true,
        } => Transport::BehindProxies,
        Tls::Off { .. } => Transport::Loopback,
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Frees what expired, a part of it each second.
async fn sweep(engine: Arc<MemoryEngine>, stop: CancellationToken) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(seconds.tick()).await.is_some() {
        engine.sweep();
    }
}

/// The signals that stop the process. SIGHUP does not: it is often sent to have a configuration
/// read again, which takes a restart here, and would end the process without a drain.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Stops {
    fn new() -> std::io::Result<Stops> {
        Ok(Stops {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    tracing::warn!("SIGHUP ignored: a changed configuration takes a restart");
                }
            }
        }
    }
}

/// Each connection is a file descriptor; the soft limit is often 1,024 for the sake of programs
/// that use `select`, which this one does not. Gives how many there may be.
fn raise_file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => {
            tracing::debug!(files = limit.maximum, "file limit raised");
            limit.maximum
        }
        Err(error) => {
            tracing::warn!(%error, files = limit.current, "file limit not raised");
            limit.current
        }
    };
    // None: as many as the machine has.
    files.map_or(MOST_FILES, |files| {
        usize::try_from(files).unwrap_or(MOST_FILES)
    })
}

/// What Linux gives a process at most, unless it is told otherwise (`fs.nr_open`).
const MOST_FILES: usize = 1 << 20;

/// A panic is a defect, and goes where all else is logged; its message is ours, never a client's.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(message, place, "panic");
    }));
}
