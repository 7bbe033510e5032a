//! Protobuf by hand: fields by their numbers, and a client that speaks it.

use std::collections::VecDeque;

use super::frames::{BINARY, FIN, Raw, frame};
use super::{Gateway, token};

/// A connection in Protobuf.
pub struct Binary {
    pub raw: Raw,
    messages: VecDeque<Message>,
    last_id: u64,
}

impl Gateway {
    /// An upgraded connection in Protobuf; nothing was sent yet.
    pub async fn binary(&self, user: &str) -> Binary {
        self.binary_with(&token(user)).await
    }

    /// The same with this token.
    pub async fn binary_with(&self, token: &str) -> Binary {
        let path = "/connection/websocket?cf_protocol=protobuf";
        Binary {
            raw: self.raw_with(path, token).await,
            messages: VecDeque::new(),
            last_id: 0,
        }
    }

    /// One that has connected.
    pub async fn binary_client(&self, user: &str) -> Binary {
        let mut client = self.binary(user).await;
        client.ok(CONNECT, &[]).await;
        client
    }
}

// The requests by their numbers in a command. In a reply the result of each, up to history, has the
// next number.
pub const CONNECT: u64 = 4;
pub const SUBSCRIBE: u64 = 5;
pub const UNSUBSCRIBE: u64 = 6;
pub const PUBLISH: u64 = 7;
pub const PRESENCE: u64 = 8;
pub const PRESENCE_STATS: u64 = 9;
pub const HISTORY: u64 = 10;
pub const SEND: u64 = 12;
pub const RPC: u64 = 13;
/// Its result has the same number.
pub const SUB_REFRESH: u64 = 15;

// What else a reply may have.
pub const ERROR: u64 = 2;
pub const PUSH: u64 = 4;

impl Binary {
    /// Sends a binary frame as it is.
    pub async fn send(&mut self, payload: &[u8]) {
        self.raw.write(&frame(FIN | BINARY, payload)).await;
    }

    /// Sends a command with these fields in its request, and gives its id.
    pub async fn request(&mut self, request: u64, fields: &[Vec<u8>]) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&command(id, request, fields)).await;
        id
    }

    /// The reply to a command.
    pub async fn ask(&mut self, request: u64, fields: &[Vec<u8>]) -> Message {
        let id = self.request(request, fields).await;
        self.wait_for(|message| message.number(1) == id).await
    }

    /// The result of a command that must succeed; it must be there, if only with length 0.
    pub async fn ok(&mut self, request: u64, fields: &[Vec<u8>]) -> Message {
        let reply = self.ask(request, fields).await;
        let result = reply.message(request + 1);
        result.unwrap_or_else(|| panic!("{request}: {reply:?}"))
    }

    /// The code and the text of a command that must fail.
    pub async fn error(&mut self, request: u64, fields: &[Vec<u8>]) -> (u64, String) {
        let reply = self.ask(request, fields).await;
        let error = reply.message(ERROR);
        let error = error.unwrap_or_else(|| panic!("{request} succeeded: {reply:?}"));
        (error.number(1), error.text(2))
    }

    /// The next publication in a channel.
    pub async fn publication(&mut self, channel: &str) -> Message {
        let push = self
            .wait_for(|message| {
                let push = message.message(PUSH);
                push.is_some_and(|push| push.text(2) == channel && push.message(4).is_some())
            })
            .await;
        push.message(PUSH).unwrap().message(4).unwrap()
    }

    /// The next message that fits; the others are kept for later.
    pub async fn wait_for(&mut self, fits: impl Fn(&Message) -> bool) -> Message {
        loop {
            if let Some(index) = self.messages.iter().position(&fits) {
                return self.messages.remove(index).unwrap();
            }
            let frame = self.raw.next().await;
            assert_eq!(frame.first, FIN | BINARY, "{frame:?}");
            self.messages.extend(messages(&frame.payload));
        }
    }
}

/// A command behind its length.
pub fn command(id: u64, request: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    delimited(&[number(1, id), bytes(request, &fields.concat())].concat())
}

/// A message behind its length.
pub fn delimited(message: &[u8]) -> Vec<u8> {
    [&varint(message.len() as u64), message].concat()
}

pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field with a length: a string, bytes, or a message.
pub fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), delimited(value)].concat()
}

pub fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// The messages of a frame, of which nothing may be left over.
pub fn messages(mut payload: &[u8]) -> Vec<Message> {
    assert!(!payload.is_empty(), "an empty frame");
    let mut messages = Vec::new();
    while !payload.is_empty() {
        messages.push(Message::read(take_bytes(&mut payload)));
    }
    messages
}

/// What a message holds, field by field, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message(Vec<(u64, Value)>);

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn read(mut bytes: &[u8]) -> Message {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = take_varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(take_varint(&mut bytes)),
                2 => Value::Bytes(take_bytes(&mut bytes).to_vec()),
                kind => panic!("wire type {kind}"),
            };
            fields.push((tag >> 3, value));
        }
        Message(fields)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of a field, or 0.
    pub fn number(&self, field: u64) -> u64 {
        self.0
            .iter()
            .rev()
            .find_map(|(f, value)| match value {
                Value::Number(number) if *f == field => Some(*number),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// All values of a field with a length.
    pub fn all(&self, field: u64) -> Vec<&[u8]> {
        let values = self.0.iter().filter_map(|(f, value)| match value {
            Value::Bytes(bytes) if *f == field => Some(bytes.as_slice()),
            _ => None,
        });
        values.collect()
    }

    pub fn bytes(&self, field: u64) -> &[u8] {
        self.all(field).last().copied().unwrap_or_default()
    }

    pub fn text(&self, field: u64) -> String {
        String::from_utf8(self.bytes(field).to_vec()).unwrap()
    }

    pub fn message(&self, field: u64) -> Option<Message> {
        self.all(field).last().map(|bytes| Message::read(bytes))
    }
}

fn take_varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = take_varint(bytes) as usize;
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}
