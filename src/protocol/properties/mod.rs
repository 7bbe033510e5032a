//! What holds for any command and any message in both formats: they say the same.
//!
//! The other end is written here by itself: a client that writes commands and reads messages in
//! JSON. In Protobuf it is the definition's own types, in which both are then compared.

mod commands;
mod messages;
pub(super) mod strategies;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use self::commands::{command, json_line, plain};
use self::messages::{json_reply, protobuf_reply};
use self::strategies::{push, result};
use super::protobuf::wire;
use super::{Format, Incoming, Message};

/// What the gateway understands of a frame, in the definition's types.
fn understood(format: Format, frame: &[u8]) -> Vec<wire::Command> {
    let incoming = format.decode(Bytes::copy_from_slice(frame));
    incoming.map(|incoming| plain(incoming.unwrap())).collect()
}

fn check(message: &Message<'_>) -> Result<(), TestCaseError> {
    let json = json_reply(&Format::Json.encode(message));
    let protobuf = protobuf_reply(Format::Protobuf.encode(message));
    prop_assert_eq!(json, protobuf);
    Ok(())
}

proptest! {
    #[test]
    fn a_frame_of_commands_is_the_same_in_both(commands in prop::collection::vec(command(), 1..4)) {
        let lines: Vec<String> = commands.iter().map(json_line).collect();
        let messages: Vec<Vec<u8>> =
            commands.iter().map(|c| c.encode_length_delimited_to_vec()).collect();
        prop_assert_eq!(&understood(Format::Json, lines.join("\n").as_bytes()), &commands);
        prop_assert_eq!(&understood(Format::Protobuf, &messages.concat()), &commands);
    }

    #[test]
    fn a_push_is_the_same_in_both(channel in any::<String>(), push in push()) {
        check(&Message::Push { channel: &channel, push })?;
    }

    #[test]
    fn a_reply_is_the_same_in_both(id in 1u32.., result in result()) {
        check(&Message::Reply { id, result })?;
    }

    // FUZZ-1 (1).
    #[test]
    fn any_bytes_are_decoded_without_a_panic(frame in prop::collection::vec(any::<u8>(), 0..200)) {
        let most = frame.len() + 1;
        let messages = Format::Protobuf.decode(frame.into()).count();
        prop_assert!((1..=most).contains(&messages));
    }

    #[test]
    fn a_command_with_wrong_bytes_is_decoded_without_a_panic(
        command in command(),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut frame = command.encode_length_delimited_to_vec();
        for (place, byte) in wrong {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        for incoming in Format::Protobuf.decode(frame.into()).flatten() {
            if let Incoming::Command(command) = incoming {
                prop_assert!(command.id > 0 || command.request.name() == "send");
            }
        }
    }
}

#[test]
fn a_ping_is_the_same_in_both() {
    check(&Message::Ping).unwrap();
}
