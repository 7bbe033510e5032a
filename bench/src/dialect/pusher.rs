//! Pusher's protocol as Sockudo has it in version 2: `bench/peers/sockudo/README.md` tells it.
//!
//! It is the one dialect with a state: clients publish in private channels alone, each subscription
//! to one is signed for the socket, and who publishes has to be subscribed.

use anyhow::{Context, Result, bail};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use memchr::memmem;

use super::{Incoming, Outgoing, text};

/// The key of the application in `bench/peers/sockudo/config.toml`.
pub const APPLICATION: &str = "bench";
/// The private channels of the bench, as a pattern of its tokens.
pub const CHANNELS: &str = "private-bench.*";

const PUBLICATION: &[u8] = br#"{"event":"client-publication","#;
const SUBSCRIBED: &[u8] = br#"{"event":"sockudo_internal:subscription_succeeded","#;
const ESTABLISHED: &[u8] = br#"{"event":"sockudo:connection_established","#;

/// What a connection has to remember.
pub struct Session {
    /// The server's name of the socket.
    socket: String,
    key: Key,
    /// Private channels that it has asked for.
    joined: Vec<String>,
}

impl Session {
    /// Of the socket with this name; the secret is the application's.
    pub fn new(secret: &str, socket: String) -> Session {
        Session {
            socket,
            key: Key::new(HMAC_SHA256, secret.as_bytes()),
            joined: Vec::new(),
        }
    }

    /// The command that subscribes.
    pub fn subscribe(&mut self, channel: &str) -> Vec<u8> {
        let channel = private(channel);
        let signature = sign(&self.key, format!("{}:{channel}", self.socket).as_bytes());
        let signature: String = signature
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let command = format!(
            r#"{{"event":"sockudo:subscribe","data":{{"channel":"{channel}","auth":"{APPLICATION}:{signature}"}}}}"#
        );
        self.joined.push(channel);
        command.into_bytes()
    }

    /// The command that has to come before a publication; the server takes them in order.
    pub fn join(&mut self, channel: &str) -> Option<Vec<u8>> {
        let joined = self.joined.contains(&private(channel));
        (!joined).then(|| self.subscribe(channel))
    }
}

/// The path of the upgrade.
pub(super) fn path(token: &str) -> String {
    format!("/app/{APPLICATION}?protocol=2&token={token}")
}

pub(super) fn write(outgoing: Outgoing<'_>) -> Vec<u8> {
    let Outgoing::Publish(channel, payload) = outgoing else {
        // To subscribe is the session's; there is neither connect nor pong.
        return Vec::new();
    };
    let channel = private(channel);
    let head = format!(r#"{{"event":"client-publication","channel":"{channel}","data":"#);
    [head.as_bytes(), payload, b"}"].concat()
}

pub(super) fn read(message: &[u8]) -> Result<Incoming<'_>> {
    if message.starts_with(PUBLICATION) {
        return Ok(Incoming::Publication(behind(message, br#""data":"#)?));
    }
    if message.starts_with(SUBSCRIBED) {
        return Ok(Incoming::Subscribed);
    }
    if message.starts_with(ESTABLISHED) {
        // `data` is JSON in a string, so that its quotes have backslashes.
        let socket = behind(message, br#"\"socket_id\":\""#)?;
        let end = memchr::memchr(b'\\', socket).unwrap_or(socket.len());
        return Ok(Incoming::Established(&socket[..end]));
    }
    bail!("the peer said {}", text(message))
}

fn behind<'a>(message: &'a [u8], mark: &[u8]) -> Result<&'a [u8]> {
    let at = memmem::find(message, mark);
    let at = at.with_context(|| format!("no {} in {}", text(mark), text(message)))?;
    Ok(&message[at + mark.len()..])
}

/// A private channel of that name; a colon would ask for a namespace.
fn private(channel: &str) -> String {
    format!("private-{}", channel.replace(':', "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sockudo_says_is_understood() {
        let established = br#"{"event":"sockudo:connection_established","data":"{\"activity_timeout\":120,\"socket_id\":\"15.85\"}","message_id":"m"}"#;
        assert_eq!(read(established).unwrap(), Incoming::Established(b"15.85"));
        let subscribed = br#"{"event":"sockudo_internal:subscription_succeeded","channel":"private-bench.1","data":"{}"}"#;
        assert_eq!(read(subscribed).unwrap(), Incoming::Subscribed);
        let publication =
            br#"{"event":"client-publication","channel":"private-bench.1","data":"x"}"#;
        assert_eq!(read(publication).unwrap(), Incoming::Publication(b"\"x\"}"));
        let error = br#"{"event":"sockudo:error","data":{"code":4009,"message":"no"}}"#;
        assert!(read(error).unwrap_err().to_string().contains("4009"));
    }

    #[test]
    fn who_publishes_joins_first_and_once() {
        let mut session = Session::new("secret", "1.2".to_owned());
        let joins = session.join("bench:a").unwrap();
        let value: serde_json::Value = serde_json::from_slice(&joins).unwrap();
        assert_eq!(value["data"]["channel"], "private-bench.a");
        let auth = value["data"]["auth"].as_str().unwrap();
        assert_eq!(auth.len(), "bench:".len() + 64);
        assert!(session.join("bench:a").is_none());
        assert_eq!(
            write(Outgoing::Publish("bench:a", b"\"x\"")),
            br#"{"event":"client-publication","channel":"private-bench.a","data":"x"}"#
        );
    }
}
