//! The wall clock, passed in, so that a test can move it.
//!
//! Deadlines of a connection run on tokio's monotonic clock; what a token says (`exp`, `nbf`,
//! `iat`) is judged by this one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Whole seconds since 1970-01-01T00:00:00Z, as in a JWT's NumericDate (RFC 7519 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// A time as people write it: `2026-03-04T05:06:07Z`, or with an offset from UTC.
    pub fn parse(text: &str) -> Option<UnixSeconds> {
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(time.timestamp()).ok().map(UnixSeconds)
    }

    /// The time from `self` until `later`; zero when `later` is not later.
    pub fn until(self, later: UnixSeconds) -> Duration {
        Duration::from_secs(later.0.saturating_sub(self.0))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells the time; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: UnixSeconds) -> Clock {
        Clock(Source::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    /// The present second.
    pub fn now(&self) -> UnixSeconds {
        match &self.0 {
            // A clock before 1970 reads as 0: every token is then not yet valid, so this fails closed.
            #[allow(
                clippy::disallowed_methods,
                reason = "the one place that reads the machine's clock"
            )]
            Source::System => UnixSeconds(
                std::time::SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |d| d.as_secs()),
            ),
            Source::Manual(seconds) => UnixSeconds(seconds.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock forward; the system's clock is not moved by anybody.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(seconds) = &self.0 {
            seconds.fetch_add(by.as_secs(), Ordering::Relaxed);
        }
    }

    /// Moves a manual clock back, as an operator may do with the machine's.
    pub fn set_back(&self, by: Duration) {
        if let Source::Manual(seconds) = &self.0 {
            seconds.fetch_sub(by.as_secs(), Ordering::Relaxed);
        }
    }
}
