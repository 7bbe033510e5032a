//! A server as a process of its own, from its start to its end.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use crate::credentials::Credentials;
use crate::peer::Peer;
use crate::process::{Cpu, pss_kib};
use crate::target::Target;

/// How long a server may take until it listens, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// A running server; it is ended when this is dropped.
pub struct Server {
    child: Child,
    pid: Pid,
    log: PathBuf,
    /// How clients reach it.
    pub target: Target,
}

impl Server {
    /// Starts a server, and waits until it listens.
    pub fn start(peer: Peer) -> Result<Server> {
        let credentials = Arc::new(Credentials::make()?);
        let port = free_port()?;
        let log = credentials.put("log", b"")?;
        let output = File::options().append(true).open(&log)?;
        let mut command = peer.command(port, &credentials)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Server {
            pid: Pid::from_raw(i32::try_from(child.id())?),
            child,
            log,
            target: Target {
                address: SocketAddr::from(([127, 0, 0, 1], port)),
                dialect: peer.dialect(),
                credentials,
            },
        };
        server
            .until_it_listens()
            .with_context(|| format!("{} does not start", peer.name()))?;
        Ok(server)
    }

    fn until_it_listens(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.target.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; it said:\n{}", self.said());
            }
            if began.elapsed() > PATIENCE {
                bail!(
                    "it does not listen at {}; it said:\n{}",
                    self.target.address,
                    self.said()
                );
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// The end of what it wrote to its standard output and error.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// CPU time that it and its children have used.
    pub fn cpu(&self) -> Result<Cpu> {
        Cpu::of(self.pid).with_context(|| format!("the server said:\n{}", self.said()))
    }

    /// Memory of it and its children.
    pub fn pss_kib(&self) -> Result<f64> {
        pss_kib(self.pid)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGTERM);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => sleep(POLL),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nothing listens at now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
