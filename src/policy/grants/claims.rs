//! From the claims of a verified token to [`Grants`], or to the one thing that is wrong with them.
//!
//! Members that are not known are faults too: one that narrows a grant, and is not understood,
//! would widen it.

use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::caps::{Cap, Channels};
use super::patterns::Patterns;
use super::{GrantedChannel, Grants, Permissions};
use crate::policy::{ChannelName, Permission};

/// Regular expressions in one token.
const MAX_PATTERNS: usize = 16;

/// What is wrong with the claims that grant. Nothing of the token is in it but numbers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place} {problem}")]
pub struct GrantFault {
    /// `caps[1].channels[0]`
    place: String,
    problem: &'static str,
}

fn fault<T>(place: impl Into<String>, problem: &'static str) -> Result<T, GrantFault> {
    Err(GrantFault {
        place: place.into(),
        problem,
    })
}

impl Grants {
    /// The claims by which a token grants something.
    pub const CLAIMS: [&str; 3] = ["channels", "subs", "caps"];

    /// What the claims of a token grant; `None` when they grant nothing. Where `subs` is there,
    /// `channels` is not looked at, but for its form.
    pub fn of(
        claims: &Map<String, Value>,
        patterns: &Patterns,
    ) -> Result<Option<Grants>, GrantFault> {
        let claim = |name: &str| claims.get(name).filter(|value| !value.is_null());
        let listed = claim("channels").map(read_channels).transpose()?;
        let subs = claim("subs").map(read_subs).transpose()?;
        let caps = claim("caps").map(|caps| read_caps(caps, patterns));
        let caps = caps.transpose()?.unwrap_or_default();
        let name = if subs.is_some() {
            "token.subs"
        } else {
            "token.channels"
        };
        let mut channels = subs.or(listed).unwrap_or_default();
        if channels.is_empty() && caps.is_empty() {
            return Ok(None);
        }
        channels.sort_by(|a, b| a.channel.cmp(&b.channel));
        channels.dedup_by(|a, b| a.channel == b.channel);
        Ok(Some(Grants {
            channels: channels.into(),
            name: Arc::from(name),
            caps: caps.into(),
        }))
    }
}

impl Permissions {
    /// Reads a list of `sub`, `pub`, `prs` and `hst`.
    pub fn of_claim(value: &Value) -> Result<Permissions, GrantFault> {
        read_allow("allow", value)
    }
}

fn read_allow(place: &str, value: &Value) -> Result<Permissions, GrantFault> {
    let mut all = Permissions::default();
    for word in list(place, value)? {
        let permission = match word.as_str() {
            Some("sub") => Permission::Subscribe,
            Some("pub") => Permission::Publish,
            Some("prs") => Permission::Presence,
            Some("hst") => Permission::History,
            _ => return fault(place, "has a word that is none of sub, pub, prs and hst"),
        };
        all = all.with(permission);
    }
    Ok(all)
}

fn list<'a>(place: &str, value: &'a Value) -> Result<&'a Vec<Value>, GrantFault> {
    match value {
        Value::Array(items) => Ok(items),
        _ => fault(place, "must be a list"),
    }
}

fn read_channels(value: &Value) -> Result<Vec<GrantedChannel>, GrantFault> {
    let items = list("channels", value)?.iter().enumerate();
    let channels = items.map(|(index, item)| {
        Ok(GrantedChannel {
            channel: channel(&format!("channels[{index}]"), item)?,
            join_leave: false,
        })
    });
    channels.collect()
}

fn channel(place: &str, value: &Value) -> Result<ChannelName, GrantFault> {
    match value.as_str().map(ChannelName::parse) {
        Some(Ok(channel)) => Ok(channel),
        Some(Err(_)) => fault(place, "is no channel name, or not in its one form"),
        None => fault(place, "must be a string"),
    }
}

/// The names of the options of a channel in `subs`.
const OPTIONS: [&str; 5] = ["info", "b64info", "data", "b64data", "override"];
/// The names of what `override` may override.
const OVERRIDES: [&str; 5] = [
    "presence",
    "join_leave",
    "force_push_join_leave",
    "force_positioning",
    "force_recovery",
];

fn read_subs(value: &Value) -> Result<Vec<GrantedChannel>, GrantFault> {
    let Value::Object(subs) = value else {
        return fault("subs", "must be an object of channels and their options");
    };
    let channels = subs.iter().map(|(name, options)| {
        let Ok(channel) = ChannelName::parse(name) else {
            let problem = "has a name that is no channel name, or not in its one form";
            return fault("subs", problem);
        };
        let options = match options {
            Value::Object(options) => options,
            _ => return fault("subs", "has a channel whose options are no object"),
        };
        if options.keys().any(|name| !OPTIONS.contains(&&**name)) {
            return fault("subs", "has a channel with an option that there is not");
        }
        let overridden = options.get("override").filter(|value| !value.is_null());
        Ok(GrantedChannel {
            channel,
            join_leave: overridden.map_or(Ok(false), read_override)?,
        })
    });
    channels.collect()
}

/// Whether joins and leaves are pushed. The other overrides can be what they are anyhow: what a
/// room has not, no token switches on, and nobody is hidden from those who may see presence.
fn read_override(value: &Value) -> Result<bool, GrantFault> {
    let Value::Object(overridden) = value else {
        return fault("subs", "has an override that is no object");
    };
    let mut join_leave = false;
    for (name, value) in overridden {
        let value = value.get("value").and_then(Value::as_bool);
        match (name.as_str(), value) {
            ("force_push_join_leave", Some(value)) => join_leave = value,
            ("presence" | "join_leave", Some(false)) => {
                let problem = "overrides presence or join_leave with false, which is not available";
                return fault("subs", problem);
            }
            (name, Some(_)) if OVERRIDES.contains(&name) => {}
            (_, Some(_)) => return fault("subs", "has an override that there is not"),
            (_, None) => return fault("subs", "has an override without a value of true or false"),
        }
    }
    Ok(join_leave)
}

fn read_caps(value: &Value, patterns: &Patterns) -> Result<Vec<Cap>, GrantFault> {
    let mut left = MAX_PATTERNS;
    let mut caps = Vec::new();
    for (index, item) in list("caps", value)?.iter().enumerate() {
        let place = format!("caps[{index}]");
        let Value::Object(members) = item else {
            return fault(place, "must be an object with channels and allow");
        };
        let known = ["channels", "match", "allow"];
        if members.keys().any(|name| !known.contains(&&**name)) {
            return fault(place, "has a member that there is not");
        }
        let allow = format!("{place}.allow");
        let allow = read_allow(&allow, members.get("allow").unwrap_or(&Value::Null))?;
        let channels = read_matched(&place, members, patterns, &mut left)?;
        caps.push(Cap::new(index, channels, allow));
    }
    Ok(caps)
}

fn read_matched(
    place: &str,
    members: &Map<String, Value>,
    patterns: &Patterns,
    left: &mut usize,
) -> Result<Channels, GrantFault> {
    let items = members.get("channels").unwrap_or(&Value::Null);
    let items = list(&format!("{place}.channels"), items)?
        .iter()
        .enumerate()
        .map(|(index, item)| (format!("{place}.channels[{index}]"), item));
    let text = |place: &str, item: &Value| match item.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => fault(place, "must be a string"),
    };
    Ok(match members.get("match").map(Value::as_str) {
        None => Channels::Exact(
            items
                .map(|(place, item)| channel(&place, item))
                .collect::<Result<_, _>>()?,
        ),
        Some(Some("wildcard")) => Channels::Wildcard(
            items
                .map(|(place, item)| wildcard(&place, &text(&place, item)?))
                .collect::<Result<_, _>>()?,
        ),
        Some(Some("regex")) => Channels::Regex(
            items
                .map(|(place, item)| {
                    let text = text(&place, item)?;
                    if *left == 0 {
                        return fault(place, "is one regular expression more than may be");
                    }
                    *left -= 1;
                    let pattern = patterns.get(&text);
                    pattern.map_or_else(
                        || fault(place, "is no regular expression that can be used"),
                        Ok,
                    )
                })
                .collect::<Result<_, _>>()?,
        ),
        Some(_) => {
            let place = format!("{place}.match");
            return fault(place, "is neither wildcard nor regex");
        }
    })
}

fn wildcard(place: &str, text: &str) -> Result<Box<str>, GrantFault> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > ChannelName::MAX_BYTES || !printable {
        return fault(place, "could never be part of a channel name");
    }
    Ok(text.into())
}
