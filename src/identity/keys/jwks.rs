//! A JWK Set (RFC 7517): which of its keys count.
//!
//! The signature library would take any key for anything, so each is vetted here: what it is for
//! (`use`, `key_ops`), which algorithm it may serve (`alg`, type and curve), and whether it is
//! strong enough. A key that does not count is left out and the others stay; a set in which two
//! keys that count have one `kid`, or none counts, is refused as a whole (SECURITY.md JWKS-2,
//! JWKS-3, JWT-8). Pure: nothing is fetched here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::named::{NamedKey, NamedKeys};
use super::public::PublicKey;
use crate::identity::algorithm::Algorithm;
use crate::identity::header::MAX_KID_BYTES;
use crate::identity::json;

/// Keys of a set, be they of use or not.
const MAX_KEYS: usize = 64;
/// Members over the whole document; a key with all that RFC 7517 knows has some twenty.
const MAX_MEMBERS: usize = 4096;

/// Why a document is no set of keys; a sentence without capital and full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::identity) enum SetFault {
    /// No JSON, or one that two readers would understand differently.
    #[error("the document is not strict JSON with a list named keys")]
    Malformed,
    /// More keys than anybody needs.
    #[error("the set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// `kid` would not say which.
    #[error("two keys of the set have one kid")]
    RepeatedKid,
    /// Nothing to verify with.
    #[error("no key of the set can verify a signature by one of the algorithms of the issuer")]
    NoKeys,
}

/// A key that does not count, or one that its issuer should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) struct Remark {
    /// Its place in the set, from 1.
    pub(in crate::identity) key: usize,
    /// A sentence that completes "the key …".
    pub(in crate::identity) text: &'static str,
    /// Whether somebody should act on it; the others are keys for something else.
    pub(in crate::identity) is_alarming: bool,
}

/// The keys of a document that count for these algorithms, and what is to be said of the others.
pub(in crate::identity) fn parse(
    text: &[u8],
    algorithms: &[Algorithm],
) -> Result<(NamedKeys, Vec<Remark>), SetFault> {
    let mut document = json::object_within(text, MAX_MEMBERS).map_err(|_| SetFault::Malformed)?;
    let Some(Value::Array(keys)) = document.remove("keys") else {
        return Err(SetFault::Malformed);
    };
    if keys.len() > MAX_KEYS {
        return Err(SetFault::TooManyKeys);
    }
    let mut counting: Vec<NamedKey> = Vec::new();
    let mut remarks = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let mut remark = |text, is_alarming| {
            remarks.push(Remark {
                key: index + 1,
                text,
                is_alarming,
            });
        };
        let Value::Object(key) = key else {
            remark("is not a JSON object", true);
            continue;
        };
        if PRIVATE_MEMBERS.iter().any(|name| key.contains_key(*name)) {
            remark(PUBLISHED, true);
        }
        match vet(key, algorithms) {
            Ok(key) if counting.iter().any(|other| other.has_kid_of(&key)) => {
                return Err(SetFault::RepeatedKid);
            }
            Ok(key) => counting.push(key),
            Err(Unfit::ForOthers(text)) => remark(text, false),
            Err(Unfit::Bad(text)) => remark(text, true),
        }
    }
    if counting.is_empty() {
        return Err(SetFault::NoKeys);
    }
    Ok((NamedKeys::new(counting), remarks))
}

/// Why a key does not count; each completes "the key …".
enum Unfit {
    /// It is meant for something else, or for somebody who can do more.
    ForOthers(&'static str),
    /// It is no good key.
    Bad(&'static str),
}

/// Members that only the owner of a key may have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];
const PUBLISHED: &str = "has private members: whoever reads this set can sign as the issuer, which must replace the key";
const SYMMETRIC: &str = "is a secret (oct), which no public document may hold: it is not used";

fn vet(key: &Map<String, Value>, algorithms: &[Algorithm]) -> Result<NamedKey, Unfit> {
    let public = public_key(key)?;
    if !matches!(text(key, "use")?, None | Some("sig")) {
        return Err(Unfit::ForOthers("is not for signatures (use)"));
    }
    match key.get("key_ops") {
        None => {}
        Some(Value::Array(operations)) if operations.iter().any(|one| one == "verify") => {}
        Some(_) => return Err(Unfit::ForOthers("is not for verifying (key_ops)")),
    }
    let mut serves: Vec<_> = Algorithm::ASYMMETRIC
        .into_iter()
        .filter(|algorithm| public.fits(*algorithm))
        .collect();
    if let Some(alg) = text(key, "alg")? {
        serves.retain(|algorithm| algorithm.as_str() == alg);
        if serves.is_empty() {
            return Err(Unfit::ForOthers(
                "has an alg that is not one of its type and curve",
            ));
        }
    }
    serves.retain(|algorithm| algorithms.contains(algorithm));
    if serves.is_empty() {
        return Err(Unfit::ForOthers(
            "serves no algorithm that the issuer is configured with",
        ));
    }
    let kid = text(key, "kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(Unfit::Bad("has a kid of more than 256 bytes"));
    }
    Ok(NamedKey::new(kid, serves, &public))
}

/// The key itself, by its type and curve.
fn public_key(key: &Map<String, Value>) -> Result<PublicKey, Unfit> {
    let curve = text(key, "crv")?;
    match (text(key, "kty")?, curve) {
        (Some("RSA"), _) => {
            let (modulus, exponent) = (bytes(key, "n")?, bytes(key, "e")?);
            PublicKey::rsa(without_zeros(&modulus), without_zeros(&exponent)).map_err(Unfit::Bad)
        }
        (Some("EC"), Some("P-256")) => Ok(PublicKey::P256(point(key, 32)?)),
        (Some("EC"), Some("P-384")) => Ok(PublicKey::P384(point(key, 48)?)),
        (Some("OKP"), Some("Ed25519")) => match bytes(key, "x")? {
            x if x.len() == 32 => Ok(PublicKey::Ed25519(x)),
            _ => Err(Unfit::Bad("has an x that is not 32 bytes")),
        },
        (Some("EC" | "OKP"), _) => Err(Unfit::ForOthers("is on a curve that is not supported")),
        (Some("oct"), _) => Err(Unfit::Bad(SYMMETRIC)),
        _ => Err(Unfit::ForOthers("is of a type that is not supported")),
    }
}

/// The uncompressed point of `x` and `y`, which have all bytes of the curve (RFC 7518 §6.2.1.2).
fn point(key: &Map<String, Value>, coordinate: usize) -> Result<Vec<u8>, Unfit> {
    let (x, y) = (bytes(key, "x")?, bytes(key, "y")?);
    if x.len() != coordinate || y.len() != coordinate {
        return Err(Unfit::Bad(
            "has an x or y that is not as long as its curve wants",
        ));
    }
    Ok([&[4], x.as_slice(), &y].concat())
}

/// A number's own bytes: RFC 7518 §2 forbids zeros before them, and some issuers write one.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn bytes(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unfit> {
    let encoded = key.get(name).and_then(Value::as_str);
    encoded
        .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
        .ok_or(Unfit::Bad(
            "lacks a number of its type, or has one that is not base64url",
        ))
}

/// A member that is text where it is there at all.
fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Result<Option<&'k str>, Unfit> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unfit::Bad("has a member of the wrong type")),
    }
}

#[cfg(test)]
mod tests;
