//! The encoder, byte for byte: the numbers of the fields are the protocol.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::protocol::{
    ClientInfo, ConnectResult, ErrorCode, ErrorReply, Format, HistoryResult, Message, Payload,
    Publication, Push, RefreshResult, ReplyBody, SubscribeResult, UnsubscribeCode,
};

fn bytes(message: &Message<'_>) -> Vec<u8> {
    Format::Protobuf.encode(message).to_vec()
}

fn reply(body: ReplyBody) -> Vec<u8> {
    bytes(&Message::Reply {
        id: 5,
        result: Ok(body),
    })
}

fn push(push: Push) -> Vec<u8> {
    bytes(&Message::Push { channel: "c", push })
}

fn payload(text: &str) -> Payload {
    Payload::parse(text.as_bytes()).unwrap()
}

fn alice() -> Arc<ClientInfo> {
    Arc::new(ClientInfo {
        user: "al".into(),
        client: "6f".into(),
        conn_info: Some(payload("[1]")),
        chan_info: None,
    })
}

fn publication(info: Option<Arc<ClientInfo>>, offset: u64) -> Arc<Publication> {
    Arc::new(Publication {
        data: payload("{\"a\": 1.0}"),
        info,
        offset,
    })
}

// Client protocol: a message of length 0, and its length is there.
#[test]
fn a_ping_is_one_zero_byte() {
    assert_eq!(bytes(&Message::Ping), [0]);
}

// Client protocol: an SDK that does not find its result hangs for good.
#[test]
fn empty_results_are_there_with_length_0() {
    assert_eq!(reply(ReplyBody::Unsubscribe), b"\x04\x08\x05\x3a\x00");
    assert_eq!(reply(ReplyBody::Publish), b"\x04\x08\x05\x42\x00");
    let (empty, recovering) = (
        SubscribeResult::default(),
        SubscribeResult {
            was_recovering: true,
            ..SubscribeResult::default()
        },
    );
    assert_eq!(reply(ReplyBody::Subscribe(empty)), b"\x04\x08\x05\x32\x00");
    assert_eq!(
        reply(ReplyBody::Subscribe(recovering)),
        b"\x06\x08\x05\x32\x02\x60\x01"
    );
    assert_eq!(reply(ReplyBody::Presence(vec![])), b"\x04\x08\x05\x4a\x00");
    let nobody = ReplyBody::PresenceStats {
        num_clients: 0,
        num_users: 0,
    };
    assert_eq!(reply(nobody), b"\x04\x08\x05\x52\x00");
    let nothing = ReplyBody::History(HistoryResult::default());
    assert_eq!(reply(nothing), b"\x04\x08\x05\x5a\x00");
    let connect = ReplyBody::Connect(ConnectResult::default());
    assert_eq!(reply(connect), b"\x04\x08\x05\x2a\x00");
    let refreshed = ReplyBody::SubRefresh { ttl: None };
    assert_eq!(reply(refreshed), b"\x04\x08\x05\x7a\x00");
}

#[test]
fn what_a_token_gives_a_subscription_is_there() {
    let ttl = NonZeroU32::new(60);
    let result = SubscribeResult {
        ttl,
        data: Some(payload("[1]")),
        was_recovering: false,
    };
    assert_eq!(
        reply(ReplyBody::Subscribe(result)),
        b"\x0d\x08\x05\x32\x09\x08\x01\x10\x3c\x5a\x03[1]"
    );
    assert_eq!(
        reply(ReplyBody::SubRefresh { ttl }),
        b"\x08\x08\x05\x7a\x04\x08\x01\x10\x3c"
    );
    let who = ClientInfo {
        conn_info: None,
        chan_info: Some(payload("[2]")),
        ..ClientInfo::clone(&alice())
    };
    assert_eq!(
        push(Push::Join(Arc::new(who))),
        b"\x16\x22\x14\x12\x01c\x2a\x0f\x0a\x0d\x0a\x02al\x12\x026f\x22\x03[2]"
    );
    let data = Some(payload("[3]"));
    assert_eq!(
        push(Push::Subscribe { data }),
        b"\x0c\x22\x0a\x12\x01c\x4a\x05\x3a\x03[3]"
    );
}

#[test]
fn a_publication_has_its_data_as_it_came() {
    assert_eq!(
        push(Push::Publication(publication(None, 0))),
        b"\x13\x22\x11\x12\x01c\x22\x0c\x22\x0a{\"a\": 1.0}"
    );
    let info = b"\x0a\x02al\x12\x026f\x1a\x03[1]";
    let mut expected = b"\x24\x22\x22\x12\x01c\x22\x1d\x22\x0a{\"a\": 1.0}\x2a\x0d".to_vec();
    expected.extend(info);
    expected.extend(b"\x30\x11");
    assert_eq!(
        push(Push::Publication(publication(Some(alice()), 17))),
        expected
    );
}

#[test]
fn joins_and_leaves_carry_their_info() {
    let info = b"\x0a\x0d\x0a\x02al\x12\x026f\x1a\x03[1]";
    let joined = [b"\x16\x22\x14\x12\x01c\x2a\x0f".as_slice(), info].concat();
    assert_eq!(push(Push::Join(alice())), joined);
    let left = [b"\x16\x22\x14\x12\x01c\x32\x0f".as_slice(), info].concat();
    assert_eq!(push(Push::Leave(alice())), left);
}

#[test]
fn an_unsubscribe_says_why() {
    let code = UnsubscribeCode::ServerUnsubscribe;
    let pushed = push(Push::Unsubscribe { code });
    assert_eq!(
        pushed,
        b"\x1e\x22\x1c\x12\x01c\x3a\x17\x10\xd0\x0f\x1a\x12server unsubscribe"
    );
}

// The value of an entry is there even when it is empty: the JavaScript SDK reads null otherwise.
#[test]
fn connect_has_the_server_side_subscriptions() {
    let result = ConnectResult {
        client: "6f".into(),
        version: "G".into(),
        ttl: NonZeroU32::new(840),
        subs: vec![("#al".into(), SubscribeResult::default())],
        ping: 25,
        pong: true,
    };
    assert_eq!(
        reply(ReplyBody::Connect(result)),
        b"\x1d\x08\x05\x2a\x19\x0a\x026f\x12\x01G\x18\x01\x20\xc8\x06\x32\x07\x0a\x03#al\x12\x00\x38\x19\x40\x01"
    );
}

#[test]
fn a_refresh_says_when_to_come_again() {
    let result = RefreshResult {
        client: "6f".into(),
        version: "G".into(),
        ttl: NonZeroU32::MIN,
    };
    assert_eq!(
        reply(ReplyBody::Refresh(result)),
        b"\x0f\x08\x05\x72\x0b\x0a\x026f\x12\x01G\x18\x01\x20\x01"
    );
    assert_eq!(
        push(Push::Subscribe { data: None }),
        b"\x07\x22\x05\x12\x01c\x4a\x00"
    );
}

#[test]
fn presence_is_by_client() {
    assert_eq!(
        reply(ReplyBody::Presence(vec![alice()])),
        b"\x19\x08\x05\x4a\x15\x0a\x13\x0a\x026f\x12\x0d\x0a\x02al\x12\x026f\x1a\x03[1]"
    );
    let stats = ReplyBody::PresenceStats {
        num_clients: 3,
        num_users: 2,
    };
    assert_eq!(reply(stats), b"\x08\x08\x05\x52\x04\x08\x03\x10\x02");
}

#[test]
fn history_has_publications_and_the_position() {
    let history = HistoryResult {
        publications: vec![publication(None, 1), publication(None, 300)],
        offset: 300,
        epoch: "bQ".into(),
    };
    assert_eq!(
        reply(ReplyBody::History(history)),
        [
            b"\x2c\x08\x05\x5a\x28".as_slice(),
            b"\x0a\x0e\x22\x0a{\"a\": 1.0}\x30\x01",
            b"\x0a\x0f\x22\x0a{\"a\": 1.0}\x30\xac\x02",
            b"\x12\x02bQ\x18\xac\x02",
        ]
        .concat()
    );
}

// The client protocol's errors.
#[test]
fn errors_have_code_message_and_temporary_only_when_true() {
    let error = |error: ErrorReply| {
        bytes(&Message::Reply {
            id: 3,
            result: Err(error),
        })
    };
    assert_eq!(
        error(ErrorCode::PermissionDenied.into()),
        b"\x19\x08\x03\x12\x15\x08\x67\x12\x11permission denied"
    );
    assert_eq!(
        error(ErrorCode::TooManyRequests.into()),
        b"\x1b\x08\x03\x12\x17\x08\x6f\x12\x11too many requests\x18\x01"
    );
    assert_eq!(
        error(ErrorReply::with_message(ErrorCode::BadRequest, "")),
        b"\x13\x08\x03\x12\x0f\x08\x6b\x12\x0bbad request"
    );
}

// RES-1 counts the length of shared bytes: the buffer behind them is not larger.
#[test]
fn a_message_takes_no_more_than_its_bytes() {
    let message = Format::Protobuf.encode(&Message::Push {
        channel: "chat:general",
        push: Push::Publication(publication(Some(alice()), 17)),
    });
    let length = message.len();
    assert_eq!(Vec::from(message).capacity(), length);
}
