//! The servers that are measured, and how each is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::credentials::Credentials;
use crate::dialect::{Dialect, Format, Token};

/// Gatepost's configuration for the bench, but for its addresses.
const GATEPOST_CONFIG: &str = include_str!("../gatepost.toml");

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// A bare rustls server on one thread: the lower bound for whoever does not merge.
    Floor,
    /// This gateway.
    Gatepost,
    /// hyper and tokio-tungstenite, by the book.
    Tungstenite,
    /// Bun, with uWebSockets inside.
    Bun,
    /// gorilla/websocket, the chat example (Go).
    Gorilla,
    /// ws (Node.js).
    Ws,
    /// Centrifugo (Go).
    Centrifugo,
    /// Sockudo (Rust).
    Sockudo,
}

impl Peer {
    /// Its name, as it stands in records.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Floor => "floor",
            Peer::Gatepost => "gatepost",
            Peer::Tungstenite => "tungstenite",
            Peer::Bun => "bun",
            Peer::Gorilla => "gorilla",
            Peer::Ws => "ws",
            Peer::Centrifugo => "centrifugo",
            Peer::Sockudo => "sockudo",
        }
    }

    /// What it speaks.
    pub fn dialect(self) -> Dialect {
        match self {
            Peer::Gatepost => Dialect::Centrifuge(Token::Upgrade, Format::Json),
            Peer::Centrifugo => Dialect::Centrifuge(Token::Connect, Format::Json),
            Peer::Sockudo => Dialect::Pusher,
            _ => Dialect::Plain,
        }
    }

    /// How it is started to listen at `127.0.0.1:port`.
    pub fn command(self, port: u16, credentials: &Credentials) -> Result<Command> {
        let mut command = match self {
            Peer::Floor => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("floor");
                command
            }
            Peer::Gatepost => gatepost(port, credentials)?,
            peer => Command::new(script(peer)?),
        };
        command
            .env("BENCH_ADDRESS", format!("127.0.0.1:{port}"))
            .envs(credentials.environment());
        Ok(command)
    }

    /// What it calls itself, with its version; an error says why it cannot be run.
    pub fn version(self) -> Result<String> {
        let program = match self {
            Peer::Floor => std::env::current_exe()?,
            Peer::Gatepost => gatepost_program()?,
            peer => script(peer)?,
        };
        let told = Command::new(&program)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let error = String::from_utf8_lossy(&told.stderr);
        ensure!(told.status.success(), "{}", error.trim());
        let version = String::from_utf8(told.stdout)?;
        Ok(version.lines().next().unwrap_or_default().trim().to_owned())
    }
}

fn gatepost_program() -> Result<PathBuf> {
    let program = std::env::var_os("GATEPOST_BIN")
        .map_or_else(|| "target/release/gatepost".into(), PathBuf::from);
    ensure!(
        program.exists(),
        "there is no {}: build it with `cargo build --release`, run the bench from the root of the \
         repository, or say where it is in GATEPOST_BIN",
        program.display()
    );
    Ok(program)
}

fn gatepost(port: u16, credentials: &Credentials) -> Result<Command> {
    let program = gatepost_program()?;
    let admin = crate::server::free_port()?;
    let config = GATEPOST_CONFIG
        .replace("127.0.0.1:8443", &format!("127.0.0.1:{port}"))
        .replace("127.0.0.1:9443", &format!("127.0.0.1:{admin}"));
    let config = credentials.put("gatepost.toml", config.as_bytes())?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config);
    Ok(command)
}

/// The script that starts one of the other servers.
fn script(peer: Peer) -> Result<PathBuf> {
    let name = peer.name();
    let script = Path::new("bench/peers").join(name).join("start");
    script.canonicalize().with_context(|| {
        format!(
            "there is no {}: run the bench from the root of the repository",
            script.display()
        )
    })
}
