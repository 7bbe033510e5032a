//! `gatepost admin`: tells a running gateway whom to end and whom to keep out, and asks it why
//! somebody may or may not do something, by its server API.
//!
//! It is a client like any other backend, and never prints a key.

mod access;
mod answer;
mod explain;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::access::{Access, AccessArgs};
use self::answer::Answer;
use self::explain::ExplainArgs;
use super::{NO, complain};
use crate::clock::Clock;

/// Revoke tokens, block users, end connections of a running gateway, and ask it why
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  gatepost admin block mallory --for 24h
  gatepost admin unblock mallory
  gatepost admin revoke token 6f1c0b7e-0b5c-4a57-9f0e-2f4f8d0f7a11 --issuer main
  gatepost admin revoke user alice --config /etc/gatepost/gatepost.toml
  gatepost admin disconnect alice --json
  gatepost admin explain --user alice --channel team:red --permission publish

The key is that of --key-file, of --config, of the variable GATEPOST_API_KEY, or that of development
mode; the address that of --url, of --config, of the variable GATEPOST_ADMIN_URL, or
http://127.0.0.1:9443. A TIME is one such as 2026-12-31T23:59:59Z, or seconds since 1970.

Exit codes: 0 done; 1 refused, or explained and denied; 2 wrong usage; 74 the gateway could not be reached.")]
pub(super) struct AdminArgs {
    #[command(flatten)]
    access: AccessArgs,

    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Revoke a token, or all tokens of a user: connections end, and the door refuses them
    #[command(subcommand)]
    Revoke(Revoke),
    /// Block a user: connections end, and no token lets them in
    Block {
        /// The user, with the issuer's prefix if it has one
        user: String,
        /// The end of the block [default: none]
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<u64>,
        /// How long the block lasts, such as 30m, 24h
        #[arg(long = "for", value_name = "DURATION", conflicts_with = "until",
            value_parser = humantime::parse_duration)]
        lasting: Option<Duration>,
    },
    /// Take a block back
    Unblock {
        /// The user, with the issuer's prefix if it has one
        user: String,
    },
    /// End connections of a user, who may come back
    Disconnect {
        /// The user, with the issuer's prefix if it has one
        user: String,
        /// Only this connection
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// The close code, 4000 to 4999: below 4500 clients come back [default: 3503]
        #[arg(long, value_name = "CODE", requires = "reason",
            value_parser = clap::value_parser!(u16).range(4000..5000))]
        code: Option<u16>,
        /// What the client is told
        #[arg(long, value_name = "TEXT", requires = "code")]
        reason: Option<String>,
    },
    /// Tell why live connections may or may not do something with a channel
    Explain(ExplainArgs),
}

#[derive(Clone, Debug, Subcommand)]
enum Revoke {
    /// One token, by its id
    Token {
        /// The token's `jti`
        id: String,
        /// Whose token it is; needed where several issuers are configured
        #[arg(long, value_name = "NAME")]
        issuer: Option<String>,
        /// When it has certainly expired [default: by the issuer's max_token_life]
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<u64>,
    },
    /// The tokens of a user
    User {
        /// The user, with the issuer's prefix if it has one
        user: String,
        /// Those that were issued before [default: now]
        #[arg(long, value_name = "TIME", value_parser = time)]
        issued_before: Option<u64>,
        /// When they have certainly expired [default: by max_token_life]
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<u64>,
    },
}

/// A call of the server API, and what to say when it is done. An explanation speaks for itself.
struct Call {
    method: &'static str,
    body: Value,
    done: String,
}

/// Runs `gatepost admin`.
pub(super) fn run(args: &AdminArgs) -> anyhow::Result<ExitCode> {
    let access = match Access::find(&args.access)? {
        Ok(access) => access,
        Err(reason) => {
            complain(&reason);
            return Ok(ExitCode::from(NO));
        }
    };
    let call = call(&args.command, args.json, &Clock::system());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(access.post(call.method, &call.body));
    // A name that does not resolve would be waited for otherwise.
    runtime.shutdown_background();
    let answer = Answer::read(&answer?);
    let done = match (&args.command, answer.was_blocked()) {
        (Command::Unblock { user }, Some(false)) => format!("{user} was not blocked"),
        _ => call.done,
    };
    tell(&answer, &done, args.json)
}

fn tell(answer: &Answer, done: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let line = match answer {
        _ if as_json => answer.json().to_string(),
        // Nobody is ended by being let in again.
        Answer::Done { .. } if answer.was_blocked().is_some() => done.to_owned(),
        Answer::Done { ended, nodes, .. } => said(done, *ended, *nodes),
        Answer::Explained(explained) => explained.to_string(),
        Answer::Refused { .. } => {
            complain(&answer.to_string());
            return Ok(ExitCode::from(NO));
        }
    };
    match writeln!(out, "{line}") {
        // Whoever closed the pipe has read enough.
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(fault).context("cannot write the answer")
        }
        _ => Ok(if answer.is_yes() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(NO)
        }),
    }
}

fn said(done: &str, ended: u64, nodes: u64) -> String {
    let connections = if ended == 1 {
        "connection"
    } else {
        "connections"
    };
    let nodes = if nodes == 1 {
        "1 node".to_owned()
    } else {
        format!("{nodes} nodes")
    };
    format!("{done}: {ended} {connections} ended on {nodes}")
}

fn call(command: &Command, as_json: bool, clock: &Clock) -> Call {
    match command.clone() {
        Command::Revoke(Revoke::Token { id, issuer, until }) => Call {
            method: "revoke_token",
            body: object([
                ("uid", Some(json!(id))),
                ("issuer", issuer.map(Value::from)),
                ("expire_at", until.map(Value::from)),
            ]),
            done: "the token is revoked".to_owned(),
        },
        Command::Revoke(Revoke::User {
            user,
            issued_before,
            until,
        }) => Call {
            method: "invalidate_user_tokens",
            done: format!("the tokens of {user} are revoked"),
            body: object([
                ("user", Some(json!(user))),
                ("issued_before", issued_before.map(Value::from)),
                ("expire_at", until.map(Value::from)),
            ]),
        },
        Command::Block {
            user,
            until,
            lasting,
        } => {
            let end = lasting.map(|life| clock.now().0.saturating_add(life.as_secs().max(1)));
            Call {
                method: "block_user",
                done: format!("{user} is blocked"),
                body: object([
                    ("user", Some(json!(user))),
                    ("expire_at", until.or(end).map(Value::from)),
                ]),
            }
        }
        Command::Unblock { user } => Call {
            method: "unblock_user",
            done: format!("{user} is no longer blocked"),
            body: json!({ "user": user }),
        },
        Command::Disconnect {
            user,
            client,
            code,
            reason,
        } => Call {
            method: "disconnect",
            done: format!("{user} is told to go"),
            body: object([
                ("user", Some(json!(user))),
                ("client", client.map(Value::from)),
                (
                    "disconnect",
                    code.map(|code| json!({ "code": code, "reason": reason })),
                ),
            ]),
        },
        Command::Explain(args) => Call {
            method: "explain",
            done: String::new(),
            body: args.body(!as_json),
        },
    }
}

/// What is not given is left out.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

/// A time, in one of two forms, as seconds since 1970.
fn time(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let usage = || "give a time such as 2026-12-31T23:59:59Z, or seconds since 1970".to_owned();
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| usage())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| usage())?;
    Ok(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixSeconds;

    #[test]
    fn a_time_is_a_date_or_seconds() {
        assert_eq!(time("1790000000"), Ok(1_790_000_000));
        assert_eq!(time("2026-09-21T14:13:20Z"), Ok(1_790_000_000));
        assert_eq!(time("2026-09-21 14:13:20"), Ok(1_790_000_000));
        for bad in [
            "",
            "tomorrow",
            "-1",
            "1.5",
            "2026-13-01T00:00:00Z",
            "1969-01-01T00:00:00Z",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_given_is_left_out() {
        let clock = Clock::manual(UnixSeconds(1000));
        let block = |until, lasting| Command::Block {
            user: "alice".to_owned(),
            until,
            lasting,
        };
        assert_eq!(
            call(&block(None, None), false, &clock).body,
            json!({"user": "alice"})
        );
        let hour = Some(Duration::from_secs(3600));
        let body = json!({"user": "alice", "expire_at": 4600});
        assert_eq!(call(&block(None, hour), false, &clock).body, body);
        let body = json!({"user": "alice", "expire_at": 5000});
        assert_eq!(call(&block(Some(5000), None), false, &clock).body, body);
    }
}
