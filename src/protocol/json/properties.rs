//! What holds for any message and any frame.

use proptest::prelude::*;

use crate::protocol::properties::strategies::{payload, push, result};
use crate::protocol::{Format, Incoming, Message, Push, Request};

/// One line of valid JSON.
fn check(message: &Message<'_>) -> Result<serde_json::Value, TestCaseError> {
    let bytes = Format::Json.encode(message);
    prop_assert!(!bytes.contains(&b'\n'));
    serde_json::from_slice(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))
}

proptest! {
    // Client protocol: a newline inside a message would split it.
    #[test]
    fn a_push_is_one_line_of_json(channel in any::<String>(), push in push()) {
        let value = check(&Message::Push { channel: &channel, push: push.clone() })?;
        prop_assert_eq!(value["push"]["channel"].as_str(), Some(channel.as_str()));
        if let Push::Publication(publication) = push {
            let data: serde_json::Value = serde_json::from_slice(publication.data.as_bytes()).unwrap();
            prop_assert_eq!(&value["push"]["pub"]["data"], &data);
        }
    }

    #[test]
    fn a_reply_is_one_line_of_json(id in 1u32.., result in result()) {
        let value = check(&Message::Reply { id, result })?;
        prop_assert_eq!(value["id"].as_u64(), Some(u64::from(id)));
        prop_assert_eq!(value.as_object().unwrap().len(), 2);
    }

    #[test]
    fn data_goes_through_byte_for_byte(data in payload(), channel in ".+", id in 1u32..) {
        let channel_text = serde_json::to_string(&channel).unwrap();
        let text = std::str::from_utf8(data.as_bytes()).unwrap();
        let line = format!(r#"{{"publish":{{"channel":{channel_text},"data":{text}}},"id":{id}}}"#);
        let Some(Ok(Incoming::Command(command))) = Format::Json.decode(line.clone().into()).next() else {
            return Err(TestCaseError::fail(line));
        };
        prop_assert_eq!(command.id, id);
        let Request::Publish { channel: got, data: Ok(Some(got_data)), .. } = command.request else {
            return Err(TestCaseError::fail(line));
        };
        prop_assert_eq!(got, channel);
        prop_assert_eq!(got_data, data);
    }

    // FUZZ-1 (1).
    #[test]
    fn any_bytes_are_decoded_without_a_panic(frame in prop::collection::vec(any::<u8>(), 0..200)) {
        let most = frame.len() + 1;
        let lines = Format::Json.decode(frame.into()).count();
        prop_assert!((1..=most).contains(&lines));
    }

    #[test]
    fn any_text_like_json_is_decoded_without_a_panic(
        frame in r#"([{}\[\]",:\\\n ]|"id"|"connect"|"publish"|"channel"|"data"|null|1|"a"){0,40}"#
    ) {
        for incoming in Format::Json.decode(frame.into()).flatten() {
            if let Incoming::Command(command) = incoming {
                prop_assert!(command.id > 0 || command.request.name() == "send");
            }
        }
    }
}
