mod bad;
mod cost;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Rule;
use crate::clock::UnixSeconds;
use crate::policy::{ChannelName, Claims, ConnectionFacts, DeclaredClaims, Subject, UserId};

fn declared() -> DeclaredClaims {
    DeclaredClaims::new(vec![
        ("teams".to_owned(), json!([])),
        ("muted".to_owned(), json!(false)),
        ("level".to_owned(), json!(0)),
        ("role".to_owned(), json!("")),
        ("org".to_owned(), json!({})),
    ])
    .unwrap()
    .read_as_a_whole()
}

fn claims(value: Value) -> Claims {
    declared()
        .apply(value.as_object().unwrap().clone())
        .unwrap()
}

fn compile(text: &str) -> Rule {
    match Rule::compile("room.x.subscribe", text, &declared()) {
        Ok((rule, _)) => rule,
        Err(faults) => panic!("{text}: {faults:?}"),
    }
}

fn faults(text: &str) -> Vec<super::Fault> {
    match Rule::compile("room.x.subscribe", text, &declared()) {
        Ok(_) => panic!("{text} was found good"),
        Err(faults) => faults,
    }
}

fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = Rule::compile("room.x.subscribe", text, &declared()).unwrap();
    warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect()
}

fn run_in(text: &str, claim: Value, channel: &str) -> Result<bool, String> {
    let rule = compile(text);
    let user = UserId::parse("alice").unwrap();
    let claims = claims(claim);
    let connection = ConnectionFacts {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        origin: Some("https://app.example.com".to_owned()),
        protocol: "json",
    };
    // 2026-03-04T05:06:07Z
    let now = UnixSeconds(1_772_600_767);
    let subject = Subject {
        user: &user,
        claims: &claims,
        grants: None,
        subscription: None,
        connection: &connection,
        now,
    };
    rule.evaluate(&subject, &ChannelName::parse(channel).unwrap())
}

fn run(text: &str, claim: Value) -> Result<bool, String> {
    run_in(text, claim, "team:red:ops")
}

#[test]
fn rules_read_what_they_may() {
    for text in [
        "true",
        "user == 'alice'",
        "claims.teams == ['red', 'blue']",
        "channel.name == 'team:red:ops'",
        "channel.namespace == 'team'",
        "channel.parts == ['red', 'ops'] && channel.parts[1] == 'ops'",
        "channel.users == []",
        "channel.parts.size() == 2 && size(channel.users) == 0",
        "channel.parts[0] in claims.teams",
        "channel.parts.exists(part, part in claims.teams)",
        "channel.parts.all(part, part != user)",
        "claims.teams.exists_one(team, team == 'red')",
        "claims.teams.filter(team, team.startsWith('r')).size() == 1",
        "claims.teams.map(team, team + '!') == ['red!', 'blue!']",
        "claims['teams'].size() == 2 && 'teams' in claims",
        "claims.org.role == 'admin' && has(claims.org.role)",
        "claims.level > 2 && claims.level + 1 == 4",
        "claims.role.matches('^ad.*n$') && !claims.role.matches('^d')",
        "connection.address == '192.0.2.7'",
        "connection.address.startsWith('192.0.2.')",
        "connection.origin == 'https://app.example.com' && connection.protocol == 'json'",
        "now > timestamp('2026-01-01T00:00:00Z')",
        "now.getFullYear() == 2026 && now.getHours() == 5 && now.getHours('Europe/Paris') == 6",
        "now - timestamp('2026-03-04T05:06:00Z') < duration('10s')",
        "claims.muted ? false : claims.role == 'admin'",
        "!has(claims.other) || !claims.other",
        "int(claims.role.size()) == 5 // a comment (((((((((((((((((((((",
        "{'admin': true}[claims.role]",
        "claims.role.contains('dmi') && claims.role.endsWith('in')",
        "'é' == 'é'",
    ] {
        let claim = json!({
            "teams": ["red", "blue"], "level": 3, "role": "admin", "org": {"role": "admin"}
        });
        assert_eq!(run(text, claim), Ok(true), "{text}");
    }
}

#[test]
fn an_absent_origin_reads_as_an_empty_text() {
    let rule = compile("connection.origin == ''");
    let (user, claims) = (UserId::parse("alice").unwrap(), claims(json!({})));
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let connection = ConnectionFacts {
        address,
        origin: None,
        protocol: "json",
    };
    let subject = Subject {
        user: &user,
        claims: &claims,
        grants: None,
        subscription: None,
        connection: &connection,
        now: UnixSeconds(0),
    };
    assert_eq!(
        rule.evaluate(&subject, &ChannelName::parse("a:b").unwrap()),
        Ok(true)
    );
}

#[test]
fn cel_1_an_error_is_no_answer() {
    for (text, part) in [
        ("!claims.other", "there is no other"),
        ("claims.other == 1", "there is no other"),
        ("channel.parts[7] == 'x'", "out of bounds"),
        ("claims.teams[0]", "not bool"),
        ("claims.org.a.b == 1", "there is no a"),
        ("1 / claims.level == 1", "division by zero"),
        (
            "claims.level + 9223372036854775807 > 0 && claims.level < 1 / 0",
            "",
        ),
        ("timestamp('yesterday') < now", ""),
        ("duration(claims.role) > duration('1s')", ""),
        (
            "timestamp('9999-12-31T00:00:00Z') + duration('9223372036s') > now",
            "",
        ),
        ("claims.teams[0] < 1", "no matching overload"),
        ("claims.teams[0] + 1 == 2", "cannot be applied"),
        ("now.getHours('Nowhere/Nothing') == 1", ""),
    ] {
        let error = run(text, json!({"teams": ["red"], "level": 0})).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn cel_1_an_error_shows_no_claim() {
    for text in [
        "claims.teams[0] < 1",
        "claims.teams[0] + 1 == 2",
        "claims.teams[0]",
    ] {
        let error = run(text, json!({"teams": ["secret"]})).unwrap_err();
        assert!(!error.contains("secret"), "{text}: {error}");
    }
}

/// Each rule against a token without claims: the declared ones have their defaults.
#[test]
fn cel_1_rules_and_tokens_without_claims() {
    for (text, outcome) in [
        ("!claims.muted", Some(true)),
        ("channel.parts[0] in claims.teams", Some(false)),
        ("claims.level >= 1", Some(false)),
        ("claims.role == 'admin'", Some(false)),
        (
            "has(claims.org.role) && claims.org.role == 'x'",
            Some(false),
        ),
        ("!claims.undeclared", None),
        ("!has(claims.undeclared) || !claims.undeclared", Some(true)),
        // Absorption hides the mistake until the other branch is taken.
        ("true || claims.undeclared", Some(true)),
    ] {
        assert_eq!(run(text, json!({})).ok(), outcome, "{text}");
    }
}

#[test]
fn rules_that_read_now_are_known() {
    assert!(compile("now.getHours() < 18").reads_now());
    assert!(compile("user == 'x' && claims.teams.all(t, now > timestamp(t))").reads_now());
    assert!(!compile("user == 'now'").reads_now());
}

proptest! {
    /// CEL-2: whatever the text, compiling neither panics nor aborts, and every fault points into it.
    #[test]
    fn cel_2_any_text_is_read_or_refused(text in "[a-z.()\\[\\]{}'\"&|!?:=<>+,0-9é \\n\\\\/-]{0,60}") {
        if let Err(faults) = Rule::compile("x", &text, &declared()) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(text.get(fault.at.clone()).is_some(), "{:?}", fault);
            }
        }
    }

    /// CEL-1: rules of plausible pieces, once found good, run to a bool or to an error.
    #[test]
    fn cel_1_what_compiles_runs(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..9)) {
        let text = pieces.join(" ");
        if Rule::compile("x", &text, &declared()).is_ok() {
            let _ = run(&text, json!({"teams": ["red", 1, null, {"a": []}], "level": -1.5}));
        }
    }
}

const PIECES: &[&str] = &[
    "user",
    "claims.teams",
    "claims.level",
    "claims.muted",
    "claims.other",
    "claims.org.a",
    "now",
    "channel.parts",
    "channel.parts[0]",
    "[0]",
    "1",
    "-1",
    "1.5",
    "2u",
    "'a'",
    "null",
    "true",
    "!",
    "==",
    "!=",
    "<",
    "in",
    "&&",
    "||",
    "+",
    "-",
    "*",
    "/",
    "%",
    "? true :",
    "(",
    ")",
    ".exists(x, x == 1)",
    ".all(x, x in claims.teams)",
    ".size()",
    ".matches('a*')",
    "duration('1h')",
    "size",
    "int",
    "string",
    "timestamp",
];
