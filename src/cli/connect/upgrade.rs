//! From a target to an open WebSocket, or to what the door said instead.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, RETRY_AFTER,
};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::target::Target;
use super::trust;
use crate::fetch::why_no_tls;

/// From the first packet to the door's answer.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the rest of a refusal's body, once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// The gateway's refusals have a few hundred bytes; a proxy's page may be longer.
const MOST_BODY_BYTES: usize = 64 * 1024;
/// A recovery may be large; nothing else is.
const MOST_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects, with TLS unless the target has none.
pub(super) async fn open(target: &Target, ca: Option<&Path>) -> anyhow::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect((target.host(), target.port()))
        .await
        .with_context(|| format!("cannot connect to {target}"))?;
    tcp.set_nodelay(true)?;
    if !target.tls() {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(target.host().to_owned())
        .with_context(|| format!("{} is no name for a certificate", target.host()))?;
    let connector = TlsConnector::from(Arc::new(trust::client_config(ca)?));
    let tls = connector.connect(name, tcp).await;
    let tls = tls.map_err(|fault| {
        let hint = match ca {
            Some(path) => format!("only {} is trusted", path.display()),
            None => "a certificate of its own is trusted with --ca FILE".to_owned(),
        };
        anyhow!("no TLS with {target}: {} ({hint})", why_no_tls(&fault))
    })?;
    Ok(Box::new(tls))
}

/// Asks for the upgrade. The stream is lent, since the rest of a refusal may still be in it.
pub(super) async fn ask<'s>(
    stream: &'s mut Box<dyn Stream>,
    target: &Target,
    token: Option<&SecretString>,
) -> anyhow::Result<Result<WebSocketStream<&'s mut Box<dyn Stream>>, Box<Response>>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(MOST_MESSAGE_BYTES))
        .max_frame_size(Some(MOST_MESSAGE_BYTES));
    match client_async_with_config(request(target, token)?, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Ok(socket)),
        Err(Error::Http(response)) => Ok(Err(response)),
        Err(fault) => {
            Err(anyhow!(fault).context(format!("{target} does not answer like a gateway")))
        }
    }
}

fn request(target: &Target, token: Option<&SecretString>) -> anyhow::Result<Request> {
    let mut request = target.uri().into_client_request()?;
    if let Some(token) = token {
        // The library's own fault would show what it was given.
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| anyhow!("the token has characters that no token has"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    Ok(request)
}

/// Reads what is left of a refusal's body, if it comes soon, and makes sense of it.
pub(super) async fn read_refusal(stream: &mut dyn Stream, response: Response) -> Refused {
    let (head, body) = response.into_parts();
    let mut body = body.unwrap_or_default();
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let whole = announced
        .and_then(|value| value.parse().ok())
        .unwrap_or(MOST_BODY_BYTES);
    let missing = whole.min(MOST_BODY_BYTES).saturating_sub(body.len()) as u64;
    // A body that breaks off is shown as far as it came: the status is what matters.
    let _ = tokio::time::timeout(BODY_TIMEOUT, stream.take(missing).read_to_end(&mut body)).await;
    Refused::read(head.status, &head.headers, &body)
}

/// An answer other than 101.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    status: StatusCode,
    /// The gateway's own code and sentence; `None` when somebody else answered.
    error: Option<Reason>,
    retry_after: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Reason {
    code: String,
    message: String,
}

impl Refused {
    fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refused {
        #[derive(Deserialize)]
        struct Body {
            error: Reason,
        }
        let error = serde_json::from_slice(body)
            .ok()
            .map(|Body { error }| error);
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        Refused {
            status,
            error,
            retry_after: retry_after.map(str::to_owned),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.status)?;
        if let Some(Reason { code, message }) = &self.error {
            write!(f, ", {code}: {message}")?;
        }
        if let Some(seconds) = &self.retry_after {
            write!(f, " (try again after {seconds} s)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let status = StatusCode::from_u16(status).unwrap();
        Refused::read(status, &headers.collect(), body.as_bytes()).to_string()
    }

    #[test]
    fn a_refusal_shows_status_code_and_sentence() {
        let body = r#"{"error":{"code":"token_expired","message":"the token has expired"}}"#;
        assert_eq!(
            refused(401, &[], body),
            "refused: 401 Unauthorized, token_expired: the token has expired"
        );
        let body = r#"{"error":{"code":"draining","message":"the node drains"}}"#;
        assert_eq!(
            refused(503, &[("retry-after", "5")], body),
            "refused: 503 Service Unavailable, draining: the node drains (try again after 5 s)"
        );
    }

    #[test]
    fn somebody_elses_refusal_shows_the_status() {
        for body in ["", "<html>", "{}", r#"{"error":"no"}"#, "\u{1b}[2J"] {
            assert_eq!(refused(502, &[], body), "refused: 502 Bad Gateway");
        }
    }

    /// LOG-1: a token that cannot be a header is not repeated.
    #[test]
    fn log_1_the_token_is_in_no_message() {
        let target = Target::parse("wss://localhost").unwrap();
        let fault = request(&target, Some(&"geheim\n".into())).unwrap_err();
        assert!(!format!("{fault:#} {fault:?}").contains("geheim"));
        let request = request(&target, Some(&"geheim".into())).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer geheim");
        assert!(!format!("{request:?}").contains("geheim"));
    }
}
