//! What a token says, taken at its word: for questions such as `gatepost explain` only.
//!
//! Nothing here makes an identity, and nothing that opens a door may use it.

use serde_json::{Map, Value};

use super::json;
use super::token::Token;

/// The claims of a token whose signature, times and audience nobody looked at; `None` if it is no
/// token in compact form.
pub fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let claims = Token::parse(token).ok()?.claims().ok()?;
    json::object(&claims).ok()
}
