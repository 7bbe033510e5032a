//! An explanation for eyes.

use std::fmt;

use super::{ExplainedRule, ExplainedStep, Explanation, cut};

/// The longest value that is printed, in bytes.
const MAX_VALUE: usize = 120;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.sentence())?;
        for step in &self.steps {
            step.fmt(f)?;
        }
        let joint = match self.decision.is_allowed() {
            true => "; or ",
            false => "; and then ",
        };
        write!(f, "for the other answer: {}", self.otherwise.join(joint))
    }
}

impl fmt::Display for ExplainedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<8} {:<6} {}",
            self.step.as_str(),
            self.result,
            self.reason
        )?;
        self.rule.as_ref().map_or(Ok(()), |rule| rule.fmt(f))
    }
}

impl fmt::Display for ExplainedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INDENT: &str = "                  ";
        write!(f, "{INDENT}{}", self.name)?;
        if let (Some(place), Some((line, column))) = (&self.place, self.position(0)) {
            write!(f, "  {}:{line}:{column}", place.file().display())?;
        }
        writeln!(f)?;
        let parts: Vec<_> = self.parts().collect();
        let width = parts.iter().map(|part| part.text.chars().count()).max();
        let width = width.unwrap_or(0).min(60);
        for part in parts {
            let value = match part.value {
                Ok(value) => cut(&value.to_string(), MAX_VALUE),
                Err(error) => format!("no value: {error}"),
            };
            let place = part
                .position
                .map_or(String::new(), |(line, column)| format!("{line}:{column}"));
            let aside = if part.asked { "" } else { "  (not asked)" };
            writeln!(
                f,
                "{INDENT}  {place:<8} {:<width$} = {value}{aside}",
                part.text
            )?;
        }
        Ok(())
    }
}
