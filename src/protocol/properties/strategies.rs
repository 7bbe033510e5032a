//! Any payload, and any message of which it can be a part.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::prelude::*;

use crate::protocol::{
    ClientInfo, ConnectResult, ErrorCode, ErrorReply, HistoryResult, Payload, Publication, Push,
    RefreshResult, ReplyBody, SubscribeResult, UnsubscribeCode,
};

/// JSON with white space of all kinds between tokens.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(|f| f.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        (
            prop::collection::vec((any::<String>(), inner), 0..4),
            any::<bool>(),
            "[ \t\r\n]{0,2}",
        )
            .prop_map(|(items, object, space)| {
                let items: Vec<String> = items
                    .into_iter()
                    .map(|(key, value)| match object {
                        true => format!(
                            "{space}{}:{space}{value}",
                            serde_json::to_string(&key).unwrap()
                        ),
                        false => format!("{space}{value}{space}"),
                    })
                    .collect();
                let items = items.join(",");
                if object {
                    format!("{{{items}{space}}}")
                } else {
                    format!("[{items}{space}]")
                }
            })
    })
}

pub(in crate::protocol) fn payload() -> impl Strategy<Value = Payload> {
    json().prop_map(|text| Payload::parse(text.as_bytes()).unwrap())
}

fn info() -> impl Strategy<Value = Arc<ClientInfo>> {
    (
        any::<String>(),
        any::<String>(),
        prop::option::of(payload()),
        prop::option::of(payload()),
    )
        .prop_map(|(user, client, conn_info, chan_info)| {
            Arc::new(ClientInfo {
                user: user.into(),
                client: client.into(),
                conn_info,
                chan_info,
            })
        })
}

fn publication() -> impl Strategy<Value = Arc<Publication>> {
    (payload(), prop::option::of(info()), any::<u64>())
        .prop_map(|(data, info, offset)| Arc::new(Publication { data, info, offset }))
}

pub(in crate::protocol) fn push() -> impl Strategy<Value = Push> {
    prop_oneof![
        publication().prop_map(Push::Publication),
        info().prop_map(Push::Join),
        info().prop_map(Push::Leave),
        prop::sample::select(UnsubscribeCode::ALL).prop_map(|code| Push::Unsubscribe { code }),
        prop::option::of(payload()).prop_map(|data| Push::Subscribe { data }),
    ]
}

/// What a command is answered with.
pub(in crate::protocol) fn result() -> impl Strategy<Value = Result<ReplyBody, ErrorReply>> {
    prop_oneof![
        error().prop_map(Err),
        connect().prop_map(|result| Ok(ReplyBody::Connect(result))),
        subscribe().prop_map(|result| Ok(ReplyBody::Subscribe(result))),
        Just(Ok(ReplyBody::Unsubscribe)),
        Just(Ok(ReplyBody::Publish)),
        presence().prop_map(|clients| Ok(ReplyBody::Presence(clients))),
        any::<(u32, u32)>().prop_map(|(num_clients, num_users)| {
            Ok(ReplyBody::PresenceStats {
                num_clients,
                num_users,
            })
        }),
        history().prop_map(|result| Ok(ReplyBody::History(result))),
        refresh().prop_map(|result| Ok(ReplyBody::Refresh(result))),
        ttl().prop_map(|ttl| Ok(ReplyBody::SubRefresh { ttl })),
    ]
}

fn error() -> impl Strategy<Value = ErrorReply> {
    (prop::sample::select(ErrorCode::ALL), any::<String>())
        .prop_map(|(code, message)| ErrorReply::with_message(code, message))
}

fn connect() -> impl Strategy<Value = ConnectResult> {
    let subs = prop::collection::btree_map(any::<String>(), subscribe(), 0..3);
    let rest = any::<(String, String, Option<NonZeroU32>, u32, bool)>();
    (subs, rest).prop_map(|(subs, (client, version, ttl, ping, pong))| ConnectResult {
        client,
        version,
        ttl,
        subs: subs.into_iter().collect(),
        ping,
        pong,
    })
}

fn refresh() -> impl Strategy<Value = RefreshResult> {
    any::<(String, String, NonZeroU32)>().prop_map(|(client, version, ttl)| RefreshResult {
        client,
        version,
        ttl,
    })
}

fn subscribe() -> impl Strategy<Value = SubscribeResult> {
    (ttl(), prop::option::of(payload()), any::<bool>()).prop_map(|(ttl, data, was_recovering)| {
        SubscribeResult {
            ttl,
            data,
            was_recovering,
        }
    })
}

fn ttl() -> impl Strategy<Value = Option<NonZeroU32>> {
    any::<u32>().prop_map(NonZeroU32::new)
}

/// No two of one id, as it is: they are the names of one object.
fn presence() -> impl Strategy<Value = Vec<Arc<ClientInfo>>> {
    prop::collection::vec(info(), 0..3).prop_map(|clients| {
        let by_id = clients.into_iter().map(|info| (info.client.clone(), info));
        by_id.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

fn history() -> impl Strategy<Value = HistoryResult> {
    let publications = prop::collection::vec(publication(), 0..3);
    (publications, any::<(u64, String)>()).prop_map(|(publications, (offset, epoch))| {
        HistoryResult {
            publications,
            offset,
            epoch,
        }
    })
}
