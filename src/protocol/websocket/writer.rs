//! Headers and control frames from the server. Never masked, never fragmented.

use super::header::{FINAL, MAX_CONTROL};
use super::{Opcode, may_be_in_a_frame};

/// What stands for a close code that may not be sent: the server's own error.
const INTERNAL_ERROR: u16 = 1011;

/// The header of a whole frame with `len` bytes of payload, and how many bytes of it count.
///
/// Apart from the payload, so that one payload can be shared by all who get it.
pub fn encode_header(opcode: Opcode, len: usize) -> ([u8; 10], usize) {
    let mut header = [0; 10];
    header[0] = FINAL | opcode as u8;
    let len = len as u64;
    if let Ok(short @ 0..=125) = u8::try_from(len) {
        header[1] = short;
        (header, 2)
    } else if let Ok(medium) = u16::try_from(len) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        (header, 4)
    } else {
        header[1] = 127;
        header[2..].copy_from_slice(&len.to_be_bytes());
        (header, 10)
    }
}

/// A close frame; a reason that is too long is cut between two characters.
///
/// A code that may not be sent is a mistake of ours, and goes out as 1011.
pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let code = if may_be_in_a_frame(code) {
        code
    } else {
        INTERNAL_ERROR
    };
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL - 2)];
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    control_frame(Opcode::Close, &payload)
}

/// The answer to a client's close frame: the same code, or none (RFC 6455 §5.5.1).
pub fn close_reply(code: Option<u16>) -> Vec<u8> {
    match code {
        Some(code) => close_frame(code, ""),
        None => control_frame(Opcode::Close, &[]),
    }
}

/// Asks the client for a pong.
pub fn ping_frame() -> Vec<u8> {
    control_frame(Opcode::Ping, &[])
}

/// The answer to a ping, with the ping's payload.
pub fn pong_frame(payload: &[u8]) -> Vec<u8> {
    // A ping that was read has no more than this.
    control_frame(Opcode::Pong, &payload[..payload.len().min(MAX_CONTROL)])
}

fn control_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (header, size) = encode_header(opcode, payload.len());
    [&header[..size], payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Disconnect;

    #[test]
    fn lengths_have_their_shortest_form() {
        for (len, expected) in [
            (0usize, &[0x81u8, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let (header, size) = encode_header(Opcode::Text, len);
            assert_eq!(&header[..size], expected, "{len}");
        }
    }

    // WS-8: the reason is at most 123 bytes, cut between two characters.
    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = close_frame(3501, &"é".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert_eq!(&frame[..4], &[0x88, 124, 0x0d, 0xad]);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
        assert_eq!(close_frame(3501, &"a".repeat(200)).len(), 2 + 125);
    }

    // WS-8: no code goes out that may not.
    #[test]
    fn a_code_that_may_not_be_sent_becomes_1011() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            assert_eq!(
                &close_frame(code, "x")[2..4],
                &1011u16.to_be_bytes(),
                "{code}"
            );
        }
        for disconnect in Disconnect::ALL {
            let frame = close_frame(disconnect.code(), disconnect.reason());
            assert_eq!(&frame[2..4], &disconnect.code().to_be_bytes());
        }
    }

    #[test]
    fn replies_carry_what_they_answer() {
        assert_eq!(close_reply(None), [0x88, 0]);
        assert_eq!(close_reply(Some(1000)), [0x88, 2, 0x03, 0xe8]);
        assert_eq!(pong_frame(b"hi"), [0x8a, 2, b'h', b'i']);
        assert_eq!(pong_frame(&[0; 300]).len(), 127);
    }
}
