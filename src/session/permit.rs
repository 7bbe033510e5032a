//! Permits: proof that a permission was decided for this connection and this channel.
//!
//! Effects take the channel from the permit, and the answers to subscribe, publish, history and
//! presence can only be made with one. A command that forgot to ask does not compile (CHAN-4).

use std::marker::PhantomData;
use std::num::NonZeroU32;

use super::terms::Numbered;
use crate::policy::{ChannelName, Decision, Features, Permission, Step};
use crate::protocol::{ConnectResult, HistoryResult, RefreshResult, ReplyBody, SubscribeResult};

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

/// What a decision that allows was made on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The generation of the terms.
    pub(super) generation: u32,
    /// Which step decided.
    pub(super) step: Step,
    /// It holds only for a while.
    pub(super) reads_now: bool,
}

impl Standing {
    /// Of a decision that allows, under the terms that it was made under.
    pub(super) fn of(terms: &Numbered, decision: &Decision) -> Standing {
        Standing {
            generation: terms.generation,
            step: decision.step(),
            reads_now: decision.reads_now(),
        }
    }

    /// Whether the same comes of it each time, as long as the terms and the identity are these: what
    /// a rule says that reads no clock. What a token gives ends by itself.
    pub(super) fn lasts(self) -> bool {
        self.step == Step::Rule && !self.reads_now
    }

    /// Of two decisions that hold together.
    pub(super) fn and(self, other: Standing) -> Standing {
        Standing {
            generation: self.generation.min(other.generation),
            step: self.step,
            reads_now: self.reads_now || other.reads_now,
        }
    }
}

/// The session decided that this connection may do `P` with this channel.
pub(super) struct Allowed<P> {
    channel: ChannelName,
    features: Features,
    standing: Standing,
    permission: PhantomData<P>,
}

impl<P: Asked> Allowed<P> {
    /// Only [`super::client::Client::permit`] calls this, after a decision that allows.
    pub(super) fn decided(
        channel: ChannelName,
        features: Features,
        standing: Standing,
    ) -> Allowed<P> {
        Allowed {
            channel,
            features,
            standing,
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

    /// What the decision was made on.
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }
}

/// What a command that was carried out is answered with.
pub(super) struct Answer(ReplyBody);

impl Answer {
    /// A newer identity needs no permit: the door decided.
    pub(super) fn refreshed(result: RefreshResult) -> Answer {
        Answer(ReplyBody::Refresh(result))
    }

    /// Connecting needs no permit: the door decided.
    pub(super) fn connected(result: ConnectResult) -> Answer {
        Answer(ReplyBody::Connect(result))
    }

    /// Leaving needs no permit.
    pub(super) fn unsubscribed() -> Answer {
        Answer(ReplyBody::Unsubscribe)
    }

    /// A newer token for a subscription that there is needs no permit: what it allows is decided
    /// again. `ttl` says when to come again.
    pub(super) fn sub_refreshed(ttl: Option<NonZeroU32>) -> Answer {
        Answer(ReplyBody::SubRefresh { ttl })
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
