//! What an operator sees: logs and metrics. Nothing of a token, key or message is in either.

pub mod logs;
mod metrics;

pub use metrics::{Gauged, HandshakeResult, Metrics};
