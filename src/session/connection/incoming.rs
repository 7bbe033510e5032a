//! What a client sent, one thing at a time: frames to messages, messages to commands.
//!
//! Lazily, so that what stands before a fault is carried out, and so that a client that does not
//! read its answers is not read from either.

use bytes::Bytes;

use super::{Connection, Pings, Service, Stage, Turn};
use crate::limits::{CONTROL_FRAMES, EXTRA_COMMANDS};
use crate::protocol::websocket::{Frame, Opcode, Violation, encode_header};
use crate::protocol::{Disconnect, Format, Incoming};
use crate::session::close::Close;
use crate::session::deadlines::Due;
use crate::session::outbox::Entry;

impl Connection {
    /// The next thing that was read and can be handled now.
    pub(super) fn next_turn(&mut self) -> Option<Turn> {
        loop {
            if self.stage != Stage::Open || !self.may_read() {
                return None;
            }
            if let Some(turn) = self.next_command() {
                return Some(turn);
            }
            let Some(frame) = self.inbox.next() else {
                return self
                    .violation
                    .take()
                    .map(|violation| self.on_violation(violation));
            };
            match frame {
                Frame::Message { binary, data } => {
                    if let Err(close) = self.on_message(binary, data) {
                        return Some(Turn::Close(close));
                    }
                }
                Frame::Ping(payload) => {
                    if let Err(close) = self.count_control_frame() {
                        return Some(Turn::Close(close));
                    }
                    self.peer.link.pong(payload);
                }
                Frame::Pong => {
                    if let Err(close) = self.count_control_frame() {
                        return Some(Turn::Close(close));
                    }
                    if self.pings == Pings::Frames {
                        self.deadlines.clear(Due::Pong);
                    }
                }
                Frame::Close { code } => return Some(Turn::Close(Close::client(code))),
            }
        }
    }

    /// WS-6.
    fn count_control_frame(&mut self) -> Result<(), Close> {
        let now = self.together.ticks.now();
        let taken = self.control_frames.take(&CONTROL_FRAMES, now);
        taken.map_err(|_| Violation::TooManyControlFrames.into())
    }

    fn on_message(&mut self, binary: bool, data: Bytes) -> Result<(), Close> {
        let opcode = if binary { Opcode::Binary } else { Opcode::Text };
        match self.service {
            Service::Protocol(_) => {
                let format = self.peer.link.format;
                if opcode != format.opcode() {
                    return Err(wrong_opcode(format));
                }
                self.commands = Some(format.decode(data));
                Ok(())
            }
            Service::Echo(_) => {
                let (header, used) = encode_header(opcode, data.len());
                self.peer.link.queue(Entry::Frame {
                    bytes: [&header[..used], &data].concat().into(),
                    messages: 1,
                });
                Ok(())
            }
        }
    }

    fn next_command(&mut self) -> Option<Turn> {
        let commands = self.commands.as_mut()?;
        let Some(next) = commands.next() else {
            self.commands = None;
            return None;
        };
        if commands.given() > self.node.terms.load().settings.max_channels + EXTRA_COMMANDS {
            self.tell("too many commands in one message");
            return Some(Turn::Close(Disconnect::BadRequest.into()));
        }
        match next {
            Ok(Incoming::Pong) => Some(Turn::Pong),
            Ok(Incoming::Command(command)) => Some(Turn::Command(Box::new(command))),
            Err(fault) => {
                self.tell(fault);
                Some(Turn::Close(Disconnect::BadRequest.into()))
            }
        }
    }

    fn on_violation(&self, violation: Violation) -> Turn {
        self.tell(violation.reason());
        Turn::Close(violation.into())
    }

    /// A line for what the client did wrong; nothing of what it sent is in it.
    fn tell(&self, fault: impl std::fmt::Display) {
        if let Some(left_out) = self.node.lines.admit("message refused") {
            tracing::info!(client = self.peer.name(), %fault, left_out, "message refused");
        }
    }

    pub(super) fn on_pong(&mut self) {
        let due = self.pings == Pings::Protocol && self.deadlines.is_set(Due::Pong);
        let connected = matches!(&self.service, Service::Protocol(c) if c.is_connected());
        if due && connected {
            self.deadlines.clear(Due::Pong);
        } else {
            self.peer.end(Disconnect::BadRequest);
        }
    }
}

/// WS-5.
fn wrong_opcode(format: Format) -> Close {
    match format {
        Format::Json => Violation::BinaryForJson.into(),
        Format::Protobuf => Violation::TextForProtobuf.into(),
    }
}
