//! The cases: subjects and channels, from what occurs in expectations and in the rules themselves.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::clock::UnixSeconds;
use crate::policy::rule::{LiteralOf, Rule};
use crate::policy::{ChannelName, Described, Expectation, Policy, UserId};

/// A user whom no rule knows.
const STRANGER: &str = "somebody-else";

/// The channels of the expectations; and of each room one of every kind, with the parts that rules
/// and claims speak of.
pub(super) fn channels(
    old: &Policy,
    new: &Policy,
    expectations: &[&Expectation],
) -> Vec<ChannelName> {
    let mut names: BTreeSet<String> = expectations.iter().map(|e| e.channel.clone()).collect();
    let users = users(expectations);
    names.extend(users.iter().map(|user| format!("#{user}")));
    let mut parts: BTreeSet<String> = strings(old, new).into_iter().collect();
    parts.extend(
        expectations
            .iter()
            .flat_map(|e| texts_in(&e.subject.claims)),
    );
    parts.insert("a".to_owned());
    let rooms = old.all_rooms().chain(new.all_rooms());
    let namespaces: BTreeSet<&str> = rooms.map(|(name, _)| name).collect();
    for namespace in namespaces {
        names.extend(parts.iter().map(|part| match namespace {
            "default" => part.clone(),
            namespace => format!("{namespace}:{part}"),
        }));
        names.extend(users.iter().map(|user| format!("{namespace}:#{user}")));
    }
    // What is no channel's name cannot be asked about.
    names
        .iter()
        .filter_map(|name| ChannelName::parse(name).ok())
        .collect()
}

/// The subjects of the expectations, and others that differ from them in the user, in one claim, or
/// in where from and when they ask.
pub(super) fn subjects(
    old: &Policy,
    new: &Policy,
    expectations: &[&Expectation],
    channels: &[ChannelName],
) -> Vec<Described> {
    let mut bases: Vec<Described> = expectations.iter().map(|e| e.subject.clone()).collect();
    let mut plain = Map::new();
    plain.insert("sub".to_owned(), STRANGER.into());
    bases.push(Described::new(plain));
    let literals = Literals::of(old, new, channels);
    let mut subjects = bases.clone();
    for base in &bases {
        subjects.extend(literals.other_users(base));
        for policy in [old, new] {
            subjects.extend(literals.other_claims(base, policy));
        }
        subjects.extend(literals.other_circumstances(base));
    }
    subjects
}

/// What the rules and channels speak of.
struct Literals {
    strings: Vec<String>,
    numbers: Vec<f64>,
    parts: BTreeSet<String>,
    read_user: bool,
    read_now: bool,
}

impl Literals {
    fn of(old: &Policy, new: &Policy, channels: &[ChannelName]) -> Literals {
        let any = |reads: fn(&Rule) -> bool| old.rules().chain(new.rules()).any(reads);
        let parts = channels.iter().flat_map(ChannelName::parts);
        Literals {
            strings: strings(old, new),
            numbers: numbers(old, new),
            parts: parts.map(str::to_owned).collect(),
            read_user: any(Rule::reads_user),
            read_now: any(Rule::reads_now),
        }
    }

    /// The same claims in the name of a stranger, and of those whom a rule may mean.
    fn other_users(&self, base: &Described) -> Vec<Described> {
        let meant = self.strings.iter().filter(|_| self.read_user);
        let meant = meant.filter_map(|text| text.strip_prefix(&base.prefix));
        let users = meant.filter(|user| UserId::parse(user).is_ok());
        users
            .chain([STRANGER])
            .map(|user| with(base, "sub", json!(user)))
            .collect()
    }

    /// One claim at a time with other values.
    fn other_claims(&self, base: &Described, policy: &Policy) -> Vec<Described> {
        let declared = policy.declared_claims().iter();
        declared
            .flat_map(|(name, default)| {
                let values = self.beside(default).into_iter();
                values.map(move |value| with(base, name, value))
            })
            .collect()
    }

    /// Each connection that a rule may tell from others, at each hour if a rule reads the time.
    fn other_circumstances(&self, base: &Described) -> Vec<Described> {
        let mut connections = vec![base.connection.clone()];
        for text in &self.strings {
            let mut other = base.connection.clone();
            match (text.as_str(), text.parse()) {
                ("json", _) => other.protocol = "json",
                ("protobuf", _) => other.protocol = "protobuf",
                (_, Ok(address)) => other.address = address,
                (origin, _) if origin.contains("://") => other.origin = Some(text.clone()),
                _ => continue,
            }
            connections.push(other);
        }
        let hours = if self.read_now { 0..24 } else { 0..1 };
        let mut subjects = Vec::new();
        for connection in &connections {
            subjects.extend(hours.clone().map(|hour| Described {
                connection: connection.clone(),
                now: UnixSeconds(base.now.0 + hour * 3600),
                ..base.clone()
            }));
        }
        subjects
    }

    /// Values of the type of `default` at which a rule may change its mind.
    fn beside(&self, default: &Value) -> Vec<Value> {
        match default {
            Value::Bool(_) => vec![json!(true), json!(false)],
            Value::Number(_) => {
                let numbers = self.numbers.iter().chain(&[0.0]);
                let beside = numbers.flat_map(|number| [number - 1.0, *number, number + 1.0]);
                beside.map(number).collect()
            }
            Value::String(_) => {
                let texts = self.strings.iter().map(|text| json!(text));
                texts
                    .chain([json!(""), json!(STRANGER), default.clone()])
                    .collect()
            }
            Value::Array(_) => {
                let elements = self.strings.iter().chain(&self.parts);
                let lists = elements.map(|element| json!([element]));
                lists.chain([json!([]), default.clone()]).collect()
            }
            other => vec![other.clone()],
        }
    }
}

fn with(base: &Described, claim: &str, value: Value) -> Described {
    let mut varied = base.clone();
    varied.claims.insert(claim.to_owned(), value);
    varied
}

/// A whole number as one, since rules tell `1` from `1.0` only in what they print.
fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 9e15 {
        true => json!(number as i64),
        false => json!(number),
    }
}

fn users(expectations: &[&Expectation]) -> BTreeSet<String> {
    let mut users: BTreeSet<String> = expectations.iter().map(|e| e.subject.user()).collect();
    users.insert(STRANGER.to_owned());
    users
}

/// Every text in the values of claims.
fn texts_in(claims: &Map<String, Value>) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(map) => map.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let claims = claims.iter().filter(|(name, _)| *name != "sub");
    claims.for_each(|(_, value)| collect(value, &mut found));
    found
}

fn literals<'p>(old: &'p Policy, new: &'p Policy) -> impl Iterator<Item = LiteralOf> + 'p {
    let rules = old.rules().chain(new.rules());
    rules.flat_map(|rule| rule.literals())
}

fn strings(old: &Policy, new: &Policy) -> Vec<String> {
    let texts = literals(old, new).filter_map(|literal| match literal {
        LiteralOf::Text(text) => Some(text),
        LiteralOf::Number(_) => None,
    });
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

fn numbers(old: &Policy, new: &Policy) -> Vec<f64> {
    let numbers = literals(old, new).filter_map(|literal| match literal {
        LiteralOf::Number(number) => Some(number),
        LiteralOf::Text(_) => None,
    });
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    numbers
}
