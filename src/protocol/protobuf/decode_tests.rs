//! The command decoder, case by case against the Centrifuge client protocol.

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::protocol::{
    Command, DecodeError, Format, Incoming, PayloadFault, Request, StreamPosition,
};

fn all(frame: &[u8]) -> Vec<Result<Incoming, DecodeError>> {
    Format::Protobuf
        .decode(Bytes::copy_from_slice(frame))
        .collect()
}

/// One message behind its length.
fn message(fields: &[&[u8]]) -> Vec<u8> {
    let fields = fields.concat();
    assert!(fields.len() < 128);
    [&[fields.len() as u8], fields.as_slice()].concat()
}

fn fault(fields: &[&[u8]]) -> DecodeError {
    match all(&message(fields)).pop() {
        Some(Err(error)) => error,
        other => panic!("{fields:?} gave {other:?}"),
    }
}

fn command(fields: &[&[u8]]) -> Command {
    match all(&message(fields)).pop() {
        Some(Ok(Incoming::Command(command))) => command,
        other => panic!("{fields:?} gave {other:?}"),
    }
}

const ID: &[u8] = b"\x08\x01";
const CONNECT: &[u8] = b"\x22\x00";
const PUBLISH: &[u8] = b"\x3a\x08\x0a\x01c\x12\x03[1]";

// Client protocol: connect and subscribes share a frame, each behind its length.
#[test]
fn a_frame_holds_many_commands() {
    let connect = message(&[ID, b"\x22\x09\x0a\x03eyJ\x22\x02js"]);
    let subscribe = message(&[b"\x08\x02", b"\x2a\x05\x0a\x01c\x70\x01"]);
    let commands = all(&[connect, subscribe, vec![0]].concat());
    assert_eq!(commands.len(), 3);
    let Ok(Incoming::Command(Command {
        id: 1,
        request: Request::Connect(connect),
    })) = &commands[0]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(connect.token.as_ref().unwrap().expose_secret(), "eyJ");
    assert_eq!(
        (connect.name.as_str(), connect.version.as_str()),
        ("js", "")
    );
    let Ok(Incoming::Command(Command {
        id: 2,
        request: Request::Subscribe(subscribe),
    })) = &commands[1]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(subscribe.channel, "c");
    assert!(!subscribe.error_when_unrecoverable && !subscribe.recover && subscribe.kind == 0);
    assert!(matches!(commands[2], Ok(Incoming::Pong)));
}

#[test]
fn a_pong_is_a_message_without_id_and_request() {
    assert!(matches!(all(&[0]).as_slice(), [Ok(Incoming::Pong)]));
    assert_eq!(all(&[0, 0, 0]).len(), 3);
    // A field that is not known, and an id that says 0.
    for fields in [b"\x9a\x06\x01x", b"\x08\x00\x10\x07"] {
        assert!(matches!(
            all(&message(&[fields])).as_slice(),
            [Ok(Incoming::Pong)]
        ));
    }
}

// WS-11: a truncated varint, or a length beyond the rest.
#[test]
fn what_is_cut_short_is_a_fault_behind_what_came_whole() {
    assert!(matches!(
        all(b"").as_slice(),
        [Err(DecodeError::EmptyFrame)]
    ));
    let long = [0xff; 11];
    for cut in [
        b"\x80".as_slice(),
        b"\x02\x08",
        b"\x05",
        b"\xff\xff\xff\xff\x0f\x08\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08",
        &long,
    ] {
        assert!(
            matches!(all(cut).as_slice(), [Err(DecodeError::CutShort)]),
            "{cut:?}"
        );
        let behind = [message(&[ID, CONNECT]).as_slice(), cut].concat();
        assert!(
            matches!(
                all(&behind).as_slice(),
                [Ok(Incoming::Command(_)), Err(DecodeError::CutShort)]
            ),
            "{cut:?}"
        );
    }
}

#[test]
fn nothing_comes_after_a_fault() {
    let commands = all(&[message(&[b"\x09"]), message(&[ID, CONNECT])].concat());
    assert!(matches!(
        commands.as_slice(),
        [Err(DecodeError::NotProtobuf)]
    ));
}

#[test]
fn what_is_not_the_protocols_is_refused() {
    for fields in [
        b"\x0a\x01a".as_slice(),                         // the id is no number
        b"\x08\x01\x20\x01",                             // connect is a number
        b"\x08\x01\x22\x05\x0a",                         // a length beyond the message
        b"\x08\x01\x3a\x03\x0a\x01\xff",                 // a channel that is not UTF-8
        b"\x08\x01\x3a\x04\x0a\x03c",                    // a string beyond its message
        b"\x00\x01",                                     // field 0
        b"\x0f",                                         // wire type 7
        b"\x9c\x06",                                     // an end without a beginning
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", // a number over 64 bits
    ] {
        assert_eq!(fault(&[fields]), DecodeError::NotProtobuf, "{fields:?}");
    }
}

// WS-11: prost stops at 100 levels, in what is skipped too.
#[test]
fn depth_is_bounded() {
    let groups = [b"\x9b\x06".repeat(20_000), b"\x9c\x06".repeat(20_000)].concat();
    let frame = [b"\x80\xf1\x04".as_slice(), &groups].concat();
    assert_eq!(groups.len(), 80_000);
    assert!(matches!(
        all(&frame).as_slice(),
        [Err(DecodeError::NotProtobuf)]
    ));
}

#[test]
fn one_request_a_command() {
    assert_eq!(fault(&[ID, CONNECT, PUBLISH]), DecodeError::SeveralRequests);
    assert_eq!(fault(&[CONNECT, b"\x62\x00"]), DecodeError::SeveralRequests);
    assert_eq!(fault(&[ID]), DecodeError::NoRequest);
    assert_eq!(fault(&[PUBLISH]), DecodeError::NoId);
    assert_eq!(fault(&[ID, b"\x5a\x00"]), DecodeError::PingRequest);
    assert_eq!(command(&[b"\x62\x03\x0a\x011"]).id, 0);
    // What Protobuf says of a field that stands twice: the last counts, messages are joined.
    let Request::Publish { channel, data, .. } =
        command(&[ID, PUBLISH, b"\x3a\x03\x0a\x01d"]).request
    else {
        panic!()
    };
    assert_eq!(channel, "d");
    assert_eq!(data.unwrap().unwrap().as_bytes(), b"[1]");
}

#[test]
fn fields_that_are_not_known_are_skipped() {
    let Request::Connect(connect) = command(&[
        // Of all wire types; `subs` and `headers` are of no meaning here.
        b"\x80\x7d\x05\x81\x7d12345678\x82\x7d\x02ab\x83\x7d\x84\x7d\x85\x7d1234",
        b"\x08\x07",
        b"\x22\x0e\x1a\x02\x0a\x00\x32\x04\x0a\x02ab\x2a\x02v1",
    ])
    .request
    else {
        panic!()
    };
    assert_eq!(connect.version, "v1");
}

#[test]
fn a_channel_is_never_empty() {
    for number in [5u8, 6, 7, 8, 9, 10, 15] {
        for body in [b"\x00".as_slice(), b"\x02\x0a\x00"] {
            assert_eq!(
                fault(&[ID, &[number << 3 | 2], body]),
                DecodeError::NoChannel,
                "{number}"
            );
        }
    }
}

#[test]
fn subscribe_is_read_whole() {
    let body = [
        b"\x0a\x01a\x12\x01t\x18\x01\x32\x01e\x38\xff\xff\xff\xff\xff\xff\xff\x0f".as_slice(),
        b"\x48\x01\x50\x01\x58\x01\x62\x06fossil\x6a\x04\x0a\x02eq\x70\x03\x78\x04",
    ]
    .concat();
    let subscribe = [&[0x2a, body.len() as u8], body.as_slice()].concat();
    let Request::Subscribe(request) = command(&[ID, &subscribe]).request else {
        panic!()
    };
    assert!(request.recover && request.positioned && request.recoverable && request.join_leave);
    assert!(request.delta && request.has_tag_filter && request.error_when_unrecoverable);
    assert_eq!(
        (request.since.offset, request.since.epoch.as_str()),
        (9_007_199_254_740_991, "e")
    );
    assert_eq!(
        (request.kind, request.token.unwrap().expose_secret()),
        (4, "t")
    );
    assert_eq!(
        fault(&[ID, b"\x2a\x08\x0a\x01a\x62\x03xor"]),
        DecodeError::UnknownDelta
    );
}

#[test]
fn history_is_read_whole() {
    let Request::History(request) =
        command(&[ID, b"\x52\x16\x0a\x01a\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x42\x04\x08\x05\x12\x00\x48\x01"])
            .request
    else {
        panic!()
    };
    assert_eq!((request.limit, request.reverse), (-1, true));
    let since = StreamPosition {
        offset: 5,
        epoch: String::new(),
    };
    assert_eq!(request.since, Some(since));
    let Request::History(request) = command(&[ID, b"\x52\x05\x0a\x01a\x42\x00"]).request else {
        panic!()
    };
    assert_eq!(request.since, Some(StreamPosition::default()));
}

#[test]
fn every_request_is_known_by_its_number() {
    for (number, name) in [
        (4u8, "connect"),
        (5, "subscribe"),
        (6, "unsubscribe"),
        (7, "publish"),
        (8, "presence"),
        (9, "presence_stats"),
        (10, "history"),
        (12, "send"),
        (13, "rpc"),
        (14, "refresh"),
        (15, "sub_refresh"),
    ] {
        let body = b"\x03\x0a\x011";
        let request = command(&[ID, &[number << 3 | 2], body]).request;
        assert_eq!(request.name(), name);
    }
}

// Client protocol: data that is not JSON is error 107, not the end of the connection.
#[test]
fn data_is_json_or_a_fault_of_its_own() {
    let data = |bytes: &[u8]| {
        let length = bytes.len() as u8;
        let body = [b"\x0a\x01c\x12", [length].as_slice(), bytes].concat();
        let publish = [&[0x3a, body.len() as u8], body.as_slice()].concat();
        match command(&[ID, &publish]).request {
            Request::Publish { data, .. } => data,
            other => panic!("{other:?}"),
        }
    };
    let text = |bytes: &[u8]| data(bytes).unwrap().unwrap().as_bytes().to_vec();
    assert_eq!(text(b"{ \"b\":1.50,\"b\":1e2}"), b"{ \"b\":1.50,\"b\":1e2}");
    assert_eq!(text(b"{\n}"), b"{}");
    assert_eq!(text(b"null"), b"null");
    assert_eq!(data(b""), Ok(None));
    assert_eq!(data(b"\"\xff\""), Err(PayloadFault::NotUtf8));
    assert_eq!(data(&[b'['; 33]), Err(PayloadFault::TooDeep));
    for bad in [b"{".as_slice(), b"a", b"1 2", b"\x00", b" "] {
        assert!(
            matches!(data(bad), Err(PayloadFault::NotJson { .. })),
            "{bad:?}"
        );
    }
}

// LOG-1: a fault never repeats what the client sent.
#[test]
fn faults_do_not_quote() {
    let error = fault(&[b"\x0a\x06s3cret"]);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let connect = command(&[ID, b"\x22\x12\x0a\x06s3cret\x12\x08\"s3cret\""]);
    assert!(!format!("{connect:?}").contains("s3cret"));
}
