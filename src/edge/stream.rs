//! The byte stream under a connection: TLS, or clear text where that is configured.
//!
//! For HTTP it is an asynchronous stream like any other. For a WebSocket it is a [`Wire`], which
//! whoever has something to say writes to without waiting.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::session::{Flushed, Wire, Written};

/// An accepted stream.
pub(super) enum Stream {
    Tls(Box<TlsStream<TcpStream>>),
    Clear(Clear),
}

/// Clear text, and what the socket did not take of it.
pub(super) struct Clear {
    tcp: TcpStream,
    unsent: Vec<u8>,
}

/// Writes what the socket takes now. Only the connection's task may ask to be woken, and tokio
/// remembers one waker for each direction: so nobody else polls.
struct Now<'a>(&'a TcpStream);

impl Stream {
    pub(super) fn clear(tcp: TcpStream) -> Stream {
        let unsent = Vec::new();
        Stream::Clear(Clear { tcp, unsent })
    }

    /// The stream of a WebSocket.
    pub(super) fn into_wire(mut self) -> Box<dyn Wire> {
        if let Stream::Tls(stream) = &mut self {
            // A wire is only given more when it has sent all: the bound is one turn's write.
            stream.get_mut().1.set_buffer_limit(None);
        }
        Box::new(self)
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Tls(stream) => stream.get_ref().0,
            Stream::Clear(stream) => &stream.tcp,
        }
    }

    /// Writes until the socket is full or nothing is left; tells whether it took something.
    fn write_now(&mut self) -> io::Result<(Written, bool)> {
        let mut progress = false;
        loop {
            let taken = match self {
                Stream::Tls(stream) => {
                    let (tcp, tls) = stream.get_mut();
                    if !tls.wants_write() {
                        return Ok((Written::All, progress));
                    }
                    tls.write_tls(&mut Now(tcp))
                }
                Stream::Clear(Clear { unsent, .. }) if unsent.is_empty() => {
                    return Ok((Written::All, progress));
                }
                Stream::Clear(clear) => clear.write_unsent(),
            };
            match taken {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => progress = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((Written::Partly, progress));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Clear {
    fn write_unsent(&mut self) -> io::Result<usize> {
        let taken = self.tcp.try_write(&self.unsent)?;
        if taken == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..taken);
        }
        Ok(taken)
    }
}

impl Wire for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        match self {
            Stream::Tls(stream) => stream.get_mut().1.writer().write_all(bytes)?,
            Stream::Clear(clear) => match clear.tcp.try_write(bytes) {
                Ok(taken) => clear.unsent.extend_from_slice(&bytes[taken..]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    clear.unsent.extend_from_slice(bytes);
                }
                Err(error) => return Err(error),
            },
        }
        Ok(self.write_now()?.0)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        let mut progress = false;
        loop {
            let (written, some) = self.write_now()?;
            progress |= some;
            if written == Written::All {
                return Ok(Flushed::All);
            }
            if self.tcp().poll_write_ready(cx)?.is_pending() {
                return Ok(Flushed::Partly { progress });
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(AsyncRead::poll_read(Pin::new(self), cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }

    fn abort(&self) {
        // It may have ended by itself: then there is nothing left to reset.
        let _ = SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Clear(stream) => Pin::new(&mut stream.tcp).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Clear(stream) => Pin::new(&mut stream.tcp).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Clear(stream) => Pin::new(&mut stream.tcp).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Clear(stream) => Pin::new(&mut stream.tcp).poll_shutdown(cx),
        }
    }
}
