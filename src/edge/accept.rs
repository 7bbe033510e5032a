//! The accept loop: it survives what accept can fail with, and each socket it takes goes on as a
//! task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::addresses::Arrival;
use super::stream::Stream;
use super::tls::{Certificates, Tls};
use super::visit::Visit;
use super::{Gateway, HandshakeLimits};
use crate::limits::{
    ACCEPT_RETRY_MAX, ACCEPT_RETRY_MIN, ACCEPTS_IN_A_TURN, LISTEN_BACKLOG, SEND_BUFFER_BYTES,
};
use crate::telemetry::HandshakeResult;

/// How the public listener speaks.
pub enum Transport {
    /// TLS.
    Tls {
        /// What the handshakes take their certificate from.
        certificates: Certificates,
        /// No TLS 1.2.
        only_tls_13: bool,
        /// Bounds.
        limits: HandshakeLimits,
    },
    /// Clear text, on loopback.
    Loopback,
    /// Clear text, from trusted proxies only: TLS ends there.
    BehindProxies,
}

/// The public listener, bound.
pub struct Listener {
    socket: TcpListener,
    transport: Accepted,
    gateway: Arc<Gateway>,
    tasks: TaskTracker,
}

enum Accepted {
    Tls(Arc<Tls>),
    Loopback,
    BehindProxies,
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// When it cannot be bound, which the message explains.
    pub fn bind(
        address: SocketAddr,
        transport: Transport,
        gateway: Arc<Gateway>,
    ) -> anyhow::Result<Listener> {
        let transport = match transport {
            Transport::Tls {
                certificates,
                only_tls_13,
                limits,
            } => Accepted::Tls(Arc::new(Tls::new(certificates, only_tls_13, limits)?)),
            Transport::Loopback => Accepted::Loopback,
            Transport::BehindProxies => Accepted::BehindProxies,
        };
        let socket = listen(address)?;
        Ok(Listener {
            socket,
            transport,
            gateway,
            tasks: TaskTracker::new(),
        })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop`, which also ends connections that were not upgraded.
    pub async fn run(self, stop: CancellationToken) {
        let mut retry = ACCEPT_RETRY_MIN;
        let mut in_this_turn = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Cancel-safe: a connection that was not taken stays in the backlog.
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((socket, client)) => {
                    retry = ACCEPT_RETRY_MIN;
                    self.take(socket, client, &stop);
                    in_this_turn += 1;
                    if in_this_turn >= ACCEPTS_IN_A_TURN {
                        in_this_turn = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Err(error) => {
                    self.gateway.metrics.accept_errors.inc();
                    if is_of_one_connection(&error) {
                        continue;
                    }
                    // No file descriptors: those who leave free some. Never stop accepting.
                    tracing::error!(%error, wait = ?retry, "accept failed");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(ACCEPT_RETRY_MAX);
                }
            }
        }
        drop(self.socket);
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn take(&self, socket: TcpStream, client: SocketAddr, stop: &CancellationToken) {
        let gateway = &self.gateway;
        gateway.metrics.accepted.inc();
        let peer = client.ip().to_canonical();
        let trusts = gateway.proxies.trusts(peer);
        let may_speak = match &self.transport {
            Accepted::Tls(_) => true,
            Accepted::Loopback => peer.is_loopback(),
            Accepted::BehindProxies => trusts,
        };
        if !may_speak {
            // Clear text from anybody else is not even read (TLS-11).
            tracing::debug!(%client, "clear text from an address that is no trusted proxy");
            return;
        }
        let Some(plain) = gateway.ceiling.enter(gateway.sessions.connections()) else {
            return gateway.turn_away(client, "node");
        };
        // A proxy's connections are those of its clients, who are counted by their requests.
        let told = match trusts {
            true => None,
            false => match gateway.addresses.arrive(peer) {
                Arrival::Served => None,
                Arrival::Told { retry_after } => Some(retry_after),
                Arrival::TurnedAway => return gateway.turn_away(client, "address"),
            },
        };
        let visit = Visit { peer, told };
        let (gateway, stop) = (gateway.clone(), stop.clone());
        // An idle connection between two requests must not hold up the end of the process.
        match &self.transport {
            Accepted::Tls(tls) => {
                let serve = serve_tls(tls.clone(), socket, visit, gateway);
                self.tasks.spawn(async move {
                    stop.run_until_cancelled(serve).await;
                    drop(plain);
                });
            }
            Accepted::Loopback | Accepted::BehindProxies => {
                let serve = gateway.serve(Stream::clear(socket), visit);
                self.tasks.spawn(async move {
                    stop.run_until_cancelled(serve).await;
                    drop(plain);
                });
            }
        }
    }
}

async fn serve_tls(tls: Arc<Tls>, socket: TcpStream, visit: Visit, gateway: Arc<Gateway>) {
    let peer = visit.peer;
    let counted = (!gateway.proxies.trusts(peer)).then_some(peer);
    // Boxed, so that the handshake's state is gone before the requests are read.
    match Box::pin(tls.accept(socket, counted)).await {
        Ok(stream) => {
            gateway.metrics.handshake(HandshakeResult::Done);
            Box::pin(gateway.serve(Stream::Tls(Box::new(stream)), visit)).await;
        }
        Err(result) => {
            tracing::debug!(%peer, result = result.as_str(), "TLS handshake not completed");
            gateway.metrics.handshake(result);
        }
    }
}

/// A listening socket with a backlog for a crowd that comes back at once.
pub(super) fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    use anyhow::Context;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    configure(&socket)?;
    socket
        .bind(address)
        .with_context(|| format!("cannot listen on {address}"))?;
    Ok(socket.listen(LISTEN_BACKLOG)?)
}

/// What each socket needs: no delay of small writes, a bound on what the kernel hides of a reader
/// that stalls, and an end for a peer that is gone without a word (WS-7). The sockets that are
/// accepted inherit it, which saves six system calls each.
fn configure(listener: &TcpSocket) -> io::Result<()> {
    listener.set_nodelay(true)?;
    let listener = SockRef::from(listener);
    listener.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    listener.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    listener.set_tcp_user_timeout(Some(Duration::from_secs(20)))?;
    Ok(())
}

/// Errors that say something about one connection that was lost before it was taken.
pub(super) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_inherit_what_the_listener_is_set_to() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, accepted) = (client.unwrap(), accepted.unwrap().0);
        assert!(accepted.nodelay().unwrap());
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * SEND_BUFFER_BYTES);
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(30)
        );
        assert_eq!(
            socket.tcp_keepalive_interval().unwrap(),
            Duration::from_secs(10)
        );
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        #[cfg(target_os = "linux")]
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(20))
        );
        drop(client);
    }
}
