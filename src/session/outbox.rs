//! What waits to be written to one connection: bounded in bytes, filled by anybody, emptied by the
//! connection's task.
//!
//! Over its limit it is cut: what was not begun is dropped and the connection ends with 3008. So a
//! reader that stalls costs its limit and no more, and never gets a stream with a hole in it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::close::Close;
use crate::limits::{OUTBOX_ENTRY_BYTES, WRITE_TURN_BYTES};
use crate::protocol::Disconnect;
use crate::protocol::websocket::{Opcode, encode_header};

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A message of the protocol; neighbours share a frame.
    Message(Bytes),
    /// A frame of its own, header included: a ping, an echo.
    Frame(Bytes),
}

impl Entry {
    fn bytes(&self) -> &Bytes {
        match self {
            Entry::Message(bytes) | Entry::Frame(bytes) => bytes,
        }
    }

    fn cost(&self) -> usize {
        self.bytes().len() + OUTBOX_ENTRY_BYTES
    }
}

/// The queue of one connection.
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    task: AtomicWaker,
    limit: usize,
    /// Taken, and not by the socket yet: one large message at most.
    writing: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    ending: Option<Close>,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Outbox {
        Outbox {
            queue: Mutex::default(),
            task: AtomicWaker::new(),
            limit,
            writing: AtomicUsize::new(0),
        }
    }

    /// Appends, unless the connection is ending.
    pub(super) fn push(&self, entry: Entry) {
        {
            let mut queue = self.queue.lock();
            if queue.ending.is_some() {
                return;
            }
            queue.bytes += entry.cost();
            if queue.bytes > self.limit {
                *queue = Queue {
                    ending: Some(Disconnect::Slow.into()),
                    ..Queue::default()
                };
            } else {
                queue.entries.push_back(entry);
            }
        }
        self.task.wake();
    }

    /// Ends the connection once what waits is written. The first reason counts.
    pub(super) fn end(&self, close: Close) {
        self.queue.lock().ending.get_or_insert(close);
        self.task.wake();
    }

    /// Why the connection is to end, if it is.
    pub(super) fn ending(&self) -> Option<Close> {
        self.queue.lock().ending
    }

    /// Bytes that wait, those that are being written included.
    pub(super) fn bytes(&self) -> usize {
        self.queue.lock().bytes + self.writing.load(Ordering::Relaxed)
    }

    /// So many bytes of what was taken are not written yet.
    pub(super) fn set_writing(&self, bytes: usize) {
        self.writing.store(bytes, Ordering::Relaxed);
    }

    /// The most that may wait.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Has the task look again.
    pub(super) fn wake(&self) {
        self.task.wake();
    }

    /// The task that is woken when something comes. It must look again after it has registered.
    pub(super) fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Moves what waits into `buffer` as frames, up to a full TLS record, or one larger message.
    /// Returns how many messages those were.
    pub(super) fn take(&self, buffer: &mut Vec<u8>) -> usize {
        let mut queue = self.queue.lock();
        let mut taken = 0;
        while let Some(entry) = queue.entries.front() {
            if taken > 0 && buffer.len() + entry.bytes().len() > WRITE_TURN_BYTES {
                break;
            }
            match entry {
                Entry::Frame(_) => {
                    if let Some(frame) = queue.pop() {
                        buffer.extend_from_slice(frame.bytes());
                        taken += 1;
                    }
                }
                Entry::Message(_) => taken += queue.take_messages(buffer),
            }
        }
        if queue.entries.is_empty() && queue.entries.capacity() > KEPT_CAPACITY {
            queue.entries = VecDeque::new();
        }
        taken
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.cost();
        Some(entry)
    }

    /// Writes a run of messages as one text frame, separated as the protocol wants it.
    fn take_messages(&mut self, buffer: &mut Vec<u8>) -> usize {
        let (count, length) = self.run();
        let (header, used) = encode_header(Opcode::Text, length);
        buffer.extend_from_slice(&header[..used]);
        for index in 0..count {
            let Some(entry) = self.pop() else { break };
            if index > 0 {
                buffer.push(b'\n');
            }
            buffer.extend_from_slice(entry.bytes());
        }
        count
    }

    /// How many messages at the front fit one frame of a record's size, and its length.
    fn run(&self) -> (usize, usize) {
        let (mut count, mut length) = (0, 0);
        for entry in &self.entries {
            let Entry::Message(message) = entry else {
                break;
            };
            let longer = length + usize::from(count > 0) + message.len();
            if count > 0 && longer > WRITE_TURN_BYTES {
                break;
            }
            (count, length) = (count + 1, longer);
        }
        (count, length)
    }
}

/// Slots that a queue keeps when it is empty: a burst must not be paid for by an idle connection.
const KEPT_CAPACITY: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Entry {
        Entry::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn what_waits_shares_one_frame() {
        let outbox = Outbox::new(1 << 20);
        outbox.push(message("{\"id\":1}"));
        outbox.push(message("{}"));
        let mut buffer = Vec::new();
        assert_eq!(outbox.take(&mut buffer), 2);
        assert_eq!(buffer, b"\x81\x0b{\"id\":1}\n{}");
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn a_frame_of_its_own_stands_alone_and_in_order() {
        let outbox = Outbox::new(1 << 20);
        outbox.push(message("a"));
        outbox.push(Entry::Frame(Bytes::from_static(b"\x8a\x00")));
        outbox.push(message("b"));
        let mut buffer = Vec::new();
        assert_eq!(outbox.take(&mut buffer), 3);
        assert_eq!(buffer, b"\x81\x01a\x8a\x00\x81\x01b");
    }

    #[test]
    fn a_turn_takes_a_record_or_one_larger_message() {
        let outbox = Outbox::new(1 << 20);
        for _ in 0..3 {
            outbox.push(Entry::Message(Bytes::from(vec![b'x'; 10_000])));
        }
        outbox.push(Entry::Message(Bytes::from(vec![b'y'; 40_000])));
        let sizes: Vec<usize> = std::iter::from_fn(|| {
            let mut buffer = Vec::new();
            (outbox.take(&mut buffer) > 0).then_some(buffer.len())
        })
        .collect();
        assert_eq!(sizes, [10_004, 10_004, 10_004, 40_004]);
    }

    #[test]
    fn res_1_over_the_limit_nothing_more_is_given_and_the_connection_ends_slow() {
        let outbox = Outbox::new(1000);
        for _ in 0..100 {
            outbox.push(message("0123456789"));
        }
        assert_eq!(outbox.ending(), Some(Disconnect::Slow.into()));
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.take(&mut Vec::new()), 0);
    }

    #[test]
    fn the_first_reason_counts() {
        let outbox = Outbox::new(1000);
        outbox.end(Disconnect::Shutdown.into());
        outbox.end(Disconnect::Slow.into());
        assert_eq!(outbox.ending(), Some(Disconnect::Shutdown.into()));
    }
}
