//! What a peer speaks inside WebSocket frames: the plain protocol of the small ones, or Centrifuge
//! JSON, version 2.

use anyhow::{Result, bail};
use memchr::memmem;

/// A way to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `+CHANNEL` subscribes and is answered alike, `>CHANNEL PAYLOAD` publishes, `<CHANNEL PAYLOAD`
    /// is a publication. The token is a header of the upgrade.
    Plain,
    /// Centrifuge JSON.
    Centrifuge(Token),
}

/// Where the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// In a header of the upgrade.
    Upgrade,
    /// In the connect command.
    Connect,
}

/// What a peer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A publication; the rest of the message, which begins with the payload.
    Publication(&'a [u8]),
    /// The answer to subscribe.
    Subscribed,
    /// The answer to connect.
    Welcome,
    /// A ping of the protocol, which wants [`Dialect::pong`].
    Ping,
    /// Something that nothing waits for, such as the answer to publish.
    Other,
}

impl Dialect {
    /// The path of the upgrade.
    pub fn path(self) -> &'static str {
        match self {
            Dialect::Plain => "/ws",
            Dialect::Centrifuge(_) => "/connection/websocket",
        }
    }

    /// Whether the token is a header of the upgrade.
    pub fn token_in_upgrade(self) -> bool {
        self != Dialect::Centrifuge(Token::Connect)
    }

    /// The first command, where there is one.
    pub fn connect(self, id: u32, token: &str) -> Option<String> {
        match self {
            Dialect::Plain => None,
            Dialect::Centrifuge(Token::Upgrade) => Some(format!(r#"{{"id":{id},"connect":{{}}}}"#)),
            Dialect::Centrifuge(Token::Connect) => {
                Some(format!(r#"{{"id":{id},"connect":{{"token":"{token}"}}}}"#))
            }
        }
    }

    /// The command that subscribes.
    pub fn subscribe(self, id: u32, channel: &str) -> String {
        match self {
            Dialect::Plain => format!("+{channel}"),
            Dialect::Centrifuge(_) => {
                format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#)
            }
        }
    }

    /// Appends the command that publishes.
    pub fn publish(self, out: &mut Vec<u8>, id: u32, channel: &str, payload: &[u8]) {
        match self {
            Dialect::Plain => {
                out.extend_from_slice(b">");
                out.extend_from_slice(channel.as_bytes());
                out.push(b' ');
                out.extend_from_slice(payload);
            }
            Dialect::Centrifuge(_) => {
                let head = format!(r#"{{"id":{id},"publish":{{"channel":"{channel}","data":"#);
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(payload);
                out.extend_from_slice(b"}}");
            }
        }
    }

    /// The answer to [`Incoming::Ping`].
    pub fn pong(self) -> &'static [u8] {
        b"{}"
    }

    /// Reads the messages that share one frame.
    pub fn read(self, frame: &[u8], mut on: impl FnMut(Incoming<'_>)) -> Result<()> {
        let mut rest = frame;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let message = &rest[..end];
            on(match self {
                Dialect::Plain => plain(message)?,
                Dialect::Centrifuge(_) => centrifuge(message)?,
            });
            rest = &rest[(end + 1).min(rest.len())..];
        }
        Ok(())
    }
}

fn plain(message: &[u8]) -> Result<Incoming<'_>> {
    Ok(match message {
        [b'+', ..] => Incoming::Subscribed,
        [b'<', rest @ ..] => match memchr::memchr(b' ', rest) {
            Some(space) => Incoming::Publication(&rest[space + 1..]),
            None => bail!("a publication without payload: {}", text(message)),
        },
        _ => bail!("the peer said {}", text(message)),
    })
}

fn centrifuge(message: &[u8]) -> Result<Incoming<'_>> {
    if message == b"{}" {
        return Ok(Incoming::Ping);
    }
    if message.starts_with(br#"{"push":"#) {
        // Members of a push may stand in any order, but only a publication has `pub`.
        let Some(publication) = memmem::find(message, br#""pub":{"#) else {
            return Ok(Incoming::Other);
        };
        let data = br#""data":"#;
        return match memmem::find(&message[publication..], data) {
            Some(at) => Ok(Incoming::Publication(
                &message[publication + at + data.len()..],
            )),
            None => bail!("a publication without data: {}", text(message)),
        };
    }
    match answered(message) {
        Some(b"connect") => Ok(Incoming::Welcome),
        Some(b"subscribe") => Ok(Incoming::Subscribed),
        Some(b"publish") => Ok(Incoming::Other),
        _ => bail!("the peer said {}", text(message)),
    }
}

/// The name of the command that `{"id":1,"NAME":…` answers.
fn answered(message: &[u8]) -> Option<&[u8]> {
    let id = message.strip_prefix(br#"{"id":"#)?;
    let comma = memchr::memchr(b',', id)?;
    let name = id[comma..].strip_prefix(br#",""#)?;
    Some(&name[..memchr::memchr(b'"', name)?])
}

fn text(message: &[u8]) -> String {
    let begin = &message[..message.len().min(200)];
    String::from_utf8_lossy(begin).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, frame: &str) -> Vec<String> {
        let mut all = Vec::new();
        let read = dialect.read(frame.as_bytes(), |incoming| {
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
    fn plain_messages_that_share_a_frame() {
        let said = read(Dialect::Plain, "+a\n<a \"1\"\n<a \"2\"");
        assert_eq!(said, ["Subscribed", "\"1\"", "\"2\""]);
    }

    #[test]
    fn what_is_not_plain_is_an_error() {
        assert_eq!(read(Dialect::Plain, "what?"), ["the peer said what?"]);
    }

    #[test]
    fn centrifuge_messages_that_share_a_frame() {
        let said = read(
            Dialect::Centrifuge(Token::Upgrade),
            r#"{"id":1,"connect":{"client":"c"}}
{}
{"id":2,"subscribe":{}}
{"id":3,"publish":{}}
{"push":{"channel":"a","join":{"info":{"user":"u","client":"c"}}}}
{"push":{"channel":"a","pub":{"data":"x"}}}
{"push":{"channel":"a","pub":{"info":{"user":"u","client":"c"},"data":"y"}}}"#,
        );
        let expected = [
            "Welcome",
            "Ping",
            "Subscribed",
            "Other",
            "Other",
            "\"x\"}}}",
            "\"y\"}}}",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn an_error_of_a_command_is_an_error() {
        let said = r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#;
        let expected = format!("the peer said {said}");
        assert_eq!(read(Dialect::Centrifuge(Token::Upgrade), said), [expected]);
    }

    #[test]
    fn commands_are_json_with_the_payload_as_it_is() {
        let mut out = Vec::new();
        Dialect::Centrifuge(Token::Upgrade).publish(&mut out, 7, "bench:a", b"\"x\"");
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!({"id": 7, "publish": {"channel": "bench:a", "data": "x"}});
        assert_eq!(value, expected);
    }
}
