//! What changes from one policy to another: who may do more, and who less.
//!
//! Cases are those of the expectations, and more that are generated from them: another user, claims
//! one at a time with other values (those that the rules' own literals suggest, and what lies beside
//! them), other origins and hours, on all their channels. Every case is decided by both policies, by the server's own
//! function. That no case changes is no proof that nothing does.

mod generate;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{ChannelName, Decision, Described, Expectation, Permission, Policy};

/// The most decisions that are compared.
const MAX_CASES: usize = 200_000;

/// What changes between two policies.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How many cases were decided by both.
    pub cases: usize,
    /// Whether there would have been more.
    pub is_cut: bool,
    /// What changes, by what decided before and after.
    pub changes: Vec<Change>,
}

/// Decisions that change in the same way.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whether it was denied and is allowed now.
    pub gains: bool,
    /// Of which namespace the channels are.
    pub namespace: String,
    /// What for.
    pub permission: Permission,
    /// What decided before.
    pub before: String,
    /// What decides now.
    pub after: String,
    /// How many cases of it were found.
    pub cases: usize,
    /// The first of them whose channel occurs in expectations, if there is one, and if possible the
    /// claims too.
    pub example: Example,
}

/// A case whose decision changes.
#[derive(Clone, Debug)]
pub struct Example {
    /// The claims.
    pub claims: Map<String, Value>,
    /// The user as rules see it.
    pub user: String,
    /// The channel.
    pub channel: String,
    /// How far it is from what expectations speak of.
    distance: u8,
}

/// A policy, and the issuers beside it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// Whether the claims of a subject grant; `None` if these issuers do not tell.
    pub grants: &'a dyn Fn(&Described) -> Option<bool>,
}

impl Side<'_> {
    fn sees(&self, described: &Described) -> Described {
        Described {
            grants: (self.grants)(described).unwrap_or(described.grants),
            ..described.clone()
        }
    }
}

/// Decides all cases by both.
pub fn compare(before: Side<'_>, after: Side<'_>, expectations: &[&Expectation]) -> Comparison {
    let (old, new) = (before.policy, after.policy);
    let channels = generate::channels(old, new, expectations);
    let expected: HashSet<&str> = expectations.iter().map(|e| e.channel.as_str()).collect();
    // Theirs come first.
    let mut subjects_left = expectations.len();
    let mut comparison = Comparison {
        cases: 0,
        is_cut: false,
        changes: Vec::new(),
    };
    let mut seen = HashSet::new();
    for described in generate::subjects(old, new, expectations, &channels) {
        let is_made_up = subjects_left == 0;
        subjects_left = subjects_left.saturating_sub(1);
        let key = format!("{described:?}");
        if !seen.insert(key) {
            continue;
        }
        let seen = [before.sees(&described), after.sees(&described)];
        for channel in &channels {
            // What nobody ever wrote down says less to who reads it; first of all a channel.
            let is_unknown = !expected.contains(channel.as_str());
            let distance = 2 * u8::from(is_unknown) + u8::from(is_made_up);
            for permission in Permission::ALL {
                if comparison.cases >= MAX_CASES {
                    comparison.is_cut = true;
                    return comparison;
                }
                comparison.cases += 1;
                comparison.compare([old, new], &seen, channel, permission, distance);
            }
        }
    }
    comparison
}

impl Comparison {
    fn compare(
        &mut self,
        [old, new]: [&Policy; 2],
        [described, then]: &[Described; 2],
        channel: &ChannelName,
        permission: Permission,
        distance: u8,
    ) {
        let (before, after) = (
            Verdict::of(old, described, channel, permission),
            Verdict::of(new, then, channel, permission),
        );
        if before.allows == after.allows {
            return;
        }
        let example = || Example {
            claims: described.claims.clone(),
            user: described.user(),
            channel: channel.to_string(),
            distance,
        };
        let namespace = channel.namespace().as_str();
        let same = self.changes.iter_mut().find(|change| {
            change.namespace == namespace
                && change.permission == permission
                && change.before == before.by
                && change.after == after.by
                && change.gains == after.allows
        });
        if let Some(change) = same {
            change.cases += 1;
            if distance < change.example.distance {
                change.example = example();
            }
            return;
        }
        self.changes.push(Change {
            gains: after.allows,
            namespace: namespace.to_owned(),
            permission,
            before: before.by,
            after: after.by,
            cases: 1,
            example: example(),
        });
    }
}

/// What a policy says of a case.
struct Verdict {
    allows: bool,
    by: String,
}

impl Verdict {
    fn of(
        policy: &Policy,
        described: &Described,
        channel: &ChannelName,
        permission: Permission,
    ) -> Verdict {
        // Whom the door does not let in may do nothing.
        let made_up = match described.make(policy) {
            Ok(made_up) => made_up,
            Err(_) => {
                return Verdict {
                    allows: false,
                    by: "door".to_owned(),
                };
            }
        };
        let decision: Decision = policy.decide(&made_up.subject(), channel, permission);
        Verdict {
            allows: decision.is_allowed(),
            by: decision.decided_by().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
