//! The keys of an issuer, each ready for one algorithm.
//!
//! A key is used with the algorithms that it fits and that the issuer lists, and with no other;
//! secrets and public keys never meet in one issuer, so that nobody can sign with a public key as
//! if it were a secret (SECURITY.md JWT-2, JWT-3, JWT-6, JWT-7, JWT-8).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretSlice};

use super::algorithm::Algorithm;
use super::pem::{self, PublicKey};
use super::refusal::Refusal;

/// Bytes that are never printed and are wiped when dropped.
pub type SecretBytes = SecretSlice<u8>;

/// No token costs more signature checks than this; enough for a key, its successor and one more.
const MAX_KEYS_OF_AN_ALGORITHM: usize = 3;

/// Where the keys of an issuer come from, already read.
#[derive(Clone)]
pub enum KeySource {
    /// The text of a PEM file with one or more public keys.
    Pem(Vec<u8>),
    /// A shared secret, for HMAC.
    Secret(SecretBytes),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file that was meant to hold public keys may hold others.
        f.write_str(match self {
            KeySource::Pem(_) => "Pem([redacted])",
            KeySource::Secret(_) => "Secret([redacted])",
        })
    }
}

/// A key fault: the option of the issuer that it is about, and a sentence.
pub(super) type KeyFault = (&'static str, String);

/// The keys of one issuer, a pair for each algorithm that a key serves.
pub(super) struct KeyRing(Vec<(Algorithm, DecodingKey)>);

impl KeyRing {
    /// Prepares the keys for the algorithms of the issuer's list; all faults at once.
    pub(super) fn new(
        source: &KeySource,
        algorithms: &[Algorithm],
    ) -> Result<KeyRing, Vec<KeyFault>> {
        match source {
            KeySource::Pem(text) => match pem::public_keys(text) {
                Ok(keys) => KeyRing::of_public_keys(&keys, algorithms),
                Err(fault) => Err(vec![("public_key", fault)]),
            },
            KeySource::Secret(secret) => KeyRing::of_secret(secret.expose_secret(), algorithms),
        }
    }

    fn of_public_keys(
        keys: &[PublicKey],
        algorithms: &[Algorithm],
    ) -> Result<KeyRing, Vec<KeyFault>> {
        let mut ring = Vec::new();
        let mut faults = Vec::new();
        for &algorithm in algorithms {
            let fitting: Vec<_> = keys.iter().filter(|key| key.fits(algorithm)).collect();
            if fitting.is_empty() {
                faults.push(("algorithms", no_key_for(algorithm)));
            }
            if fitting.len() > MAX_KEYS_OF_AN_ALGORITHM {
                faults.push((
                    "public_key",
                    format!(
                        "{} keys of the file fit {algorithm}, and at most \
                         {MAX_KEYS_OF_AN_ALGORITHM} are tried: remove those that no longer sign",
                        fitting.len()
                    ),
                ));
            }
            ring.extend(
                fitting
                    .into_iter()
                    .map(|key| (algorithm, key.decoding_key())),
            );
        }
        for (number, key) in keys.iter().enumerate() {
            if !algorithms.iter().any(|algorithm| key.fits(*algorithm)) {
                faults.push((
                    "public_key",
                    format!(
                        "key {} of the file is {}, which no listed algorithm uses: list one that \
                         does, or remove the key",
                        number + 1,
                        key.kind()
                    ),
                ));
            }
        }
        if faults.is_empty() {
            Ok(KeyRing(ring))
        } else {
            Err(faults)
        }
    }

    fn of_secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<KeyRing, Vec<KeyFault>> {
        let mut ring = Vec::new();
        let mut faults = Vec::new();
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            // A public key is known to everybody: tokens signed with it as a secret are anybody's.
            faults.push((
                "secret",
                "the secret is a key in PEM format: use public_key".to_owned(),
            ));
        }
        for &algorithm in algorithms {
            match algorithm.min_secret_bytes() {
                None => faults.push((
                    "algorithms",
                    format!("{algorithm} needs a public key, and this issuer has a secret"),
                )),
                Some(least) if secret.len() < least => faults.push((
                    "secret",
                    format!(
                        "the secret has {} bytes, and {algorithm} needs at least {least}: make \
                         one with openssl rand -hex {least}",
                        secret.len()
                    ),
                )),
                Some(_) => ring.push((algorithm, DecodingKey::from_secret(secret))),
            }
        }
        if faults.is_empty() {
            Ok(KeyRing(ring))
        } else {
            Err(faults)
        }
    }

    /// Whether one of the keys made `signature` over `signed` (`header.payload`) by `algorithm`.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        signed: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        let bytes = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Refusal::TokenMalformed)?;
        if algorithm
            .signature_bytes()
            .is_some_and(|length| length != bytes.len())
        {
            return Err(Refusal::TokenSignatureInvalid);
        }
        let good = self
            .0
            .iter()
            .filter(|(of, _)| *of == algorithm)
            .any(|(_, key)| {
                let library = algorithm.in_library();
                jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, library)
                    .unwrap_or(false)
            });
        if good {
            Ok(())
        } else {
            Err(Refusal::TokenSignatureInvalid)
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(algorithm, _)| algorithm))
            .finish()
    }
}

impl PublicKey {
    fn fits(&self, algorithm: Algorithm) -> bool {
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

    fn kind(&self) -> &'static str {
        match self {
            PublicKey::Rsa { .. } => "an RSA key",
            PublicKey::P256(_) => "a P-256 key",
            PublicKey::P384(_) => "a P-384 key",
            PublicKey::Ed25519(_) => "an Ed25519 key",
        }
    }

    fn decoding_key(&self) -> DecodingKey {
        match self {
            PublicKey::Rsa { modulus, exponent } => {
                DecodingKey::from_rsa_raw_components(modulus, exponent)
            }
            PublicKey::P256(point) | PublicKey::P384(point) => DecodingKey::from_ec_der(point),
            PublicKey::Ed25519(key) => DecodingKey::from_ed_der(key),
        }
    }
}

fn no_key_for(algorithm: Algorithm) -> String {
    let needs = match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            return format!(
                "{algorithm} needs a secret, and this issuer has public keys: secrets and public \
                 keys are never mixed in one issuer"
            );
        }
        Algorithm::ES256 => "a P-256 key",
        Algorithm::ES384 => "a P-384 key",
        Algorithm::EdDSA => "an Ed25519 key",
        _ => "an RSA key",
    };
    format!("{algorithm} needs {needs}, and the file has none: add the key or take it off the list")
}

#[cfg(test)]
mod tests;
