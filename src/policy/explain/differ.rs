//! What would have to differ for the other answer.

use std::sync::Arc;

use super::{Asked, Recorder, Taken, excerpt};
use crate::policy::decision::{Decision, Reason, Step};
use crate::policy::observer::Question;
use crate::policy::{Policy, decide};

/// More than the steps that a rule decides: the loop below ends by itself, this makes it certain.
const MAX_STEPS: usize = 4;

/// Each a sentence: all of them would have to hold for an allow, any of them for a deny.
pub(super) fn otherwise(
    policy: &Policy,
    question: Question<'_>,
    decision: &Decision,
    taken: &[Taken],
) -> Vec<String> {
    match decision.is_allowed() {
        true => to_deny(question, taken),
        false => to_allow(policy, question, decision, taken),
    }
}

/// What it would take in the deciding step, and in those that would decide after it.
fn to_allow(
    policy: &Policy,
    question: Question<'_>,
    decision: &Decision,
    taken: &[Taken],
) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut supposed: Vec<(Arc<str>, bool)> = Vec::new();
    let (mut decision, mut taken) = (decision.clone(), taken.to_vec());
    for _ in 0..MAX_STEPS {
        let asked = taken.last().and_then(|last| last.asked.as_ref());
        sentences.push(sentence(question, decision.reason(), asked));
        let Some(asked) = asked else { break };
        let answer = decision.step() != Step::Deny;
        supposed.push((asked.name.clone(), answer));
        let mut recorder = Recorder::supposing(supposed.clone());
        decision = policy.walk(question, &mut recorder);
        if decision.is_allowed() {
            break;
        }
        taken = recorder.finish(&decision);
    }
    sentences
}

fn sentence(question: Question<'_>, reason: &Reason, asked: Option<&Asked>) -> String {
    let namespace = question.channel.namespace().as_str();
    let room = match namespace {
        decide::PERSONAL => "[personal]".to_owned(),
        name => format!("[room.{name}]"),
    };
    match (reason, asked) {
        (Reason::Vetoed, Some(asked)) => ways(asked, false),
        (_, Some(asked)) => ways(asked, true),
        (Reason::UnknownNamespace, None) => format!("there would have to be a {room}"),
        (Reason::HistoryOff, None) => format!("{room} would have to keep a history"),
        (Reason::PresenceOff, None) => format!("{room} would have to have a rule for presence"),
        (Reason::NamesNobody, None) => {
            let user = question.subject.user;
            format!("the channel would have to name its users, as in {namespace}:#{user}")
        }
        (Reason::NotNamed, None) => {
            format!("the channel would have to name {}", question.subject.user)
        }
        _ => {
            let permission = match question.permission {
                crate::policy::Permission::History => "subscribe",
                other => other.as_str(),
            };
            format!("{room} would have to have a rule for {permission}")
        }
    }
}

/// Any of the rules that were asked could have denied.
fn to_deny(question: Question<'_>, taken: &[Taken]) -> Vec<String> {
    let mut sentences: Vec<String> = taken
        .iter()
        .filter_map(|taken| {
            let asked = taken.asked.as_ref()?;
            Some(ways(asked, taken.step == Step::Deny))
        })
        .collect();
    let mailbox = taken.iter().any(|taken| taken.reason == Reason::Mailbox);
    if question.channel.is_private() && !mailbox {
        sentences.push(format!(
            "the channel would have to name others than {}",
            question.subject.user
        ));
    }
    sentences
}

/// The ways in which the rule could give `wanted`.
fn ways(asked: &Asked, wanted: bool) -> String {
    let name = &asked.name;
    let ways: Vec<String> = asked
        .trace
        .ways_to(wanted)
        .iter()
        .map(|way| {
            let changes: Vec<String> = way
                .iter()
                .map(|(number, value)| {
                    let part = &asked.trace.parts[*number];
                    let failed = match &part.value {
                        Ok(_) => String::new(),
                        Err(error) => format!(" (it has no value: {error})"),
                    };
                    let text = excerpt(&asked.text, part.at.clone());
                    format!("`{text}` {value}{failed}")
                })
                .collect();
            changes.join(" and ")
        })
        .collect();
    if ways.is_empty() {
        return format!("{name} would have to be another rule, since this one is never {wanted}");
    }
    format!(
        "{name} would have to be {wanted}, with {}",
        ways.join("; or with ")
    )
}
