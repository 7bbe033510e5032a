//! Centrifuge Protobuf, as far as the bench speaks it; written by hand, so that what reads the
//! gateway's messages shares no code with what wrote them.

use anyhow::{Context, Result, bail};

use super::{Incoming, Outgoing, text};

// The numbers of fields.
const COMMAND_ID: u32 = 1;
const COMMAND_CONNECT: u32 = 4;
const COMMAND_SUBSCRIBE: u32 = 5;
const COMMAND_PUBLISH: u32 = 7;
const CONNECT_TOKEN: u32 = 1;
const CHANNEL: u32 = 1;
const PUBLISH_DATA: u32 = 2;
const REPLY_ERROR: u32 = 2;
const REPLY_PUSH: u32 = 4;
const REPLY_CONNECT: u32 = 5;
const REPLY_SUBSCRIBE: u32 = 6;
const REPLY_PUBLISH: u32 = 8;
const PUSH_PUBLICATION: u32 = 4;
const PUBLICATION_DATA: u32 = 4;

pub(super) fn write(id: u32, outgoing: Outgoing<'_>) -> Vec<u8> {
    let mut request = Vec::new();
    let number = match outgoing {
        // A message of length 0.
        Outgoing::Pong => return vec![0],
        Outgoing::Connect(token) => {
            if let Some(token) = token {
                write_bytes(&mut request, CONNECT_TOKEN, token.as_bytes());
            }
            COMMAND_CONNECT
        }
        Outgoing::Subscribe(channel) => {
            write_bytes(&mut request, CHANNEL, channel.as_bytes());
            COMMAND_SUBSCRIBE
        }
        Outgoing::Publish(channel, payload) => {
            write_bytes(&mut request, CHANNEL, channel.as_bytes());
            write_bytes(&mut request, PUBLISH_DATA, payload);
            COMMAND_PUBLISH
        }
    };
    let mut command = Vec::new();
    write_varint(&mut command, COMMAND_ID << 3);
    write_varint(&mut command, id);
    write_bytes(&mut command, number, &request);
    let mut message = Vec::new();
    write_varint(&mut message, command.len() as u32);
    message.extend(command);
    message
}

/// Reads messages with their length before them.
pub(super) fn read(frame: &[u8], mut on: impl FnMut(Incoming<'_>)) -> Result<()> {
    let mut rest = frame;
    while !rest.is_empty() {
        let message = read_bytes(&mut rest).context("a message that is not whole")?;
        on(reply(message).with_context(|| format!("the peer said {}", text(message)))?);
    }
    Ok(())
}

fn reply(message: &[u8]) -> Result<Incoming<'_>> {
    if message.is_empty() {
        return Ok(Incoming::Ping);
    }
    let mut rest = message;
    while let Some((number, value)) = read_field(&mut rest)? {
        match number {
            REPLY_PUSH => {
                let publication = find(value, PUSH_PUBLICATION)?;
                return Ok(match publication {
                    None => Incoming::Other,
                    Some(publication) => Incoming::Publication(
                        find(publication, PUBLICATION_DATA)?
                            .context("a publication without data")?,
                    ),
                });
            }
            REPLY_CONNECT => return Ok(Incoming::Welcome),
            REPLY_SUBSCRIBE => return Ok(Incoming::Subscribed),
            REPLY_PUBLISH => return Ok(Incoming::Other),
            REPLY_ERROR => bail!("an error"),
            _ => {}
        }
    }
    bail!("nothing that is known")
}

/// The bytes of the first field with this number.
fn find(message: &[u8], wanted: u32) -> Result<Option<&[u8]>> {
    let mut rest = message;
    while let Some((number, value)) = read_field(&mut rest)? {
        if number == wanted {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Takes a field: its number, and its bytes; a number has none.
fn read_field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u32, &'a [u8])>> {
    if rest.is_empty() {
        return Ok(None);
    }
    let tag = read_varint(rest).context("a tag that is not whole")?;
    let value = match tag & 7 {
        0 => read_varint(rest).map(|_| &[][..]),
        2 => read_bytes(rest),
        other => bail!("a field of the wire type {other}"),
    };
    let number = u32::try_from(tag >> 3)?;
    Ok(Some((number, value.context("a field that is not whole")?)))
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    rest.split_off(..length)
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    write_varint(out, number << 3 | 2);
    write_varint(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

fn write_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::super::{Dialect, Format, Outgoing, Token};

    const PROTOBUF: Dialect = Dialect::Centrifuge(Token::Upgrade, Format::Protobuf);

    #[test]
    fn commands_as_the_definition_has_them() {
        let write = |outgoing| PROTOBUF.write(300, outgoing);
        assert_eq!(write(Outgoing::Connect(None)), b"\x05\x08\xac\x02\x22\x00");
        assert_eq!(
            write(Outgoing::Subscribe("a")),
            b"\x08\x08\xac\x02\x2a\x03\x0a\x01a"
        );
        assert_eq!(
            write(Outgoing::Publish("a", b"1")),
            b"\x0b\x08\xac\x02\x3a\x06\x0a\x01a\x12\x011"
        );
        assert_eq!(write(Outgoing::Pong), b"\x00");
    }

    #[test]
    fn messages_that_share_a_frame() {
        let frame = [
            &b"\x00"[..],                              // ping
            b"\x04\x08\x01\x2a\x00",                   // connect
            b"\x04\x08\x02\x32\x00",                   // subscribe
            b"\x04\x08\x03\x42\x00",                   // publish
            b"\x07\x22\x05\x12\x01a\x2a\x00",          // a join
            b"\x0a\x22\x08\x12\x01a\x22\x03\x22\x01x", // a publication
        ];
        let said = read(PROTOBUF, &frame.concat());
        assert_eq!(
            said,
            ["Ping", "Welcome", "Subscribed", "Other", "Other", "x"]
        );
    }

    #[test]
    fn errors_and_cut_messages_are_errors() {
        assert_eq!(read(PROTOBUF, b"\x04\x08\x01\x12\x00").len(), 1);
        assert_eq!(
            read(PROTOBUF, b"\x05\x08\x01"),
            ["a message that is not whole"]
        );
    }
}
