//! The floor: a bare rustls server on one thread, in the plain protocol. One TLS record and one
//! write for each delivery: what no server can go below unless it merges.
//!
//! It has no limits and bounds nothing, so it is no server for anything else.

mod connection;
mod upgrade;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use self::connection::Connection;
use self::upgrade::Tokens;
use crate::tls;

const BACKLOG: u32 = 4096;

/// The members of each channel.
type Channels = RefCell<HashMap<String, Vec<Rc<Connection>>>>;

/// What all connections share.
struct Floor {
    tls: Arc<ServerConfig>,
    tokens: Tokens,
    channels: Channels,
}

/// Serves as the environment says, until SIGTERM.
pub fn run() -> Result<()> {
    let variable = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let address: SocketAddr = variable("BENCH_ADDRESS")?
        .parse()
        .context("BENCH_ADDRESS")?;
    let certificate = PathBuf::from(variable("BENCH_CERTIFICATE")?);
    let key = PathBuf::from(variable("BENCH_KEY")?);
    let floor = Rc::new(Floor {
        tls: tls::server(&certificate, &key)?,
        tokens: Tokens::new(&variable("BENCH_SECRET")?),
        channels: Channels::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut stop = signal(SignalKind::terminate())?;
        tokio::select! {
            served = serve(address, floor) => served,
            _ = stop.recv() => Ok(()),
        }
    })
}

async fn serve(address: SocketAddr, floor: Rc<Floor>) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    println!("ready");
    loop {
        let (tcp, _) = listener.accept().await?;
        let floor = floor.clone();
        tokio::task::spawn_local(async move {
            // Whatever ends a connection ends it alone.
            if let Ok(connection) = admit(tcp, &floor).await {
                // A task of its own, so that what the handshake held is given back.
                tokio::task::spawn_local(connection.live(floor));
            }
        });
    }
}

/// The handshake, the request, the token, the 101.
async fn admit(tcp: TcpStream, floor: &Floor) -> Result<Rc<Connection>> {
    tcp.set_nodelay(true)?;
    let mut stream = TlsAcceptor::from(floor.tls.clone()).accept(tcp).await?;
    upgrade::answer(&mut stream, &floor.tokens).await?;
    let (tcp, tls) = stream.into_inner();
    Ok(Rc::new(Connection::new(tcp, tls)))
}
