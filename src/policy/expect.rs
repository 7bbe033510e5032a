//! Expectations: decisions that a config's author wants to be sure of.
//!
//! They are decided by [`Policy::decide`] itself, on a subject that is made up from the claims. A
//! config whose expectations fail is not loaded.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value};
use thiserror::Error;

use super::channel::NameFault;
use super::claims::ClaimMismatch;
use super::decision::Decision;
use super::grants::{GrantFault, Grants, Patterns};
use super::user::UserIdFault;
use super::{ChannelName, ConnectionFacts, Permission, Policy, Subject, UserId};
use crate::clock::UnixSeconds;

/// One `[[expect]]` table.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The claims of the made-up token, `sub` among them.
    pub claims: Map<String, Value>,
    /// The channel's name.
    pub channel: String,
    /// What is asked for.
    pub permission: Permission,
    /// Whether it should be allowed.
    pub allow: bool,
}

impl Expectation {
    /// Decides, and compares. The connection is one from 127.0.0.1 without an `Origin`, and `now`
    /// is 2000-01-01T00:00:00Z, so that the same config always gets the same answer.
    pub fn check(&self, policy: &Policy) -> Result<(), ExpectationFailure> {
        let user = match self.claims.get("sub") {
            Some(Value::String(sub)) => UserId::parse(sub).map_err(ExpectationFailure::User)?,
            Some(_) => return Err(ExpectationFailure::SubjectNotText),
            None => return Err(ExpectationFailure::NoSubject),
        };
        let grants = Grants::of(&self.claims, &Patterns::default())?;
        let claims = policy.declared_claims().apply(self.claims.clone())?;
        let channel = ChannelName::parse(&self.channel)?;
        if policy.features(&channel).is_none() {
            let namespace = channel.namespace().as_str().to_owned();
            return Err(ExpectationFailure::UnknownNamespace { namespace });
        }
        let connection = ConnectionFacts {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            origin: None,
            protocol: "json",
        };
        let subject = Subject {
            user: &user,
            claims: &claims,
            grants: grants.as_ref(),
            subscription: None,
            connection: &connection,
            now: NOW,
        };
        let decision = policy.decide(&subject, &channel, self.permission);
        if decision.is_allowed() == self.allow {
            return Ok(());
        }
        Err(ExpectationFailure::Decided {
            user: user.to_string(),
            permission: self.permission,
            channel: channel.to_string(),
            expected: if self.allow { "allowed" } else { "denied" },
            decision: Box::new(decision),
        })
    }
}

const NOW: UnixSeconds = UnixSeconds(946_684_800);

/// Why an expectation does not hold.
#[derive(Debug, Error)]
pub enum ExpectationFailure {
    /// Another decision was made.
    #[error("expected {permission} on {channel} to be {expected} for {user}, but it is {decision}")]
    Decided {
        /// Who asked.
        user: String,
        /// For what.
        permission: Permission,
        /// Where.
        channel: String,
        /// What was expected.
        expected: &'static str,
        /// What was decided, and by what.
        decision: Box<Decision>,
    },
    /// It cannot be said for whom it is.
    #[error("the claims of an expectation need a `sub`, the user")]
    NoSubject,
    /// The user is no text.
    #[error("the claim `sub` of an expectation must be a string")]
    SubjectNotText,
    /// The door would refuse the user.
    #[error("the claim `sub` is no user: {0}")]
    User(#[source] UserIdFault),
    /// The door would refuse the claims.
    #[error("the door would refuse this token: {0}")]
    Claims(#[from] ClaimMismatch),
    /// The door would refuse what the claims grant.
    #[error("the door would refuse this token: {0}")]
    Grants(#[from] GrantFault),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let expectation = Expectation {
            claims: claims.as_object().unwrap().clone(),
            channel: channel.to_owned(),
            permission: Permission::Subscribe,
            allow,
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
                "expected subscribe on team:blue to be allowed for bob, but it is denied by the \
                 step rule and the rule room.team.subscribe, since the rule is false"
                    .to_owned()
            )
        );
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
