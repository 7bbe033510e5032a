//! The command decoder, case by case against the Centrifuge client protocol.

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::protocol::{Command, DecodeError, Format, Incoming, Request};

fn all(frame: &str) -> Vec<Result<Incoming, DecodeError>> {
    Format::Json
        .decode(Bytes::copy_from_slice(frame.as_bytes()))
        .collect()
}

fn fault(frame: &str) -> DecodeError {
    match all(frame).pop() {
        Some(Err(error)) => error,
        other => panic!("{frame} gave {other:?}"),
    }
}

fn command(line: &str) -> Command {
    match all(line).pop() {
        Some(Ok(Incoming::Command(command))) => command,
        other => panic!("{line} gave {other:?}"),
    }
}

fn is_pong(line: &str) -> bool {
    matches!(all(line).as_slice(), [Ok(Incoming::Pong)])
}

// Client protocol: connect and subscribes share a frame, and one newline may end it.
#[test]
fn a_frame_holds_many_commands() {
    let frame = "{\"connect\":{\"token\":\"eyJ\",\"name\":\"js\"},\"id\":1}\n\
                 {\"subscribe\":{\"channel\":\"chat:general\",\"flag\":1},\"id\":2}\n{}\n";
    let commands = all(frame);
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
    assert_eq!(subscribe.channel, "chat:general");
    assert!(!subscribe.error_when_unrecoverable && !subscribe.recover && subscribe.kind == 0);
    assert!(matches!(commands[2], Ok(Incoming::Pong)));
}

// Client protocol: what stands before the broken line is handled; nothing after it.
#[test]
fn a_fault_ends_the_frame() {
    let commands = all("{}\n{\"id\":1,\n{}");
    assert!(matches!(commands[0], Ok(Incoming::Pong)));
    assert!(matches!(commands[1], Err(DecodeError::NotJson { .. })));
    assert_eq!(commands.len(), 2);
}

#[test]
fn empty_frames_and_lines_are_faults() {
    for frame in ["", "\n", "{}\n\n", "\n{}", "{}\n\n{}"] {
        assert_eq!(fault(frame), DecodeError::EmptyLine, "{frame:?}");
    }
    assert!(matches!(fault(" "), DecodeError::NotJson { .. }));
}

// By the client protocol.
#[test]
fn the_empty_command_is_a_pong() {
    for line in [
        "{}",
        " { } ",
        "{}\r\n",
        "{\"id\":0}",
        "{\"future\":1}",
        "{\"id\":null}",
    ] {
        assert!(is_pong(line), "{line:?}");
    }
    assert_eq!(fault(r#"{"id":1,"ping":{}}"#), DecodeError::PingRequest);
    assert_eq!(fault(r#"{"ping":{}}"#), DecodeError::PingRequest);
}

#[test]
fn ids_are_1_to_2_32_minus_1() {
    assert_eq!(command(r#"{"id":4294967295,"rpc":{}}"#).id, u32::MAX);
    assert_eq!(command(r#"{"send":{"data":1}}"#).id, 0);
    assert_eq!(
        fault(r#"{"publish":{"channel":"a","data":1}}"#),
        DecodeError::NoId
    );
    assert_eq!(fault(r#"{"id":0,"connect":{}}"#), DecodeError::NoId);
    for id in [
        "4294967296",
        "-1",
        "1.5",
        "1.0",
        "\"1\"",
        "true",
        "[1]",
        "{}",
    ] {
        let line = format!(r#"{{"id":{id},"connect":{{}}}}"#);
        assert!(
            matches!(fault(&line), DecodeError::WrongShape { .. }),
            "{line}"
        );
    }
}

#[test]
fn one_request_a_command() {
    assert_eq!(
        fault(r#"{"id":1,"connect":{},"rpc":{}}"#),
        DecodeError::SeveralRequests
    );
    assert_eq!(
        fault(r#"{"connect":{},"send":{}}"#),
        DecodeError::SeveralRequests
    );
    // null is absent, as in the reference.
    assert!(matches!(
        command(r#"{"id":1,"connect":null,"rpc":{}}"#).request,
        Request::Rpc { .. }
    ));
    assert_eq!(fault(r#"{"id":1,"connect":null}"#), DecodeError::NoRequest);
}

// By the client protocol.
#[test]
fn version_1_is_refused() {
    let line = r#"{"id":1,"method":0,"params":{"token":"x"}}"#;
    assert_eq!(fault(line), DecodeError::NoRequest);
    assert_eq!(fault(r#"{"id":1,"params":{}}"#), DecodeError::NoRequest);
}

#[test]
fn envelope_members_stand_once_and_unknown_ones_are_ignored() {
    for line in [
        r#"{"id":1,"id":2,"connect":{}}"#,
        r#"{"id":1,"connect":{},"connect":{}}"#,
        r#"{"id":1,"publish":{"channel":"a","channel":"b"}}"#,
        r#"{"id":1,"publish":{"channel":"a","data":1,"data":2}}"#,
        // The same name, spelt with an escape.
        r#"{"id":1,"publish":{"channel":"a","chann\u0065l":"b"}}"#,
    ] {
        assert!(
            matches!(fault(line), DecodeError::WrongShape { .. }),
            "{line}"
        );
    }
    let line = r#"{"future":[1],"id":1,"presence":{"channel":"a","more":{"x":null}},"z":"\ud800"}"#;
    assert!(matches!(command(line).request, Request::Presence { channel } if channel == "a"));
}

#[test]
fn commands_are_objects() {
    for line in [
        r#"[1,{"token":"x"}]"#,
        r#"{"id":1,"connect":["x"]}"#,
        r#"{"id":1,"history":{"channel":"a","since":[1,"e"]}}"#,
        r#"{"id":1,"presence":"a"}"#,
        "1",
        "null",
        "\"{}\"",
    ] {
        assert!(
            matches!(fault(line), DecodeError::WrongShape { .. }),
            "{line}"
        );
    }
    for line in [
        "{}{}",
        "{} 1",
        "{]",
        "{\"id\":NaN}",
        "{'id':1}",
        "{/**/}",
        "{\"id\":01}",
        "\u{feff}{}",
    ] {
        assert!(matches!(fault(line), DecodeError::NotJson { .. }), "{line}");
    }
}

#[test]
fn data_is_kept_as_it_came() {
    let text = r#"{ "b":1.50,"a": 12345678901234567890123,"a":"\u00e9\/" }"#;
    let line = format!(r#"{{"id":1,"publish":{{"channel":"a","data": {text} }}}}"#);
    let Request::Publish {
        data: Ok(Some(data)),
        ..
    } = command(&line).request
    else {
        panic!()
    };
    assert_eq!(data.as_bytes(), text.as_bytes());
}

// Client protocol: null is a value of four bytes; absent is error 107.
#[test]
fn null_data_is_not_absent_data() {
    let null = command(r#"{"id":1,"publish":{"channel":"a","data":null}}"#);
    assert!(
        matches!(null.request, Request::Publish { data: Ok(Some(d)), .. } if d.as_bytes() == b"null")
    );
    let absent = command(r#"{"id":1,"publish":{"channel":"a"}}"#);
    assert!(matches!(
        absent.request,
        Request::Publish {
            data: Ok(None),
            kind: 0,
            ..
        }
    ));
    let send = command(r#"{"send":{"data":null}}"#);
    assert!(matches!(send.request, Request::Send { data: Ok(Some(_)) }));
}

#[test]
fn null_members_are_absent() {
    let Request::Connect(connect) =
        command(r#"{"id":1,"connect":{"token":null,"name":null,"version":null}}"#).request
    else {
        panic!()
    };
    assert!(connect.token.is_none() && connect.data == Ok(None) && connect.name.is_empty());
    let line = r#"{"id":1,"history":{"channel":"a","limit":null,"since":null,"reverse":null}}"#;
    let Request::History(history) = command(line).request else {
        panic!()
    };
    assert!(history.limit == 0 && history.since.is_none() && !history.reverse);
    let empty = command(r#"{"id":1,"refresh":{"token":""}}"#);
    assert!(matches!(empty.request, Request::Refresh { token: None }));
}

#[test]
fn a_channel_is_never_empty() {
    for request in [
        "subscribe",
        "unsubscribe",
        "publish",
        "presence",
        "presence_stats",
        "history",
        "sub_refresh",
    ] {
        for body in ["{}", r#"{"channel":""}"#, r#"{"channel":null}"#] {
            let line = format!(r#"{{"id":1,"{request}":{body}}}"#);
            assert_eq!(fault(&line), DecodeError::NoChannel, "{line}");
        }
    }
}

#[test]
fn subscribe_is_read_whole() {
    let line = r#"{"id":7,"subscribe":{"channel":"a","token":"t","recover":true,"epoch":"e",
        "offset":9007199254740991,"positioned":true,"recoverable":true,"join_leave":true,
        "delta":"fossil","tf":{"op":"eq"},"flag":3,"type":4}}"#
        .replace('\n', "");
    let Request::Subscribe(request) = command(&line).request else {
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
        fault(r#"{"id":1,"subscribe":{"channel":"a","delta":"xor"}}"#),
        DecodeError::UnknownDelta
    );
}

#[test]
fn every_request_is_known_by_its_name() {
    for name in [
        "connect",
        "subscribe",
        "unsubscribe",
        "publish",
        "presence",
        "presence_stats",
        "history",
        "rpc",
        "send",
        "refresh",
        "sub_refresh",
    ] {
        let line = format!(r#"{{"id":1,"{name}":{{"channel":"a"}}}}"#);
        assert_eq!(command(&line).request.name(), name);
    }
}

// WS-11: depth of at most 32, before any parser sees it, and brackets in strings do not count.
#[test]
fn depth_is_bounded() {
    let publish = |levels: usize| {
        let data = "[".repeat(levels) + "\"[[[\\\"[{\"" + &"]".repeat(levels);
        format!(r#"{{"id":1,"publish":{{"channel":"a","data":{data}}}}}"#)
    };
    assert!(matches!(
        command(&publish(30)).request,
        Request::Publish {
            data: Ok(Some(_)),
            ..
        }
    ));
    assert_eq!(fault(&publish(31)), DecodeError::TooDeep);
    assert_eq!(fault(&publish(100_000)), DecodeError::TooDeep);
    // In a member that is ignored, too.
    assert_eq!(
        fault(&("{\"x\":".to_owned() + &"[".repeat(32))),
        DecodeError::TooDeep
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let frame = b"{\"id\":1,\"rpc\":{\"data\":\"\xff\"}}";
    assert!(matches!(
        Format::Json.decode(Bytes::from_static(frame)).next(),
        Some(Err(DecodeError::NotUtf8))
    ));
    // A lone surrogate is no character: not in a name, where it would have to be one.
    assert!(matches!(
        fault(r#"{"id":1,"presence":{"channel":"\ud800"}}"#),
        DecodeError::NotJson { .. } | DecodeError::WrongShape { .. }
    ));
}

// LOG-1: a fault never repeats what the client sent.
#[test]
fn faults_do_not_quote() {
    let error = fault(r#"{"id":"s3cret","connect":{}}"#);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let connect = command(r#"{"id":1,"connect":{"token":"s3cret","data":"s3cret"}}"#);
    assert!(!format!("{connect:?}").contains("s3cret"));
}
