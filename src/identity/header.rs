//! The header of a token: what its sender says about how it is signed.
//!
//! Nothing here is believed. `alg` and `typ` are held against the issuer's lists; keys and URLs of
//! keys (`jwk`, `jku`, `x5c`, `x5u`) are never looked at, and `kid` is a name among the keys of the
//! issuer, where these have names (SECURITY.md JWT-1, JWT-8, JWT-9, JWT-10).

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::json;
use super::refusal::Refusal;

/// A longer `kid` is refused, whether it names something or not.
pub(super) const MAX_KID_BYTES: usize = 256;

/// Types that open a connection whatever the issuer lists.
const USUAL_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// What of a header is looked at.
pub(super) struct Header {
    algorithm: Option<Algorithm>,
    kid: Option<String>,
    typ: Typ,
}

enum Typ {
    Missing,
    Named(String),
    NotText,
}

impl Header {
    /// Reads the JSON of a header; refuses what changes the meaning of the token.
    pub(super) fn parse(text: &[u8]) -> Result<Header, Refusal> {
        let mut members = json::object(text)?;
        // RFC 7515 §4.1.11: who does not understand a critical member must refuse; we know none.
        // b64 changes what is signed (RFC 7797), zip and enc what is in it.
        if ["crit", "b64", "zip", "enc"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(Refusal::TokenHeaderNotSupported);
        }
        let kid = match members.remove("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid),
            Some(_) => return Err(Refusal::TokenMalformed),
        };
        let algorithm = members
            .get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::from_name);
        Ok(Header {
            algorithm,
            kid,
            typ: Typ::of(&members),
        })
    }

    /// The name of the key that signed it, as the token says.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm, if it is in the issuer's list.
    pub(super) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, Refusal> {
        // An unknown name and one that is not listed are one fault: neither is an algorithm here.
        self.algorithm
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or(Refusal::TokenAlgorithmNotAllowed)
    }

    /// Whether a token of this type opens a connection: `required` is the only type that does, if
    /// it is given; otherwise the usual ones do, those in `listed`, and a token without one.
    pub(super) fn check_type(
        &self,
        required: Option<&str>,
        listed: &[String],
    ) -> Result<(), Refusal> {
        let good = match (&self.typ, required) {
            (Typ::NotText, _) => false,
            (Typ::Missing, required) => required.is_none(),
            (Typ::Named(typ), Some(required)) => *typ == normal_type(required),
            (Typ::Named(typ), None) => {
                USUAL_TYPES.contains(&typ.as_str())
                    || listed.iter().any(|listed| normal_type(listed) == *typ)
            }
        };
        if good {
            Ok(())
        } else {
            Err(Refusal::TokenTypeNotAllowed)
        }
    }
}

impl Typ {
    fn of(header: &Map<String, Value>) -> Typ {
        match header.get("typ") {
            None => Typ::Missing,
            Some(Value::String(typ)) => Typ::Named(normal_type(typ)),
            Some(_) => Typ::NotText,
        }
    }
}

/// Media types are compared without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn normal_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/")
        .map(str::to_owned)
        .unwrap_or(typ)
}

#[cfg(test)]
mod tests;
