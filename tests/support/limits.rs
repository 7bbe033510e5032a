//! Gateways with other limits than those of every day.

use std::process::Command;

/// The tables of a configuration, with what they do not name such as few tests want it. Every rate
/// is off: tests come from one address, as the same few users. No ping comes, which a client that
/// nobody reads for would not answer, on a machine where that takes long.
pub fn with_defaults_of_tests(tables: &str) -> String {
    let rates = [
        "connections_per_address",
        "failures_per_address",
        "connections_per_user",
        "commands",
        "subscribes",
        "publishes",
        "reads",
    ];
    let off = rates.iter().filter(|rate| !tables.contains(*rate));
    let off: String = off.map(|rate| format!("{rate} = \"off\"\n")).collect();
    let tables = with_lines(tables, "[limits]\n", &off);
    if tables.contains("ping_interval") {
        return tables;
    }
    with_lines(&tables, "[session]\n", "ping_interval = \"10m\"\n")
}

/// The tables with these lines in one of them, which is put behind the others if it is not there.
fn with_lines(tables: &str, table: &str, lines: &str) -> String {
    match tables.split_once(table) {
        Some((before, rest)) => format!("{before}{table}{lines}{rest}"),
        None => format!("{tables}\n{table}{lines}"),
    }
}

/// The gateway, perhaps with so many file descriptors (`ulimit -n`).
pub fn program(files: Option<u32>) -> Command {
    let program = std::env::var("GATEPOST_BIN").unwrap_or(env!("CARGO_BIN_EXE_gatepost").into());
    let Some(files) = files else {
        return Command::new(program);
    };
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--nofile={files}:{files}"))
        .arg(program);
    command
}
