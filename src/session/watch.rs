//! Has connections look again at what they are here on: when the clock of the wall has jumped, since
//! their deadlines run on another (LIVE-1).
//!
//! One task for all of them, so that an idle connection needs no timer for it.

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use crate::clock::{Clock, UnixSeconds};
use crate::limits::{ASKED_IN_A_TURN, CLOCK_INTERVAL};

impl Sessions {
    /// Compares the clocks until `stop`. A machine that slept, or whose clock was set, has them
    /// apart; then the end of every identity is reckoned anew.
    pub async fn watch_clock(&self, stop: CancellationToken) {
        let mut anchor = Anchor::now(&self.node.clock);
        let mut ticks = interval(CLOCK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(seconds) = anchor.slipped(&self.node.clock) else {
                continue;
            };
            tracing::warn!(seconds, "the clock jumped: tokens are judged anew");
            anchor = Anchor::now(&self.node.clock);
            self.ask_all().await;
        }
    }

    async fn ask_all(&self) {
        for peers in self.places.peers().chunks(ASKED_IN_A_TURN) {
            peers.iter().for_each(|peer| peer.link.ask());
            tokio::task::yield_now().await;
        }
    }
}

/// Both clocks at one moment.
struct Anchor {
    wall: UnixSeconds,
    monotonic: Instant,
}

/// The wall clock counts whole seconds, so that two readings are off by less than one.
const TOLERATED_SECONDS: i64 = 1;

impl Anchor {
    fn now(clock: &Clock) -> Anchor {
        Anchor {
            wall: clock.now(),
            monotonic: Instant::now(),
        }
    }

    /// By how many seconds the wall clock went ahead of the other, if it did, or fell behind.
    fn slipped(&self, clock: &Clock) -> Option<i64> {
        let seconds = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let by_wall = seconds(clock.now().0).saturating_sub(seconds(self.wall.0));
        let by_deadlines = seconds(self.monotonic.elapsed().as_secs());
        let ahead = by_wall.saturating_sub(by_deadlines);
        (ahead.abs() > TOLERATED_SECONDS).then_some(ahead)
    }
}
