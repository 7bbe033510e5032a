//! Which unknown keys an issuer was asked for, and whether it could have said.
//!
//! That a token names no key can be said only by a fetch that began after the key was first asked
//! for; until there was one, the token may be good. The pace forbids to make one at once for each,
//! so one is owed then, and made as soon as it is allowed (SECURITY.md JWKS-4, JWKS-5).

use hashlink::{LinkedHashMap, LinkedHashSet};
use tokio::time::Instant;

use super::named::{Miss, NamedKeys};
use super::pace::{Absent, Pace, REMEMBERED};
use crate::identity::algorithm::Algorithm;

/// How many keys that were not looked for yet are remembered. The first are, so that a flood of
/// others does not put off the answer for those.
const MOST_ASKED: usize = 1024;
/// How many keys that left the set are remembered, the last that did.
const MOST_RETIRED: usize = 1024;

/// The fetches of one issuer, counted, and the keys that tokens named in vain.
#[derive(Debug, Default)]
pub(super) struct Search {
    pace: Pace,
    asked: LinkedHashMap<Box<str>, Asked>,
    absent: Absent,
    /// Keys that were in the set and left it. Only the issuer can put a name here, so that however
    /// many are made up, who has a token of the old key is told to get a newer one.
    retired: LinkedHashSet<Box<str>>,
    /// A fetch is under way, or is about to begin.
    is_fetching: bool,
    begun: u64,
    /// Those that begun, and the one that is about to.
    promised: u64,
    /// The last that brought a set, or said that there is no newer one, and when it ended.
    confirmed: u64,
    confirmed_at: Option<Instant>,
    /// A key was asked for that nothing under way can tell of.
    is_owed: bool,
}

/// A key that was not looked for yet.
#[derive(Debug)]
struct Asked {
    algorithm: Algorithm,
    since: Since,
}

/// The fetches that had begun when a key was first asked for: a later one can tell whether it is
/// there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since(u64);

impl Search {
    pub(super) fn is_fetching(&self) -> bool {
        self.is_fetching
    }

    /// Notes that a fetch is about to begin.
    pub(super) fn promise(&mut self, for_unknown: bool, now: Instant) {
        self.is_fetching = true;
        self.is_owed = false;
        self.promised += 1;
        self.pace.begins(for_unknown, now);
    }

    /// Notes that it begins: what is asked for from now on, it may be too early for.
    pub(super) fn begin(&mut self) {
        self.begun = self.promised;
    }

    /// Notes that it ended, well or not.
    pub(super) fn end(&mut self) {
        self.is_fetching = false;
    }

    /// Takes the set that a fetch brought in place of `last`; gives the keys that were looked for
    /// and are not in it.
    pub(super) fn confirm(
        &mut self,
        keys: &NamedKeys,
        last: Option<&NamedKeys>,
        now: Instant,
    ) -> Vec<Box<str>> {
        (self.confirmed, self.confirmed_at) = (self.begun, Some(now));
        let mut missing = Vec::new();
        // The oldest first, so those that it was too early for are at the end.
        while let Some((_, asked)) = self.asked.front()
            && self.is_settled(asked.since)
            && let Some((kid, asked)) = self.asked.pop_front()
        {
            let named = Some(&*kid).filter(|kid| !kid.is_empty());
            if matches!(keys.find(named, asked.algorithm), Err(Miss::Unknown)) {
                self.absent.insert(&kid, now);
                missing.push(kid);
            }
        }
        for kid in last.into_iter().flat_map(|last| last.missing_in(keys)) {
            self.retired.insert(kid.into());
            if self.retired.len() > MOST_RETIRED {
                self.retired.pop_front();
            }
        }
        missing
    }

    /// Whether the issuer was asked a short time ago and did not have it, which is known of a key
    /// that it had once without asking for that one. Of a key that is in the set nobody asks.
    pub(super) fn is_absent(&mut self, kid: &str, now: Instant) -> bool {
        let is_confirmed = self.confirmed_at.is_some_and(|at| now < at + REMEMBERED);
        (is_confirmed && self.retired.contains(kid)) || self.absent.contains(kid, now)
    }

    /// Notes that a key is asked for; gives since when it is.
    pub(super) fn ask(&mut self, kid: &str, algorithm: Algorithm) -> Since {
        if let Some(asked) = self.asked.get(kid) {
            return asked.since;
        }
        let since = Since(self.begun);
        if self.asked.len() < MOST_ASKED {
            self.asked.insert(kid.into(), Asked { algorithm, since });
        }
        since
    }

    /// Whether a fetch that began after it was asked for brought a set.
    pub(super) fn is_settled(&self, since: Since) -> bool {
        self.confirmed > since.0
    }

    /// Whether a fetch for an unknown key may begin now.
    pub(super) fn may_fetch(&self, now: Instant) -> bool {
        self.pace.allowed_at().is_none_or(|at| at <= now)
    }

    /// Has a fetch made as soon as the pace allows, unless one is under way that can tell of the
    /// key; whether that is new.
    pub(super) fn owe(&mut self, since: Since) -> bool {
        let is_looked_for = self.is_fetching && self.promised > since.0;
        !is_looked_for && !std::mem::replace(&mut self.is_owed, true)
    }

    /// When the fetch that is owed may begin, if there is one and it has to wait.
    pub(super) fn owed_at(&self) -> Option<Instant> {
        self.pace.allowed_at().filter(|_| self.is_owed)
    }

    /// When the next for an unknown key may begin, not before `now`.
    pub(super) fn allowed_from(&self, now: Instant) -> Instant {
        self.pace.allowed_at().map_or(now, |at| at.max(now))
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.asked.len() + self.absent.len()
    }
}
