//! Against tungstenite as the client: it understands us, and we understand it.

use std::io::{self, Cursor, Read, Write};

use bytes::Bytes;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame as PeerFrame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::{
    Frame, FrameReader, Opcode, Violation, close_frame, close_reply, encode_header, pong_frame,
};
use super::read_all;
use super::split::wire;

/// A socket of two buffers: what the client reads, and what it wrote.
#[derive(Default)]
struct Wire {
    to_client: Cursor<Vec<u8>>,
    from_client: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.to_client.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.from_client.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(to_client: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire {
        to_client: Cursor::new(to_client),
        ..Wire::default()
    };
    WebSocket::from_raw_socket(wire, Role::Client, None)
}

fn frames_of(client: &WebSocket<Wire>) -> Vec<Frame> {
    let mut frames = Vec::new();
    read_all(
        &mut FrameReader::new(1 << 20),
        &client.get_ref().from_client,
        &mut frames,
    )
    .unwrap();
    frames
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (header, size) = encode_header(opcode, payload.len());
    [&header[..size], payload].concat()
}

proptest! {
    #[test]
    fn we_read_what_tungstenite_writes(
        text in any::<String>(),
        binary in prop::collection::vec(any::<u8>(), 0..2000),
        ping in prop::collection::vec(any::<u8>(), 0..126),
    ) {
        let mut client = client(Vec::new());
        client.send(Message::text(text.as_str())).unwrap();
        client.send(Message::Ping(ping.clone().into())).unwrap();
        client.send(Message::binary(binary.clone())).unwrap();
        client.send(Message::Pong(Bytes::new())).unwrap();
        client.send(Message::Close(Some(CloseFrame {
            code: CloseCode::Away, reason: "bye".into(),
        }))).unwrap();
        prop_assert_eq!(frames_of(&client), vec![
            Frame::Message { binary: false, data: text.into() },
            Frame::Ping(ping.into()),
            Frame::Message { binary: true, data: binary.into() },
            Frame::Pong,
            Frame::Close { code: Some(1001) },
        ]);
    }

    #[test]
    fn we_read_the_fragments_tungstenite_writes(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10)
    ) {
        let mut client = client(Vec::new());
        for (index, part) in parts.iter().enumerate() {
            let data = if index == 0 { Data::Binary } else { Data::Continue };
            let is_final = index + 1 == parts.len();
            let frame = PeerFrame::message(part.clone(), OpCode::Data(data), is_final);
            client.send(Message::Frame(frame)).unwrap();
        }
        let data = Bytes::from(parts.concat());
        prop_assert_eq!(frames_of(&client), vec![Frame::Message { binary: true, data }]);
    }

    #[test]
    fn tungstenite_reads_what_we_write(
        len in prop_oneof![0usize..300, 65_500usize..65_600],
        code in prop_oneof![3000u16..5000, 1000u16..1004],
        reason in any::<String>(),
        ping in prop::collection::vec(any::<u8>(), 0..126),
    ) {
        let text = "a".repeat(len);
        let mut client = client([
            frame(Opcode::Text, text.as_bytes()),
            frame(Opcode::Ping, &ping),
            pong_frame(&ping),
            close_frame(code, &reason),
        ].concat());
        prop_assert_eq!(client.read().unwrap(), Message::text(text));
        prop_assert_eq!(client.read().unwrap(), Message::Ping(ping.clone().into()));
        prop_assert_eq!(client.read().unwrap(), Message::Pong(ping.into()));
        let Message::Close(Some(close)) = client.read().unwrap() else {
            return Err(TestCaseError::fail("no close frame"));
        };
        prop_assert_eq!(u16::from(close.code), code);
        prop_assert!(reason.starts_with(close.reason.as_str()));
        prop_assert!(close.reason.len() > 119 || close.reason == reason);
    }
}

// WS-8: a close handshake from either side ends cleanly for the client.
#[test]
fn the_close_handshake_is_understood() {
    let mut client = client(close_reply(None));
    client.close(None).unwrap();
    assert_eq!(frames_of(&client), [Frame::Close { code: None }]);
    assert!(matches!(client.read(), Ok(Message::Close(None))));
    assert!(matches!(
        client.read(),
        Err(Error::ConnectionClosed | Error::Io(_))
    ));
    assert!(!client.can_write());
}

/// What tungstenite, as the server, makes of a client's bytes until they end, and its error.
fn tungstenites_view(wire: Vec<u8>) -> (Vec<Frame>, Option<Error>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(4096))
        .max_frame_size(Some(4096));
    let wire = Wire {
        to_client: Cursor::new(wire),
        ..Wire::default()
    };
    let mut server = WebSocket::from_raw_socket(wire, Role::Server, Some(config));
    let mut frames = Vec::new();
    loop {
        frames.push(match server.read() {
            Ok(Message::Text(text)) => Frame::Message {
                binary: false,
                data: text.into(),
            },
            Ok(Message::Binary(data)) => Frame::Message { binary: true, data },
            Ok(Message::Ping(data)) => Frame::Ping(data),
            Ok(Message::Pong(_)) => Frame::Pong,
            Ok(Message::Close(close)) => {
                frames.push(Frame::Close {
                    code: close.map(|close| close.code.into()),
                });
                return (frames, None);
            }
            Ok(Message::Frame(_)) => unreachable!("never given by read"),
            Err(Error::Io(_)) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        });
    }
}

proptest! {
    // Good or broken, both readers see the same frames, and what tungstenite refuses, so do we.
    #[test]
    fn tungstenite_agrees_about_any_wire(wire in wire()) {
        let mut frames = Vec::new();
        let result = read_all(&mut FrameReader::new(4096), &wire, &mut frames);
        let (mut its_frames, error) = tungstenites_view(wire);
        match error {
            // It looks at each fragment, and so refuses before control frames that we still see.
            Some(Error::Utf8(_)) => prop_assert!(frames.starts_with(&its_frames)),
            Some(_) => {
                prop_assert_eq!(its_frames, frames);
                prop_assert!(result.is_err());
            }
            None => {
                if result == Err(Violation::CloseCode) {
                    // It answers a bad code by itself, and shows it as a close with 1002.
                    prop_assert_eq!(its_frames.pop(), Some(Frame::Close { code: Some(1002) }));
                }
                prop_assert_eq!(its_frames, frames);
            }
        }
    }
}

// WS-4, the other way round: what tungstenite would not send is built by hand from its frames.
#[test]
fn a_fragmented_ping_of_the_peer_is_refused() {
    let mut wire = Vec::new();
    let mut ping = PeerFrame::ping(Bytes::new());
    ping.header_mut().is_final = false;
    ping.header_mut().mask = Some([1, 2, 3, 4]);
    ping.format(&mut wire).unwrap();
    let refused = read_all(&mut FrameReader::new(10), &wire, &mut Vec::new());
    assert_eq!(refused, Err(Violation::ControlFragmented));
}
