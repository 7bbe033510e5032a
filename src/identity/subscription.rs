//! The token of one subscription: for one user and one channel, verified like a connection's.
//!
//! What tells the two apart is the claim `channel`, and the `purpose` of the issuer where it has
//! one. A subscription token opens no door, and a connection's opens no channel.

use serde_json::{Map, Value};

use super::claims::{self, Times};
use super::grants::{Extras, ExtrasText};
use super::issuer::Issuer;
use super::json;
use super::keys::Kid;
use super::refusal::Refusal;
use super::trust::IssuerTrust;
use crate::clock::UnixSeconds;
use crate::policy::{ChannelName, Permissions, SubscriptionGrant, UserId};

/// What a verified subscription token proves. For whom it is has to be looked at by who asked:
/// [`VerifiedSubscription::is_for`].
#[derive(Debug)]
pub struct VerifiedSubscription {
    /// What it grants.
    pub grant: SubscriptionGrant,
    /// What it shows and tells.
    pub extras: Extras,
    /// When it has to be refreshed: `exp`, or `expire_at` where that is earlier.
    pub expires_at: UnixSeconds,
    /// Whose it is.
    pub trust: IssuerTrust,
    /// When it was issued (`iat`).
    pub issued_at: Option<UnixSeconds>,
    /// Its `jti`.
    pub token_id: Option<String>,
    /// The one connection that it is for, if it says so.
    client: Option<String>,
}

impl VerifiedSubscription {
    /// Whether it is for this user, channel and connection.
    pub fn is_for(&self, user: &UserId, channel: &ChannelName, client: &str) -> bool {
        let of_client = self.client.as_deref().is_none_or(|only| only == client);
        of_client && self.grant.user() == user && self.grant.channel() == channel
    }
}

/// Why a subscription token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionFault {
    /// As it would not be taken for a connection.
    Refused(Refusal),
    /// It is good, and names no channel: a connection's token.
    NotForSubscription,
    /// A claim has another form than it must have.
    Malformed,
}

impl SubscriptionFault {
    /// The word for logs.
    pub fn code(&self) -> &'static str {
        match self {
            SubscriptionFault::Refused(refusal) => refusal.code(),
            SubscriptionFault::NotForSubscription => "token_without_channel",
            SubscriptionFault::Malformed => "token_malformed",
        }
    }
}

impl From<Refusal> for SubscriptionFault {
    fn from(refusal: Refusal) -> SubscriptionFault {
        SubscriptionFault::Refused(refusal)
    }
}

/// Judges the claims in `payload`, the JSON of a token that `issuer` has signed, by the key of that
/// name.
pub(super) fn judge(
    payload: &[u8],
    issuer: &Issuer,
    kid: Option<Kid>,
    now: UnixSeconds,
) -> Result<VerifiedSubscription, SubscriptionFault> {
    let found = json::object(payload)?;
    let settings = &issuer.settings;
    let times = Times::read(&found)?;
    times.check(settings, now)?;
    claims::check_audience(&found, &settings.audience)?;
    claims::check_kind(&found, settings)?;
    let user = claims::user_of(&found, issuer)?;
    claims::check_required(&found, &settings.required_claims)?;
    let channel = channel_of(&found)?;
    let allow = match found.get("allow").filter(|allow| !allow.is_null()) {
        None => Permissions::default(),
        Some(allow) => Permissions::of_claim(allow).map_err(|_| SubscriptionFault::Malformed)?,
    };
    let extras = serde_json::from_slice::<ExtrasText>(payload).ok();
    let extras = extras.and_then(|text| text.extras());
    Ok(VerifiedSubscription {
        grant: SubscriptionGrant::new(user, channel, allow),
        extras: extras.ok_or(SubscriptionFault::Malformed)?,
        expires_at: times.end(),
        trust: issuer.trust_in(kid),
        issued_at: times.issued_at(),
        token_id: claims::token_id_of(&found)?,
        client: client_of(&found)?,
    })
}

fn channel_of(claims: &Map<String, Value>) -> Result<ChannelName, SubscriptionFault> {
    match claims.get("channel") {
        None => Err(SubscriptionFault::NotForSubscription),
        Some(Value::String(name)) => {
            ChannelName::parse(name).map_err(|_| SubscriptionFault::Malformed)
        }
        Some(_) => Err(SubscriptionFault::Malformed),
    }
}

/// The claim `client`, which binds a token to one connection; an empty one is none.
fn client_of(claims: &Map<String, Value>) -> Result<Option<String>, SubscriptionFault> {
    match claims.get("client") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(client)) => Ok(Some(client.clone()).filter(|client| !client.is_empty())),
        Some(_) => Err(SubscriptionFault::Malformed),
    }
}

#[cfg(test)]
mod tests;
