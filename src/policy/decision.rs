//! The outcome of a decision, always with what made it.

use std::fmt;
use std::sync::Arc;

/// Allow or deny, the step and the rule that decided, and why.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    pub(super) denial: Option<Denial>,
    pub(super) step: Step,
    pub(super) rule: Option<Arc<str>>,
    pub(super) reason: Reason,
    pub(super) reads_now: bool,
}

impl Decision {
    pub(super) fn allow(step: Step, rule: Option<Arc<str>>, reason: Reason) -> Decision {
        Decision {
            denial: None,
            step,
            rule,
            reason,
            reads_now: false,
        }
    }

    pub(super) fn deny(
        denial: Denial,
        step: Step,
        rule: Option<Arc<str>>,
        reason: Reason,
    ) -> Decision {
        Decision {
            denial: Some(denial),
            step,
            rule,
            reason,
            reads_now: false,
        }
    }

    /// Whether it allows.
    pub fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// What the client may know of a deny.
    pub fn denial(&self) -> Option<Denial> {
        self.denial
    }

    /// Which step decided.
    pub fn step(&self) -> Step {
        self.step
    }

    /// What decided: a rule, as the config names it (`room.team.subscribe`), or a grant
    /// (`token.caps[0]`, `token.subs`, `token.channels`, `subscription_token`).
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// What decided, in one word: the rule, or the step where no rule did.
    pub fn decided_by(&self) -> &str {
        self.rule().unwrap_or(self.step.as_str())
    }

    /// `allow` or `deny`, as expectations have it.
    pub fn word(&self) -> &'static str {
        verdict(self.is_allowed())
    }

    /// Why, for the log and `explain`; never for the client.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Whether the outcome may change with the time alone, since a rule that was asked reads `now`.
    pub fn reads_now(&self) -> bool {
        self.reads_now
    }
}

/// `allow` or `deny`.
pub(super) fn verdict(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_allowed() {
            "allowed"
        } else {
            "denied"
        };
        write!(f, "{verdict} by the step {}", self.step)?;
        if let Some(rule) = &self.rule {
            write!(f, " and the rule {rule}")?;
        }
        write!(f, ", since {}", self.reason)
    }
}

/// Why the client is denied, as far as it may know: its error code (CHAN-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No such namespace is configured: 102.
    UnknownChannel,
    /// The namespace has not the feature: 108.
    NotAvailable,
    /// Everything else: 103.
    Denied,
}

/// A step of a decision, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The namespace is configured, and has the feature.
    Name,
    /// A private channel is for those whom it names.
    Private,
    /// The namespace's `deny` rule.
    Deny,
    /// What the token itself gives.
    Grants,
    /// The permission's rule, or its absence.
    Rule,
    /// What needs no rule of its own.
    Implied,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Step; 6] = [
        Step::Name,
        Step::Private,
        Step::Deny,
        Step::Grants,
        Step::Rule,
        Step::Implied,
    ];

    /// Its word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Name => "name",
            Step::Private => "private",
            Step::Deny => "deny",
            Step::Grants => "grants",
            Step::Rule => "rule",
            Step::Implied => "implied",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a step decided as it did, or left it to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The namespace is configured, and has what is asked for.
    Configured,
    /// No room has the channel's namespace.
    UnknownNamespace,
    /// The namespace keeps no history.
    HistoryOff,
    /// The namespace has no presence.
    PresenceOff,
    /// The namespace is private, and the channel names nobody.
    NamesNobody,
    /// The channel is private, and does not name the user.
    NotNamed,
    /// The channel is private, and names the user.
    Named,
    /// The channel is not private.
    NotPrivate,
    /// The channel is somebody's mailbox, and something is to be put in.
    Mailbox,
    /// There is no `deny` rule.
    NoVeto,
    /// The `deny` rule is false.
    NotVetoed,
    /// The `deny` rule is true.
    Vetoed,
    /// The token grants nothing.
    NoGrants,
    /// What the token grants does not give it.
    NotGranted,
    /// No grant opens a mailbox.
    MailboxNotGranted,
    /// The token gives it.
    Granted,
    /// The rule is true.
    RuleHolds,
    /// The rule is false.
    RuleDoesNotHold,
    /// The rule could not be evaluated, or gave no bool.
    RuleFailed(String),
    /// There is no rule for the permission.
    NoRule,
}

impl Reason {
    /// Whether a rule could not be evaluated: a fault of the config, which is counted (CEL-1).
    pub fn is_failure(&self) -> bool {
        matches!(self, Reason::RuleFailed(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Configured => "the room is configured",
            Reason::UnknownNamespace => "no room has this namespace",
            Reason::HistoryOff => "no history is kept here",
            Reason::PresenceOff => "presence is off here",
            Reason::NamesNobody => "the room is private and the channel names no users",
            Reason::NotNamed => "the channel is private and does not name the user",
            Reason::Named => "the channel is private and names the user",
            Reason::NotPrivate => "the channel is not private",
            Reason::Mailbox => "whoever may publish may write to a personal channel",
            Reason::NoVeto => "there is no deny rule",
            Reason::NotVetoed => "the deny rule is false",
            Reason::Vetoed => "the deny rule is true",
            Reason::NoGrants => "the token grants nothing",
            Reason::NotGranted => "the token does not grant it",
            Reason::MailboxNotGranted => "no token grants to write to a personal channel",
            Reason::Granted => "the token grants it",
            Reason::RuleHolds => "the rule is true",
            Reason::RuleDoesNotHold => "the rule is false",
            Reason::RuleFailed(error) => return write!(f, "the rule failed: {error}"),
            Reason::NoRule => "there is no rule for this permission",
        })
    }
}
