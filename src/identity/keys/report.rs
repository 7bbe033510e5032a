//! What health and metrics tell of an issuer's keys.

use std::sync::Arc;
use std::time::Duration;

/// How an issuer's keys are, for health and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysReport {
    /// The issuer's name in the configuration.
    pub issuer: Arc<str>,
    /// One word: `configured`, `waiting`, `good`, `stale`, `down`.
    pub state: &'static str,
    /// How many keys tokens are verified with.
    pub keys: usize,
    /// For how long nobody has confirmed them; nothing for keys of the configuration.
    pub age: Option<Duration>,
    /// What went wrong the last time, if it did.
    pub fault: Option<String>,
    /// Whether the node is ready without them.
    pub required: bool,
}

impl KeysReport {
    /// Of keys that stand in the configuration.
    pub(in crate::identity) fn configured(issuer: Arc<str>, keys: usize) -> KeysReport {
        KeysReport {
            issuer,
            state: "configured",
            keys,
            age: None,
            fault: None,
            required: true,
        }
    }
}
