//! How long deliveries took: an HDR histogram of microseconds.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest that is told apart; what took longer counts as this.
const MOST_US: u64 = 120_000_000;

/// Durations as they are counted.
pub struct Latency(Option<Histogram<u64>>);

/// What a record tells of them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    count: u64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

impl Default for Latency {
    fn default() -> Latency {
        // Fails only for bounds that make no sense, and these are constant.
        Latency(Histogram::new_with_bounds(1, MOST_US, 3).ok())
    }
}

impl Latency {
    /// Counts one duration.
    pub fn add_ns(&mut self, nanoseconds: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record((nanoseconds / 1000).max(1));
        }
    }

    /// The duration that this share of all did not exceed, in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.quantile_us(quantile) / 1000.0
    }

    /// What a record tells.
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.0.as_ref().map_or(0, Histogram::len),
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.quantile_us(1.0),
        }
    }

    fn quantile_us(&self, quantile: f64) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| {
            histogram.value_at_quantile(quantile) as f64
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [self.p50_us, self.p99_us, self.max_us].map(|us| us / 1000.0);
        write!(f, "p50 {p50:.2} p99 {p99:.2} max {max:.2} ms")
    }
}
