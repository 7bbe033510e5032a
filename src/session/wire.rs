//! The byte stream under a connection, as `edge` gives it.

use std::io;
use std::task::{Context, Poll};

use crate::limits::CLOSE_TIMEOUT;

/// A byte stream to a client. Anybody may write to it, since that never waits; to wait for it is
/// for the connection's task alone.
pub trait Wire: Send + 'static {
    /// Gives bytes to the socket. It takes all of them: what does not go out at once follows with
    /// [`Wire::poll_flush`], and until then nothing more may be given.
    ///
    /// # Errors
    /// When the stream is broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written>;

    /// Goes on with what did not go out.
    ///
    /// # Errors
    /// When the stream is broken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed>;

    /// Reads some bytes; none at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Says that nothing more will be written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes the coming end of the stream a reset: the kernel is to keep nothing for a peer that
    /// does not read.
    fn abort(&self);
}

/// How far a write came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The socket has all of it.
    All,
    /// The socket is full.
    Partly,
}

/// How far a flush came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// The socket has all of it.
    All,
    /// The socket is full again. Says whether it took something.
    Partly {
        /// Some bytes went out.
        progress: bool,
    },
}

/// Says goodbye and waits until the peer has gone too: a socket that is dropped with bytes unread
/// is reset, and the peer may lose the last thing it was told (RFC 9112 §9.6). Tells whether it
/// went in time.
pub async fn close_orderly<W: Wire + ?Sized>(wire: &mut W) -> bool {
    let goodbye = async {
        std::future::poll_fn(|cx| wire.poll_shutdown(cx)).await?;
        let mut ignored = [0; 512];
        while std::future::poll_fn(|cx| wire.poll_read(cx, &mut ignored)).await? > 0 {}
        io::Result::Ok(())
    };
    // A peer that ends without TLS's own goodbye is gone all the same.
    tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await.is_ok()
}
