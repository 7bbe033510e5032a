//! Made-up configurations, and questions to them. Few words, so that they often meet.

use std::time::Duration;

use gatepost::policy::{HistoryLimits, PolicySource, RoomSource};
use serde_json::{Map, Value, json};

use super::random::Random;
use super::rules::Rule;
use super::{grants, names};

/// A configuration.
#[derive(Debug)]
pub(crate) struct World {
    pub declared: Vec<(String, Value)>,
    pub personal: Room,
    pub rooms: Vec<(String, Room)>,
}

#[derive(Debug, Default)]
pub(crate) struct Room {
    pub private: bool,
    pub keeps_history: bool,
    pub subscribe: Option<Rule>,
    pub publish: Option<Rule>,
    pub presence: Option<Rule>,
    pub history_read: Option<Rule>,
    pub deny: Option<Rule>,
}

/// A question.
#[derive(Debug)]
pub(crate) struct Case {
    pub user: String,
    pub claims: Map<String, Value>,
    pub channel: String,
    pub permission: &'static str,
    pub subscription: Option<Token>,
    pub origin: Option<String>,
    pub now: u64,
}

/// The token of one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub user: String,
    pub channel: String,
    pub allow: Vec<String>,
}

const USERS: [&str; 5] = ["alice", "bob", "alic", "Alice", "auth0|5f:7c"];
const ROOMS: [&str; 5] = ["chat", "team", "dm", "vault", "default"];

impl World {
    pub(crate) fn any(random: &mut Random) -> World {
        let declared = [
            ("teams", json!([])),
            ("muted", json!(false)),
            ("staff", json!(true)),
            ("level", json!(1)),
            ("desk", json!("a")),
        ];
        let rooms = ROOMS.into_iter().filter(|_| !random.once_in(5));
        let rooms: Vec<&str> = rooms.collect();
        World {
            declared: declared
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            personal: Room::any(random),
            rooms: rooms
                .into_iter()
                .map(|name| (name.to_owned(), Room::any(random)))
                .collect(),
        }
    }

    /// The same in the words of the gateway.
    pub(crate) fn source(&self) -> PolicySource {
        PolicySource {
            claims: self.declared.clone(),
            personal: Some(self.personal.source()),
            rooms: self
                .rooms
                .iter()
                .map(|(name, room)| (name.clone(), room.source()))
                .collect(),
        }
    }
}

impl Room {
    fn any(random: &mut Random) -> Room {
        let rule = |random: &mut Random, absent: usize| {
            let there = !random.once_in(absent);
            there.then(|| Rule::any(random, 2))
        };
        let keeps_history = !random.once_in(4);
        Room {
            private: random.once_in(5),
            keeps_history,
            subscribe: rule(random, 3),
            publish: rule(random, 3),
            presence: rule(random, 3),
            history_read: rule(random, 2).filter(|_| keeps_history),
            // Mostly it lets through, or nothing behind it would be seen.
            deny: (!random.once_in(2)).then(|| {
                let (one, other) = (Rule::any(random, 1), Rule::any(random, 1));
                Rule::And(Box::new(one), Box::new(other))
            }),
        }
    }

    fn source(&self) -> RoomSource {
        let written = |rule: &Option<Rule>| rule.as_ref().map(Rule::written);
        RoomSource {
            private: self.private,
            subscribe: written(&self.subscribe),
            publish: written(&self.publish),
            presence: written(&self.presence),
            deny: written(&self.deny),
            history_read: written(&self.history_read),
            history: self.keeps_history.then_some(HistoryLimits {
                size: 10,
                ttl: Duration::from_secs(60),
            }),
            ..RoomSource::default()
        }
    }
}

impl Case {
    pub(crate) fn any(random: &mut Random, world: &World) -> Case {
        let user = random.one_of(&USERS).to_owned();
        let channel = match random.once_in(15) {
            true => odd_channel(random),
            false => channel(random),
        };
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), user.as_str().into());
        for (name, value) in claims_of(random, world) {
            claims.insert(name, value);
        }
        let granted = |random: &mut Random| match random.once_in(2) {
            true => channel.clone(),
            false => channel_of_a_grant(random),
        };
        claims.extend(grants::any(random, &granted));
        let subscription = random.once_in(4).then(|| Token {
            user: match random.once_in(3) {
                true => random.one_of(&USERS).to_owned(),
                false => user.clone(),
            },
            channel: match names::read(&channel) {
                Some(name) if !random.once_in(3) => name.text,
                _ => "chat:a".to_owned(),
            },
            allow: grants::allow(random),
        });
        Case {
            permission: random.one_of(&["subscribe", "publish", "history", "presence"]),
            origin: random
                .once_in(2)
                .then(|| "https://app.example.com".to_owned()),
            now: random.one_of(&[500, 1_000, 1_500, 2_500, 5_000]),
            user,
            claims,
            channel,
            subscription,
        }
    }
}

/// Claims of the types that are declared, mostly, and others.
fn claims_of(random: &mut Random, world: &World) -> Vec<(String, Value)> {
    let mut claims = Vec::new();
    for (name, default) in &world.declared {
        if random.once_in(2) {
            continue;
        }
        let value = match (default, random.once_in(60)) {
            (_, true) => random.one_of(&[json!(null), json!("x"), json!([]), json!({}), json!(2)]),
            (Value::Array(_), _) => {
                let items = [
                    json!("a"),
                    json!("b"),
                    json!("alice"),
                    json!(7),
                    json!(null),
                ];
                random.some(3, |random| random.one_of(&items)).into()
            }
            (Value::Bool(_), _) => random.once_in(2).into(),
            (Value::Number(_), _) => random.below(5).into(),
            _ => random.one_of(&["a", "b", "chat:a", "alice"]).into(),
        };
        claims.push((name.clone(), value));
    }
    for name in ["loose", "wild"] {
        if random.once_in(2) {
            let values = [json!(true), json!(false), json!("true"), json!(1)];
            claims.push((name.to_owned(), random.one_of(&values)));
        }
    }
    claims
}

fn channel(random: &mut Random) -> String {
    let mut users: Vec<&str> = random.some(2, |random| random.one_of(&USERS));
    users.push(random.one_of(&USERS));
    users.sort();
    users.dedup();
    let room = match random.once_in(8) {
        true => random.one_of(&["nowhere", "default", "personal"]),
        false => random.one_of(&["chat", "team", "dm", "vault"]),
    };
    let parts = random.one_of(&["a", "b", "a:b", "alice"]);
    match random.below(8) {
        0 => format!("#{}", users[0]),
        1 => parts.replace(':', "-"),
        2 => format!("{}#{}", parts.replace(':', "-"), users.join(",")),
        3 => format!("{room}:#{}", users.join(",")),
        4 => format!("{room}:{parts}#{}", users.join(",")),
        _ => format!("{room}:{parts}"),
    }
}

/// Mostly one that there is, or the token would be refused.
fn channel_of_a_grant(random: &mut Random) -> String {
    match random.once_in(40) {
        true => odd_channel(random),
        false => channel(random),
    }
}

fn odd_channel(random: &mut Random) -> String {
    let pieces = [
        "", "a", ":", "#", ",", "alice", "bob", "chat", " ", "\u{e9}",
    ];
    let mut text = String::new();
    for _ in 0..random.below(6) {
        text.push_str(random.one_of(&pieces));
    }
    text
}
