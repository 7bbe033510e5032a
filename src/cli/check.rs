//! `gatepost check`: everything that is wrong with a configuration, at once.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::NO;
use crate::config::{Config, Fault, Severity};

/// Prints warnings and faults; 1 when there is a fault.
pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let code = match Config::load(file) {
        Ok(loaded) => {
            print(&mut out, loaded.warnings.iter())?;
            writeln!(
                out,
                "{}: good{}",
                file.display(),
                told(loaded.warnings.len())
            )?;
            ExitCode::SUCCESS
        }
        Err(faults) => {
            print(&mut out, faults.iter())?;
            let is_error = |fault: &&Fault| fault.severity() == Severity::Error;
            let count = faults.iter().filter(is_error).count();
            let word = if count == 1 { "fault" } else { "faults" };
            writeln!(out, "{}: {count} {word}", file.display())?;
            ExitCode::from(NO)
        }
    };
    Ok(code)
}

fn print<'a>(
    out: &mut impl Write,
    mut faults: impl Iterator<Item = &'a Fault>,
) -> std::io::Result<()> {
    faults.try_for_each(|fault| writeln!(out, "{fault}\n"))
}

fn told(warnings: usize) -> String {
    match warnings {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        many => format!(", with {many} warnings"),
    }
}
