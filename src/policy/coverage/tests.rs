use serde_json::{Value, json};

use super::*;
use crate::policy::{Described, HistoryLimits, PolicySource, RoomSource};

fn policy(room: RoomSource) -> Policy {
    let claims = ["a", "b", "c"].map(|name| (name.to_owned(), json!(false)));
    let source = PolicySource {
        claims: claims.into(),
        personal: None,
        rooms: vec![("x".to_owned(), room)],
    };
    Policy::compile(source).unwrap().policy
}

fn publish(rule: &str) -> RoomSource {
    RoomSource {
        subscribe: Some("true".to_owned()),
        publish: Some(rule.to_owned()),
        ..RoomSource::default()
    }
}

/// What is missing after these cases, each a permission with the claims that are true.
fn gaps(policy: &Policy, cases: &[(Permission, &str, &str)]) -> Vec<String> {
    let mut coverage = policy.coverage();
    for (permission, channel, claims) in cases {
        let mut token = json!({"sub": "alice"});
        for claim in claims.chars() {
            token[claim.to_string()] = Value::Bool(true);
        }
        let described = Described::new(token.as_object().unwrap().clone());
        let made_up = described.make(policy).unwrap();
        let channel = ChannelName::parse(channel).unwrap();
        coverage.add(policy, &made_up.subject(), &channel, *permission);
    }
    let gaps = coverage.gaps().into_iter();
    gaps.map(|gap| format!("{}: {}", gap.what, gap.missing.join(" ")))
        .collect()
}

#[test]
fn each_operand_must_make_the_difference_both_ways() {
    use Permission::{Publish, Subscribe};
    let policy = policy(publish("claims.a && (claims.b || claims.c)"));
    let subscribe = (Subscribe, "x:1", "");
    let case = |claims| (Publish, "x:1", claims);
    // Both operands are false here: neither made the difference.
    let few = gaps(&policy, &[subscribe, case("ab"), case("")]);
    assert_eq!(
        few,
        [
            "`claims.a` in room.x.publish: false",
            "`claims.b || claims.c` in room.x.publish: false",
            "`claims.b` in room.x.publish: false",
            "`claims.c` in room.x.publish: true false",
        ]
    );
    let enough = [subscribe, case("ab"), case("ac"), case("a"), case("b")];
    assert_eq!(gaps(&policy, &enough), Vec::<String>::new());
    let (all, covered) = policy.coverage().counts();
    assert_eq!((all, covered), (14, 0));
}

#[test]
fn a_choice_has_a_condition_and_two_branches() {
    use Permission::{Publish, Subscribe};
    let policy = policy(publish("claims.a ? claims.b : !claims.c"));
    let subscribe = (Subscribe, "x:1", "");
    let case = |claims| (Publish, "x:1", claims);
    let few = [subscribe, case("ab"), case("c")];
    assert_eq!(
        gaps(&policy, &few),
        [
            "`claims.a` in room.x.publish: true false",
            "`claims.b` in room.x.publish: false",
            "`!claims.c` in room.x.publish: true",
        ]
    );
    let enough = [subscribe, case("abc"), case("bc"), case("a"), case("")];
    assert_eq!(gaps(&policy, &enough), Vec::<String>::new());
}

/// A veto that nobody would notice proves nothing.
#[test]
fn a_veto_counts_where_it_makes_the_difference() {
    use Permission::{Publish, Subscribe};
    let policy = policy(RoomSource {
        deny: Some("claims.c".to_owned()),
        ..publish("claims.a")
    });
    let veto = |cases: &[_]| {
        let gaps = gaps(&policy, cases);
        gaps.into_iter().find(|gap| gap.starts_with("room.x.deny"))
    };
    let unnoticed = [(Publish, "x:1", "c"), (Publish, "x:1", "")];
    assert_eq!(veto(&unnoticed).unwrap(), "room.x.deny: true false");
    let noticed = [(Subscribe, "x:1", "c"), (Subscribe, "x:1", "")];
    assert_eq!(veto(&noticed), None);
}

/// Without a rule there is one answer, in a private room two.
#[test]
fn permissions_count_with_the_answers_that_they_can_have() {
    use Permission::{History, Subscribe};
    let history = HistoryLimits {
        size: 1,
        ttl: std::time::Duration::from_secs(1),
    };
    let private = policy(RoomSource {
        private: true,
        history: Some(history),
        ..RoomSource::default()
    });
    assert_eq!(
        gaps(
            &private,
            &[(Subscribe, "x:#alice", ""), (History, "x:#bob", "")]
        ),
        [
            "subscribe in [room.x]: deny",
            "publish in [room.x]: deny",
            "history in [room.x]: allow",
        ]
    );
    let open = policy(publish("true"));
    assert_eq!(
        gaps(&open, &[]),
        [
            "subscribe in [room.x]: allow",
            "publish in [room.x]: allow",
            "room.x.publish: true",
            "room.x.subscribe: true",
        ]
    );
    assert_eq!(policy(publish("false")).coverage().percent(), 0.0);
}
