//! The keys of an issuer that publishes them: the last good set, and who may ask for a newer one.
//!
//! Whoever verifies reads the set without waiting. One task for each issuer, [`KeySet::keep`],
//! fetches, so that there is never more than one request to an issuer at a time, however many
//! tokens wait for it. A set that is no good, or an issuer that is down, changes nothing until
//! `max_stale` has passed; then there are no keys, which is no fault of any token
//! (SECURITY.md JWKS-4, JWKS-5, JWKS-6).

mod waiting;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::endpoint::{Answer, Endpoint, Fetched, KeysFault};
use super::named::{Kid, Miss, NamedKeys};
use super::remote::RemoteKeys;
use super::report::{self, KeysReport};
use super::search::{Search, Since};
use crate::identity::algorithm::Algorithm;
use crate::identity::issuer::IssuerSettings;
use crate::identity::refusal::Refusal;
use crate::telemetry::Metrics;

/// What an issuer may say of how long its answer is fresh.
const FRESH: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3600)];
/// After the first fault; doubled with each.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest that a client is told to stay away, but for what spreads them.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// The keys of one issuer.
pub(in crate::identity) struct KeySet {
    issuer: Arc<str>,
    settings: RemoteKeys,
    iss: String,
    algorithms: Vec<Algorithm>,
    /// What tokens are verified with; nothing when there are no keys that may be used.
    current: ArcSwapOption<NamedKeys>,
    state: Mutex<State>,
    /// A fetch is to be made for an unknown key, at once or as soon as it is allowed.
    wanted: Notify,
    /// Counts the fetches that are done.
    done: watch::Sender<u64>,
}

/// What happened to the set, and what is under way.
#[derive(Debug, Default)]
struct State {
    last_good: Option<Good>,
    /// Since the last good one.
    faults: u32,
    fault: Option<KeysFault>,
    next: Option<Instant>,
    waiting: usize,
    search: Search,
}

#[derive(Debug)]
struct Good {
    keys: Arc<NamedKeys>,
    at: Instant,
}

/// One who asks an issuer for its keys; made of another stuff in tests.
pub(super) trait Source: Send {
    /// Asks once.
    fn ask(&mut self, afresh: bool) -> impl Future<Output = Result<Answer, KeysFault>> + Send;
}

impl Source for Endpoint {
    async fn ask(&mut self, afresh: bool) -> Result<Answer, KeysFault> {
        Endpoint::ask(self, afresh).await
    }
}

impl KeySet {
    /// No keys yet; [`KeySet::keep`] fetches them.
    pub(in crate::identity) fn new(issuer: &IssuerSettings, keys: RemoteKeys) -> Arc<KeySet> {
        Arc::new(KeySet {
            issuer: issuer.name.as_str().into(),
            settings: keys,
            iss: issuer.issuer.clone(),
            algorithms: issuer.algorithms.clone(),
            current: ArcSwapOption::empty(),
            state: Mutex::default(),
            wanted: Notify::new(),
            done: watch::Sender::new(0),
        })
    }

    /// Whether the other is of the same issuer, and to be had in the same way.
    pub(in crate::identity) fn is_like(&self, other: &KeySet) -> bool {
        self.issuer == other.issuer
            && self.iss == other.iss
            && self.algorithms == other.algorithms
            && self.settings == other.settings
    }

    /// The keys that tokens are verified with now.
    pub(in crate::identity) fn current(&self) -> Result<Arc<NamedKeys>, Refusal> {
        let current = self.current.load_full();
        current.ok_or_else(|| unavailable(&self.state.lock()))
    }

    /// Whether a key of this name may still have signed what is alive: not when it has left the set,
    /// and that is to close whom it let in. While there are no keys, nobody can tell.
    pub(in crate::identity) fn upholds(&self, kid: &Kid) -> bool {
        let current = self.current.load();
        !self.settings.close_on_key_removal || current.as_ref().is_none_or(|keys| keys.has(kid))
    }

    /// Fetches the keys, again and again, until it is dropped. Tells `removed` when a key has left
    /// the set, if that is to close whom it let in.
    pub(in crate::identity) async fn keep(self: Arc<Self>, metrics: Metrics, removed: Arc<Notify>) {
        let (settings, iss) = (self.settings.clone(), self.iss.clone());
        let endpoint = Endpoint::new(settings, iss, self.algorithms.clone());
        self.keep_from(endpoint, metrics, &removed).await;
    }

    async fn keep_from(&self, mut source: impl Source, metrics: Metrics, removed: &Notify) {
        let mut afresh = true;
        self.begin_unless_wanted();
        loop {
            self.state.lock().search.begin();
            let answer = source.ask(afresh).await;
            let before = self.current.load_full();
            let (outcome, next) = self.complete(answer);
            metrics.keys_fetched(&self.issuer, outcome);
            if self.settings.close_on_key_removal && self.may_lack_some_of(before.as_deref()) {
                removed.notify_one();
            }
            afresh = !self.wait(next).await;
        }
    }

    /// Whether a key that there was is gone. Where there were none for a while, nobody knows.
    fn may_lack_some_of(&self, before: Option<&NamedKeys>) -> bool {
        let current = self.current.load();
        let Some(now) = current.as_ref() else {
            return false;
        };
        before.is_none_or(|before| before.missing_in(now).next().is_some())
    }

    /// Waits for the next fetch; whether it is for an unknown key.
    async fn wait(&self, next: Instant) -> bool {
        loop {
            let stale = self.stale_at();
            let owed = self.state.lock().search.owed_at();
            let until = [stale, owed].into_iter().flatten().fold(next, Instant::min);
            // Both may be dropped and begun again.
            tokio::select! {
                biased;
                () = self.wanted.notified() => {}
                () = sleep_until(until) => {}
            }
            let now = Instant::now();
            if stale.is_some_and(|stale| now >= stale) {
                self.current.store(None);
                tracing::error!(
                    issuer = &*self.issuer,
                    "keys of an issuer too old to be used"
                );
            }
            let mut state = self.state.lock();
            if state.search.is_fetching() {
                return true;
            }
            let is_due = now >= next;
            if is_due || state.search.owed_at().is_some_and(|at| now >= at) {
                state.search.promise(!is_due, now);
                return !is_due;
            }
        }
    }

    /// Begins a fetch, unless an unknown key was asked for at this very moment.
    fn begin_unless_wanted(&self) {
        let mut state = self.state.lock();
        if !state.search.is_fetching() {
            state.search.promise(false, Instant::now());
        }
    }

    /// When the keys in use become too old, if nobody confirms them.
    fn stale_at(&self) -> Option<Instant> {
        self.current.load().as_ref()?;
        let state = self.state.lock();
        let good = state.last_good.as_ref()?;
        Some(good.at + self.settings.max_stale)
    }

    /// Takes what a fetch brought; gives its outcome in a word, and when to fetch again.
    fn complete(&self, answer: Result<Answer, KeysFault>) -> (&'static str, Instant) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let (outcome, wait) = match answer {
            Ok(Answer { fetched, max_age }) => {
                let outcome = self.confirm(&mut state, fetched, now);
                (outcome, jittered(self.fresh_for(max_age)))
            }
            Err(fault) => {
                let (outcome, wait) = (fault.label(), jittered(retry_after(state.faults)));
                report::log_fault(&self.issuer, &fault, wait);
                state.faults = state.faults.saturating_add(1);
                state.fault = Some(fault);
                (outcome, wait)
            }
        };
        state.search.end();
        state.next = Some(now + wait);
        self.done.send_modify(|done| *done += 1);
        (outcome, now + wait)
    }

    fn confirm(&self, state: &mut State, fetched: Fetched, now: Instant) -> &'static str {
        let last = state.last_good.take().map(|good| good.keys);
        let (keys, outcome) = match (fetched, &last) {
            (Fetched::Same, Some(keys)) => (keys.clone(), "unchanged"),
            (Fetched::Set(keys, remarks), last) => {
                for remark in &remarks {
                    report::log_remark(&self.issuer, remark);
                }
                report::log_change(&self.issuer, last.as_deref(), &keys);
                (Arc::new(keys), "new")
            }
            // Nothing is the same as nothing: an endpoint says so only of what it gave before.
            (Fetched::Same, None) => return "unchanged",
        };
        if state.faults > 0 {
            tracing::info!(issuer = &*self.issuer, "keys of an issuer can be had again");
        }
        state.faults = 0;
        state.fault = None;
        let missing = state.search.confirm(&keys, last.as_deref(), now);
        report::log_absent(&self.issuer, &missing);
        self.current.store(Some(keys.clone()));
        state.last_good = Some(Good { keys, at: now });
        outcome
    }

    fn fresh_for(&self, max_age: Option<Duration>) -> Duration {
        max_age.map_or(self.settings.refresh, |age| age.clamp(FRESH[0], FRESH[1]))
    }

    /// Whether there are keys, or the node does without them.
    pub(in crate::identity) fn is_good_enough(&self) -> bool {
        !self.settings.required || self.current.load().is_some()
    }

    /// How the keys are.
    pub(in crate::identity) fn report(&self) -> KeysReport {
        let current = self.current.load();
        let state = self.state.lock();
        let word = match (&*current, &state.last_good, &state.fault) {
            (Some(_), _, None) => "good",
            (Some(_), _, Some(_)) => "stale",
            (None, Some(_), _) => "down",
            (None, None, _) => "waiting",
        };
        KeysReport {
            issuer: self.issuer.clone(),
            state: word,
            keys: current.as_ref().map_or(0, |keys| keys.len()),
            age: state.last_good.as_ref().map(|good| good.at.elapsed()),
            fault: state.fault.as_ref().map(ToString::to_string),
            required: self.settings.required,
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.current).finish()
    }
}

/// The refusal of every token while there are no keys.
fn unavailable(state: &State) -> Refusal {
    let until = state.next.map_or(Duration::ZERO, |next| {
        next.saturating_duration_since(Instant::now())
    });
    Refusal::IssuerKeysUnavailable {
        retry_after: spread(until.min(RETRY_AFTER_MAX)),
    }
}

/// The waits differ, so that not all come back at once.
fn spread(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + rand::random_range(1..=10))
}

fn retry_after(faults: u32) -> Duration {
    RETRY_MIN.saturating_mul(1 << faults.min(16)).min(RETRY_MAX)
}

/// Within a tenth of it: not all nodes ask at the same moment.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests;
