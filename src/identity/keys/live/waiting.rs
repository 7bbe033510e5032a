//! Requests whose token leads to a key that the set lacks: they wait for one fetch together, a short
//! while, or are told when to come again.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{KeySet, Miss, Refusal, Since, State, spread, unavailable};
use crate::identity::algorithm::Algorithm;

/// How long a request waits for a fetch on behalf of its token.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Requests that wait so at once; the others are told to come again.
pub(super) const MOST_WAITING: usize = 1024;

impl KeySet {
    /// Waits for a newer set, since this one lacks the key that a token leads to; gives the refusal
    /// of the token unless there is one now.
    pub(in crate::identity) async fn look_for(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        let Some(mut waits) = self.join(kid, algorithm)? else {
            return Ok(());
        };
        let in_time = timeout(PATIENCE, waits.done.changed()).await.is_ok();
        let since = waits.since;
        drop(waits);
        let mut state = self.state.lock();
        if self.has(kid, algorithm) {
            return Ok(());
        }
        if state.search.is_settled(since) {
            return Err(Refusal::TokenKeyUnknown);
        }
        Err(self.put_off(&mut state, since, in_time))
    }

    /// Joins those who wait for the fetch that is under way, or is the first of them; not when the
    /// key came in between.
    fn join(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Waits<'_>>, Refusal> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if self.has(kid, algorithm) {
            return Ok(None);
        }
        if state.search.is_absent(name(kid), now) {
            return Err(Refusal::TokenKeyUnknown);
        }
        let since = state.search.ask(name(kid), algorithm);
        if !state.search.is_fetching() {
            if !state.search.may_fetch(now) {
                return Err(self.put_off(&mut state, since, true));
            }
            state.search.promise(true, now);
            self.wanted.notify_one();
        } else if state.waiting >= MOST_WAITING {
            return Err(self.put_off(&mut state, since, false));
        }
        state.waiting += 1;
        // Under the lock, so that what ends is the fetch that was joined.
        let done = self.done.subscribe();
        Ok(Some(Waits {
            keys: self,
            since,
            done,
        }))
    }

    /// Whether the key is there now. What is new comes under the lock of the state.
    fn has(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let current = self.current.load();
        let found = current.as_ref().map(|keys| keys.find(kid, algorithm));
        found.is_some_and(|found| !matches!(found, Err(Miss::Unknown)))
    }

    /// The refusal of a token whose key nobody could look for yet; it will be looked for as soon as
    /// that is allowed. Whose fault that is depends on whether the issuer answers.
    fn put_off(&self, state: &mut State, since: Since, is_answered: bool) -> Refusal {
        if state.search.owe(since) {
            self.wanted.notify_one();
        }
        let is_down = state.fault.is_some() || self.current.load().is_none();
        if !is_answered || is_down {
            return unavailable(state);
        }
        let now = Instant::now();
        let allowed = state.search.allowed_from(now);
        let at = state.next.map_or(allowed, |next| next.min(allowed));
        Refusal::TokenKeyNotYetKnown {
            retry_after: spread(at.saturating_duration_since(now)),
        }
    }
}

/// One who waits for a fetch; counted as long as it lives, be it answered or gone.
struct Waits<'k> {
    keys: &'k KeySet,
    since: Since,
    done: watch::Receiver<u64>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.keys.state.lock().waiting -= 1;
    }
}

/// What stands for a token without `kid` among those that were looked for in vain.
fn name(kid: Option<&str>) -> &str {
    kid.unwrap_or_default()
}
