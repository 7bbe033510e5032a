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
    Clear(TcpStream),
}

impl Stream {
    /// The same as [`Stream::into_wire`], for another runtime: that where this is called.
    ///
    /// # Errors
    /// When the process has no file descriptor to spare for this moment.
    pub(super) fn move_here(mut self) -> io::Result<Box<dyn Wire>> {
        let tcp = match &mut self {
            Stream::Tls(stream) => stream.get_mut().0,
            Stream::Clear(tcp) => tcp,
        };
        // A socket stays with the runtime that it was made in; a twin of it can be made in another.
        let twin = SockRef::from(&*tcp).try_clone()?;
        *tcp = TcpStream::from_std(twin.into())?;
        Ok(self.into_wire())
    }

    /// The stream of a WebSocket.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        match self {
            Stream::Tls(mut stream) => {
                // A wire is only given more when it has sent all: the bound is one turn's write.
                stream.get_mut().1.set_buffer_limit(None);
                stream
            }
            Stream::Clear(tcp) => Box::new(Clear {
                tcp,
                unsent: Vec::new(),
            }),
        }
    }
}

impl Wire for TlsStream<TcpStream> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        self.get_mut().1.writer().write_all(bytes)?;
        Ok(self.write_now()?.0)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        flush(self, cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        read(self, cx, into)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }

    fn abort(&self) {
        abort(self.get_ref().0);
    }
}

impl Sink for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn has_unsent(&self) -> bool {
        self.get_ref().1.wants_write()
    }

    fn send(&mut self) -> io::Result<usize> {
        let (tcp, tls) = self.get_mut();
        tls.write_tls(&mut Now(tcp))
    }
}

/// Clear text, and what the socket did not take of it.
struct Clear {
    tcp: TcpStream,
    unsent: Vec<u8>,
}

impl Wire for Clear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        let taken = match self.tcp.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            taken => taken?,
        };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(self.write_now()?.0)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        flush(self, cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        read(&mut self.tcp, cx, into)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.tcp), cx)
    }

    fn abort(&self) {
        abort(&self.tcp);
    }
}

impl Sink for Clear {
    fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn send(&mut self) -> io::Result<usize> {
        let taken = self.tcp.try_write(&self.unsent)?;
        if taken == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..taken);
        }
        Ok(taken)
    }
}

/// What both have in common: bytes that the socket did not take.
trait Sink {
    fn tcp(&self) -> &TcpStream;

    fn has_unsent(&self) -> bool;

    /// Sends some of them, without waiting.
    fn send(&mut self) -> io::Result<usize>;

    /// Sends until the socket is full or nothing is left; tells whether it took something.
    fn write_now(&mut self) -> io::Result<(Written, bool)> {
        let mut progress = false;
        while self.has_unsent() {
            match self.send() {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => progress = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((Written::Partly, progress));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((Written::All, progress))
    }
}

fn flush(sink: &mut impl Sink, cx: &mut Context<'_>) -> io::Result<Flushed> {
    let mut progress = false;
    loop {
        let (written, some) = sink.write_now()?;
        progress |= some;
        if written == Written::All {
            return Ok(Flushed::All);
        }
        if sink.tcp().poll_write_ready(cx)?.is_pending() {
            return Ok(Flushed::Partly { progress });
        }
    }
}

fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

fn abort(tcp: &TcpStream) {
    // It may have ended by itself: then there is nothing left to reset.
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Writes what the socket takes now. Only the connection's task may ask to be woken, and tokio
/// remembers one waker for each direction: so nobody else polls.
struct Now<'a>(&'a TcpStream);

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
            Stream::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
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
            Stream::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Clear(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::runtime::Runtime;

    use super::*;

    // Whoever is admitted must not hang on the threads of those who are not.
    #[test]
    fn a_stream_lives_on_when_the_runtime_that_accepted_it_is_gone() {
        let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (mut client, accepted) = first.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = second.spawn(TcpStream::connect(address));
            let (accepted, _) = listener.accept().await.unwrap();
            (client.await.unwrap().unwrap(), accepted)
        });
        let there = second.enter();
        let mut wire = Stream::Clear(accepted).move_here().unwrap();
        drop((there, first));
        second.block_on(async {
            client.write_all(b"to").await.unwrap();
            let mut read = [0; 8];
            let count = poll_fn(|cx| wire.poll_read(cx, &mut read)).await.unwrap();
            assert_eq!(&read[..count], b"to");
            wire.write(b"from").unwrap();
            let mut heard = [0; 4];
            client.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"from");
        });
    }
}
