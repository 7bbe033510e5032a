use serde_json::{Value, json};

use super::*;
use crate::policy::{Described, PolicySource, RoomSource, Run};

fn rule(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn policy() -> Policy {
    let team = RoomSource {
        subscribe: rule("channel.parts[0] in claims.teams && (claims.level > 2 || claims.admin)"),
        publish: rule("!claims.muted"),
        presence: rule("claims.admin ? true : claims.teams.exists(t, t == 'red')"),
        deny: rule("claims.suspended"),
        ..RoomSource::default()
    };
    let broken = RoomSource {
        subscribe: rule("claims.other == 'x' || claims.muted"),
        publish: rule("true"),
        ..RoomSource::default()
    };
    let source = PolicySource {
        claims: vec![
            ("teams".to_owned(), json!([])),
            ("level".to_owned(), json!(0)),
            ("admin".to_owned(), json!(false)),
            ("muted".to_owned(), json!(false)),
            ("suspended".to_owned(), json!(false)),
        ],
        personal: None,
        rooms: vec![("team".to_owned(), team), ("broken".to_owned(), broken)],
    };
    Policy::compile(source).unwrap().policy
}

fn explain(claims: Value, channel: &str, permission: Permission) -> Explanation {
    let policy = policy();
    let claims = claims.as_object().unwrap().clone();
    let made_up = Described::new(claims).make(&policy).unwrap();
    let channel = ChannelName::parse(channel).unwrap();
    let subject = made_up.subject();
    let explanation = policy.explain(&subject, &channel, permission);
    let decision = policy.decide(&subject, &channel, permission);
    assert_eq!(explanation.decision.to_string(), decision.to_string());
    explanation
}

/// The values of the parts of the last rule that was asked.
fn values(explanation: &Explanation) -> Vec<(String, Value, bool)> {
    let json = explanation.to_json();
    let steps = json["steps"].as_array().unwrap();
    let asked = steps.iter().rev().find(|step| step["values"].is_array());
    let values = asked.unwrap()["values"].as_array().unwrap();
    let shown = values.iter().map(|part| {
        let value = part.get("value").or(part.get("error")).unwrap().clone();
        let text = part["text"].as_str().unwrap().to_owned();
        (text, value, part["asked"].as_bool().unwrap())
    });
    shown.collect()
}

fn shown<'v>(values: &'v [(String, Value, bool)], text: &str) -> &'v (String, Value, bool) {
    values.iter().find(|(shown, ..)| shown == text).unwrap()
}

#[test]
fn each_part_of_a_rule_has_its_value() {
    let bob = json!({"sub": "bob", "teams": ["red"], "level": 1});
    let explanation = explain(bob, "team:red", Permission::Subscribe);
    let values = values(&explanation);
    let texts: Vec<&str> = values.iter().map(|(text, ..)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "channel.parts[0] in claims.teams && (claims.level > 2 || claims.admin)",
            "channel.parts[0] in claims.teams",
            "channel.parts[0]",
            "channel.parts",
            "claims.teams",
            "claims.level > 2 || claims.admin",
            "claims.level > 2",
            "claims.level",
            "claims.admin",
        ]
    );
    assert_eq!(shown(&values, "channel.parts[0]").1, "red");
    assert_eq!(shown(&values, "claims.teams").1, json!(["red"]));
    assert_eq!(shown(&values, "claims.level").1, 1);
    assert_eq!(shown(&values, "claims.level > 2").1, false);
    assert!(values.iter().all(|(.., asked)| *asked));
}

#[test]
fn what_the_rule_went_by_is_not_asked() {
    let bob = json!({"sub": "bob", "teams": ["red"], "level": 9});
    let explanation = explain(bob, "team:blue", Permission::Subscribe);
    let values = values(&explanation);
    assert!(shown(&values, "channel.parts[0] in claims.teams").2);
    assert!(!shown(&values, "claims.level > 2").2);
    assert_eq!(shown(&values, "claims.level > 2").1, true);
}

#[test]
fn of_a_macro_the_result_is_shown_and_what_it_walks() {
    let bob = json!({"sub": "bob", "teams": ["red"]});
    let explanation = explain(bob, "team:red", Permission::Presence);
    let values = values(&explanation);
    let texts: Vec<&str> = values.iter().map(|(text, ..)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "claims.admin ? true : claims.teams.exists(t, t == 'red')",
            "claims.admin",
            "claims.teams.exists(t, t == 'red')",
            "claims.teams",
        ]
    );
    assert_eq!(shown(&values, "claims.teams.exists(t, t == 'red')").1, true);
}

#[test]
fn what_would_have_to_differ() {
    use Permission::{Presence, Publish, Subscribe};
    let red = json!({"sub": "bob", "teams": ["red"]});
    for (claims, channel, permission, otherwise) in [
        (
            red.clone(),
            "team:red",
            Subscribe,
            vec![
                "room.team.subscribe would have to be true, with `claims.level > 2` true; or \
                 with `claims.admin` true",
            ],
        ),
        (
            json!({"sub": "bob"}),
            "team:red",
            Subscribe,
            vec![
                "room.team.subscribe would have to be true, with `channel.parts[0] in \
                 claims.teams` true and `claims.level > 2` true; or with `channel.parts[0] in \
                 claims.teams` true and `claims.admin` true",
            ],
        ),
        // What comes behind the veto counts too.
        (
            json!({"sub": "bob", "suspended": true, "muted": true}),
            "team:red",
            Publish,
            vec![
                "room.team.deny would have to be false, with `claims.suspended` false",
                "room.team.publish would have to be true, with `claims.muted` false",
            ],
        ),
        (
            json!({"sub": "bob"}),
            "broken:a",
            Subscribe,
            vec![
                "room.broken.subscribe would have to be true, with `claims.other == 'x'` true (it \
                 has no value: there is no other); or with `claims.muted` true",
            ],
        ),
        (
            red.clone(),
            "team:red",
            Publish,
            vec![
                "room.team.deny would have to be true, with `claims.suspended` true",
                "room.team.publish would have to be false, with `claims.muted` true",
            ],
        ),
        (
            red.clone(),
            "broken:a",
            Publish,
            vec![
                "room.broken.publish would have to be another rule, since this one is never false",
            ],
        ),
        (
            red.clone(),
            "broken:a",
            Presence,
            vec!["[room.broken] would have to have a rule for presence"],
        ),
        (
            red.clone(),
            "nowhere:a",
            Publish,
            vec!["there would have to be a [room.nowhere]"],
        ),
        (
            red.clone(),
            "#alice",
            Subscribe,
            vec!["the channel would have to name bob"],
        ),
        (
            red.clone(),
            "#alice",
            Publish,
            vec!["[personal] would have to have a rule for publish"],
        ),
        (
            red,
            "#bob",
            Subscribe,
            vec!["the channel would have to name others than bob"],
        ),
    ] {
        let explanation = explain(claims, channel, permission);
        assert_eq!(explanation.otherwise, otherwise, "{permission} {channel}");
    }
}

#[test]
fn it_reads_from_the_first_step_to_the_last() {
    let place = |line| {
        let run = |offset, line, column| Run {
            offset,
            line,
            column,
        };
        let runs = vec![run(0, line, 12), run(4, line + 1, 3)];
        RulePlace::new(Arc::new("etc/gatepost.toml".into()), runs)
    };
    let places = [
        ("room.team.publish".to_owned(), place(7)),
        ("room.team.deny".to_owned(), place(9)),
    ];
    let policy = policy().written_at(places.into());
    let claims = json!({"sub": "bob", "muted": true});
    let made_up = Described::new(claims.as_object().unwrap().clone());
    let made_up = made_up.make(&policy).unwrap();
    let channel = ChannelName::parse("team:red").unwrap();
    let explanation = policy.explain(&made_up.subject(), &channel, Permission::Publish);
    assert_eq!(
        explanation.to_string(),
        "\
denied: publish on team:red for bob, by room.team.publish: the rule is false
  name     pass   the room is configured
  private  pass   the channel is not private
  deny     pass   the deny rule is false
                  room.team.deny  etc/gatepost.toml:9:12
                    9:12     claims.suspended = false
  grants   pass   the token grants nothing
  rule     deny   the rule is false
                  room.team.publish  etc/gatepost.toml:7:12
                    7:12     !claims.muted = false
                    7:13     claims.muted  = true
for the other answer: room.team.publish would have to be true, with `claims.muted` false"
    );
    let json = explanation.to_json();
    assert_eq!(json["decision"], "deny");
    assert_eq!(json["decided_by"], "room.team.publish");
    let last = &json["steps"][3];
    assert_eq!(last["step"], "rule");
    assert_eq!(last["result"], "deny");
    assert_eq!(last["rule"], "room.team.publish");
    assert_eq!(last["file"], "etc/gatepost.toml");
    assert_eq!((&last["line"], &last["column"]), (&json!(7), &json!(12)));
    assert_eq!(last["note"], "the rule is false");
    let part = json!({
        "text": "claims.muted", "line": 7, "column": 13, "value": true, "asked": true
    });
    assert_eq!(last["values"][1], part);
}

/// A claim of any size is shown in little room.
#[test]
fn what_is_shown_is_bounded() {
    let teams: Vec<String> = (0..1000)
        .map(|n| format!("{n}{}", "x".repeat(1000)))
        .collect();
    let claims = json!({"sub": "bob", "teams": teams, "level": 3});
    let explanation = explain(claims, "team:red", Permission::Subscribe);
    assert!(explanation.to_string().len() < 4096);
    assert!(explanation.to_json().to_string().len() < 32 * 1024);
}
