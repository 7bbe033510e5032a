//! Log lines on standard error: text on a terminal, JSON otherwise.
//!
//! Messages are constant and facts are fields, so that a line can be searched for. What came from
//! a client is a field, cut to [`MAX_FIELD_BYTES`]; tracing-subscriber escapes control characters.

use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Most bytes of a field that a client had a hand in.
pub const MAX_FIELD_BYTES: usize = 256;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For eyes.
    Text,
    /// For machines: one object a line.
    Json,
}

/// Begins logging, for the whole process. `level` is a level, or a filter in tracing's notation.
///
/// # Errors
/// When logging has begun already.
pub fn init(format: LogFormat, level: &str) -> Result<(), TryInitError> {
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let registry = tracing_subscriber::registry().with(EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if json {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        registry
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .try_init()
    }
}

/// The text, cut at a character boundary to what a log field may hold.
pub fn field(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_FIELD_BYTES)]
}

/// What tells the lines of one request from those of all others, on this node and the next. It is
/// ours: what a client calls its request is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    /// Another one. Among a million requests there are hardly ever two of one id.
    pub fn random() -> RequestId {
        RequestId(rand::random())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Lets at most 100 lines a second through and counts the rest, so that a flood of refusals is
/// not also a flood of lines.
#[derive(Debug)]
pub struct Sampler {
    began: Instant,
    second: AtomicU64,
    lines: AtomicU64,
    left_out: AtomicU64,
}

const LINES_PER_SECOND: u64 = 100;

impl Default for Sampler {
    fn default() -> Self {
        Sampler {
            began: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }
}

impl Sampler {
    /// Whether this line may be written, and how many were left out before it.
    pub fn admit(&self) -> Option<u64> {
        let second = self.began.elapsed().as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_PER_SECOND {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

/// A [`Sampler`] for each reason, so that a flood of one does not hide the others. Reasons are
/// words of ours, so there are few.
#[derive(Debug, Default)]
pub struct Samplers(parking_lot::Mutex<HashMap<&'static str, Sampler>>);

impl Samplers {
    /// Whether a line with this reason may be written, and how many were left out before it.
    pub fn admit(&self, reason: &'static str) -> Option<u64> {
        self.0.lock().entry(reason).or_default().admit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_cut_at_a_character_boundary() {
        let long = "é".repeat(200);
        assert_eq!(field(&long).len(), 256);
        let odd = format!("a{long}");
        assert_eq!(field(&odd).len(), 255);
        assert_eq!(field("short"), "short");
    }

    #[test]
    fn log_3_a_request_id_is_always_of_one_form() {
        assert_eq!(RequestId(0xab).to_string(), "00000000000000ab");
        assert_ne!(RequestId::random(), RequestId::random());
    }

    #[tokio::test(start_paused = true)]
    async fn log_3_a_flood_is_sampled_and_counted() {
        let sampler = Sampler::default();
        assert_eq!((0..500).filter(|_| sampler.admit().is_some()).count(), 100);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(sampler.admit(), Some(400));
    }
}
