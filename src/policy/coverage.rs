//! What a config's expectations prove: which rules, permissions and branches of rules they decide
//! both ways.
//!
//! A rule, or an operand of `&&`, `||` or `?:`, counts as decided when it made the difference: with
//! its other answer, all else being the same, the decision would be another one. So a policy of
//! which all is covered cannot lose an operand, or get another operator, without an expectation
//! that fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::{PERSONAL, Room};
use super::explain::{Recorder, Taken};
use super::observer::Question;
use super::place::RulePlace;
use super::rule::{Kind, Rule, Trace};
use super::{ChannelName, Permission, Policy, Subject};

/// What is decided by expectations, and what is not.
#[derive(Clone, Debug)]
pub struct Coverage {
    points: BTreeMap<Key, Point>,
}

/// What can be decided, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Permission(Arc<str>, Permission),
    /// A rule is part 0 of itself.
    Part(Arc<str>, usize),
}

/// One thing that should be decided both ways, or one way if there is no other.
#[derive(Clone, Debug)]
struct Point {
    what: String,
    /// File, line and column.
    place: Option<(String, usize, usize)>,
    allow: Way,
    deny: Way,
}

/// Whether it can be, and was, decided this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Impossible,
    Missing,
    Covered,
}

/// Something that no expectation decides.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The permission, rule or branch.
    pub what: String,
    /// The file, the line and the column where it is written.
    pub place: Option<(String, usize, usize)>,
    /// The answers that no expectation gets from it.
    pub missing: Vec<&'static str>,
}

impl Policy {
    /// Everything that expectations could decide, none of it decided yet.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage {
            points: BTreeMap::new(),
        };
        for (name, room) in self.all_rooms() {
            // Without rules of their own, personal channels are as everywhere.
            if name == PERSONAL && room.rules().next().is_none() && room.history.is_none() {
                continue;
            }
            for permission in Permission::ALL {
                coverage.add_permission(self, name, room, permission);
            }
            for rule in room.rules() {
                coverage.add_rule(self, rule);
            }
        }
        coverage
    }

    fn place_of(&self, rule: &str, text: &str, offset: usize) -> Option<(String, usize, usize)> {
        let place: &RulePlace = self.places.get(rule)?;
        let (line, column) = place.position(text, offset);
        Some((place.file().display().to_string(), line, column))
    }
}

impl Coverage {
    fn add_permission(&mut self, policy: &Policy, name: &str, room: &Room, asked: Permission) {
        let Some(ways) = ways_of(name, room, asked) else {
            return;
        };
        let table = match name {
            PERSONAL => PERSONAL.to_owned(),
            name => format!("room.{name}"),
        };
        let point = Point {
            what: format!("{asked} in [{table}]"),
            place: policy.place_of(&table, "", 0),
            allow: ways.0,
            deny: ways.1,
        };
        let key = Key::Permission(Arc::from(name), asked);
        self.points.insert(key, point);
    }

    fn add_rule(&mut self, policy: &Policy, rule: &Rule) {
        let text = rule.text();
        let wanted = |value| match rule.constant() {
            Some(constant) if constant != value => Way::Impossible,
            _ => Way::Missing,
        };
        let point = Point {
            what: rule.name().to_string(),
            place: policy.place_of(rule.name(), text, 0),
            allow: wanted(true),
            deny: wanted(false),
        };
        self.points.insert(Key::Part(rule.name().clone(), 0), point);
        let outline = rule.outline();
        for number in branches(&outline) {
            let at = outline.parts[number].at.clone();
            let branch = Point {
                what: format!(
                    "`{}` in {}",
                    super::explain::excerpt(text, at.clone()),
                    rule.name()
                ),
                place: policy.place_of(rule.name(), text, at.start),
                allow: Way::Missing,
                deny: Way::Missing,
            };
            let key = Key::Part(rule.name().clone(), number);
            self.points.insert(key, branch);
        }
    }

    /// Takes in what one expectation decides.
    pub fn add(
        &mut self,
        policy: &Policy,
        subject: &Subject<'_>,
        channel: &ChannelName,
        permission: Permission,
    ) {
        let question = Question {
            subject,
            channel,
            permission,
        };
        let mut recorder = Recorder::default();
        let decision = policy.walk(question, &mut recorder);
        let namespace = Arc::from(channel.namespace().as_str());
        self.cover(
            Key::Permission(namespace, permission),
            decision.is_allowed(),
        );
        for Taken { asked, .. } in recorder.finish(&decision) {
            let Some(asked) = asked else { continue };
            let Some(answer) = asked.trace.truth(0) else {
                // One that failed decided nothing that somebody meant.
                continue;
            };
            let mut otherwise = Recorder::supposing(vec![(asked.name.clone(), !answer)]);
            if policy.walk(question, &mut otherwise).is_allowed() == decision.is_allowed() {
                continue;
            }
            self.cover(Key::Part(asked.name.clone(), 0), answer);
            for number in branches(&asked.trace) {
                if let Some(value) = asked.trace.truth(number)
                    && asked.trace.decided_by(number)
                {
                    self.cover(Key::Part(asked.name.clone(), number), value);
                }
            }
        }
    }

    fn cover(&mut self, key: Key, allowed: bool) {
        if let Some(point) = self.points.get_mut(&key) {
            let way = match allowed {
                true => &mut point.allow,
                false => &mut point.deny,
            };
            if *way == Way::Missing {
                *way = Way::Covered;
            }
        }
    }

    /// How many answers there are to be seen, and how many were.
    pub fn counts(&self) -> (usize, usize) {
        let ways = || self.points.values().flat_map(|p| [p.allow, p.deny]);
        let all = ways().filter(|way| *way != Way::Impossible).count();
        let covered = ways().filter(|way| *way == Way::Covered).count();
        (all, covered)
    }

    /// The covered part in percent, rounded down to tenths: 100 is all.
    pub fn percent(&self) -> f64 {
        let (all, covered) = self.counts();
        match all {
            0 => 100.0,
            all => (covered * 1000 / all) as f64 / 10.0,
        }
    }

    /// What no expectation decides.
    pub fn gaps(&self) -> Vec<Gap> {
        let gaps = self.points.iter().filter_map(|(key, point)| {
            let words = match key {
                Key::Permission(..) => ["allow", "deny"],
                Key::Part(..) => ["true", "false"],
            };
            let ways = [point.allow, point.deny].into_iter().zip(words);
            let missing: Vec<_> = ways
                .filter_map(|(way, word)| (way == Way::Missing).then_some(word))
                .collect();
            (!missing.is_empty()).then(|| Gap {
                what: point.what.clone(),
                place: point.place.clone(),
                missing,
            })
        });
        let mut gaps: Vec<Gap> = gaps.collect();
        gaps.sort_by(|a, b| a.place.cmp(&b.place));
        gaps
    }
}

/// The parts of a rule that should be decided both ways: the operands of `&&`, `||` and `?:`.
fn branches(trace: &Trace) -> Vec<usize> {
    let parts = trace.parts.iter().enumerate();
    let operands = parts.flat_map(|(number, part)| match part.kind {
        Kind::And | Kind::Or => part.below.as_slice(),
        // What a choice between other values gives is no answer.
        Kind::Choice if !trace.is_logic(number) => &part.below[..1],
        Kind::Choice => part.below.as_slice(),
        Kind::Not | Kind::Literal | Kind::Other => &[],
    });
    operands
        .copied()
        .filter(|operand| trace.parts[*operand].kind != Kind::Literal)
        .collect()
}

/// Whether the permission can be allowed and denied in the room; `None` when it is not there.
fn ways_of(name: &str, room: &Room, permission: Permission) -> Option<(Way, Way)> {
    let follows = permission == Permission::History && room.history_read.is_none();
    let rule = match permission {
        Permission::Subscribe => &room.subscribe,
        Permission::Publish => &room.publish,
        Permission::Presence if room.presence.is_none() => return None,
        Permission::Presence => &room.presence,
        Permission::History if room.history.is_none() => return None,
        Permission::History if follows => &room.subscribe,
        Permission::History => &room.history_read,
    };
    let hears = permission == Permission::Subscribe || follows;
    let is_private = room.private || name == PERSONAL;
    let is_mailbox = name == PERSONAL && permission == Permission::Publish;
    let constant = rule.as_ref().map(Rule::constant);
    let can_allow = match constant {
        // Those whom a private channel names need no rule.
        None => is_private && hears,
        Some(constant) => constant != Some(false),
    };
    let can_deny =
        constant != Some(Some(true)) || (is_private && !is_mailbox) || room.deny.is_some();
    let way = |possible| {
        if possible {
            Way::Missing
        } else {
            Way::Impossible
        }
    };
    Some((way(can_allow), way(can_deny)))
}

#[cfg(test)]
mod tests;
