//! Frames as no client should send them, byte by byte: each has its close code, and nobody else
//! feels it.

mod support;

use std::time::Duration;

use support::frames::*;
use support::{Gateway, PATIENCE};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

/// Sends these bytes on a connection of their own, behind connect, and gives the close code.
async fn code_after(gateway: &Gateway, bytes: &[u8]) -> u16 {
    let mut raw = gateway.raw_client("mallory").await;
    raw.write(bytes).await;
    raw.closed().await
}

// WS-1
#[tokio::test]
async fn a_header_that_announces_too_much_is_enough() {
    let gateway = Gateway::start();
    let kib_64 = 64 * 1024;
    for announced in [kib_64 + 1, 1 << 20, u64::from(u32::MAX) + 1, (1 << 63) - 1] {
        let code = code_after(&gateway, &header(FIN | TEXT, announced)).await;
        assert_eq!(code, 1009, "{announced}");
    }
    // Over fragments too: the second header alone makes it too much.
    let mut bytes = frame(TEXT, &[b' '; 1000]);
    bytes.extend(header(FIN | CONTINUATION, kib_64 - 999));
    assert_eq!(code_after(&gateway, &bytes).await, 1009);
}

// WS-1
#[tokio::test]
async fn until_connect_is_answered_a_message_may_be_256_kib_and_then_64() {
    let gateway = Gateway::start();
    let connect = |length: usize| {
        let command = r#"{"id":1,"connect":{"data":""#.to_owned();
        let end = r#""}}"#;
        command.clone() + &"x".repeat(length - command.len() - end.len()) + end
    };
    let mut raw = gateway.upgraded("alice").await;
    let reply = raw.ask(&connect(256 * 1024)).await;
    assert!(reply.starts_with(r#"{"id":1,"connect":{"#), "{reply}");

    let rpc = |length: usize| {
        let command = r#"{"id":2,"rpc":{"data":""#.to_owned();
        let end = r#""}}"#;
        command.clone() + &"x".repeat(length - command.len() - end.len()) + end
    };
    let reply = raw.ask(&rpc(64 * 1024)).await;
    assert!(reply.contains(r#""code":108"#), "{reply}");
    raw.send(&rpc(64 * 1024 + 1)).await;
    assert_eq!(raw.closed().await, 1009);

    let mut raw = gateway.upgraded("alice").await;
    raw.write(&header(FIN | TEXT, 256 * 1024 + 1)).await;
    assert_eq!(raw.closed().await, 1009);
}

// WS-2
#[tokio::test]
async fn a_message_may_come_in_64_fragments_and_no_more() {
    let gateway = Gateway::start();
    let message = r#"{"id":2,"rpc":{"method":"abcdefghijklmnopqrstuvwxyz0123456789abcdef"}}"#;
    let fragments = |count: usize| {
        let mut bytes = Vec::new();
        for index in 0..count {
            let first = if index == 0 { TEXT } else { CONTINUATION };
            let last = index + 1 == count;
            let part = match last {
                true => &message[index.min(message.len())..],
                false => message.get(index..=index).unwrap_or(""),
            };
            let fin = if last { FIN } else { 0 };
            bytes.extend(frame(fin | first, part.as_bytes()));
        }
        bytes
    };
    let mut raw = gateway.raw_client("alice").await;
    for count in [1, 2, 64] {
        raw.write(&fragments(count)).await;
        let reply = raw.next().await;
        assert!(reply.text().starts_with(r#"{"id":2,"error""#), "{count}");
    }
    raw.write(&fragments(65)).await;
    assert_eq!(raw.closed().await, 1008);
}

// WS-2: empty continuations are no progress, however many there are.
#[tokio::test]
async fn a_flood_of_empty_continuations_is_closed_and_neighbours_are_unharmed() {
    let gateway = Gateway::start();
    let mut neighbour = gateway.raw_client("alice").await;
    let mut raw = gateway.raw_client("mallory").await;
    let flood = frame(CONTINUATION, b"").repeat(10_000);
    raw.write(&frame(TEXT, b"{")).await;
    raw.write(&flood).await;
    assert!(neighbour.is_alive().await);
    assert_eq!(raw.close_frame().await.0, 1008);
    assert!(neighbour.is_alive().await);
}

// WS-2: a message that trickles in costs a wake-up for each piece.
#[tokio::test]
async fn a_message_in_needlessly_many_pieces_is_closed() {
    let gateway = Gateway::start();
    let received = "gatepost_received_bytes_total";
    let mut raw = gateway.upgraded("mallory").await;
    raw.stream.get_ref().0.set_nodelay(true).unwrap();
    let began = Instant::now();
    raw.write(&header(FIN | TEXT, 256 * 1024)).await;
    let (mut reader, mut writer) = tokio::io::split(raw.stream);
    // The next piece follows when the gateway has read the last: each is a read of its own.
    let trickle = async {
        let mut sent = gateway.metric(received).await;
        while writer.write_all(b" ").await.is_ok() && writer.flush().await.is_ok() {
            sent += 1.0;
            while gateway.metric(received).await < sent {}
        }
        std::future::pending::<()>().await
    };
    let closed = timeout(PATIENCE * 2, read_frame(&mut reader));
    let frame = tokio::select! {
        frame = closed => frame.unwrap().unwrap(),
        () = trickle => unreachable!(),
    };
    assert_eq!(frame.close().unwrap().0, 1008);
    // Where the pieces come too slowly for that, the message has its thirty seconds.
    let is_slow = began.elapsed() >= Duration::from_secs(29);
    assert!(is_slow || gateway.metric(received).await > 256.0);
}

// WS-2: an honest message takes a few reads too, and these do not add up over many messages.
#[tokio::test]
async fn large_messages_one_after_the_other_are_no_flood_of_pieces() {
    let gateway = Gateway::start();
    let mut raw = gateway.raw_client("alice").await;
    let data = "x".repeat(60_000);
    let publish = format!(r#"{{"id":2,"publish":{{"channel":"chat:a","data":"{data}"}}}}"#);
    for number in 0..200 {
        raw.send(&publish).await;
        let reply = raw.next().await;
        let text = std::str::from_utf8(&reply.payload);
        assert_eq!(text, Ok(r#"{"id":2,"publish":{}}"#), "message {number}");
    }
}

// WS-3
#[tokio::test]
async fn a_frame_that_is_not_masked_is_closed() {
    let gateway = Gateway::start();
    let command = br#"{"id":2,"rpc":{}}"#;
    let mut unmasked = vec![FIN | TEXT, command.len() as u8];
    unmasked.extend(command);
    for bytes in [
        unmasked,
        vec![FIN | TEXT, 0],
        vec![FIN | PING, 0],
        vec![FIN | CLOSE, 0],
    ] {
        assert_eq!(code_after(&gateway, &bytes).await, 1002, "{bytes:?}");
    }
}

// WS-4, HTTP-7: no extension was negotiated.
#[tokio::test]
async fn reserved_bits_opcodes_and_lengths() {
    let gateway = Gateway::start();
    let command = br#"{"id":2,"rpc":{}}"#;
    for reserved in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            let code = code_after(&gateway, &frame(FIN | reserved | opcode, command)).await;
            assert_eq!(code, 1002, "reserved {reserved:#x} opcode {opcode}");
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let code = code_after(&gateway, &frame(FIN | opcode, b"")).await;
        assert_eq!(code, 1002, "opcode {opcode}");
    }
    for opcode in [PING, PONG, CLOSE] {
        // 126 bytes, and a fragment.
        assert_eq!(
            code_after(&gateway, &frame(FIN | opcode, &[b'a'; 126])).await,
            1002
        );
        assert_eq!(code_after(&gateway, &frame(opcode, b"")).await, 1002);
    }
    let mut top_bit = vec![FIN | TEXT, 0x80 | 127];
    top_bit.extend((1u64 << 63).to_be_bytes());
    top_bit.extend([0; 4]);
    assert_eq!(code_after(&gateway, &top_bit).await, 1002);
}

// RFC 6455 §5.4.
#[tokio::test]
async fn messages_do_not_begin_inside_each_other() {
    let gateway = Gateway::start();
    let nothing_to_continue = frame(FIN | CONTINUATION, b"{}");
    assert_eq!(code_after(&gateway, &nothing_to_continue).await, 1002);
    let inside = [frame(TEXT, b"{"), frame(FIN | TEXT, b"{}")].concat();
    assert_eq!(code_after(&gateway, &inside).await, 1002);
    let after_the_end = [text(r#"{"id":2,"rpc":{}}"#), frame(FIN | CONTINUATION, b"")].concat();
    assert_eq!(code_after(&gateway, &after_the_end).await, 1002);
}

// WS-5
#[tokio::test]
async fn text_is_utf_8_as_a_whole() {
    let gateway = Gateway::start();
    for bad in [
        &b"\xff"[..],
        b"\xc0\xaf",                    // overlong
        b"\xed\xa0\x80",                // a surrogate
        b"\xf4\x90\x80\x80",            // beyond U+10FFFF
        b"{\"id\":2,\"rpc\":\xe2\x82}", // cut short
    ] {
        let code = code_after(&gateway, &frame(FIN | TEXT, bad)).await;
        assert_eq!(code, 1007, "{bad:?}");
    }
    // A character may be cut by a fragment, and is whole again with the next.
    let command = r#"{"id":2,"rpc":{"method":"€"}}"#.as_bytes();
    let at = command.iter().position(|byte| *byte == 0x82).unwrap();
    let mut raw = gateway.raw_client("alice").await;
    raw.write(&frame(TEXT, &command[..at])).await;
    raw.write(&frame(FIN | CONTINUATION, &command[at..])).await;
    assert!(raw.next().await.text().contains(r#""code":108"#));
    // In a close reason too.
    let code = code_after(&gateway, &frame(FIN | CLOSE, b"\x03\xe8\xff")).await;
    assert_eq!(code, 1007);
}

// WS-5: text on a JSON connection.
#[tokio::test]
async fn a_binary_frame_is_closed_with_1003() {
    let gateway = Gateway::start();
    let command = br#"{"id":2,"rpc":{}}"#;
    let code = code_after(&gateway, &frame(FIN | BINARY, command)).await;
    assert_eq!(code, 1003);
    let mut raw = gateway.upgraded("alice").await;
    raw.write(&frame(FIN | BINARY, br#"{"id":1,"connect":{}}"#))
        .await;
    assert_eq!(raw.closed().await, 1003);
}

// What was good before the fault has been said, and is done.
#[tokio::test]
async fn what_stands_before_a_bad_frame_is_carried_out() {
    let gateway = Gateway::start();
    let mut raw = gateway.raw_client("alice").await;
    let bad = frame(FIN | 0x40 | TEXT, b"");
    raw.write(&[text(r#"{"id":2,"rpc":{}}"#), bad].concat())
        .await;
    let reply = raw.next().await;
    assert_eq!(reply.opcode(), TEXT, "the reply is missing: {reply:?}");
    assert!(reply.text().starts_with(r#"{"id":2,"error""#));
    assert_eq!(raw.closed().await, 1002);
}
