//! How often tokens that name unknown keys may make the gateway ask their issuer.
//!
//! Anybody can send a token with any `kid`, so what an unknown one costs the issuer is bounded
//! whatever is sent: at most one fetch in 30 s, at most two of any kind in a minute, and one that
//! was asked for in vain is not asked for again for a minute (SECURITY.md JWKS-4).

use std::time::Duration;

use hashlink::LinkedHashMap;
use tokio::time::Instant;

/// Between two fetches for unknown keys.
const APART: Duration = Duration::from_secs(30);
/// In which no third fetch is made for an unknown key, whatever the first two were for.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a key that the issuer does not have is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60);
/// How many of them.
const MOST_REMEMBERED: usize = 1024;

/// When the last fetches began.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: [Option<Instant>; 2],
    last_for_unknown: Option<Instant>,
}

impl Pace {
    /// Notes a fetch.
    pub(super) fn begins(&mut self, for_unknown: bool, now: Instant) {
        self.last = [Some(now), self.last[0]];
        if for_unknown {
            self.last_for_unknown = Some(now);
        }
    }

    /// From when on an unknown key may cause one; nothing where it always might have.
    pub(super) fn allowed_at(&self) -> Option<Instant> {
        let apart = self.last_for_unknown.map(|begun| begun + APART);
        apart.max(self.last[1].map(|begun| begun + WINDOW))
    }
}

/// Keys that an issuer was asked for and does not have, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Absent(LinkedHashMap<Box<str>, Instant>);

impl Absent {
    /// Remembers one; beyond the bound the oldest is forgotten.
    pub(super) fn insert(&mut self, kid: &str, now: Instant) {
        self.0.insert(kid.into(), now + REMEMBERED);
        if self.0.len() > MOST_REMEMBERED {
            self.0.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it was asked for in vain a short time ago.
    pub(super) fn contains(&mut self, kid: &str, now: Instant) -> bool {
        while self.0.front().is_some_and(|(_, until)| *until <= now) {
            self.0.pop_front();
        }
        self.0.contains_key(kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn jwks_4_one_in_30_seconds_and_no_third_in_a_minute() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        pace.begins(false, at(0));
        assert_eq!(
            pace.allowed_at(),
            None,
            "a rotation right after the start is seen"
        );
        pace.begins(true, at(1));
        assert_eq!(pace.allowed_at(), Some(at(60)), "no third in a minute");
        pace.begins(true, at(60));
        // The first is over a minute old.
        assert_eq!(pace.allowed_at(), Some(at(90)));
    }

    #[tokio::test(start_paused = true)]
    async fn jwks_4_what_is_remembered_is_bounded_in_number_and_time() {
        let (mut absent, start) = (Absent::default(), Instant::now());
        for number in 0..10_000 {
            absent.insert(&number.to_string(), start);
        }
        assert_eq!(absent.0.len(), MOST_REMEMBERED);
        assert!(!absent.contains("0", start));
        assert!(absent.contains("9999", start));
        let later = start + REMEMBERED;
        assert!(!absent.contains("9999", later));
        assert_eq!(absent.0.len(), 0);
    }
}
