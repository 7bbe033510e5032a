//! The cases: subjects and channels, from what occurs in expectations and in the rules themselves.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::policy::rule::LiteralOf;
use crate::policy::{ChannelName, Described, Expectation, Policy};

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

/// The subjects of the expectations, and others that differ from them in one claim, in the user,
/// in the origin or in the hour.
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
    let literals = Literals {
        strings: strings(old, new),
        numbers: numbers(old, new),
        parts: channels
            .iter()
            .flat_map(|channel| channel.parts().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
    };
    let mut subjects = bases.clone();
    for base in &bases {
        let mut stranger = base.clone();
        stranger.claims.insert("sub".to_owned(), STRANGER.into());
        subjects.push(stranger);
        for policy in [old, new] {
            for (name, default) in policy.declared_claims().iter() {
                subjects.extend(literals.beside(default).into_iter().map(|value| {
                    let mut varied = base.clone();
                    varied.claims.insert(name.to_owned(), value);
                    varied
                }));
            }
        }
        for origin in literals.strings.iter().filter(|s| s.contains("://")) {
            let mut varied = base.clone();
            varied.connection.origin = Some(origin.clone());
            subjects.push(varied);
        }
        if [old, new]
            .iter()
            .any(|policy| policy.rules().any(|rule| rule.reads_now()))
        {
            subjects.extend((0..24).map(|hour| {
                let mut varied = base.clone();
                varied.now.0 += hour * 3600;
                varied
            }));
        }
    }
    subjects
}

/// What the rules and channels speak of.
struct Literals {
    strings: Vec<String>,
    numbers: Vec<f64>,
    parts: BTreeSet<String>,
}

impl Literals {
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
