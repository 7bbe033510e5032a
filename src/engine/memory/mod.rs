//! The embedded engine: streams in this process's memory, presence read from the hub.

mod streams;

pub use streams::StreamSettings;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use self::streams::Streams;
use super::{
    Engine, EngineError, HistoryError, HistoryPage, HistoryQuery, Position, PresenceStats,
};
use crate::clock::Clock;
use crate::hub::{Event, Hub, Member};
use crate::policy::{ChannelName, HistoryLimits};
use crate::protocol::{ClientInfo, Payload, Publication};

/// One node's engine.
pub struct MemoryEngine {
    hub: Arc<Hub>,
    streams: Streams,
}

impl MemoryEngine {
    /// An engine that hands what happens to `hub`.
    pub fn new(hub: Arc<Hub>, settings: StreamSettings, clock: Clock) -> MemoryEngine {
        MemoryEngine {
            hub,
            streams: Streams::new(settings, clock),
        }
    }

    /// Forgets what outlived its time in one part of the streams; called in turns, once a second.
    pub fn sweep(&self) {
        self.streams.sweep();
    }

    /// Bytes that the histories of all channels hold.
    pub fn history_bytes(&self) -> usize {
        self.streams.bytes()
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn subscribe(
        &self,
        channel: &ChannelName,
        member: Arc<dyn Member>,
    ) -> Result<(), EngineError> {
        self.hub.add(channel, member);
        Ok(())
    }

    async fn unsubscribe(&self, channel: &ChannelName, member: &dyn Member) {
        self.hub.remove(channel, member);
    }

    async fn publish(
        &self,
        channel: &ChannelName,
        data: Payload,
        sender: Option<Arc<ClientInfo>>,
        history: Option<HistoryLimits>,
    ) -> Result<Position, EngineError> {
        let publication = Publication {
            data,
            info: sender,
            offset: 0,
        };
        if !self.hub.has_room(channel).await {
            return Err(EngineError::Crowded);
        }
        let enqueue = |publication| self.hub.enqueue(channel, Event::Publication(publication));
        let (position, enqueued) = match history {
            // Under the stream's lock: offsets reach members in their order.
            Some(limits) => self.streams.append(channel, publication, limits, enqueue),
            None => {
                let position = Position {
                    offset: 0,
                    epoch: Arc::from(""),
                };
                (position, enqueue(Arc::new(publication)))
            }
        };
        self.hub.deliver(enqueued).await;
        Ok(position)
    }

    async fn join(&self, channel: &ChannelName, info: Arc<ClientInfo>) -> Result<(), EngineError> {
        self.hub.publish(channel, Event::Join(info)).await;
        Ok(())
    }

    async fn leave(&self, channel: &ChannelName, info: Arc<ClientInfo>) -> Result<(), EngineError> {
        self.hub.publish(channel, Event::Leave(info)).await;
        Ok(())
    }

    async fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
    ) -> Result<HistoryPage, HistoryError> {
        self.streams.read(channel, &query)
    }

    async fn presence(
        &self,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<Arc<ClientInfo>>, EngineError> {
        let members = self.hub.members(channel, limit);
        Ok(members.iter().map(|member| member.info()).collect())
    }

    async fn presence_stats(&self, channel: &ChannelName) -> Result<PresenceStats, EngineError> {
        let (mut connections, mut users) = (0, HashSet::new());
        let count = |member: &dyn Member| {
            connections += 1;
            users.insert(member.info().user.clone());
        };
        self.hub.visit(channel, count).await;
        Ok(PresenceStats {
            connections,
            users: users.len(),
        })
    }
}

#[cfg(test)]
mod tests;
