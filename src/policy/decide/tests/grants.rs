//! What the token itself gives: what each grant opens, and what none does (CHAN-2, CHAN-4).

use super::*;

/// Every way in which a token can try to open `channel` to `user`, one at a time and wide open.
fn every_grant(user: &str, channel: &str) -> Vec<(Value, Option<SubscriptionGrant>)> {
    let all = json!(["sub", "pub", "prs", "hst"]);
    let allow = Permissions::of_claim(&all).unwrap();
    let user = UserId::parse(user).unwrap();
    let token = SubscriptionGrant::new(user, ChannelName::parse(channel).unwrap(), allow);
    vec![
        (json!({"channels": [channel]}), None),
        (json!({"subs": {channel: {}}}), None),
        (
            json!({"caps": [{"channels": [channel], "allow": all}]}),
            None,
        ),
        (
            json!({"caps": [{"channels": ["*"], "match": "wildcard", "allow": all}]}),
            None,
        ),
        (
            json!({"caps": [{"channels": [""], "match": "regex", "allow": all}]}),
            None,
        ),
        (json!({}), Some(token)),
    ]
}

#[test]
fn chan_2_no_grant_opens_a_private_channel_to_whom_it_does_not_name() {
    let policy = policy();
    for channel in [
        "#alice",
        "dm:#alice,bob",
        "dm:general",
        "case:4711#alice",
        "chat:#alice",
    ] {
        for (claims, token) in every_grant("carol", channel) {
            for permission in Permission::ALL {
                let decide = |token| {
                    decide_with(&policy, "carol", claims.clone(), token, channel, permission)
                };
                let (with, without) = (decide(token.as_ref()), decide(None));
                let mailbox = channel == "#alice" && permission == Permission::Publish;
                assert_eq!(with.is_allowed(), mailbox, "{permission} on {channel}");
                assert!(mailbox || !without.is_allowed());
                assert!(with.step() != Step::Grants, "{permission} on {channel}");
            }
        }
    }
}

#[test]
fn a_mailbox_is_opened_by_its_rule_and_by_no_grant() {
    let policy = compile(None, vec![]);
    for user in ["alice", "carol"] {
        for (claims, token) in every_grant(user, "#alice") {
            let publish = Permission::Publish;
            let decision = decide_with(&policy, user, claims, token.as_ref(), "#alice", publish);
            assert!(!decision.is_allowed() && decision.step() == Step::Rule);
        }
    }
}

#[test]
fn deny_vetoes_every_grant() {
    let policy = policy();
    for channel in ["chat:a", "chat:#alice", "#alice"] {
        for (mut claims, token) in every_grant("alice", channel) {
            claims["suspended"] = json!(true);
            for permission in Permission::ALL {
                let claims = claims.clone();
                let decision = decide_with(
                    &policy,
                    "alice",
                    claims,
                    token.as_ref(),
                    channel,
                    permission,
                );
                assert_eq!(decision.step(), Step::Deny, "{permission} on {channel}");
                assert!(!decision.is_allowed());
            }
        }
    }
}

#[test]
fn chan_6_no_grant_makes_a_room_or_switches_a_feature_on() {
    let policy = policy();
    for (channel, expected) in [("nowhere:a", "2222"), ("bare:a", "++88")] {
        let claims = every_grant("alice", channel).remove(3).0;
        assert_eq!(
            row(&policy, "alice", &claims, channel),
            expected,
            "{channel}"
        );
    }
}

/// The permissions, what decided each, and that history follows subscribe.
#[test]
fn each_grant_gives_what_it_says_and_the_rest_is_the_rules() {
    let policy = policy();
    let decided = |claims: &Value, token: Option<&SubscriptionGrant>, channel: &str| {
        Permission::ALL.map(|permission| {
            let decision =
                decide_with(&policy, "alice", claims.clone(), token, channel, permission);
            let verdict = if decision.is_allowed() { "+" } else { "-" };
            format!(
                "{verdict}{} {}",
                decision.step(),
                decision.rule().unwrap_or("?")
            )
        })
    };
    // A room that is not alice's: she may hear and read, since the token says so, and no more.
    let channels = json!({"channels": ["team:blue"]});
    assert_eq!(
        decided(&channels, None, "team:blue"),
        [
            "+grants token.channels",
            "-rule ?",
            "+implied token.channels",
            "-name ?"
        ]
    );
    let caps = json!({"caps": [
        {"channels": ["team:*"], "match": "wildcard", "allow": ["pub"]},
        {"channels": ["team:blue"], "allow": ["sub"]},
    ]});
    assert_eq!(
        decided(&caps, None, "team:blue"),
        [
            "-rule room.team.subscribe",
            "+grants token.caps[0]",
            "-rule room.team.subscribe",
            "-name ?"
        ]
    );
    // A rule says who may read there: a grant to hear is none to read, one to read is.
    let sealed = json!({"subs": {"sealed:a": {}}});
    let [hear, _, read, _] = decided(&sealed, None, "sealed:a");
    assert_eq!(hear, "+grants token.subs");
    assert_eq!(read, "-rule room.sealed.history.read");
    let read = json!({"caps": [{"channels": ["sealed:a"], "allow": ["hst"]}]});
    assert_eq!(decided(&read, None, "sealed:a")[2], "+grants token.caps[0]");
    // A token for one subscription, and what it allows beyond.
    let (alice, blue) = (UserId::parse("alice").unwrap(), "team:blue");
    let allow = Permissions::of_claim(&json!(["pub"])).unwrap();
    let token = SubscriptionGrant::new(alice, ChannelName::parse(blue).unwrap(), allow);
    assert_eq!(
        decided(&json!({}), Some(&token), blue),
        [
            "+grants subscription_token",
            "+grants subscription_token",
            "+implied subscription_token",
            "-name ?"
        ]
    );
    assert_eq!(decided(&json!({}), Some(&token), "team:red")[1], "-rule ?");
}

#[test]
fn a_decision_by_a_grant_does_not_hang_on_the_rule_behind_it() {
    let policy = policy();
    let claims = json!({"channels": ["timed:a"]});
    let granted = decide(&policy, "alice", claims, "timed:a", Permission::Subscribe);
    assert!(granted.step() == Step::Grants && !granted.reads_now());
    let by_rule = decide(
        &policy,
        "alice",
        json!({}),
        "timed:a",
        Permission::Subscribe,
    );
    assert!(by_rule.reads_now());
    // A rule that fails is asked only where no grant gives it.
    let claims = json!({"caps": [{"channels": ["broken:a"], "allow": ["pub"]}]});
    let publish = Permission::Publish;
    assert!(decide(&policy, "alice", claims, "broken:a", publish).is_allowed());
    assert!(!decide(&policy, "alice", json!({}), "broken:a", publish).is_allowed());
}

#[test]
fn a_subscription_token_of_somebody_else_gives_nothing() {
    let policy = policy();
    for (_, token) in every_grant("bob", "team:blue") {
        let Some(token) = token else { continue };
        let subscribe = Permission::Subscribe;
        let decision = decide_with(
            &policy,
            "alice",
            json!({}),
            Some(&token),
            "team:blue",
            subscribe,
        );
        assert!(!decision.is_allowed());
        let decision = decide_with(
            &policy,
            "bob",
            json!({}),
            Some(&token),
            "team:green",
            subscribe,
        );
        assert!(!decision.is_allowed());
    }
}
