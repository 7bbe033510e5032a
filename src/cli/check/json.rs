//! What `check` found, for machines. The names are stable.

use serde_json::{Value, json};

use super::Report;
use crate::config::{Case, Fault};
use crate::policy::{Comparison, Coverage, Explanation};

/// All of it, in one object.
pub(super) fn value(report: &Report<'_>) -> Value {
    let faults: Vec<Value> = report.examined.found.iter().map(fault).collect();
    let cases: Vec<Value> = report.examined.cases.iter().map(case).collect();
    let coverage = report.coverage.as_ref().map(coverage);
    let comparison = report.comparison.as_ref().map(comparison);
    let faults_of_old: Vec<Value> = report.faults_of_old.iter().map(fault).collect();
    json!({
        "config": report.args.config.display().to_string(),
        "good": report.is_good(),
        "faults": faults,
        "expectations": cases,
        "coverage": coverage,
        "against": comparison,
        "faults_of_old": faults_of_old,
    })
}

fn coverage(coverage: &Coverage) -> Value {
    let (all, covered) = coverage.counts();
    let gaps = coverage.gaps().into_iter().map(|gap| {
        let place = gap.place.as_ref();
        json!({
            "what": gap.what,
            "file": place.map(|(file, ..)| file),
            "line": place.map(|(_, line, _)| line),
            "column": place.map(|(.., column)| column),
            "missing": gap.missing,
        })
    });
    json!({
        "percent": coverage.percent(),
        "answers": all,
        "covered": covered,
        "gaps": gaps.collect::<Vec<_>>(),
    })
}

fn comparison(comparison: &Comparison) -> Value {
    let changes = comparison.changes.iter().map(|change| {
        json!({
            "change": if change.gains { "gains" } else { "loses" },
            "namespace": change.namespace,
            "permission": change.permission.as_str(),
            "before": change.before,
            "after": change.after,
            "cases": change.cases,
            "example": {
                "user": change.example.user,
                "claims": change.example.claims,
                "channel": change.example.channel,
            },
        })
    });
    json!({
        "decisions": comparison.cases,
        "cut": comparison.is_cut,
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn fault(fault: &Fault) -> Value {
    json!({
        "severity": fault.severity().as_str(),
        "file": fault.file().display().to_string(),
        "line": fault.line(),
        "column": fault.column(),
        "message": fault.message(),
        "help": fault.help(),
    })
}

fn case(case: &Case) -> Value {
    let expectation = &case.expectation;
    let failure = case.failure.as_deref();
    let explanation = failure.and_then(|failure| failure.explanation());
    json!({
        "file": case.file.display().to_string(),
        "line": case.line,
        "user": expectation.subject.user(),
        "claims": expectation.subject.claims,
        "channel": expectation.channel,
        "permission": expectation.permission.as_str(),
        "expected": if expectation.allow { "allow" } else { "deny" },
        "holds": failure.is_none(),
        "failure": failure.map(ToString::to_string),
        "explanation": explanation.map(Explanation::to_json),
    })
}
