//! A small writer of JSON: objects, members, strings, numbers.
//!
//! By hand, because the wire wants some defaults left out, others written, and payloads copied
//! as they are; and it never writes a raw newline, which would split a message in two.

use crate::protocol::Payload;

/// Writes `{…}`, with the members that `write` gives.
pub(super) fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Members<'_>)) {
    out.push(b'{');
    write(&mut Members { out, first: true });
    out.push(b'}');
}

/// Writes `[…]`, each item by `write`.
pub(super) fn array<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// The members of one object, in the order in which they are written.
pub(super) struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    /// Writes a name of ours, which needs no escaping, and gives the place for its value.
    pub(super) fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a name that came from elsewhere, such as a channel.
    pub(super) fn foreign_name(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub(super) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Members<'_>)) {
        object(self.name(name), write);
    }

    pub(super) fn string(&mut self, name: &'static str, value: &str) {
        string(self.name(name), value);
    }

    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        number(self.name(name), value);
    }

    pub(super) fn payload(&mut self, name: &'static str, value: &Payload) {
        self.name(name).extend_from_slice(value.as_bytes());
    }

    pub(super) fn payload_if_any(&mut self, name: &'static str, value: Option<&Payload>) {
        if let Some(value) = value {
            self.payload(name, value);
        }
    }

    /// Left out when zero.
    pub(super) fn number_unless_zero(&mut self, name: &'static str, value: u64) {
        if value != 0 {
            self.number(name, value);
        }
    }

    /// Left out when false.
    pub(super) fn flag(&mut self, name: &'static str, value: bool) {
        if value {
            self.name(name).extend_from_slice(b"true");
        }
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }
}

/// Writes a string (RFC 8259 §7): runs of ordinary characters are copied whole.
pub(super) fn string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let bytes = value.as_bytes();
    let mut written = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..index]);
        escape(out, byte);
        written = index + 1;
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0x0f)]);
        }
    }
}

/// Writes the decimal digits.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    // 2^64 − 1 has 20 digits.
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped() {
        let text = written(|out| string(out, "a\"b\\c\nd\r\t\u{1}\u{1f}/é\u{7f}"));
        assert_eq!(text, "\"a\\\"b\\\\c\\nd\\r\\t\\u0001\\u001f/é\u{7f}\"");
        assert_eq!(written(|out| string(out, "")), "\"\"");
    }

    proptest! {
        #[test]
        fn any_string_reads_back_and_holds_no_newline(value in any::<String>()) {
            let text = written(|out| string(out, &value));
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        }

        #[test]
        fn any_number_reads_back(value in any::<u64>()) {
            prop_assert_eq!(written(|out| number(out, value)), value.to_string());
        }
    }
}
