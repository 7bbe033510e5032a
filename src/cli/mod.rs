//! The command line: one file a subcommand.

mod admin;
mod check;
mod connect;
mod dev;
mod explain;
mod serve;
mod token;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A real-time gateway that verifies the JWT during the WebSocket upgrade
#[derive(Debug, Parser)]
#[command(
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Exit codes:
  0   done, or the answer is yes
  1   the answer is no: a config that is not valid, an expectation that fails, a permission that
      is denied, a connection that was refused or lost, a call of `admin` that was refused
  2   wrong usage: arguments that do not fit, or claims that no token could have
  70  a defect of gatepost itself
  74  the system did not do it: an address that cannot be bound, a file that cannot be written"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    #[command(after_help = "Example:\n  gatepost serve --config /etc/gatepost/gatepost.toml")]
    Serve {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    Dev(dev::DevArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Token(token::TokenArgs),
    Connect(connect::ConnectArgs),
    Admin(admin::AdminArgs),
}

/// The answer is no.
const NO: u8 = 1;
/// Wrong usage, as clap has it.
const USAGE: u8 = 2;
/// A defect of ours: EX_SOFTWARE of sysexits.
const DEFECT: u8 = 70;
/// The system did not do it: EX_IOERR of sysexits.
const SYSTEM: u8 = 74;

/// What was asked makes no sense, which shows only in the middle of it. The sentence says it all.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
struct WrongUsage {
    sentence: String,
}

/// Wrong usage, as this says it.
fn wrong_usage(sentence: impl ToString) -> anyhow::Error {
    WrongUsage {
        sentence: sentence.to_string(),
    }
    .into()
}

/// Something of ours ended that never should, which shows only by that: the log has the panic.
#[derive(Debug, thiserror::Error)]
#[error("{what} ended, which is a defect of gatepost itself; the log says why")]
struct Defect {
    what: &'static str,
}

/// The exit code for what went wrong.
fn code_of(error: &anyhow::Error) -> u8 {
    if error.is::<WrongUsage>() {
        USAGE
    } else if error.is::<Defect>() {
        DEFECT
    } else {
        SYSTEM
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let result = std::panic::catch_unwind(|| match command {
        Command::Serve { config } => serve::run(&config),
        Command::Dev(args) => dev::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Token(args) => token::run(args),
        Command::Connect(args) => connect::run(args),
        Command::Admin(args) => admin::run(&args),
    });
    match result {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            complain(&format!("{error:#}"));
            ExitCode::from(code_of(&error))
        }
        Err(_) => ExitCode::from(DEFECT),
    }
}

/// Says on standard error what went wrong.
fn complain(text: &str) {
    // When nobody can read it, there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "gatepost: {text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_fault_has_the_exit_code_that_the_help_promises() {
        let defect = Defect { what: "the hub" };
        for (error, code) in [
            (wrong_usage("no such issuer"), USAGE),
            (defect.into(), DEFECT),
            (std::io::Error::other("in use").into(), SYSTEM),
        ] {
            assert_eq!(code_of(&error), code, "{error}");
        }
    }
}
