//! Takes notes while a decision is made; and may suppose that a rule had answered otherwise.

use std::sync::Arc;

use crate::policy::decision::{Decision, Reason, Step};
use crate::policy::observer::{Observer, Question};
use crate::policy::rule::{Rule, Trace};

/// Takes notes.
#[derive(Default)]
pub(in crate::policy) struct Recorder {
    taken: Vec<Taken>,
    asked: Option<Asked>,
    supposed: Vec<(Arc<str>, bool)>,
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Taken {
    pub(in crate::policy) step: Step,
    /// Why it decided, or left the decision to the next step.
    pub(in crate::policy) reason: Reason,
    /// The rule that it asked.
    pub(in crate::policy) asked: Option<Asked>,
}

/// A rule that was asked.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Asked {
    pub(in crate::policy) name: Arc<str>,
    pub(in crate::policy) text: Arc<str>,
    pub(in crate::policy) trace: Trace,
}

impl Recorder {
    /// Takes notes of what would be decided if these rules gave these answers.
    pub(in crate::policy) fn supposing(supposed: Vec<(Arc<str>, bool)>) -> Recorder {
        Recorder {
            supposed,
            ..Recorder::default()
        }
    }

    /// The steps, the last of which decided.
    pub(in crate::policy) fn finish(mut self, decision: &Decision) -> Vec<Taken> {
        let (step, reason) = (decision.step(), decision.reason().clone());
        let asked = self.asked.take();
        self.taken.push(Taken {
            step,
            reason,
            asked,
        });
        self.taken
    }
}

impl Observer for Recorder {
    fn evaluate(
        &mut self,
        _step: Step,
        rule: &Rule,
        question: Question<'_>,
    ) -> Result<bool, String> {
        self.asked = Some(Asked {
            name: rule.name().clone(),
            text: rule.text().clone(),
            trace: rule.trace(question.subject, question.channel),
        });
        let supposed = self.supposed.iter().find(|(name, _)| name == rule.name());
        match supposed {
            Some((_, answer)) => Ok(*answer),
            None => rule.evaluate(question.subject, question.channel),
        }
    }

    fn passed(&mut self, step: Step, reason: Reason) {
        let asked = self.asked.take();
        self.taken.push(Taken {
            step,
            reason,
            asked,
        });
    }
}
