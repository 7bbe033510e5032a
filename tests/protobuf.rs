//! The Centrifuge client protocol in Protobuf, over real sockets: the same rooms, the same answers,
//! other frames.

mod support;

use serde_json::json;
use support::frames::{self, BINARY, FIN};
use support::protobuf::*;
use support::request::{PATH, Request};
use support::{Gateway, PATIENCE, Setup, token};
use tokio::io::{AsyncRead, AsyncWrite};

/// What stands behind `"data":` in a publication's frame, up to the `info` that follows.
fn data_of(frame: &str) -> &str {
    let start = frame.find(r#""data":"#).unwrap() + r#""data":"#.len();
    let end = frame.rfind(r#","info":"#).unwrap();
    &frame[start..end]
}

/// The format that a request led to: in JSON this frame is answered, in Protobuf it is 1003.
async fn is_binary(raw: &mut support::wire::Raw<impl AsyncRead + AsyncWrite + Unpin>) -> bool {
    raw.send(&support::wire::connect_frame(1)).await;
    let (first, payload) = raw.frame().await.unwrap();
    match first {
        0x81 => false,
        0x88 => {
            assert_eq!(payload, b"\x03\xebtext frame on a Protobuf connection");
            true
        }
        _ => panic!("{first}: {payload:?}"),
    }
}

// The query first, then the subprotocol; the answer to the offer does not depend on the query.
#[tokio::test]
async fn the_query_or_the_subprotocol_says_what_is_spoken() {
    let gateway = Gateway::start();
    let (json, protobuf) = ("centrifuge-json", "centrifuge-protobuf");
    let both = "centrifuge-json, centrifuge-protobuf";
    let token = token("alice");
    let hidden = format!("{protobuf}, bearer.{token}");
    for (query, offer, answer, binary) in [
        ("", "", None, false),
        ("", json, Some(json), false),
        ("", protobuf, Some(protobuf), true),
        ("", &hidden, Some(protobuf), true),
        ("", both, Some(json), false),
        (
            "",
            "mqtt, centrifuge-protobuf, centrifuge-json",
            Some(protobuf),
            true,
        ),
        ("", "mqtt", None, false),
        ("?cf_protocol=protobuf", "", None, true),
        ("?format=protobuf", "", None, true),
        (
            "?a=b&format=protobuf&cf_protocol_version=v2",
            "",
            None,
            true,
        ),
        ("?cf_protocol=protobuf", json, Some(json), true),
        ("?cf_protocol=json", protobuf, Some(protobuf), true),
        ("?cf_protocol=json&format=protobuf", "", None, true),
        ("?cf_protocol=PROTOBUF", "", None, false),
        ("?cf_protocol", "", None, false),
        ("?format=json", "", None, false),
    ] {
        let mut request = Request::upgrade().target(&format!("{PATH}{query}"));
        if !offer.contains("bearer") {
            request = request.bearer(&token);
        }
        if !offer.is_empty() {
            request = request.and("Sec-WebSocket-Protocol", offer);
        }
        let mut raw = gateway.lets_in(&request).await;
        let named = raw.answer.header("sec-websocket-protocol");
        assert_eq!(named, answer, "{query} {offer}");
        assert_eq!(is_binary(&mut raw).await, binary, "{query} {offer}");
    }
}

// WS-5
#[tokio::test]
async fn a_frame_of_the_other_kind_is_1003_and_what_came_before_is_done() {
    let gateway = Gateway::start();
    let mut client = gateway.binary_client("alice").await;
    client.request(PUBLISH, &publish("chat:a", b"1")).await;
    client.raw.send("{}").await;
    let reason = "text frame on a Protobuf connection";
    assert_eq!(client.raw.close_frame().await, (1003, reason.to_owned()));
    gateway
        .until_metric("gatepost_publications_total", 1.0)
        .await;

    let mut raw = gateway.raw_client("alice").await;
    raw.write(&frames::frame(FIN | BINARY, &[0])).await;
    let reason = "binary frame on a JSON connection";
    assert_eq!(raw.close_frame().await, (1003, reason.to_owned()));
}

fn publish(channel: &str, data: &[u8]) -> [Vec<u8>; 2] {
    [text(1, channel), bytes(2, data)]
}

#[tokio::test]
async fn one_room_speaks_both_and_each_hears_every_byte_of_the_other() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary_client("alice").await;
    assert!(alice.ok(SUBSCRIBE, &[text(1, "chat:a")]).await.is_empty());
    let mut bob = gateway.raw_subscriber("bob").await;
    let mut carol = gateway.raw_client("carol").await;
    for (offset, data) in (1u64..).step_by(2).zip([
        r#"{"n":1.50,"b": 1e400}"#,
        r#"{"z":1,"a":2,"z":3}"#,
        "123456789012345678901234567890.10",
        "null",
        "\"\"",
        r#""é \u00e9 \/ / 😀 \u0000""#,
        r#""\ud800""#,
        "{\r\t \"a\" :\t1 ,\r \"b\":2 }",
    ]) {
        let done = alice.ok(PUBLISH, &publish("chat:a", data.as_bytes())).await;
        assert!(done.is_empty(), "{data}");
        assert_eq!(data_of(bob.next().await.text()), data);
        let own = alice.publication("chat:a").await;
        assert_eq!((own.text(4).as_str(), own.number(6)), (data, offset));

        let command = format!(r#"{{"id":3,"publish":{{"channel":"chat:a","data":{data}}}}}"#);
        assert_eq!(carol.ask(&command).await, r#"{"id":3,"publish":{}}"#);
        assert_eq!(data_of(bob.next().await.text()), data);
        let heard = alice.publication("chat:a").await;
        assert_eq!(
            (heard.text(4).as_str(), heard.number(6)),
            (data, offset + 1)
        );
        let info = heard.message(5).unwrap();
        assert_eq!(info.text(1), "carol");
        assert_eq!(info.text(2).len(), 36, "the connection's id");
    }
}

// A newline is white space here; a client in JSON must not see one.
#[tokio::test]
async fn newlines_in_data_are_taken_out() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary_client("alice").await;
    let mut bob = gateway.raw_subscriber("bob").await;
    let data = b"\n{\n  \"a\": \"x\\ny\",\r\n  \"b\": 1.0\n}\n";
    alice.ok(PUBLISH, &publish("chat:a", data)).await;
    let expected = "{  \"a\": \"x\\ny\",\r  \"b\": 1.0}";
    assert_eq!(data_of(bob.next().await.text()), expected);
}

// Client protocol: data that is not JSON is error 107, and the connection goes on.
#[tokio::test]
async fn what_is_no_data_is_refused() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary_client("alice").await;
    let mut bob = gateway.raw_subscriber("bob").await;
    let deep = "[".repeat(33) + &"]".repeat(33);
    for bad in [
        b"".as_slice(),
        b"NaN",
        b"1e",
        b"{\"a\":1,}",
        b"1 2",
        b"\"a\nb\"",
        b"\x00\x01",
        b"\"\xff\"",
        deep.as_bytes(),
    ] {
        let (code, message) = alice.error(PUBLISH, &publish("chat:a", bad)).await;
        assert_eq!(code, 107, "{bad:?}");
        assert!(message.starts_with("bad request: "), "{message}");
    }
    alice.ok(PUBLISH, &publish("chat:a", b"2")).await;
    assert_eq!(data_of(bob.next().await.text()), "2");

    let mut mallory = gateway.binary("mallory").await;
    let (code, message) = mallory.error(CONNECT, &[bytes(2, b"{")]).await;
    assert_eq!(code, 107);
    let expected = "bad request: the data is not a JSON value at line 1 column 1, send exactly one";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn every_command_has_its_answer() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary("alice").await;
    let connect = alice
        .ok(CONNECT, &[text(4, "tests"), bytes(2, b"[]")])
        .await;
    let id = connect.text(1);
    assert!(connect.text(2).starts_with("Gatepost "));
    assert_eq!(
        (connect.number(7), connect.number(8)),
        (600, 1),
        "ping, pong"
    );
    // The value of the entry is there, with length 0.
    assert_eq!(connect.all(6), [b"\x0a\x06#alice\x12\x00"]);

    let join_leave = number(11, 1);
    alice.ok(SUBSCRIBE, &[text(1, "chat:a"), join_leave]).await;
    let joined = alice.wait_for(|m| m.message(PUSH).is_some()).await;
    let join = joined.message(PUSH).unwrap().message(5).unwrap();
    assert_eq!(join.message(1).unwrap().text(2), id);
    assert_eq!(alice.error(SUBSCRIBE, &[text(1, "chat:a")]).await.0, 105);
    assert_eq!(alice.error(SUBSCRIBE, &[text(1, "team:a")]).await.0, 103);
    assert_eq!(alice.error(SUBSCRIBE, &[text(1, "nope:a")]).await.0, 102);
    let typed = [text(1, "chat:b"), number(15, 1)];
    assert_eq!(alice.error(SUBSCRIBE, &typed).await.0, 108);
    let filtered = [text(1, "chat:b"), bytes(13, &text(1, "eq"))];
    assert_eq!(alice.error(SUBSCRIBE, &filtered).await.0, 107);

    for data in [b"1".as_slice(), b"[2]"] {
        alice.ok(PUBLISH, &publish("chat:a", data)).await;
    }
    let limited = |limit| [text(1, "chat:a"), number(7, limit)];
    let history = alice.ok(HISTORY, &limited(10)).await;
    let publications = history.all(1);
    assert_eq!(publications.len(), 2);
    assert!(publications[1].starts_with(b"\x22\x03[2]\x2a"));
    assert_eq!(history.number(3), 2);
    assert!(!history.text(2).is_empty(), "the epoch");
    let reversed = [text(1, "chat:a"), number(7, 1), number(9, 1)];
    let newest = alice.ok(HISTORY, &reversed).await;
    assert_eq!(newest.all(1), [publications[1]]);

    let presence = alice.ok(PRESENCE, &[text(1, "chat:a")]).await;
    let entry = presence.message(1).unwrap();
    assert_eq!(entry.text(1), id);
    assert_eq!(entry.message(2).unwrap().text(1), "alice");
    let stats = alice.ok(PRESENCE_STATS, &[text(1, "chat:a")]).await;
    assert_eq!((stats.number(1), stats.number(2)), (1, 1));

    assert_eq!(
        alice.error(RPC, &[text(2, "x")]).await,
        (108, "not available".to_owned())
    );
    assert!(alice.ok(UNSUBSCRIBE, &[text(1, "chat:a")]).await.is_empty());
    let empty = alice.ok(PRESENCE, &[text(1, "chat:a")]).await;
    assert!(empty.is_empty());
    alice.send(&delimited(&bytes(SEND, &bytes(1, b"1")))).await;
    assert_eq!(alice.raw.closed().await, 3508);
}

// WS-11, and one reply may share a frame with others.
#[tokio::test]
async fn connect_and_what_follows_share_a_frame() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary("alice").await;
    let frame = [
        command(1, CONNECT, &[]),
        command(2, SUBSCRIBE, &[text(1, "chat:a")]),
        command(3, PUBLISH, &publish("chat:a", b"{}")),
        command(4, RPC, &[]),
    ]
    .concat();
    alice.send(&frame).await;
    let mut ids = Vec::new();
    while ids.len() < 4 {
        let message = alice.wait_for(|message| message.number(1) > 0).await;
        ids.push(message.number(1));
    }
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(alice.publication("chat:a").await.bytes(4), b"{}");
}

// WS-11: a truncated varint or a length beyond the rest; and what else is no command.
#[tokio::test]
async fn what_is_no_command_is_3501_behind_what_came_whole() {
    let gateway = Gateway::start();
    let before = command(7, PUBLISH, &publish("chat:a", b"1"));
    let ping = delimited(&[number(1, 1), bytes(11, b"")].concat());
    let several = [
        number(1, 1),
        bytes(RPC, b""),
        bytes(PRESENCE, &text(1, "chat:a")),
    ];
    let faults: [&[u8]; 10] = [
        b"\x80",                                         // a length that is cut
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // one of eleven bytes
        b"\x05\x08\x01",                                 // more than there is
        b"\xff\xff\xff\xff\x07\x08",                     // 2 GiB
        b"\x01\x08",                                     // a command that is cut
        b"\x02\x0a\x00",                                 // an id that is no number
        b"\x02\x08\x01",                                 // an id alone
        &ping,
        &delimited(&several.concat()),
        &command(0, RPC, &[]),
    ];
    for (done, fault) in (1u32..).zip(faults) {
        let mut client = gateway.binary_client("mallory").await;
        client.send(&[before.as_slice(), fault].concat()).await;
        assert_eq!(client.raw.closed().await, 3501, "{fault:?}");
        gateway
            .until_metric("gatepost_publications_total", f64::from(done))
            .await;
    }
    let mut client = gateway.binary_client("mallory").await;
    client.send(b"").await;
    assert_eq!(client.raw.closed().await, 3501);
    assert!(gateway.logged().contains("a command is cut short"));
}

#[tokio::test]
async fn the_ping_is_a_zero_byte_and_so_is_the_pong() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nping_interval = \"5s\"\npong_timeout = \"4s\"",
        ..Setup::default()
    });
    let mut silent = gateway.binary_client("bob").await;
    let mut alice = gateway.binary_client("alice").await;
    for _ in 0..2 {
        let frame = alice.raw.next().await;
        assert_eq!(
            (frame.first, frame.payload.as_slice()),
            (FIN | BINARY, [0].as_slice())
        );
        alice.send(&[0]).await;
    }
    assert_eq!(silent.raw.close_frame().await.0, 3012);
    // A pong that answers nothing.
    alice.send(&[0]).await;
    assert_eq!(alice.raw.closed().await, 3501);
}

#[tokio::test]
async fn rules_know_the_format() {
    let gateway = Gateway::with(&Setup {
        rules: Some("[room.binary]\nsubscribe = \"connection.protocol == 'protobuf'\""),
        ..Setup::default()
    });
    let mut alice = gateway.binary_client("alice").await;
    alice.ok(SUBSCRIBE, &[text(1, "binary:a")]).await;
    let mut bob = gateway.client("bob").await;
    let asked = json!({ "channel": "binary:a" });
    assert_eq!(bob.error("subscribe", asked).await, 103);
}

// Many publications share frames; what is between them is nothing.
#[tokio::test]
async fn a_burst_comes_whole_and_in_order() {
    let gateway = Gateway::start();
    let mut alice = gateway.binary_client("alice").await;
    alice.ok(SUBSCRIBE, &[text(1, "chat:a")]).await;
    let mut bob = gateway.binary_client("bob").await;
    let burst: Vec<u8> = (0..150u64)
        .flat_map(|n| {
            command(
                n + 10,
                PUBLISH,
                &publish("chat:a", n.to_string().as_bytes()),
            )
        })
        .collect();
    bob.send(&burst).await;
    let all = async {
        for n in 0..150 {
            let publication = alice.publication("chat:a").await;
            assert_eq!(publication.text(4), n.to_string());
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}
