//! A small writer of Protobuf: what is sent is written from where it lies. The generated types
//! would want a copy of each text first, of which a publication has four.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Writes a message behind its length.
pub(super) fn delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Fields<'_>)) {
    let start = out.len();
    write(&mut Fields { out });
    let length = out.len() - start;
    // The length is known now, and makes room for itself: messages are short, so that is cheaper
    // than to go through them twice.
    let room = encoded_len_varint(length as u64);
    out.resize(out.len() + room, 0);
    out.copy_within(start..start + length, start + room);
    encode_varint(length as u64, &mut &mut out[start..start + room]);
}

/// The fields of one message. As in proto3, one that has its default is left out.
pub(super) struct Fields<'a> {
    out: &'a mut Vec<u8>,
}

impl Fields<'_> {
    pub(super) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            encode_key(field, WireType::Varint, self.out);
            encode_varint(value, self.out);
        }
    }

    pub(super) fn flag(&mut self, field: u32, value: bool) {
        self.number(field, value.into());
    }

    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            encode_key(field, WireType::LengthDelimited, self.out);
            encode_varint(value.len() as u64, self.out);
            self.out.extend_from_slice(value);
        }
    }

    pub(super) fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// A message in a message: there even when it is empty.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Fields<'_>)) {
        encode_key(field, WireType::LengthDelimited, self.out);
        delimited(self.out, write);
    }
}
