//! Expectations: decisions that a config's author wants to be sure of.
//!
//! They are decided by the same walk that the server takes, on a subject that is made up from the
//! claims. A config whose expectations fail is not loaded.

use thiserror::Error;

use super::channel::NameFault;
use super::decision::{Step, verdict};
use super::explain::Explanation;
use super::made_up::{Described, DescriptionFault, MadeUp};
use super::{ChannelName, Permission, Policy};

/// One `[[expect]]` table, for one of its permissions.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// For whom, where from and when.
    pub subject: Described,
    /// The channel's name.
    pub channel: String,
    /// What is asked for.
    pub permission: Permission,
    /// Whether it should be allowed.
    pub allow: bool,
    /// What should decide: a rule, as `room.team.subscribe`, or a step, as `private`.
    pub by: Option<String>,
}

impl Expectation {
    /// Decides, and compares.
    pub fn check(&self, policy: &Policy) -> Result<(), ExpectationFailure> {
        let (made_up, channel) = self.question(policy)?;
        if let Some(by) = self.by.as_deref().filter(|by| !policy.can_decide(by)) {
            return Err(ExpectationFailure::NothingOfThatName { by: by.to_owned() });
        }
        let decision = policy.decide(&made_up.subject(), &channel, self.permission);
        let decided = decision.is_allowed() == self.allow;
        let by = self
            .by
            .as_deref()
            .is_none_or(|by| by == decision.decided_by());
        if decided && by {
            return Ok(());
        }
        let explanation = policy.explain(&made_up.subject(), &channel, self.permission);
        let explanation = Box::new(explanation);
        Err(match &self.by {
            Some(by) if decided => ExpectationFailure::DecidedByAnother {
                expected: by.clone(),
                explanation,
            },
            _ => ExpectationFailure::Decided {
                expected: verdict(self.allow),
                explanation,
            },
        })
    }

    /// Whom and which channel it is about, if it can be decided at all.
    pub fn question(&self, policy: &Policy) -> Result<(MadeUp, ChannelName), ExpectationFailure> {
        let made_up = self.subject.make(policy)?;
        let channel = ChannelName::parse(&self.channel)?;
        if policy.features(&channel).is_none() {
            let namespace = channel.namespace().as_str().to_owned();
            return Err(ExpectationFailure::UnknownNamespace { namespace });
        }
        Ok((made_up, channel))
    }
}

impl Policy {
    /// Whether there is a rule or a step of that name.
    fn can_decide(&self, name: &str) -> bool {
        Step::ALL.iter().any(|step| step.as_str() == name)
            || self.rules().any(|rule| **rule.name() == *name)
    }
}

/// Why an expectation does not hold.
#[derive(Debug, Error)]
pub enum ExpectationFailure {
    /// Another decision was made.
    #[error("expected {expected}, but it is {}", .explanation.sentence())]
    Decided {
        /// What was expected.
        expected: &'static str,
        /// What was decided, and why.
        explanation: Box<Explanation>,
    },
    /// The decision was made by something else.
    #[error("expected {expected} to decide, but it is {}", .explanation.sentence())]
    DecidedByAnother {
        /// What was expected to decide.
        expected: String,
        /// What was decided, and why.
        explanation: Box<Explanation>,
    },
    /// It expects something to decide that is not there.
    #[error("there is no rule and no step `{by}` that could decide")]
    NothingOfThatName {
        /// What should have decided.
        by: String,
    },
    /// It cannot be said for whom it is.
    #[error(transparent)]
    Subject(#[from] DescriptionFault),
    /// No client can name the channel, so that neither allow nor deny means anything.
    #[error("it names no channel: {0}")]
    Channel(#[from] NameFault),
    /// A misspelt room is denied to everybody, so such an expectation would prove nothing.
    #[error("its channel is of no room: there is no [room.{namespace}]")]
    UnknownNamespace {
        /// What stands before the first `:`.
        namespace: String,
    },
}

impl ExpectationFailure {
    /// Why it was decided as it was, if it was.
    pub fn explanation(&self) -> Option<&Explanation> {
        match self {
            ExpectationFailure::Decided { explanation, .. }
            | ExpectationFailure::DecidedByAnother { explanation, .. } => Some(explanation),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::{PolicySource, RoomSource};

    fn policy() -> Policy {
        let subscribe = Some("channel.parts[0] in claims.teams".to_owned());
        let room = RoomSource {
            subscribe,
            ..RoomSource::default()
        };
        let source = PolicySource {
            claims: vec![("teams".to_owned(), json!([]))],
            personal: None,
            rooms: vec![("team".to_owned(), room)],
        };
        Policy::compile(source).unwrap().policy
    }

    fn check(claims: Value, channel: &str, allow: bool) -> Result<(), String> {
        check_by(claims, channel, allow, None)
    }

    fn check_by(claims: Value, channel: &str, allow: bool, by: Option<&str>) -> Result<(), String> {
        let expectation = Expectation {
            subject: Described::new(claims.as_object().unwrap().clone()),
            channel: channel.to_owned(),
            permission: Permission::Subscribe,
            allow,
            by: by.map(str::to_owned),
        };
        expectation
            .check(&policy())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_expectation_that_holds_passes() {
        let bob = json!({"sub": "bob", "teams": ["red"]});
        assert_eq!(check(bob.clone(), "team:red", true), Ok(()));
        assert_eq!(check(bob, "team:blue", false), Ok(()));
        assert_eq!(check(json!({"sub": "bob"}), "team:red", false), Ok(()));
    }

    #[test]
    fn a_failure_says_what_was_decided_by_what() {
        let bob = json!({"sub": "bob", "teams": ["red"]});
        assert_eq!(
            check(bob, "team:blue", true),
            Err(
                "expected allow, but it is denied: subscribe on team:blue for bob, by \
                 room.team.subscribe: the rule is false"
                    .to_owned()
            )
        );
    }

    #[test]
    fn it_may_say_what_should_decide() {
        let bob = json!({"sub": "bob", "teams": ["red"]});
        let rule = Some("room.team.subscribe");
        assert_eq!(check_by(bob.clone(), "team:red", true, rule), Ok(()));
        assert_eq!(check_by(bob.clone(), "#bob", true, Some("implied")), Ok(()));
        let other = check_by(bob.clone(), "#bob", true, rule).unwrap_err();
        assert!(
            other.starts_with("expected room.team.subscribe to decide, but it is allowed: "),
            "{other}"
        );
        let nothing = check_by(bob, "team:red", true, Some("room.team.publish")).unwrap_err();
        assert!(nothing.contains("no rule and no step"), "{nothing}");
    }

    #[test]
    fn what_could_never_reach_a_decision_fails_either_way() {
        for allow in [true, false] {
            for (claims, channel) in [
                (json!({}), "team:red"),
                (json!({"sub": 7}), "team:red"),
                (json!({"sub": "bob,alice"}), "team:red"),
                (json!({"sub": "bob", "teams": "red"}), "team:red"),
                (json!({"sub": "bob"}), "dm:#bob,alice"),
                (json!({"sub": "bob"}), ""),
                (json!({"sub": "bob"}), "teams:red"),
            ] {
                assert!(check(claims, channel, allow).is_err(), "{channel}");
            }
        }
    }
}
