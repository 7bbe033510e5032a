//! A peer of the bench: hyper and tokio-tungstenite put together as their examples do, a task for
//! each connection, a bounded channel from the hub to it, every setting at its default.
#![forbid(unsafe_code)]

mod connection;
mod hub;
mod upgrade;

use std::env;
use std::sync::Arc;

use anyhow::Context;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use crate::upgrade::Door;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tls = TlsAcceptor::from(Arc::new(tls_config()?));
    let door = Arc::new(Door::new(&variable("BENCH_SECRET")?));
    let listener = TcpListener::bind(variable("BENCH_ADDRESS")?)
        .await
        .context("BENCH_ADDRESS")?;
    let mut terminated = signal(SignalKind::terminate())?;

    println!("ready");
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                // A handshake or a request that fails is the client's matter.
                tokio::spawn(serve(socket, tls.clone(), Arc::clone(&door)));
            }
            _ = terminated.recv() => return Ok(()),
        }
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| name.to_owned())
}

fn tls_config() -> anyhow::Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(variable("BENCH_CERTIFICATE")?)
        .and_then(Iterator::collect)
        .context("BENCH_CERTIFICATE")?;
    let key = PrivateKeyDer::from_pem_file(variable("BENCH_KEY")?).context("BENCH_KEY")?;

    let mut config = ServerConfig::builder_with_protocol_versions(&[&version::TLS13])
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.send_tls13_tickets = 0;
    Ok(config)
}

async fn serve(socket: TcpStream, tls: TlsAcceptor, door: Arc<Door>) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let stream = tls.accept(socket).await?;
    http1::Builder::new()
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let door = Arc::clone(&door);
                async move { door.open(request) }
            }),
        )
        .with_upgrades()
        .await?;
    Ok(())
}
