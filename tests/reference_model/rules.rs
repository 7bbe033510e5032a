//! Rules as trees: written down for the gateway, and evaluated here.
//!
//! What cannot be evaluated is neither true nor false: a claim that is not there, an index that is
//! out of bounds, something that is no bool. `&&` and `||` need only the one side that decides.

use serde_json::{Map, Value};

use super::names::Name;
use super::random::Random;

/// What a rule may read.
pub(crate) struct Facts<'a> {
    pub user: &'a str,
    /// With the defaults filled in.
    pub claims: &'a Map<String, Value>,
    pub name: &'a Name,
    pub origin: &'a str,
    pub now: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Constant(bool),
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    Choose(Box<Rule>, Box<Rule>, Box<Rule>),
    /// A claim that should be a bool.
    Claim(&'static str),
    Has(&'static str),
    Equal(Text, Text),
    In(Text, List),
    StartsWith(Text, &'static str),
    AtLeast(Number, i64),
    Before(u64),
    AnyIs(List, Text),
}

#[derive(Clone, Debug)]
pub(crate) enum Text {
    Literal(&'static str),
    User,
    Claim,
    Channel,
    Namespace,
    Part(usize),
    UserOf(usize),
    Origin,
}

#[derive(Clone, Debug)]
pub(crate) enum List {
    Teams,
    Parts,
    Users,
}

#[derive(Clone, Debug)]
pub(crate) enum Number {
    Level,
    Size(List),
}

impl Rule {
    /// True, false, or neither.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Rule::Constant(value) => Some(*value),
            Rule::Not(rule) => rule.holds(facts).map(|value| !value),
            Rule::And(a, b) => match (a.holds(facts), b.holds(facts)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Rule::Or(a, b) => match (a.holds(facts), b.holds(facts)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Rule::Choose(condition, yes, no) => match condition.holds(facts)? {
                true => yes.holds(facts),
                false => no.holds(facts),
            },
            Rule::Claim(name) => facts.claims.get(*name)?.as_bool(),
            Rule::Has(name) => Some(facts.claims.contains_key(*name)),
            Rule::Equal(a, b) => Some(a.of(facts)? == b.of(facts)?),
            Rule::In(text, list) => Some(is_in(&text.of(facts)?, &list.of(facts))),
            // Of an empty list nothing is asked.
            Rule::AnyIs(list, _) if list.of(facts).is_empty() => Some(false),
            Rule::AnyIs(list, text) => Some(is_in(&text.of(facts)?, &list.of(facts))),
            Rule::StartsWith(text, start) => Some(text.of(facts)?.starts_with(start)),
            Rule::AtLeast(number, least) => Some(number.of(facts)? >= *least),
            Rule::Before(time) => Some(facts.now < *time),
        }
    }

    /// In CEL, with a bracket around everything.
    pub(crate) fn written(&self) -> String {
        match self {
            Rule::Constant(value) => value.to_string(),
            Rule::Not(rule) => format!("!({})", rule.written()),
            Rule::And(a, b) => format!("({} && {})", a.written(), b.written()),
            Rule::Or(a, b) => format!("({} || {})", a.written(), b.written()),
            Rule::Choose(condition, yes, no) => {
                format!(
                    "({} ? {} : {})",
                    condition.written(),
                    yes.written(),
                    no.written()
                )
            }
            Rule::Claim(name) => format!("claims.{name}"),
            Rule::Has(name) => format!("has(claims.{name})"),
            Rule::Equal(a, b) => format!("{} == {}", a.written(), b.written()),
            Rule::In(text, list) => format!("{} in {}", text.written(), list.written()),
            Rule::StartsWith(text, start) => format!("{}.startsWith('{start}')", text.written()),
            Rule::AtLeast(number, least) => format!("{} >= {least}", number.written()),
            Rule::Before(time) => format!("now < timestamp({time})"),
            Rule::AnyIs(list, text) => {
                format!("{}.exists(x, x == {})", list.written(), text.written())
            }
        }
    }

    pub(crate) fn any(random: &mut Random, depth: usize) -> Rule {
        let inner = |random: &mut Random| Box::new(Rule::any(random, depth - 1));
        if depth > 0 && !random.once_in(3) {
            return match random.below(4) {
                0 => Rule::Not(inner(random)),
                1 => Rule::And(inner(random), inner(random)),
                2 => Rule::Or(inner(random), inner(random)),
                _ => Rule::Choose(inner(random), inner(random), inner(random)),
            };
        }
        match random.below(10) {
            0 => Rule::Constant(random.once_in(2)),
            1 => Rule::Claim(random.one_of(&["muted", "staff"])),
            // Not declared: it may be missing, or no bool.
            2 => Rule::Claim(random.one_of(&["loose", "wild"])),
            3 => Rule::Has(random.one_of(&["muted", "loose"])),
            4 => Rule::Equal(Text::any(random), Text::any(random)),
            5 => Rule::In(Text::any(random), List::any(random)),
            6 => Rule::StartsWith(Text::any(random), random.one_of(&["a", "chat", "https:"])),
            7 => Rule::AtLeast(Number::any(random), random.below(4) as i64),
            8 => Rule::Before(random.one_of(&[1_000, 2_000, 3_000])),
            _ => Rule::AnyIs(List::any(random), Text::any(random)),
        }
    }
}

fn is_in(wanted: &str, list: &[Value]) -> bool {
    list.iter().any(|item| item.as_str() == Some(wanted))
}

impl Text {
    fn of(&self, facts: &Facts<'_>) -> Option<String> {
        Some(match self {
            Text::Literal(text) => (*text).to_owned(),
            Text::User => facts.user.to_owned(),
            Text::Claim => facts.claims.get("desk")?.as_str()?.to_owned(),
            Text::Channel => facts.name.text.clone(),
            Text::Namespace => facts.name.word().to_owned(),
            Text::Part(index) => facts.name.parts.get(*index)?.clone(),
            Text::UserOf(index) => facts.name.users.get(*index)?.clone(),
            Text::Origin => facts.origin.to_owned(),
        })
    }

    fn written(&self) -> String {
        match self {
            Text::Literal(text) => format!("'{text}'"),
            Text::User => "user".to_owned(),
            Text::Claim => "claims.desk".to_owned(),
            Text::Channel => "channel.name".to_owned(),
            Text::Namespace => "channel.namespace".to_owned(),
            Text::Part(index) => format!("channel.parts[{index}]"),
            Text::UserOf(index) => format!("channel.users[{index}]"),
            Text::Origin => "connection.origin".to_owned(),
        }
    }

    fn any(random: &mut Random) -> Text {
        match random.below(8) {
            0 => Text::Literal(random.one_of(&["a", "b", "alice", "chat:a", "dm"])),
            1 => Text::User,
            2 => Text::Claim,
            3 => Text::Channel,
            4 => Text::Namespace,
            5 => Text::Part(random.below(2)),
            6 => Text::UserOf(random.below(2)),
            _ => Text::Origin,
        }
    }
}

impl List {
    fn of(&self, facts: &Facts<'_>) -> Vec<Value> {
        let texts = |texts: &[String]| texts.iter().cloned().map(Value::from).collect();
        match self {
            List::Teams => facts.claims["teams"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            List::Parts => texts(&facts.name.parts),
            List::Users => texts(&facts.name.users),
        }
    }

    fn written(&self) -> &'static str {
        match self {
            List::Teams => "claims.teams",
            List::Parts => "channel.parts",
            List::Users => "channel.users",
        }
    }

    fn any(random: &mut Random) -> List {
        random.one_of(&[List::Teams, List::Parts, List::Users])
    }
}

impl Number {
    fn of(&self, facts: &Facts<'_>) -> Option<i64> {
        match self {
            Number::Level => facts.claims.get("level")?.as_i64(),
            Number::Size(list) => i64::try_from(list.of(facts).len()).ok(),
        }
    }

    fn written(&self) -> String {
        match self {
            Number::Level => "claims.level".to_owned(),
            Number::Size(list) => format!("size({})", list.written()),
        }
    }

    fn any(random: &mut Random) -> Number {
        match random.once_in(2) {
            true => Number::Level,
            false => Number::Size(List::any(random)),
        }
    }
}
