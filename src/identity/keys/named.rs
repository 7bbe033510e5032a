//! Keys that have names, as a JWK Set has them: `kid` says which one a token was signed with.
//!
//! A `kid` is an opaque text that is compared byte for byte with those of this one set; it is no
//! path, no query, and never leads to the keys of another issuer (SECURITY.md JWT-8, JWKS-6).

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;

use super::public::PublicKey;
use super::verify_by_any;
use crate::identity::algorithm::Algorithm;
use crate::identity::refusal::Refusal;

/// The name of a published key. Cheap to clone, and one pointer wide, since every identity keeps
/// that of the key which signed its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) struct Kid(Arc<String>);

impl Kid {
    pub(in crate::identity) fn new(name: &str) -> Kid {
        Kid(Arc::new(name.to_owned()))
    }

    pub(in crate::identity) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One key with its name.
pub(super) struct NamedKey {
    kid: Option<Kid>,
    serves: Vec<Algorithm>,
    key: DecodingKey,
}

impl NamedKey {
    pub(super) fn new(kid: Option<&str>, serves: Vec<Algorithm>, key: &PublicKey) -> NamedKey {
        NamedKey {
            kid: kid.map(Kid::new),
            serves,
            key: key.decoding_key(),
        }
    }

    fn name(&self) -> Option<&str> {
        self.kid.as_ref().map(Kid::as_str)
    }

    /// Whether both have one name.
    pub(super) fn has_kid_of(&self, other: &NamedKey) -> bool {
        self.kid.is_some() && self.kid == other.kid
    }
}

/// The keys of a set that count; no two of them have one name.
pub(in crate::identity) struct NamedKeys(Vec<NamedKey>);

/// Why a token leads to no key of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::identity) enum Miss {
    /// The set has no such key; a newer one may.
    Unknown,
    /// The token names no key, and several could have signed it.
    NotNamed,
    /// The key that it names does not serve its algorithm.
    OtherAlgorithm,
}

impl NamedKeys {
    pub(super) fn new(keys: Vec<NamedKey>) -> NamedKeys {
        NamedKeys(keys)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names of all, for logs.
    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.name().unwrap_or("-"))
    }

    /// Whether one of the keys has this name.
    pub(super) fn has(&self, kid: &Kid) -> bool {
        self.0.iter().any(|key| key.kid.as_ref() == Some(kid))
    }

    /// The names of those that a later set lacks.
    pub(super) fn missing_in(&self, later: &NamedKeys) -> impl Iterator<Item = &str> {
        let names = self.0.iter().filter_map(|key| key.kid.as_ref());
        names.filter(|kid| !later.has(kid)).map(Kid::as_str)
    }

    /// The key that a token's header leads to. Without `kid` there must be exactly one for the
    /// algorithm.
    pub(in crate::identity) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<KeyForOne<'_>, Miss> {
        let serves = |key: &&NamedKey| key.serves.contains(&algorithm);
        let found = match kid {
            Some(kid) => {
                let named = self.0.iter().find(|key| key.name() == Some(kid));
                let named = named.ok_or(Miss::Unknown)?;
                Some(named).filter(serves).ok_or(Miss::OtherAlgorithm)
            }
            None => {
                let mut all = self.0.iter().filter(serves);
                match (all.next(), all.next()) {
                    (None, _) => Err(Miss::Unknown),
                    (Some(key), None) => Ok(key),
                    (Some(_), Some(_)) => Err(Miss::NotNamed),
                }
            }
        };
        found.map(|named| KeyForOne {
            key: &named.key,
            kid: named.kid.as_ref(),
            algorithm,
        })
    }
}

impl fmt::Debug for NamedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kids()).finish()
    }
}

/// A key, bound to the one algorithm that it was found for.
pub(in crate::identity) struct KeyForOne<'k> {
    key: &'k DecodingKey,
    kid: Option<&'k Kid>,
    algorithm: Algorithm,
}

impl KeyForOne<'_> {
    /// Whether it made `signature` over `signed` (`header.payload`).
    pub(in crate::identity) fn verify(&self, signed: &str, signature: &str) -> Result<(), Refusal> {
        verify_by_any([self.key], self.algorithm, signed, signature)
    }

    /// What the set calls it.
    pub(in crate::identity) fn kid(&self) -> Option<&Kid> {
        self.kid
    }
}
