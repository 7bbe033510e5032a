//! What is told of an issuer's keys: to health and metrics, and to the log.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::KeysFault;
use super::jwks::Remark;
use super::named::NamedKeys;
use crate::telemetry::logs;

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

/// Once for each fault: the waits between them grow.
pub(super) fn log_fault(issuer: &str, fault: &KeysFault, wait: Duration) {
    let fault = fault.to_string();
    tracing::warn!(
        issuer,
        fault = logs::field(&fault),
        again_after_ms = wait.as_millis(),
        "keys of an issuer not fetched"
    );
}

/// Once for each set that is new.
pub(super) fn log_remark(issuer: &str, remark: &Remark) {
    let (key, text) = (remark.key, remark.text);
    if remark.is_alarming {
        tracing::warn!(
            issuer,
            key,
            text,
            "a key of an issuer is not as it should be"
        );
    } else {
        tracing::debug!(issuer, key, text, "a key of an issuer is not for us");
    }
}

/// Once for each fetch that was made for some in vain. The first is named; the name is its sender's.
pub(super) fn log_absent(issuer: &str, kids: &[Box<str>]) {
    let Some((kid, others)) = kids.split_first() else {
        return;
    };
    tracing::info!(
        issuer,
        kid = logs::field(kid),
        others = others.len(),
        "a token names a key that its issuer does not have"
    );
}

/// The names of the keys before and after.
pub(super) fn log_change(issuer: &str, before: Option<&NamedKeys>, after: &NamedKeys) {
    let names = |keys: &NamedKeys| keys.kids().collect::<Vec<_>>().join(" ");
    let (before, after) = (before.map(names), names(after));
    tracing::info!(
        issuer,
        before = before.as_deref().map(logs::field),
        after = logs::field(&after),
        "keys of an issuer"
    );
}
