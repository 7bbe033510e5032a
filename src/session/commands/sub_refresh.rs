//! Tokens of single subscriptions: the one that comes with subscribe, the newer one that comes with
//! sub_refresh, and the end of a subscription whose token was not followed by another.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::refresh::ttl;
use crate::identity::{Refusal, SubscriptionFault, Token, VerifiedSubscription};
use crate::policy::ChannelName;
use crate::protocol::{Disconnect, ErrorCode, UnsubscribeCode};
use crate::session::again::Which;
use crate::session::client::{Client, Stop, bad_request, parse_channel};
use crate::session::given::Given;
use crate::session::permit::Answer;
use crate::telemetry::logs;

/// What becomes of a subscription token that is not taken.
enum NotTaken {
    /// It is over, or was taken back: the client is to come with a newer one.
    Expired,
    /// It is good, but not for this user, channel and connection.
    NotTheirs,
    Bad,
    /// The fault is not the token's.
    Passing,
}

impl Client {
    pub(in crate::session) async fn sub_refresh(
        &mut self,
        id: u32,
        channel: &str,
        token: Option<SecretString>,
    ) -> Result<(), Stop> {
        let channel = parse_channel(channel)?;
        let Some(subscription) = self.subscriptions.get(&channel).cloned() else {
            return Err(ErrorCode::PermissionDenied.into());
        };
        if subscription
            .given()
            .is_none_or(|given| given.token.is_none())
        {
            return Err(Disconnect::BadRequest.into());
        }
        let token = token.ok_or_else(|| bad_request("bad request: sub_refresh without a token"))?;
        let verified = match self.verify_subscription(&token, &channel).await {
            Ok(verified) => verified,
            // Never 109, with which SDKs give the subscription up: it is taken away with a code
            // that has them subscribe again, and there 109 has them get a newer token.
            Err(NotTaken::Expired) => {
                self.reply(id, Answer::sub_refreshed(None));
                self.withdraw(&channel, UnsubscribeCode::SubscriptionExpired)
                    .await;
                return Ok(());
            }
            Err(NotTaken::Passing) => return Err(ErrorCode::InternalServerError.into()),
            Err(NotTaken::NotTheirs | NotTaken::Bad) => {
                return Err(Disconnect::InvalidToken.into());
            }
        };
        let ttl = self.ttl_of(&verified);
        // Decided again by the newer token, and by what else is true now: also that it was revoked
        // meanwhile, which from here on is the revocation's to see.
        subscription.doubt();
        subscription.give(Some(Given::by(verified)));
        self.reply(id, Answer::sub_refreshed(Some(ttl)));
        self.decide_again(Which::Stale).await;
        Ok(())
    }

    /// The token that came with subscribe, found good for this user, channel and connection.
    pub(in crate::session) async fn judge_subscription(
        &self,
        token: &SecretString,
        channel: &ChannelName,
    ) -> Result<VerifiedSubscription, Stop> {
        if self.node.terms.load().policy.features(channel).is_none() {
            return Err(ErrorCode::UnknownChannel.into());
        }
        let verified = self.verify_subscription(token, channel).await;
        verified.map_err(|not_taken| match not_taken {
            NotTaken::Expired => ErrorCode::TokenExpired.into(),
            NotTaken::NotTheirs => Disconnect::InvalidToken.into(),
            NotTaken::Bad => ErrorCode::PermissionDenied.into(),
            NotTaken::Passing => ErrorCode::InternalServerError.into(),
        })
    }

    async fn verify_subscription(
        &self,
        token: &SecretString,
        channel: &ChannelName,
    ) -> Result<VerifiedSubscription, NotTaken> {
        let now = self.node.clock.now();
        let door = self.node.terms.load().door.clone();
        let verified = match Token::parse(token.expose_secret()) {
            Ok(token) => door.verifier.verify_subscription(&token, now).await,
            Err(refusal) => Err(refusal.into()),
        };
        let (not_taken, reason) = match verified {
            Ok(verified) if !verified.is_for(self.identity.user(), channel, self.peer.name()) => {
                (NotTaken::NotTheirs, "not_for_them")
            }
            Ok(verified) => match door.revocations.check(&verified, now) {
                Ok(()) => return Ok(verified),
                Err(_) => (NotTaken::Expired, "token_revoked"),
            },
            Err(SubscriptionFault::Refused(Refusal::TokenExpired)) => {
                return Err(NotTaken::Expired);
            }
            Err(SubscriptionFault::Refused(refusal)) if refusal.is_passing() => {
                return Err(NotTaken::Passing);
            }
            Err(fault) => (NotTaken::Bad, fault.code()),
        };
        self.log_bad_subscription_token(channel, reason, token);
        Err(not_taken)
    }

    fn log_bad_subscription_token(
        &self,
        channel: &ChannelName,
        reason: &'static str,
        token: &SecretString,
    ) {
        if let Some(left_out) = self.node.lines.admit("subscription token refused") {
            let signer = self.said_signer(token);
            tracing::warn!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                channel = logs::field(channel.as_str()),
                reason,
                issuer = signer.issuer.as_deref().map(logs::field),
                kid = signer.kid.as_deref().map(logs::field),
                left_out,
                "subscription token refused"
            );
        }
    }

    /// Seconds until the client is to bring a newer token for the subscription.
    pub(in crate::session) fn ttl_of(&self, token: &VerifiedSubscription) -> NonZeroU32 {
        ttl(token.issued_at, token.expires_at, self.node.clock.now())
    }

    /// Ends the subscriptions whose tokens have expired, the grace included; they may be made anew.
    pub(in crate::session) async fn end_expired_subscriptions(&mut self) {
        let expired: Vec<ChannelName> = self
            .token_ends()
            .filter(|(_, ends_in)| ends_in.is_zero())
            .map(|(channel, _)| channel.clone())
            .collect();
        for channel in expired {
            self.withdraw(&channel, UnsubscribeCode::SubscriptionExpired)
                .await;
        }
    }

    /// How long until the first subscription has to end, unless a newer token comes for it.
    pub(in crate::session) fn subscriptions_end_in(&self) -> Option<Duration> {
        self.token_ends().map(|(_, ends_in)| ends_in).min()
    }

    fn token_ends(&self) -> impl Iterator<Item = (&ChannelName, Duration)> {
        let now = self.node.clock.now();
        self.subscriptions.iter().filter_map(move |subscription| {
            let given = subscription.given()?;
            Some((subscription.channel(), given.token.as_ref()?.ends_in(now)))
        })
    }
}
