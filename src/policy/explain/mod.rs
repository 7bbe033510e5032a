//! Why a decision is as it is: the steps, what became of each part of a rule, and what would have
//! to differ for the other answer.
//!
//! It is the same walk that the server takes, with notes. What it tells holds values of claims, so
//! it is for those who run the gateway, never for the client.

mod differ;
mod json;
mod print;
mod recorder;

use std::sync::Arc;

use super::decision::{Decision, Reason, Step};
use super::observer::Question;
use super::place::RulePlace;
use super::rule::{Kind, Trace};
use super::{ChannelName, Permission, Policy, Subject};

pub(super) use recorder::{Asked, Recorder, Taken};

/// A decision with all that led to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    decision: Decision,
    user: String,
    channel: ChannelName,
    permission: Permission,
    steps: Vec<ExplainedStep>,
    otherwise: Vec<String>,
}

#[derive(Clone, Debug)]
struct ExplainedStep {
    step: Step,
    result: &'static str,
    reason: Reason,
    rule: Option<ExplainedRule>,
}

#[derive(Clone, Debug)]
struct ExplainedRule {
    name: Arc<str>,
    text: Arc<str>,
    place: Option<RulePlace>,
    trace: Trace,
}

/// What became of a part of a rule, as it is shown.
struct ShownPart<'e> {
    text: String,
    position: Option<(usize, usize)>,
    value: &'e Result<serde_json::Value, String>,
    asked: bool,
}

impl Policy {
    /// Decides as [`Policy::decide`] does, and tells why. Costs many times as much.
    pub fn explain(
        &self,
        subject: &Subject<'_>,
        channel: &ChannelName,
        permission: Permission,
    ) -> Explanation {
        let question = Question {
            subject,
            channel,
            permission,
        };
        let mut recorder = Recorder::default();
        let decision = self.walk(question, &mut recorder);
        let taken = recorder.finish(&decision);
        let otherwise = differ::otherwise(self, question, &decision, &taken);
        let last = taken.len() - 1;
        let steps = taken.into_iter().enumerate().map(|(number, taken)| {
            let result = match (number == last, decision.is_allowed()) {
                (false, _) => "pass",
                (true, true) => "allow",
                (true, false) => "deny",
            };
            ExplainedStep {
                step: taken.step,
                result,
                reason: taken.reason,
                rule: taken.asked.map(|asked| self.explained(asked)),
            }
        });
        Explanation {
            steps: steps.collect(),
            decision,
            user: subject.user.to_string(),
            channel: channel.clone(),
            permission,
            otherwise,
        }
    }

    fn explained(&self, asked: Asked) -> ExplainedRule {
        ExplainedRule {
            place: self.places.get(&*asked.name).cloned(),
            name: asked.name,
            text: asked.text,
            trace: asked.trace,
        }
    }
}

impl Explanation {
    /// The decision.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let verdict = match self.decision.is_allowed() {
            true => "allowed",
            false => "denied",
        };
        format!(
            "{verdict}: {} on {} for {}, by {}: {}",
            self.permission,
            self.channel,
            self.user,
            self.decision.decided_by(),
            self.decision.reason()
        )
    }
}

impl ExplainedRule {
    fn position(&self, offset: usize) -> Option<(usize, usize)> {
        let place = self.place.as_ref()?;
        Some(place.position(&self.text, offset))
    }

    /// The parts that have something to tell: literals have not.
    fn parts(&self) -> impl Iterator<Item = ShownPart<'_>> {
        let parts = self.trace.parts.iter().enumerate();
        parts
            .filter(|(number, part)| *number == 0 || part.kind != Kind::Literal)
            .map(|(_, part)| ShownPart {
                text: excerpt(&self.text, part.at.clone()),
                position: self.position(part.at.start),
                value: &part.value,
                asked: part.asked,
            })
    }
}

/// A part of a rule on one line, and not too long.
pub(super) fn excerpt(text: &str, at: std::ops::Range<usize>) -> String {
    const MAX: usize = 100;
    let words: Vec<&str> = text.get(at).unwrap_or("").split_whitespace().collect();
    cut(&words.join(" "), MAX)
}

fn cut(text: &str, most: usize) -> String {
    let short = &text[..text.floor_char_boundary(most)];
    match short.len() < text.len() {
        true => format!("{short}…"),
        false => short.to_owned(),
    }
}

#[cfg(test)]
mod tests;
