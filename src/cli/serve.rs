//! `gatepost serve`: runs what a configuration that is proven good comes to, until it is told to stop.

mod house;
mod keepers;
mod memory;
mod reload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::house::House;
use super::{Defect, NO, complain};
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::edge::Site;
use crate::engine::memory::MemoryEngine;
use crate::session::Sessions;
use crate::telemetry::logs;

/// Loads the configuration and serves.
pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match Config::load(file) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&format!("the configuration is not valid\n\n{faults}"));
            return Ok(ExitCode::from(NO));
        }
    };
    start(loaded, Some(file.to_owned()), None)
}

/// Serves until SIGTERM or SIGINT, then drains. On SIGHUP `file` is read again; `site` stands beside
/// the gateway.
pub(super) fn start(
    loaded: Loaded,
    file: Option<PathBuf>,
    site: Option<Arc<dyn Site>>,
) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = loaded;
    logs::init(config.log.format, config.log.level.as_str())?;
    log_panics();
    for warning in &warnings {
        tracing::warn!(at = %warning, "configuration");
    }
    raise_file_limit();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let newcomers = newcomers()?;
    let served = runtime.block_on(serve(config, file, site, newcomers.handle()));
    // What is left after the drain is aborted: it had its time.
    newcomers.shutdown_timeout(Duration::from_millis(100));
    runtime.shutdown_timeout(Duration::from_millis(100));
    served.map(|()| ExitCode::SUCCESS)
}

/// Threads of their own for those who are not admitted yet. However many come at once, they are
/// behind no queue that open connections wait in, and half of the cores is all that they can have.
fn newcomers() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads((cores() / 2).max(1))
        .thread_name("newcomers")
        .enable_all()
        .build()
}

async fn serve(
    config: Config,
    file: Option<PathBuf>,
    site: Option<Arc<dyn Site>>,
    newcomers: &Handle,
) -> anyhow::Result<()> {
    // Before anything listens: by default the signal ends the process without a drain.
    let hangup = signal(SignalKind::hangup())?;
    let mut stops = Stops::new()?;
    let drain = config.drain.clone();
    let clock = Clock::system();
    let (house, reload) = House::build(config, file, site, clock.clone(), newcomers)?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let listener = tasks.spawn_on(house.listener.run(stop.clone()), newcomers);
    let admin = tasks.spawn(house.admin.run(stop.clone()));
    let sweep = sweep(house.engine, house.sessions.clone(), clock, stop.clone());
    let sweeper = tasks.spawn(sweep);
    let keeper = house
        .keeper
        .map(|keeper| tasks.spawn(keeper.run(stop.clone())));
    let kept = async {
        match keeper {
            Some(keeper) => _ = keeper.await,
            None => std::future::pending().await,
        }
    };
    let watch = {
        let (sessions, stop) = (house.sessions.clone(), stop.clone());
        tasks.spawn(async move { sessions.watch_clock(stop).await })
    };
    let reload = tasks.spawn(reload.run(hangup, stop.clone()));
    // They end with this function, behind the last connection.
    let mut flushers: JoinSet<()> = house.hub.flushers().collect();

    let name = tokio::select! {
        name = stops.next() => name,
        // They run until they are told to stop: one that ends before has panicked.
        _ = listener => return defect("the public listener"),
        _ = admin => return defect("the admin listener"),
        _ = sweeper => return defect("the upkeep of the engine"),
        () = kept => return defect("the upkeep of the file of revocations"),
        _ = watch => return defect("the watch over the clock"),
        _ = reload => return defect("what reads configuration and keys again"),
        _ = flushers.join_next() => return defect("a flusher of the hub"),
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

fn defect(what: &'static str) -> anyhow::Result<()> {
    Err(Defect { what }.into())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Frees what expired: of the engine a part each second, of the revocations all each minute.
async fn sweep(
    engine: Arc<MemoryEngine>,
    sessions: Sessions,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut passed = 0_u64;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(seconds.tick()).await.is_some() {
        engine.sweep();
        passed += 1;
        if passed.is_multiple_of(60) {
            sessions.terms().door.revocations.sweep(clock.now());
        }
    }
}

/// The signals that stop the process.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> std::io::Result<Stops> {
        Ok(Stops {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Each connection is a file descriptor; the soft limit is often 1,024 for the sake of programs
/// that use `select`, which this one does not.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(files = limit.maximum, "file limit raised"),
        Err(error) => tracing::warn!(%error, files = limit.current, "file limit not raised"),
    }
}

/// A panic is a defect, and goes where all else is logged; its message is ours, never a client's.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(message, place, "panic");
    }));
}
