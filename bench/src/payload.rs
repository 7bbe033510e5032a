//! What is published: 128 bytes that say who sent them, as which of his messages, and when.
//!
//! A payload is a JSON string, so that the peers that check JSON take it too, of fixed length and
//! form, so that reading it costs the generator next to nothing.

/// Bytes of every payload.
pub const LENGTH: usize = 128;

const SENDER: std::ops::Range<usize> = 1..9;
const NUMBER: std::ops::Range<usize> = 10..18;
const SENT: std::ops::Range<usize> = 19..35;

/// What a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which publisher of the channel, counted from 0.
    pub sender: u32,
    /// Which of his messages, counted from 0.
    pub number: u32,
    /// When it was sent, by [`crate::clock::now_ns`].
    pub sent_ns: u64,
}

impl Stamp {
    /// A stamp of this moment.
    pub fn now(sender: u32, number: u32) -> Stamp {
        let sent_ns = crate::clock::now_ns();
        Stamp {
            sender,
            number,
            sent_ns,
        }
    }

    /// The payload.
    pub fn write(self) -> [u8; LENGTH] {
        let mut payload = [b'x'; LENGTH];
        payload[0] = b'"';
        write_hex(&mut payload[SENDER], u64::from(self.sender));
        payload[9] = b'.';
        write_hex(&mut payload[NUMBER], u64::from(self.number));
        payload[18] = b'.';
        write_hex(&mut payload[SENT], self.sent_ns);
        payload[35] = b'.';
        payload[LENGTH - 1] = b'"';
        payload
    }

    /// Reads what begins with a payload; `None` if it is none.
    pub fn read(bytes: &[u8]) -> Option<Stamp> {
        let payload = bytes.get(..LENGTH)?;
        if payload[0] != b'"' || payload[LENGTH - 1] != b'"' {
            return None;
        }
        Some(Stamp {
            sender: u32::try_from(read_hex(&payload[SENDER])?).ok()?,
            number: u32::try_from(read_hex(&payload[NUMBER])?).ok()?,
            sent_ns: read_hex(&payload[SENT])?,
        })
    }
}

fn write_hex(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let stamp = Stamp {
            sender: 7,
            number: u32::MAX,
            sent_ns: 0x0123_4567_89ab_cdef,
        };
        assert_eq!(Stamp::read(&stamp.write()), Some(stamp));
    }

    #[test]
    fn a_payload_is_json_on_one_line() {
        let payload = Stamp::now(1, 2).write();
        assert!(serde_json::from_slice::<String>(&payload).is_ok());
        assert!(!payload.contains(&b'\n'));
    }

    #[test]
    fn what_is_cut_or_changed_is_no_payload() {
        let mut payload = Stamp::now(1, 2).write();
        assert_eq!(Stamp::read(&payload[..LENGTH - 1]), None);
        payload[12] = b'?';
        assert_eq!(Stamp::read(&payload), None);
    }
}
