use serde_json::json;

use super::*;
use crate::policy::{PolicySource, RoomSource};

fn policy(rules: &[(&str, &str)]) -> Policy {
    let rooms = rules.iter().map(|(name, rule)| {
        let room = RoomSource {
            subscribe: Some((*rule).to_owned()),
            ..RoomSource::default()
        };
        ((*name).to_owned(), room)
    });
    let source = PolicySource {
        claims: vec![
            ("teams".to_owned(), json!([])),
            ("level".to_owned(), json!(0)),
            ("role".to_owned(), json!("")),
        ],
        personal: None,
        rooms: rooms.collect(),
    };
    Policy::compile(source).unwrap().policy
}

/// `gains` or `loses`, what decided and decides, and the example's claims.
fn changes(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
    let grants = &|_: &Described| None;
    let [old, new] = [policy(old), policy(new)];
    let [before, after] = [&old, &new].map(|policy| Side { policy, grants });
    let comparison = compare(before, after, &[]);
    assert!(comparison.cases > 10 && !comparison.is_cut);
    let changes = comparison.changes.iter().map(|change| {
        let word = if change.gains { "gains" } else { "loses" };
        let claims = Value::Object(change.example.claims.clone());
        format!("{word} {} -> {} {claims}", change.before, change.after)
    });
    changes.collect()
}

#[test]
fn the_same_rules_decide_the_same() {
    let rules = [
        ("a", "claims.level > 3 && claims.role == 'x'"),
        ("b", "true"),
    ];
    assert_eq!(changes(&rules, &rules), Vec::<String>::new());
}

#[test]
fn who_gains_and_who_loses_is_told_with_an_example() {
    let old = [("a", "claims.level > 3"), ("b", "claims.role == 'chief'")];
    let new = [("a", "claims.level > 4"), ("b", "claims.role != ''")];
    let loses_4 = r#"loses room.a.subscribe -> room.a.subscribe {"level":4,"sub":"somebody-else"}"#;
    let gains_any = r#"gains room.b.subscribe -> room.b.subscribe {"role":"somebody-else","sub":"somebody-else"}"#;
    assert_eq!(changes(&old, &new), [loses_4, gains_any]);
    let new = [
        ("a", "claims.level >= 3"),
        ("b", "claims.role in ['chief', 'clerk']"),
    ];
    let gains_3 = r#"gains room.a.subscribe -> room.a.subscribe {"level":3,"sub":"somebody-else"}"#;
    let gains_clerk =
        r#"gains room.b.subscribe -> room.b.subscribe {"role":"clerk","sub":"somebody-else"}"#;
    assert_eq!(changes(&old, &new), [gains_3, gains_clerk]);
}

#[test]
fn a_room_that_is_gone_is_lost() {
    let found = changes(&[("a", "true"), ("b", "true")], &[("a", "true")]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("loses room.b.subscribe -> name"),
        "{found:?}"
    );
}

/// A case that somebody wrote down, or that lies close to one, says more than a made-up name.
#[test]
fn the_example_is_on_a_channel_that_expectations_speak_of() {
    let rule = "channel.parts[0] in claims.teams";
    let [old, new] = [rule, &format!("{rule} || claims.role == 'admin'")];
    let [old, new] = [old, new].map(|rule| policy(&[("project", rule)]));
    let grants = &|_: &Described| None;
    let [before, after] = [&old, &new].map(|policy| Side { policy, grants });
    let claims = json!({"sub": "ann", "teams": ["apollo"]});
    let expectation = Expectation {
        subject: Described::new(claims.as_object().unwrap().clone()),
        channel: "project:apollo".to_owned(),
        permission: Permission::Subscribe,
        allow: true,
        by: None,
    };
    let comparison = compare(before, after, &[&expectation]);
    let change = &comparison.changes[0];
    assert!(change.gains && change.cases > 1, "{change:?}");
    assert_eq!(change.example.channel, "project:apollo");
    assert_eq!(change.example.claims["role"], "admin");
}

/// What a rule joins is tried together, or half of what it says would never be asked.
#[test]
fn who_one_is_where_from_and_when_are_tried_too() {
    for (old, new) in [
        (
            "connection.origin == 'https://app.example.com' && now.getHours() < 18",
            "connection.origin == 'https://app.example.com' && now.getHours() < 17",
        ),
        ("user == 'root'", "user == 'admin'"),
        ("user.startsWith('ad')", "user.startsWith('adm')"),
        ("connection.address == '192.0.2.7'", "false"),
        ("connection.protocol == 'protobuf'", "false"),
    ] {
        let found = changes(&[("a", old)], &[("a", new)]);
        assert!(!found.is_empty(), "{old} -> {new}");
    }
}
