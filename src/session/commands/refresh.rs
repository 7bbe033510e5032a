//! refresh: a newer token for the connection, on the live socket. It never widens silently: all
//! that was allowed for the older identity is decided again for the newer.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::VERSION;
use crate::clock::UnixSeconds;
use crate::identity::{Identity, Refusal, SaidSigner, Token};
use crate::limits::{REFRESH_MARGIN, REFRESHES, TTL_MAX};
use crate::protocol::{Disconnect, ErrorCode, RefreshResult};
use crate::session::again::Which;
use crate::session::client::{Client, Stop};
use crate::session::permit::Answer;
use crate::telemetry::logs;

impl Client {
    pub(in crate::session) async fn refresh(
        &mut self,
        id: u32,
        token: &SecretString,
    ) -> Result<(), Stop> {
        let now = self.together.ticks.now();
        if self.refreshes.take(&REFRESHES, now).is_err() {
            return Err(ErrorCode::TooManyRequests.into());
        }
        // Never 109, with which SDKs stop for good: who comes back is told at connect.
        let expired = Disconnect::ConnectionExpired.into();
        let identity = self.judge_token(token, "refresh", expired).await?;
        self.adopt(identity).await?;
        let result = RefreshResult {
            client: self.peer.name().to_owned(),
            version: VERSION.to_owned(),
            // Who sends a newer token can do so again.
            ttl: self.ttl(),
        };
        self.reply(id, Answer::refreshed(result));
        tracing::debug!(
            user = logs::field(self.identity.user().as_str()),
            client = self.peer.name(),
            "refreshed"
        );
        Ok(())
    }

    /// A token in a command goes through the checks of the door, and must be of the same user and
    /// issuer (LIVE-2).
    pub(in crate::session) async fn judge_token(
        &self,
        token: &SecretString,
        command: &'static str,
        expired: Stop,
    ) -> Result<Identity, Stop> {
        let now = self.node.clock.now();
        let door = self.node.terms.load().door.clone();
        let verified = match Token::parse(token.expose_secret()) {
            // In a box: few bring a token, and the task of every connection would have the room.
            Ok(token) => Box::pin(door.verify(&token, now)).await,
            Err(refusal) => Err(refusal),
        };
        match verified {
            Ok(identity) if self.is_same_user(&identity) => Ok(identity),
            Ok(_) => Err(self.refuse_token(command, "another_user", token)),
            Err(Refusal::TokenExpired) => Err(expired),
            Err(Refusal::TokenRevoked) => Err(Disconnect::TokenRevoked.into()),
            Err(Refusal::UserBlocked) => Err(Disconnect::UserBlocked.into()),
            // The fault is not the token's: the client may come with it again.
            Err(refusal) if refusal.is_passing() => Err(ErrorCode::InternalServerError.into()),
            Err(refusal) => Err(self.refuse_token(command, refusal.code(), token)),
        }
    }

    fn is_same_user(&self, other: &Identity) -> bool {
        other.user() == self.identity.user() && other.issuer() == self.identity.issuer()
    }

    fn refuse_token(
        &self,
        command: &'static str,
        reason: &'static str,
        token: &SecretString,
    ) -> Stop {
        if let Some(left_out) = self.node.lines.admit("token in a command refused") {
            let signer = self.said_signer(token);
            tracing::warn!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                command,
                reason,
                issuer = signer.issuer.as_deref().map(logs::field),
                kid = signer.kid.as_deref().map(logs::field),
                left_out,
                "token in a command refused"
            );
        }
        Disconnect::InvalidToken.into()
    }

    /// Who signed a token, as it says itself; for the log line of its refusal.
    pub(super) fn said_signer(&self, token: &SecretString) -> SaidSigner {
        let terms = self.node.terms.load();
        match Token::parse(token.expose_secret()) {
            Ok(token) => SaidSigner::of(&token, &terms.door.verifier),
            Err(_) => SaidSigner::default(),
        }
    }

    /// The newer identity is the connection's from now on, in all that it hears and does.
    async fn adopt(&mut self, identity: Identity) -> Result<(), Stop> {
        let had = self.server_side();
        self.take_identity(identity)?;
        self.leave_server_side().await;
        self.decide_again(Which::Stale).await;
        self.follow_server_side(&had).await;
        Ok(())
    }

    /// Seconds until the client is to bring a newer token.
    pub(in crate::session) fn ttl(&self) -> NonZeroU32 {
        let identity = &self.identity;
        ttl(
            identity.issued_at(),
            identity.expires_at(),
            self.node.clock.now(),
        )
    }
}

/// When a token is to be replaced: before its end, since SDKs ask exactly then; by 30 s, or by a
/// tenth of its life where that is less. Never 0, with which some would ask in a tight loop.
pub(super) fn ttl(issued: Option<UnixSeconds>, ends: UnixSeconds, now: UnixSeconds) -> NonZeroU32 {
    let life = issued.unwrap_or(now).until(ends);
    let margin = (life / 10).min(REFRESH_MARGIN);
    let left: Duration = now.until(ends).saturating_sub(margin).min(TTL_MAX);
    u32::try_from(left.as_secs())
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_token_is_asked_for_before_the_end_of_the_old() {
        let now = UnixSeconds(1_000_000);
        let ttl = |age: u64, left: u64| {
            let issued = Some(UnixSeconds(now.0 - age));
            ttl(issued, UnixSeconds(now.0 + left), now).get()
        };
        assert_eq!(ttl(0, 900), 870, "30 s before");
        assert_eq!(ttl(800, 100), 70, "however old it is");
        assert_eq!(ttl(0, 100), 90, "a tenth of its life before");
        assert_eq!(ttl(50, 50), 40);
        assert_eq!(ttl(0, 15), 13, "whole seconds, none too late");
        assert_eq!(ttl(0, 1), 1, "never at once");
        assert_eq!(ttl(890, 10), 1);
        assert_eq!(ttl(0, u64::from(u32::MAX) * 3), 365 * 24 * 3600);
        let without_iat = super::ttl(None, UnixSeconds(now.0 + 100), now);
        assert_eq!(without_iat.get(), 90);
    }
}
