//! A public key, measured before it is trusted.
//!
//! Whatever a key was written in, it becomes one of these here or not at all: the signature library
//! knows neither the exponent nor the curve of what it is given until the first token comes
//! (SECURITY.md JWT-6).

use jsonwebtoken::DecodingKey;

use crate::identity::algorithm::Algorithm;

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) enum PublicKey {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// The uncompressed point.
    P256(Vec<u8>),
    /// The uncompressed point.
    P384(Vec<u8>),
    /// The 32 bytes of RFC 8032.
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// An RSA key of these numbers, big-endian without leading zeros; the error completes "the
    /// key …".
    pub(in crate::identity) fn rsa(
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<PublicKey, &'static str> {
        let first = modulus.first().map_or(0, |first| first.leading_zeros());
        let bits = (modulus.len() * 8).saturating_sub(first as usize);
        if !(2048..=8192).contains(&bits) {
            return Err("has an RSA modulus of less than 2048 or more than 8192 bits");
        }
        // At most 33 bits, or the signature library refuses it; that is more than anybody uses.
        let value = exponent
            .iter()
            .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        if exponent.len() > 5 || !(65537..1 << 33).contains(&value) || value % 2 == 0 {
            return Err(
                "has an RSA exponent that is even, below 65537 or above 33 bits: use 65537",
            );
        }
        Ok(PublicKey::Rsa {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        })
    }

    /// Whether the key can be used with the algorithm.
    pub(in crate::identity) fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        match self {
            PublicKey::Rsa { .. } => {
                matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
            }
            PublicKey::P256(_) => algorithm == ES256,
            PublicKey::P384(_) => algorithm == ES384,
            PublicKey::Ed25519(_) => algorithm == EdDSA,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            PublicKey::Rsa { .. } => "an RSA key",
            PublicKey::P256(_) => "a P-256 key",
            PublicKey::P384(_) => "a P-384 key",
            PublicKey::Ed25519(_) => "an Ed25519 key",
        }
    }

    /// The key as the signature library takes it.
    pub(super) fn decoding_key(&self) -> DecodingKey {
        match self {
            PublicKey::Rsa { modulus, exponent } => {
                DecodingKey::from_rsa_raw_components(modulus, exponent)
            }
            PublicKey::P256(point) | PublicKey::P384(point) => DecodingKey::from_ec_der(point),
            PublicKey::Ed25519(key) => DecodingKey::from_ed_der(key),
        }
    }
}
