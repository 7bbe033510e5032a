//! The form of an upgrade request, field by field (RFC 6455 §4.2.1), and the 101.
//!
//! hyper accepts any `Upgrade` and never looks at `Connection`, so all of it is judged here. What
//! the request says of its user is not: that is the door's.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{self, Answer};
use crate::identity::{Offer, PROTOBUF_PROTOCOL, Refusal};
use crate::protocol::Format;

/// An upgrade request in good form.
pub(super) struct Upgrade {
    pub(super) offer: Offer,
    /// What the client speaks.
    pub(super) format: Format,
    /// The client wants WebSocket pings in place of the protocol's.
    pub(super) frame_pings: bool,
    accept: String,
}

impl Upgrade {
    /// Judges the form; the order of the faults is that of HTTP-6.
    pub(super) fn parse(request: &Request<Incoming>) -> Result<Upgrade, Refusal> {
        let headers = request.headers();
        if request.version() != Version::HTTP_11 {
            return Err(Refusal::BadHttpVersion);
        }
        let version = single(headers, SEC_WEBSOCKET_VERSION);
        if !lists(headers, UPGRADE, "websocket") || version.is_none_or(|v| v != "13") {
            return Err(Refusal::UpgradeRequired);
        }
        if !lists(headers, CONNECTION, "upgrade") {
            return Err(Refusal::BadConnectionHeader);
        }
        let key = single(headers, SEC_WEBSOCKET_KEY).ok_or(Refusal::BadKey)?;
        // The standard engine wants canonical padding and no bits left over.
        let nonce = STANDARD
            .decode(key.as_bytes())
            .map_err(|_| Refusal::BadKey)?;
        if nonce.len() != 16 {
            return Err(Refusal::BadKey);
        }
        if !request.body().is_end_stream() {
            return Err(Refusal::BodyNotAllowed);
        }
        let offer = Offer::parse(headers)?;
        let query = request.uri().query().unwrap_or_default();
        let frame_pings = parameter(query, "cf_ws_frame_ping_pong") == Some("true");
        Ok(Upgrade {
            format: format(query, &offer),
            offer,
            frame_pings,
            accept: derive_accept_key(key.as_bytes()),
        })
    }

    /// The 101. It names the real protocol, and never the token beside it.
    pub(super) fn switch(&self) -> Answer {
        let mut answer = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = self.offer.protocol() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        answer
    }
}

/// `Host`, which must be there once, must be one of those that are served; none listed: any. A
/// request line with a whole URI names a host too, and that one counts as well (RFC 9112 §3.2.2).
pub(super) fn check_host<B>(request: &Request<B>, hosts: &[String]) -> Result<(), Refusal> {
    check_hosts(request, |name| {
        hosts.is_empty() || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// On the admin listener: one of those that are served, an IP address, or localhost. A name that
/// somebody else controls may have been pointed here (ORIGIN-3).
pub(super) fn check_admin_host<B>(request: &Request<B>, hosts: &[String]) -> Result<(), Refusal> {
    check_hosts(request, |name| {
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let is_local = address.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost");
        is_local || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

fn check_hosts<B>(request: &Request<B>, served: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let host = single(request.headers(), HOST).ok_or(Refusal::BadHost)?;
    let of_header: Authority = host.parse().map_err(|_| Refusal::BadHost)?;
    for authority in [Some(&of_header), request.uri().authority()]
        .into_iter()
        .flatten()
    {
        let name = authority.host().trim_end_matches('.');
        if name.is_empty() || authority.as_str().contains('@') {
            return Err(Refusal::BadHost);
        }
        if !served(name) {
            return Err(Refusal::UnknownHost);
        }
    }
    Ok(())
}

/// The header's value, if it is there exactly once and is text.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    line.to_str().ok()
}

/// Whether the list in all lines of the header has the word, in any case.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// JSON, unless the query or the subprotocol asks for the other; the answer to the offer is not
/// changed by the query.
fn format(query: &str, offer: &Offer) -> Format {
    let by_query = ["cf_protocol", "format"]
        .iter()
        .any(|name| parameter(query, name) == Some("protobuf"));
    match by_query || offer.protocol() == Some(PROTOBUF_PROTOCOL) {
        true => Format::Protobuf,
        false => Format::Json,
    }
}

/// The first value of a parameter of the query. Those that are read here have no escapes.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name))
        .map(|p| p.1)
}
