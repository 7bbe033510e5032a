//! The header of a client's frame (RFC 6455 §5.2), judged as early as its bytes allow.

use super::Violation;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment.
    Continuation = 0,
    /// A message of UTF-8 text, or its first fragment.
    Text = 1,
    /// A message of bytes, or its first fragment.
    Binary = 2,
    /// The end.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping, or comes by itself.
    Pong = 10,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Opcode, Violation> {
        match bits {
            0 => Ok(Opcode::Continuation),
            1 => Ok(Opcode::Text),
            2 => Ok(Opcode::Binary),
            8 => Ok(Opcode::Close),
            9 => Ok(Opcode::Ping),
            10 => Ok(Opcode::Pong),
            _ => Err(Violation::UnknownOpcode),
        }
    }

    /// Close, ping and pong: short, whole, and allowed between the fragments of a message.
    pub(super) fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

pub(super) const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// The most bytes a client's header has: two, a 64-bit length, a key.
pub(super) const MAX_HEADER: usize = 14;
/// The most bytes of payload a control frame has.
pub(super) const MAX_CONTROL: usize = 125;

/// A header that is good by itself; whether it may come now is the reader's to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) is_final: bool,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
    pub(super) key: [u8; 4],
}

impl Header {
    /// The header at the start of `bytes` and its size; none when there are too few of them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Violation::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0f)?;
        let is_final = first & FINAL != 0;
        if opcode.is_control() && !is_final {
            return Err(Violation::ControlFragmented);
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(Violation::Unmasked);
        }
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(Violation::ControlTooLong);
        }
        let Some((length, size)) = parse_length(short, &bytes[2..])? else {
            return Ok(None);
        };
        let start = 2 + size;
        let Some(key) = bytes[start..].first_chunk::<4>() else {
            return Ok(None);
        };
        Ok(Some((
            Header {
                is_final,
                opcode,
                length,
                key: *key,
            },
            start + 4,
        )))
    }
}

/// The payload's length, and how many bytes of `rest` it took. A length that would have fitted a
/// shorter form is let pass.
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    match short {
        126 => Ok(rest
            .first_chunk()
            .map(|bytes| (u64::from(u16::from_be_bytes(*bytes)), 2))),
        127 => {
            if rest.first().is_some_and(|byte| byte & 0x80 != 0) {
                return Err(Violation::LengthTopBit);
            }
            Ok(rest
                .first_chunk()
                .map(|bytes| (u64::from_be_bytes(*bytes), 8)))
        }
        short => Ok(Some((u64::from(short), 0))),
    }
}
