//! The forms that messages have on the wire. A connection has one, from its upgrade to its end.

use bytes::Bytes;

use super::websocket::{Opcode, encode_header};
use super::{Decoder, Message, json, protobuf};

/// A wire format of the Centrifuge client protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text frames, one message a line.
    Json,
    /// Binary frames, each message behind its length.
    Protobuf,
}

impl Format {
    /// All of them, in their order.
    pub const ALL: [Format; 2] = [Format::Json, Format::Protobuf];

    /// How many there are.
    pub const COUNT: usize = Format::ALL.len();

    /// One message, ready to share a frame with others.
    pub fn encode(self, message: &Message<'_>) -> Bytes {
        let mut out = Vec::with_capacity(message.size_estimate());
        self.write(message, &mut out);
        // Its length is what counts where it waits: the buffer behind it is not larger (RES-1).
        out.into_boxed_slice().into()
    }

    fn write(self, message: &Message<'_>, out: &mut Vec<u8>) {
        match self {
            Format::Json => json::write(message, out),
            Format::Protobuf => protobuf::write(message, out),
        }
    }

    /// These messages as one WebSocket frame.
    pub fn frame<'a>(self, messages: impl IntoIterator<Item = Message<'a>>) -> Bytes {
        let mut payload = Vec::new();
        for message in messages {
            if !payload.is_empty() {
                payload.extend_from_slice(self.separator());
            }
            payload.reserve(message.size_estimate());
            self.write(&message, &mut payload);
        }
        let (header, used) = encode_header(self.opcode(), payload.len());
        [&header[..used], &payload].concat().into()
    }

    /// The commands of one WebSocket message.
    pub fn decode(self, data: Bytes) -> Decoder {
        Decoder::new(self, data)
    }

    /// What stands between two messages that share a frame.
    pub const fn separator(self) -> &'static [u8] {
        match self {
            Format::Json => b"\n",
            Format::Protobuf => b"",
        }
    }

    /// The kind of frame that carries it, in both directions.
    pub const fn opcode(self) -> Opcode {
        match self {
            Format::Json => Opcode::Text,
            Format::Protobuf => Opcode::Binary,
        }
    }

    /// Its name in rules (`connection.protocol`) and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Protobuf => "protobuf",
        }
    }
}
