//! Signs connection tokens, for development and for trying out a config by hand.
//!
//! The other side of `identity`: what it signs is meant to be verified there. It must never put a
//! key into a message, and never let the caller's claims stand in for the ones that it vouches for.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::clock::UnixSeconds;
use crate::identity::token::MAX_TOKEN_BYTES;
use crate::policy::{UserId, UserIdFault};

/// The claims that the signer writes; a caller's claims may not name them.
const REGISTERED: [&str; 6] = ["aud", "exp", "iat", "iss", "jti", "sub"];

/// The largest whole second that a JSON number carries exactly (SECURITY.md JWT-13).
const MAX_TIME: u64 = 1 << 53;

/// A private key (or a shared secret) with the names that go into each token it signs.
pub struct TokenSigner {
    issuer: String,
    audience: String,
    header: Header,
    key: EncodingKey,
}

impl TokenSigner {
    /// A signer with `key`: a private key in PEM, or for HS256/384/512 the bytes of the secret.
    pub fn new(
        algorithm: Algorithm,
        key: &[u8],
        issuer: &str,
        audience: &str,
        key_id: Option<String>,
    ) -> Result<TokenSigner, SignerFault> {
        let mut header = Header::new(algorithm);
        header.kid = key_id;
        Ok(TokenSigner {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            header,
            key: read_key(algorithm, key)?,
        })
    }

    /// Signs a token for `user` that carries `claims` and lives for `life` from `now` on.
    pub fn sign(
        &self,
        user: &str,
        claims: Map<String, Value>,
        life: Duration,
        now: UnixSeconds,
    ) -> Result<String, SignFault> {
        let user = UserId::parse(user)?;
        if let Some(name) = REGISTERED.iter().find(|name| claims.contains_key(**name)) {
            return Err(SignFault::ReservedClaim { name });
        }
        let expires = now
            .0
            .checked_add(life.as_secs())
            .filter(|expires| *expires <= MAX_TIME)
            .ok_or(SignFault::Life)?;

        let mut claims = claims;
        claims.insert("iss".into(), self.issuer.as_str().into());
        claims.insert("aud".into(), self.audience.as_str().into());
        claims.insert("sub".into(), user.as_str().into());
        claims.insert("iat".into(), now.0.into());
        claims.insert("exp".into(), expires.into());
        claims.insert("jti".into(), uuid::Uuid::new_v4().to_string().into());

        let token = jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(|source| {
            SignFault::Key {
                algorithm: self.header.alg,
                source,
            }
        })?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(SignFault::TooLong { bytes: token.len() });
        }
        Ok(token)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithm", &self.header.alg)
            .finish_non_exhaustive()
    }
}

fn read_key(algorithm: Algorithm, key: &[u8]) -> Result<EncodingKey, SignerFault> {
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => {
            let needed = shortest_secret(algorithm);
            if key.len() < needed {
                return Err(SignerFault::ShortSecret {
                    algorithm,
                    needed,
                    bytes: key.len(),
                });
            }
            return Ok(EncodingKey::from_secret(key));
        }
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(key),
        AlgorithmFamily::Ec => EncodingKey::from_ec_pem(key),
        AlgorithmFamily::Ed => EncodingKey::from_ed_pem(key),
    };
    // The parser's own message may repeat what it read, and what it read is a key.
    key.map_err(|_| SignerFault::NotAKey { algorithm })
}

/// A secret is as long as the hash (RFC 7518 §3.2; SECURITY.md JWT-7).
fn shortest_secret(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HS256 => 32,
        Algorithm::HS384 => 48,
        _ => 64,
    }
}

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum SignerFault {
    /// Not PEM, encrypted, or of another kind.
    #[error("this is no private key for {algorithm:?}: give an unencrypted key in PEM (PKCS #8)")]
    NotAKey {
        /// What it was to sign with.
        algorithm: Algorithm,
    },
    /// A secret that the door would refuse.
    #[error("a secret for {algorithm:?} has at least {needed} bytes, this one has {bytes}")]
    ShortSecret {
        /// What it was to sign with.
        algorithm: Algorithm,
        /// The length of the hash.
        needed: usize,
        /// The length that was found.
        bytes: usize,
    },
}

/// Why a token was not signed.
#[derive(Debug, Error)]
pub enum SignFault {
    /// The door would refuse its `sub`.
    #[error(transparent)]
    User(#[from] UserIdFault),
    /// The claims name what the signer vouches for.
    #[error("the claim `{name}` is written by the issuer and cannot be given")]
    ReservedClaim {
        /// Which.
        name: &'static str,
    },
    /// Beyond what a JSON number can say.
    #[error("the token would live too long: give a shorter life")]
    Life,
    /// The door would not read it.
    #[error(
        "the token would have {bytes} bytes, at most {MAX_TOKEN_BYTES} are read: give fewer claims"
    )]
    TooLong {
        /// The length that it came to.
        bytes: usize,
    },
    /// The key is of another curve or size than the algorithm wants.
    #[error("the key cannot sign with {algorithm:?}")]
    Key {
        /// What it was to sign with.
        algorithm: Algorithm,
        /// What the library says of it.
        source: jsonwebtoken::errors::Error,
    },
}

#[cfg(test)]
mod tests;
