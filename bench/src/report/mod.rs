//! The report: reads the records of a run, and writes tables and charts that anyone can make
//! again. The same records give the same bytes.

mod chart;
mod figure;
mod goals;
mod markdown;
mod panel;
mod records;
mod results;
mod spread;
mod tables;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use self::results::Results;

/// What to read, and where to write.
#[derive(Args, Debug)]
pub struct Options {
    /// The records of a run
    #[arg(long = "in", default_value = "target/bench/results.jsonl")]
    input: PathBuf,
    /// The folder of the report: report.md and its charts
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The command that measured, as the report tells it
    #[arg(long, default_value = "make bench")]
    command: String,
}

/// Reads and writes.
pub fn run(options: &Options) -> Result<()> {
    let input = &options.input;
    let text = fs::read_to_string(input)
        .with_context(|| format!("cannot read {}: `make bench` writes it", input.display()))?;
    let files = files(&text, &options.command)
        .with_context(|| format!("no report can be made of {}", input.display()))?;
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    for (name, content) in files {
        let path = options.out.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", options.out.join("report.md").display());
    Ok(())
}

/// The report's files, by name.
fn files(text: &str, command: &str) -> Result<Vec<(&'static str, String)>> {
    let results = Results::of(records::read(text)?);
    let charts = chart::all(&results, command)?;
    let report = markdown::report(&results, command, &charts);
    let mut files = vec![("report.md", report)];
    files.extend(charts.into_iter().map(|chart| (chart.file, chart.svg)));
    Ok(files)
}
