//! Centrifuge JSON, as far as the bench speaks it.

use anyhow::{Result, bail};
use memchr::memmem;

use super::{Incoming, Outgoing, text};

pub(super) fn write(id: u32, outgoing: Outgoing<'_>) -> Vec<u8> {
    match outgoing {
        Outgoing::Connect(None) => format!(r#"{{"id":{id},"connect":{{}}}}"#).into_bytes(),
        Outgoing::Connect(Some(token)) => {
            format!(r#"{{"id":{id},"connect":{{"token":"{token}"}}}}"#).into_bytes()
        }
        Outgoing::Subscribe(channel) => {
            format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#).into_bytes()
        }
        Outgoing::Publish(channel, payload) => {
            let head = format!(r#"{{"id":{id},"publish":{{"channel":"{channel}","data":"#);
            [head.as_bytes(), payload, b"}}"].concat()
        }
        Outgoing::Pong => b"{}".to_vec(),
    }
}

pub(super) fn read(message: &[u8]) -> Result<Incoming<'_>> {
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

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::super::{Dialect, Format, Outgoing, Token};

    const JSON: Dialect = Dialect::Centrifuge(Token::Upgrade, Format::Json);

    #[test]
    fn messages_that_share_a_frame() {
        let said = read(
            JSON,
            br#"{"id":1,"connect":{"client":"c"}}
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
        assert_eq!(
            read(JSON, said.as_bytes()),
            [format!("the peer said {said}")]
        );
    }

    #[test]
    fn commands_are_json_with_the_payload_as_it_is() {
        let command = JSON.write(7, Outgoing::Publish("bench:a", b"\"x\""));
        let value: serde_json::Value = serde_json::from_slice(&command).unwrap();
        let expected = serde_json::json!({"id": 7, "publish": {"channel": "bench:a", "data": "x"}});
        assert_eq!(value, expected);
    }
}
