//! How often something may happen: so many at once, and so many in a time in the long run.
//!
//! The generic cell rate algorithm: a bucket is one number, the time at which it will be full
//! again. Pure but for [`Ticks`]: whoever asks brings the time, in nanoseconds of a scale that only
//! goes forward.

mod table;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

pub use table::Table;

/// So many at once, and so many in a time in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Per,
    burst: u32,
    /// Nanoseconds in which one more is earned.
    interval: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Per {
    Second,
    Minute,
    Hour,
}

impl Per {
    const fn nanos(self) -> u64 {
        match self {
            Per::Second => 1_000_000_000,
            Per::Minute => 60_000_000_000,
            Per::Hour => 3_600_000_000_000,
        }
    }
}

impl Rate {
    /// The largest number in a rate. With it no sum of times here can overflow.
    pub const MAX: u32 = 1_000_000;

    /// `count` a second, and `burst` at once; each is at least 1 and at most [`Rate::MAX`].
    pub const fn per_second(count: u32, burst: u32) -> Rate {
        Rate::new(count, Per::Second, burst)
    }

    /// `count` a minute, which may all be at once.
    pub const fn per_minute(count: u32) -> Rate {
        Rate::new(count, Per::Minute, count)
    }

    const fn new(count: u32, per: Per, burst: u32) -> Rate {
        let count = clamp(count);
        Rate {
            count,
            per,
            burst: clamp(burst),
            interval: per.nanos() / count as u64,
        }
    }

    /// How many may happen at once.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// The same with another burst.
    pub const fn with_burst(self, burst: u32) -> Rate {
        Rate {
            burst: clamp(burst),
            ..self
        }
    }

    /// The same rate for several together: so many times as often, and as many at once.
    pub const fn times(self, factor: u32) -> Rate {
        Rate {
            count: self.count.saturating_mul(factor),
            burst: self.burst.saturating_mul(factor),
            interval: self.interval / factor as u64,
            ..self
        }
    }

    /// A part of it: so many times more seldom, and as many fewer at once, but one.
    pub const fn fraction(self, divisor: u32) -> Rate {
        let burst = self.burst / divisor;
        Rate {
            burst: if burst == 0 { 1 } else { burst },
            interval: self.interval.saturating_mul(divisor as u64),
            ..self
        }
    }

    /// When a bucket would be full again that was to be so at `full_at`, if it gives one at `now`;
    /// or after how long it could give one.
    fn give(&self, full_at: u64, now: u64) -> Result<u64, Duration> {
        let full_at = full_at.max(now) + self.interval;
        let most = self.interval * u64::from(self.burst);
        match (full_at - now).checked_sub(most) {
            None | Some(0) => Ok(full_at),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

const fn clamp(number: u32) -> u32 {
    match number {
        0 => 1,
        Rate::MAX.. => Rate::MAX,
        _ => number,
    }
}

/// `100/s burst 1000`; without `burst` where it is the count.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Per::Second => "s",
            Per::Minute => "min",
            Per::Hour => "h",
        };
        write!(f, "{}/{per}", self.count)?;
        if self.burst != self.count {
            write!(f, " burst {}", self.burst)?;
        }
        Ok(())
    }
}

/// The text is no rate.
#[derive(Debug, PartialEq, Eq)]
pub struct NotARate;

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Rate, NotARate> {
        let number = |text: &str| {
            let number = text.parse().ok();
            number.filter(|number| (1..=Rate::MAX).contains(number))
        };
        let mut words = text.split(' ');
        let (count, per) = words
            .next()
            .and_then(|word| word.split_once('/'))
            .ok_or(NotARate)?;
        let count = number(count).ok_or(NotARate)?;
        let per = match per {
            "s" => Per::Second,
            "min" => Per::Minute,
            "h" => Per::Hour,
            _ => return Err(NotARate),
        };
        let burst = match (words.next(), words.next(), words.next()) {
            (None, ..) => count,
            (Some("burst"), Some(burst), None) => number(burst).ok_or(NotARate)?,
            _ => return Err(NotARate),
        };
        Ok(Rate::new(count, per, burst))
    }
}

/// A bucket of one owner. The default is full.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// Takes one out, or says after how long there will be one.
    ///
    /// # Errors
    /// When it is empty; nothing is taken then.
    pub fn take(&mut self, rate: &Rate, now: u64) -> Result<(), Duration> {
        self.full_at = rate.give(self.full_at, now)?;
        Ok(())
    }

    /// Whether one could be taken.
    ///
    /// # Errors
    /// When it is empty, with how long it will be.
    pub fn peek(self, rate: &Rate, now: u64) -> Result<(), Duration> {
        rate.give(self.full_at, now).map(|_| ())
    }

    /// Begins anew, as if nothing had happened yet.
    pub fn fill(&mut self) {
        *self = Bucket::default();
    }
}

/// A bucket that several take from.
#[derive(Debug, Default)]
pub struct SharedBucket(AtomicU64);

impl SharedBucket {
    /// Takes one out, or says after how long there will be one.
    ///
    /// # Errors
    /// When it is empty; nothing is taken then.
    pub fn take(&self, rate: &Rate, now: u64) -> Result<(), Duration> {
        let mut full_at = self.0.load(Ordering::Relaxed);
        loop {
            let next = rate.give(full_at, now)?;
            // It guards nothing but itself.
            let order = Ordering::Relaxed;
            match self.0.compare_exchange_weak(full_at, next, order, order) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }
}

/// The scale of the buckets: nanoseconds since it began, on tokio's clock.
#[derive(Clone, Copy, Debug)]
pub struct Ticks(Instant);

impl Ticks {
    /// Begins.
    pub fn begin() -> Ticks {
        Ticks(Instant::now())
    }

    /// The present.
    pub fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests;
