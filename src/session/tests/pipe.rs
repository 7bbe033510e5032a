//! The pipe of the tests as a [`Wire`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::session::{Flushed, Wire, Written};

pub(super) struct Pipe {
    stream: DuplexStream,
    unsent: Vec<u8>,
}

impl Pipe {
    pub(super) fn new(stream: DuplexStream) -> Pipe {
        let unsent = Vec::new();
        Pipe { stream, unsent }
    }
}

impl Wire for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        self.unsent.extend_from_slice(bytes);
        // Who does not wait is not woken either; the task flushes with a waker of its own.
        Ok(
            match self.poll_flush(&mut Context::from_waker(Waker::noop()))? {
                Flushed::All => Written::All,
                Flushed::Partly { .. } => Written::Partly,
            },
        )
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        let mut progress = false;
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.unsent) {
                Poll::Pending => return Ok(Flushed::Partly { progress }),
                Poll::Ready(taken) => drop(self.unsent.drain(..taken?)),
            }
            progress = true;
        }
        Ok(Flushed::All)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn abort(&self) {}
}
