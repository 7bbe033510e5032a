//! Requests put together line by line, so that a test can make one thing in them wrong.

use super::Gateway;
use super::http::Answer;

/// The key of RFC 6455 §1.3, and what a server must make of it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const PATH: &str = "/connection/websocket";

/// The head of a request; what stands behind it comes as it is.
#[derive(Clone, Debug)]
pub struct Request {
    line: String,
    headers: Vec<(String, String)>,
    behind: Vec<u8>,
}

impl Request {
    /// A request with `Host` and nothing else.
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            line: format!("{method} {target} HTTP/1.1"),
            headers: vec![("Host".to_owned(), "localhost".to_owned())],
            behind: Vec::new(),
        }
    }

    /// An upgrade in good form, without a token.
    pub fn upgrade() -> Request {
        Request::new("GET", PATH)
            .and("Connection", "Upgrade")
            .and("Upgrade", "websocket")
            .and("Sec-WebSocket-Version", "13")
            .and("Sec-WebSocket-Key", KEY)
    }

    /// An upgrade with a token in its header.
    pub fn upgrade_with(token: &str) -> Request {
        Request::upgrade().bearer(token)
    }

    /// Another first line.
    pub fn line(mut self, line: &str) -> Request {
        line.clone_into(&mut self.line);
        self
    }

    /// The same request for another path and query.
    pub fn target(self, target: &str) -> Request {
        self.line(&format!("GET {target} HTTP/1.1"))
    }

    /// The same headers for another method, path and query.
    pub fn rename(self, method: &str, target: &str) -> Request {
        self.line(&format!("{method} {target} HTTP/1.1"))
    }

    /// `?` and the query, or nothing.
    pub fn query(&self) -> &str {
        let target = self.line.split(' ').nth(1).unwrap_or_default();
        target.find('?').map_or("", |at| &target[at..])
    }

    pub fn has(&self, name: &str) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name);
        names.any(|other| other.eq_ignore_ascii_case(name))
    }

    /// One more header line.
    pub fn and(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// No line of this header.
    pub fn without(mut self, name: &str) -> Request {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// This header once, with this value.
    pub fn set(self, name: &str, value: &str) -> Request {
        self.without(name).and(name, value)
    }

    pub fn bearer(self, token: &str) -> Request {
        self.and("Authorization", &format!("Bearer {token}"))
    }

    /// Bytes right behind the head.
    pub fn behind(mut self, bytes: &[u8]) -> Request {
        self.behind.extend_from_slice(bytes);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.behind].concat()
    }
}

impl Gateway {
    /// Sends a request on a connection of its own and reads one answer.
    pub async fn ask(&self, request: &Request) -> Answer {
        self.request(&request.bytes()).await
    }
}
