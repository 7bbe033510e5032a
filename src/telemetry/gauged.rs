//! A gauge that counts what is alive.

use prometheus_client::metrics::gauge::Gauge;

/// Raises a gauge as long as it lives, so that no way out of a function can forget to lower it.
pub struct Gauged(Gauge);

impl Gauged {
    /// Raises the gauge.
    pub fn new(gauge: &Gauge) -> Gauged {
        gauge.inc();
        Gauged(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}
