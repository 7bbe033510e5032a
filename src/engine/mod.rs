//! Keeps publications, history and presence, and hands what happens to the hub.
//!
//! The session publishes, joins and leaves through [`Engine`] alone: an engine that spans nodes
//! carries the event there first. `memory` is one node's.

pub mod memory;

use std::sync::Arc;

use async_trait::async_trait;

use crate::hub::Member;
use crate::policy::{ChannelName, HistoryLimits};
use crate::protocol::{ClientInfo, Payload, Publication};

/// The engine did not do it. Trying again may help.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// More is published to the channel than its subscribers can be told.
    #[error("more is published to the channel than its subscribers can be told")]
    Crowded,
    /// It failed.
    #[error("the engine did not answer: {0}")]
    Failed(String),
}

/// Where a stream stands: the offset of its newest publication, and the numbering that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// 0: nothing was published yet, or the channel keeps no history.
    pub offset: u64,
    /// Names the numbering of the offsets; empty where there is none.
    pub epoch: Arc<str>,
}

/// Which publications of a stream are wanted (Centrifuge client protocol, history).
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// At most so many; 0 asks for the position alone.
    pub limit: usize,
    /// Only those after (or, in reverse, before) this offset.
    pub since: Option<u64>,
    /// The epoch that `since` is of; empty matches any.
    pub epoch: String,
    /// Newest first.
    pub reverse: bool,
    /// At most so many bytes, what is shown of the senders included: a shorter page beyond that, but
    /// never an empty one.
    pub max_bytes: usize,
}

/// A part of a stream.
#[derive(Debug)]
pub struct HistoryPage {
    /// In the order that was asked for.
    pub publications: Vec<Arc<Publication>>,
    /// The stream's top, not the page's end.
    pub position: Position,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The epoch asked for is not the stream's.
    #[error("the position asked for is of another epoch than the stream")]
    UnrecoverablePosition,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How many are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceStats {
    /// Subscribed connections.
    pub connections: usize,
    /// Distinct users among them.
    pub users: usize,
}

/// What keeps the channels. Each call may wait for another process, so it has a deadline of its own.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Makes the member hear the channel. When it returns, nothing published later is missed.
    async fn subscribe(
        &self,
        channel: &ChannelName,
        member: Arc<dyn Member>,
    ) -> Result<(), EngineError>;

    /// Ends that. What is on its way may still reach the member, which is to take no notice.
    async fn unsubscribe(&self, channel: &ChannelName, member: &dyn Member);

    /// Publishes to all subscribers; with `history` the publication gets an offset and is kept.
    async fn publish(
        &self,
        channel: &ChannelName,
        data: Payload,
        sender: Option<Arc<ClientInfo>>,
        history: Option<HistoryLimits>,
    ) -> Result<Position, EngineError>;

    /// Tells the subscribers who joined.
    async fn join(&self, channel: &ChannelName, info: Arc<ClientInfo>) -> Result<(), EngineError>;

    /// Tells the subscribers who left.
    async fn leave(&self, channel: &ChannelName, info: Arc<ClientInfo>) -> Result<(), EngineError>;

    /// Reads a part of the stream.
    async fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
    ) -> Result<HistoryPage, HistoryError>;

    /// Who is subscribed, at most `limit` connections.
    async fn presence(
        &self,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<Arc<ClientInfo>>, EngineError>;

    /// How many are subscribed.
    async fn presence_stats(&self, channel: &ChannelName) -> Result<PresenceStats, EngineError>;
}
