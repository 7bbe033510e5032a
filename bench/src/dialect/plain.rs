//! The plain protocol. `GET /ws` with `Authorization: Bearer TOKEN` is answered with 101, or with 401
//! where the token is not good. Then, in text frames of one or more lines, `+CHANNEL` subscribes and
//! is answered alike, `>CHANNEL PAYLOAD` publishes, and `<CHANNEL PAYLOAD` is a publication.

use anyhow::{Result, bail};

use super::{Incoming, Outgoing, text};

pub(super) fn write(outgoing: Outgoing<'_>) -> Vec<u8> {
    match outgoing {
        Outgoing::Subscribe(channel) => [b"+", channel.as_bytes()].concat(),
        Outgoing::Publish(channel, payload) => [b">", channel.as_bytes(), b" ", payload].concat(),
        // It has neither.
        Outgoing::Connect(_) | Outgoing::Pong => Vec::new(),
    }
}

pub(super) fn read(message: &[u8]) -> Result<Incoming<'_>> {
    Ok(match message {
        [b'+', ..] => Incoming::Subscribed,
        [b'<', rest @ ..] => match memchr::memchr(b' ', rest) {
            Some(space) => Incoming::Publication(&rest[space + 1..]),
            None => bail!("a publication without payload: {}", text(message)),
        },
        _ => bail!("the peer said {}", text(message)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Dialect;
    use super::super::tests::read;

    #[test]
    fn messages_that_share_a_frame() {
        let said = read(Dialect::Plain, b"+a\n<a \"1\"\n<a \"2\"");
        assert_eq!(said, ["Subscribed", "\"1\"", "\"2\""]);
    }

    #[test]
    fn what_is_not_plain_is_an_error() {
        assert_eq!(read(Dialect::Plain, b"what?"), ["the peer said what?"]);
    }
}
