//! The signature algorithms that an issuer may list (RFC 7518 §3.1, RFC 8037).
//!
//! The names are compared as they stand: `none`, `hs256` and what else a token may claim are no
//! algorithms (SECURITY.md JWT-1, JWT-4).

use std::fmt;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of RFC 7518")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// A name in `algorithms` that is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmFault {
    /// Unsigned tokens.
    #[error("\"none\" means tokens without a signature, which anybody can make: list an algorithm")]
    Unsigned,
    /// Real algorithms that the signature library lacks.
    #[error("{0} is not supported: the library that checks signatures does not have it; use {1}")]
    NotSupported(&'static str, &'static str),
    /// Anything else.
    #[error(
        "this is not the name of a signature algorithm: use one of ES256, ES384, EdDSA, RS256, \
         RS384, RS512, PS256, PS384, PS512, HS256, HS384, HS512, in this spelling"
    )]
    Unknown,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Algorithm; 12] = [
        Algorithm::HS256,
        Algorithm::HS384,
        Algorithm::HS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];

    /// Those whose signatures a public key verifies: what an issuer that publishes its keys may use
    /// where its list is left out.
    pub const ASYMMETRIC: [Algorithm; 9] = [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];

    /// Takes a name from a configuration.
    pub fn parse(name: &str) -> Result<Algorithm, AlgorithmFault> {
        match (Algorithm::from_name(name), name) {
            (Some(algorithm), _) => Ok(algorithm),
            (None, "ES512") => Err(AlgorithmFault::NotSupported("ES512", "ES384 or ES256")),
            (None, "ES256K") => Err(AlgorithmFault::NotSupported("ES256K", "ES256")),
            (None, "Ed448") => Err(AlgorithmFault::NotSupported("Ed448", "EdDSA with Ed25519")),
            (None, name) if name.eq_ignore_ascii_case("none") => Err(AlgorithmFault::Unsigned),
            (None, _) => Err(AlgorithmFault::Unknown),
        }
    }

    /// Takes a name from a token: it is one of ours, or it is not.
    pub(super) fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }

    /// The name in a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::HS256 => "HS256",
            Algorithm::HS384 => "HS384",
            Algorithm::HS512 => "HS512",
            Algorithm::RS256 => "RS256",
            Algorithm::RS384 => "RS384",
            Algorithm::RS512 => "RS512",
            Algorithm::PS256 => "PS256",
            Algorithm::PS384 => "PS384",
            Algorithm::PS512 => "PS512",
            Algorithm::ES256 => "ES256",
            Algorithm::ES384 => "ES384",
            Algorithm::EdDSA => "EdDSA",
        }
    }

    /// The least length of a secret for an HMAC, its hash's output (RFC 7518 §3.2); nothing for
    /// an algorithm with public keys.
    pub(super) fn min_secret_bytes(self) -> Option<usize> {
        match self {
            Algorithm::HS256 => Some(32),
            Algorithm::HS384 => Some(48),
            Algorithm::HS512 => Some(64),
            _ => None,
        }
    }

    /// The one length that a signature may have, where the algorithm alone fixes it (RFC 7518
    /// §3.4: `r‖s`, so that DER is no signature).
    pub(super) fn signature_bytes(self) -> Option<usize> {
        match self {
            Algorithm::HS256 => Some(32),
            Algorithm::HS384 => Some(48),
            Algorithm::HS512 | Algorithm::ES256 | Algorithm::EdDSA => Some(64),
            Algorithm::ES384 => Some(96),
            _ => None,
        }
    }

    pub(super) fn in_library(self) -> jsonwebtoken::Algorithm {
        use jsonwebtoken::Algorithm as Library;
        match self {
            Algorithm::HS256 => Library::HS256,
            Algorithm::HS384 => Library::HS384,
            Algorithm::HS512 => Library::HS512,
            Algorithm::RS256 => Library::RS256,
            Algorithm::RS384 => Library::RS384,
            Algorithm::RS512 => Library::RS512,
            Algorithm::PS256 => Library::PS256,
            Algorithm::PS384 => Library::PS384,
            Algorithm::PS512 => Library::PS512,
            Algorithm::ES256 => Library::ES256,
            Algorithm::ES384 => Library::ES384,
            Algorithm::EdDSA => Library::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jwt_4_the_names_that_a_configuration_may_list() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Ok(algorithm));
        }
        for name in ["ES512", "ES256K", "Ed448"] {
            let fault = Algorithm::parse(name).unwrap_err();
            assert!(
                fault
                    .to_string()
                    .starts_with(&format!("{name} is not supported")),
                "{fault}"
            );
        }
        for name in ["none", "None", "nOnE"] {
            assert_eq!(Algorithm::parse(name), Err(AlgorithmFault::Unsigned));
        }
        for name in ["", "hs256", "HS256 ", "RS1", "A128KW", "dir", "eddsa"] {
            assert_eq!(Algorithm::parse(name), Err(AlgorithmFault::Unknown));
        }
    }
}
