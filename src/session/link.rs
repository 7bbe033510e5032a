//! The way to one client, shared by its connection's task and by whoever has something for it.
//!
//! What comes goes straight to the socket, in the turn of who brings it. Only where that cannot be
//! does it wait in the outbox: while the socket is full, and while the task carries out commands,
//! so that all that is said in a turn goes out together. So nobody is woken for a delivery.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{future::poll_fn, mem};

use bytes::Bytes;
use parking_lot::Mutex;

use super::close::{By, Close, Farewell};
use super::outbox::{Entry, Outbox};
use super::wire::{Flushed, Wire, Written, close_orderly};
use crate::hub::{Batch, Delivered};
use crate::limits::{DISMISS_TIMEOUT, OUTBOX_SOFT_BYTES, WRITE_TIMEOUT};
use crate::protocol::{Disconnect, Format, Message};

/// The shared write half of a connection, and what is under it.
pub(super) struct Link {
    pub(super) format: Format,
    /// The task is to look whether its client may still be here, and hear what it hears.
    asked: AtomicBool,
    limit: usize,
    state: Mutex<State>,
}

struct State {
    /// Taken at the end.
    wire: Option<Box<dyn Wire>>,
    outbox: Outbox,
    ending: Option<Close>,
    goodbye: Goodbye,
    /// Bytes that were given to the wire when the socket became full; the task waits for it.
    writing: usize,
    /// The task is carrying out commands, and will write before it waits.
    is_gathering: bool,
    task: Option<Waker>,
    /// What went out by the task itself, and is not counted yet.
    sent: Delivered,
}

/// Whether the close frame is queued, or has gone out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    Unsaid,
    /// By the task, behind all that waited.
    Said,
    /// By somebody who ordered the end, in place of all that waited.
    Ordered,
}

/// What a write came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WriteTurn {
    /// Nothing waits any more.
    Done,
    /// The socket is full. Says whether it took something in this turn.
    Full { progress: bool },
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Link {
    pub(super) fn new(wire: Box<dyn Wire>, format: Format, limit: usize) -> Link {
        Link {
            format,
            asked: AtomicBool::new(false),
            limit,
            state: Mutex::new(State {
                wire: Some(wire),
                outbox: Outbox::default(),
                ending: None,
                goodbye: Goodbye::Unsaid,
                writing: 0,
                is_gathering: false,
                task: None,
                sent: Delivered::default(),
            }),
        }
    }

    /// Has the batch written, or wait in its turn. Tells what went out.
    pub(super) fn deliver(&self, batch: &Batch) -> Delivered {
        let frame = batch.frame(self.format);
        let messages = batch.events().len();
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return Delivered::default();
        }
        // Who delivers in its own turn, for others too, must not fill its own outbox meanwhile.
        let gathers = state.is_gathering && state.outbox.bytes() < OUTBOX_SOFT_BYTES;
        if gathers || state.writing > 0 || !state.outbox.is_empty() {
            let entry = Entry::Frame {
                bytes: frame.clone(),
                messages: u32::try_from(messages).unwrap_or(u32::MAX),
            };
            state.push(entry, self.limit);
            if !gathers {
                state.drain(self.format);
            }
            return mem::take(&mut state.sent);
        }
        if state.write(frame).is_err() {
            state.end(Close::LOST);
            return Delivered::default();
        }
        if state.writing > 0 {
            state.wake();
        }
        Delivered {
            messages: messages as u64,
            bytes: frame.len() as u64,
        }
    }

    /// Queues a message of the protocol; for the task, which writes at the end of its turn.
    pub(super) fn send(&self, message: &Message<'_>) {
        self.queue(Entry::Message(self.format.encode(message)));
    }

    /// Queues; for the task, which writes at the end of its turn.
    pub(super) fn queue(&self, entry: Entry) {
        let mut state = self.state.lock();
        if state.ending.is_none() {
            state.push(entry, self.limit);
        }
    }

    /// Answers a ping at the end of the task's turn.
    pub(super) fn pong(&self, payload: Bytes) {
        self.state.lock().outbox.pong(payload);
    }

    /// Queues the close frame, behind which nothing follows; unless there is one already.
    pub(super) fn say_goodbye(&self, frame: Vec<u8>) {
        let mut state = self.state.lock();
        if state.goodbye == Goodbye::Unsaid {
            state.say_goodbye(frame, Goodbye::Said);
        }
    }

    /// Ends the connection at once: the close frame goes out in place of all that waits. Tells
    /// whether it does; not where the connection is closing or lost already.
    pub(super) fn dismiss(&self, farewell: &Farewell) -> bool {
        let mut state = self.state.lock();
        let goes_on = state.ending.is_none_or(|close| close.by == By::Server);
        if !goes_on || state.goodbye != Goodbye::Unsaid || state.wire.is_none() {
            return false;
        }
        state.outbox.clear();
        state.ending = Some(farewell.close);
        state.say_goodbye(farewell.frame.clone(), Goodbye::Ordered);
        state.wake();
        true
    }

    /// How long the end may take that the connection has come to; `None`: it goes on.
    pub(super) fn patience(&self) -> Option<Duration> {
        let state = self.state.lock();
        state.ending.map(|_| match state.goodbye {
            Goodbye::Ordered => DISMISS_TIMEOUT,
            Goodbye::Unsaid | Goodbye::Said => WRITE_TIMEOUT,
        })
    }

    /// Has the task look again at what it was let in and allowed on.
    pub(super) fn ask(&self) {
        // Before the lock, and the task looks behind it: so it sees this, or is woken.
        self.asked.store(true, Ordering::Relaxed);
        self.state.lock().wake();
    }

    /// Whether the task was asked, since it last was told so; for the task, behind its writing.
    pub(super) fn take_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Acquire)
    }

    /// Ends the connection once what waits is written. The first reason counts.
    pub(super) fn end(&self, close: Close) {
        self.state.lock().end(close);
    }

    /// Why the connection is to end, if it is.
    pub(super) fn ending(&self) -> Option<Close> {
        self.state.lock().ending
    }

    /// Bytes that wait, those that are being written included.
    pub(super) fn bytes(&self) -> usize {
        let state = self.state.lock();
        state.outbox.bytes() + state.writing
    }

    /// The most that may wait.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Carries out a command of the task: what is said meanwhile, and what comes from others, goes
    /// out together at the end of the task's turn, or before the command has to wait. While it waits
    /// the client is written to as ever.
    pub(super) async fn gather<T>(&self, mut command: Pin<Box<impl Future<Output = T>>>) -> T {
        poll_fn(|cx| {
            self.state.lock().is_gathering = true;
            let polled = command.as_mut().poll(cx);
            if polled.is_pending() && self.poll_write(cx).is_err() {
                self.end(Close::LOST);
            }
            polled
        })
        .await
    }

    /// Writes what waits, until nothing does or the socket is full: the end of the task's turn.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>) -> io::Result<WriteTurn> {
        let mut state = self.state.lock();
        state.register(cx);
        let mut progress = false;
        loop {
            // Even with nothing of ours: TLS has things to say of its own.
            match state.wire()?.poll_flush(cx)? {
                Flushed::All => state.writing = 0,
                Flushed::Partly { progress: some } => {
                    state.writing = state.writing.max(1);
                    return Ok(WriteTurn::Full {
                        progress: progress || some,
                    });
                }
            }
            state.is_gathering = false;
            if !state.write_waiting(self.format)? {
                return Ok(WriteTurn::Done);
            }
            progress = true;
        }
    }

    /// Reads once; for the task.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.state.lock().wire()?.poll_read(cx, into)
    }

    /// What the task itself wrote since it was last asked.
    pub(super) fn take_sent(&self) -> Delivered {
        mem::take(&mut self.state.lock().sent)
    }

    /// Ends the stream: with TLS's goodbye where the peer takes it in time, else by a reset.
    pub(super) async fn shut_down(&self, orderly: bool) {
        let Some(mut wire) = self.state.lock().wire.take() else {
            return;
        };
        if !orderly || !close_orderly(&mut *wire).await {
            wire.abort();
        }
    }
}

impl State {
    fn wire(&mut self) -> io::Result<&mut Box<dyn Wire>> {
        self.wire.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }

    fn push(&mut self, entry: Entry, limit: usize) {
        if self.outbox.push(entry, limit).is_err() {
            self.outbox.clear();
            self.end(Disconnect::Slow.into());
        }
    }

    fn say_goodbye(&mut self, frame: Vec<u8>, how: Goodbye) {
        self.goodbye = how;
        // No limit keeps it out, so nothing can come of it.
        let _ = self.outbox.push(Entry::control(frame), usize::MAX);
    }

    fn end(&mut self, close: Close) {
        self.ending.get_or_insert(close);
        self.wake();
    }

    fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    fn register(&mut self, cx: &Context<'_>) {
        match &mut self.task {
            Some(task) => task.clone_from(cx.waker()),
            None => self.task = Some(cx.waker().clone()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.wire()?.write(bytes)? == Written::Partly {
            self.writing = bytes.len();
        }
        Ok(())
    }

    /// Writes what waits as far as the socket takes it; the task does the rest.
    fn drain(&mut self, format: Format) {
        while self.writing == 0 && !self.outbox.is_empty() {
            if self.write_waiting(format).is_err() {
                self.outbox.clear();
                self.end(Close::LOST);
            }
        }
        if self.writing > 0 {
            self.wake();
        }
    }

    /// Writes a turn's worth of what waits; false when nothing did.
    fn write_waiting(&mut self, format: Format) -> io::Result<bool> {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            let messages = self.outbox.take(format, buffer);
            if buffer.is_empty() {
                return Ok(false);
            }
            self.sent += Delivered {
                messages,
                bytes: buffer.len() as u64,
            };
            self.write(buffer)?;
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
            Ok(true)
        })
    }
}

/// Bytes of the thread's buffer that are kept after one large message.
const KEPT_BYTES: usize = 128 * 1024;
