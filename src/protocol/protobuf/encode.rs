//! Messages to Protobuf, each encoded once, however many connections it goes to.
//!
//! An embedded result is there even when it is empty: SDKs hang without it.

use std::num::NonZeroU32;

use bytes::Bytes;
use prost::Message as _;

use super::wire;
use crate::protocol::{
    ClientInfo, ConnectResult, ErrorReply, HistoryResult, Message, Payload, Publication, Push,
    RefreshResult, ReplyBody, SubscribeResult,
};

/// One message behind its length: all of a frame, or a part of one that holds several.
pub fn encode(message: &Message<'_>) -> Bytes {
    let reply = match message {
        Message::Ping => wire::Reply::default(),
        Message::Reply { id, result } => wire::Reply {
            id: *id,
            ..match result {
                Ok(body) => body.into(),
                Err(error) => wire::Reply {
                    error: Some(error.into()),
                    ..wire::Reply::default()
                },
            }
        },
        Message::Push { channel, push } => wire::Reply {
            push: Some(wire::Push {
                channel: (*channel).to_owned(),
                ..push.into()
            }),
            ..wire::Reply::default()
        },
    };
    reply.encode_length_delimited_to_vec().into()
}

impl From<&ErrorReply> for wire::Error {
    fn from(error: &ErrorReply) -> Self {
        wire::Error {
            code: error.code.code(),
            message: error.text().to_owned(),
            temporary: error.code.is_temporary(),
        }
    }
}

/// The field is named like the request.
impl From<&ReplyBody> for wire::Reply {
    fn from(body: &ReplyBody) -> Self {
        let mut reply = wire::Reply::default();
        match body {
            ReplyBody::Connect(result) => reply.connect = Some(result.into()),
            ReplyBody::Subscribe(result) => reply.subscribe = Some(result.into()),
            ReplyBody::Unsubscribe => reply.unsubscribe = Some(wire::UnsubscribeResult {}),
            ReplyBody::Publish => reply.publish = Some(wire::PublishResult {}),
            ReplyBody::Presence(clients) => {
                let presence = clients.iter().map(|info| wire::PresenceEntry {
                    key: info.client.clone(),
                    value: Some((&**info).into()),
                });
                reply.presence = Some(wire::PresenceResult {
                    presence: presence.collect(),
                });
            }
            ReplyBody::PresenceStats {
                num_clients,
                num_users,
            } => {
                reply.presence_stats = Some(wire::PresenceStatsResult {
                    num_clients: *num_clients,
                    num_users: *num_users,
                });
            }
            ReplyBody::History(result) => reply.history = Some(result.into()),
            ReplyBody::Refresh(result) => reply.refresh = Some(result.into()),
        }
        reply
    }
}

impl From<&ConnectResult> for wire::ConnectResult {
    fn from(result: &ConnectResult) -> Self {
        let subs = result.subs.iter();
        wire::ConnectResult {
            client: result.client.clone(),
            version: result.version.clone(),
            expires: result.ttl.is_some(),
            ttl: result.ttl.map_or(0, NonZeroU32::get),
            subs: subs
                .map(|(channel, result)| wire::SubsEntry {
                    key: channel.clone(),
                    value: Some(result.into()),
                })
                .collect(),
            ping: result.ping,
            pong: result.pong,
        }
    }
}

impl From<&RefreshResult> for wire::RefreshResult {
    fn from(result: &RefreshResult) -> Self {
        wire::RefreshResult {
            client: result.client.clone(),
            version: result.version.clone(),
            expires: true,
            ttl: result.ttl.get(),
        }
    }
}

impl From<&SubscribeResult> for wire::SubscribeResult {
    fn from(result: &SubscribeResult) -> Self {
        wire::SubscribeResult {
            was_recovering: result.was_recovering,
        }
    }
}

impl From<&HistoryResult> for wire::HistoryResult {
    fn from(result: &HistoryResult) -> Self {
        let publications = result.publications.iter();
        wire::HistoryResult {
            publications: publications.map(|item| (&**item).into()).collect(),
            epoch: result.epoch.clone(),
            offset: result.offset,
        }
    }
}

/// All but the channel.
impl From<&Push> for wire::Push {
    fn from(what: &Push) -> Self {
        let mut push = wire::Push::default();
        match what {
            Push::Publication(publication) => push.r#pub = Some((&**publication).into()),
            Push::Join(who) => {
                let info = Some((&**who).into());
                push.join = Some(wire::Join { info });
            }
            Push::Leave(who) => {
                let info = Some((&**who).into());
                push.leave = Some(wire::Leave { info });
            }
            Push::Unsubscribe { code } => {
                push.unsubscribe = Some(wire::Unsubscribe {
                    code: code.code(),
                    reason: code.reason().to_owned(),
                });
            }
            Push::Subscribe { data } => {
                let data = bytes_of(data.as_ref());
                push.subscribe = Some(wire::Subscribe { data });
            }
        }
        push
    }
}

/// The same in a push and in a list.
impl From<&Publication> for wire::Publication {
    fn from(publication: &Publication) -> Self {
        wire::Publication {
            data: publication.data.to_bytes(),
            info: publication.info.as_deref().map(Into::into),
            offset: publication.offset,
        }
    }
}

impl From<&ClientInfo> for wire::ClientInfo {
    fn from(info: &ClientInfo) -> Self {
        wire::ClientInfo {
            user: info.user.clone(),
            client: info.client.clone(),
            conn_info: bytes_of(info.conn_info.as_ref()),
        }
    }
}

/// Empty where there is nothing: no payload is.
fn bytes_of(payload: Option<&Payload>) -> Bytes {
    payload.map(Payload::to_bytes).unwrap_or_default()
}
