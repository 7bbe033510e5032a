//! What a verified token proves.
//!
//! Only [`super::Verifier`] makes one, from a token whose signature and claims were found good;
//! a session can be made of nothing else. It never changes: a refresh makes a new one.

use std::fmt;
use std::sync::Arc;

use super::grants::{ServerSubscription, TokenGrants};
use super::keys::Kid;
use super::trust::IssuerTrust;
use crate::clock::UnixSeconds;
use crate::policy::{Claims, Grants, UserId};
use crate::protocol::Payload;

/// The user of a connection and what their token says of them. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Facts>);

/// What [`super::claims`] found in a verified token.
pub(super) struct Facts {
    pub(super) user: UserId,
    pub(super) trust: IssuerTrust,
    pub(super) claims: Claims,
    pub(super) grants: Option<Box<TokenGrants>>,
    pub(super) info: Option<Payload>,
    pub(super) expires_at: UnixSeconds,
    pub(super) issued_at: Option<UnixSeconds>,
    pub(super) token_id: Option<String>,
}

impl Identity {
    pub(super) fn new(facts: Facts) -> Identity {
        Identity(Arc::new(facts))
    }

    /// The user: `sub`, behind the `user_prefix` of the issuer if it has one.
    pub fn user(&self) -> &UserId {
        &self.0.user
    }

    /// The name of the issuer in the configuration.
    pub fn issuer(&self) -> &str {
        self.0.trust.issuer()
    }

    /// What its issuer calls the key that signed the token, where it publishes its keys.
    pub(super) fn kid(&self) -> Option<&str> {
        self.0.trust.kid.as_ref().map(Kid::as_str)
    }

    /// On what it was let in.
    pub(super) fn trust(&self) -> &IssuerTrust {
        &self.0.trust
    }

    /// All claims, defaults filled in, `sub` with its prefix.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// What the token itself grants.
    pub fn grants(&self) -> Option<&Grants> {
        self.0.grants.as_ref().map(|grants| &grants.permissions)
    }

    /// What the server subscribes the connection to, by the token; sorted by channel.
    pub fn server_subscriptions(&self) -> &[ServerSubscription] {
        let grants = self.0.grants.as_ref();
        grants.map_or(&[], |grants| &grants.subscriptions)
    }

    /// The claim `info`, which others see as `conn_info`; its text is kept as the issuer wrote it.
    pub fn info(&self) -> Option<&Payload> {
        self.0.info.as_ref()
    }

    /// When the connection's right to be here ends: `exp`, or `expire_at` where that is earlier.
    pub fn expires_at(&self) -> UnixSeconds {
        self.0.expires_at
    }

    /// When the token was issued (`iat`).
    pub fn issued_at(&self) -> Option<UnixSeconds> {
        self.0.issued_at
    }

    /// The token's `jti`, by which it can be revoked.
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }
}

/// Whose it is and until when; claims and token id stay out of logs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.0.user)
            .field("issuer", &self.issuer())
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
