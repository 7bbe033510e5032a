//! Messages to Protobuf, each encoded once, however many connections it goes to.
//!
//! The numbers of the fields are those of `proto/client.proto`; what is written here, the tests
//! read by the types that are made from it. An embedded result is there even when it is empty: SDKs
//! hang without it.

use std::num::NonZeroU32;

use super::writer::{Fields, delimited};
use crate::protocol::{
    ClientInfo, ConnectResult, ErrorReply, HistoryResult, Message, Payload, Publication, Push,
    RefreshResult, ReplyBody, SubscribeResult,
};

/// One message behind its length: all of a frame, or a part of one that holds several.
pub(in crate::protocol) fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    delimited(out, |envelope| match message {
        Message::Ping => {}
        Message::Reply { id, result } => {
            envelope.number(1, (*id).into());
            match result {
                Ok(body) => reply(envelope, body),
                Err(error) => envelope.message(2, |fields| error_reply(fields, error)),
            }
        }
        Message::Push {
            channel,
            push: what,
        } => envelope.message(4, |fields| {
            fields.text(2, channel);
            push(fields, what);
        }),
    });
}

fn error_reply(fields: &mut Fields<'_>, error: &ErrorReply) {
    fields.number(1, error.code.code().into());
    fields.text(2, error.text());
    fields.flag(3, error.code.is_temporary());
}

/// The field is the one of the request.
fn reply(envelope: &mut Fields<'_>, body: &ReplyBody) {
    match body {
        ReplyBody::Connect(result) => envelope.message(5, |fields| connect(fields, result)),
        ReplyBody::Subscribe(result) => envelope.message(6, |fields| subscribe(fields, result)),
        ReplyBody::Unsubscribe => envelope.message(7, |_| {}),
        ReplyBody::Publish => envelope.message(8, |_| {}),
        ReplyBody::Presence(clients) => envelope.message(9, |by_client| {
            for who in clients {
                by_client.message(1, |entry| {
                    entry.text(1, &who.client);
                    entry.message(2, |fields| info(fields, who));
                });
            }
        }),
        ReplyBody::PresenceStats {
            num_clients,
            num_users,
        } => envelope.message(10, |fields| {
            fields.number(1, (*num_clients).into());
            fields.number(2, (*num_users).into());
        }),
        ReplyBody::History(result) => envelope.message(11, |fields| history(fields, result)),
        ReplyBody::Refresh(result) => envelope.message(14, |fields| refresh(fields, result)),
        ReplyBody::SubRefresh { ttl: until } => {
            envelope.message(15, |fields| ttl(fields, 1, *until))
        }
    }
}

fn connect(fields: &mut Fields<'_>, result: &ConnectResult) {
    fields.text(1, &result.client);
    fields.text(2, &result.version);
    ttl(fields, 3, result.ttl);
    for (channel, result) in &result.subs {
        fields.message(6, |entry| {
            entry.text(1, channel);
            entry.message(2, |fields| subscribe(fields, result));
        });
    }
    fields.number(7, result.ping.into());
    fields.flag(8, result.pong);
}

fn refresh(fields: &mut Fields<'_>, result: &RefreshResult) {
    fields.text(1, &result.client);
    fields.text(2, &result.version);
    ttl(fields, 3, Some(result.ttl));
}

/// Two fields, of which `expires` is the first: those of connect, refresh and subscriptions.
fn ttl(fields: &mut Fields<'_>, expires: u32, ttl: Option<NonZeroU32>) {
    fields.flag(expires, ttl.is_some());
    fields.number(expires + 1, ttl.map_or(0, |ttl| ttl.get().into()));
}

fn subscribe(fields: &mut Fields<'_>, result: &SubscribeResult) {
    ttl(fields, 1, result.ttl);
    payload(fields, 11, result.data.as_ref());
    fields.flag(12, result.was_recovering);
}

fn history(fields: &mut Fields<'_>, result: &HistoryResult) {
    for item in &result.publications {
        fields.message(1, |fields| publication(fields, item));
    }
    fields.text(2, &result.epoch);
    fields.number(3, result.offset);
}

fn push(fields: &mut Fields<'_>, push: &Push) {
    match push {
        Push::Publication(item) => fields.message(4, |fields| publication(fields, item)),
        Push::Join(who) => fields.message(5, |join| join.message(1, |fields| info(fields, who))),
        Push::Leave(who) => fields.message(6, |leave| leave.message(1, |fields| info(fields, who))),
        Push::Unsubscribe { code } => fields.message(7, |fields| {
            fields.number(2, code.code().into());
            fields.text(3, code.reason());
        }),
        Push::Subscribe { data } => fields.message(9, |fields| payload(fields, 7, data.as_ref())),
    }
}

/// The same in a push and in a list.
fn publication(fields: &mut Fields<'_>, publication: &Publication) {
    payload(fields, 4, Some(&publication.data));
    if let Some(who) = &publication.info {
        fields.message(5, |fields| info(fields, who));
    }
    fields.number(6, publication.offset);
}

fn info(fields: &mut Fields<'_>, info: &ClientInfo) {
    fields.text(1, &info.user);
    fields.text(2, &info.client);
    payload(fields, 3, info.conn_info.as_ref());
    payload(fields, 4, info.chan_info.as_ref());
}

/// Left out where there is nothing: no payload is empty.
fn payload(fields: &mut Fields<'_>, field: u32, payload: Option<&Payload>) {
    fields.bytes(field, payload.map_or(b"", Payload::as_bytes));
}
