//! However the bytes are cut, the frames are the same; and a reader holds only what has arrived.

use proptest::prelude::*;

use super::super::{Frame, FrameReader, Violation};
use super::{masked, read_all};

const LIMIT: usize = 4096;

/// Frames of a client: mostly good, in any order, some broken.
pub(super) fn wire() -> impl Strategy<Value = Vec<u8>> {
    let data = prop::collection::vec(any::<u8>(), 0..300);
    let ascii = "[a-zé]{0,200}".prop_map(String::into_bytes);
    let control = prop::collection::vec(any::<u8>(), 0..126);
    let parts = (
        any::<bool>(),
        prop::collection::vec(ascii.clone(), 1..6),
        control.clone(),
    );
    let frames = prop_oneof![
        4 => ascii.prop_map(|data| masked(0x81, &data)),
        4 => data.prop_map(|data| masked(0x82, &data)),
        2 => control.prop_map(|data| masked(0x89, &data)),
        1 => Just(masked(0x8a, b"pong")),
        4 => parts.prop_map(|(binary, parts, ping)| fragments(binary, &parts, &ping)),
        1 => Just(masked(0x82, &[7; LIMIT])),
        1 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(first, data)| masked(first, &data)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(frames, 1..8).prop_map(|frames| frames.concat())
}

/// One message in pieces, with a ping behind each.
fn fragments(binary: bool, parts: &[Vec<u8>], ping: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let opcode = if index > 0 { 0 } else { 1 + u8::from(binary) };
        let last = index + 1 == parts.len();
        wire.extend(masked(u8::from(last) << 7 | opcode, part));
        wire.extend(masked(0x89, ping));
    }
    wire
}

fn read_in_pieces(wire: &[u8], cuts: &[usize]) -> (Vec<Frame>, Result<(), Violation>) {
    let mut reader = FrameReader::new(LIMIT);
    let mut frames = Vec::new();
    let mut rest = wire;
    for cut in cuts.iter().cycle() {
        let (piece, later) = rest.split_at((*cut).min(rest.len()));
        rest = later;
        if let Err(violation) = read_all(&mut reader, piece, &mut frames) {
            return (frames, Err(violation));
        }
        if rest.is_empty() {
            break;
        }
    }
    (frames, Ok(()))
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(wire in wire(), cuts in prop::collection::vec(1usize..40, 1..20)) {
        let whole = read_in_pieces(&wire, &[wire.len().max(1)]);
        prop_assert_eq!(&read_in_pieces(&wire, &cuts), &whole);
        prop_assert_eq!(&read_in_pieces(&wire, &[1]), &whole);
    }

    // FUZZ: no input makes the reader panic, or hold more than it was given.
    #[test]
    fn any_bytes_are_read_without_a_panic(wire in prop::collection::vec(any::<u8>(), 0..400)) {
        let (frames, _) = read_in_pieces(&wire, &[7]);
        let held: usize = frames.iter().map(|frame| match frame {
            Frame::Message { data, .. } | Frame::Ping(data) => data.len(),
            Frame::Pong | Frame::Close { .. } => 0,
        }).sum();
        prop_assert!(held <= wire.len());
    }
}

#[test]
fn it_is_mid_message_from_the_first_byte_to_the_last() {
    let wire = [masked(0x01, b"ab"), masked(0x89, b"p"), masked(0x80, b"cd")].concat();
    let mut reader = FrameReader::new(LIMIT);
    assert!(!reader.is_mid_message());
    for (index, byte) in wire.iter().enumerate() {
        read_all(&mut reader, &[*byte], &mut Vec::new()).unwrap();
        assert_eq!(
            reader.is_mid_message(),
            index + 1 < wire.len(),
            "after byte {index}"
        );
    }
}

// WS-1: the announced length reserves nothing.
#[test]
fn an_announced_length_is_not_reserved() {
    let mut reader = FrameReader::new(1 << 30);
    let header = [
        0x82,
        0x80 | 127,
        0,
        0,
        0,
        0,
        0x3f,
        0xff,
        0xff,
        0xff,
        1,
        2,
        3,
        4,
    ];
    read_all(&mut reader, &header, &mut Vec::new()).unwrap();
    assert_eq!(reader.reserved(), 0);
    read_all(&mut reader, &[0; 1000], &mut Vec::new()).unwrap();
    assert!(reader.reserved() <= 2000);
}

#[test]
fn an_idle_reader_owns_nothing() {
    let mut reader = FrameReader::new(LIMIT);
    let wire = [
        masked(0x81, &[b'a'; 2000]),
        masked(0x89, &[1; 100]),
        masked(0x8a, &[2; 100]),
    ];
    for piece in wire.concat().chunks(64) {
        read_all(&mut reader, piece, &mut Vec::new()).unwrap();
    }
    assert_eq!(reader.reserved(), 0);
}
