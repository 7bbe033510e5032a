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
mod operators;
mod scan;
mod spans;
mod tree;
mod types;

use std::ops::Range;
use std::sync::Arc;

use cel::IdedExpr;

use language::Pattern;

use super::claims::ReadClaims;

/// A rule that was found good.
#[derive(Debug)]
pub(super) struct Rule {
    name: Arc<str>,
    body: Body,
    reads_now: bool,
    reads_claims: ReadClaims,
}

#[derive(Debug)]
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

    /// Which claims it reads.
    pub(super) fn reads_claims(&self) -> &ReadClaims {
        &self.reads_claims
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
