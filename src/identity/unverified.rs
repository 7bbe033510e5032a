//! What a token says, taken at its word: for questions such as `gatepost explain`, and for the log.
//!
//! Nothing here makes an identity, and nothing that opens a door may use it.

use serde_json::{Map, Value};

use super::json;
use super::token::Token;
use super::verifier::Verifier;

/// Who signed a token, as it says itself: so that whoever reads of a refusal knows whose token it
/// was, and whether a key was rotated. Anybody can write anything there, of any length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidSigner {
    /// The issuer's name in the configuration; or its `iss`, where no issuer has that.
    pub issuer: Option<String>,
    /// The name of the key.
    pub kid: Option<String>,
}

impl SaidSigner {
    /// The signer that `token` names; nothing where it cannot be read.
    pub fn of(token: &Token, verifier: &Verifier) -> SaidSigner {
        let header = token.header().and_then(|header| json::object(&header));
        let kid = header.ok().and_then(|mut header| header.remove("kid"));
        let claims = token.claims();
        let iss = claims
            .and_then(|claims| json::untrusted_issuer(&claims))
            .ok();
        SaidSigner {
            issuer: iss.map(|iss| verifier.name_of(&iss).map_or(iss, str::to_owned)),
            kid: kid.and_then(|kid| kid.as_str().map(str::to_owned)),
        }
    }
}

/// The claims of a token whose signature, times and audience nobody looked at; `None` if it is no
/// token in compact form.
pub fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let claims = Token::parse(token).ok()?.claims().ok()?;
    json::object(&claims).ok()
}
