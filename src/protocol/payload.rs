//! A piece of JSON that belongs to the application: kept byte for byte, never built.
//!
//! Publications, connection info and connect data pass through the gateway as text, so that the
//! spelling of numbers and the order of members stay what the sender wrote. Only raw newlines go:
//! they separate messages on the wire, and in valid JSON they can only be white space.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;
use thiserror::Error;

/// How deep JSON may nest: in a payload of its own, and in a whole command.
pub const MAX_DEPTH: usize = 32;

/// Valid JSON text without a raw newline; a clone shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// Copies the text, so that a payload that is kept does not pin the frame it came in.
    ///
    /// The nesting is the caller's to bound; the command decoder has done so.
    pub fn from_raw(raw: &RawValue) -> Payload {
        let text = raw.get().as_bytes();
        if !text.contains(&b'\n') {
            return Payload(text.into());
        }
        Payload(text.iter().copied().filter(|byte| *byte != b'\n').collect())
    }

    /// Checks text from elsewhere than a JSON command, such as the `data` of a Protobuf command.
    pub fn parse(text: &[u8]) -> Result<Payload, PayloadFault> {
        let text = simdutf8::basic::from_utf8(text).map_err(|_| PayloadFault::NotUtf8)?;
        if !super::depth::is_within(text.as_bytes(), MAX_DEPTH) {
            return Err(PayloadFault::TooDeep);
        }
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| PayloadFault::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        Ok(Payload::from_raw(raw))
    }

    /// The JSON text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The length of the text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true, since no JSON text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Prints the length only: what users say to each other is not for logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

/// Why bytes are not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadFault {
    /// JSON is UTF-8.
    #[error("the data is not UTF-8, send JSON text")]
    NotUtf8,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the data is nested deeper than {MAX_DEPTH} levels, flatten it")]
    TooDeep,
    /// Not one JSON value.
    #[error("the data is not a JSON value at line {line} column {column}, send exactly one")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted in bytes.
        column: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // The Centrifuge client protocol: raw JSON is kept byte for byte but for newlines.
    #[test]
    fn text_is_kept_but_for_newlines() {
        let payload =
            Payload::parse(b" {\n \"b\": 1.50,\r\n\"a\":1e2, \"a\":\"x\\ny\"\n} \n").unwrap();
        assert_eq!(
            payload.as_bytes(),
            b"{ \"b\": 1.50,\r\"a\":1e2, \"a\":\"x\\ny\"}"
        );
        assert_eq!(Payload::parse(b"null").unwrap().len(), 4);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "1 2",
            "NaN",
            "'a'",
            "{\"a\":1,}",
            "// no",
            "\"a\nb\"",
            "01",
        ] {
            assert!(Payload::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(Payload::parse(b"\"\xff\""), Err(PayloadFault::NotUtf8));
        let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
        assert_eq!(Payload::parse(deep.as_bytes()), Err(PayloadFault::TooDeep));
        assert!(Payload::parse(&deep.as_bytes()[1..deep.len() - 1]).is_ok());
    }

    // RES-2: what is kept does not hold the buffer it came from.
    #[test]
    fn a_payload_is_a_copy() {
        let text = String::from("{\"a\":1}");
        let raw: &RawValue = serde_json::from_str(&text).unwrap();
        let payload = Payload::from_raw(raw);
        assert_ne!(payload.as_bytes().as_ptr(), text.as_ptr());
    }

    #[test]
    fn debug_tells_the_length_only() {
        assert_eq!(
            format!("{:?}", Payload::parse(b"\"secret\"").unwrap()),
            "Payload(8 bytes)"
        );
    }
}
