//! A client's text frame to commands, one line at a time.
//!
//! Lazy, so that what stands before a broken line has been handled when the fault comes up. A
//! fault ends the frame, and the connection with it: [`Disconnect::BadRequest`].
//!
//! [`Disconnect::BadRequest`]: crate::protocol::Disconnect::BadRequest

use bytes::Bytes;
use thiserror::Error;

use super::envelope::Envelope;
use crate::protocol::payload::MAX_DEPTH;
use crate::protocol::{Incoming, depth};

/// Reads the commands of one frame. How many it may hold is the caller's to count.
pub fn decode(mut message: Bytes) -> Decoder {
    // One newline at the end closes the last line; it does not begin an empty one.
    if message.ends_with(b"\n") {
        message.truncate(message.len() - 1);
    }
    Decoder {
        rest: Some(message),
    }
}

/// The commands of one frame, in order; nothing comes after a fault.
#[derive(Debug)]
pub struct Decoder {
    rest: Option<Bytes>,
}

impl Iterator for Decoder {
    type Item = Result<Incoming, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest.take()?;
        let line = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let line = rest.split_to(end);
                self.rest = Some(rest.slice(1..));
                line
            }
            None => rest,
        };
        let incoming = decode_line(&line);
        if incoming.is_err() {
            self.rest = None;
        }
        Some(incoming)
    }
}

impl std::iter::FusedIterator for Decoder {}

fn decode_line(line: &[u8]) -> Result<Incoming, DecodeError> {
    if line.is_empty() {
        return Err(DecodeError::EmptyLine);
    }
    let line = simdutf8::basic::from_utf8(line).map_err(|_| DecodeError::NotUtf8)?;
    if !depth::is_within(line.as_bytes(), MAX_DEPTH) {
        return Err(DecodeError::TooDeep);
    }
    Envelope::parse(line)?.into_incoming()
}

/// Why a frame was not understood. Never repeats what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// An empty frame, or two newlines in a row.
    #[error("a line holds no command, separate commands by exactly one newline")]
    EmptyLine,
    /// JSON is UTF-8.
    #[error("the command is not UTF-8, send JSON text")]
    NotUtf8,
    /// Deeper than [`MAX_DEPTH`].
    #[error("the command is nested deeper than {MAX_DEPTH} levels, flatten its data")]
    TooDeep,
    /// Not one JSON value.
    #[error("the command is not JSON at column {column}, send one object a line")]
    NotJson {
        /// Counted in bytes, from 1.
        column: usize,
    },
    /// JSON, but no command.
    #[error("a member at column {column} has the wrong type or stands twice, see the protocol")]
    WrongShape {
        /// Counted in bytes, from 1.
        column: usize,
    },
    /// An id, but nothing that is known; so every command of protocol version 1.
    #[error("the command names no known request, use version 2 of the protocol")]
    NoRequest,
    /// More than one.
    #[error("the command names several requests, send a command for each")]
    SeveralRequests,
    /// The `ping` request of the definition, which no SDK uses.
    #[error("clients do not ping, answer the server's pings with an empty command")]
    PingRequest,
    /// Only `send` and the pong have none.
    #[error("the command has no id, number commands from 1")]
    NoId,
    /// Absent or empty.
    #[error("the command names no channel, give one")]
    NoChannel,
    /// `delta` is neither absent nor `fossil`.
    #[error("the kind of delta is unknown, ask for fossil or none")]
    UnknownDelta,
}
