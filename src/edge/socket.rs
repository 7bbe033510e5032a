//! A TCP socket that is written to without waiting.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::session::{Flushed, Wire, Written};

/// A socket, and the bytes for it that it did not take yet.
pub(super) struct Socket {
    pub(super) tcp: TcpStream,
    /// Freed when all is sent: an idle connection holds nothing.
    unsent: Vec<u8>,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Socket {
        Socket {
            tcp,
            unsent: Vec::new(),
        }
    }

    /// Bytes that are to be sent; more may be put behind them.
    pub(super) fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Sends until the socket is full or nothing is left.
    pub(super) fn send(&mut self) -> io::Result<Written> {
        Ok(self.send_some()?.0)
    }

    /// The same for who can wait: whoever waits is woken when the socket takes bytes again. Only
    /// one task may, for tokio remembers one waker for each direction.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        let mut progress = false;
        loop {
            let (written, some) = self.send_some()?;
            progress |= some;
            if written == Written::All {
                return Ok(Flushed::All);
            }
            if self.tcp.poll_write_ready(cx)?.is_pending() {
                return Ok(Flushed::Partly { progress });
            }
        }
    }

    /// Tells as well whether the socket took something.
    fn send_some(&mut self) -> io::Result<(Written, bool)> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match taken_now(self.tcp.try_write(&self.unsent[sent..]))? {
                0 => break,
                taken => sent += taken,
            }
        }
        if sent == self.unsent.len() {
            self.unsent = Vec::new();
            return Ok((Written::All, sent > 0));
        }
        self.unsent.drain(..sent);
        Ok((Written::Partly, sent > 0))
    }

    /// Has the runtime where this is called tend the socket, in place of that which it was made in.
    ///
    /// # Errors
    /// When the system does not let go of it, or does not take it.
    pub(super) fn move_here(self) -> io::Result<Socket> {
        Ok(Socket {
            tcp: TcpStream::from_std(self.tcp.into_std()?)?,
            unsent: self.unsent,
        })
    }
}

impl Wire for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        let taken = taken_now(self.tcp.try_write(bytes))?;
        self.unsent.extend_from_slice(&bytes[taken..]);
        self.send()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        self.poll_send(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        read(&mut self.tcp, cx, into)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn abort(&self) {
        // It may have ended by itself: then there is nothing left to reset.
        let _ = SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
    }
}

/// Reads as a [`Wire`] does.
pub(super) fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// What a socket took; nothing if it is full.
fn taken_now(taken: io::Result<usize>) -> io::Result<usize> {
    match taken {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        taken => taken,
    }
}
