//! The keys of an issuer, each ready for one algorithm.
//!
//! A key is used with the algorithms that it fits and that the issuer lists, and with no other;
//! secrets and public keys never meet in one issuer, so that nobody can sign with a public key as
//! if it were a secret (SECURITY.md JWT-2, JWT-3, JWT-6, JWT-7, JWT-8).
//!
//! They stand in the configuration ([`KeyRing`], without names), or the issuer publishes them
//! ([`KeySet`], with names, and others tomorrow).

mod endpoint;
mod jwks;
mod live;
mod named;
mod pace;
mod public;
mod remote;
mod report;
mod search;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretSlice};

use super::algorithm::Algorithm;
use super::issuer::IssuerSettings;
use super::pem;
use super::refusal::Refusal;

pub use remote::{KeysAt, RemoteKeys};
pub use report::KeysReport;

pub(super) use live::KeySet;
pub(super) use named::{Kid, Miss};
pub(super) use public::PublicKey;

/// Bytes that are never printed and are wiped when dropped.
pub type SecretBytes = SecretSlice<u8>;

/// No token costs more signature checks than this; enough for a key, its successor and one more.
const MAX_KEYS_OF_AN_ALGORITHM: usize = 3;

/// Where the keys of an issuer come from; what stands in files is already read.
#[derive(Clone)]
pub enum KeySource {
    /// The text of a PEM file with one or more public keys.
    Pem(Vec<u8>),
    /// A shared secret, for HMAC.
    Secret(SecretBytes),
    /// A document of the issuer.
    Remote(RemoteKeys),
    /// None that could be read. The rest of the issuer can be proven, and nothing be verified.
    Unread(KeyKind),
}

/// What is known of a key that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// It is a public one.
    Public,
    /// It is a secret.
    Secret,
    /// Nothing.
    Unknown,
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file that was meant to hold public keys may hold others.
        match self {
            KeySource::Pem(_) => f.write_str("Pem([redacted])"),
            KeySource::Secret(_) => f.write_str("Secret([redacted])"),
            KeySource::Remote(remote) => remote.fmt(f),
            KeySource::Unread(kind) => write!(f, "Unread({kind:?})"),
        }
    }
}

/// A key fault: the option of the issuer that it is about, and a sentence.
pub(super) type KeyFault = (&'static str, String);

/// The keys of one issuer.
#[derive(Debug)]
pub(super) enum Keys {
    /// Those of the configuration.
    Configured(KeyRing),
    /// Those that the issuer publishes.
    Published(Arc<KeySet>),
}

impl Keys {
    /// Prepares the keys for the algorithms of the issuer's list; all faults at once.
    pub(super) fn new(settings: &IssuerSettings) -> Result<Keys, Vec<KeyFault>> {
        let algorithms = settings.algorithms.as_slice();
        let ring = match &settings.keys {
            KeySource::Pem(text) => match pem::public_keys(text) {
                Ok(keys) => KeyRing::of_public_keys(&keys, algorithms),
                Err(fault) => Err(vec![("public_key", fault)]),
            },
            KeySource::Secret(secret) => KeyRing::of_secret(secret.expose_secret(), algorithms),
            KeySource::Remote(remote) => return Keys::published(settings, remote),
            // Without faults, too: there is nothing to verify by.
            KeySource::Unread(kind) => Err(kind.faults(algorithms)),
        };
        ring.map(Keys::Configured)
    }

    /// Whether whom a key of this name let in may stay.
    pub(super) fn uphold(&self, kid: Option<&Kid>) -> bool {
        match (self, kid) {
            (Keys::Published(keys), Some(kid)) => keys.upholds(kid),
            _ => true,
        }
    }

    fn published(settings: &IssuerSettings, remote: &RemoteKeys) -> Result<Keys, Vec<KeyFault>> {
        let faults = KeyKind::Public.faults(&settings.algorithms);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Keys::Published(KeySet::new(settings, remote.clone())))
    }
}

impl KeyKind {
    /// The algorithms that no key of this kind serves.
    fn faults(self, algorithms: &[Algorithm]) -> Vec<KeyFault> {
        let fault = |algorithm: &Algorithm| match (self, algorithm.min_secret_bytes()) {
            (KeyKind::Public, Some(_)) => Some(no_key_for(*algorithm)),
            (KeyKind::Secret, None) => Some(not_by_secret(*algorithm)),
            _ => None,
        };
        let faults = algorithms.iter().filter_map(fault);
        faults.map(|text| ("algorithms", text)).collect()
    }
}

/// Keys without names, a pair for each algorithm that a key serves.
pub(super) struct KeyRing(Vec<(Algorithm, DecodingKey)>);

impl KeyRing {
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
                None => faults.push(("algorithms", not_by_secret(algorithm))),
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

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of the keys made `signature` over `signed` (`header.payload`) by `algorithm`.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        signed: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        let of_algorithm = self.0.iter().filter(|(of, _)| *of == algorithm);
        verify_by_any(
            of_algorithm.map(|(_, key)| key),
            algorithm,
            signed,
            signature,
        )
    }
}

/// Whether one of the keys made `signature` over `signed` by `algorithm`, which each of them serves.
fn verify_by_any<'k>(
    keys: impl IntoIterator<Item = &'k DecodingKey>,
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
    let library = algorithm.in_library();
    let good = keys.into_iter().any(|key| {
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, library).unwrap_or(false)
    });
    if good {
        Ok(())
    } else {
        Err(Refusal::TokenSignatureInvalid)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(algorithm, _)| algorithm))
            .finish()
    }
}

fn not_by_secret(algorithm: Algorithm) -> String {
    format!("{algorithm} needs a public key, and this issuer has a secret")
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
