//! The upgrade, as little of it as is needed: the key, the token, the answer.

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const HEAD_BYTES: usize = 4096;
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What verifies tokens.
pub(super) struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {}

impl Tokens {
    pub(super) fn new(secret: &str) -> Tokens {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        Tokens {
            key: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        }
    }

    fn verify(&self, token: &str) -> bool {
        decode::<Claims>(token, &self.key, &self.validation).is_ok()
    }
}

/// Reads the request, and answers it with 101 if the token is good.
pub(super) async fn answer(stream: &mut TlsStream<TcpStream>, tokens: &Tokens) -> Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(
            stream.read_buf(&mut head).await? > 0,
            "closed before the request was whole"
        );
        ensure!(head.len() < HEAD_BYTES, "the request is too long");
    }
    let head = std::str::from_utf8(&head)?;
    let token = header(head, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| tokens.verify(token)) {
        stream
            .write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            .await?;
        stream.shutdown().await?;
        bail!("the token is missing or bad");
    }
    let key = header(head, "sec-websocket-key").context("no key")?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.flush().await?)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn accept(key: &str) -> String {
    let joined = format!("{key}{KEY_SUFFIX}");
    STANDARD.encode(digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        joined.as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_the_key_of_the_rfc() {
        assert_eq!(
            accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:  Bearer x \r\n\r\n";
        assert_eq!(header(head, "authorization"), Some("Bearer x"));
        assert_eq!(header(head, "cookie"), None);
    }
}
