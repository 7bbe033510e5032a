//! A TLS stream that holds no buffers while nothing is under way.
//!
//! tokio-rustls keeps a buffer of 4 KiB for the next record of each connection: a third of all
//! that an idle one costs. So the records are read and written here, by rustls' own interface for
//! those who bring their buffers (`rustls::unbuffered`); all of the protocol is rustls'.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::UnbufferedServerConnection;
use tokio_rustls::rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, WriteTraffic};
use tokio_util::io::poll_read_buf;

use crate::edge::socket::{Socket, read};
use crate::limits::{TLS_MESSAGE_BYTES, TLS_READ_BYTES, WRITE_TURN_BYTES};
use crate::session::{Flushed, Wire, Written};

/// The server's end of a TLS connection.
pub(in crate::edge) struct TlsStream {
    pub(in crate::edge) socket: Socket,
    tls: UnbufferedServerConnection,
    /// What came of a record, or of a message of the handshake, that is not whole yet.
    incoming: Vec<u8>,
    /// What was read and had no room where it was to go.
    unread: Vec<u8>,
    peer: Peer,
}

/// What is to be expected of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Speaks,
    /// It said that nothing more comes.
    Ended,
    /// What it sent is no TLS that we share; it was told so.
    Broken,
}

/// What a record adds to its data at most, in all cipher suites that are offered.
const ONE_RECORD_ADDS: usize = 32;

/// What is to go out.
enum Say<'a> {
    Nothing,
    Data(&'a [u8]),
    /// `close_notify` (RFC 8446 §6.1).
    Goodbye,
}

impl Say<'_> {
    fn write<Data>(self, mut tls: WriteTraffic<'_, Data>, unsent: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Say::Nothing => Ok(()),
            Say::Data(data) => {
                let room = data.len() + ONE_RECORD_ADDS;
                append(unsent, room, |room| Ok(tls.encrypt(data, room)?))
            }
            Say::Goodbye => append(unsent, 0, |room| Ok(tls.queue_close_notify(room)?)),
        }
    }
}

impl TlsStream {
    /// A connection whose handshake is still to come.
    ///
    /// # Errors
    /// When the configuration lacks what a handshake needs.
    pub(super) fn new(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<TlsStream> {
        Ok(TlsStream {
            socket: Socket::new(tcp),
            tls: UnbufferedServerConnection::new(config).map_err(fault)?,
            incoming: Vec::new(),
            unread: Vec::new(),
            peer: Peer::Speaks,
        })
    }

    /// Reads until the whole ClientHello is there and its answer is made.
    pub(super) fn poll_hello(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.socket.unsent().is_empty() {
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Brings the handshake to its end.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads from the socket once, and takes in what came.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.len() >= TLS_MESSAGE_BYTES {
            return Poll::Ready(Err(fault("a TLS message that does not end")));
        }
        // Room only for what is there.
        ready!(self.socket.tcp.poll_read_ready(cx))?;
        self.incoming.reserve(TLS_READ_BYTES);
        let read = poll_read_buf(Pin::new(&mut self.socket.tcp), cx, &mut self.incoming);
        let taken_in = read.map(|read| match read? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => self.turn(into, Say::Nothing),
        });
        self.incoming.shrink_to_fit();
        taken_in
    }

    /// Takes in all that is whole of what came, and lets out what is to be said. What was said to us
    /// goes `into` as far as there is room.
    fn turn(&mut self, into: &mut ReadBuf<'_>, say: Say<'_>) -> io::Result<()> {
        if self.peer == Peer::Broken {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let mut taken = 0;
        let unsent = self.socket.unsent();
        loop {
            let records = &mut self.incoming[taken..];
            let status = self.tls.process_tls_records(records);
            taken += status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(fault)?;
                        taken += record.discard;
                        let fits = record.payload.len().min(into.remaining());
                        into.put_slice(&record.payload[..fits]);
                        self.unread.extend_from_slice(&record.payload[fits..]);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(unsent, 0, |room| Ok(data.encode(room)?))?;
                }
                // It goes out before all that comes behind it.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.peer = Peer::Ended,
                Ok(ConnectionState::WriteTraffic(traffic)) => {
                    say.write(traffic, unsent)?;
                    break;
                }
                Ok(_) => match say {
                    Say::Data(_) => return Err(io::ErrorKind::NotConnected.into()),
                    Say::Nothing | Say::Goodbye => break,
                },
                Err(error) => {
                    self.fail(taken);
                    return Err(fault(error));
                }
            }
        }
        self.incoming.drain(..taken);
        Ok(())
    }

    /// Tells the peer why nothing follows, if the socket takes that.
    fn fail(&mut self, taken: usize) {
        self.peer = Peer::Broken;
        while self.tls.wants_write() {
            let records = &mut self.incoming[taken..];
            let said = self.tls.process_tls_records(records).state;
            let Ok(ConnectionState::EncodeTlsData(mut data)) = said else {
                break;
            };
            let _ = append(self.socket.unsent(), 0, |room| Ok(data.encode(room)?));
        }
        let _ = self.socket.send();
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.poll_send(cx)? {
            Flushed::All => Poll::Ready(Ok(())),
            Flushed::Partly { .. } => Poll::Pending,
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unread.is_empty() {
            let fits = this.unread.len().min(into.remaining());
            into.put_slice(&this.unread[..fits]);
            this.unread.drain(..fits);
            this.unread.shrink_to_fit();
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        while into.filled().len() == before && this.peer != Peer::Ended {
            ready!(this.poll_receive(cx, into))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        let bytes = &bytes[..bytes.len().min(WRITE_TURN_BYTES)];
        this.write(bytes)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A second time it has nothing to say.
        this.turn(&mut ReadBuf::new(&mut []), Say::Goodbye)?;
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.socket.tcp).poll_shutdown(cx)
    }
}

impl Wire for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        self.turn(&mut ReadBuf::new(&mut []), Say::Data(bytes))?;
        self.socket.send()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        self.socket.poll_send(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        read(self, cx, into)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }

    fn abort(&self) {
        self.socket.abort();
    }
}

/// Why records were not written.
enum NotWritten {
    /// They need so much room, in bytes.
    Needs(usize),
    Failed(io::Error),
}

impl From<EncodeError> for NotWritten {
    fn from(error: EncodeError) -> NotWritten {
        match error {
            EncodeError::InsufficientSize(size) => NotWritten::Needs(size.required_size),
            error => NotWritten::Failed(io::Error::other(error)),
        }
    }
}

impl From<EncryptError> for NotWritten {
    fn from(error: EncryptError) -> NotWritten {
        match error {
            EncryptError::InsufficientSize(size) => NotWritten::Needs(size.required_size),
            error => NotWritten::Failed(io::Error::other(error)),
        }
    }
}

/// Appends records, with so much room, or as much as they need.
fn append(
    unsent: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, NotWritten>,
) -> io::Result<()> {
    let before = unsent.len();
    loop {
        unsent.resize(before + room, 0);
        match write(&mut unsent[before..]) {
            Ok(written) => {
                unsent.truncate(before + written);
                return Ok(());
            }
            Err(NotWritten::Needs(size)) => room = size,
            Err(NotWritten::Failed(error)) => {
                unsent.truncate(before);
                return Err(error);
            }
        }
    }
}

fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
