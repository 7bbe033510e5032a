mod grants;
mod private;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::UnixSeconds;
use crate::policy::{
    ConnectionFacts, Grants, Patterns, Permissions, PolicySource, RoomSource, SubscriptionGrant,
    UserId,
};

fn rule(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const KEPT: Option<HistoryLimits> = Some(HistoryLimits {
    size: 100,
    ttl: Duration::from_secs(3600),
});

fn open() -> RoomSource {
    RoomSource {
        subscribe: rule("true"),
        publish: rule("true"),
        presence: rule("true"),
        history: KEPT,
        ..RoomSource::default()
    }
}

fn compile(personal: Option<RoomSource>, rooms: Vec<(&str, RoomSource)>) -> Policy {
    let rooms = rooms
        .into_iter()
        .map(|(name, room)| (name.to_owned(), room))
        .collect();
    let claims = vec![
        ("teams".to_owned(), json!([])),
        ("muted".to_owned(), json!(false)),
        ("suspended".to_owned(), json!(false)),
    ];
    Policy::compile(PolicySource {
        claims,
        personal,
        rooms,
    })
    .unwrap()
    .policy
}

fn policy() -> Policy {
    let personal = RoomSource {
        publish: rule("!claims.muted"),
        presence: rule("true"),
        history: KEPT,
        deny: rule("claims.suspended"),
        ..RoomSource::default()
    };
    let team = RoomSource {
        subscribe: rule("channel.parts[0] in claims.teams"),
        history: KEPT,
        ..RoomSource::default()
    };
    let dm = RoomSource {
        private: true,
        publish: rule("true"),
        presence: rule("true"),
        history: KEPT,
        ..RoomSource::default()
    };
    let case = RoomSource {
        subscribe: rule("!claims.muted"),
        private: true,
        ..RoomSource::default()
    };
    let log = RoomSource {
        subscribe: rule("false"),
        history_read: rule("true"),
        history: KEPT,
        ..RoomSource::default()
    };
    let sealed = RoomSource {
        history_read: rule("false"),
        ..open()
    };
    let timed = RoomSource {
        subscribe: rule("now.getFullYear() < 2030"),
        ..open()
    };
    let broken = RoomSource {
        publish: rule("claims.teams[0]"),
        deny: rule("claims.teams.size() > 1 && claims.teams[9] == 1"),
        ..open()
    };
    let rooms = vec![
        (
            "chat",
            RoomSource {
                deny: rule("claims.suspended"),
                ..open()
            },
        ),
        (
            "default",
            RoomSource {
                subscribe: rule("true"),
                ..RoomSource::default()
            },
        ),
        ("team", team),
        ("dm", dm),
        ("case", case),
        ("log", log),
        ("sealed", sealed),
        ("timed", timed),
        ("broken", broken),
        ("bare", RoomSource::default()),
    ];
    compile(Some(personal), rooms)
}

fn decide(policy: &Policy, user: &str, claims: Value, channel: &str, p: Permission) -> Decision {
    decide_with(policy, user, claims, None, channel, p)
}

/// The same, with the token of a subscription.
fn decide_with(
    policy: &Policy,
    user: &str,
    claims: Value,
    subscription: Option<&SubscriptionGrant>,
    channel: &str,
    p: Permission,
) -> Decision {
    let user = UserId::parse(user).unwrap();
    let claims = claims.as_object().unwrap().clone();
    let grants = Grants::of(&claims, &Patterns::default()).unwrap();
    let claims = policy.declared_claims().apply(claims).unwrap();
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let connection = ConnectionFacts {
        address,
        origin: None,
        protocol: "json",
    };
    let now = UnixSeconds(1_772_600_767);
    let subject = Subject {
        user: &user,
        claims: &claims,
        grants: grants.as_ref(),
        subscription,
        connection: &connection,
        now,
    };
    policy.decide(&subject, &ChannelName::parse(channel).unwrap(), p)
}

/// One letter a permission, in the order of [`Permission::ALL`].
fn row(policy: &Policy, user: &str, claims: &Value, channel: &str) -> String {
    Permission::ALL
        .map(
            |p| match decide(policy, user, claims.clone(), channel, p).denial() {
                None => '+',
                Some(Denial::UnknownChannel) => '2',
                Some(Denial::NotAvailable) => '8',
                Some(Denial::Denied) => '3',
            },
        )
        .iter()
        .collect()
}

#[test]
fn without_a_default_room_there_are_no_names_without_a_namespace() {
    let policy = compile(None, vec![]);
    assert_eq!(row(&policy, "alice", &json!({}), "news"), "2222");
    assert!(
        policy
            .features(&ChannelName::parse("news").unwrap())
            .is_none()
    );
}

/// `#user` exists for everybody, `[personal]` or not.
#[test]
fn a_personal_channel_without_rules_is_heard_by_its_owner_and_written_by_nobody() {
    let policy = compile(None, vec![]);
    assert_eq!(row(&policy, "alice", &json!({}), "#alice"), "+388");
    assert_eq!(row(&policy, "bob", &json!({}), "#alice"), "3388");
    let features = policy
        .features(&ChannelName::parse("#alice").unwrap())
        .unwrap();
    assert_eq!(
        features,
        Features {
            history: None,
            presence: false,
            join_leave: false
        }
    );
}

/// CHAN-6: with the feature off, a private channel of others is 108 like one's own.
#[test]
fn chan_6_the_order_of_codes() {
    let policy = policy();
    for user in ["alice", "carol"] {
        for claims in [json!({}), json!({"suspended": true})] {
            let denial = |channel, permission| {
                decide(&policy, user, claims.clone(), channel, permission).denial()
            };
            let unknown = denial("nowhere:#alice", Permission::History);
            assert_eq!(unknown, Some(Denial::UnknownChannel));
            let off = denial("case:1#alice", Permission::History);
            assert_eq!(off, Some(Denial::NotAvailable));
        }
    }
}

#[test]
fn each_decision_names_what_made_it() {
    let policy = policy();
    let red = json!({"teams": ["red"]});
    use Permission::{History, Presence, Publish, Subscribe};
    for (channel, permission, step, rule, reason) in [
        (
            "nowhere:x",
            Subscribe,
            Step::Name,
            None,
            Reason::UnknownNamespace,
        ),
        ("team:red", Presence, Step::Name, None, Reason::PresenceOff),
        ("news", History, Step::Name, None, Reason::HistoryOff),
        (
            "dm:general",
            Publish,
            Step::Private,
            None,
            Reason::NamesNobody,
        ),
        ("dm:#bob", Publish, Step::Private, None, Reason::NotNamed),
        ("#bob", Subscribe, Step::Private, None, Reason::NotNamed),
        ("dm:#alice", Subscribe, Step::Implied, None, Reason::Named),
        ("#alice", History, Step::Implied, None, Reason::Named),
        (
            "#bob",
            Publish,
            Step::Rule,
            Some("personal.publish"),
            Reason::RuleHolds,
        ),
        (
            "team:red",
            Subscribe,
            Step::Rule,
            Some("room.team.subscribe"),
            Reason::RuleHolds,
        ),
        (
            "team:blue",
            Subscribe,
            Step::Rule,
            Some("room.team.subscribe"),
            Reason::RuleDoesNotHold,
        ),
        (
            "team:red",
            History,
            Step::Implied,
            Some("room.team.subscribe"),
            Reason::RuleHolds,
        ),
        (
            "team:blue",
            History,
            Step::Rule,
            Some("room.team.subscribe"),
            Reason::RuleDoesNotHold,
        ),
        (
            "log:a",
            History,
            Step::Rule,
            Some("room.log.history.read"),
            Reason::RuleHolds,
        ),
        ("team:red", Publish, Step::Rule, None, Reason::NoRule),
        (
            "case:1#alice",
            Subscribe,
            Step::Rule,
            Some("room.case.subscribe"),
            Reason::RuleHolds,
        ),
    ] {
        let decision = decide(&policy, "alice", red.clone(), channel, permission);
        assert_eq!(decision.step(), step, "{permission} on {channel}");
        assert_eq!(decision.rule(), rule, "{permission} on {channel}");
        assert_eq!(*decision.reason(), reason, "{permission} on {channel}");
    }
}

#[test]
fn a_veto_ends_it_whatever_else_allows() {
    let policy = policy();
    let suspended = json!({"suspended": true});
    assert_eq!(row(&policy, "alice", &suspended, "chat:general"), "3333");
    assert_eq!(row(&policy, "alice", &suspended, "chat:#alice"), "3333");
    assert_eq!(row(&policy, "alice", &suspended, "#alice"), "3333");
    let decision = decide(
        &policy,
        "alice",
        suspended,
        "chat:general",
        Permission::Subscribe,
    );
    assert_eq!(
        (decision.step(), decision.rule()),
        (Step::Deny, Some("room.chat.deny"))
    );
    assert_eq!(*decision.reason(), Reason::Vetoed);
}

/// A private channel's own rule decides, where there is one; it cannot widen.
#[test]
fn a_rule_narrows_a_private_channel() {
    let policy = policy();
    let muted = json!({"muted": true});
    assert_eq!(row(&policy, "alice", &muted, "case:1#alice,bob"), "3388");
    assert_eq!(row(&policy, "bob", &json!({}), "case:1#alice,bob"), "+388");
    assert_eq!(
        row(&policy, "carol", &json!({}), "case:1#alice,bob"),
        "3388"
    );
}

#[test]
fn cel_1_a_rule_that_fails_denies_and_says_so() {
    let policy = policy();
    let publish = |claims| decide(&policy, "alice", claims, "broken:a", Permission::Publish);
    for (claims, step) in [
        (json!({"teams": ["red"]}), Step::Rule),
        (json!({}), Step::Rule),
        (json!({"teams": [1, 2]}), Step::Deny),
    ] {
        let decision = publish(claims);
        assert_eq!(decision.denial(), Some(Denial::Denied));
        assert_eq!(decision.step(), step);
        assert!(decision.reason().is_failure(), "{decision}");
    }
    assert!(publish(json!({"teams": [true]})).is_allowed());
}

#[test]
fn a_decision_knows_whether_time_may_change_it() {
    let policy = policy();
    let reads_now =
        |channel, permission| decide(&policy, "alice", json!({}), channel, permission).reads_now();
    assert!(reads_now("timed:a", Permission::Subscribe));
    assert!(reads_now("timed:a", Permission::History));
    assert!(!reads_now("timed:a", Permission::Publish));
    assert!(!reads_now("chat:a", Permission::Subscribe));
    let deny = RoomSource {
        deny: rule("now.getHours() == 3"),
        ..open()
    };
    let policy = compile(None, vec![("night", deny)]);
    assert!(decide(&policy, "a", json!({}), "night:x", Permission::Publish).reads_now());
}

#[test]
fn features_are_those_of_the_namespace() {
    let policy = policy();
    let features = |channel| policy.features(&ChannelName::parse(channel).unwrap());
    let all = Features {
        history: KEPT,
        presence: true,
        join_leave: false,
    };
    assert_eq!(features("chat:x"), Some(all));
    assert_eq!(features("#alice"), Some(all));
    assert_eq!(features("nowhere:x"), None);
    assert_eq!(features("default:x"), None);
    assert_eq!(features("personal:x"), None);
}
