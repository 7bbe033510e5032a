//! `gatepost connect`: a client for the terminal, for looking at a gateway with one's own eyes.
//!
//! It goes through the door like any other client, and speaks the same protocol; it uses nothing of
//! the server's. It must never print a token, nor let what arrives write to the terminal as it likes.

mod channels;
mod conversation;
mod echo;
mod input;
mod print;
mod talk;
mod target;
mod trust;
mod upgrade;
mod wire;

pub(super) use self::print::clean;
pub(super) use self::trust::roots;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;

use self::channels::Channels;
use self::conversation::{AtEnd, Conversation, End};
use self::echo::Echo;
use self::print::Printer;
use self::talk::Talk;
use self::target::Target;
use self::upgrade::{HANDSHAKE_TIMEOUT, Stream};
use super::complain;
use super::token::development_issuer;
use crate::clock::Clock;
use crate::dev::{DEFAULT_STATE_DIR, certificate_path};

/// A token that `--user` signs need not outlive a look.
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// Connect to a gateway from the terminal: prints what arrives, sends what is typed
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  gatepost connect wss://localhost:8443 --user alice --channel chat:general
  gatepost token --user bob | gatepost connect wss://localhost:8443 --token-file - --channel chat:general
  gatepost connect wss://gw.example.com --token-file token.txt --echo

Each line typed goes to the first channel: as it is when it is JSON, else as {\"text\":\"…\"}.
Each line printed has the time (UTC), the channel, the sender (#backend: no client) and the data;
lines with a * are about the connection. Ctrl+C, or the end of the input on a terminal, closes it.

Exit codes: 0 closed by us, or nobody reads the output any more; 1 refused or lost; 2 wrong usage.")]
pub(super) struct ConnectArgs {
    /// The gateway, such as wss://localhost:8443; the path is /connection/websocket unless given
    #[arg(value_name = "URL", value_parser = Target::parse)]
    target: Target,

    /// A file with the token, or - for the first line of standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Sign a token for this user with the key of development mode
    #[arg(long, value_name = "USER", conflicts_with = "token_file")]
    user: Option<String>,

    /// Subscribe to this channel; may be given several times
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "echo")]
    channels: Vec<String>,

    /// Talk to the echo endpoint, /connection/echo: what is typed comes back
    #[arg(long)]
    echo: bool,

    /// Trust only these certificates (PEM), not the system's [default on loopback: development mode's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The state folder of development mode
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE_DIR)]
    state: PathBuf,
}

/// Runs `gatepost connect`.
pub(super) fn run(args: ConnectArgs) -> anyhow::Result<ExitCode> {
    let token = token(&args, &Clock::system())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(connect(&args, token));
    // A name that does not resolve would be waited for otherwise.
    runtime.shutdown_background();
    outcome
}

async fn connect(args: &ConnectArgs, token: Option<SecretString>) -> anyhow::Result<ExitCode> {
    // From here on a signal ends the connection, not the process in the middle of a line.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    };
    let mut stop = std::pin::pin!(stop);

    let target = args.target.with_default_path(args.echo);
    let ca = trusted(args);
    let until = Instant::now() + HANDSHAKE_TIMEOUT;
    let open = upgrade::open(&target, ca.as_deref());
    let Some(mut stream) = reach(&target, until, stop.as_mut(), open).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let ask = upgrade::ask(&mut stream, &target, token.as_ref());
    let refusal = match reach(&target, until, stop.as_mut(), ask).await? {
        None => return Ok(ExitCode::SUCCESS),
        Some(Ok(socket)) => return converse(args, socket, stop).await,
        Some(Err(refusal)) => refusal,
    };
    let refusal = upgrade::read_refusal(&mut stream, *refusal).await;
    complain(&clean(&refusal.to_string()));
    Ok(ExitCode::FAILURE)
}

/// Waits for a step of the way in; `None` when it was stopped.
async fn reach<T>(
    target: &Target,
    until: Instant,
    stop: Pin<&mut impl Future<Output = ()>>,
    step: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        () = stop => Ok(None),
        reached = timeout_at(until, step) => {
            reached.map_err(|_| anyhow!("{target} does not answer"))?.map(Some)
        }
    }
}

async fn converse<S: Stream>(
    args: &ConnectArgs,
    socket: WebSocketStream<S>,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<ExitCode> {
    let talk: Box<dyn Talk> = match args.echo {
        true => Box::new(Echo::default()),
        false => Box::new(Channels::new(&args.channels)),
    };
    let at_end = match args.echo || io::stdin().is_terminal() {
        true => AtEnd::Close,
        false => AtEnd::Stay,
    };
    let printer = Printer::new(io::stdout(), Clock::system());
    let conversation = Conversation::new(socket, talk, printer, at_end);
    Ok(finish(conversation.run(&mut input::lines()?, stop).await))
}

fn finish(end: End) -> ExitCode {
    match end {
        End::Ours | End::OutputClosed => ExitCode::SUCCESS,
        End::Lost(reason) => {
            // On a terminal it has just been read as the last line.
            if !io::stdout().is_terminal() {
                complain(&clean(&reason));
            }
            ExitCode::FAILURE
        }
    }
}

/// The token to present; none when neither is asked for, and the door will say what it thinks.
fn token(args: &ConnectArgs, clock: &Clock) -> anyhow::Result<Option<SecretString>> {
    if let Some(user) = &args.user {
        let issuer = development_issuer(&args.state, "name its folder with --state")?;
        let signed = issuer
            .signer()
            .sign(user, serde_json::Map::new(), TOKEN_LIFE, clock.now())?;
        return Ok(Some(signed.into()));
    }
    args.token_file.as_deref().map(token_from).transpose()
}

/// The token in a file, or in the first line of standard input if that is `-`.
pub(super) fn token_from(path: &Path) -> anyhow::Result<SecretString> {
    let text = match path == Path::new("-") {
        true => input::first_line().context("cannot read the token from standard input")?,
        false => fs::read_to_string(path)
            .with_context(|| format!("cannot read the token from {}", path.display()))?,
    };
    let token = text.trim();
    if token.is_empty() {
        bail!("the token is empty");
    }
    Ok(token.into())
}

/// The certificates to trust instead of the system's.
fn trusted(args: &ConnectArgs) -> Option<PathBuf> {
    let development = || {
        let path = certificate_path(&args.state);
        (args.target.is_loopback() && path.is_file()).then_some(path)
    };
    args.ca.clone().or_else(development)
}

#[cfg(test)]
mod tests;
