//! From a token to an identity.
//!
//! The order is that of cost (SECURITY.md JWT-19): size, form, header, the issuer, the list of
//! algorithms, the key that `kid` names, the signature, and only then everything that the token
//! says. Nothing of an unverified token is believed; its `iss` merely chooses whose keys are tried.
//! All of it takes the time as an argument, and is synchronous: only a token that names a key which
//! its issuer may have published a moment ago can be made to wait for it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;

use super::algorithm::Algorithm;
use super::claims;
use super::header::Header;
use super::identity::Identity;
use super::issuer::{self, Issuer, IssuerFault, IssuerSettings, Purpose};
use super::json;
use super::keys::{KeySet, Keys, KeysReport, Kid, Miss};
use super::known::KnownIssuers;
use super::refusal::Refusal;
use super::subscription::{self, SubscriptionFault, VerifiedSubscription};
use super::token::{MAX_TOKEN_BYTES, Token};
use super::trust::IssuerTrust;
use crate::clock::UnixSeconds;
use crate::policy::{DeclaredClaims, Patterns};
use crate::telemetry::Metrics;

/// The header's length in base64, before anything is decoded (SECURITY.md JWT-11).
const MAX_HEADER_BYTES: usize = 2 * 1024;
/// The claims' length in JSON; what the longest token can hold, so that no check of its own is
/// needed (SECURITY.md JWT-18).
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024;
const _: () = assert!(MAX_TOKEN_BYTES / 4 * 3 <= MAX_PAYLOAD_BYTES);

/// Verifies tokens of the configured issuers.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    declared: DeclaredClaims,
    patterns: Patterns,
}

impl Verifier {
    /// Proves the settings and prepares the keys; all faults at once.
    ///
    /// Without any issuer every token is refused.
    pub fn new(
        issuers: Vec<IssuerSettings>,
        declared: DeclaredClaims,
    ) -> Result<Verifier, Vec<IssuerFault>> {
        Ok(Verifier {
            issuers: issuer::prove(issuers, &declared)?,
            declared,
            patterns: Patterns::default(),
        })
    }

    /// Verifies a token at the time `now`. One that names an unknown key waits, for a second at
    /// most, until its issuer was asked for it; for the upgrade and for a refresh alike.
    pub async fn verify(&self, token: &Token, now: UnixSeconds) -> Result<Identity, Refusal> {
        let signed = self.signed_or_ask(token, Purpose::Connection).await?;
        self.judge(&signed.payload, signed.issuer, signed.kid, now)
    }

    /// Verifies the token of one subscription at the time `now`; it waits like the others.
    pub async fn verify_subscription(
        &self,
        token: &Token,
        now: UnixSeconds,
    ) -> Result<VerifiedSubscription, SubscriptionFault> {
        let signed = self.signed_or_ask(token, Purpose::Subscription).await?;
        subscription::judge(&signed.payload, signed.issuer, signed.kid, now)
    }

    async fn signed_or_ask(&self, token: &Token, purpose: Purpose) -> Result<Signed<'_>, Refusal> {
        let unknown = match self.signed(token, purpose) {
            Ok(signed) => return Ok(signed),
            Err(Unverified::Refused(refusal)) => return Err(refusal),
            Err(Unverified::KeyUnknown(unknown)) => unknown,
        };
        let (kid, algorithm) = (unknown.kid.as_deref(), unknown.algorithm);
        unknown.keys.look_for(kid, algorithm).await?;
        self.signed(token, purpose)
            .map_err(Unverified::into_refusal)
    }

    /// What a token says, and who signed it with a key for this purpose. It is not judged.
    fn signed(&self, token: &Token, purpose: Purpose) -> Result<Signed<'_>, Unverified> {
        let parts = Parts::split(token.expose())?;
        let header = Header::parse(&decode(parts.header)?)?;
        let payload = decode(parts.payload)?;
        let issuer = self.issuer_of(&json::untrusted_issuer(&payload)?, purpose)?;
        let settings = &issuer.settings;
        let algorithm = header.algorithm(&settings.algorithms)?;
        header.check_type(settings.required_typ.as_deref(), &settings.typ)?;
        let kid = match &issuer.keys {
            Keys::Configured(ring) => {
                ring.verify(algorithm, parts.signed, parts.signature)?;
                None
            }
            Keys::Published(keys) => match keys.current()?.find(header.kid(), algorithm) {
                Ok(key) => {
                    key.verify(parts.signed, parts.signature)?;
                    key.kid().cloned()
                }
                Err(Miss::Unknown) => {
                    return Err(Unverified::KeyUnknown(Box::new(UnknownKey {
                        keys: keys.clone(),
                        kid: header.kid().map(str::to_owned),
                        algorithm,
                    })));
                }
                Err(Miss::NotNamed) => return Err(Refusal::TokenKeyUnknown.into()),
                Err(Miss::OtherAlgorithm) => {
                    return Err(Refusal::TokenAlgorithmNotAllowed.into());
                }
            },
        };
        Ok(Signed {
            issuer,
            kid,
            payload,
        })
    }

    /// The keys of issuers that publish them. Somebody must [keep](Published::keep) each, or there
    /// are none.
    pub fn published(&self) -> impl Iterator<Item = Published> {
        self.key_sets().cloned().map(Published)
    }

    /// Takes over the keys that were fetched for an earlier configuration, from issuers that are
    /// the same in this one.
    pub fn take_over_keys(&mut self, earlier: &Verifier) {
        for issuer in &mut self.issuers {
            if let Keys::Published(keys) = &mut issuer.keys
                && let Some(same) = earlier.key_sets().find(|earlier| earlier.is_like(keys))
            {
                *keys = same.clone();
            }
        }
    }

    /// Whether the keys are there of every issuer that is required.
    pub fn has_required_keys(&self) -> bool {
        self.key_sets().all(|keys| keys.is_good_enough())
    }

    /// How the keys of each issuer are.
    pub fn keys(&self) -> impl Iterator<Item = KeysReport> {
        self.issuers.iter().map(|issuer| match &issuer.keys {
            Keys::Configured(ring) => KeysReport::configured(issuer.name.clone(), ring.len()),
            Keys::Published(keys) => keys.report(),
        })
    }

    fn key_sets(&self) -> impl Iterator<Item = &Arc<KeySet>> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Published(keys) => Some(keys),
            Keys::Configured(_) => None,
        })
    }

    /// The issuers, each with the longest that a token which exists by now can still live; `None`
    /// where nothing bounds it.
    pub fn token_lives(&self) -> impl Iterator<Item = (&Arc<str>, Option<Duration>)> {
        self.issuers.iter().map(|issuer| {
            let settings = &issuer.settings;
            // Its clock may be ahead of ours.
            let life = settings.max_token_life.saturating_add(settings.leeway);
            (&issuer.name, settings.iat_required.then_some(life))
        })
    }

    /// Makes an identity anew of the claims of a token that was verified before and is kept in a
    /// ticket: all that is judged of them is judged again.
    pub(super) fn restore(
        &self,
        issuer: &str,
        kid: Option<&str>,
        claims: &[u8],
        now: UnixSeconds,
    ) -> Result<Identity, Refusal> {
        let opens = |known: &&Issuer| known.settings.purpose.includes(Purpose::Connection);
        let mut issuers = self.issuers.iter().filter(opens);
        let issuer = issuers.find(|known| *known.name == *issuer);
        let issuer = issuer.ok_or(Refusal::TokenIssuerUnknown)?;
        self.judge(claims, issuer, kid.map(Kid::new), now)
    }

    fn judge(
        &self,
        claims: &[u8],
        issuer: &Issuer,
        kid: Option<Kid>,
        now: UnixSeconds,
    ) -> Result<Identity, Refusal> {
        claims::judge(claims, issuer, kid, &self.declared, &self.patterns, now)
    }

    /// Whether whoever has this identity would be let in again, as far as that can be known without
    /// the token: not when the issuer is gone, or other claims are kept now, or the key is gone of an
    /// issuer for whom that counts.
    pub fn stands(&self, identity: &Identity) -> bool {
        self.vouches(identity.trust())
    }

    /// Whether a subscription's token of this issuer would be taken again, as far as that can be
    /// known without it.
    pub fn vouches(&self, earlier: &IssuerTrust) -> bool {
        self.issuers.iter().any(|issuer| {
            let trust = &earlier.trust;
            (Arc::ptr_eq(&issuer.trust, trust) || issuer.trust.covers(trust))
                && issuer.keys.uphold(earlier.kid.as_ref())
        })
    }

    /// Whether an issuer of this name is configured.
    pub fn has_issuer(&self, name: &str) -> bool {
        self.issuers.iter().any(|issuer| *issuer.name == *name)
    }

    /// The issuers, for questions about claims that no key has vouched for.
    pub fn known(&self) -> KnownIssuers {
        KnownIssuers::of(self.issuers.iter().map(|issuer| &issuer.settings))
    }

    /// The name of an issuer whose `iss` this is.
    pub(super) fn name_of(&self, iss: &str) -> Option<&str> {
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|issuer| issuer.settings.issuer == iss)?;
        Some(&issuer.name)
    }

    /// The issuer whose `iss` this is, and whose keys are for this purpose.
    fn issuer_of(&self, iss: &str, purpose: Purpose) -> Result<&Issuer, Refusal> {
        let of_iss = |issuer: &&Issuer| issuer.settings.issuer == iss;
        let mut named = self.issuers.iter().filter(of_iss);
        let found = named.clone().find(|i| i.settings.purpose.includes(purpose));
        found.ok_or(match named.next() {
            Some(_) if purpose == Purpose::Connection => Refusal::TokenIsForSubscription,
            _ => Refusal::TokenIssuerUnknown,
        })
    }
}

/// What a token says whose signature is good, and who signed it.
struct Signed<'a> {
    issuer: &'a Issuer,
    kid: Option<Kid>,
    payload: Vec<u8>,
}

/// The keys that an issuer publishes. Cheap to clone.
#[derive(Clone)]
pub struct Published(Arc<KeySet>);

impl Published {
    /// Whether both are one.
    pub fn is(&self, other: &Published) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Fetches them, again and again, until it is dropped. Tells `removed` when the connections are
    /// to be looked at that a key let in which is no longer published.
    pub fn keep(
        self,
        metrics: Metrics,
        removed: Arc<Notify>,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.0.keep(metrics, removed)
    }
}

/// Why a token is not verified, perhaps only yet.
enum Unverified {
    Refused(Refusal),
    KeyUnknown(Box<UnknownKey>),
}

impl Unverified {
    fn into_refusal(self) -> Refusal {
        match self {
            Unverified::Refused(refusal) => refusal,
            Unverified::KeyUnknown(_) => Refusal::TokenKeyUnknown,
        }
    }
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Unverified {
        Unverified::Refused(refusal)
    }
}

/// A key that a token leads to, and that its issuer has not published yet as far as we know.
struct UnknownKey {
    keys: Arc<KeySet>,
    kid: Option<String>,
    algorithm: Algorithm,
}

/// The three parts of the compact form, still in base64url, and what the signature is over.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Parts<'a>, Refusal> {
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            let is_jwe = parts.len() == 5;
            return Err(if is_jwe {
                Refusal::TokenEncrypted
            } else {
                Refusal::TokenMalformed
            });
        };
        if header.len() > MAX_HEADER_BYTES {
            return Err(Refusal::TokenTooLarge);
        }
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Refusal::TokenMalformed);
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        Ok(Parts {
            header,
            payload,
            signature,
            signed,
        })
    }
}

impl Token {
    /// The JSON of its header, which nobody has judged yet.
    pub(super) fn header(&self) -> Result<Vec<u8>, Refusal> {
        decode(Parts::split(self.expose())?.header)
    }

    /// The JSON of its claims, which nobody has verified yet.
    pub(super) fn claims(&self) -> Result<Vec<u8>, Refusal> {
        decode(Parts::split(self.expose())?.payload)
    }
}

/// base64url without padding, line ends or bits left over (RFC 7515 §2, RFC 4648 §3.5).
fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::TokenMalformed)
}

#[cfg(test)]
mod tests;
