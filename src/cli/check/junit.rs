//! The expectations as test cases, in the XML that JUnit made common.

use std::fmt::Write;

use super::Report;
use crate::config::{Case, Fault, Severity};

/// One test suite for the config; a fault that is no expectation's is an error of the suite.
pub(super) fn text(report: &Report<'_>) -> String {
    let cases = &report.examined.cases;
    let failed = cases.iter().filter(|case| case.failure.is_some()).count();
    let errors: Vec<&Fault> = report
        .examined
        .found
        .iter()
        .filter(|f| is_error(f, cases))
        .collect();
    let name = escaped(&report.args.config.display().to_string());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\">",
        cases.len() + errors.len(),
        errors.len(),
    );
    for fault in errors {
        let (message, text) = (escaped(fault.message()), escaped(&fault.to_string()));
        let _ = writeln!(
            xml,
            "  <testcase classname=\"config\" name=\"{message}\">\
             <error message=\"{message}\">{text}</error></testcase>"
        );
    }
    for case in cases {
        let _ = writeln!(xml, "  {}", test_case(case));
    }
    xml + "</testsuite>\n"
}

/// Whether the fault is no expectation that fails.
fn is_error(fault: &Fault, cases: &[Case]) -> bool {
    let is_of = |case: &Case| case.file == fault.file() && Some(case.line) == fault.line();
    let mut failed = cases.iter().filter(|case| case.failure.is_some());
    fault.severity() == Severity::Error && !failed.any(is_of)
}

fn test_case(case: &Case) -> String {
    let expectation = &case.expectation;
    let name = format!(
        "{} {} {} {} ({}:{})",
        expectation.subject.user(),
        if expectation.allow { "may" } else { "may not" },
        expectation.permission,
        expectation.channel,
        case.file.display(),
        case.line
    );
    let room = expectation.channel.split([':', '#']).next();
    let head = format!(
        "<testcase classname=\"expect.{}\" name=\"{}\"",
        escaped(room.unwrap_or_default()),
        escaped(&name)
    );
    let Some(failure) = &case.failure else {
        return format!("{head}/>");
    };
    let message = failure.to_string();
    let explanation = failure.explanation().map(ToString::to_string);
    format!(
        "{head}><failure message=\"{}\">{}</failure></testcase>",
        escaped(&message),
        escaped(&explanation.unwrap_or(message.clone()))
    )
}

/// The text as XML may have it; what XML cannot say at all is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(' '),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}
