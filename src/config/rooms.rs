//! `[claims]`, `[personal]` and `[room.NAME]`: where the policy comes from.
//!
//! This file reads the tables and compiles them; it keeps for each rule where it is written, so
//! that a fault inside a rule is told with its line and column. What a rule means is `policy`'s
//! business.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::Reader;
use super::resolved::Resolved;
use super::rule_text;
use super::section::{At, Section};
use super::source::Source;
use super::value::{self, Misfit};
use crate::policy::{
    Compiled, HistoryLimits, Policy, PolicySource, RoomSource, RuleFault, RulePlace, RulePlaces,
    Run,
};

/// The policy as it is written.
pub(super) struct Rooms {
    source: PolicySource,
    /// Where each rule, room and claim stands, by the name that the compiler calls it.
    places: BTreeMap<String, Place>,
}

enum Place {
    /// A string that holds a rule.
    Rule(Range<usize>),
    /// A table or a key.
    Other(Range<usize>),
}

const MAX_HISTORY: usize = 100_000;
const MAX_HISTORY_TTL: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn read(root: &Section<'_>) -> Rooms {
    let mut rooms = Rooms {
        source: PolicySource::default(),
        places: BTreeMap::new(),
    };
    rooms.read_claims(&root.section("claims"));
    let personal = root.section("personal");
    let is_present = personal.is_present();
    personal.forbidden(
        "private",
        "a personal channel is always private",
        "remove `private` from [personal]",
    );
    let personal = rooms.read_room(personal);
    rooms.source.personal = is_present.then_some(personal);
    for (name, section) in root.named("room") {
        let private = section.or("private", value::boolean, false);
        let mut room = rooms.read_room(section);
        room.private = private;
        rooms.source.rooms.push((name.into_inner(), room));
    }
    let shadow = root.section("shadow");
    for (name, section) in shadow.named("room") {
        rooms.read_shadow(&name, section);
    }
    shadow.finish();
    rooms
}

impl Rooms {
    fn read_claims(&mut self, section: &Section<'_>) {
        for (name, default) in section.free() {
            self.places.insert(
                format!("claims.{}", name.get_ref()),
                Place::Other(name.span()),
            );
            match to_json(default.get_ref()) {
                Ok(default) => self.source.claims.push((name.into_inner(), default)),
                Err(misfit) => {
                    let message = format!("the default of `{}` {}", name.get_ref(), misfit.message);
                    section.reader.fault(&default.span(), message);
                }
            }
        }
    }

    fn read_room(&mut self, section: Section<'_>) -> RoomSource {
        self.places.insert(
            section.path().to_owned(),
            Place::Other(section.at().clone()),
        );
        let mut room = self.read_rules(&section);
        room.join_leave = section.or("join_leave", value::boolean, false);
        if section.has("join_leave") {
            let at = section.place("join_leave");
            self.places
                .insert(format!("{}.join_leave", section.path()), Place::Other(at));
        }
        let history = section.section("history");
        if history.is_present() {
            room.history = read_history(&history);
        }
        room.history_read = self.read_rule(&history, "read");
        history.finish();
        section.finish();
        room
    }

    /// Candidate rules for a room that there is.
    fn read_shadow(&mut self, name: &At<String>, section: Section<'_>) {
        let at = section.at().clone();
        self.places
            .insert(section.path().to_owned(), Place::Other(at));
        let mut shadow = self.read_rules(&section);
        let history = section.section("history");
        shadow.history_read = self.read_rule(&history, "read");
        history.finish();
        let (reader, mut rooms) = (section.reader, self.source.rooms.iter_mut());
        section.finish();
        match rooms.find(|(room, _)| room == name.get_ref()) {
            Some((_, room)) => room.shadow = Some(Box::new(shadow)),
            None => {
                let message = format!("there is no [room.{}] beside it", name.get_ref());
                reader.fault(&name.span(), message);
            }
        }
    }

    fn read_rules(&mut self, section: &Section<'_>) -> RoomSource {
        RoomSource {
            subscribe: self.read_rule(section, "subscribe"),
            publish: self.read_rule(section, "publish"),
            presence: self.read_rule(section, "presence"),
            deny: self.read_rule(section, "deny"),
            ..RoomSource::default()
        }
    }

    fn read_rule(&mut self, section: &Section<'_>, key: &'static str) -> Option<String> {
        let rule = section.option(key, value::rule)?;
        self.places.insert(
            format!("{}.{key}", section.path()),
            Place::Rule(rule.span()),
        );
        Some(rule.into_inner())
    }

    /// Compiles; every fault is noted at its place in the rule.
    pub(super) fn compile(&self, reader: &Reader<'_>) -> Option<Policy> {
        match Policy::compile(self.source.clone()) {
            Ok(Compiled { policy, warnings }) => {
                for warning in warnings {
                    reader.warn(&self.place(reader, &warning), told(&warning));
                }
                Some(policy.written_at(self.written_at(reader.source())))
            }
            Err(faults) => {
                for fault in faults {
                    reader.fault(&self.place(reader, &fault), told(&fault));
                }
                None
            }
        }
    }

    /// Where the rooms and each character of their rules are written.
    fn written_at(&self, source: &Source<'_>) -> RulePlaces {
        let file = Arc::new(source.file().to_owned());
        let written = self.places.iter().map(|(name, place)| {
            let runs = match place {
                Place::Rule(at) => runs_of_rule(source, at),
                Place::Other(at) => vec![run(source, 0, at.start)],
            };
            (name.clone(), RulePlace::new(file.clone(), runs))
        });
        written.collect()
    }

    fn place(&self, reader: &Reader<'_>, fault: &RuleFault) -> Range<usize> {
        // What has no place of its own has that of the table around it.
        let mut name = fault.rule.as_str();
        loop {
            match (self.places.get(name), name.rsplit_once('.')) {
                (Some(Place::Other(at)), _) => return at.clone(),
                (Some(Place::Rule(at)), _) => {
                    let written = reader.source().text().get(at.clone()).unwrap_or("");
                    // A fault of the whole rule has an empty range.
                    let inside = (!fault.at.is_empty())
                        .then(|| rule_text::locate(written, &fault.at))
                        .flatten();
                    return inside.map_or(at.clone(), |inside| {
                        at.start + inside.start..at.start + inside.end
                    });
                }
                (None, Some((outer, _))) => name = outer,
                (None, None) => return 0..0,
            }
        }
    }
}

/// The stretches of a rule that stand in the file as they are in the rule.
fn runs_of_rule(source: &Source<'_>, at: &Range<usize>) -> Vec<Run> {
    let token = source.text().get(at.clone()).unwrap_or("");
    let mut runs: Vec<Run> = Vec::new();
    let mut next = None;
    for (decoded, written) in rule_text::characters(token) {
        let here = run(source, decoded, at.start + written);
        if next != Some((here.line, here.column)) {
            runs.push(here);
        }
        next = Some((here.line, here.column + 1));
    }
    runs
}

fn run(source: &Source<'_>, offset: usize, written: usize) -> Run {
    let position = source.position(written);
    Run {
        offset,
        line: position.line,
        column: position.column,
    }
}

fn told(fault: &RuleFault) -> String {
    format!("{}: {}", fault.rule, fault.message)
}

fn read_history(section: &Section<'_>) -> Option<HistoryLimits> {
    let help = "write history = { size = 100, ttl = \"1h\" }";
    let size = section.required("size", value::integer(1..=MAX_HISTORY), help);
    let ttl = value::duration(Duration::from_secs(1)..=MAX_HISTORY_TTL);
    let ttl = section.required("ttl", ttl, help);
    Some(HistoryLimits {
        size: size?.into_inner(),
        ttl: ttl?.into_inner(),
    })
}

/// A TOML value as a claim of a token would have it.
pub(super) fn to_json(value: &DeValue<'_>) -> Result<serde_json::Value, Misfit> {
    let unfit = |what: &str| Misfit::new(format!("is {what}, which no JSON claim can be"));
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(boolean) => (*boolean).into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| unfit("an integer beyond 64 bits"))?
            .into(),
        DeValue::Float(number) => {
            let parsed = number
                .as_str()
                .parse()
                .ok()
                .and_then(serde_json::Number::from_f64);
            parsed
                .ok_or_else(|| unfit("a number that is not finite"))?
                .into()
        }
        DeValue::Datetime(_) => return Err(unfit("a date")),
        DeValue::Array(items) => items
            .iter()
            .map(|item| to_json(item.get_ref()))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        DeValue::Table(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                to_json(value.get_ref()).map(|value| (key.get_ref().to_string(), value))
            });
            serde_json::Value::Object(entries.collect::<Result<_, _>>()?)
        }
    })
}

impl Rooms {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("claims");
        for (name, default) in &self.source.claims {
            out.bare(name, default);
        }
        if let Some(personal) = &self.source.personal {
            out.section("personal");
            resolve_room(personal, out);
        }
        for (name, room) in &self.source.rooms {
            out.section(&format!("room.{name}"));
            out.bare("private", room.private);
            resolve_room(room, out);
        }
        for (name, room) in &self.source.rooms {
            if let Some(shadow) = &room.shadow {
                out.section(&format!("shadow.room.{name}"));
                resolve_rules(shadow, out);
                out.optional("history.read", shadow.history_read.as_ref());
            }
        }
    }
}

fn resolve_rules(room: &RoomSource, out: &mut Resolved) {
    out.optional("subscribe", room.subscribe.as_ref());
    out.optional("publish", room.publish.as_ref());
    out.optional("presence", room.presence.as_ref());
    out.optional("deny", room.deny.as_ref());
}

fn resolve_room(room: &RoomSource, out: &mut Resolved) {
    resolve_rules(room, out);
    if let Some(history) = &room.history {
        out.bare("history.size", history.size);
        out.duration("history.ttl", history.ttl);
    }
    out.optional("history.read", room.history_read.as_ref());
    out.bare("join_leave", room.join_leave);
}
