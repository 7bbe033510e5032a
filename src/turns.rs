//! Turns: when thousands come or go at once, nobody else may wait for all of them.
//!
//! A handshake costs as much as thirty deliveries, and the end of a connection as ten. So these
//! are done a few at a time, in the order in which they came up, and between two such turns
//! everything else runs that its threads have to do.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio_util::task::AbortOnDropHandle;

/// Turns at work of one kind.
pub(crate) struct Turns {
    shared: Arc<Shared>,
    _runner: AbortOnDropHandle<Infallible>,
}

struct Shared {
    places: Semaphore,
    in_a_turn: usize,
    taken: Notify,
}

impl Turns {
    /// Turns with so many places each, over all cores. To be called where tokio runs.
    pub(crate) fn of(in_a_turn: usize) -> Turns {
        let shared = Arc::new(Shared {
            places: Semaphore::new(in_a_turn),
            in_a_turn,
            taken: Notify::new(),
        });
        let runner = tokio::spawn(run(shared.clone()));
        Turns {
            shared,
            _runner: AbortOnDropHandle::new(runner),
        }
    }

    /// Waits for a place, behind all who came before. When nobody did, there is no wait.
    pub(crate) async fn next(&self) {
        // It is never closed.
        if let Ok(place) = self.shared.places.acquire().await {
            place.forget();
        }
        self.shared.taken.notify_one();
    }
}

/// Begins a turn whenever the one before was used and all others have run.
async fn run(turns: Arc<Shared>) -> Infallible {
    loop {
        turns.taken.notified().await;
        // Comes back when what the sockets have brought by now has been handed out too.
        tokio::task::yield_now().await;
        let left = turns.places.available_permits();
        turns
            .places
            .add_permits(turns.in_a_turn.saturating_sub(left));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    // A storm of newcomers, and somebody who is connected: between any two of its turns at most one
    // turn of newcomers passes, and they come in their order.
    #[tokio::test]
    async fn newcomers_come_in_turns_and_in_order() {
        const NEWCOMERS: usize = 500;
        let turns = Arc::new(Turns::of(4));
        let order = Arc::new(Mutex::new(Vec::new()));
        for number in 0..NEWCOMERS {
            let (turns, order) = (turns.clone(), order.clone());
            tokio::spawn(async move {
                turns.next().await;
                order.lock().push(number);
            });
        }
        let mut before = 0;
        while before < NEWCOMERS {
            tokio::task::yield_now().await;
            let now = order.lock().len();
            assert!(now - before <= 4, "{} at once", now - before);
            before = now;
        }
        assert!(order.lock().iter().copied().eq(0..NEWCOMERS));
    }

    #[tokio::test]
    async fn who_comes_alone_does_not_wait() {
        let turns = Turns::of(1);
        let mut next = std::pin::pin!(turns.next());
        assert!(futures_util::poll!(next.as_mut()).is_ready());
    }
}
