//! What the token of a connection grants beside its claims: the permissions, and what the server
//! subscribes the connection to.
//!
//! Few tokens have any of it, and then all of it is behind one pointer.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
use super::refusal::Refusal;
use crate::policy::{ChannelName, Grants, Patterns};
use crate::protocol::Payload;

/// What a token grants.
#[derive(Debug)]
pub(super) struct TokenGrants {
    pub(super) permissions: Grants,
    pub(super) subscriptions: Box<[ServerSubscription]>,
}

/// A channel that the server subscribes the connection to, by the claim `subs` or `channels`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSubscription {
    /// Which.
    pub channel: ChannelName,
    /// Whether it is to hear of joins and leaves, where the user may see presence.
    pub join_leave: bool,
    /// What the token shows and tells beside.
    pub extras: Extras,
}

/// What a token that makes a subscription gives it, but for the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Shown to others in this channel, as `chan_info`.
    pub info: Option<Payload>,
    /// Told to the client when it is subscribed.
    pub data: Option<Payload>,
}

/// Reads the claims that grant, in the JSON of a token that has been read strictly.
pub(super) fn read(
    claims: &Map<String, Value>,
    payload: &[u8],
    patterns: &Patterns,
) -> Result<Option<Box<TokenGrants>>, Refusal> {
    let bad = |reason: String| Refusal::TokenGrantsMalformed {
        reason: reason.into(),
    };
    let granted = Grants::of(claims, patterns).map_err(|fault| bad(fault.to_string()))?;
    let Some(permissions) = granted else {
        return Ok(None);
    };
    // Their text, since what is shown and told is kept as the issuer wrote it.
    let texts = json::raw_member(payload, "subs");
    let texts = texts.and_then(|text| serde_json::from_str::<Option<Texts>>(text.get()).ok());
    let mut texts = texts.flatten().unwrap_or_default();
    let subscriptions = permissions.channels().iter().map(|granted| {
        let text = texts.remove(granted.channel.as_str()).unwrap_or_default();
        Ok(ServerSubscription {
            channel: granted.channel.clone(),
            join_leave: granted.join_leave,
            extras: text.extras().ok_or_else(|| bad(BAD_EXTRAS.to_owned()))?,
        })
    });
    let subscriptions = subscriptions.collect::<Result<_, Refusal>>()?;
    Ok(Some(Box::new(TokenGrants {
        permissions,
        subscriptions,
    })))
}

const BAD_EXTRAS: &str = "subs has a b64info or b64data that is not base64 of JSON";

type Texts = HashMap<String, ExtrasText>;

/// The members of `subs`, and of a subscription token, that are passed on. What is in base64 wins;
/// null is as if it were not there.
#[derive(Default, Deserialize)]
pub(super) struct ExtrasText {
    info: Option<Box<RawValue>>,
    b64info: Option<Value>,
    data: Option<Box<RawValue>>,
    b64data: Option<Value>,
}

impl ExtrasText {
    /// `None` when something of it is not what it must be: base64, and JSON in it, since JSON
    /// clients could not be told anything else.
    pub(super) fn extras(&self) -> Option<Extras> {
        Some(Extras {
            info: payload(self.info.as_deref(), self.b64info.as_ref())?,
            data: payload(self.data.as_deref(), self.b64data.as_ref())?,
        })
    }
}

fn payload(text: Option<&RawValue>, base64: Option<&Value>) -> Option<Option<Payload>> {
    match base64 {
        None => Some(text.map(Payload::from_raw)),
        Some(base64) => {
            let bytes = STANDARD.decode(base64.as_str()?).ok()?;
            Payload::parse(&bytes).ok().map(Some)
        }
    }
}

#[cfg(test)]
mod tests;
