//! What an operator sees: logs and metrics. Nothing of a token, key or message is in either.

mod gauged;
pub mod logs;
mod metrics;

pub use gauged::Gauged;
pub use metrics::{HandshakeResult, Metrics};
