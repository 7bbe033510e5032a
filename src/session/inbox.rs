//! What a client sent: bytes to frames, read into a buffer of the thread. A connection that is idle
//! owns no buffer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use super::link::Link;
use crate::limits::READ_TURN_BYTES;
use crate::protocol::websocket::{Frame, FrameReader, Violation};

/// The frames of one connection that were read and not looked at.
pub(super) struct Inbox {
    reader: FrameReader,
    frames: VecDeque<Frame>,
    /// Bytes since this was last taken.
    pub(super) received: u64,
}

/// What a read came to.
pub(super) enum ReadTurn {
    /// Bytes came, and maybe with them the end of a message.
    Bytes { messages: bool },
    /// The peer sent its last byte, or the connection broke.
    End,
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_TURN_BYTES].into_boxed_slice());
}

impl Inbox {
    pub(super) fn new(max_message: usize) -> Inbox {
        Inbox {
            reader: FrameReader::new(max_message),
            frames: VecDeque::new(),
            received: 0,
        }
    }

    pub(super) fn set_max_message(&mut self, bytes: usize) {
        self.reader.set_max_message(bytes);
    }

    /// The next whole frame.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
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
        self.received += input.len() as u64;
        let mut messages = false;
        while let Some(frame) = self.reader.read(&mut input)? {
            messages |= matches!(frame, Frame::Message { .. });
            self.frames.push_back(frame);
        }
        Ok(messages)
    }

    /// Reads once. Frames before a violation are kept and come first.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        link: &Link,
    ) -> Poll<Result<ReadTurn, Violation>> {
        BUFFER.with_borrow_mut(|buffer| match ready!(link.poll_read(cx, buffer)) {
            Err(_) | Ok(0) => Poll::Ready(Ok(ReadTurn::End)),
            Ok(count) => {
                let fed = self.feed(&buffer[..count]);
                Poll::Ready(fed.map(|messages| ReadTurn::Bytes { messages }))
            }
        })
    }
}
