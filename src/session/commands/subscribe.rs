//! subscribe: hear a channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::policy::SubscriptionGrant;
use crate::protocol::{ErrorCode, SubscribeRequest, SubscribeResult};
use crate::session::client::{Client, Stop, bad_request, parse_channel};
use crate::session::given::Origin;
use crate::session::permit::{Allowed, ToSeePresence, ToSubscribe};
use crate::session::rates::SESSION_SHARE;
use crate::session::subscription::Subscription;

impl Client {
    pub(in crate::session) async fn subscribe(
        &mut self,
        id: u32,
        request: SubscribeRequest,
    ) -> Result<(), Stop> {
        let channel = parse_channel(&request.channel)?;
        if self.subscriptions.get(&channel).is_some() {
            return Err(ErrorCode::AlreadySubscribed.into());
        }
        if request.kind != 0 {
            return Err(ErrorCode::NotAvailable.into());
        }
        if request.has_tag_filter {
            return Err(bad_request("bad request: tag filters are not supported"));
        }
        self.refuse_in_grace()?;
        let token = match &request.token {
            // In a box, since few subscriptions have a token.
            Some(token) => Some(Box::pin(self.judge_subscription(token, &channel)).await?),
            None => None,
        };
        let grant = token.as_ref().map(|token| &token.grant);
        let permit = self.permit_by::<ToSubscribe>(channel, grant)?;
        let presence = self.hears_presence(&permit, request.join_leave, grant);
        let result = SubscribeResult {
            ttl: token.as_ref().map(|token| self.ttl_of(token)),
            data: token.as_ref().and_then(|token| token.extras.data.clone()),
            was_recovering: request.recover,
        };
        let origin = Origin::client_side(token);
        self.enter(&permit, presence.as_ref(), origin).await?;
        self.reply(id, permit.answer(result));
        self.open(&permit).await;
        Ok(())
    }

    /// The permit to hear of joins and leaves, where that is wished for and there are any.
    pub(in crate::session) fn hears_presence(
        &self,
        permit: &Allowed<ToSubscribe>,
        wished: bool,
        grant: Option<&SubscriptionGrant>,
    ) -> Option<Allowed<ToSeePresence>> {
        let asked = wished && permit.features().join_leave;
        asked
            .then(|| self.permit_by(permit.channel().clone(), grant).ok())
            .flatten()
    }

    /// Makes the subscription, with joins and leaves for who may see presence; what it hears waits
    /// until [`Client::open`].
    pub(in crate::session) async fn enter(
        &mut self,
        permit: &Allowed<ToSubscribe>,
        presence: Option<&Allowed<ToSeePresence>>,
        origin: Origin,
    ) -> Result<(), Stop> {
        self.count_channel()?;
        let channel = permit.channel();
        let standing = presence.map_or(permit.standing(), |presence| {
            permit.standing().and(presence.standing())
        });
        let subscription = Arc::new(Subscription::new(
            self.peer.clone(),
            channel.clone(),
            presence.is_some(),
            standing,
            origin,
        ));
        self.subscriptions.insert(subscription.clone());
        self.peer.by_token.add(&subscription);
        let entered = match subscription.is_revoked(&self.node.terms.load(), self.node.clock.now())
        {
            // Meanwhile: a revocation finds it from here on, or was found.
            true => Err(ErrorCode::TokenExpired.into()),
            false => self
                .node
                .engine
                .subscribe(channel, subscription.clone())
                .await
                .map_err(Stop::from),
        };
        if entered.is_err() {
            self.subscriptions.remove(channel);
            self.peer.by_token.remove(&subscription);
            self.together.channels.fetch_sub(1, Ordering::Relaxed);
        }
        entered
    }

    /// The reply is queued: lets through what waited, and tells the others who came.
    pub(in crate::session) async fn open(&mut self, permit: &Allowed<ToSubscribe>) {
        let Some(subscription) = self.subscriptions.get(permit.channel()) else {
            return;
        };
        subscription.open();
        let shown = subscription.shown();
        if permit.features().join_leave
            && let Err(error) = self.node.engine.join(permit.channel(), shown).await
        {
            tracing::warn!(%error, "join not told");
        }
    }

    /// Takes a place among the connection's channels and among the session's (CHAN-9).
    fn count_channel(&self) -> Result<(), Stop> {
        let most = self.node.terms.load().settings.max_channels;
        if self.subscriptions.len() >= most {
            return Err(ErrorCode::LimitExceeded.into());
        }
        let take = |count: usize| {
            (count < most.saturating_mul(SESSION_SHARE as usize)).then_some(count + 1)
        };
        self.together
            .channels
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| ErrorCode::LimitExceeded)?;
        Ok(())
    }
}
