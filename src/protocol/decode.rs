//! From one WebSocket message to commands: what the protocol demands beyond the types of its
//! fields, whatever the format.

use std::iter::FusedIterator;

use bytes::Bytes;
use secrecy::SecretString;
use thiserror::Error;

use super::payload::MAX_DEPTH;
use super::{Command, Format, Incoming, Request, json, protobuf};

/// The commands of one WebSocket message, in order; nothing comes after a fault.
///
/// Lazy, so that what stands before a fault has been handled when the fault comes up. A fault ends
/// the connection: [`Disconnect::BadRequest`](super::Disconnect::BadRequest).
#[derive(Debug)]
pub struct Decoder {
    /// What is not read yet; empty it is a fault, and none is the end.
    rest: Option<Bytes>,
    format: Format,
    given: u32,
}

impl Decoder {
    pub(super) fn new(format: Format, message: Bytes) -> Decoder {
        Decoder {
            rest: Some(message),
            format,
            given: 0,
        }
    }

    /// How many it has given. How many a message may hold is the caller's to say.
    pub fn given(&self) -> usize {
        self.given as usize
    }
}

impl Iterator for Decoder {
    type Item = Result<Incoming, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.rest.take()?;
        let (incoming, rest) = match self.format {
            Format::Json => json::decode_first(message),
            Format::Protobuf => protobuf::decode_first(message),
        };
        if incoming.is_ok() {
            self.rest = rest;
        }
        self.given += 1;
        Some(incoming)
    }
}

impl FusedIterator for Decoder {}

/// A command on its way from a format: its id, and the requests that it names, of which there may
/// be one.
pub(super) struct Envelope {
    id: u32,
    request: Option<Result<Request, DecodeError>>,
    several: bool,
}

impl Envelope {
    pub(super) fn new(id: u32) -> Envelope {
        Envelope {
            id,
            request: None,
            several: false,
        }
    }

    /// A kind of request, if the command names it.
    pub(super) fn may_have<T>(
        &mut self,
        body: Option<T>,
        request: impl FnOnce(T) -> Result<Request, DecodeError>,
    ) {
        if let Some(body) = body {
            self.several |= self.request.is_some();
            self.request = Some(request(body));
        }
    }

    /// Exactly one request, or the pong.
    pub(super) fn into_incoming(self) -> Result<Incoming, DecodeError> {
        let id = self.id;
        match self.request {
            _ if self.several => Err(DecodeError::SeveralRequests),
            None if id == 0 => Ok(Incoming::Pong),
            None => Err(DecodeError::NoRequest),
            Some(request) => match request? {
                Request::Send { data } => Ok(Request::Send { data }),
                _ if id == 0 => Err(DecodeError::NoId),
                request => Ok(request),
            }
            .map(|request| Incoming::Command(Command { id, request })),
        }
    }
}

/// Absent and empty are the same on the wire.
pub(super) fn channel(channel: String) -> Result<String, DecodeError> {
    match channel.is_empty() {
        true => Err(DecodeError::NoChannel),
        false => Ok(channel),
    }
}

/// Absent and empty are the same on the wire.
pub(super) fn token(token: String) -> Option<SecretString> {
    (!token.is_empty()).then(|| SecretString::from(token))
}

/// Whether the client understands fossil deltas; there is no other kind.
pub(super) fn delta(kind: &str) -> Result<bool, DecodeError> {
    match kind {
        "" => Ok(false),
        "fossil" => Ok(true),
        _ => Err(DecodeError::UnknownDelta),
    }
}

/// Bit 2 of a subscription's `flag`; bit 1, numeric channel ids, is not offered.
pub(super) fn wants_error_when_unrecoverable(flag: i64) -> bool {
    flag & 2 != 0
}

/// Why a WebSocket message was not understood. Never repeats what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// JSON: an empty frame, or two newlines in a row.
    #[error("a line holds no command, separate commands by exactly one newline")]
    EmptyLine,
    /// JSON is UTF-8.
    #[error("the command is not UTF-8, send JSON text")]
    NotUtf8,
    /// JSON: deeper than [`MAX_DEPTH`].
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
    /// Protobuf: a frame without a byte.
    #[error("the frame holds no command, send at least one behind its length")]
    EmptyFrame,
    /// Protobuf: what stands before a command is no length, or more than there is.
    #[error("a command is cut short, put its length in bytes before it as a varint")]
    CutShort,
    /// Protobuf, but no command.
    #[error("the command is not a Protobuf message of the protocol, see its definition")]
    NotProtobuf,
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
