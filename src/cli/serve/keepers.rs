//! The tasks that fetch the keys of issuers: one for each issuer of the door in force that publishes
//! them. A reload brings others, and does without some.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::identity::{Published, Verifier};
use crate::telemetry::Metrics;

pub(super) struct Keepers {
    tasks: JoinSet<()>,
    kept: Vec<(Published, AbortHandle)>,
    removed: Arc<Notify>,
    metrics: Metrics,
}

impl Keepers {
    pub(super) fn new(metrics: Metrics) -> Keepers {
        Keepers {
            tasks: JoinSet::new(),
            kept: Vec::new(),
            removed: Arc::default(),
            metrics,
        }
    }

    /// Begins to fetch what nobody fetches yet.
    pub(super) fn begin(&mut self, verifier: &Verifier) {
        for keys in verifier.published() {
            if !self.kept.iter().any(|(kept, _)| kept.is(&keys)) {
                let keeping = keys
                    .clone()
                    .keep(self.metrics.clone(), self.removed.clone());
                self.kept.push((keys, self.tasks.spawn(keeping)));
            }
        }
    }

    /// Fetches for this door alone from now on.
    pub(super) fn end_all_but(&mut self, verifier: &Verifier) {
        self.kept.retain(|(kept, task)| {
            let stays = verifier.published().any(|keys| keys.is(kept));
            if !stays {
                task.abort();
            }
            stays
        });
    }

    /// Tells when the connections are to be looked at that a key let in which is gone. Each is told
    /// once, to one who waits.
    pub(super) fn key_removed(&self) -> Arc<Notify> {
        self.removed.clone()
    }

    /// Waits until one has ended that should not have.
    pub(super) async fn ended(&mut self) {
        loop {
            match self.tasks.join_next().await {
                // One that was told to.
                Some(Err(error)) if error.is_cancelled() => {}
                Some(_) => return,
                None => return std::future::pending().await,
            }
        }
    }
}
