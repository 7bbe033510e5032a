//! `revoke_token`, `invalidate_user_tokens`, `block_user` and `unblock_user`: the list first, then
//! the connections, then the disk, then the answer.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Backend, Done, Fault, read, user_of};
use crate::clock::UnixSeconds;
use crate::identity::revocations::{Marks, NotTaken, Revocation, Revoked, Until};
use crate::identity::{Door, Identity};
use crate::protocol::{Disconnect, ErrorCode};
use crate::session::Farewell;

/// How far the clock of whoever calls may be ahead.
const MAX_AHEAD: u64 = 300;
/// The end of the year 9999: what is later was given in milliseconds.
const MAX_SECONDS: u64 = 253_402_300_799;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeToken {
    uid: Option<String>,
    issuer: Option<String>,
    expire_at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvalidateUserTokens {
    user: Option<String>,
    issued_before: Option<i64>,
    expire_at: Option<i64>,
    channel: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockUser {
    user: Option<String>,
    expire_at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnblockUser {
    user: Option<String>,
}

impl Backend {
    pub(super) async fn revoke_token(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: RevokeToken = read(body)?;
        let id = request.uid.filter(|uid| !uid.is_empty());
        let id = id.ok_or_else(|| Fault::bad_request("uid: give the token's jti"))?;
        let door = self.sessions.terms().door.clone();
        let (issuer, life) = issuer_of(&door, request.issuer.as_deref())?;
        let now = self.clock.now();
        let until = match time("expire_at", request.expire_at, now)? {
            Some(end) => Until::Time(end),
            None => life.map_or(Until::Forever, |life| after(now, life)),
        };
        let revocation = Revocation::Token { issuer, id, until };
        self.revoke(&revocation, Revoked::Token.into(), now).await
    }

    pub(super) async fn invalidate_user_tokens(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: InvalidateUserTokens = read(body)?;
        if request.channel.is_some_and(|channel| !channel.is_empty()) {
            let detail = "channel: subscription tokens cannot be revoked apart; leave it out";
            return Err(Fault::bad_request(detail));
        }
        let user = user_of(request.user.as_deref())?;
        let now = self.clock.now();
        let issued_before = match number("issued_before", request.issued_before)? {
            // Tokens say when they were issued in whole seconds: those of this second count.
            None => UnixSeconds(now.0.saturating_add(1)),
            Some(cut) if cut > now.0.saturating_add(MAX_AHEAD) => {
                let detail = "issued_before is in the future: give it in seconds since 1970";
                return Err(Fault::bad_request(detail));
            }
            Some(cut) => UnixSeconds(cut),
        };
        let until = match time("expire_at", request.expire_at, now)? {
            Some(end) => Until::Time(end),
            None => longest_life(&self.sessions.terms().door)
                .map_or(Until::Forever, |life| after(issued_before.max(now), life)),
        };
        let revocation = Revocation::Tokens {
            user,
            issued_before,
            until,
        };
        self.revoke(&revocation, Revoked::Token.into(), now).await
    }

    pub(super) async fn block_user(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: BlockUser = read(body)?;
        let user = user_of(request.user.as_deref())?;
        let now = self.clock.now();
        let until = time("expire_at", request.expire_at, now)?;
        let until = until.map_or(Until::Forever, Until::Time);
        let revocation = Revocation::Block { user, until };
        self.revoke(&revocation, Revoked::User.into(), now).await
    }

    pub(super) async fn unblock_user(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: UnblockUser = read(body)?;
        let user = user_of(request.user.as_deref())?;
        let now = self.clock.now();
        let door = self.sessions.terms().door.clone();
        let was_blocked = door.revocations.blocks(&user, now);
        let revocation = Revocation::Unblock { user };
        let reason = Revoked::User.into();
        let mut done = self.revoke(&revocation, reason, now).await?;
        done.result["was_blocked"] = was_blocked.into();
        Ok(done)
    }

    async fn revoke(
        &self,
        revocation: &Revocation,
        reason: Disconnect,
        now: UnixSeconds,
    ) -> Result<Done, Fault> {
        let door = self.sessions.terms().door.clone();
        let taken = door.revocations.take(revocation, now).await;
        let taken = taken.map_err(|fault| match fault {
            NotTaken::Full => Fault::new(ErrorCode::LimitExceeded, fault),
            NotTaken::Busy => Fault::new(ErrorCode::InternalServerError, fault),
        })?;
        let farewell = Farewell::from(reason);
        let names = |identity: &Identity, _: &str| revocation.names(identity);
        let user = revocation.user();
        let ended = self.sessions.end_matching(user, &farewell, names).await;
        // Of those who stay, by a newer token of their own.
        let names = |token: Marks<'_>| revocation.names(token);
        self.sessions.end_by_token(user, names).await;
        if let Err(fault) = taken.saved().await {
            self.metrics.revocations_not_saved.inc();
            return Err(Fault::new(ErrorCode::InternalServerError, fault));
        }
        let user = user.cloned();
        Ok(Done::ended(user, ended))
    }
}

/// The issuer that a token's id belongs to: the one that is named, or the only one.
fn issuer_of(door: &Door, name: Option<&str>) -> Result<(Arc<str>, Option<Duration>), Fault> {
    let mut issuers = door.verifier.token_lives();
    let found = match name.filter(|name| !name.is_empty()) {
        Some(name) => issuers.find(|(issuer, _)| &***issuer == name),
        None => {
            let only = issuers.next();
            if issuers.next().is_some() {
                let detail = "issuer: there are several, so name the one that issued the token";
                return Err(Fault::bad_request(detail));
            }
            only
        }
    };
    let (issuer, life) = found.ok_or_else(|| {
        Fault::bad_request("issuer: give the name of an [[issuer]] of the configuration")
    })?;
    Ok((issuer.clone(), life))
}

/// The longest life of any token; `None` where some issuer's tokens have no bound.
fn longest_life(door: &Door) -> Option<Duration> {
    let lives = door.verifier.token_lives();
    lives
        .map(|(_, life)| life)
        .try_fold(Duration::ZERO, |most, life| Some(most.max(life?)))
}

fn after(time: UnixSeconds, life: Duration) -> Until {
    Until::Time(UnixSeconds(time.0.saturating_add(life.as_secs())))
}

/// A number of seconds; absent and 0 are one.
pub(super) fn number(name: &str, given: Option<i64>) -> Result<Option<u64>, Fault> {
    match given {
        None | Some(0) => Ok(None),
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds <= MAX_SECONDS => Ok(Some(seconds)),
            _ => Err(Fault::bad_request(format_args!(
                "{name} is no time: give it in seconds since 1970"
            ))),
        },
    }
}

/// A time to come.
fn time(name: &str, given: Option<i64>, now: UnixSeconds) -> Result<Option<UnixSeconds>, Fault> {
    match number(name, given)? {
        Some(seconds) if seconds <= now.0 => Err(Fault::bad_request(format_args!(
            "{name} is over: give a time to come, in seconds since 1970"
        ))),
        seconds => Ok(seconds.map(UnixSeconds)),
    }
}
