//! The channels that the server subscribes a connection to by itself: those of its token, and the
//! user's personal one. Each is decided like any other; what is denied is left out. They follow the
//! token: a newer one may name others.

use crate::identity::{Extras, ServerSubscription};
use crate::policy::{ChannelName, Permission};
use crate::protocol::{Disconnect, ErrorCode, Message, Push, SubscribeResult, UnsubscribeCode};
use crate::session::client::{Client, Stop};
use crate::session::given::{Given, Origin};
use crate::session::permit::{Allowed, ToSubscribe};
use crate::telemetry::logs;

/// A subscription that the server made; what it hears waits until it is opened.
pub(in crate::session) struct Made {
    pub(in crate::session) permit: Allowed<ToSubscribe>,
    pub(in crate::session) result: SubscribeResult,
}

impl Client {
    /// Makes them, when the client connects. A token that names an unknown namespace, or more
    /// channels than a connection may have, connects nobody: that its issuer is wrong about what
    /// there is should be noticed.
    pub(in crate::session) async fn subscribe_server_side(&mut self) -> Result<Vec<Made>, Stop> {
        let named = self.identity.server_subscriptions();
        let terms = self.node.terms.load().clone();
        if named.len() > terms.settings.max_channels {
            let reason = "the token names more channels than a connection may have";
            self.log_left_out(None, reason);
            return Err(Disconnect::ChannelLimit.into());
        }
        for one in named {
            if terms.policy.features(&one.channel).is_none() {
                let reason = "the token names a channel of no room, so nobody connects with it";
                self.log_left_out(Some(&one.channel), reason);
                return Err(ErrorCode::UnknownChannel.into());
            }
        }
        let mut made = Vec::new();
        for wanted in self.wanted() {
            made.extend(self.make_server_side(&wanted).await?);
        }
        Ok(made)
    }

    /// The channels that the server subscribes this identity to, as far as it may.
    pub(in crate::session) fn server_side(&self) -> Vec<ChannelName> {
        let terms = self.node.terms.load();
        let may = |channel: &ChannelName| {
            let decision = self.decide(&terms, channel, Permission::Subscribe);
            decision.is_allowed()
        };
        let channels = self.wanted().into_iter().map(|one| one.channel);
        channels.filter(may).collect()
    }

    /// Ends those that the identity names no more, and gives the others what it says of them now.
    pub(in crate::session) async fn leave_server_side(&mut self) {
        let wanted = self.wanted();
        let mut gone = Vec::new();
        let made = self.subscriptions.iter();
        for subscription in made.filter(|subscription| subscription.is_server_side()) {
            let channel = subscription.channel();
            match wanted.iter().find(|one| one.channel == *channel) {
                Some(one) => subscription.give(Given::by_connection(&one.extras)),
                None => gone.push(channel.clone()),
            }
        }
        for channel in gone {
            self.withdraw(&channel, UnsubscribeCode::ServerUnsubscribe)
                .await;
        }
    }

    /// Makes those that the identity names and that it `had` not, and tells the client.
    pub(in crate::session) async fn follow_server_side(&mut self, had: &[ChannelName]) {
        for wanted in self.wanted() {
            let channel = &wanted.channel;
            if had.contains(channel) || self.subscriptions.get(channel).is_some() {
                continue;
            }
            // A fault of the engine is told in the log, and the refresh goes on.
            let Ok(Some(made)) = self.make_server_side(&wanted).await else {
                continue;
            };
            self.peer.send(&Message::Push {
                channel: made.permit.channel().as_str(),
                push: Push::Subscribe {
                    data: made.result.data,
                },
            });
            self.open(&made.permit).await;
        }
    }

    /// What the identity is to be subscribed to: what its token names, then its personal channel.
    fn wanted(&self) -> Vec<ServerSubscription> {
        let personal = ChannelName::personal(self.identity.user());
        let mut wanted = self.identity.server_subscriptions().to_vec();
        if !wanted.iter().any(|one| one.channel == personal) {
            wanted.push(ServerSubscription {
                channel: personal,
                join_leave: false,
                extras: Extras::default(),
            });
        }
        wanted
    }

    /// Makes one; `None` where it is denied, or where the user has no room for one more channel.
    async fn make_server_side(
        &mut self,
        wanted: &ServerSubscription,
    ) -> Result<Option<Made>, Stop> {
        let Ok(permit) = self.permit::<ToSubscribe>(wanted.channel.clone()) else {
            return Ok(None);
        };
        let presence = self.hears_presence(&permit, wanted.join_leave, None);
        let origin = Origin::server_side(&wanted.extras);
        match self.enter(&permit, presence.as_ref(), origin).await {
            Ok(()) => {}
            Err(Stop::Error(error)) if error.code == ErrorCode::LimitExceeded => {
                self.log_left_out(Some(&wanted.channel), "the user has no room for one more");
                return Ok(None);
            }
            Err(stop) => return Err(stop),
        }
        let result = SubscribeResult {
            data: wanted.extras.data.clone(),
            ..SubscribeResult::default()
        };
        Ok(Some(Made { permit, result }))
    }

    fn log_left_out(&self, channel: Option<&ChannelName>, reason: &'static str) {
        if let Some(left_out) = self.node.lines.admit("server-side subscription left out") {
            tracing::warn!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                channel = channel.map(|channel| logs::field(channel.as_str())),
                reason,
                left_out,
                "server-side subscription left out"
            );
        }
    }
}
