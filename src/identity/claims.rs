//! The claims of a token whose signature is good: judged, then turned into an identity.
//!
//! Each rule is one function that answers with one refusal. What the signature library would let
//! pass (a number as `iss`, a string as `exp`, no `aud` at all) is refused here; times are whole
//! seconds of the clock that is passed in (SECURITY.md JWT-10, JWT-12 to JWT-18).

use serde_json::{Map, Value};

use super::grants;
use super::identity::{Facts, Identity};
use super::issuer::{Audience, Issuer, IssuerSettings};
use super::json;
use super::keys::Kid;
use super::refusal::Refusal;
use crate::clock::UnixSeconds;
use crate::policy::{DeclaredClaims, Patterns, UserId};
use crate::protocol::Payload;

/// The largest whole number that a double holds exactly; no clock will show it.
const MAX_SECONDS: u64 = 1 << 53;

/// Judges the claims in `payload`, the JSON of a token that `issuer` has signed, by the key of that
/// name.
pub(super) fn judge(
    payload: &[u8],
    issuer: &Issuer,
    kid: Option<Kid>,
    declared: &DeclaredClaims,
    patterns: &Patterns,
    now: UnixSeconds,
) -> Result<Identity, Refusal> {
    let mut claims = json::object(payload)?;
    let settings = &issuer.settings;
    let times = Times::read(&claims)?;
    times.check(settings, now)?;
    check_audience(&claims, &settings.audience)?;
    if claims.contains_key("channel") {
        return Err(Refusal::TokenIsForSubscription);
    }
    check_kind(&claims, settings)?;
    let user = user_of(&claims, issuer)?;
    let token_id = token_id_of(&claims)?;
    check_required(&claims, &settings.required_claims)?;
    let grants = match settings.grants {
        true => grants::read(&claims, payload, patterns)?,
        false => None,
    };

    let info = info_of(&claims, payload);
    // Whoever reads `claims.sub` means the user, and the user has the prefix.
    claims.insert("sub".to_owned(), Value::String(user.as_str().to_owned()));
    let claims = declared
        .apply(claims)
        .map_err(|mismatch| Refusal::TokenClaimMismatch {
            reason: mismatch.to_string().into(),
        })?;
    Ok(Identity::new(Facts {
        user,
        trust: issuer.trust_in(kid),
        claims,
        grants,
        info,
        expires_at: times.end(),
        issued_at: times.issued_at(),
        token_id,
    }))
}

/// A NumericDate (RFC 7519 §2), which may lie between two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    floor: UnixSeconds,
    ceil: UnixSeconds,
}

impl Moment {
    /// The value of a member, if it is there and a number from 0 to 2^53.
    fn read(claims: &Map<String, Value>, name: &str) -> Result<Option<Moment>, Refusal> {
        match claims.get(name) {
            None => Ok(None),
            Some(value) => Moment::of(value)
                .map(Some)
                .ok_or(Refusal::TokenTimesInvalid),
        }
    }

    fn of(value: &Value) -> Option<Moment> {
        let number = value.as_number()?;
        if let Some(whole) = number.as_u64() {
            let whole = UnixSeconds(whole);
            return (whole.0 <= MAX_SECONDS).then_some(Moment {
                floor: whole,
                ceil: whole,
            });
        }
        let seconds = number.as_f64()?;
        if !(0.0..=MAX_SECONDS as f64).contains(&seconds) {
            return None;
        }
        // Both are whole and within 0 to 2^53, so the conversion is exact.
        let whole = |seconds: f64| UnixSeconds(seconds as u64);
        Some(Moment {
            floor: whole(seconds.floor()),
            ceil: whole(seconds.ceil()),
        })
    }
}

/// The times of a token, each rounded against the token where it has a fraction.
pub(super) struct Times {
    expires: UnixSeconds,
    not_before: Option<UnixSeconds>,
    issued: Option<Moment>,
    /// Centrifugo's `expire_at`: an earlier end of what the token is for.
    ends: Option<UnixSeconds>,
}

impl Times {
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Times, Refusal> {
        let expires = Moment::read(claims, "exp")?
            .ok_or(Refusal::TokenTimesInvalid)?
            .floor;
        // Zero and less mean "never expires" in Centrifugo; here `exp` holds all the same.
        let never = claims
            .get("expire_at")
            .and_then(Value::as_f64)
            .is_some_and(|end| end <= 0.0);
        let ends = if never {
            None
        } else {
            Moment::read(claims, "expire_at")?
        };
        Ok(Times {
            expires,
            not_before: Moment::read(claims, "nbf")?.map(|moment| moment.ceil),
            issued: Moment::read(claims, "iat")?,
            ends: ends.map(|moment| moment.floor),
        })
    }

    /// When the connection, or the subscription, ends: `expire_at` may shorten the life of a
    /// token, never lengthen it.
    pub(super) fn end(&self) -> UnixSeconds {
        self.ends.map_or(self.expires, |end| end.min(self.expires))
    }

    pub(super) fn issued_at(&self) -> Option<UnixSeconds> {
        self.issued.map(|issued| issued.floor)
    }

    pub(super) fn check(&self, settings: &IssuerSettings, now: UnixSeconds) -> Result<(), Refusal> {
        let latest = UnixSeconds(now.0.saturating_add(settings.leeway.as_secs()));
        if self.end() <= now {
            return Err(Refusal::TokenExpired);
        }
        if self.not_before.is_some_and(|start| start > latest) {
            return Err(Refusal::TokenNotYetValid);
        }
        match self.issued {
            Some(issued) if issued.ceil > latest => Err(Refusal::TokenIssuedInFuture),
            Some(issued) if issued.floor.until(self.expires) > settings.max_token_life => {
                Err(Refusal::TokenLivesTooLong)
            }
            None if settings.iat_required => Err(Refusal::TokenLivesTooLong),
            _ => Ok(()),
        }
    }
}

/// `aud` is a string, or a list of strings, one of which is ours (RFC 7519 §4.1.3).
pub(super) fn check_audience(
    claims: &Map<String, Value>,
    audience: &Audience,
) -> Result<(), Refusal> {
    let Audience::OneOf(ours) = audience else {
        return Ok(());
    };
    let is_ours = |name: &str| ours.iter().any(|our| our == name);
    let good = match claims.get("aud") {
        Some(Value::String(name)) => is_ours(name),
        Some(Value::Array(names)) => {
            names.iter().all(Value::is_string)
                && names.iter().filter_map(Value::as_str).any(is_ours)
        }
        _ => false,
    };
    if good {
        Ok(())
    } else {
        Err(Refusal::TokenAudienceWrong)
    }
}

/// Tokens that were made for something else than the gateway, whatever the value of the claim that
/// tells them (SECURITY.md JWT-10).
pub(super) fn check_kind(
    claims: &Map<String, Value>,
    settings: &IssuerSettings,
) -> Result<(), Refusal> {
    let has_one = |names: &[&str]| names.iter().any(|name| claims.contains_key(*name));
    if has_one(&["cnf"]) {
        return Err(Refusal::TokenNeedsProof);
    }
    if !settings.id_tokens && has_one(&["nonce", "at_hash", "c_hash"]) {
        return Err(Refusal::TokenIsIdToken);
    }
    Ok(())
}

/// The user: the prefix of the issuer, then `sub` (SECURITY.md JWT-17).
pub(super) fn user_of(claims: &Map<String, Value>, issuer: &Issuer) -> Result<UserId, Refusal> {
    let sub = claims
        .get("sub")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if sub.is_empty() {
        // Checked before the prefix is put on, which by itself is no user.
        return Err(Refusal::TokenUserUnusable);
    }
    let prefix = issuer.settings.user_prefix.as_deref().unwrap_or_default();
    let user = format!("{prefix}{sub}");
    if issuer
        .reserved_prefixes
        .iter()
        .any(|reserved| user.starts_with(reserved.as_str()))
    {
        return Err(Refusal::TokenUserReserved);
    }
    UserId::parse(&user).map_err(|_| Refusal::TokenUserUnusable)
}

/// `jti`, if there is one: a string (RFC 7519 §4.1.7), or the token could not be revoked by it.
pub(super) fn token_id_of(claims: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match claims.get("jti") {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err(Refusal::TokenMalformed),
    }
}

pub(super) fn check_required(
    claims: &Map<String, Value>,
    required: &[String],
) -> Result<(), Refusal> {
    match required
        .iter()
        .find(|name| claims.get(*name).is_none_or(Value::is_null))
    {
        None => Ok(()),
        Some(claim) => Err(Refusal::TokenClaimMissing {
            claim: claim.clone().into(),
        }),
    }
}

/// The claim `info` as text, since others are shown it as the issuer wrote it; null is none.
fn info_of(claims: &Map<String, Value>, payload: &[u8]) -> Option<Payload> {
    claims.get("info").filter(|info| !info.is_null())?;
    json::raw_member(payload, "info").map(|text| Payload::from_raw(&text))
}

#[cfg(test)]
mod tests;
