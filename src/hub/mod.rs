//! This node's map of channel to subscribed connections; it fans out.
//!
//! Only the engine calls it, and it knows nothing of sockets, formats or permissions: it hands an
//! [`Event`] to each [`Member`] of a channel. A member must neither wait nor call back.

mod event;

pub use event::{Event, EventBody};

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use parking_lot::Mutex;

use crate::policy::ChannelName;
use crate::protocol::ClientInfo;

/// Names one connection, over all nodes; shown to others as the `client` of a publication.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(uuid::Uuid);

impl ConnectionId {
    /// A new id from the system's random numbers.
    pub fn random() -> ConnectionId {
        ConnectionId(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One subscription of one connection, as the hub sees it.
pub trait Member: Send + Sync {
    /// The connection that is subscribed.
    fn connection(&self) -> ConnectionId;
    /// What presence, joins and leaves show of it.
    fn info(&self) -> Arc<ClientInfo>;
    /// Takes the event over; called under the channel's lock, in the order of the channel.
    fn deliver(&self, event: &Arc<Event>);
}

type Members = HashMap<ConnectionId, Arc<dyn Member>, RandomState>;
type Shard = Mutex<HashMap<ChannelName, Members, RandomState>>;

/// Subscribers by channel.
pub struct Hub {
    shards: Box<[Shard]>,
    hasher: RandomState,
}

const SHARDS: usize = 64;

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// A hub without channels.
    pub fn new() -> Hub {
        Hub {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Adds a member; a second subscription of the same connection replaces the first.
    pub fn add(&self, channel: &ChannelName, member: Arc<dyn Member>) {
        let mut channels = self.shard(channel).lock();
        channels
            .entry(channel.clone())
            .or_default()
            .insert(member.connection(), member);
    }

    /// Removes a member. After the return nothing more is delivered to it.
    pub fn remove(&self, channel: &ChannelName, connection: ConnectionId) {
        let mut channels = self.shard(channel).lock();
        if let Some(members) = channels.get_mut(channel) {
            members.remove(&connection);
            if members.is_empty() {
                channels.remove(channel);
            }
        }
    }

    /// Hands the event to every member of its channel.
    pub fn publish(&self, event: &Arc<Event>) {
        let channels = self.shard(event.channel()).lock();
        if let Some(members) = channels.get(event.channel()) {
            for member in members.values() {
                member.deliver(event);
            }
        }
    }

    /// The members of a channel, at most `limit`.
    pub fn members(&self, channel: &ChannelName, limit: usize) -> Vec<Arc<dyn Member>> {
        let channels = self.shard(channel).lock();
        channels
            .get(channel)
            .map_or_else(Vec::new, |m| m.values().take(limit).cloned().collect())
    }

    /// How many channels have a subscriber on this node.
    pub fn channels(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, channel: &ChannelName) -> &Shard {
        // SHARDS is a power of two; the seed is random, so that names cannot be made to collide.
        &self.shards[self.hasher.hash_one(channel.as_str()) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Payload, Publication};

    /// A member that keeps what it hears.
    struct Ear {
        id: ConnectionId,
        heard: Mutex<Vec<Arc<Event>>>,
    }

    impl Member for Ear {
        fn connection(&self) -> ConnectionId {
            self.id
        }
        fn info(&self) -> Arc<ClientInfo> {
            let client = self.id.to_string();
            Arc::new(ClientInfo {
                user: "alice".to_owned(),
                client,
                conn_info: None,
            })
        }
        fn deliver(&self, event: &Arc<Event>) {
            self.heard.lock().push(event.clone());
        }
    }

    fn ear() -> Arc<Ear> {
        Arc::new(Ear {
            id: ConnectionId::random(),
            heard: Mutex::default(),
        })
    }

    fn event(channel: &ChannelName) -> Arc<Event> {
        let data = Payload::parse(b"1").unwrap();
        let publication = Arc::new(Publication {
            data,
            info: None,
            offset: 0,
        });
        Arc::new(Event::new(
            channel.clone(),
            EventBody::Publication(publication),
        ))
    }

    #[test]
    fn members_of_the_channel_hear_the_very_same_bytes_and_others_nothing() {
        let (hub, room) = (Hub::new(), ChannelName::parse("chat:a").unwrap());
        let (alice, bob, carol) = (ear(), ear(), ear());
        hub.add(&room, alice.clone());
        hub.add(&room, bob.clone());
        hub.add(&ChannelName::parse("chat:b").unwrap(), carol.clone());
        hub.publish(&event(&room));
        let (a, b) = (alice.heard.lock().remove(0), bob.heard.lock().remove(0));
        assert_eq!(a.json().as_ptr(), b.json().as_ptr(), "encoded once");
        assert!(carol.heard.lock().is_empty());
    }

    #[test]
    fn nothing_comes_after_remove_and_an_empty_channel_is_forgotten() {
        let (hub, room) = (Hub::new(), ChannelName::parse("chat:a").unwrap());
        let alice = ear();
        hub.add(&room, alice.clone());
        assert_eq!((hub.channels(), hub.members(&room, 10).len()), (1, 1));
        hub.remove(&room, alice.id);
        hub.publish(&event(&room));
        assert!(alice.heard.lock().is_empty());
        assert_eq!((hub.channels(), hub.members(&room, 10).len()), (0, 0));
    }
}
