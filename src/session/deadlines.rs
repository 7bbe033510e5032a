//! All deadlines of a connection, on one timer that is set to the earliest.

use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The connect command did not come.
    Connect,
    /// A ping is to be sent.
    Ping,
    /// The answer to a ping did not come.
    Pong,
    /// A message that was begun did not become whole.
    Message,
    /// A write made no progress.
    Write,
    /// The token, and the grace after it, are over.
    Expiry,
    /// Decisions that read the time are to be taken again.
    Redecide,
    /// The token of a subscription, and the grace after it, are over.
    Subscription,
    /// The peer did not answer the close frame.
    Close,
}

const ALL: [Due; 9] = [
    Due::Connect,
    Due::Ping,
    Due::Pong,
    Due::Message,
    Due::Write,
    Due::Expiry,
    Due::Redecide,
    Due::Subscription,
    Due::Close,
];

pub(super) struct Deadlines {
    began: Instant,
    /// In nanoseconds since it began, which is half as wide as an instant.
    at: [Option<NonZeroU64>; ALL.len()],
    timer: Pin<Box<Sleep>>,
}

impl Deadlines {
    pub(super) fn new() -> Deadlines {
        let began = Instant::now();
        Deadlines {
            began,
            at: [None; ALL.len()],
            timer: Box::pin(sleep_until(began)),
        }
    }

    /// For how long they have been kept: the age of the connection.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sets it, whether it was set or not. A time beyond what the clock can count is no deadline.
    pub(super) fn set(&mut self, due: Due, after: Duration) {
        self.at[due as usize] = self.after(after);
    }

    /// Sets it, or clears it where there is none.
    pub(super) fn set_or_clear(&mut self, due: Due, after: Option<Duration>) {
        match after {
            Some(after) => self.set(due, after),
            None => self.clear(due),
        }
    }

    /// Sets it, unless it is set.
    pub(super) fn begin(&mut self, due: Due, after: Duration) {
        if self.at[due as usize].is_none() {
            self.set(due, after);
        }
    }

    /// Moves it earlier, if it is set: never later.
    pub(super) fn hasten(&mut self, due: Due, after: Duration) {
        if let (Some(at), Some(earlier)) = (self.at[due as usize], self.after(after)) {
            self.at[due as usize] = Some(earlier.min(at));
        }
    }

    pub(super) fn is_set(&self, due: Due) -> bool {
        self.at[due as usize].is_some()
    }

    pub(super) fn clear(&mut self, due: Due) {
        self.at[due as usize] = None;
    }

    /// Moves it later, if it is set: for as long as we did not read, the peer could not comply.
    pub(super) fn postpone(&mut self, due: Due, by: Duration) {
        if let Some(at) = &mut self.at[due as usize] {
            *at = at.saturating_add(nanoseconds(by).unwrap_or(u64::MAX));
        }
    }

    /// What is due by now, the earliest first; it is cleared. Asks the clock and not the timer,
    /// which a busy task would never get to.
    pub(super) fn due(&mut self, counts: impl Fn(Due) -> bool) -> Option<Due> {
        let (at, due) = self.earliest(counts)?;
        if at > self.age() {
            return None;
        }
        self.clear(due);
        Some(due)
    }

    /// Has the task woken when the earliest that `counts` is due.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>, counts: impl Fn(Due) -> bool) {
        let Some((at, _)) = self.earliest(counts) else {
            return;
        };
        let at = self.began + at;
        if self.timer.deadline() != at || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn earliest(&self, counts: impl Fn(Due) -> bool) -> Option<(Duration, Due)> {
        let set = ALL.into_iter().filter(|due| counts(*due));
        let (at, due) = set
            .filter_map(|due| Some((self.at[due as usize]?, due)))
            .min()?;
        Some((Duration::from_nanos(at.get()), due))
    }

    fn after(&self, after: Duration) -> Option<NonZeroU64> {
        NonZeroU64::new(nanoseconds(self.age().checked_add(after)?)?.max(1))
    }
}

fn nanoseconds(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use std::task::Poll;

    use super::*;

    /// Waits as the connection's task does.
    async fn next(deadlines: &mut Deadlines, counts: impl Fn(Due) -> bool) -> Due {
        poll_fn(|cx| match deadlines.due(&counts) {
            Some(due) => Poll::Ready(due),
            None => {
                deadlines.arm(cx, &counts);
                Poll::Pending
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_comes_first_and_once() {
        let mut deadlines = Deadlines::new();
        deadlines.set(Due::Ping, Duration::from_secs(25));
        deadlines.set(Due::Connect, Duration::from_secs(10));
        assert_eq!(next(&mut deadlines, |_| true).await, Due::Connect);
        assert_eq!(next(&mut deadlines, |_| true).await, Due::Ping);
        let nothing =
            tokio::time::timeout(Duration::from_secs(3600), next(&mut deadlines, |_| true));
        assert!(nothing.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_count_now_waits() {
        let mut deadlines = Deadlines::new();
        deadlines.set(Due::Pong, Duration::from_secs(1));
        deadlines.set(Due::Write, Duration::from_secs(5));
        let due = next(&mut deadlines, |due| due != Due::Pong).await;
        assert_eq!(due, Due::Write);
        deadlines.postpone(Due::Pong, Duration::from_secs(6));
        let began = Instant::now();
        assert_eq!(next(&mut deadlines, |_| true).await, Due::Pong);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    /// A task that is never idle gets to no timer.
    #[tokio::test(start_paused = true)]
    async fn what_is_due_is_told_without_the_timer() {
        let mut deadlines = Deadlines::new();
        deadlines.set(Due::Expiry, Duration::from_secs(1));
        assert_eq!(deadlines.due(|_| true), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(deadlines.due(|_| true), Some(Due::Expiry));
        assert_eq!(deadlines.due(|_| true), None);
    }
}
