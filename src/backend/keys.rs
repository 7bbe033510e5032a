//! API keys: who may use the server API (SECURITY.md ADMIN-1).

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::identity::SecretBytes;

/// The shortest key; as a secret for HS256.
const MIN_BYTES: usize = 32;
/// The longest: it has to fit a header.
const MAX_BYTES: usize = 1024;

/// The keys of a node, hashed. Several, so that one can be replaced while the old is still in use.
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<[u8; 32]>);

/// Why a text is no API key. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyFault {
    /// It could be guessed, or it does not fit a header.
    #[error("an API key has {MIN_BYTES} to {MAX_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// It could not be sent in a header.
    #[error("an API key is printable ASCII without spaces")]
    NotPrintable,
}

impl ApiKeys {
    /// Adds a key.
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, key: &SecretBytes) -> Result<(), ApiKeyFault> {
        let key = key.expose_secret();
        if !(MIN_BYTES..=MAX_BYTES).contains(&key.len()) {
            return Err(ApiKeyFault::Length(key.len()));
        }
        if !key.iter().all(u8::is_ascii_graphic) {
            return Err(ApiKeyFault::NotPrintable);
        }
        self.0.push(Sha256::digest(key).into());
        Ok(())
    }

    /// Whether there is none: the server API is closed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is one of them. How long it takes tells neither how much of it is right nor
    /// how long the keys are (CWE-208).
    pub fn accept(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        let hits = self.0.iter().map(|key| key.ct_eq(&presented));
        hits.fold(Choice::from(0), |found, hit| found | hit).into()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({})", self.len())
    }
}

/// The keys in force: a configuration that is read again puts its own in their place, so that one
/// that leaked opens nothing any more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeysInForce(Arc<ArcSwap<ApiKeys>>);

impl KeysInForce {
    /// These, until others take their place.
    pub fn new(keys: ApiKeys) -> KeysInForce {
        KeysInForce(Arc::new(ArcSwap::from_pointee(keys)))
    }

    /// From now on these, and no others.
    pub fn replace(&self, keys: ApiKeys) {
        self.0.store(Arc::new(keys));
    }

    /// Those of this moment.
    pub fn load(&self) -> Arc<ApiKeys> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(all: &[&str]) -> ApiKeys {
        let mut keys = ApiKeys::default();
        for key in all {
            keys.add(&SecretBytes::from(key.as_bytes().to_vec()))
                .unwrap();
        }
        keys
    }

    const OLD: &str = "an-old-key-of-more-than-32-bytes-0123456789";
    const NEW: &str = "a-new-key-of-more-than-32-bytes-9876543210!";

    #[test]
    fn admin_1_each_of_several_keys_is_good_and_nothing_else() {
        let keys = keys(&[OLD, NEW]);
        for good in [OLD, NEW] {
            assert!(keys.accept(good.as_bytes()));
        }
        let longer = format!("{OLD}0");
        let (both, upper) = (format!("{OLD}{NEW}"), OLD.to_uppercase());
        for bad in [
            "",
            &OLD[..32],
            &OLD[..OLD.len() - 1],
            &longer,
            &both,
            &upper,
        ] {
            assert!(!keys.accept(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn admin_1_without_keys_nothing_is_good() {
        assert!(!ApiKeys::default().accept(b""));
        assert!(!ApiKeys::default().accept(OLD.as_bytes()));
    }

    #[test]
    fn admin_1_a_short_key_is_refused_and_never_shown() {
        let mut keys = ApiKeys::default();
        let add =
            |keys: &mut ApiKeys, key: &str| keys.add(&SecretBytes::from(key.as_bytes().to_vec()));
        let short = "hunter2-hunter2-hunter2-hunter2";
        let fault = add(&mut keys, short).unwrap_err();
        assert_eq!(fault, ApiKeyFault::Length(31));
        assert!(!fault.to_string().contains("hunter2"));
        let spaced = "hunter2 hunter2 hunter2 hunter2 hunter2";
        assert_eq!(add(&mut keys, spaced), Err(ApiKeyFault::NotPrintable));
        assert_eq!(
            add(&mut keys, &"k".repeat(1025)),
            Err(ApiKeyFault::Length(1025))
        );
        assert!(keys.is_empty());
        add(&mut keys, NEW).unwrap();
        assert_eq!(format!("{keys:?}"), "ApiKeys(1)");
    }
}
