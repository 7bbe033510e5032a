//! RFC 6455 case by case, in the order of the Autobahn suite's groups 1 to 7.

use super::super::{Frame, Violation};
use super::{binary, gives, masked, ping, refused, text};

// Autobahn 1: text and binary of each size of length.
#[test]
fn messages_of_every_length_form() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let data = vec![b'*'; len];
        gives(&[masked(0x81, &data)], &[text(data.clone())]);
        let data = vec![0xfe; len];
        gives(&[masked(0x82, &data)], &[binary(data.clone())]);
    }
}

// WS-4: a length in a longer form than it needs is harmless.
#[test]
fn a_length_need_not_be_minimal() {
    gives(
        &[vec![0x81, 0x80 | 126, 0, 1, 0, 0, 0, 0, b'a']],
        &[text("a")],
    );
    gives(
        &[vec![
            0x81,
            0x80 | 127,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            0,
            b'a',
        ]],
        &[text("a")],
    );
}

// Autobahn 2: pings and pongs.
#[test]
fn pings_carry_their_payload_and_pongs_are_told() {
    gives(&[masked(0x89, b"")], &[ping(b"")]);
    gives(
        &[masked(0x89, b"\x00\xff\xfe\xfd")],
        &[ping(b"\x00\xff\xfe\xfd")],
    );
    gives(
        &[masked(0x89, &[0xfe; 125])],
        &[Frame::Ping(vec![0xfe; 125].into())],
    );
    gives(
        &[masked(0x8a, b"unsolicited"), masked(0x89, b"x")],
        &[Frame::Pong, ping(b"x")],
    );
    let ten: Vec<Vec<u8>> = (0..10).map(|_| masked(0x89, b"p")).collect();
    gives(&ten, &vec![ping(b"p"); 10]);
}

// WS-4, Autobahn 2.5.
#[test]
fn a_control_frame_has_at_most_125_bytes() {
    for first in [0x88, 0x89, 0x8a] {
        refused(
            &[masked(first, &[0; 126])],
            &[],
            Violation::ControlTooLong,
            1002,
        );
    }
}

// WS-4, Autobahn 3.
#[test]
fn reserved_bits_are_refused() {
    for reserved in 1..8u8 {
        for opcode in [0x0, 0x1, 0x2, 0x8, 0x9, 0xa] {
            let frame = masked(0x80 | reserved << 4 | opcode, b"x");
            let parts = [masked(0x81, b"before"), frame];
            refused(&parts, &[text("before")], Violation::ReservedBits, 1002);
        }
    }
}

// WS-4, Autobahn 4.
#[test]
fn unknown_opcodes_are_refused() {
    for opcode in (3..8).chain(11..16) {
        refused(
            &[masked(0x80 | opcode, b"")],
            &[],
            Violation::UnknownOpcode,
            1002,
        );
        refused(&[masked(opcode, b"x")], &[], Violation::UnknownOpcode, 1002);
    }
}

// Autobahn 5.1 and 5.2.
#[test]
fn control_frames_are_not_fragmented() {
    for first in [0x08, 0x09, 0x0a] {
        refused(
            &[masked(first, b"x")],
            &[],
            Violation::ControlFragmented,
            1002,
        );
    }
}

// Autobahn 5.3 to 5.8: fragments, with control frames between them.
#[test]
fn fragments_make_one_message() {
    gives(&[masked(0x01, b"ab"), masked(0x80, b"cd")], &[text("abcd")]);
    gives(
        &[
            masked(0x02, b"ab"),
            masked(0x89, b"p"),
            masked(0x00, b""),
            masked(0x80, b"cd"),
        ],
        &[ping(b"p"), binary("abcd")],
    );
    gives(&[masked(0x01, b""), masked(0x80, b"")], &[text("")]);
}

// Autobahn 5.9 to 5.18.
#[test]
fn continuations_and_beginnings_come_in_order() {
    refused(
        &[masked(0x80, b"x")],
        &[],
        Violation::NothingToContinue,
        1002,
    );
    refused(
        &[masked(0x00, b"x")],
        &[],
        Violation::NothingToContinue,
        1002,
    );
    refused(
        &[masked(0x01, b"a"), masked(0x81, b"b")],
        &[],
        Violation::Interleaved,
        1002,
    );
    refused(
        &[masked(0x01, b"a"), masked(0x02, b"b")],
        &[],
        Violation::Interleaved,
        1002,
    );
    let parts = [masked(0x01, b"a"), masked(0x80, b"b"), masked(0x80, b"c")];
    refused(&parts, &[text("ab")], Violation::NothingToContinue, 1002);
}

// Autobahn 5.19 and 5.20.
#[test]
fn pings_between_fragments_come_at_once() {
    gives(
        &[
            masked(0x01, b"1"),
            masked(0x00, b"2"),
            masked(0x89, b"ping 1"),
            masked(0x00, b"3"),
            masked(0x89, b"ping 2"),
            masked(0x80, b"4"),
        ],
        &[ping(b"ping 1"), ping(b"ping 2"), text("1234")],
    );
}

// WS-5, Autobahn 6: judged when the message is complete, characters may be cut by fragments.
#[test]
fn text_is_utf_8() {
    for good in [
        "",
        "κόσμε",
        "\u{0}",
        "\u{7f}",
        "\u{ffff}",
        "\u{10ffff}",
        "Hello-µ@ßöäüàá-UTF-8!!",
    ] {
        gives(&[masked(0x81, good.as_bytes())], &[text(good)]);
    }
    let bytes = "κόσμε".as_bytes();
    let mut octets: Vec<Vec<u8>> = bytes.iter().map(|octet| masked(0x00, &[*octet])).collect();
    octets[0][0] = 0x01;
    octets.push(masked(0x80, b""));
    gives(&octets, &[text("κόσμε")]);
    for bad in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..],
        b"\xf4\x90\x80\x80", // beyond U+10FFFF
        b"\xed\xa0\x80",     // a surrogate
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xc0\xaf", // overlong
        b"\xe0\x80\xaf",
        b"\xf8\x88\x80\x80\x80", // five bytes
        b"\x80",
        b"\xff",
        b"\xce", // cut off
    ] {
        refused(&[masked(0x81, bad)], &[], Violation::TextNotUtf8, 1007);
        let (first, second) = bad.split_at(bad.len() / 2);
        let parts = [masked(0x01, first), masked(0x80, second)];
        refused(&parts, &[], Violation::TextNotUtf8, 1007);
        gives(&[masked(0x82, bad)], &[binary(bad)]);
    }
}

// WS-8, Autobahn 7.1 and 7.3.
#[test]
fn close_ends_everything() {
    let end = Frame::Close { code: None };
    gives(&[masked(0x88, b"")], std::slice::from_ref(&end));
    // Whatever comes behind it, good or bad.
    gives(
        &[masked(0x88, b""), masked(0x89, b"p"), vec![0xff; 40]],
        std::slice::from_ref(&end),
    );
    gives(
        &[masked(0x01, b"a"), masked(0x88, b"")],
        std::slice::from_ref(&end),
    );
    refused(&[masked(0x88, b"x")], &[], Violation::CloseCode, 1002);
    gives(
        &[masked(0x88, b"\x03\xe8")],
        &[Frame::Close { code: Some(1000) }],
    );
    let mut longest = vec![0x03, 0xe8];
    longest.extend([b'*'; 123]);
    gives(
        &[masked(0x88, &longest)],
        &[Frame::Close { code: Some(1000) }],
    );
}

// WS-8, Autobahn 7.5.
#[test]
fn a_close_reason_is_utf_8() {
    refused(
        &[masked(0x88, b"\x03\xe8\xce\xba\xed\xa0\x80")],
        &[],
        Violation::ReasonNotUtf8,
        1007,
    );
}

// WS-8, Autobahn 7.7 and 7.9: every code there is.
#[test]
fn close_codes_are_judged() {
    for code in 0..=u16::MAX {
        let parts = [masked(0x88, &code.to_be_bytes())];
        if matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            gives(&parts, &[Frame::Close { code: Some(code) }]);
        } else {
            refused(&parts, &[], Violation::CloseCode, 1002);
        }
    }
}

// WS-3.
#[test]
fn an_unmasked_frame_is_refused_by_its_second_byte() {
    for first in [0x81, 0x82, 0x89, 0x88] {
        refused(&[vec![first, 0x00]], &[], Violation::Unmasked, 1002);
    }
}

// WS-4.
#[test]
fn the_top_bit_of_a_length_is_refused() {
    refused(
        &[vec![0x82, 0x80 | 127, 0x80]],
        &[],
        Violation::LengthTopBit,
        1002,
    );
    refused(
        &[vec![0x82, 0x80 | 127, 0xff, 0xff]],
        &[],
        Violation::LengthTopBit,
        1002,
    );
}
