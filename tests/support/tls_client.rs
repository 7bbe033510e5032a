//! TLS clients of other kinds than the usual one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::Gateway;

fn roots(gateway: &Gateway) -> RootCertStore {
    let pem = std::fs::read(gateway.folder.path().join("server.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut pem.as_slice()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// A client that speaks these versions.
pub fn client(
    gateway: &Gateway,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(gateway))
        .with_no_client_auth();
    Arc::new(config)
}

/// A client with these primitives.
pub fn with_provider(gateway: &Gateway, provider: CryptoProvider) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(gateway))
        .with_no_client_auth();
    Arc::new(config)
}

/// The usual primitives, with these key exchanges alone.
pub fn provider_with(groups: &[&'static dyn SupportedKxGroup]) -> CryptoProvider {
    CryptoProvider {
        kx_groups: groups.to_vec(),
        ..aws_lc_rs::default_provider()
    }
}

/// A ClientHello as clients up to TLS 1.2 send it: this version, these suites, P-256.
pub fn client_hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let sized = |bytes: &[u8]| -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], bytes].concat()
    };
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &sized(body)].concat();
    let suites: Vec<u8> = suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    let extensions = [
        extension(10, &sized(&[0, 23])),
        extension(11, &[1, 0]),
        extension(13, &sized(&[4, 3, 8, 4, 4, 1])),
        extension(23, &[]),
    ]
    .concat();
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[0],
        &sized(&suites),
        &[1, 0],
        &sized(&extensions),
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1], &length[1..], &body].concat();
    [&[0x16, 3, 1][..], &sized(&handshake)].concat()
}

/// The code of the fatal alert that these bytes are, and nothing else.
pub fn alert(bytes: &[u8]) -> u8 {
    match *bytes {
        [0x15, 3, _, 0, 2, 2, code] => code,
        _ => panic!("not a fatal alert: {bytes:02x?}"),
    }
}

/// A socket that writes little at a time, and may hold the rest until it is told to go on.
pub struct Pieces {
    socket: TcpStream,
    piece: usize,
    before_hold: Option<usize>,
    held: Option<oneshot::Sender<()>>,
    resumed: Option<oneshot::Receiver<()>>,
}

impl Pieces {
    pub fn new(socket: TcpStream, piece: usize) -> Pieces {
        Pieces {
            socket,
            piece,
            before_hold: None,
            held: None,
            resumed: None,
        }
    }

    /// Holds the rest after this many bytes: tells so by what is received, goes on by what is sent.
    pub fn hold_after(&mut self, bytes: usize) -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (held, is_held) = oneshot::channel();
        let (resume, resumed) = oneshot::channel();
        self.before_hold = Some(bytes);
        self.held = Some(held);
        self.resumed = Some(resumed);
        (resume, is_held)
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.before_hold == Some(0) {
            if let Some(held) = self.held.take() {
                let _ = held.send(());
            }
            if let Some(resumed) = &mut self.resumed {
                std::task::ready!(Pin::new(resumed).poll(cx)).unwrap();
            }
            self.before_hold = None;
        }
        let most = self.piece.min(self.before_hold.unwrap_or(usize::MAX));
        let piece = &bytes[..bytes.len().min(most)];
        let written = std::task::ready!(Pin::new(&mut self.socket).poll_write(cx, piece))?;
        if let Some(left) = &mut self.before_hold {
            *left -= written;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}
