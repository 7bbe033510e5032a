//! Turns for newcomers: when thousands come back at once, those who never left must not feel it.
//!
//! A handshake costs as much as thirty deliveries. So newcomers shake hands a few at a time, in the
//! order of their arrival, and between two such turns everything runs that open connections have to
//! do.

use std::convert::Infallible;

use tokio::sync::{Notify, Semaphore};

/// The turns of a listener.
pub(super) struct Turns {
    places: Semaphore,
    in_a_turn: usize,
    taken: Notify,
}

impl Turns {
    /// Turns of so many newcomers each, over all cores.
    pub(super) fn of(in_a_turn: usize) -> Turns {
        Turns {
            places: Semaphore::new(in_a_turn),
            in_a_turn,
            taken: Notify::new(),
        }
    }

    /// Waits for a turn, behind all who came before. When nobody did, there is no wait.
    pub(super) async fn next(&self) {
        // It is never closed.
        if let Ok(place) = self.places.acquire().await {
            place.forget();
        }
        self.taken.notify_one();
    }

    /// Begins a turn whenever the one before was used and all others have run.
    pub(super) async fn run(&self) -> Infallible {
        loop {
            self.taken.notified().await;
            // Comes back when what the sockets have brought by now has been handed out too.
            tokio::task::yield_now().await;
            let left = self.places.available_permits();
            self.places.add_permits(self.in_a_turn.saturating_sub(left));
        }
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
        let runner = tokio::spawn({
            let turns = turns.clone();
            async move { turns.run().await }
        });
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
        runner.abort();
    }

    #[tokio::test]
    async fn who_comes_alone_does_not_wait() {
        let turns = Turns::of(1);
        let mut next = std::pin::pin!(turns.next());
        assert!(futures_util::poll!(next.as_mut()).is_ready());
    }
}
