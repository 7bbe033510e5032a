//! A client's text frame to commands, one line at a time.

use bytes::Bytes;

use super::envelope::Line;
use crate::protocol::payload::MAX_DEPTH;
use crate::protocol::{DecodeError, Incoming, depth};

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
    Line::parse(line)?.into_incoming()
}
