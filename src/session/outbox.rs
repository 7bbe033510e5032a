//! What waits to be written to one connection: bounded in bytes.
//!
//! Over its limit it is cut: what was not begun is dropped, and nothing more is taken. So a reader
//! that stalls costs its limit and no more, and never gets a stream with a hole in it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::{OUTBOX_ENTRY_BYTES, WRITE_TURN_BYTES};
use crate::protocol::Format;
use crate::protocol::websocket::{encode_header, pong_frame};

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A message of the protocol; neighbours share a frame.
    Message(Bytes),
    /// A whole frame, header included, with so many messages: a batch, a ping, an echo.
    Frame {
        /// Shared with all who get the same.
        bytes: Bytes,
        /// None in a control frame.
        messages: u32,
    },
}

impl Entry {
    /// A control frame.
    pub(super) fn control(frame: Vec<u8>) -> Entry {
        Entry::Frame {
            bytes: frame.into(),
            messages: 0,
        }
    }

    fn bytes(&self) -> &Bytes {
        match self {
            Entry::Message(bytes) | Entry::Frame { bytes, .. } => bytes,
        }
    }

    fn cost(&self) -> usize {
        self.bytes().len() + OUTBOX_ENTRY_BYTES
    }
}

/// The outbox is over its limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// The queue of one connection.
#[derive(Default)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// At most one pong waits at a time (WS-6), before all else.
    pong: Option<Box<Bytes>>,
}

impl Outbox {
    /// Appends, unless more than `limit` bytes would wait.
    pub(super) fn push(&mut self, entry: Entry, limit: usize) -> Result<(), Overflow> {
        if self.bytes + entry.cost() > limit {
            return Err(Overflow);
        }
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        Ok(())
    }

    /// The newest ping is answered, and takes the place of one that was not yet (RFC 6455 §5.5.3).
    pub(super) fn pong(&mut self, payload: Bytes) {
        self.pong = Some(Box::new(payload));
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        *self = Outbox::default();
    }

    /// Whether nothing waits but maybe a pong.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that wait, with what each entry costs beyond its own.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves what waits into `buffer` as frames, up to a full TLS record, or one larger message.
    /// Returns how many messages those were.
    pub(super) fn take(&mut self, format: Format, buffer: &mut Vec<u8>) -> u64 {
        if let Some(payload) = self.pong.take() {
            buffer.extend_from_slice(&pong_frame(&payload));
        }
        let mut taken = 0;
        while let Some(entry) = self.entries.front() {
            if !buffer.is_empty() && buffer.len() + entry.bytes().len() > WRITE_TURN_BYTES {
                break;
            }
            taken += match entry {
                Entry::Frame { messages, .. } => {
                    let messages = u64::from(*messages);
                    if let Some(frame) = self.pop() {
                        buffer.extend_from_slice(frame.bytes());
                    }
                    messages
                }
                Entry::Message(_) => self.take_messages(format, buffer),
            };
        }
        if self.entries.is_empty() {
            // A burst must not be paid for by an idle connection.
            self.entries = VecDeque::new();
        }
        taken
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.cost();
        Some(entry)
    }

    /// Neighbouring messages as one frame.
    fn take_messages(&mut self, format: Format, buffer: &mut Vec<u8>) -> u64 {
        let separator = format.separator();
        let (count, length) = self.run(separator.len());
        let (header, used) = encode_header(format.opcode(), length);
        buffer.extend_from_slice(&header[..used]);
        for index in 0..count {
            let Some(entry) = self.pop() else { break };
            if index > 0 {
                buffer.extend_from_slice(separator);
            }
            buffer.extend_from_slice(entry.bytes());
        }
        count
    }

    /// How many messages at the front fit one frame of a record's size, and its length.
    fn run(&self, separator: usize) -> (u64, usize) {
        let (mut count, mut length) = (0, 0);
        for entry in &self.entries {
            let Entry::Message(message) = entry else {
                break;
            };
            let between = if count > 0 { separator } else { 0 };
            let longer = length + between + message.len();
            if count > 0 && longer > WRITE_TURN_BYTES {
                break;
            }
            (count, length) = (count + 1, longer);
        }
        (count, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn message(text: &str) -> Entry {
        Entry::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn frame(bytes: &'static [u8], messages: u32) -> Entry {
        Entry::Frame {
            bytes: Bytes::from_static(bytes),
            messages,
        }
    }

    fn take(outbox: &mut Outbox) -> (u64, Vec<u8>) {
        let mut buffer = Vec::new();
        (outbox.take(Format::Json, &mut buffer), buffer)
    }

    #[test]
    fn what_waits_shares_one_frame() {
        let mut outbox = Outbox::default();
        outbox.push(message("{\"id\":1}"), LIMIT).unwrap();
        outbox.push(message("{}"), LIMIT).unwrap();
        assert_eq!(take(&mut outbox), (2, b"\x81\x0b{\"id\":1}\n{}".to_vec()));
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn in_protobuf_nothing_stands_between_messages() {
        let mut outbox = Outbox::default();
        outbox.push(message("\0"), LIMIT).unwrap();
        outbox.push(message("\x02\x08\x05"), LIMIT).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(outbox.take(Format::Protobuf, &mut buffer), 2);
        assert_eq!(buffer, b"\x82\x04\x00\x02\x08\x05");
    }

    #[test]
    fn a_frame_of_its_own_stands_alone_and_in_order() {
        let mut outbox = Outbox::default();
        outbox.push(message("a"), LIMIT).unwrap();
        outbox.push(frame(b"\x81\x03x\ny", 2), LIMIT).unwrap();
        outbox.push(message("b"), LIMIT).unwrap();
        assert_eq!(
            take(&mut outbox),
            (4, b"\x81\x01a\x81\x03x\ny\x81\x01b".to_vec())
        );
    }

    // WS-6
    #[test]
    fn the_newest_pong_comes_first_and_alone() {
        let mut outbox = Outbox::default();
        outbox.push(message("a"), LIMIT).unwrap();
        outbox.pong(Bytes::from_static(b"1"));
        outbox.pong(Bytes::from_static(b"2"));
        assert_eq!(take(&mut outbox), (1, b"\x8a\x012\x81\x01a".to_vec()));
    }

    #[test]
    fn a_turn_takes_a_record_or_one_larger_message() {
        let mut outbox = Outbox::default();
        for size in [10_000, 10_000, 10_000, 40_000] {
            let entry = Entry::Message(Bytes::from(vec![b'x'; size]));
            outbox.push(entry, LIMIT).unwrap();
        }
        let sizes: Vec<usize> = std::iter::from_fn(|| {
            let (count, buffer) = take(&mut outbox);
            (count > 0).then_some(buffer.len())
        })
        .collect();
        assert_eq!(sizes, [10_004, 10_004, 10_004, 40_004]);
    }

    #[test]
    fn over_the_limit_nothing_more_is_taken() {
        let mut outbox = Outbox::default();
        let pushed = (0..100).take_while(|_| outbox.push(message("0123456789"), 1000).is_ok());
        assert_eq!(pushed.count(), 13);
        assert!(outbox.bytes() <= 1000);
        outbox.clear();
        assert_eq!((outbox.bytes(), take(&mut outbox)), (0, (0, Vec::new())));
    }
}
