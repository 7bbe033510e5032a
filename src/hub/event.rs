//! What travels through a channel, encoded once and shared by all its subscribers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::policy::ChannelName;
use crate::protocol::{ClientInfo, Message, Publication, Push, json};

/// A publication, a join or a leave, on its way to the members of a channel.
pub struct Event {
    channel: ChannelName,
    body: EventBody,
    json: OnceLock<Bytes>,
}

/// What happened in the channel.
pub enum EventBody {
    /// Somebody published.
    Publication(Arc<Publication>),
    /// A connection subscribed.
    Join(Arc<ClientInfo>),
    /// A connection is gone.
    Leave(Arc<ClientInfo>),
}

impl Event {
    /// An event of `channel`.
    pub fn new(channel: ChannelName, body: EventBody) -> Event {
        Event {
            channel,
            body,
            json: OnceLock::new(),
        }
    }

    /// The channel it belongs to.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// What happened.
    pub fn body(&self) -> &EventBody {
        &self.body
    }

    /// The push message in JSON, made for the first subscriber that needs it.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let push = match &self.body {
                EventBody::Publication(publication) => Push::Publication(publication.clone()),
                EventBody::Join(info) => Push::Join(info.clone()),
                EventBody::Leave(info) => Push::Leave(info.clone()),
            };
            json::encode(&Message::Push {
                channel: self.channel.as_str(),
                push,
            })
        })
    }
}
