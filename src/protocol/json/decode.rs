//! A client's text frame to commands, one line at a time.

use bytes::Bytes;

use super::envelope::Line;
use crate::protocol::payload::MAX_DEPTH;
use crate::protocol::{DecodeError, Incoming, depth};

/// The command of the first line, and the lines behind it.
pub(in crate::protocol) fn decode_first(
    mut frame: Bytes,
) -> (Result<Incoming, DecodeError>, Option<Bytes>) {
    let Some(end) = frame.iter().position(|byte| *byte == b'\n') else {
        return (decode_line(&frame), None);
    };
    let line = frame.split_to(end);
    let rest = frame.slice(1..);
    // One newline at the end closes the last line; it does not begin an empty one.
    (
        decode_line(&line),
        Some(rest).filter(|rest| !rest.is_empty()),
    )
}

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
