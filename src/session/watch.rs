//! Has connections look again at what they are here on: when other terms are in force, and when the
//! clock of the wall has jumped, since their deadlines run on another (LIVE-1).
//!
//! One task for all of them, so that an idle connection needs no timer for it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Sessions, Terms};
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

    /// Puts other terms in force, at once. What is published from now on waits for a decision by
    /// them; [`Sessions::decide_again`] is for who hears nothing.
    pub fn replace_terms(&self, terms: Terms) {
        self.node.terms.replace(terms);
    }

    /// Has all that was decided be decided again, as by newer terms: what the present ones rest on, the
    /// keys of an issuer, is not what it was.
    pub fn renew_terms(&self) {
        self.replace_terms(Terms::clone(&self.terms()));
    }

    /// Has every connection decide again by the terms in force, evenly over the window: a node with
    /// many of them must not do all of that at once.
    pub async fn decide_again(&self, window: Duration) {
        let peers = self.places.peers();
        let turns: Vec<_> = peers.chunks(ASKED_IN_A_TURN).collect();
        let began = Instant::now();
        let count = u32::try_from(turns.len()).unwrap_or(u32::MAX).max(1);
        for (number, peers) in (0..count).zip(turns) {
            sleep_until(began + window * number / count).await;
            peers.iter().for_each(|peer| peer.link.ask());
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
