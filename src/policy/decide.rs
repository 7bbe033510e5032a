//! The one function that decides.
//!
//! Subscribe, publish, history, presence and what implies them come through [`Policy::decide`],
//! and so do the config's expectations. `explain` takes the same walk over the same steps, with
//! somebody who takes notes. Denied unless something allows (CHAN-4).

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::channel::{ChannelName, Namespace};
use super::claims::DeclaredClaims;
use super::decision::{Decision, Denial, Reason, Step};
use super::observer::{Observer, Question, Silent};
use super::place::RulePlaces;
use super::rule::Rule;
use super::source::HistoryLimits;
use super::{Permission, Subject};

/// All rules of a config, checked and compiled.
#[derive(Debug)]
pub struct Policy {
    pub(super) claims: DeclaredClaims,
    pub(super) personal: Room,
    pub(super) rooms: ahash::HashMap<String, Room>,
    /// Whether any room has candidate rules beside its own.
    pub(super) has_shadows: bool,
    /// Where the rules are written.
    pub(super) places: RulePlaces,
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
    /// The room as it would be with its candidate rules.
    pub(super) shadow: Option<Box<Room>>,
}

impl Room {
    /// Its rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        let rules = [
            &self.deny,
            &self.subscribe,
            &self.publish,
            &self.presence,
            &self.history_read,
        ];
        rules.into_iter().flatten()
    }
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
        let question = Question {
            subject,
            channel,
            permission,
        };
        self.walk(question, &mut Silent)
    }

    /// Decides under the eyes of `observer`.
    pub(super) fn walk<O: Observer>(&self, question: Question<'_>, observer: &mut O) -> Decision {
        walk(self.room(question.channel), question, observer)
    }

    /// What the candidate rules of the channel's room would decide, if it has any. Never acted on.
    pub fn shadow(
        &self,
        subject: &Subject<'_>,
        channel: &ChannelName,
        permission: Permission,
    ) -> Option<Decision> {
        if !self.has_shadows {
            return None;
        }
        let room = self.room(channel)?.shadow.as_deref()?;
        let question = Question {
            subject,
            channel,
            permission,
        };
        Some(walk(Some(room), question, &mut Silent))
    }

    /// Whether any room has candidate rules.
    pub fn has_shadows(&self) -> bool {
        self.has_shadows
    }

    /// The same policy, which knows where its rules are written.
    #[must_use]
    pub fn written_at(self, places: RulePlaces) -> Policy {
        Policy { places, ..self }
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

    /// Each room by its name in the config, the personal channels' among them.
    pub(super) fn all_rooms(&self) -> impl Iterator<Item = (&str, &Room)> {
        let personal = std::iter::once((PERSONAL, &self.personal));
        personal.chain(self.rooms.iter().map(|(name, room)| (name.as_str(), room)))
    }

    /// Every rule.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.all_rooms().flat_map(|(_, room)| room.rules())
    }

    /// One thing has one name: `personal:x` and `default:x` stand under no rules.
    pub(super) fn room(&self, channel: &ChannelName) -> Option<&Room> {
        match channel.namespace() {
            Namespace::Personal => Some(&self.personal),
            Namespace::Default => self.rooms.get(DEFAULT),
            Namespace::Named(DEFAULT) => None,
            Namespace::Named(namespace) => self.rooms.get(namespace),
        }
    }
}

/// The namespace of names that have none.
pub(super) const DEFAULT: &str = "default";
/// The namespace of personal channels in rules and messages; no room has it.
pub(super) const PERSONAL: &str = "personal";

/// One decision on its way.
struct Walk<'a, O> {
    question: Question<'a>,
    observer: &'a mut O,
    /// Whether a rule that was asked reads the time.
    reads_now: bool,
}

/// What needs no rule of its own: a permission that follows from another one.
struct Implied {
    rule: Option<Arc<str>>,
    reason: Reason,
}

/// Takes the steps in their order, in the channel's room, until one of them decides.
fn walk<O: Observer>(room: Option<&Room>, question: Question<'_>, observer: &mut O) -> Decision {
    let mut walk = Walk {
        question,
        observer,
        reads_now: false,
    };
    let mut decision = match walk.steps(room) {
        Break(decision) => decision,
        Continue(implied) => Decision::allow(Step::Implied, implied.rule, implied.reason),
    };
    decision.reads_now = walk.reads_now;
    decision
}

/// What a step comes to: it decides, or the next one is asked.
type Outcome<T = ()> = ControlFlow<Decision, T>;

impl<O: Observer> Walk<'_, O> {
    fn steps(&mut self, room: Option<&Room>) -> Outcome<Implied> {
        let room = self.name(room)?;
        self.private(room)?;
        self.veto(room)?;
        match self.grants(room)? {
            Some(implied) => Continue(implied),
            None => self.rule(room),
        }
    }

    /// The namespace is configured, and has the feature.
    fn name<'p>(&mut self, room: Option<&'p Room>) -> Outcome<&'p Room> {
        let deny = |denial, reason| Break(Decision::deny(denial, Step::Name, None, reason));
        let Some(room) = room else {
            return deny(Denial::UnknownChannel, Reason::UnknownNamespace);
        };
        match self.question.permission {
            Permission::History if room.history.is_none() => {
                deny(Denial::NotAvailable, Reason::HistoryOff)
            }
            Permission::Presence if room.presence.is_none() => {
                deny(Denial::NotAvailable, Reason::PresenceOff)
            }
            _ => {
                self.observer.passed(Step::Name, Reason::Configured);
                Continue(room)
            }
        }
    }

    /// A private channel is closed to those whom it does not name, whatever else is granted
    /// (CHAN-2).
    fn private(&mut self, room: &Room) -> Outcome {
        let Question {
            subject,
            channel,
            permission,
        } = self.question;
        let deny = |reason| Break(Decision::deny(Denial::Denied, Step::Private, None, reason));
        let passed = if !channel.is_private() {
            if room.private {
                return deny(Reason::NamesNobody);
            }
            Reason::NotPrivate
        } else if channel.is_personal() && permission == Permission::Publish {
            // A mailbox: who may put something in is what its rule says.
            Reason::Mailbox
        } else if channel.names(subject.user) {
            Reason::Named
        } else {
            return deny(Reason::NotNamed);
        };
        self.observer.passed(Step::Private, passed);
        Continue(())
    }

    /// The namespace's `deny` rule; one that fails denies (CEL-1).
    fn veto(&mut self, room: &Room) -> Outcome {
        let Some(rule) = &room.deny else {
            self.observer.passed(Step::Deny, Reason::NoVeto);
            return Continue(());
        };
        let reason = match self.ask(Step::Deny, rule) {
            Ok(false) => {
                self.observer.passed(Step::Deny, Reason::NotVetoed);
                return Continue(());
            }
            Ok(true) => Reason::Vetoed,
            Err(error) => Reason::RuleFailed(error),
        };
        let name = Some(rule.name().clone());
        Break(Decision::deny(Denial::Denied, Step::Deny, name, reason))
    }

    /// What the token itself gives. Grants only add: what they do not give is left to the rule.
    fn grants(&mut self, room: &Room) -> Outcome<Option<Implied>> {
        let Question {
            subject,
            channel,
            permission,
        } = self.question;
        let giving = |wanted| {
            let of_subscription = subject
                .subscription
                .and_then(|grant| grant.giving(subject.user, channel, wanted));
            of_subscription.or_else(|| subject.grants?.giving(channel, wanted))
        };
        let reason = if subject.grants.is_none() && subject.subscription.is_none() {
            Reason::NoGrants
        } else if channel.is_personal() && permission == Permission::Publish {
            // Who may put something into a mailbox is what its rule says, and nothing else.
            Reason::MailboxNotGranted
        } else if let Some(name) = giving(permission) {
            let name = Some(name.clone());
            return Break(Decision::allow(Step::Grants, name, Reason::Granted));
        } else if permission == Permission::History
            && room.history_read.is_none()
            && let Some(name) = giving(Permission::Subscribe)
        {
            self.observer.passed(Step::Grants, Reason::Granted);
            return Continue(Some(Implied {
                rule: Some(name.clone()),
                reason: Reason::Granted,
            }));
        } else {
            Reason::NotGranted
        };
        self.observer.passed(Step::Grants, reason);
        Continue(None)
    }

    /// The permission's rule. Without one it is denied, but for what another one implies.
    fn rule(&mut self, room: &Room) -> Outcome<Implied> {
        let (rule, implies_history) = match self.question.permission {
            Permission::Subscribe => (&room.subscribe, false),
            Permission::Publish => (&room.publish, false),
            Permission::Presence => (&room.presence, false),
            // Those who may subscribe may read, unless a rule says who may.
            Permission::History if room.history_read.is_none() => (&room.subscribe, true),
            Permission::History => (&room.history_read, false),
        };
        let deny = |rule, reason| Break(Decision::deny(Denial::Denied, Step::Rule, rule, reason));
        let Some(rule) = rule else {
            return self.without_rule();
        };
        let name = Some(rule.name().clone());
        match self.ask(Step::Rule, rule) {
            Ok(true) if implies_history => {
                self.observer.passed(Step::Rule, Reason::RuleHolds);
                Continue(Implied {
                    rule: name,
                    reason: Reason::RuleHolds,
                })
            }
            Ok(true) => Break(Decision::allow(Step::Rule, name, Reason::RuleHolds)),
            Ok(false) => deny(name, Reason::RuleDoesNotHold),
            Err(error) => deny(name, Reason::RuleFailed(error)),
        }
    }

    /// Those whom a private channel names need no rule to hear it, nor to read what was said.
    fn without_rule(&mut self) -> Outcome<Implied> {
        let hears = matches!(
            self.question.permission,
            Permission::Subscribe | Permission::History
        );
        let named = self.question.channel.names(self.question.subject.user);
        if hears && named {
            self.observer.passed(Step::Rule, Reason::NoRule);
            return Continue(Implied {
                rule: None,
                reason: Reason::Named,
            });
        }
        let reason = Reason::NoRule;
        Break(Decision::deny(Denial::Denied, Step::Rule, None, reason))
    }

    /// What the rule says, or why it says nothing.
    fn ask(&mut self, step: Step, rule: &Rule) -> Result<bool, String> {
        self.reads_now |= rule.reads_now();
        self.observer.evaluate(step, rule, self.question)
    }
}

#[cfg(test)]
mod tests;
