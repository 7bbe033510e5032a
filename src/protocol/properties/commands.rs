//! Commands as a client has them, in the types of the definition: any, in JSON, and back from what
//! the gateway made of them.

use bytes::Bytes;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::strategies::payload;
use crate::protocol::protobuf::wire;
use crate::protocol::{Command, Data, Incoming, Payload, Request};

/// A command with one request. Of `flag` the one bit that the gateway reads.
pub(super) fn command() -> impl Strategy<Value = wire::Command> {
    let id = 1u32..;
    prop_oneof![
        (id.clone(), connect()).prop_map(|(id, body)| wire::Command {
            id,
            connect: Some(body),
            ..Default::default()
        }),
        (id.clone(), subscribe()).prop_map(|(id, body)| wire::Command {
            id,
            subscribe: Some(body),
            ..Default::default()
        }),
        (id.clone(), publish()).prop_map(|(id, body)| wire::Command {
            id,
            publish: Some(body),
            ..Default::default()
        }),
        (id.clone(), history()).prop_map(|(id, body)| wire::Command {
            id,
            history: Some(body),
            ..Default::default()
        }),
        (id, 0..7, ".+", any::<String>(), data()).prop_map(small),
        Just(wire::Command::default()),
    ]
}

/// One of the requests that have little in them.
fn small((id, kind, channel, text, data): (u32, i32, String, String, Bytes)) -> wire::Command {
    let mut command = wire::Command {
        id,
        ..Default::default()
    };
    match kind {
        0 => command.unsubscribe = Some(wire::UnsubscribeRequest { channel }),
        1 => command.presence = Some(wire::PresenceRequest { channel }),
        2 => command.presence_stats = Some(wire::PresenceStatsRequest { channel }),
        3 => command.rpc = Some(wire::RpcRequest { data, method: text }),
        4 => command.refresh = Some(wire::RefreshRequest { token: text }),
        5 => {
            command.sub_refresh = Some(wire::SubRefreshRequest {
                channel,
                token: text,
            });
        }
        _ => {
            // The one that may come without an id.
            command.id = id % 2;
            command.send = Some(wire::SendRequest { data });
        }
    }
    command
}

fn data() -> impl Strategy<Value = Bytes> {
    prop::option::of(payload()).prop_map(copied)
}

fn connect() -> impl Strategy<Value = wire::ConnectRequest> {
    (any::<[String; 3]>(), data()).prop_map(|([token, name, version], data)| wire::ConnectRequest {
        token,
        data,
        name,
        version,
    })
}

fn subscribe() -> impl Strategy<Value = wire::SubscribeRequest> {
    let delta = prop::sample::select(vec!["", "fossil"]);
    let numbers = any::<(u64, i32)>();
    (
        ".+",
        any::<[String; 2]>(),
        delta,
        any::<[bool; 6]>(),
        numbers,
    )
        .prop_map(|(channel, [token, epoch], delta, flags, (offset, kind))| {
            wire::SubscribeRequest {
                channel,
                token,
                recover: flags[0],
                epoch,
                offset,
                positioned: flags[1],
                recoverable: flags[2],
                join_leave: flags[3],
                delta: delta.to_owned(),
                tf: flags[4].then_some(wire::FilterNode {}),
                flag: if flags[5] { 2 } else { 0 },
                r#type: kind,
            }
        })
}

fn publish() -> impl Strategy<Value = wire::PublishRequest> {
    (".+", data(), any::<i32>()).prop_map(|(channel, data, kind)| wire::PublishRequest {
        channel,
        data,
        r#type: kind,
    })
}

fn history() -> impl Strategy<Value = wire::HistoryRequest> {
    let since = prop::option::of(any::<(u64, String)>());
    (".+", any::<(i32, bool)>(), since).prop_map(|(channel, (limit, reverse), since)| {
        wire::HistoryRequest {
            channel,
            limit,
            since: since.map(|(offset, epoch)| wire::StreamPosition { offset, epoch }),
            reverse,
        }
    })
}

/// As a client writes it in JSON: defaults left out, data as it is.
pub(super) fn json_line(command: &wire::Command) -> String {
    let c = command;
    let in_channel = |channel: &str| object([("channel", text(channel))]);
    let connect = |body: &wire::ConnectRequest| {
        object([
            ("token", text(&body.token)),
            ("data", raw(&body.data)),
            ("name", text(&body.name)),
            ("version", text(&body.version)),
        ])
    };
    let publish = |body: &wire::PublishRequest| {
        object([
            ("channel", text(&body.channel)),
            ("data", raw(&body.data)),
            ("type", number(body.r#type)),
        ])
    };
    let rpc = |body: &wire::RpcRequest| {
        object([("data", raw(&body.data)), ("method", text(&body.method))])
    };
    let refresh = |body: &wire::RefreshRequest| object([("token", text(&body.token))]);
    let sub_refresh = |body: &wire::SubRefreshRequest| {
        object([
            ("channel", text(&body.channel)),
            ("token", text(&body.token)),
        ])
    };
    let send = |body: &wire::SendRequest| object([("data", raw(&body.data))]);
    object([
        ("connect", c.connect.as_ref().map(connect)),
        ("subscribe", c.subscribe.as_ref().map(json_subscribe)),
        (
            "unsubscribe",
            c.unsubscribe.as_ref().map(|b| in_channel(&b.channel)),
        ),
        ("publish", c.publish.as_ref().map(publish)),
        (
            "presence",
            c.presence.as_ref().map(|b| in_channel(&b.channel)),
        ),
        (
            "presence_stats",
            c.presence_stats.as_ref().map(|b| in_channel(&b.channel)),
        ),
        ("history", c.history.as_ref().map(json_history)),
        ("send", c.send.as_ref().map(send)),
        ("rpc", c.rpc.as_ref().map(rpc)),
        ("refresh", c.refresh.as_ref().map(refresh)),
        ("sub_refresh", c.sub_refresh.as_ref().map(sub_refresh)),
        ("id", number(c.id)),
    ])
}

fn json_subscribe(body: &wire::SubscribeRequest) -> String {
    object([
        ("channel", text(&body.channel)),
        ("token", text(&body.token)),
        ("recover", flag(body.recover)),
        ("epoch", text(&body.epoch)),
        ("offset", number(body.offset)),
        ("positioned", flag(body.positioned)),
        ("recoverable", flag(body.recoverable)),
        ("join_leave", flag(body.join_leave)),
        ("delta", text(&body.delta)),
        ("tf", body.tf.as_ref().map(|_| "{}".to_owned())),
        ("flag", number(body.flag)),
        ("type", number(body.r#type)),
    ])
}

fn json_history(body: &wire::HistoryRequest) -> String {
    let since = |since: &wire::StreamPosition| {
        object([
            ("offset", number(since.offset)),
            ("epoch", text(&since.epoch)),
        ])
    };
    object([
        ("channel", text(&body.channel)),
        ("limit", number(body.limit)),
        ("since", body.since.as_ref().map(since)),
        ("reverse", flag(body.reverse)),
    ])
}

fn object<const N: usize>(members: [(&str, Option<String>); N]) -> String {
    let members = members.into_iter();
    let written = members.filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| serde_json::to_string(value).unwrap())
}

fn raw(value: &[u8]) -> Option<String> {
    (!value.is_empty()).then(|| String::from_utf8(value.to_vec()).unwrap())
}

fn number<N: Default + PartialEq + ToString>(value: N) -> Option<String> {
    (value != N::default()).then(|| value.to_string())
}

fn flag(value: bool) -> Option<String> {
    value.then(|| "true".to_owned())
}

/// Back to the definition's types.
pub(super) fn plain(incoming: Incoming) -> wire::Command {
    let Incoming::Command(Command { id, request }) = incoming else {
        return wire::Command::default();
    };
    let mut c = wire::Command {
        id,
        ..Default::default()
    };
    match request {
        Request::Connect(body) => {
            c.connect = Some(wire::ConnectRequest {
                token: token(body.token),
                data: bytes(body.data),
                name: body.name,
                version: body.version,
            });
        }
        Request::Subscribe(body) => {
            c.subscribe = Some(wire::SubscribeRequest {
                channel: body.channel,
                token: token(body.token),
                recover: body.recover,
                epoch: body.since.epoch,
                offset: body.since.offset,
                positioned: body.positioned,
                recoverable: body.recoverable,
                join_leave: body.join_leave,
                delta: if body.delta {
                    "fossil".into()
                } else {
                    String::new()
                },
                tf: body.has_tag_filter.then_some(wire::FilterNode {}),
                flag: if body.error_when_unrecoverable { 2 } else { 0 },
                r#type: body.kind,
            });
        }
        Request::Publish {
            channel,
            data,
            kind,
        } => {
            c.publish = Some(wire::PublishRequest {
                channel,
                data: bytes(data),
                r#type: kind,
            });
        }
        Request::History(body) => {
            let since = body.since.map(|since| wire::StreamPosition {
                offset: since.offset,
                epoch: since.epoch,
            });
            c.history = Some(wire::HistoryRequest {
                channel: body.channel,
                limit: body.limit,
                since,
                reverse: body.reverse,
            });
        }
        Request::Unsubscribe { channel } => {
            c.unsubscribe = Some(wire::UnsubscribeRequest { channel });
        }
        Request::Presence { channel } => c.presence = Some(wire::PresenceRequest { channel }),
        Request::PresenceStats { channel } => {
            c.presence_stats = Some(wire::PresenceStatsRequest { channel });
        }
        Request::Rpc { method, data } => {
            let data = bytes(data);
            c.rpc = Some(wire::RpcRequest { data, method });
        }
        Request::Send { data } => c.send = Some(wire::SendRequest { data: bytes(data) }),
        Request::Refresh { token: given } => {
            let token = token(given);
            c.refresh = Some(wire::RefreshRequest { token });
        }
        Request::SubRefresh {
            channel,
            token: given,
        } => {
            let token = token(given);
            c.sub_refresh = Some(wire::SubRefreshRequest { channel, token });
        }
    }
    c
}

fn token(token: Option<SecretString>) -> String {
    token
        .map(|t| t.expose_secret().to_owned())
        .unwrap_or_default()
}

fn bytes(data: Data) -> Bytes {
    copied(data.unwrap())
}

fn copied(data: Option<Payload>) -> Bytes {
    data.map(|data| Bytes::copy_from_slice(data.as_bytes()))
        .unwrap_or_default()
}
