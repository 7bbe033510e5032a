//! `gatepost explain`: why somebody may or may not do something with a channel.
//!
//! It asks the very function that the server asks, about a subject that is made up from claims. A
//! token is taken at its word, so that an old one can be asked about; no door opens by this.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::{NO, connect, wrong_usage};
use crate::clock::{Clock, UnixSeconds};
use crate::config::{Config, Examined, Scope};
use crate::identity::unverified_claims;
use crate::policy::{ChannelName, ConnectionFacts, Described, Permission};

/// Tell why somebody may or may not do something with a channel
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  gatepost explain --config gatepost.toml --claims '{\"sub\":\"bob\",\"teams\":[\"red\"]}' \\
      --channel team:blue --permission subscribe
  gatepost explain --config gatepost.toml --token-file token.txt --channel chat:general \\
      --permission publish --json

A token is taken at its word: its signature and times are not checked, and its `iss` says which
issuer it is of, and so whose users' prefix it gets. The rules of the config are read, certificates
and keys are not needed.
The exit code is 0 when it is allowed, 1 when it is denied or when the rules are not good, and 2 when
the door would take no such claims.")]
pub(super) struct ExplainArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// A file with the token, `-` for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "claims")]
    token_file: Option<PathBuf>,

    /// The claims of the token, `sub` among them
    #[arg(long, value_name = "JSON", conflicts_with = "token_file", value_parser = object)]
    claims: Option<Object>,

    /// With --claims: the name of the issuer, whose prefix the user gets
    #[arg(long, value_name = "NAME", requires = "claims")]
    issuer: Option<String>,

    /// The channel
    #[arg(long, value_name = "CHANNEL", value_parser = ChannelName::parse)]
    channel: ChannelName,

    /// What is asked for
    #[arg(long, value_name = "PERMISSION", value_parser = permission())]
    permission: Permission,

    /// What rules may read of the connection: address, origin, protocol
    #[arg(long, value_name = "JSON", value_parser = connection)]
    connection: Option<ConnectionFacts>,

    /// The time that rules read, such as 2026-03-04T05:06:07Z [default: the time]
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<UnixSeconds>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A JSON object.
#[derive(Clone, Debug)]
struct Object(Map<String, Value>);

/// Decides, prints why, and gives 1 when it is denied.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let examined = Config::examine(&args.config, Scope::Rules);
    let Some(policy) = &examined.policy else {
        for fault in &examined.found {
            super::complain(&format!("{fault}\n"));
        }
        return Ok(ExitCode::from(NO));
    };
    let mut described = described(args, &examined)?;
    described.now = args.now.unwrap_or_else(|| Clock::system().now());
    if let Some(connection) = &args.connection {
        described.connection = connection.clone();
    }
    let made_up = described.make(policy).map_err(wrong_usage)?;
    let explanation = policy.explain(&made_up.subject(), &args.channel, args.permission);
    let mut out = std::io::stdout().lock();
    match args.json {
        true => writeln!(out, "{:#}", explanation.to_json())?,
        false => writeln!(out, "{explanation}")?,
    }
    Ok(match explanation.decision().is_allowed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    })
}

/// The claims, the prefix of the issuer's users, and whether its tokens grant.
fn described(args: &ExplainArgs, examined: &Examined) -> anyhow::Result<Described> {
    let (claims, issuer) = match (&args.claims, &args.token_file) {
        (Some(Object(claims)), _) => {
            let issuer = args.issuer.as_ref().map(|name| {
                let unknown = || wrong_usage(format!("there is no issuer `{name}` in the config"));
                examined.issuers.named(name).ok_or_else(unknown)
            });
            (claims.clone(), issuer.transpose()?)
        }
        (None, Some(file)) => {
            let token = connect::token_from(file)?;
            let claims = unverified_claims(token.expose_secret());
            let unfit = || wrong_usage("the token is no JWT in compact form");
            let claims = claims.ok_or_else(unfit)?;
            let iss = claims
                .get("iss")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let issuer = examined.issuers.of_iss(iss).ok_or_else(|| {
                wrong_usage(format!(
                    "no [[issuer]] whose tokens open the door has `{iss}`, which is the token's iss"
                ))
            })?;
            (claims, Some(issuer))
        }
        (None, None) => bail!("give --claims or --token-file"),
    };
    let mut described = Described::new(claims);
    let vouched = examined.issuers.vouch(&mut described, issuer);
    vouched.map_err(wrong_usage)?;
    if !described.grants {
        let note = "the issuer has grants = false, so what the claims would grant is passed over";
        super::complain(note);
    }
    Ok(described)
}

/// Reads a permission, and lists them all where it is none.
pub(super) fn permission() -> impl TypedValueParser<Value = Permission> {
    let words = PossibleValuesParser::new(Permission::ALL.map(Permission::as_str));
    // It is one of these by now.
    words.try_map(|word| Permission::parse(&word).ok_or("there is no such permission"))
}

fn object(text: &str) -> Result<Object, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(claims)) => Ok(Object(claims)),
        Ok(_) => Err("must be a JSON object, such as {\"sub\":\"alice\"}".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn time(text: &str) -> Result<UnixSeconds, String> {
    UnixSeconds::parse(text).ok_or("must be a time such as 2026-03-04T05:06:07Z".to_owned())
}

fn connection(text: &str) -> Result<ConnectionFacts, String> {
    ConnectionFacts::from_json(&object(text)?.0)
}
