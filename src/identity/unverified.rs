//! What a token says, taken at its word: for questions such as `gatepost explain` only.
//!
//! Nothing here makes an identity, and nothing that opens a door may use it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::json;

/// The claims of a token whose signature, times and audience nobody looked at; `None` if it is no
/// token in compact form.
pub fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let payload = parts.nth(1)?;
    let is_whole = parts.next().is_some() && parts.next().is_none();
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    is_whole.then(|| json::object(&payload).ok()).flatten()
}
