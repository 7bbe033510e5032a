//! What the tests of frames share: a client's frames, and a reader's outcome.

use bytes::Bytes;

use super::{Frame, FrameReader, Violation};

mod conformance;
mod limits;
mod peer;
mod split;

/// The limit of the readers in these tests, unless they say otherwise.
pub(super) const LIMIT: usize = 65_536;

/// A client's frame: `first` is FIN, reserved bits and opcode.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// All frames of an input, until it is used up or refused.
pub(super) fn read_all(
    reader: &mut FrameReader,
    mut input: &[u8],
    frames: &mut Vec<Frame>,
) -> Result<(), Violation> {
    while let Some(frame) = reader.read(&mut input)? {
        frames.push(frame);
    }
    assert!(input.is_empty(), "the reader left input behind");
    Ok(())
}

pub(super) fn outcome(parts: &[Vec<u8>]) -> (Vec<Frame>, Result<(), Violation>) {
    let mut frames = Vec::new();
    let result = read_all(&mut FrameReader::new(LIMIT), &parts.concat(), &mut frames);
    (frames, result)
}

#[track_caller]
pub(super) fn gives(parts: &[Vec<u8>], expected: &[Frame]) {
    let (frames, result) = outcome(parts);
    assert_eq!(result, Ok(()));
    assert_eq!(frames, expected);
}

#[track_caller]
pub(super) fn refused(parts: &[Vec<u8>], before: &[Frame], violation: Violation, code: u16) {
    assert_eq!(outcome(parts), (before.to_vec(), Err(violation)));
    assert_eq!(violation.close_code(), code);
}

pub(super) fn text(data: impl Into<Bytes>) -> Frame {
    Frame::Message {
        binary: false,
        data: data.into(),
    }
}

pub(super) fn binary(data: impl Into<Bytes>) -> Frame {
    Frame::Message {
        binary: true,
        data: data.into(),
    }
}

pub(super) fn ping(data: &'static [u8]) -> Frame {
    Frame::Ping(Bytes::from_static(data))
}
