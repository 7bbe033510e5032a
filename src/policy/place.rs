//! Where rules are written: a file, and line and column of each character of a rule.
//!
//! `config` knows that; here it is kept beside the rules, so that whoever explains a decision can
//! point at what made it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where one rule is written.
#[derive(Clone, Debug)]
pub struct RulePlace {
    file: Arc<PathBuf>,
    runs: Vec<Run>,
}

/// A stretch of a rule that stands in the file as it is: one character a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it begins in the rule, in bytes.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
}

impl RulePlace {
    /// The rule stands in `file`, in these stretches, in their order.
    pub fn new(file: Arc<PathBuf>, runs: Vec<Run>) -> RulePlace {
        RulePlace { file, runs }
    }

    /// The config file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Line and column of the byte `offset` of the rule, whose text is `text`.
    pub fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let behind = self.runs.partition_point(|run| run.offset <= offset);
        let Some(run) = behind.checked_sub(1).and_then(|last| self.runs.get(last)) else {
            return (1, 1);
        };
        let between = text.get(run.offset..offset).unwrap_or("");
        (run.line, run.column + between.chars().count())
    }
}

/// The places of a config's rules, by their names.
pub type RulePlaces = BTreeMap<String, RulePlace>;
