//! One rule: a CEL expression, checked when the config is read and run for each decision.
//!
//! The way of a rule's text: [`scan`] refuses what the parser could not bear, [`compile`] parses it
//! on a thread with a large stack, [`check`] finds out whether it can mean anything, and what is
//! left is an expression that [`evaluate`] runs with a bounded cost. The `cel` crate is known here
//! and in `claims` only. Nothing in here decides anything: that is `decide`'s.

mod check;
mod compile;
mod evaluate;
mod language;
mod logic;
mod operators;
mod scan;
mod show;
mod spans;
mod trace;
mod tree;
mod types;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use cel::IdedExpr;

use language::Pattern;

use super::claims::ReadClaims;
pub(super) use trace::{Kind, Trace};
pub(super) use tree::LiteralOf;

/// A rule that was found good.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each part stands in the text, by the number that the parser gave it.
    places: BTreeMap<u64, Range<usize>>,
    body: Body,
    reads_now: bool,
    reads_claims: ReadClaims,
}

#[derive(Clone, Debug)]
enum Body {
    /// `true` or `false`, which need no evaluation.
    Constant(bool),
    Expression {
        expression: IdedExpr,
        patterns: Vec<Pattern>,
    },
}

impl Rule {
    /// What it is called: `room.team.subscribe`.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// As it is written.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The answer that it always gives, if it is `true` or `false`.
    pub(super) fn constant(&self) -> Option<bool> {
        match self.body {
            Body::Constant(value) => Some(value),
            Body::Expression { .. } => None,
        }
    }

    /// The literals in it, which tell where it may change its mind.
    pub(super) fn literals(&self) -> Vec<LiteralOf> {
        let mut found = Vec::new();
        if let Body::Expression { expression, .. } = &self.body {
            tree::literals(expression, &mut found);
        }
        found
    }

    /// Where the part of that number stands in the text; the whole if it is not known.
    fn place(&self, id: u64) -> Range<usize> {
        self.places.get(&id).cloned().unwrap_or(0..self.text.len())
    }

    /// Which claims it reads.
    pub(super) fn reads_claims(&self) -> &ReadClaims {
        &self.reads_claims
    }

    /// Whether it speaks of the user.
    pub(super) fn reads_user(&self) -> bool {
        match &self.body {
            Body::Constant(_) => false,
            Body::Expression { expression, .. } => tree::reads_user(expression),
        }
    }

    /// Whether its result may change with the time alone.
    pub(super) fn reads_now(&self) -> bool {
        self.reads_now
    }
}

/// A place in a rule's text, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

#[cfg(test)]
mod tests;
