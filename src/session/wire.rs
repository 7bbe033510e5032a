//! Frames over the bytes that `edge` gives: reads into a buffer of the thread, writes what waits
//! in one go. Nothing is allocated for a connection that is idle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outbox::Outbox;
use crate::limits::{CLOSE_TIMEOUT, READ_TURN_BYTES};
use crate::protocol::websocket::{Frame, FrameReader, Violation, pong_frame};

/// A byte stream to a client, given by `edge`.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the coming end of the stream a reset: the kernel is to keep nothing for a peer that
    /// does not read.
    fn abort(&self);
}

/// A [`Wire`] with frames on it.
pub(super) struct Frames<W> {
    wire: W,
    reader: FrameReader,
    read: VecDeque<Frame>,
    pong: Option<Bytes>,
    unsent: Vec<u8>,
    sent: usize,
    /// What was counted since it was last asked for.
    pub(super) traffic: Traffic,
}

/// Bytes and messages, gathered here so that the shared counters are touched once a turn.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) messages: u64,
}

/// What a read came to.
pub(super) enum ReadTurn {
    /// Bytes came, and maybe with them the end of a message.
    Bytes { messages: bool },
    /// The peer sent its last byte, or the connection broke.
    End,
}

/// What a write came to.
pub(super) enum WriteTurn {
    /// Nothing waits any more.
    Done,
    /// The socket is full. Says whether it took something in this turn.
    Full { progress: bool },
}

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_TURN_BYTES].into_boxed_slice());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<W: Wire> Frames<W> {
    pub(super) fn new(wire: W, max_message: usize) -> Frames<W> {
        Frames {
            wire,
            reader: FrameReader::new(max_message),
            read: VecDeque::new(),
            pong: None,
            unsent: Vec::new(),
            sent: 0,
            traffic: Traffic::default(),
        }
    }

    pub(super) fn set_max_message(&mut self, bytes: usize) {
        self.reader.set_max_message(bytes);
    }

    /// The next whole frame that was read.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let frame = self.read.pop_front();
        if self.read.is_empty() && self.read.capacity() > KEPT_FRAMES {
            self.read = VecDeque::new();
        }
        frame
    }

    /// Whether a message has begun and is not whole.
    pub(super) fn is_mid_message(&self) -> bool {
        self.reader.is_mid_message()
    }

    /// Takes bytes as if they had been read: those that came right behind the upgrade request.
    /// Tells whether a message became whole.
    pub(super) fn feed(&mut self, mut input: &[u8]) -> Result<bool, Violation> {
        self.traffic.received_bytes += input.len() as u64;
        let mut messages = false;
        while let Some(frame) = self.reader.read(&mut input)? {
            messages |= matches!(frame, Frame::Message { .. });
            self.read.push_back(frame);
        }
        Ok(messages)
    }

    /// Reads once. Frames before a violation are kept and come first.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReadTurn, Violation>> {
        READ.with_borrow_mut(|space| {
            let mut buffer = ReadBuf::new(space);
            match ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer)) {
                Err(_) => Poll::Ready(Ok(ReadTurn::End)),
                Ok(()) if buffer.filled().is_empty() => Poll::Ready(Ok(ReadTurn::End)),
                Ok(()) => {
                    let fed = self.feed(buffer.filled());
                    Poll::Ready(fed.map(|messages| ReadTurn::Bytes { messages }))
                }
            }
        })
    }

    /// At most one pong waits at a time (WS-6): the newest ping is answered (RFC 6455 §5.5.3).
    pub(super) fn pong(&mut self, payload: Bytes) {
        self.pong = Some(payload);
    }

    /// Appends a frame behind the one that is being written.
    pub(super) fn push_frame(&mut self, frame: &[u8]) {
        self.unsent.extend_from_slice(frame);
    }

    /// Writes what waits, until nothing does or the socket is full.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> io::Result<WriteTurn> {
        let mut progress = false;
        let turn = loop {
            let turn = if self.sent < self.unsent.len() {
                self.write_unsent(cx)?
            } else {
                self.write_waiting(cx, outbox)?
            };
            match turn {
                Written::Some => progress = true,
                Written::Full => break WriteTurn::Full { progress },
                Written::Nothing => match Pin::new(&mut self.wire).poll_flush(cx) {
                    Poll::Ready(flushed) => break flushed.map(|()| WriteTurn::Done)?,
                    Poll::Pending => break WriteTurn::Full { progress },
                },
            }
        };
        outbox.set_writing(self.unsent.len() - self.sent);
        Ok(turn)
    }

    fn write_unsent(&mut self, cx: &mut Context<'_>) -> io::Result<Written> {
        match Pin::new(&mut self.wire).poll_write(cx, &self.unsent[self.sent..]) {
            Poll::Pending => Ok(Written::Full),
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                self.sent += count;
                if self.sent == self.unsent.len() {
                    (self.unsent, self.sent) = (Vec::new(), 0);
                }
                Ok(Written::Some)
            }
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// Gathers in a buffer of the thread; only what the socket did not take is kept.
    fn write_waiting(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> io::Result<Written> {
        WRITE.with_borrow_mut(|buffer| {
            buffer.clear();
            if let Some(payload) = self.pong.take() {
                buffer.extend_from_slice(&pong_frame(&payload));
            }
            self.traffic.messages += outbox.take(buffer) as u64;
            if buffer.is_empty() {
                return Ok(Written::Nothing);
            }
            self.traffic.sent_bytes += buffer.len() as u64;
            let written = match Pin::new(&mut self.wire).poll_write(cx, buffer) {
                Poll::Pending => 0,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(result) => result?,
            };
            self.unsent.extend_from_slice(&buffer[written..]);
            if buffer.capacity() > KEPT_WRITE_BYTES {
                *buffer = Vec::new();
            }
            Ok(if written > 0 {
                Written::Some
            } else {
                Written::Full
            })
        })
    }

    /// Ends the stream: with TLS's goodbye where the peer takes it in time, else by a reset.
    pub(super) async fn shut_down(&mut self, orderly: bool) {
        if !orderly || !close_orderly(&mut self.wire).await {
            self.wire.abort();
        }
    }
}

/// Says goodbye and waits until the peer has gone too: a socket that is dropped with bytes unread
/// is reset, and the peer may lose the last thing it was told (RFC 9112 §9.6). Tells whether it
/// went in time.
pub async fn close_orderly<W: Wire>(wire: &mut W) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let goodbye = async {
        wire.shutdown().await?;
        let mut ignored = [0; 512];
        while wire.read(&mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    // A peer that ends without TLS's own goodbye is gone all the same.
    tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await.is_ok()
}

enum Written {
    Some,
    Nothing,
    Full,
}

/// Slots for frames that an idle connection keeps.
const KEPT_FRAMES: usize = 4;
/// Bytes of the thread's write buffer that are kept after one large message.
const KEPT_WRITE_BYTES: usize = 128 * 1024;
