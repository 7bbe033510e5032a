//! The encoder, byte for byte against the examples of the Centrifuge client protocol.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::protocol::{
    ClientInfo, ConnectResult, ErrorCode, ErrorReply, Format, HistoryResult, Message, Payload,
    Publication, Push, RefreshResult, ReplyBody, SubscribeResult, UnsubscribeCode,
};

fn text(message: &Message<'_>) -> String {
    String::from_utf8(Format::Json.encode(message).to_vec()).unwrap()
}

fn reply(body: ReplyBody) -> String {
    text(&Message::Reply {
        id: 5,
        result: Ok(body),
    })
}

fn push(push: Push) -> String {
    text(&Message::Push {
        channel: "chat:general",
        push,
    })
}

fn payload(text: &str) -> Payload {
    Payload::parse(text.as_bytes()).unwrap()
}

fn bob() -> Arc<ClientInfo> {
    Arc::new(ClientInfo {
        user: "bob".into(),
        client: "91aa".into(),
        conn_info: None,
        chan_info: None,
    })
}

fn hi(offset: u64) -> Arc<Publication> {
    let info = ClientInfo {
        user: "alice".into(),
        client: "6f2c".into(),
        conn_info: Some(payload(r#"{"name":"Alice"}"#)),
        chan_info: None,
    };
    Arc::new(Publication {
        data: payload(r#"{"text":"hi"}"#),
        info: Some(Arc::new(info)),
        offset,
    })
}

const HI: &str = concat!(
    r#"{"data":{"text":"hi"},"info":{"user":"alice","client":"6f2c","#,
    r#""conn_info":{"name":"Alice"}},"offset":17}"#
);

// Client protocol, examples.
#[test]
fn pushes_are_those_of_the_examples() {
    assert_eq!(
        push(Push::Publication(hi(17))),
        format!(r#"{{"push":{{"channel":"chat:general","pub":{HI}}}}}"#)
    );
    assert_eq!(
        push(Push::Join(bob())),
        r#"{"push":{"channel":"chat:general","join":{"info":{"user":"bob","client":"91aa"}}}}"#
    );
    assert_eq!(
        push(Push::Leave(bob())),
        r#"{"push":{"channel":"chat:general","leave":{"info":{"user":"bob","client":"91aa"}}}}"#
    );
    assert_eq!(
        push(Push::Unsubscribe {
            code: UnsubscribeCode::ServerUnsubscribe
        }),
        r#"{"push":{"channel":"chat:general","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}"#
    );
    assert_eq!(
        push(Push::Unsubscribe {
            code: UnsubscribeCode::PermissionWithdrawn
        }),
        r#"{"push":{"channel":"chat:general","unsubscribe":{"code":2100,"reason":"permission withdrawn"}}}"#
    );
}

#[test]
fn a_publication_of_the_backend_has_no_info_and_without_a_stream_no_offset() {
    let publication = Publication {
        data: payload("null"),
        info: None,
        offset: 0,
    };
    assert_eq!(
        push(Push::Publication(Arc::new(publication))),
        r#"{"push":{"channel":"chat:general","pub":{"data":null}}}"#
    );
}

// By the client protocol.
#[test]
fn a_ping_is_an_empty_object() {
    assert_eq!(text(&Message::Ping), "{}");
}

// Client protocol: an SDK that does not find its result hangs for good.
#[test]
fn empty_results_are_there() {
    assert_eq!(reply(ReplyBody::Publish), r#"{"id":5,"publish":{}}"#);
    assert_eq!(
        reply(ReplyBody::Unsubscribe),
        r#"{"id":5,"unsubscribe":{}}"#
    );
    assert_eq!(
        reply(ReplyBody::Subscribe(SubscribeResult::default())),
        r#"{"id":5,"subscribe":{}}"#
    );
    assert_eq!(
        reply(ReplyBody::Subscribe(SubscribeResult {
            was_recovering: true,
            ..SubscribeResult::default()
        })),
        r#"{"id":5,"subscribe":{"was_recovering":true}}"#
    );
    assert_eq!(
        reply(ReplyBody::SubRefresh { ttl: None }),
        r#"{"id":5,"sub_refresh":{}}"#
    );
}

#[test]
fn what_a_token_gives_a_subscription_is_there() {
    let result = SubscribeResult {
        ttl: NonZeroU32::new(60),
        data: Some(payload(r#"{"topic":1.0}"#)),
        was_recovering: false,
    };
    assert_eq!(
        reply(ReplyBody::Subscribe(result)),
        r#"{"id":5,"subscribe":{"expires":true,"ttl":60,"data":{"topic":1.0}}}"#
    );
    let ttl = NonZeroU32::new(1);
    assert_eq!(
        reply(ReplyBody::SubRefresh { ttl }),
        r#"{"id":5,"sub_refresh":{"expires":true,"ttl":1}}"#
    );
    let who = ClientInfo {
        chan_info: Some(payload("null")),
        ..ClientInfo::clone(&bob())
    };
    assert_eq!(
        push(Push::Join(Arc::new(who))),
        r#"{"push":{"channel":"chat:general","join":{"info":{"user":"bob","client":"91aa","chan_info":null}}}}"#
    );
    assert_eq!(
        push(Push::Subscribe {
            data: Some(payload("[1]"))
        }),
        r#"{"push":{"channel":"chat:general","subscribe":{"data":[1]}}}"#
    );
}

#[test]
fn connect_has_the_server_side_subscriptions() {
    let mut result = ConnectResult {
        client: "6f2c".into(),
        version: "Gatepost 0.1.0".into(),
        ttl: NonZeroU32::new(840),
        subs: vec![("#alice".into(), SubscribeResult::default())],
        ping: 25,
        pong: true,
    };
    assert_eq!(
        reply(ReplyBody::Connect(result.clone())),
        r##"{"id":5,"connect":{"client":"6f2c","version":"Gatepost 0.1.0","expires":true,"ttl":840,"subs":{"#alice":{}},"ping":25,"pong":true}}"##
    );
    result.subs.clear();
    result.ttl = None;
    result.ping = 0;
    result.pong = false;
    assert_eq!(
        reply(ReplyBody::Connect(result)),
        r#"{"id":5,"connect":{"client":"6f2c","version":"Gatepost 0.1.0"}}"#
    );
}

#[test]
fn a_refresh_says_when_to_come_again() {
    let result = RefreshResult {
        client: "6f2c".into(),
        version: "Gatepost 0.1.0".into(),
        ttl: NonZeroU32::MIN,
    };
    assert_eq!(
        reply(ReplyBody::Refresh(result)),
        r#"{"id":5,"refresh":{"client":"6f2c","version":"Gatepost 0.1.0","expires":true,"ttl":1}}"#
    );
    assert_eq!(
        push(Push::Subscribe { data: None }),
        r#"{"push":{"channel":"chat:general","subscribe":{}}}"#
    );
}

// Client protocol, always present.
#[test]
fn presence_and_history_write_their_empty_members() {
    let odd = ClientInfo {
        client: "\"".into(),
        ..ClientInfo::clone(&bob())
    };
    assert_eq!(
        reply(ReplyBody::Presence(vec![])),
        r#"{"id":5,"presence":{"presence":{}}}"#
    );
    assert_eq!(
        reply(ReplyBody::Presence(vec![bob(), Arc::new(odd)])),
        concat!(
            r#"{"id":5,"presence":{"presence":{"91aa":{"user":"bob","client":"91aa"},"#,
            r#""\"":{"user":"bob","client":"\""}}}}"#
        )
    );
    assert_eq!(
        reply(ReplyBody::PresenceStats {
            num_clients: 0,
            num_users: 0
        }),
        r#"{"id":5,"presence_stats":{"num_clients":0,"num_users":0}}"#
    );
    assert_eq!(
        reply(ReplyBody::History(HistoryResult::default())),
        r#"{"id":5,"history":{"publications":[],"epoch":"","offset":0}}"#
    );
    let history = HistoryResult {
        publications: vec![hi(17); 2],
        offset: 18,
        epoch: "bQ".into(),
    };
    assert_eq!(
        reply(ReplyBody::History(history)),
        format!(r#"{{"id":5,"history":{{"publications":[{HI},{HI}],"epoch":"bQ","offset":18}}}}"#)
    );
}

#[test]
fn a_user_may_be_empty_but_is_written() {
    let nobody = ClientInfo {
        user: "".into(),
        client: "".into(),
        conn_info: None,
        chan_info: None,
    };
    assert!(push(Push::Join(Arc::new(nobody))).contains(r#"{"user":"","client":""}"#));
}

// The client protocol's errors.
#[test]
fn errors_have_code_message_and_temporary_only_when_true() {
    let error = |error: ErrorReply| {
        text(&Message::Reply {
            id: 3,
            result: Err(error),
        })
    };
    assert_eq!(
        error(ErrorCode::PermissionDenied.into()),
        r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#
    );
    assert_eq!(
        error(ErrorCode::TooManyRequests.into()),
        r#"{"id":3,"error":{"code":111,"message":"too many requests","temporary":true}}"#
    );
    assert_eq!(
        error(ErrorReply::with_message(
            ErrorCode::BadRequest,
            String::from("the channel's name is dm:#alice,bob")
        )),
        r#"{"id":3,"error":{"code":107,"message":"the channel's name is dm:#alice,bob"}}"#
    );
    assert_eq!(
        error(ErrorReply::with_message(ErrorCode::BadRequest, "")),
        r#"{"id":3,"error":{"code":107,"message":"bad request"}}"#
    );
}

// Client protocol: 64-bit integers are numbers.
#[test]
fn large_numbers_are_numbers() {
    let history = HistoryResult {
        offset: u64::MAX,
        ..HistoryResult::default()
    };
    assert!(reply(ReplyBody::History(history)).ends_with(r#""offset":18446744073709551615}}"#));
}

// RES-1 counts the length of shared bytes: the buffer behind them should not be much larger.
#[test]
fn the_estimate_is_close() {
    for message in [
        Message::Push {
            channel: "chat:general",
            push: Push::Publication(hi(17)),
        },
        Message::Reply {
            id: 1,
            result: Ok(ReplyBody::Publish),
        },
    ] {
        let length = Format::Json.encode(&message).len();
        let estimate = message.size_estimate();
        assert!(
            length <= estimate && estimate < length + 256,
            "{length} of {estimate}"
        );
    }
}
