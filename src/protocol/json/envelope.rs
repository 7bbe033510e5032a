//! The shape of a command in JSON, and its turn into a [`Command`].
//!
//! serde reads the members; what the Centrifuge client protocol demands beyond types is checked
//! here. Unknown members are ignored, `null` is absent, and application data stays raw text.

use std::fmt;
use std::marker::PhantomData;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::DecodeError;
use crate::protocol::{
    Command, ConnectRequest, HistoryRequest, Incoming, Payload, Request, StreamPosition,
    SubscribeRequest,
};

/// One line: an id and at most one request.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
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

impl<'a> Envelope<'a> {
    /// serde's own text may quote the client's: only the place is kept.
    pub(super) fn parse(line: &'a str) -> Result<Envelope<'a>, DecodeError> {
        let Object(envelope) = serde_json::from_str(line).map_err(|error| {
            let column = error.column();
            match error.classify() {
                Category::Data => DecodeError::WrongShape { column },
                Category::Syntax | Category::Eof | Category::Io => DecodeError::NotJson { column },
            }
        })?;
        Ok(envelope)
    }

    /// Exactly one request, or the pong.
    pub(super) fn into_incoming(self) -> Result<Incoming, DecodeError> {
        if self.ping.is_some() {
            return Err(DecodeError::PingRequest);
        }
        let id = self.id.unwrap_or(0);
        match (self.count(), id) {
            (0, 0) => return Ok(Incoming::Pong),
            (0, _) => return Err(DecodeError::NoRequest),
            (1, 0) if self.send.is_none() => return Err(DecodeError::NoId),
            (1, _) => {}
            _ => return Err(DecodeError::SeveralRequests),
        }
        let request = self.into_request()?;
        Ok(Incoming::Command(Command { id, request }))
    }

    fn count(&self) -> usize {
        let named = [
            self.connect.is_some(),
            self.subscribe.is_some(),
            self.unsubscribe.is_some(),
            self.publish.is_some(),
            self.presence.is_some(),
            self.presence_stats.is_some(),
            self.history.is_some(),
            self.send.is_some(),
            self.rpc.is_some(),
            self.refresh.is_some(),
            self.sub_refresh.is_some(),
        ];
        named.into_iter().filter(|named| *named).count()
    }

    fn into_request(self) -> Result<Request, DecodeError> {
        if let Some(Object(body)) = self.connect {
            Ok(body.into_request())
        } else if let Some(Object(body)) = self.subscribe {
            body.into_request()
        } else if let Some(Object(body)) = self.unsubscribe {
            Ok(Request::Unsubscribe {
                channel: channel(body.channel)?,
            })
        } else if let Some(Object(body)) = self.publish {
            body.into_request()
        } else if let Some(Object(body)) = self.presence {
            Ok(Request::Presence {
                channel: channel(body.channel)?,
            })
        } else if let Some(Object(body)) = self.presence_stats {
            Ok(Request::PresenceStats {
                channel: channel(body.channel)?,
            })
        } else if let Some(Object(body)) = self.history {
            body.into_request()
        } else if let Some(Object(body)) = self.send {
            Ok(Request::Send {
                data: payload(body.data),
            })
        } else if let Some(Object(body)) = self.rpc {
            Ok(body.into_request())
        } else if let Some(Object(body)) = self.refresh {
            Ok(Request::Refresh {
                token: token(body.token),
            })
        } else if let Some(Object(body)) = self.sub_refresh {
            Ok(Request::SubRefresh {
                channel: channel(body.channel)?,
                token: token(body.token),
            })
        } else {
            Err(DecodeError::NoRequest)
        }
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
            data: payload(self.data),
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
    /// Bit 2 of `flag`; bit 1, numeric channel ids, is not offered.
    const ERROR_WHEN_UNRECOVERABLE: i64 = 2;

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
            delta: match self.delta.as_deref() {
                None | Some("") => false,
                Some("fossil") => true,
                Some(_) => return Err(DecodeError::UnknownDelta),
            },
            error_when_unrecoverable: self.flag.unwrap_or(0) & Self::ERROR_WHEN_UNRECOVERABLE != 0,
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
            data: payload(self.data),
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
            data: payload(self.data),
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

/// Absent and empty are the same on the wire.
fn channel(channel: Option<String>) -> Result<String, DecodeError> {
    channel
        .filter(|channel| !channel.is_empty())
        .ok_or(DecodeError::NoChannel)
}

/// Absent and empty are the same on the wire.
fn token(token: Option<String>) -> Option<SecretString> {
    token
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
}

fn payload(data: Option<&RawValue>) -> Option<Payload> {
    data.map(Payload::from_raw)
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
