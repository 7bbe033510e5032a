//! What is published: says who sent it, as which of his messages, and when, and is filled up to its
//! length.
//!
//! A payload is a JSON string, so that the peers that check JSON take it too, and of a fixed form,
//! so that reading it costs the generator next to nothing.

/// Bytes of a payload, where a workload does not say otherwise.
pub const LENGTH: usize = 128;
/// Bytes that say something.
const HEAD: usize = 36;

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

    /// A payload of the usual length.
    pub fn write(self) -> Vec<u8> {
        self.write_long(LENGTH)
    }

    /// A payload of this length, which is not less than the usual one.
    pub fn write_long(self, length: usize) -> Vec<u8> {
        let mut payload = vec![b'x'; length.max(LENGTH)];
        payload[0] = b'"';
        write_hex(&mut payload[SENDER], u64::from(self.sender));
        payload[9] = b'.';
        write_hex(&mut payload[NUMBER], u64::from(self.number));
        payload[18] = b'.';
        write_hex(&mut payload[SENT], self.sent_ns);
        payload[HEAD - 1] = b'.';
        if let Some(last) = payload.last_mut() {
            *last = b'"';
        }
        payload
    }

    /// Reads what begins with a payload; `None` if it is none.
    pub fn read(bytes: &[u8]) -> Option<Stamp> {
        let head = bytes.get(..HEAD)?;
        if [head[0], head[9], head[18], head[HEAD - 1]] != *b"\"..." {
            return None;
        }
        Some(Stamp {
            sender: u32::try_from(read_hex(&head[SENDER])?).ok()?,
            number: u32::try_from(read_hex(&head[NUMBER])?).ok()?,
            sent_ns: read_hex(&head[SENT])?,
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
        assert_eq!(Stamp::read(&stamp.write_long(5000)), Some(stamp));
        assert_eq!(
            (stamp.write().len(), stamp.write_long(5000).len()),
            (LENGTH, 5000)
        );
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
        assert_eq!(Stamp::read(&payload[..HEAD - 1]), None);
        payload[12] = b'?';
        assert_eq!(Stamp::read(&payload), None);
    }
}
