use super::*;

/// What is wrong with the question, if something is.
fn fault(body: Value) -> Option<String> {
    let text = body.to_string();
    let asked = read::<Request>(text.as_bytes()).and_then(|request| Question::of(&request));
    asked.err().map(|fault| match fault {
        Fault::Malformed(reason) => format!("malformed: {reason}"),
        Fault::Error { code, message } => format!("{}: {message}", code.code()),
    })
}

#[test]
fn one_permission_or_several_are_asked_about() {
    for (permission, count) in [
        (json!("publish"), 1),
        (json!(["history"]), 1),
        (json!(["presence", "subscribe", "publish", "history"]), 4),
    ] {
        let text = json!({"channel": "chat:a", "permission": permission}).to_string();
        let request = read(text.as_bytes()).unwrap();
        let question = Question::of(&request).unwrap();
        assert_eq!(question.permissions.len(), count);
        assert_eq!(question.channel.as_str(), "chat:a");
        assert!(!question.with_text);
    }
}

#[test]
fn what_is_no_question_is_told() {
    for (body, expected) in [
        (
            json!({"permission": "publish"}),
            "107: bad request: channel: ",
        ),
        (
            json!({"channel": "dm:#bob,alice", "permission": "publish"}),
            "107: bad request: channel: ",
        ),
        (
            json!({"channel": "chat:a"}),
            "107: bad request: permission: give one or more of subscribe, publish, history, presence",
        ),
        (
            json!({"channel": "chat:a", "permission": []}),
            "107: bad request: permission: give one",
        ),
        (
            json!({"channel": "chat:a", "permission": ["publish", "fly"]}),
            "107: bad request: permission: give one",
        ),
        (
            json!({"channel": "chat:a", "permission": ["publish", "publish"]}),
            "107: bad request: permission: publish is there twice",
        ),
        (
            json!({"channel": "chat:a", "permission": 7}),
            "malformed: `permission` is a string, or a list of them",
        ),
        (
            json!({"channel": "chat:a", "permission": "publish", "now": []}),
            "malformed: `now` is a number of seconds since 1970, or a string",
        ),
        (
            json!({"channel": "chat:a", "permission": "publish", "session": "x"}),
            "malformed: unknown field `session`",
        ),
    ] {
        let found = fault(body).unwrap();
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_time_is_seconds_or_a_date() {
    let time = |given| time(Some(given)).ok().flatten();
    let noon = Some(UnixSeconds(1_772_600_767));
    assert_eq!(time(Time::Seconds(1_772_600_767)), noon);
    assert_eq!(time(Time::Text("2026-03-04T05:06:07Z".to_owned())), noon);
    assert_eq!(time(Time::Seconds(1_772_600_767_000)), None);
    assert_eq!(time(Time::Text("noon".to_owned())), None);
}
