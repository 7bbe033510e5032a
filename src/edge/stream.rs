//! The byte stream under a connection: TLS, or clear text where that is configured.
//!
//! For HTTP it is an asynchronous stream like any other. For a WebSocket it is a [`Wire`], which
//! whoever has something to say writes to without waiting.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::socket::Socket;
use super::tls::TlsStream;
use crate::session::Wire;

/// An accepted stream.
pub(super) enum Stream {
    Tls(Box<TlsStream>),
    Clear(Socket),
}

impl Stream {
    pub(super) fn clear(tcp: TcpStream) -> Stream {
        Stream::Clear(Socket::new(tcp))
    }

    /// The same as [`Stream::into_wire`], for another runtime: that where this is called.
    ///
    /// # Errors
    /// When the system does not let go of the socket, or does not take it.
    pub(super) fn move_here(self) -> io::Result<Box<dyn Wire>> {
        let moved = match self {
            Stream::Tls(mut stream) => {
                stream.socket = stream.socket.move_here()?;
                Stream::Tls(stream)
            }
            Stream::Clear(socket) => Stream::Clear(socket.move_here()?),
        };
        Ok(moved.into_wire())
    }

    /// The stream of a WebSocket.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        match self {
            Stream::Tls(stream) => stream,
            Stream::Clear(socket) => Box::new(socket),
        }
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
            Stream::Clear(socket) => Pin::new(&mut socket.tcp).poll_read(cx, buffer),
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
            Stream::Clear(socket) => Pin::new(&mut socket.tcp).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Clear(socket) => Pin::new(&mut socket.tcp).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Clear(socket) => Pin::new(&mut socket.tcp).poll_shutdown(cx),
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
        let mut wire = Stream::clear(accepted).move_here().unwrap();
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
