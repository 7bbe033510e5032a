//! Messages to JSON text, each encoded once, however many connections it goes to.
//!
//! The rules of the Centrifuge client protocol are written out here rather than derived: defaults
//! are left out, but an embedded result is there even when it is empty (SDKs hang without it), and
//! some members are always there. Members stand in the order of the reference.

use std::num::NonZeroU32;

use super::text::{Members, array, object};
use crate::protocol::{
    ClientInfo, ConnectResult, ErrorReply, HistoryResult, Message, Publication, Push,
    RefreshResult, ReplyBody, SubscribeResult,
};

/// One line without its newline: the text of a frame, or a part of one that holds several lines.
pub(in crate::protocol) fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    object(out, |envelope| match message {
        Message::Ping => {}
        Message::Reply { id, result } => {
            envelope.number_unless_zero("id", u64::from(*id));
            match result {
                Ok(body) => reply(envelope, body),
                Err(error) => envelope.object("error", |members| error_reply(members, error)),
            }
        }
        Message::Push {
            channel,
            push: what,
        } => envelope.object("push", |members| {
            members.string("channel", channel);
            push(members, what);
        }),
    });
}

fn error_reply(members: &mut Members<'_>, error: &ErrorReply) {
    members.number("code", u64::from(error.code.code()));
    members.string("message", error.text());
    members.flag("temporary", error.code.is_temporary());
}

/// The member is named like the request, and is there even when it is empty.
fn reply(envelope: &mut Members<'_>, body: &ReplyBody) {
    match body {
        ReplyBody::Connect(result) => {
            envelope.object("connect", |members| connect(members, result));
        }
        ReplyBody::Subscribe(result) => {
            envelope.object("subscribe", |members| subscribe(members, result));
        }
        ReplyBody::Unsubscribe => envelope.object("unsubscribe", |_| {}),
        ReplyBody::Publish => envelope.object("publish", |_| {}),
        ReplyBody::Presence(clients) => envelope.object("presence", |members| {
            // Always there: apps take the keys of it.
            members.object("presence", |by_client| {
                for who in clients {
                    object(by_client.foreign_name(&who.client), |members| {
                        info(members, who)
                    });
                }
            });
        }),
        ReplyBody::PresenceStats {
            num_clients,
            num_users,
        } => {
            envelope.object("presence_stats", |members| {
                members.number("num_clients", u64::from(*num_clients));
                members.number("num_users", u64::from(*num_users));
            });
        }
        ReplyBody::History(result) => {
            envelope.object("history", |members| history(members, result));
        }
        ReplyBody::Refresh(result) => {
            envelope.object("refresh", |members| refresh(members, result));
        }
        ReplyBody::SubRefresh { ttl } => {
            envelope.object("sub_refresh", |members| expiry(members, *ttl));
        }
    }
}

/// Both members or neither.
fn expiry(members: &mut Members<'_>, ttl: Option<NonZeroU32>) {
    if let Some(ttl) = ttl {
        members.flag("expires", true);
        members.number("ttl", u64::from(ttl.get()));
    }
}

fn connect(members: &mut Members<'_>, result: &ConnectResult) {
    members.string("client", &result.client);
    members.string("version", &result.version);
    expiry(members, result.ttl);
    if !result.subs.is_empty() {
        members.object("subs", |by_channel| {
            for (channel, result) in &result.subs {
                object(by_channel.foreign_name(channel), |members| {
                    subscribe(members, result)
                });
            }
        });
    }
    members.number_unless_zero("ping", u64::from(result.ping));
    members.flag("pong", result.pong);
}

fn refresh(members: &mut Members<'_>, result: &RefreshResult) {
    members.string("client", &result.client);
    members.string("version", &result.version);
    expiry(members, Some(result.ttl));
}

fn subscribe(members: &mut Members<'_>, result: &SubscribeResult) {
    expiry(members, result.ttl);
    members.payload_if_any("data", result.data.as_ref());
    members.flag("was_recovering", result.was_recovering);
}

/// All three members are always there.
fn history(members: &mut Members<'_>, result: &HistoryResult) {
    array(
        members.name("publications"),
        &result.publications,
        |out, item| {
            object(out, |members| publication(members, item));
        },
    );
    members.string("epoch", &result.epoch);
    members.number("offset", result.offset);
}

fn push(members: &mut Members<'_>, push: &Push) {
    match push {
        Push::Publication(item) => members.object("pub", |members| publication(members, item)),
        Push::Join(who) => members.object("join", |join| join.object("info", |m| info(m, who))),
        Push::Leave(who) => members.object("leave", |leave| leave.object("info", |m| info(m, who))),
        Push::Unsubscribe { code } => members.object("unsubscribe", |members| {
            members.number("code", u64::from(code.code()));
            members.string("reason", code.reason());
        }),
        Push::Subscribe { data } => members.object("subscribe", |members| {
            members.payload_if_any("data", data.as_ref());
        }),
    }
}

/// The same in a push and in a list.
fn publication(members: &mut Members<'_>, publication: &Publication) {
    members.payload("data", &publication.data);
    if let Some(who) = &publication.info {
        members.object("info", |members| info(members, who));
    }
    members.number_unless_zero("offset", publication.offset);
}

/// `user` and `client` are always there.
fn info(members: &mut Members<'_>, info: &ClientInfo) {
    members.string("user", &info.user);
    members.string("client", &info.client);
    members.payload_if_any("conn_info", info.conn_info.as_ref());
    members.payload_if_any("chan_info", info.chan_info.as_ref());
}
