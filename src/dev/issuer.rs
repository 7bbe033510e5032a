//! The toy auth service of development mode: one ES256 key, a login that asks for no password,
//! and the key set by which its tokens are verified.
//!
//! It stands before the door: a page asks it for a token and then presents that like any other.
//! It reads and writes bodies only; what belongs to HTTP (`Origin`, content type, size) is the
//! caller's. It must never be reachable from another machine.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::signer::{SignFault, TokenSigner};
use crate::clock::UnixSeconds;

/// The `iss` of every token of development mode.
pub use crate::config::DEV_ISSUER as ISSUER;

/// The `aud` of every token of development mode.
pub const AUDIENCE: &str = "gatepost";

/// How long a token from the login page lives, unless a shorter life is asked for.
const LOGIN_LIFE: u64 = 60 * 60;

/// The issuer of development mode: signs for anybody, as anybody.
#[derive(Debug)]
pub struct ToyIssuer {
    signer: TokenSigner,
    public_key_pem: String,
    jwks: String,
}

impl ToyIssuer {
    /// A new private key, in PEM.
    pub(super) fn make_key() -> Result<String, rcgen::Error> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(|key| key.serialize_pem())
    }

    /// The issuer with this private key; `None` when it is no P-256 key.
    pub(super) fn from_pem(private_key: &str) -> Option<ToyIssuer> {
        let key = KeyPair::from_pem_and_sign_algo(private_key, &PKCS_ECDSA_P256_SHA256).ok()?;
        let point = Point::read(key.public_key_raw())?;
        let kid = point.thumbprint();
        let signer = TokenSigner::new(
            Algorithm::ES256,
            private_key.as_bytes(),
            ISSUER,
            AUDIENCE,
            Some(kid.clone()),
        )
        .ok()?;
        Some(ToyIssuer {
            signer,
            public_key_pem: key.public_key_pem(),
            jwks: point.jwks(&kid),
        })
    }

    /// What signs the tokens.
    pub fn signer(&self) -> &TokenSigner {
        &self.signer
    }

    /// The public key in PEM (SubjectPublicKeyInfo), as a config would name it.
    pub fn public_key_pem(&self) -> &str {
        &self.public_key_pem
    }

    /// The body of `GET /dev/jwks.json`.
    pub fn jwks_json(&self) -> &str {
        &self.jwks
    }

    /// Answers `POST /dev/login`: takes `{"user":"alice","claims":{…}}`, gives `{"token":"…"}`. A
    /// `life` in seconds shows what happens at the end of one.
    pub fn login(&self, body: &[u8], now: UnixSeconds) -> Result<String, LoginFault> {
        let login: Login = serde_json::from_slice(body).map_err(LoginFault::Malformed)?;
        let life = login.life.unwrap_or(LOGIN_LIFE);
        if !(1..=LOGIN_LIFE).contains(&life) {
            return Err(LoginFault::Life);
        }
        let life = Duration::from_secs(life);
        let token = self.signer.sign(&login.user, login.claims, life, now)?;
        Ok(json!({ "token": token }).to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    #[serde(default)]
    claims: Map<String, Value>,
    life: Option<u64>,
}

/// Why a login got no token.
#[derive(Debug, Error)]
pub enum LoginFault {
    /// The body is not what it should be; the parser says where.
    #[error("the body must be {{\"user\":\"alice\",\"claims\":{{…}}}}: {0}")]
    Malformed(serde_json::Error),
    /// A life that no token from here has.
    #[error("`life` is a number of seconds from 1 to {LOGIN_LIFE}")]
    Life,
    /// The user or the claims cannot stand in a token.
    #[error(transparent)]
    Sign(#[from] SignFault),
}

impl LoginFault {
    /// A stable name for the answer's body.
    pub fn code(&self) -> &'static str {
        match self {
            LoginFault::Malformed(_) => "login_malformed",
            LoginFault::Life => "login_life",
            LoginFault::Sign(SignFault::User(_)) => "login_user",
            LoginFault::Sign(SignFault::Key { .. }) => "login_failed",
            LoginFault::Sign(_) => "login_claims",
        }
    }

    /// The HTTP status: whose fault it is.
    pub fn status(&self) -> u16 {
        if matches!(self, LoginFault::Sign(SignFault::Key { .. })) {
            500
        } else {
            400
        }
    }
}

/// A public key on P-256, its coordinates in base64url.
struct Point {
    x: String,
    y: String,
}

impl Point {
    /// Reads the uncompressed form of SEC 1 §2.3.3: `04 ‖ x ‖ y`.
    fn read(bytes: &[u8]) -> Option<Point> {
        let bytes: &[u8; 65] = bytes.try_into().ok()?;
        let coordinates = bytes.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at(32);
        Some(Point {
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// The key's name: its thumbprint (RFC 7638), so that a new key has a new name.
    fn thumbprint(&self) -> String {
        let canonical = format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            self.x, self.y
        );
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    fn jwks(&self, kid: &str) -> String {
        let key = json!({
            "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y,
            "kid": kid, "alg": "ES256", "use": "sig",
        });
        json!({ "keys": [key] }).to_string()
    }
}

#[cfg(test)]
mod tests;
