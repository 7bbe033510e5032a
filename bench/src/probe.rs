//! A part of the generator on a thread of its own, whose figures the rest of the load does not hide
//! as long as a core is free for it.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::clock::now_ns;
use crate::latency::Latency;
use crate::payload::Stamp;

/// A task that runs beside until it is told to finish.
pub struct Probe<T> {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<T>>,
}

/// What such a task is given.
pub struct Signals {
    /// To be told once the load has begun, or the task is ready for it.
    pub ready: oneshot::Sender<()>,
    /// Comes when it has to finish.
    pub stop: oneshot::Receiver<()>,
}

impl<T: Send + 'static> Probe<T> {
    /// Starts a task on a thread of its own, and waits until it is ready.
    pub async fn start<F>(task: impl FnOnce(Signals) -> F + Send + 'static) -> Result<Probe<T>>
    where
        F: Future<Output = Result<T>> + 'static,
    {
        let (ready, is_ready) = oneshot::channel();
        let (stop, told) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let signals = Signals { ready, stop: told };
                LocalSet::new().block_on(&runtime, task(signals))
            })?;
        let probe = Probe { stop, thread };
        match is_ready.await {
            Ok(()) => Ok(probe),
            Err(_) => Err(probe
                .finish()
                .await
                .err()
                .unwrap_or_else(|| anyhow!("it ended early"))),
        }
    }

    /// Tells it to finish, and waits for what it has found out.
    pub async fn finish(self) -> Result<T> {
        // It may have ended by an error, which `join` tells.
        let _ = self.stop.send(());
        tokio::task::spawn_blocking(|| self.thread.join())
            .await?
            .map_err(|_| anyhow!("it panicked"))?
            .context("the thread that measures latency")
    }
}

/// Latencies with the time at which each message was sent, to be sorted into phases afterwards.
#[derive(Clone, Default)]
pub struct Samples(Rc<RefCell<Vec<(u64, u64)>>>);

impl Samples {
    /// Notes that a message has arrived.
    pub fn add(&self, stamp: Stamp) {
        let took = now_ns().saturating_sub(stamp.sent_ns);
        self.0.borrow_mut().push((stamp.sent_ns, took));
    }

    /// All of them.
    pub fn take(&self) -> Vec<(u64, u64)> {
        self.0.take()
    }
}

/// The latencies of those messages that were sent in this phase.
pub fn phase(samples: &[(u64, u64)], phase: std::ops::Range<u64>) -> Latency {
    let mut latency = Latency::default();
    for (_, took) in samples.iter().filter(|(sent, _)| phase.contains(sent)) {
        latency.add_ns(*took);
    }
    latency
}
