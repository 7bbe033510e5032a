//! What a peer speaks inside WebSocket frames: the plain protocol of the small ones, or Centrifuge's,
//! version 2, in JSON or in Protobuf, or Pusher's.

mod json;
mod plain;
mod protobuf;
pub mod pusher;

use std::borrow::Cow;

use anyhow::Result;
use clap::ValueEnum;

use crate::frame::Kind;

/// A way to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The plain protocol; the token is a header of the upgrade.
    Plain,
    /// Centrifuge's.
    Centrifuge(Token, Format),
    /// Pusher's, as Sockudo has it; the token is in the path.
    Pusher,
}

/// Where the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// In a header of the upgrade.
    Upgrade,
    /// In the connect command.
    Connect,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As JSON, in text frames.
    Json,
    /// As Protobuf, in binary frames.
    Protobuf,
}

/// What a client says.
#[derive(Clone, Copy)]
pub enum Outgoing<'a> {
    /// The first command, with a token where it belongs there.
    Connect(Option<&'a str>),
    /// Subscribe to a channel.
    Subscribe(&'a str),
    /// Publish this payload into a channel.
    Publish(&'a str, &'a [u8]),
    /// The answer to [`Incoming::Ping`].
    Pong,
}

/// What a peer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A publication: what begins with the payload.
    Publication(&'a [u8]),
    /// The answer to subscribe.
    Subscribed,
    /// The answer to connect.
    Welcome,
    /// The first message where nothing answers to connect: the server's name of the socket.
    Established(&'a [u8]),
    /// A ping of the protocol, which wants a pong.
    Ping,
    /// Something that nothing waits for, such as the answer to publish.
    Other,
}

impl Dialect {
    /// The path of the upgrade.
    pub fn path(self, token: &str) -> Cow<'static, str> {
        match self {
            Dialect::Plain => "/ws".into(),
            Dialect::Centrifuge(_, Format::Json) => "/connection/websocket".into(),
            Dialect::Centrifuge(_, Format::Protobuf) => {
                "/connection/websocket?cf_protocol=protobuf".into()
            }
            Dialect::Pusher => pusher::path(token).into(),
        }
    }

    /// The same dialect in this format; `None` if it has only one.
    pub fn written_as(self, format: Format) -> Option<Dialect> {
        match (self, format) {
            (Dialect::Plain | Dialect::Pusher, Format::Json) => Some(self),
            (Dialect::Plain | Dialect::Pusher, Format::Protobuf) => None,
            (Dialect::Centrifuge(token, _), format) => Some(Dialect::Centrifuge(token, format)),
        }
    }

    /// Whether the token is a header of the upgrade.
    pub fn token_in_upgrade(self) -> bool {
        !matches!(
            self,
            Dialect::Centrifuge(Token::Connect, _) | Dialect::Pusher
        )
    }

    /// Whether the first command is connect.
    pub fn begins_with_connect(self) -> bool {
        matches!(self, Dialect::Centrifuge(..))
    }

    /// What frames it speaks in.
    pub fn frames(self) -> Kind {
        match self {
            Dialect::Centrifuge(_, Format::Protobuf) => Kind::Binary,
            _ => Kind::Text,
        }
    }

    /// A message to the peer, under this id where messages have one.
    pub fn write(self, id: u32, outgoing: Outgoing<'_>) -> Vec<u8> {
        match self {
            Dialect::Plain => plain::write(outgoing),
            Dialect::Pusher => pusher::write(outgoing),
            Dialect::Centrifuge(_, Format::Json) => json::write(id, outgoing),
            Dialect::Centrifuge(_, Format::Protobuf) => protobuf::write(id, outgoing),
        }
    }

    /// Reads the messages that share one frame.
    pub fn read(self, frame: &[u8], on: impl FnMut(Incoming<'_>)) -> Result<()> {
        match self {
            Dialect::Plain => lines(frame, plain::read, on),
            Dialect::Pusher => lines(frame, pusher::read, on),
            Dialect::Centrifuge(_, Format::Json) => lines(frame, json::read, on),
            Dialect::Centrifuge(_, Format::Protobuf) => protobuf::read(frame, on),
        }
    }
}

/// Reads messages of one line each.
fn lines<'a>(
    frame: &'a [u8],
    read: impl Fn(&'a [u8]) -> Result<Incoming<'a>>,
    mut on: impl FnMut(Incoming<'a>),
) -> Result<()> {
    let mut rest = frame;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        on(read(&rest[..end])?);
        rest = &rest[(end + 1).min(rest.len())..];
    }
    Ok(())
}

/// The beginning of a message, for an error.
fn text(message: &[u8]) -> String {
    let begin = &message[..message.len().min(200)];
    String::from_utf8_lossy(begin).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a frame, in short, and the error behind it if there is one.
    pub(super) fn read(dialect: Dialect, frame: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        let read = dialect.read(frame, |incoming| {
            all.push(match incoming {
                Incoming::Publication(data) => String::from_utf8_lossy(data).into_owned(),
                other => format!("{other:?}"),
            });
        });
        if let Err(error) = read {
            all.push(error.to_string());
        }
        all
    }

    #[test]
    fn only_centrifuge_can_be_written_otherwise() {
        let json = Dialect::Centrifuge(Token::Upgrade, Format::Json);
        let protobuf = Dialect::Centrifuge(Token::Upgrade, Format::Protobuf);
        assert_eq!(json.written_as(Format::Protobuf), Some(protobuf));
        assert_eq!(
            Dialect::Plain.written_as(Format::Json),
            Some(Dialect::Plain)
        );
        assert_eq!(Dialect::Plain.written_as(Format::Protobuf), None);
    }
}
