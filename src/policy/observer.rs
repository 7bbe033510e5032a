//! Who watches a decision being made.
//!
//! The walk over the steps is the same for everybody; what differs is who looks on. Nobody does
//! when the server decides, and that costs nothing. An observer must never change the answer that
//! the server gives: the server's is [`Silent`].

use super::decision::{Reason, Step};
use super::rule::Rule;
use super::{ChannelName, Permission, Subject};

/// What is to be decided.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) channel: &'a ChannelName,
    pub(super) permission: Permission,
}

/// Watches a decision being made.
pub(super) trait Observer {
    /// Evaluates the rule for the step.
    fn evaluate(&mut self, step: Step, rule: &Rule, question: Question<'_>)
    -> Result<bool, String>;

    /// The step left the decision to the next one, for this reason.
    fn passed(&mut self, step: Step, reason: Reason);
}

/// Looks at nothing.
pub(super) struct Silent;

impl Observer for Silent {
    fn evaluate(
        &mut self,
        _step: Step,
        rule: &Rule,
        question: Question<'_>,
    ) -> Result<bool, String> {
        rule.evaluate(question.subject, question.channel)
    }

    fn passed(&mut self, _step: Step, _reason: Reason) {}
}
