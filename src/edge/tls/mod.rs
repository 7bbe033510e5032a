//! TLS: what is offered to clients, and the handshake with its deadline and its bounds.

mod certificates;
pub mod leaf;
pub mod pem;
mod stream;

pub use certificates::Certificates;
pub(super) use stream::TlsStream;

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{ServerConfig, crypto, version};

use super::silent::SilentSockets;
use crate::telemetry::HandshakeResult;
use crate::turns::Turns;

/// What handshakes of a listener share.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    timeout: Duration,
    turns: Turns,
    silent: SilentSockets,
}

/// Bounds of the handshakes of a listener.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Handshakes in one turn of newcomers, over all cores.
    pub in_a_turn: usize,
    /// From accept to the end of the handshake.
    pub timeout: Duration,
    /// Sockets of one address that have not sent a whole ClientHello.
    pub silent_per_address: usize,
    /// The same of all addresses.
    pub silent_in_all: usize,
}

impl Tls {
    /// TLS with the certificate that is current at each handshake, 1.3 alone or 1.2 as well.
    ///
    /// # Errors
    /// When rustls and its provider do not fit together, which no configuration can bring about.
    pub(super) fn new(
        certificates: Certificates,
        only_tls_13: bool,
        limits: HandshakeLimits,
    ) -> Result<Tls, tokio_rustls::rustls::Error> {
        let versions: &[_] = if only_tls_13 {
            &[&version::TLS13]
        } else {
            &[&version::TLS13, &version::TLS12]
        };
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        // A client that offers only h2 gets an alert: there is no WebSocket over h2 here (TLS-3).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets cost every handshake, and behind a balancer they miss (TLS-6); early data could
        // replay an upgrade (TLS-7).
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(Tls {
            config: Arc::new(config),
            timeout: limits.timeout,
            turns: Turns::of(limits.in_a_turn),
            silent: SilentSockets::new(limits.silent_per_address, limits.silent_in_all),
        })
    }

    /// One handshake, under one deadline from the first byte to the last (TLS-10). Without an
    /// address it counts among all alone, as that of a proxy does.
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
        address: Option<IpAddr>,
    ) -> Result<TlsStream, HandshakeResult> {
        tokio::time::timeout(self.timeout, self.handshake(socket, address))
            .await
            .unwrap_or(Err(HandshakeResult::TimedOut))
    }

    async fn handshake(
        &self,
        socket: TcpStream,
        address: Option<IpAddr>,
    ) -> Result<TlsStream, HandshakeResult> {
        // Until its turn it is not even read.
        self.await_client(pin!(socket.readable()), address)
            .await??;
        self.turns.next().await;
        let mut stream = TlsStream::new(self.config.clone(), socket)?;
        let hello = pin!(poll_fn(|cx| stream.poll_hello(cx)));
        self.await_client(hello, address).await??;
        let rest = pin!(poll_fn(|cx| stream.poll_handshake(cx)));
        self.await_client(rest, None).await??;
        Ok(stream)
    }

    /// Waits for bytes of the client, among those that are silent: with an address, among those of
    /// the address as well. After the hello a crowd behind one address is no sign of an attack.
    async fn await_client<F: Future>(
        &self,
        mut step: Pin<&mut F>,
        address: Option<IpAddr>,
    ) -> Result<F::Output, HandshakeResult> {
        // Most have spoken by the time they are read; only the others are silent.
        if let Some(done) = at_once(step.as_mut()).await {
            return Ok(done);
        }
        let silent = self.silent.enter(address);
        tokio::select! {
            done = step => Ok(done),
            () = silent.dropped() => Err(HandshakeResult::Dropped),
        }
    }
}

/// The future's result if it has one now.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
