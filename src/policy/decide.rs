//! The one function that decides.
//!
//! Subscribe, publish, history, presence and what implies them come through [`Policy::decide`],
//! and so do `explain` and the config's expectations. Denied unless something allows (CHAN-4).

use std::sync::Arc;

use super::channel::{ChannelName, Namespace};
use super::claims::DeclaredClaims;
use super::decision::{Decision, Denial, Reason, Step};
use super::rule::Rule;
use super::source::HistoryLimits;
use super::{Permission, Subject};

/// All rules of a config, checked and compiled.
#[derive(Debug)]
pub struct Policy {
    pub(super) claims: DeclaredClaims,
    pub(super) personal: Room,
    pub(super) rooms: ahash::HashMap<String, Room>,
}

/// The rules of one namespace.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) private: bool,
    pub(super) subscribe: Option<Rule>,
    pub(super) publish: Option<Rule>,
    pub(super) presence: Option<Rule>,
    pub(super) deny: Option<Rule>,
    pub(super) history_read: Option<Rule>,
    pub(super) history: Option<HistoryLimits>,
    pub(super) join_leave: bool,
}

/// What the channels of a namespace have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// How much history is kept, if any.
    pub history: Option<HistoryLimits>,
    /// Whether it is known who is there.
    pub presence: bool,
    /// Whether those who hold presence are told of those who join and leave.
    pub join_leave: bool,
}

impl Policy {
    /// Whether `subject` may do `permission` with `channel`, and what decided.
    pub fn decide(
        &self,
        subject: &Subject<'_>,
        channel: &ChannelName,
        permission: Permission,
    ) -> Decision {
        let room = match self.name(channel, permission) {
            Ok(room) => room,
            Err(denied) => return denied,
        };
        if let Some(reason) = not_for(room, subject, channel, permission) {
            return Decision::deny(Denial::Denied, Step::Private, None, reason);
        }
        if let Some(denied) = veto(room, subject, channel) {
            return denied;
        }
        let mut decision = match permission {
            Permission::Subscribe => subscribe(room, subject, channel),
            Permission::History => history(room, subject, channel),
            Permission::Publish => by_rule(room.publish.as_ref(), subject, channel),
            Permission::Presence => by_rule(room.presence.as_ref(), subject, channel),
        };
        decision.reads_now |= room.deny.as_ref().is_some_and(Rule::reads_now);
        decision
    }

    /// What the channel has; `None` for an unknown namespace.
    pub fn features(&self, channel: &ChannelName) -> Option<Features> {
        self.room(channel).map(|room| Features {
            history: room.history,
            presence: room.presence.is_some(),
            join_leave: room.join_leave,
        })
    }

    /// The claims of the config, which the door applies to each token.
    pub fn declared_claims(&self) -> &DeclaredClaims {
        &self.claims
    }

    /// One thing has one name: `personal:x` and `default:x` stand under no rules.
    fn room(&self, channel: &ChannelName) -> Option<&Room> {
        match channel.namespace() {
            Namespace::Personal => Some(&self.personal),
            Namespace::Default => self.rooms.get(DEFAULT),
            Namespace::Named(DEFAULT) => None,
            Namespace::Named(namespace) => self.rooms.get(namespace),
        }
    }

    fn name(&self, channel: &ChannelName, permission: Permission) -> Result<&Room, Decision> {
        let deny = |denial, reason| Decision::deny(denial, Step::Name, None, reason);
        let Some(room) = self.room(channel) else {
            return Err(deny(Denial::UnknownChannel, Reason::UnknownNamespace));
        };
        match permission {
            Permission::History if room.history.is_none() => {
                Err(deny(Denial::NotAvailable, Reason::HistoryOff))
            }
            Permission::Presence if room.presence.is_none() => {
                Err(deny(Denial::NotAvailable, Reason::PresenceOff))
            }
            _ => Ok(room),
        }
    }
}

/// The namespace of names that have none.
pub(super) const DEFAULT: &str = "default";
/// The namespace of personal channels in rules and messages; no room has it.
pub(super) const PERSONAL: &str = "personal";

/// Why the channel is closed to the user whatever else is granted, if it is (CHAN-2).
fn not_for(
    room: &Room,
    subject: &Subject<'_>,
    channel: &ChannelName,
    permission: Permission,
) -> Option<Reason> {
    if !channel.is_private() {
        return room.private.then_some(Reason::NamesNobody);
    }
    // A mailbox: who may put something in is what its rule says.
    let mailbox = channel.is_personal() && permission == Permission::Publish;
    (!mailbox && !channel.names(subject.user)).then_some(Reason::NotNamed)
}

/// Asks the namespace's `deny` rule; one that fails denies (CEL-1).
fn veto(room: &Room, subject: &Subject<'_>, channel: &ChannelName) -> Option<Decision> {
    let rule = room.deny.as_ref()?;
    let reason = match rule.evaluate(subject, channel) {
        Ok(false) => return None,
        Ok(true) => Reason::Vetoed,
        Err(error) => Reason::RuleFailed(error),
    };
    let name = Some(rule.name().clone());
    let mut denied = Decision::deny(Denial::Denied, Step::Deny, name, reason);
    denied.reads_now = rule.reads_now();
    Some(denied)
}

/// A private channel that names the user needs no rule; [`not_for`] has seen that it does.
fn subscribe(room: &Room, subject: &Subject<'_>, channel: &ChannelName) -> Decision {
    match &room.subscribe {
        None if channel.is_private() => Decision::allow(Step::Implied, None, Reason::Named),
        rule => by_rule(rule.as_ref(), subject, channel),
    }
}

/// Those who may subscribe may read, unless a rule says who may.
fn history(room: &Room, subject: &Subject<'_>, channel: &ChannelName) -> Decision {
    match &room.history_read {
        Some(rule) => by_rule(Some(rule), subject, channel),
        None => {
            let mut decision = subscribe(room, subject, channel);
            if decision.is_allowed() {
                decision.step = Step::Implied;
            }
            decision
        }
    }
}

fn by_rule(rule: Option<&Rule>, subject: &Subject<'_>, channel: &ChannelName) -> Decision {
    let Some(rule) = rule else {
        return Decision::deny(Denial::Denied, Step::Rule, None, Reason::NoRule);
    };
    let name: Option<Arc<str>> = Some(rule.name().clone());
    let mut decision = match rule.evaluate(subject, channel) {
        Ok(true) => Decision::allow(Step::Rule, name, Reason::RuleHolds),
        Ok(false) => Decision::deny(Denial::Denied, Step::Rule, name, Reason::RuleDoesNotHold),
        Err(error) => Decision::deny(Denial::Denied, Step::Rule, name, Reason::RuleFailed(error)),
    };
    decision.reads_now = rule.reads_now();
    decision
}

#[cfg(test)]
mod tests;
