//! Gateways with other limits than those of every day.

use std::process::Command;

/// The tables of a configuration, with every rate off that they do not name: tests come from one
/// address, as the same few users.
pub fn with_rates_off(tables: &str) -> String {
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
    match tables.split_once("[limits]\n") {
        Some((before, limits)) => format!("{before}[limits]\n{off}{limits}"),
        None => format!("{tables}\n[limits]\n{off}"),
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
