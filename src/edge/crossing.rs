//! The way from the newcomers' runtime to that of the sessions, which those who are admitted about
//! the same time go together: each who goes alone wakes the threads over there anew, and that costs
//! more than verifying the token.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::limits::TURNS_TO_CROSS;

/// Where they wait for each other.
#[derive(Debug, Default)]
pub struct Crossing {
    /// Somebody waits for others to come.
    is_led: AtomicBool,
    opens: Notify,
}

impl Crossing {
    /// Waits for whoever comes within a few turns of this runtime. Who comes alone waits only for
    /// as long as it takes to see that nothing else is to be done.
    pub(super) async fn wait(&self) {
        // Made before the question, so that it hears of an end that comes right behind.
        let opened = self.opens.notified();
        if self.is_led.swap(true, Ordering::AcqRel) {
            return opened.await;
        }
        let _lead = Lead(self);
        for _ in 0..TURNS_TO_CROSS {
            tokio::task::yield_now().await;
        }
    }
}

/// Dropped, by a task that was ended as well, it lets all go who wait.
struct Lead<'a>(&'a Crossing);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.is_led.store(false, Ordering::Release);
        self.0.opens.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn who_comes_within_a_few_turns_goes_with_the_first() {
        let crossing = Crossing::default();
        let mut first = pin!(crossing.wait());
        assert!(poll!(first.as_mut()).is_pending());
        let mut second = pin!(crossing.wait());
        assert!(poll!(second.as_mut()).is_pending());
        first.await;
        assert!(poll!(second).is_ready());
        let mut third = pin!(crossing.wait());
        assert!(poll!(third.as_mut()).is_pending());
        third.await;
    }

    #[tokio::test]
    async fn the_end_of_the_first_holds_up_nobody() {
        let crossing = Crossing::default();
        let mut first = Box::pin(crossing.wait());
        assert!(poll!(first.as_mut()).is_pending());
        let mut second = pin!(crossing.wait());
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(poll!(second).is_ready());
        crossing.wait().await;
    }
}
