//! Sockets by hand: from an address of choice, in pieces, and WebSocket frames byte by byte.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::http::{Answer, read_answer};
use super::request::Request;
use super::{Gateway, PATIENCE, http};

/// A TCP connection from this address of loopback.
pub async fn tcp_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    let stream = socket.connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A TLS handshake over any stream.
pub async fn tls_over<S>(stream: S, tls: &Arc<ClientConfig>) -> std::io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(tls.clone()).connect(name, stream).await
}

/// All that comes until the peer ends the connection, in whatever way.
pub async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut read = Vec::new();
    let end = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            read.extend_from_slice(&buffer[..count]);
        }
    };
    timeout(PATIENCE, end)
        .await
        .expect("the connection does not end");
    read
}

/// A text frame of a client.
pub fn text_frame(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// A frame of a client with this first byte; masked, as they must be.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length @ ..126) => bytes.push(0x80 | length),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// A connect command with this id.
pub fn connect_frame(id: u32) -> Vec<u8> {
    text_frame(&format!(r#"{{"id":{id},"connect":{{}}}}"#))
}

/// An upgraded connection, read frame by frame.
pub struct Raw<S> {
    pub stream: S,
    pub answer: Answer,
    lines: VecDeque<Value>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Sends bytes that begin with a request, and reads the head of the answer.
    pub async fn begin(mut stream: S, bytes: &[u8]) -> Raw<S> {
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        let answer = timeout(PATIENCE, read_answer(&mut stream)).await.unwrap();
        Raw {
            stream,
            answer,
            lines: VecDeque::new(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The first byte of the next frame, and its payload; none when the connection has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, self.read_frame())
            .await
            .expect("no frame in time")
            .ok()
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await?;
        assert_eq!(head[1] & 0x80, 0, "WS-3: a server's frame is masked");
        let length = match head[1] {
            126 => usize::from(self.stream.read_u16().await?),
            127 => usize::try_from(self.stream.read_u64().await?).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[0], payload))
    }

    /// The next message; frames must be whole texts, plain, and may hold several, one a line.
    pub async fn message(&mut self) -> Value {
        if self.lines.is_empty() {
            let (first, payload) = self.frame().await.expect("the connection has ended");
            assert_eq!(first, 0x81, "not a whole, plain text: {payload:?}");
            let lines = payload.split(|byte| *byte == b'\n');
            self.lines
                .extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        }
        self.lines.pop_front().unwrap()
    }

    /// The code of the close frame that comes next.
    pub async fn close_code(&mut self) -> u16 {
        let (first, payload) = self.frame().await.expect("the connection has ended");
        assert_eq!(first, 0x88, "not a close frame: {payload:?}");
        u16::from_be_bytes([payload[0], payload[1]])
    }

    /// Connects over it, and gives the channels that the server subscribed it to.
    pub async fn connect(&mut self) -> Vec<String> {
        assert_eq!(self.answer.status, 101, "{:?}", self.answer);
        self.send(&connect_frame(1)).await;
        let reply = self.message().await;
        assert_eq!(reply["id"], 1, "{reply}");
        assert!(reply["connect"]["client"].is_string(), "{reply}");
        let subs = reply["connect"]["subs"].as_object();
        subs.map(|subs| subs.keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl Gateway {
    /// Sends bytes that begin with an upgrade, and keeps the connection.
    pub async fn begin(&self, bytes: &[u8]) -> Raw<TlsStream<TcpStream>> {
        let stream = http::connect(self.public, &self.tls).await;
        Raw::begin(stream, bytes).await
    }

    /// Upgrades by this request, which must be let in.
    pub async fn lets_in(&self, request: &Request) -> Raw<TlsStream<TcpStream>> {
        let raw = self.begin(&request.bytes()).await;
        assert_eq!(raw.answer.status, 101, "{:?}\n{request:?}", raw.answer);
        raw
    }
}
