//! Permits: proof that a permission was decided for this connection and this channel.
//!
//! Effects take the channel from the permit, and the answers to subscribe, publish, history and
//! presence can only be made with one. A command that forgot to ask does not compile (CHAN-4).

use std::marker::PhantomData;

use crate::policy::{ChannelName, Features, Permission};
use crate::protocol::{ConnectResult, HistoryResult, ReplyBody, SubscribeResult};

/// A permission, as a type.
pub(super) trait Asked {
    const PERMISSION: Permission;
}

/// [`Permission::Subscribe`].
pub(super) struct ToSubscribe;
/// [`Permission::Publish`].
pub(super) struct ToPublish;
/// [`Permission::History`].
pub(super) struct ToReadHistory;
/// [`Permission::Presence`].
pub(super) struct ToSeePresence;

impl Asked for ToSubscribe {
    const PERMISSION: Permission = Permission::Subscribe;
}
impl Asked for ToPublish {
    const PERMISSION: Permission = Permission::Publish;
}
impl Asked for ToReadHistory {
    const PERMISSION: Permission = Permission::History;
}
impl Asked for ToSeePresence {
    const PERMISSION: Permission = Permission::Presence;
}

/// The session decided that this connection may do `P` with this channel.
pub(super) struct Allowed<P> {
    channel: ChannelName,
    features: Features,
    reads_now: bool,
    permission: PhantomData<P>,
}

impl<P: Asked> Allowed<P> {
    /// Only [`super::client::Client::permit`] calls this, after a decision that allows.
    pub(super) fn decided(channel: ChannelName, features: Features, reads_now: bool) -> Allowed<P> {
        Allowed {
            channel,
            features,
            reads_now,
            permission: PhantomData,
        }
    }

    pub(super) fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// What the channel's namespace keeps and shows.
    pub(super) fn features(&self) -> Features {
        self.features
    }

    /// Whether the decision holds only for a while.
    pub(super) fn reads_now(&self) -> bool {
        self.reads_now
    }
}

/// What a command that was carried out is answered with.
pub(super) struct Answer(ReplyBody);

impl Answer {
    /// Connecting needs no permit: the door decided.
    pub(super) fn connected(result: ConnectResult) -> Answer {
        Answer(ReplyBody::Connect(result))
    }

    /// Leaving needs no permit.
    pub(super) fn unsubscribed() -> Answer {
        Answer(ReplyBody::Unsubscribe)
    }

    pub(super) fn into_body(self) -> ReplyBody {
        self.0
    }
}

impl Allowed<ToSubscribe> {
    pub(super) fn answer(&self, result: SubscribeResult) -> Answer {
        Answer(ReplyBody::Subscribe(result))
    }
}

impl Allowed<ToPublish> {
    pub(super) fn answer(&self) -> Answer {
        Answer(ReplyBody::Publish)
    }
}

impl Allowed<ToReadHistory> {
    pub(super) fn answer(&self, result: HistoryResult) -> Answer {
        Answer(ReplyBody::History(result))
    }
}

impl Allowed<ToSeePresence> {
    pub(super) fn answer(&self, body: Presence) -> Answer {
        Answer(match body {
            Presence::Clients(clients) => ReplyBody::Presence(clients),
            Presence::Stats {
                num_clients,
                num_users,
            } => ReplyBody::PresenceStats {
                num_clients,
                num_users,
            },
        })
    }
}

/// The two things that presence answers.
pub(super) enum Presence {
    Clients(Vec<std::sync::Arc<crate::protocol::ClientInfo>>),
    Stats { num_clients: u32, num_users: u32 },
}
