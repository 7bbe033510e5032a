//! `--against OLD`: what changes from an older config.

use std::path::Path;

use crate::config::{Config, Examined, Fault, Scope, Severity};
use crate::policy::{Comparison, Side, compare};

/// Reads the rules of the older config and compares; or tells what is wrong with them. That its
/// own expectations fail is no matter: its rules are what was in force.
pub(super) fn compare_with(old: &Path, new: &Examined) -> (Option<Comparison>, Vec<Fault>) {
    let old = Config::examine(old, Scope::Rules);
    let Some(old_policy) = &old.policy else {
        let faults = old.found.into_iter();
        let faults = faults.filter(|fault| fault.severity() == Severity::Error);
        return (None, faults.collect());
    };
    let cases = new.cases.iter().chain(&old.cases);
    let expectations: Vec<_> = cases.map(|case| &case.expectation).collect();
    let before = Side {
        policy: old_policy,
        grants: &|described| old.issuers.grants(described).ok(),
    };
    let comparison = new.policy.as_ref().map(|policy| {
        let after = Side {
            policy,
            grants: &|described| new.issuers.grants(described).ok(),
        };
        compare(before, after, &expectations)
    });
    (comparison, Vec::new())
}
