//! WebSocket frames (RFC 6455), as far as both ends of the bench need them: whole messages only.

use anyhow::{Result, bail, ensure};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A text message.
    Text = 1,
    /// A binary message.
    Binary = 2,
    /// The end, with code and reason.
    Close = 8,
    /// A question for a pong.
    Ping = 9,
    /// Its answer.
    Pong = 10,
}

/// A whole frame at the beginning of what was read.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its payload, unmasked.
    pub payload: &'a [u8],
    /// Bytes of the frame with its header.
    pub length: usize,
}

/// Reads the first frame; `None` if it is not whole yet. A masked one is unmasked in place.
pub fn read(bytes: &mut [u8]) -> Result<Option<Frame<'_>>> {
    let Some((&mut [first, second], rest)) = bytes.split_first_chunk_mut::<2>() else {
        return Ok(None);
    };
    ensure!(
        first & 0xf0 == 0x80,
        "a fragment or a compressed frame came, which nobody asked for"
    );
    let kind = kind(first & 0x0f)?;
    let Some((length, rest, extra)) = length(second & 0x7f, rest) else {
        return Ok(None);
    };
    let masked = second & 0x80 != 0;
    let head = 2 + extra + if masked { 4 } else { 0 };
    let payload = if masked {
        let Some((key, rest)) = rest.split_first_chunk_mut::<4>() else {
            return Ok(None);
        };
        let Some(payload) = rest.get_mut(..length) else {
            return Ok(None);
        };
        mask(payload, *key);
        &*payload
    } else {
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        payload
    };
    Ok(Some(Frame {
        kind,
        payload,
        length: head + length,
    }))
}

fn kind(opcode: u8) -> Result<Kind> {
    Ok(match opcode {
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 => Kind::Ping,
        10 => Kind::Pong,
        other => bail!("a frame with the opcode {other} came, which nobody asked for"),
    })
}

/// The length, what is behind it, and how many bytes it took beside the first.
fn length(short: u8, rest: &mut [u8]) -> Option<(usize, &mut [u8], usize)> {
    match short {
        126 => {
            let (length, rest) = rest.split_first_chunk_mut::<2>()?;
            Some((usize::from(u16::from_be_bytes(*length)), rest, 2))
        }
        127 => {
            let (length, rest) = rest.split_first_chunk_mut::<8>()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            Some((length, rest, 8))
        }
        short => Some((usize::from(short), rest, 0)),
    }
}

/// Appends a frame as a server writes it.
pub fn write(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    write_head(out, kind, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame as a client has to write it.
pub fn write_masked(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let key = fastrand::u32(..).to_ne_bytes();
    write_head(out, kind, payload.len(), 0x80);
    out.extend_from_slice(&key);
    let begin = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[begin..], key);
}

fn write_head(out: &mut Vec<u8>, kind: Kind, length: usize, masked: u8) {
    out.push(0x80 | kind as u8);
    if length < 126 {
        out.push(masked | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(masked | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

fn mask(payload: &mut [u8], key: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_each_length_are_read_as_written() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            for write in [write, write_masked] {
                let mut bytes = Vec::new();
                write(&mut bytes, Kind::Text, &payload);
                let whole = bytes.len();
                bytes.extend_from_slice(b"what follows");
                let frame = read(&mut bytes).unwrap().unwrap();
                assert_eq!((frame.kind, frame.length), (Kind::Text, whole));
                assert_eq!(frame.payload, payload);
            }
        }
    }

    #[test]
    fn a_part_of_a_frame_is_none_and_stays_as_it_is() {
        let mut bytes = Vec::new();
        write_masked(&mut bytes, Kind::Text, &[7; 300]);
        for part in 0..bytes.len() {
            let mut bytes = bytes[..part].to_vec();
            assert!(read(&mut bytes).unwrap().is_none(), "{part} bytes");
            assert_eq!(bytes, bytes[..part]);
        }
    }

    #[test]
    fn fragments_and_strange_opcodes_are_errors() {
        assert!(read(&mut [0x01, 0x00]).is_err());
        assert!(read(&mut [0xc1, 0x00]).is_err());
        assert!(read(&mut [0x83, 0x00]).is_err());
    }
}
