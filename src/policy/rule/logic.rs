//! What the parts of a rule have to do with its result: which of them decided it, and which would
//! have to be different for another one.

use super::trace::{Kind, Trace};

/// The most ways to another result that are told.
const MAX_WAYS: usize = 4;

/// A part of a rule and the value that it would have to have.
pub(in crate::policy) type Change = (usize, bool);

impl Trace {
    /// Whether the part decided the rule's result: with the other value, all else being the same,
    /// the result would be another one.
    pub(in crate::policy) fn decided_by(&self, number: usize) -> bool {
        let (Some(value), true) = (self.truth(number), self.parts[number].asked) else {
            return false;
        };
        let mut below = (number, Some(!value));
        while let Some(above) = self.parts[below.0].above {
            if !is_logic(self.parts[above].kind) {
                // How the value goes on from here is not known: that it was asked for must do.
                return true;
            }
            below = (above, self.combine(above, below));
        }
        below.1 != self.truth(0)
    }

    /// Whether the value of the part goes on to the rule's result by logic alone.
    pub(in crate::policy) fn is_logic(&self, number: usize) -> bool {
        let mut above = self.parts[number].above;
        while let Some(part) = above.map(|above| &self.parts[above]) {
            if !is_logic(part.kind) {
                return false;
            }
            above = part.above;
        }
        true
    }

    /// The value that a part gets when one of those below it changes.
    fn combine(&self, number: usize, changed: (usize, Option<bool>)) -> Option<bool> {
        let part = &self.parts[number];
        let value = |child: usize| match changed {
            (number, value) if number == child => value,
            _ => self.truth(child),
        };
        let chain = |stops: bool| {
            let mut values = part.below.iter().map(|child| value(*child));
            if values.clone().any(|value| value == Some(stops)) {
                return Some(stops);
            }
            // One that failed makes all of it fail.
            values.all(|value| value.is_some()).then_some(!stops)
        };
        match part.kind {
            Kind::And => chain(false),
            Kind::Or => chain(true),
            Kind::Not => value(part.below[0]).map(|value| !value),
            Kind::Choice => match value(part.below[0])? {
                true => value(part.below[1]),
                false => value(part.below[2]),
            },
            Kind::Literal | Kind::Other => self.truth(number),
        }
    }

    /// The ways in which the whole rule could give `wanted`, each a set of changes, the smallest
    /// first. Empty when nothing could.
    pub(in crate::policy) fn ways_to(&self, wanted: bool) -> Vec<Vec<Change>> {
        self.ways(0, wanted)
    }

    fn ways(&self, number: usize, wanted: bool) -> Vec<Vec<Change>> {
        if self.truth(number) == Some(wanted) {
            return vec![Vec::new()];
        }
        let part = &self.parts[number];
        let any = |value: bool| {
            let children = part.below.iter();
            bounded(
                children
                    .flat_map(|child| self.ways(*child, value))
                    .collect(),
            )
        };
        let all = |value: bool| {
            let mut ways = vec![Vec::new()];
            for child in &part.below {
                ways = both(&ways, &self.ways(*child, value));
            }
            ways
        };
        match part.kind {
            Kind::And if wanted => all(true),
            Kind::And => any(false),
            Kind::Or if wanted => any(true),
            Kind::Or => all(false),
            Kind::Not => self.ways(part.below[0], !wanted),
            Kind::Choice => {
                let [condition, yes, no] = part.below[..] else {
                    return Vec::new();
                };
                let through =
                    |value, branch| both(&self.ways(condition, value), &self.ways(branch, wanted));
                bounded([through(true, yes), through(false, no)].concat())
            }
            Kind::Literal => Vec::new(),
            Kind::Other => vec![vec![(number, wanted)]],
        }
    }
}

/// Whether the value of such a part follows from those below it by logic alone.
fn is_logic(kind: Kind) -> bool {
    matches!(kind, Kind::And | Kind::Or | Kind::Not | Kind::Choice)
}

/// One of these and one of those.
fn both(these: &[Vec<Change>], those: &[Vec<Change>]) -> Vec<Vec<Change>> {
    let pairs = these.iter().flat_map(|this| {
        those
            .iter()
            .map(move |that| [this.clone(), that.clone()].concat())
    });
    bounded(pairs.collect())
}

fn bounded(mut ways: Vec<Vec<Change>>) -> Vec<Vec<Change>> {
    ways.sort_by_key(Vec::len);
    ways.truncate(MAX_WAYS);
    ways
}
