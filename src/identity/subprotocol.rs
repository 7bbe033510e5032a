//! The subprotocols that a client offers, and the token that may hide among them.
//!
//! A browser's WebSocket can set no header but this one, so `bearer.TOKEN` beside a real protocol
//! is how a page presents its token without a cookie. The answer names the real protocol only;
//! the token is never echoed (SECURITY.md HTTP-8).

use std::fmt;

use hyper::HeaderMap;
use hyper::header::SEC_WEBSOCKET_PROTOCOL;
use secrecy::SecretString;

use super::refusal::Refusal;

/// The Centrifuge client protocol in Protobuf.
pub const PROTOBUF_PROTOCOL: &str = "centrifuge-protobuf";

/// The names of the Centrifuge client protocol.
const KNOWN_PROTOCOLS: [&str; 2] = ["centrifuge-json", PROTOBUF_PROTOCOL];

const BEARER: &str = "bearer.";

/// What `Sec-WebSocket-Protocol` offers, over all its lines.
#[derive(Clone, Default)]
pub struct Offer {
    /// In their order, without the token.
    names: Vec<String>,
    bearer: Option<SecretString>,
}

impl Offer {
    /// Reads the offer of a request; none at all is an empty one.
    pub fn parse(headers: &HeaderMap) -> Result<Offer, Refusal> {
        let mut offer = Offer::default();
        for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
            let line = line.to_str().map_err(|_| Refusal::BadSubprotocol)?;
            for name in line.split(',').map(|name| name.trim_matches([' ', '\t'])) {
                offer.add(name)?;
            }
        }
        if offer.bearer.is_some() && offer.protocol().is_none() {
            return Err(Refusal::BearerWithoutProtocol);
        }
        Ok(offer)
    }

    fn add(&mut self, name: &str) -> Result<(), Refusal> {
        // Empty elements of a list are ignored (RFC 9110 §5.6.1.2).
        if name.is_empty() {
            return Ok(());
        }
        let Some(token) = name.strip_prefix(BEARER) else {
            if !name.bytes().all(is_token_byte) {
                return Err(Refusal::BadSubprotocol);
            }
            self.names.push(name.to_owned());
            return Ok(());
        };
        if self.bearer.is_some() || token.is_empty() || !token.bytes().all(is_jwt_byte) {
            return Err(Refusal::BadSubprotocol);
        }
        self.bearer = Some(SecretString::from(token));
        Ok(())
    }

    /// The token, if one was offered as `bearer.TOKEN`.
    pub fn bearer(&self) -> Option<&SecretString> {
        self.bearer.as_ref()
    }

    /// The first name on offer that is one of the protocol's: the one to answer with.
    pub fn protocol(&self) -> Option<&'static str> {
        self.names
            .iter()
            .find_map(|name| KNOWN_PROTOCOLS.into_iter().find(|known| known == name))
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names are the client's text and may be anything, a mistyped token included.
        f.debug_struct("Offer")
            .field("names", &self.names.len())
            .field("bearer", &self.bearer.is_some())
            .finish()
    }
}

/// RFC 9110 §5.6.2: the characters of a token in the sense of HTTP.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The characters of a JWT in compact form: base64url and dots.
fn is_jwt_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests;
