//! The shape of a command in JSON, and its turn into a [`Request`].
//!
//! serde reads the members. Unknown ones are ignored, `null` is absent, and application data stays
//! raw text.

use std::fmt;
use std::marker::PhantomData;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::protocol::decode::{self, DecodeError, Envelope};
use crate::protocol::{
    ConnectRequest, Data, HistoryRequest, Incoming, Payload, Request, StreamPosition,
    SubscribeRequest,
};

/// One line: an id and at most one request.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    id: Option<u32>,
    #[serde(borrow)]
    connect: Option<Object<Connect<'a>>>,
    subscribe: Option<Object<Subscribe>>,
    unsubscribe: Option<Object<InChannel>>,
    #[serde(borrow)]
    publish: Option<Object<Publish<'a>>>,
    presence: Option<Object<InChannel>>,
    presence_stats: Option<Object<InChannel>>,
    history: Option<Object<History>>,
    ping: Option<IgnoredAny>,
    #[serde(borrow)]
    send: Option<Object<Send<'a>>>,
    #[serde(borrow)]
    rpc: Option<Object<Rpc<'a>>>,
    refresh: Option<Object<Refresh>>,
    sub_refresh: Option<Object<SubRefresh>>,
}

impl<'a> Line<'a> {
    /// serde's own text may quote the client's: only the place is kept.
    pub(super) fn parse(line: &'a str) -> Result<Line<'a>, DecodeError> {
        let Object(members) = serde_json::from_str(line).map_err(|error| {
            let column = error.column();
            match error.classify() {
                Category::Data => DecodeError::WrongShape { column },
                Category::Syntax | Category::Eof | Category::Io => DecodeError::NotJson { column },
            }
        })?;
        Ok(members)
    }

    /// Exactly one request, or the pong.
    pub(super) fn into_incoming(self) -> Result<Incoming, DecodeError> {
        if self.ping.is_some() {
            return Err(DecodeError::PingRequest);
        }
        let mut envelope = Envelope::new(self.id.unwrap_or(0));
        envelope.may_have(self.connect, |Object(body)| Ok(body.into_request()));
        envelope.may_have(self.subscribe, |Object(body)| body.into_request());
        envelope.may_have(self.unsubscribe, |Object(body)| {
            let channel = channel(body.channel)?;
            Ok(Request::Unsubscribe { channel })
        });
        envelope.may_have(self.publish, |Object(body)| body.into_request());
        envelope.may_have(self.presence, |Object(body)| {
            let channel = channel(body.channel)?;
            Ok(Request::Presence { channel })
        });
        envelope.may_have(self.presence_stats, |Object(body)| {
            let channel = channel(body.channel)?;
            Ok(Request::PresenceStats { channel })
        });
        envelope.may_have(self.history, |Object(body)| body.into_request());
        envelope.may_have(self.send, |Object(body)| {
            let data = data(body.data);
            Ok(Request::Send { data })
        });
        envelope.may_have(self.rpc, |Object(body)| Ok(body.into_request()));
        envelope.may_have(self.refresh, |Object(body)| {
            let token = token(body.token);
            Ok(Request::Refresh { token })
        });
        envelope.may_have(self.sub_refresh, |Object(body)| {
            Ok(Request::SubRefresh {
                channel: channel(body.channel)?,
                token: token(body.token),
            })
        });
        envelope.into_incoming()
    }
}

#[derive(Deserialize)]
struct Connect<'a> {
    token: Option<String>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
    name: Option<String>,
    version: Option<String>,
}

impl Connect<'_> {
    fn into_request(self) -> Request {
        Request::Connect(ConnectRequest {
            token: token(self.token),
            data: data(self.data),
            name: self.name.unwrap_or_default(),
            version: self.version.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct Subscribe {
    channel: Option<String>,
    token: Option<String>,
    recover: Option<bool>,
    epoch: Option<String>,
    offset: Option<u64>,
    positioned: Option<bool>,
    recoverable: Option<bool>,
    join_leave: Option<bool>,
    delta: Option<String>,
    tf: Option<IgnoredAny>,
    flag: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<i32>,
}

impl Subscribe {
    fn into_request(self) -> Result<Request, DecodeError> {
        Ok(Request::Subscribe(SubscribeRequest {
            channel: channel(self.channel)?,
            token: token(self.token),
            recover: self.recover.unwrap_or(false),
            since: StreamPosition {
                offset: self.offset.unwrap_or(0),
                epoch: self.epoch.unwrap_or_default(),
            },
            join_leave: self.join_leave.unwrap_or(false),
            positioned: self.positioned.unwrap_or(false),
            recoverable: self.recoverable.unwrap_or(false),
            delta: decode::delta(self.delta.as_deref().unwrap_or_default())?,
            error_when_unrecoverable: decode::wants_error_when_unrecoverable(
                self.flag.unwrap_or(0),
            ),
            kind: self.kind.unwrap_or(0),
            has_tag_filter: self.tf.is_some(),
        }))
    }
}

/// Unsubscribe, presence and presence_stats.
#[derive(Deserialize)]
struct InChannel {
    channel: Option<String>,
}

#[derive(Deserialize)]
struct Publish<'a> {
    channel: Option<String>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: Option<i32>,
}

impl Publish<'_> {
    fn into_request(self) -> Result<Request, DecodeError> {
        Ok(Request::Publish {
            channel: channel(self.channel)?,
            data: data(self.data),
            kind: self.kind.unwrap_or(0),
        })
    }
}

#[derive(Deserialize)]
struct History {
    channel: Option<String>,
    limit: Option<i32>,
    since: Option<Object<Position>>,
    reverse: Option<bool>,
}

#[derive(Deserialize)]
struct Position {
    offset: Option<u64>,
    epoch: Option<String>,
}

impl History {
    fn into_request(self) -> Result<Request, DecodeError> {
        Ok(Request::History(HistoryRequest {
            channel: channel(self.channel)?,
            limit: self.limit.unwrap_or(0),
            since: self.since.map(|Object(since)| StreamPosition {
                offset: since.offset.unwrap_or(0),
                epoch: since.epoch.unwrap_or_default(),
            }),
            reverse: self.reverse.unwrap_or(false),
        }))
    }
}

#[derive(Deserialize)]
struct Send<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Rpc<'a> {
    method: Option<String>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
}

impl Rpc<'_> {
    fn into_request(self) -> Request {
        Request::Rpc {
            method: self.method.unwrap_or_default(),
            data: data(self.data),
        }
    }
}

#[derive(Deserialize)]
struct Refresh {
    token: Option<String>,
}

#[derive(Deserialize)]
struct SubRefresh {
    channel: Option<String>,
    token: Option<String>,
}

fn channel(channel: Option<String>) -> Result<String, DecodeError> {
    decode::channel(channel.unwrap_or_default())
}

fn token(token: Option<String>) -> Option<SecretString> {
    decode::token(token.unwrap_or_default())
}

/// Never a fault here: data that is not JSON is a line that is not JSON.
fn data(raw: Option<&RawValue>) -> Data {
    Ok(raw.map(Payload::from_raw))
}

/// For application data, where `null` is a value; an `Option` alone would read it as absent.
fn even_null<'de, D: Deserializer<'de>>(data: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(data).map(Some)
}

/// A `T` from an object only: serde's derive would take an array for a struct as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(ObjectVisitor(PhantomData))
            .map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}
