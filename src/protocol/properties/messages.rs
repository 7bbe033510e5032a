//! Messages as a client reads them, in JSON and in Protobuf, to the types of the definition.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::protobuf::wire;

/// One message behind its length, and nothing behind it.
pub(super) fn protobuf_reply(mut bytes: Bytes) -> wire::Reply {
    let reply = wire::Reply::decode_length_delimited(&mut bytes).unwrap();
    assert!(bytes.is_empty());
    reply
}

/// One line. What is left out is the default; nothing is there that the definition does not have.
pub(super) fn json_reply(line: &[u8]) -> wire::Reply {
    serde_json::from_slice::<Reply>(line).unwrap().into()
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reply {
    id: u32,
    error: Option<Error>,
    push: Option<Push>,
    connect: Option<Connect>,
    subscribe: Option<Subscribe>,
    unsubscribe: Option<Empty>,
    publish: Option<Empty>,
    presence: Option<Presence>,
    presence_stats: Option<PresenceStats>,
    history: Option<History>,
    refresh: Option<Refresh>,
    sub_refresh: Option<SubRefresh>,
}

impl From<Reply> for wire::Reply {
    fn from(reply: Reply) -> Self {
        wire::Reply {
            id: reply.id,
            error: reply.error.map(Into::into),
            push: reply.push.map(Into::into),
            connect: reply.connect.map(Into::into),
            subscribe: reply.subscribe.map(Into::into),
            unsubscribe: reply.unsubscribe.map(|_| wire::UnsubscribeResult {}),
            publish: reply.publish.map(|_| wire::PublishResult {}),
            presence: reply.presence.map(Into::into),
            presence_stats: reply.presence_stats.map(Into::into),
            history: reply.history.map(Into::into),
            refresh: reply.refresh.map(Into::into),
            sub_refresh: reply.sub_refresh.map(|result| wire::SubRefreshResult {
                expires: result.expires,
                ttl: result.ttl,
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Error {
    code: u32,
    message: String,
    temporary: bool,
}

impl From<Error> for wire::Error {
    fn from(error: Error) -> Self {
        wire::Error {
            code: error.code,
            message: error.message,
            temporary: error.temporary,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Push {
    channel: String,
    r#pub: Option<Publication>,
    join: Option<Member>,
    leave: Option<Member>,
    subscribe: Option<ServerSubscribe>,
    unsubscribe: Option<Unsubscribe>,
}

impl From<Push> for wire::Push {
    fn from(push: Push) -> Self {
        wire::Push {
            channel: push.channel,
            r#pub: push.r#pub.map(Into::into),
            join: push.join.map(|join| wire::Join {
                info: Some(join.info.into()),
            }),
            leave: push.leave.map(|leave| wire::Leave {
                info: Some(leave.info.into()),
            }),
            subscribe: push.subscribe.map(|subscribe| wire::Subscribe {
                data: subscribe.data.map(|raw| bytes(&raw)).unwrap_or_default(),
            }),
            unsubscribe: push.unsubscribe.map(|unsubscribe| wire::Unsubscribe {
                code: unsubscribe.code,
                reason: unsubscribe.reason,
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerSubscribe {
    #[serde(default, deserialize_with = "some")]
    data: Option<Box<RawValue>>,
}

/// Of a join or a leave.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    info: Info,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsubscribe {
    code: u32,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    data: Box<RawValue>,
    info: Option<Info>,
    #[serde(default)]
    offset: u64,
}

impl From<Publication> for wire::Publication {
    fn from(publication: Publication) -> Self {
        wire::Publication {
            data: bytes(&publication.data),
            info: publication.info.map(Into::into),
            offset: publication.offset,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    user: String,
    client: String,
    /// Even `null` is a value.
    #[serde(default, deserialize_with = "some")]
    conn_info: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "some")]
    chan_info: Option<Box<RawValue>>,
}

impl From<Info> for wire::ClientInfo {
    fn from(info: Info) -> Self {
        wire::ClientInfo {
            user: info.user,
            client: info.client,
            conn_info: info.conn_info.map(|raw| bytes(&raw)).unwrap_or_default(),
            chan_info: info.chan_info.map(|raw| bytes(&raw)).unwrap_or_default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Connect {
    client: String,
    version: String,
    expires: bool,
    ttl: u32,
    subs: BTreeMap<String, Subscribe>,
    ping: u32,
    pong: bool,
}

impl From<Connect> for wire::ConnectResult {
    fn from(connect: Connect) -> Self {
        let subs = connect.subs.into_iter();
        wire::ConnectResult {
            client: connect.client,
            version: connect.version,
            expires: connect.expires,
            ttl: connect.ttl,
            subs: subs
                .map(|(key, value)| wire::SubsEntry {
                    key,
                    value: Some(value.into()),
                })
                .collect(),
            ping: connect.ping,
            pong: connect.pong,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refresh {
    client: String,
    version: String,
    expires: bool,
    ttl: u32,
}

impl From<Refresh> for wire::RefreshResult {
    fn from(refresh: Refresh) -> Self {
        wire::RefreshResult {
            client: refresh.client,
            version: refresh.version,
            expires: refresh.expires,
            ttl: refresh.ttl,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Subscribe {
    expires: bool,
    ttl: u32,
    #[serde(deserialize_with = "some")]
    data: Option<Box<RawValue>>,
    was_recovering: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SubRefresh {
    expires: bool,
    ttl: u32,
}

impl From<Subscribe> for wire::SubscribeResult {
    fn from(subscribe: Subscribe) -> Self {
        wire::SubscribeResult {
            expires: subscribe.expires,
            ttl: subscribe.ttl,
            data: subscribe.data.map(|raw| bytes(&raw)).unwrap_or_default(),
            was_recovering: subscribe.was_recovering,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presence {
    presence: BTreeMap<String, Info>,
}

impl From<Presence> for wire::PresenceResult {
    fn from(presence: Presence) -> Self {
        let clients = presence.presence.into_iter();
        wire::PresenceResult {
            presence: clients
                .map(|(key, value)| wire::PresenceEntry {
                    key,
                    value: Some(value.into()),
                })
                .collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresenceStats {
    num_clients: u32,
    num_users: u32,
}

impl From<PresenceStats> for wire::PresenceStatsResult {
    fn from(stats: PresenceStats) -> Self {
        wire::PresenceStatsResult {
            num_clients: stats.num_clients,
            num_users: stats.num_users,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    publications: Vec<Publication>,
    epoch: String,
    offset: u64,
}

impl From<History> for wire::HistoryResult {
    fn from(history: History) -> Self {
        let publications = history.publications.into_iter();
        wire::HistoryResult {
            publications: publications.map(Into::into).collect(),
            epoch: history.epoch,
            offset: history.offset,
        }
    }
}

fn bytes(raw: &RawValue) -> Bytes {
    Bytes::copy_from_slice(raw.get().as_bytes())
}

fn some<'de, D: serde::Deserializer<'de>>(data: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(data).map(Some)
}
