//! WebSocket by literal bytes: frames as a client would never write them, and every byte that
//! comes back.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::http::{UPGRADE, read_answer};
use super::{Gateway, PATIENCE, http, token};

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
/// Of the first byte: the message ends with this frame.
pub const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x5a, 0x00, 0xff, 0x13];

/// One upgraded connection, on which anything may be written.
pub struct Raw {
    pub stream: TlsStream<TcpStream>,
}

/// A frame of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// The text of a whole text frame.
    pub fn text(&self) -> &str {
        assert_eq!(self.first, FIN | TEXT, "{self:?}");
        std::str::from_utf8(&self.payload).unwrap()
    }

    /// The code and the reason of a close frame; none: it has no payload.
    pub fn close(&self) -> Option<(u16, String)> {
        assert_eq!(self.first, FIN | CLOSE, "{self:?}");
        let (code, reason) = self.payload.split_first_chunk::<2>()?;
        let reason = String::from_utf8(reason.to_vec()).unwrap();
        Some((u16::from_be_bytes(*code), reason))
    }
}

impl Gateway {
    /// An upgraded connection of this user; nothing was sent yet.
    pub async fn upgraded(&self, user: &str) -> Raw {
        self.raw_at("/connection/websocket", user).await
    }

    pub async fn raw_at(&self, path: &str, user: &str) -> Raw {
        self.raw_with(path, &token(user)).await
    }

    /// The same with this token.
    pub async fn raw_with(&self, path: &str, token: &str) -> Raw {
        let stream = http::connect(self.public, &self.tls).await;
        upgrade(stream, path, token).await
    }

    /// The same, with a small receive buffer: what this client does not read, the gateway has.
    pub async fn raw_with_small_buffer(&self, user: &str) -> Raw {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let socket = socket.connect(self.public).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(self.tls.clone());
        let stream = connector.connect(name, socket).await.unwrap();
        upgrade(stream, "/connection/websocket", &token(user)).await
    }

    /// An upgraded connection that has connected.
    pub async fn raw_client(&self, user: &str) -> Raw {
        let mut raw = self.upgraded(user).await;
        raw.connect().await;
        raw
    }

    /// One that is subscribed to `chat:a` besides.
    pub async fn raw_subscriber(&self, user: &str) -> Raw {
        let mut raw = self.raw_client(user).await;
        let reply = raw
            .ask(r#"{"id":2,"subscribe":{"channel":"chat:a"}}"#)
            .await;
        assert_eq!(reply, r#"{"id":2,"subscribe":{}}"#);
        raw
    }
}

async fn upgrade(mut stream: TlsStream<TcpStream>, path: &str, token: &str) -> Raw {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 101, "{answer:?}");
    Raw { stream }
}

/// The header of a masked frame that announces this length, with the shortest form of it.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..=125 => header.push(0x80 | length as u8),
        126..=0xffff => {
            header.push(0x80 | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

/// A masked frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// A whole text message.
pub fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text.as_bytes())
}

/// A close frame with a code.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(
        FIN | CLOSE,
        &[&code.to_be_bytes(), reason.as_bytes()].concat(),
    )
}

impl Raw {
    /// Writes these bytes. The gateway may have closed already: what it said is still to be read.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.try_write(bytes).await;
    }

    /// Writes these bytes, and tells whether the connection still took them.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a whole text message.
    pub async fn send(&mut self, message: &str) {
        self.write(&text(message)).await;
    }

    /// Sends the connect command and waits for its reply.
    pub async fn connect(&mut self) -> Value {
        self.send(r#"{"id":1,"connect":{}}"#).await;
        let reply: Value = serde_json::from_str(self.next().await.text()).unwrap();
        assert!(reply.get("connect").is_some(), "{reply}");
        reply["connect"].clone()
    }

    /// Sends a command and gives the text of the next frame, byte for byte.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(command).await;
        self.next().await.text().to_owned()
    }

    /// The next frame; panics when the connection ends before.
    pub async fn next(&mut self) -> Frame {
        self.frame_or_end()
            .await
            .expect("the connection ended without a further frame")
    }

    /// The next frame, or none where the connection ends.
    pub async fn frame_or_end(&mut self) -> Option<Frame> {
        self.within(PATIENCE * 2).await
    }

    async fn within(&mut self, patience: Duration) -> Option<Frame> {
        timeout(patience, read_frame(&mut self.stream))
            .await
            .expect("nothing came in time")
            .ok()
    }

    /// Reads up to the close frame, over whatever stands before it; its code and reason.
    pub async fn close_frame(&mut self) -> (u16, String) {
        loop {
            let frame = self.next().await;
            if frame.opcode() == CLOSE {
                return frame.close().unwrap_or_default();
            }
        }
    }

    /// The code that the gateway closes with. It gets its answer, and nothing more may come.
    pub async fn closed(&mut self) -> u16 {
        let (code, _) = self.close_frame().await;
        self.write(&close(code, "")).await;
        let _ = self.stream.shutdown().await;
        assert_eq!(self.frame_or_end().await, None, "a frame after the close");
        code
    }

    /// Reads until the connection ends, however that happens.
    pub async fn ended(&mut self) {
        while self.frame_or_end().await.is_some() {}
    }

    /// Whether it still answers a command.
    pub async fn is_alive(&mut self) -> bool {
        let reply = self.ask(r#"{"id":4000000,"rpc":{}}"#).await;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        reply["id"] == json!(4_000_000)
    }
}

/// Reads one frame of the server.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Frame> {
    let first = stream.read_u8().await?;
    let second = stream.read_u8().await?;
    assert_eq!(second & 0x80, 0, "a frame of the server is masked");
    let length = match second {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await?;
    Ok(Frame { first, payload })
}
