//! The clocks: nanoseconds since the program began, for payloads, and the date, for the report.

use std::sync::LazyLock;
use std::time::SystemTime;

use tokio::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the first call, on a clock that all threads share.
pub fn now_ns() -> u64 {
    u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The wall clock: for the dates of records and tokens, never for a duration.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement has a real date; nothing here is tested against it"
)]
pub fn date() -> SystemTime {
    SystemTime::now()
}

/// The wall clock in whole seconds since 1970.
pub fn unix_seconds() -> u64 {
    date()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
