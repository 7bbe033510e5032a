//! What `check` found, for eyes.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::Report;
use crate::config::Case;
use crate::policy::{Change, Comparison, Coverage};

/// All of it; the last line is the answer.
pub(super) fn report(report: &Report<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let found = report.examined.found.iter().chain(&report.faults_of_old);
    for fault in found {
        writeln!(out, "{fault}\n")?;
    }
    if std::io::stdout().is_terminal() && !report.examined.cases.is_empty() {
        writeln!(out, "{}", table(&report.examined.cases))?;
    }
    if let Some(coverage) = &report.coverage {
        print_coverage(coverage, out)?;
    }
    if let Some(comparison) = &report.comparison {
        print_comparison(comparison, out)?;
    }
    let file = report.args.config.display();
    writeln!(out, "{file}: {}", summary(report))
}

fn print_coverage(coverage: &Coverage, out: &mut impl Write) -> std::io::Result<()> {
    let gaps = coverage.gaps();
    for gap in &gaps {
        let place = gap.place.as_ref();
        let place = place.map(|(file, line, column)| format!("{file}:{line}:{column}: "));
        let (place, missing) = (place.unwrap_or_default(), gap.missing.join(" nor "));
        writeln!(out, "{place}{} is never decided to be {missing}", gap.what)?;
    }
    if !gaps.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn print_comparison(comparison: &Comparison, out: &mut impl Write) -> std::io::Result<()> {
    for change in &comparison.changes {
        print_change(change, out)?;
    }
    if !comparison.changes.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn print_change(change: &Change, out: &mut impl Write) -> std::io::Result<()> {
    let (word, before, after) = match change.gains {
        true => ("gains", "denied", "allowed"),
        false => ("loses", "allowed", "denied"),
    };
    let example = &change.example;
    writeln!(
        out,
        "{word} {} in {}, {}: {before} by {} before, {after} by {} now\n  such as {} on {}, with {}",
        change.permission,
        change.namespace,
        counted(change.cases, "case"),
        change.before,
        change.after,
        example.user,
        example.channel,
        Value::Object(example.claims.clone()),
    )
}

/// `good, 12 expectations hold, 100 % covered, with 1 warning`.
fn summary(report: &Report<'_>) -> String {
    let faults = report.examined.faults() + report.faults_of_old.len();
    let mut parts = vec![match faults {
        0 if report.is_good() => "good".to_owned(),
        0 => "not good".to_owned(),
        faults => counted(faults, "fault"),
    }];
    let cases = &report.examined.cases;
    let failed = cases.iter().filter(|case| case.failure.is_some()).count();
    match (cases.len(), failed) {
        (0, _) => {}
        (1, 0) => parts.push("1 expectation holds".to_owned()),
        (all, 0) => parts.push(format!("{all} expectations hold")),
        (all, failed) => parts.push(format!("{failed} of {all} expectations fail")),
    }
    if let Some(coverage) = &report.coverage {
        let (all, covered) = coverage.counts();
        let percent = coverage.percent();
        parts.push(format!("{percent} % covered ({covered} of {all} answers)"));
        if let Some(wanted) = report.args.min_coverage.filter(|_| report.is_too_little()) {
            parts.push(format!("which is less than {wanted} %"));
        }
    }
    if let Some(comparison) = &report.comparison {
        let changes: usize = comparison.changes.iter().map(|change| change.cases).sum();
        let cut = if comparison.is_cut { " (cut)" } else { "" };
        parts.push(format!(
            "{changes} of {}{cut} change",
            counted(comparison.cases, "decision")
        ));
    }
    if report.warnings() > 0 {
        parts.push(format!("with {}", counted(report.warnings(), "warning")));
    }
    parts.join(", ")
}

fn counted(count: usize, what: impl Display) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The expectations, one line a case, in columns.
fn table(cases: &[Case]) -> String {
    let rows: Vec<[String; 6]> = cases.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        line.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(case: &Case) -> [String; 6] {
    let expectation = &case.expectation;
    let holds = case.failure.is_none();
    [
        if holds { "holds" } else { "FAILS" }.to_owned(),
        expectation.subject.user(),
        if expectation.allow { "may" } else { "may not" }.to_owned(),
        expectation.permission.to_string(),
        expectation.channel.clone(),
        format!("{}:{}", case.file.display(), case.line),
    ]
}
