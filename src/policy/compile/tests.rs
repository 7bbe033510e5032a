use std::time::Duration;

use serde_json::json;

use super::*;
use crate::policy::HistoryLimits;

fn source(rooms: Vec<(&str, RoomSource)>) -> PolicySource {
    PolicySource {
        claims: vec![("teams".to_owned(), json!([]))],
        personal: None,
        rooms: rooms
            .into_iter()
            .map(|(name, room)| (name.to_owned(), room))
            .collect(),
    }
}

fn faults(source: PolicySource) -> Vec<(String, String)> {
    let faults = Policy::compile(source).unwrap_err();
    faults
        .into_iter()
        .map(|fault| (fault.rule, fault.message))
        .collect()
}

/// CEL-2: all faults at once, each with the rule that it is in.
#[test]
fn cel_2_all_faults_are_told_at_once_by_the_name_of_their_rule() {
    let room = RoomSource {
        subscribe: Some("usr == 'a'".to_owned()),
        publish: Some("1".to_owned()),
        presence: Some("(".to_owned()),
        deny: Some("lower(user) == 'a'".to_owned()),
        history_read: Some("claims".to_owned()),
        history: Some(HistoryLimits {
            size: 1,
            ttl: Duration::from_secs(1),
        }),
        ..RoomSource::default()
    };
    let mut source = source(vec![("chat", room)]);
    let publish = Some("channel.nam == ''".to_owned());
    source.personal = Some(RoomSource {
        publish,
        ..RoomSource::default()
    });
    source.claims.push(("role".to_owned(), json!(null)));
    let rules: Vec<_> = faults(source).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(
        rules,
        [
            "claims.role",
            "personal.publish",
            "room.chat.subscribe",
            "room.chat.publish",
            "room.chat.presence",
            "room.chat.deny",
            "room.chat.history.read",
        ]
    );
}

#[test]
fn the_place_of_a_fault_is_in_the_rules_own_text() {
    let subscribe = Some("user == 'a' &&\n  channel.nam == 'b'".to_owned());
    let room = RoomSource {
        subscribe,
        ..RoomSource::default()
    };
    let faults = Policy::compile(source(vec![("chat", room)])).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].at, 25..28);
}

#[test]
fn chan_1_a_room_that_no_channel_could_have_is_refused() {
    for name in ["personal", "", "a:b", "a#b", "a b", "r\u{f6}m"] {
        let faults = faults(source(vec![(name, RoomSource::default())]));
        assert_eq!(faults[0].0, format!("room.{name}"));
    }
    let twice = vec![
        ("chat", RoomSource::default()),
        ("chat", RoomSource::default()),
    ];
    assert!(faults(source(twice))[0].1.contains("twice"));
}

#[test]
fn a_rule_for_a_history_that_is_not_kept_is_refused() {
    let room = RoomSource {
        history_read: Some("true".to_owned()),
        ..RoomSource::default()
    };
    assert_eq!(
        faults(source(vec![("chat", room)]))[0].0,
        "room.chat.history.read"
    );
}

#[test]
fn warnings_come_with_the_policy() {
    let room = RoomSource {
        subscribe: Some("claims.team == 'red'".to_owned()),
        join_leave: true,
        ..RoomSource::default()
    };
    let compiled = Policy::compile(source(vec![("chat", room)])).unwrap();
    let rules: Vec<_> = compiled
        .warnings
        .iter()
        .map(|warning| warning.rule.as_str())
        .collect();
    assert_eq!(rules, ["room.chat.subscribe", "room.chat.join_leave"]);
    assert_eq!(compiled.warnings[0].at, 7..11);
    assert!(
        compiled.warnings[0]
            .message
            .contains("did you mean `teams`")
    );
}

/// CEL-3: a config full of malicious rules is refused, and the process lives to say so.
#[test]
fn cel_3_a_bad_rule_does_not_end_the_process() {
    let bad = [
        format!("claims{}", ".a".repeat(5000)),
        format!("{}true{}", "(".repeat(20), ")".repeat(20)),
        "claims.teams.all(a, claims.teams.all(b, claims.teams.all(c, true)))".to_owned(),
        "user.matches('(a{1000}){1000}')".to_owned(),
        "(".repeat(1024),
    ];
    let rooms = bad.iter().map(|text| RoomSource {
        subscribe: Some(text.clone()),
        ..RoomSource::default()
    });
    let names = ["a", "b", "c", "d", "e"];
    assert_eq!(
        faults(source(names.into_iter().zip(rooms).collect())).len(),
        bad.len()
    );
}
