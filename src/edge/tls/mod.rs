//! TLS: what is offered to clients, and the handshake with its deadline and its bounds.

pub mod pem;

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::{Acceptor, NoServerSessionStorage};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ServerConfig, crypto, version};
use tokio_rustls::server::TlsStream;

use super::silent::SilentSockets;
use crate::limits::SILENT_SOCKETS;
use crate::telemetry::HandshakeResult;

/// What handshakes of a listener share.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    timeout: Duration,
    running: Semaphore,
    silent: SilentSockets,
}

/// Bounds of the handshakes of a listener.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Most handshakes at once, over all cores. Who waits for one waits in order of arrival.
    pub at_once: usize,
    /// From accept to the end of the handshake.
    pub timeout: Duration,
    /// Sockets of one address that have not sent a whole ClientHello.
    pub silent_per_address: usize,
}

impl Tls {
    /// TLS with this certificate, 1.3 alone or 1.2 as well.
    ///
    /// # Errors
    /// When rustls and its provider do not fit together, which no configuration can bring about.
    pub(super) fn new(
        certificate: Arc<CertifiedKey>,
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
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
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
            running: Semaphore::new(limits.at_once),
            silent: SilentSockets::new(limits.silent_per_address, SILENT_SOCKETS),
        })
    }

    /// One handshake, under one deadline from the first byte to the last (TLS-10).
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
        address: IpAddr,
    ) -> Result<TlsStream<TcpStream>, HandshakeResult> {
        tokio::time::timeout(self.timeout, self.handshake(socket, address))
            .await
            .unwrap_or(Err(HandshakeResult::TimedOut))
    }

    async fn handshake(
        &self,
        socket: TcpStream,
        address: IpAddr,
    ) -> Result<TlsStream<TcpStream>, HandshakeResult> {
        let mut hello = pin!(LazyConfigAcceptor::new(Acceptor::default(), socket));
        // Most sockets have spoken by the time they are read; only the others are silent.
        let at_once = poll_fn(|cx| match hello.as_mut().poll(cx) {
            Poll::Ready(start) => Poll::Ready(Some(start)),
            Poll::Pending => Poll::Ready(None),
        });
        let start = match at_once.await {
            Some(start) => start,
            None => {
                let silent = self.silent.enter(address);
                tokio::select! {
                    start = hello => start,
                    () = silent.dropped() => return Err(HandshakeResult::Dropped),
                }
            }
        };
        let start = start.map_err(|_| HandshakeResult::Failed)?;
        // The semaphore is never closed.
        let _running = self
            .running
            .acquire()
            .await
            .map_err(|_| HandshakeResult::Failed)?;
        let accept = start.into_stream_with(self.config.clone(), |tls| {
            tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        });
        accept.await.map_err(|_| HandshakeResult::Failed)
    }
}

/// What rustls may hold of plaintext and of ciphertext for a connection whose socket is full.
const TLS_BUFFER_BYTES: usize = 32 * 1024;
