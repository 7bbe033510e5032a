//! A whole talk, frame by frame, without a socket.

use serde_json::Value;

use super::*;

fn channels(names: &[&str]) -> Channels {
    Channels::new(
        &names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    )
}

/// A talk that is connected and subscribed to `chat:a`.
fn ready() -> Channels {
    let mut talk = channels(&["chat:a"]);
    talk.begin();
    talk.arrived(
        r#"{"id":1,"connect":{"client":"c1","version":"Gatepost 0.1.0","ping":25,"pong":true}}"#,
    );
    talk.arrived(r#"{"id":2,"subscribe":{}}"#);
    talk
}

fn shown(talk: &mut Channels, frame: &str) -> Vec<String> {
    let outcome = talk.arrived(frame);
    assert_eq!((outcome.send, outcome.over), (None, None), "{frame}");
    outcome.show
}

fn sent(talk: &mut Channels, line: &str) -> Value {
    serde_json::from_str(&talk.typed(line).send.unwrap()).unwrap()
}

#[test]
fn it_begins_with_one_frame_for_all() {
    let frame = channels(&["chat:a", "chat:b", "chat:a"]).begin().unwrap();
    let lines: Vec<Value> = frame
        .split('\n')
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        lines,
        [
            json!({ "id": 1, "connect": { "name": "gatepost-connect", "version": version } }),
            json!({ "id": 2, "subscribe": { "channel": "chat:a", "join_leave": true } }),
            json!({ "id": 3, "subscribe": { "channel": "chat:b", "join_leave": true } }),
        ]
    );
}

#[test]
fn input_waits_until_all_is_subscribed() {
    let mut talk = channels(&["chat:a", "chat:b"]);
    talk.begin();
    assert!(!talk.wants_input() && !talk.is_idle());
    assert_eq!(talk.silence(), Some(CONNECT_TIMEOUT));
    let frame = concat!(
        r##"{"id":1,"connect":{"client":"c1","version":"Gatepost 0.1.0","subs":{"#alice":{}},"ping":25,"pong":true}}"##,
        "\n",
        r#"{"id":2,"subscribe":{}}"#,
        "\n"
    );
    assert_eq!(
        shown(&mut talk, frame),
        [
            "* connected to Gatepost 0.1.0 as client c1",
            "* subscribed by the server to #alice",
            "* subscribed to chat:a"
        ]
    );
    assert!(!talk.wants_input());
    let denied = r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#;
    assert_eq!(
        shown(&mut talk, denied),
        ["* not subscribed to chat:b: error 103 permission denied"]
    );
    assert!(talk.wants_input() && talk.is_idle());
    assert_eq!(talk.silence(), Some(Duration::from_secs(35)));
}

#[test]
fn a_refused_connect_ends_it() {
    let mut talk = channels(&[]);
    talk.begin();
    let outcome = talk.arrived(r#"{"id":1,"error":{"code":109,"message":"token expired"}}"#);
    assert_eq!(
        outcome.over.as_deref(),
        Some("connect was refused: error 109 token expired")
    );
    talk.begin();
    assert!(talk.arrived(r#"{"id":2}"#).over.is_some());
}

#[test]
fn json_is_sent_as_it_is_and_text_as_text() {
    let mut talk = ready();
    for (id, (line, data)) in [
        ("hello", json!({ "text": "hello" })),
        (r#" {"a":[1,2]} "#, json!({ "a": [1, 2] })),
        ("42", json!(42)),
        (r#"{"broken"#, json!({ "text": r#"{"broken"# })),
        ("\u{1b}[2J", json!({ "text": "\u{1b}[2J" })),
    ]
    .into_iter()
    .enumerate()
    {
        let publish = json!({ "channel": "chat:a", "data": data });
        assert_eq!(
            sent(&mut talk, line),
            json!({ "id": id + 3, "publish": publish })
        );
    }
    assert_eq!(talk.typed("  "), Outcome::default());
    assert!(!talk.is_idle());
    for id in 3..8 {
        assert!(shown(&mut talk, &format!(r#"{{"id":{id},"publish":{{}}}}"#)).is_empty());
    }
    assert!(talk.is_idle());
}

#[test]
fn what_cannot_be_published_is_said() {
    let mut talk = ready();
    sent(&mut talk, "x");
    let reply = r#"{"id":3,"error":{"code":111,"message":"too many requests","temporary":true}}"#;
    assert_eq!(
        shown(&mut talk, reply),
        ["* not published to chat:a: error 111 too many requests"]
    );
    let outcome = channels(&[]).typed("x");
    assert!(outcome.send.is_none() && outcome.show[0].contains("--channel"));
}

#[test]
fn only_so_many_publications_wait_for_their_reply() {
    let mut talk = ready();
    for _ in 0..MOST_IN_FLIGHT {
        assert!(talk.wants_input());
        sent(&mut talk, "x");
    }
    assert!(!talk.wants_input());
    talk.arrived(r#"{"id":3,"publish":{}}"#);
    assert!(talk.wants_input());
}

#[test]
fn pings_are_answered_when_asked_for() {
    assert_eq!(ready().arrived("{}"), Outcome::send("{}".into()));
    let mut talk = channels(&[]);
    talk.begin();
    assert_eq!(talk.arrived("{}"), Outcome::default());
    talk.arrived(r#"{"id":1,"connect":{"client":"c1"}}"#);
    assert_eq!(talk.arrived("{}"), Outcome::default());
    assert_eq!(talk.silence(), None);
}

#[test]
fn each_push_has_its_line() {
    let mut talk = ready();
    for (push, line) in [
        (
            r#""pub":{"data":{"text": "hi"},"info":{"user":"alice","client":"c"},"offset":17}"#,
            r#"chat:a alice {"text": "hi"}"#,
        ),
        (r#""pub":{"data":"x"}"#, r#"chat:a #backend "x""#),
        (r#""pub":{"data":null}"#, "chat:a #backend null"),
        (
            r#""join":{"info":{"user":"bob","client":"d"}}"#,
            "chat:a bob joined",
        ),
        (
            r#""leave":{"info":{"user":"bob","client":"d"}}"#,
            "chat:a bob left",
        ),
        (
            r#""unsubscribe":{"code":2100,"reason":"permission withdrawn"}"#,
            "* unsubscribed from chat:a: 2100 permission withdrawn",
        ),
        (
            r#""subscribe":{"offset":4}"#,
            "* subscribed by the server to chat:a",
        ),
        (
            r#""disconnect":{"code":3001,"reason":"shutdown"}"#,
            "* disconnect: 3001 shutdown",
        ),
    ] {
        let frame = format!(r#"{{"push":{{"channel":"chat:a",{push}}}}}"#);
        assert_eq!(shown(&mut talk, &frame), [line]);
    }
    assert_eq!(
        shown(&mut talk, r#"{"push":{"message":{"data":[1]}}}"#),
        ["* message [1]"]
    );
    assert!(shown(&mut talk, r#"{"push":{"refresh":{}}}"#).is_empty());
}

#[test]
fn several_lines_of_a_frame_come_in_order_and_a_broken_one_is_shown() {
    let mut talk = ready();
    let frame = concat!(
        r#"{"push":{"channel":"chat:a","pub":{"data":1}}}"#,
        "\nnot json\n{\"id\":99,\"publish\":{}}\n{}"
    );
    let outcome = talk.arrived(frame);
    assert_eq!(outcome.show[0], "chat:a #backend 1");
    assert!(
        outcome.show[1].starts_with("* not understood (")
            && outcome.show[1].ends_with(": not json")
    );
    assert_eq!(outcome.show[2], "* a reply to nothing, with id 99");
    assert_eq!(outcome.send.as_deref(), Some("{}"));
}
