//! `gatepost check`: everything that is wrong with a configuration, at once, whether its
//! expectations hold, how much of the rules they prove, and what changes from an older config.
//!
//! A fault, an expectation that fails, too little coverage, a decision that changes: the answer is
//! no, and the exit code 1. What is printed is for eyes, or with `--json` for machines; `--junit`
//! is for those who show test results.

mod against;
mod json;
mod junit;
mod print;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::NO;
use crate::config::{Config, Examined, Fault, Scope};
use crate::policy::{Comparison, Coverage};

/// Tell everything that is wrong with a configuration, and whether its expectations hold
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  gatepost check --config /etc/gatepost/gatepost.toml
  gatepost check --config config/gatepost.toml --rules --min-coverage 100 --junit report.xml
  gatepost check --config new.toml --rules --against old.toml

The answer is no, with exit code 1, when there is a fault, when an expectation fails, when less is
covered than --min-coverage asks for, and, as with diff, when a decision changes --against OLD.")]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Certificates, keys and secrets need not be there; all else is proven
    #[arg(long)]
    rules: bool,

    /// Take a warning for a fault
    #[arg(long)]
    strict: bool,

    /// Tell which rules, permissions and branches of rules no expectation decides both ways
    #[arg(long)]
    coverage: bool,

    /// How much of them must be decided, in percent; implies --coverage
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_coverage: Option<f64>,

    /// Tell which decisions change from this older configuration, of which the rules are read
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Write the expectations as test cases to this file, in the form of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// All that was found out.
struct Report<'a> {
    args: &'a CheckArgs,
    examined: Examined,
    /// With `--coverage`, when the rules are good.
    coverage: Option<Coverage>,
    /// With `--against`, when both configs' rules are good.
    comparison: Option<Comparison>,
    /// What is wrong with the older config.
    faults_of_old: Vec<Fault>,
}

impl Report<'_> {
    fn warnings(&self) -> usize {
        self.examined.found.len() - self.examined.faults()
    }

    /// Whether less is covered than should be.
    fn is_too_little(&self) -> bool {
        let wanted = self.args.min_coverage.unwrap_or(0.0);
        let coverage = self.coverage.as_ref();
        coverage.is_some_and(|coverage| coverage.percent() < wanted)
    }

    /// Whether the answer is yes.
    fn is_good(&self) -> bool {
        let changes = self.comparison.as_ref().map_or(0, |c| c.changes.len());
        self.examined.faults() == 0
            && !(self.args.strict && self.warnings() > 0)
            && !self.is_too_little()
            && self.faults_of_old.is_empty()
            && changes == 0
    }
}

/// Examines, prints, and gives 1 when the answer is no.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let report = examine(args);
    if let Some(file) = &args.junit {
        let text = junit::text(&report);
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = std::io::stdout().lock();
    match args.json {
        true => writeln!(out, "{:#}", json::value(&report))?,
        false => print::report(&report, &mut out)?,
    }
    Ok(match report.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    })
}

fn examine(args: &CheckArgs) -> Report<'_> {
    let scope = match args.rules {
        true => Scope::Rules,
        false => Scope::Whole,
    };
    let examined = Config::examine(&args.config, scope);
    let wants_coverage = args.coverage || args.min_coverage.is_some();
    let coverage = wants_coverage.then(|| coverage(&examined)).flatten();
    let (comparison, faults_of_old) = match &args.against {
        Some(old) => against::compare_with(old, &examined),
        None => (None, Vec::new()),
    };
    Report {
        args,
        examined,
        coverage,
        comparison,
        faults_of_old,
    }
}

/// What the expectations decide; `None` when the rules are not good.
fn coverage(examined: &Examined) -> Option<Coverage> {
    let policy = examined.policy.as_deref()?;
    let mut coverage = policy.coverage();
    for case in &examined.cases {
        // One that cannot be decided is a fault, which is told.
        if let Ok((made_up, channel)) = case.expectation.question(policy) {
            let permission = case.expectation.permission;
            coverage.add(policy, &made_up.subject(), &channel, permission);
        }
    }
    Some(coverage)
}

fn percent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim_end_matches('%').parse().ok();
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.ok_or("must be a number from 0 to 100".to_owned())
}
