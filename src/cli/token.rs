//! `gatepost token`: signs a token, with the development key or with one of the caller's own.
//!
//! The token is all that goes to standard output, so that it can be put into a variable or piped
//! into `gatepost connect --token-file -`. Keys are read from files, never from the command line,
//! which every user of the machine can see.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::dev::{AUDIENCE, DEFAULT_STATE_DIR, TokenSigner, ToyIssuer, open_issuer};

/// Sign a token, for development and for trying out a config
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  gatepost token --user alice --claim 'teams=[\"red\"]'
  gatepost token --user bob | gatepost connect wss://localhost:8443 --token-file - --channel chat:general
  gatepost token --key private.pem --issuer https://auth.example.com/ --algorithm RS256

Without --key, the key of development mode signs (`urn:gatepost:dev`), which `gatepost dev` makes at
its first start.")]
pub(super) struct TokenArgs {
    /// The user: `sub`
    #[arg(long, value_name = "USER", default_value = "alice")]
    user: String,

    /// A claim and its value in JSON; may be given several times
    #[arg(long = "claim", value_name = "NAME=JSON", value_parser = parse_claim)]
    claims: Vec<Claim>,

    /// How long the token lives, such as 90s, 15m, 1h 30m
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    life: Duration,

    /// The state folder of development mode [default: .gatepost]
    #[arg(long, value_name = "DIR", conflicts_with = "key")]
    state: Option<PathBuf>,

    /// Sign with this private key in PEM; for HS256, HS384, HS512 the file has the secret
    #[arg(long, value_name = "FILE", requires = "issuer")]
    key: Option<PathBuf>,

    /// The issuer to sign as: `iss`
    #[arg(long, value_name = "ISSUER", requires = "key")]
    issuer: Option<String>,

    /// Whom the token is for: `aud` [default: gatepost]
    #[arg(long, value_name = "AUDIENCE", requires = "key")]
    audience: Option<String>,

    /// ES256, ES384, RS256/384/512, PS256/384/512, EdDSA, HS256/384/512 [default: ES256]
    #[arg(long, value_name = "ALGORITHM", requires = "key", value_parser = parse_algorithm)]
    algorithm: Option<Algorithm>,

    /// The name of the key in the issuer's key set: `kid`
    #[arg(long, value_name = "KID", requires = "key")]
    key_id: Option<String>,
}

/// Runs `gatepost token`.
pub(super) fn run(args: TokenArgs) -> anyhow::Result<ExitCode> {
    let token = sign(&args, &Clock::system())?;
    match writeln!(io::stdout().lock(), "{token}") {
        // Whoever closed the pipe has what it wanted.
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written
            .map(|()| ExitCode::SUCCESS)
            .context("cannot write the token"),
    }
}

fn sign(args: &TokenArgs, clock: &Clock) -> anyhow::Result<String> {
    let claims = gather(&args.claims)?;
    let now = clock.now();
    let token = match &args.key {
        Some(_) => own_signer(args)?.sign(&args.user, claims, args.life, now)?,
        None => {
            let dir = args
                .state
                .clone()
                .unwrap_or_else(|| DEFAULT_STATE_DIR.into());
            development_issuer(&dir, "name its folder with --state, or sign with --key")?
                .signer()
                .sign(&args.user, claims, args.life, now)?
        }
    };
    Ok(token)
}

/// The toy issuer whose key is in `dir`. None is made, since no running `gatepost dev` would know
/// it.
pub(super) fn development_issuer(dir: &Path, otherwise: &str) -> anyhow::Result<ToyIssuer> {
    open_issuer(dir)?.with_context(|| {
        format!(
            "there is no development key in {}: start `gatepost dev` first, or {otherwise}",
            dir.display()
        )
    })
}

/// The signer that `--key` and its companions describe.
fn own_signer(args: &TokenArgs) -> anyhow::Result<TokenSigner> {
    let (Some(path), Some(issuer)) = (&args.key, &args.issuer) else {
        bail!("--key and --issuer are given together");
    };
    let algorithm = args.algorithm.unwrap_or(Algorithm::ES256);
    let cannot_use = || format!("cannot use the key {}", path.display());
    let file = Zeroizing::new(fs::read(path).with_context(cannot_use)?);
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => without_line_end(&file),
        _ => &file,
    };
    let audience = args.audience.as_deref().unwrap_or(AUDIENCE);
    TokenSigner::new(algorithm, key, issuer, audience, args.key_id.clone()).with_context(cannot_use)
}

/// An editor ends the file with a line end that is no part of the secret.
fn without_line_end(file: &[u8]) -> &[u8] {
    let file = file.strip_suffix(b"\n").unwrap_or(file);
    file.strip_suffix(b"\r").unwrap_or(file)
}

/// What one `--claim` says.
#[derive(Clone, Debug, PartialEq)]
struct Claim {
    name: String,
    value: Value,
}

fn parse_claim(text: &str) -> Result<Claim, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write NAME=JSON, such as admin=true")?;
    if name.is_empty() {
        return Err("the name before the = is empty".into());
    }
    let value = serde_json::from_str(value)
        .map_err(|fault| format!("the value is no JSON (text stands in \"quotes\"): {fault}"))?;
    Ok(Claim {
        name: name.to_owned(),
        value,
    })
}

fn parse_algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_str(text).map_err(|_| {
        "use one of ES256, ES384, RS256, PS256, EdDSA, HS256 or their longer kin".into()
    })
}

fn gather(claims: &[Claim]) -> anyhow::Result<Map<String, Value>> {
    let mut gathered = Map::new();
    for Claim { name, value } in claims {
        if gathered.insert(name.clone(), value.clone()).is_some() {
            bail!("the claim `{name}` is given twice");
        }
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests;
