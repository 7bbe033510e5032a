//! How often something may happen: so many at once, and so many a second in the long run.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket in the form of one instant (the generic cell rate algorithm).
pub(super) struct Bucket {
    /// When the bucket will be full again.
    full_at: Instant,
    interval: Duration,
    burst: u32,
}

impl Bucket {
    /// `burst` at once, and `per_second` in the long run.
    pub(super) fn new(burst: u32, per_second: u32) -> Bucket {
        Bucket::with(burst, Duration::from_secs(1) / per_second)
    }

    /// `count` in each `window`.
    pub(super) fn over(count: u32, window: Duration) -> Bucket {
        Bucket::with(count, window / count)
    }

    fn with(burst: u32, interval: Duration) -> Bucket {
        Bucket {
            full_at: Instant::now(),
            interval,
            burst,
        }
    }

    /// Whether it may happen once more, now.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        let full_at = self.full_at.max(now) + self.interval;
        if full_at - now > self.interval * self.burst {
            return false;
        }
        self.full_at = full_at;
        true
    }

    /// Begins anew, as if nothing had happened yet.
    pub(super) fn fill(&mut self) {
        self.full_at = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(20, 10);
        assert_eq!((0..100).filter(|_| bucket.take()).count(), 20);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..100).filter(|_| bucket.take()).count(), 10);
    }
}
