//! What the gateway demands beyond RFC 6455: limits, and an end that is an end.

use super::super::{FrameReader, Violation, may_be_in_a_frame};
use super::{LIMIT, binary, gives, masked, read_all, refused};

// WS-1: refused by the header, before any payload.
#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    let header = masked(0x82, &vec![0; LIMIT + 1])[..14].to_vec();
    refused(&[header], &[], Violation::TooLong, 1009);
    let huge = vec![
        0x82,
        0x80 | 127,
        0x7f,
        255,
        255,
        255,
        255,
        255,
        255,
        255,
        0,
        0,
        0,
        0,
    ];
    refused(&[huge], &[], Violation::TooLong, 1009);
}

// WS-2: the limit holds over all fragments.
#[test]
fn fragments_over_the_limit_are_refused() {
    let parts = [masked(0x02, &vec![0; LIMIT]), masked(0x80, b"x")];
    refused(&parts, &[], Violation::TooLong, 1009);
    let parts = [masked(0x02, &vec![0; LIMIT]), masked(0x80, b"")];
    gives(&parts, &[binary(vec![0; LIMIT])]);
}

// WS-2: empty continuations count as fragments.
#[test]
fn a_message_has_at_most_64_fragments() {
    let mut parts = vec![masked(0x02, b"")];
    parts.extend(vec![masked(0x00, b""); 62]);
    parts.push(masked(0x80, b""));
    gives(&parts, &[binary("")]);
    *parts.last_mut().unwrap() = masked(0x00, b"");
    parts.push(masked(0x80, b""));
    refused(&parts, &[], Violation::TooManyFragments, 1008);
}

// WS-1: the limit can be changed between messages; a frame that has begun is finished.
#[test]
fn the_limit_can_be_lowered() {
    let mut reader = FrameReader::new(10);
    let frame = masked(0x82, &[0; 10]);
    let mut frames = Vec::new();
    read_all(&mut reader, &frame[..8], &mut frames).unwrap();
    reader.set_max_message(5);
    read_all(&mut reader, &frame[8..], &mut frames).unwrap();
    assert_eq!(frames, [binary(vec![0; 10])]);
    assert_eq!(
        read_all(&mut reader, &frame, &mut frames),
        Err(Violation::TooLong)
    );
}

#[test]
fn after_a_violation_the_input_is_swallowed() {
    let mut reader = FrameReader::new(LIMIT);
    let mut frames = Vec::new();
    assert!(read_all(&mut reader, &[0x81, 0x00], &mut frames).is_err());
    assert!(!reader.is_mid_message());
    assert_eq!(
        read_all(&mut reader, &masked(0x81, b"late"), &mut frames),
        Ok(())
    );
    assert!(frames.is_empty());
}

#[test]
fn reasons_are_short_ascii_and_not_json() {
    for violation in [
        Violation::ReservedBits,
        Violation::UnknownOpcode,
        Violation::Unmasked,
        Violation::ControlTooLong,
        Violation::ControlFragmented,
        Violation::LengthTopBit,
        Violation::NothingToContinue,
        Violation::Interleaved,
        Violation::CloseCode,
        Violation::CloseCode,
        Violation::TextNotUtf8,
        Violation::ReasonNotUtf8,
        Violation::TooLong,
        Violation::TooManyFragments,
    ] {
        let reason = violation.reason();
        assert!(!reason.is_empty() && reason.len() <= 123 && reason.is_ascii());
        assert!(serde_json::from_str::<serde_json::Value>(reason).is_err());
        assert!(may_be_in_a_frame(violation.close_code()));
    }
}
