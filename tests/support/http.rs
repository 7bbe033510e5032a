//! HTTP by literal bytes, over TLS or in the clear.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Gateway, PATIENCE};

/// An answer: its head, its headers in lower case, and its body.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The server closed the connection after it.
    pub closed: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The code of a refusal's body.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub async fn connect(address: SocketAddr, tls: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(tls.clone())
        .connect(name, socket)
        .await
        .unwrap()
}

impl Gateway {
    /// Sends these bytes on a connection of their own and reads one answer, and whether the
    /// connection ends after it.
    pub async fn request(&self, bytes: &[u8]) -> Answer {
        let stream = connect(self.public, &self.tls).await;
        exchange(stream, bytes).await
    }

    /// A GET with these header lines (each ends with CR LF).
    pub async fn get(&self, path: &str, headers: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.request(request.as_bytes()).await
    }
}

/// The header lines of a good upgrade.
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A GET in the clear, as a scraper sends it.
pub async fn get_clear(address: SocketAddr, path: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(stream, request.as_bytes()).await
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Answer {
    // The server may answer and close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    timeout(PATIENCE, read_answer(&mut stream))
        .await
        .expect("no answer in time")
}

/// Reads one answer; an upgraded connection is left open.
pub async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Answer {
    let mut read = Vec::new();
    let head_end = loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => read.push(byte[0]),
            _ => {
                return Answer {
                    closed: true,
                    ..Answer::default()
                };
            }
        }
    };
    let head = String::from_utf8(read[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        ..Answer::default()
    };
    if status == 101 {
        return answer;
    }
    let length = answer
        .header("content-length")
        .map_or(0, |l| l.parse().unwrap());
    // The answer to HEAD has the length of a body that does not come.
    let mut body = Vec::new();
    let _ = stream.take(length).read_to_end(&mut body).await;
    answer.body = String::from_utf8(body).unwrap();
    if answer
        .header("connection")
        .is_some_and(|c| c.contains("close"))
    {
        let mut rest = Vec::new();
        // TLS says goodbye or TCP just ends; either way nothing more may come.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "bytes after the answer: {rest:?}");
        answer.closed = true;
    }
    answer
}
