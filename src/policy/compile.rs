//! From the config's words to a [`Policy`], or to everything that is wrong with them.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use super::claims::{DeclaredClaims, ReadClaims};
use super::decide::{PERSONAL, Policy, Room};
use super::place::RulePlaces;
use super::rule::Rule;
use super::source::{PolicySource, RoomSource};

/// A policy, and what its author should look at.
#[derive(Debug)]
pub struct Compiled {
    /// The policy.
    pub policy: Policy,
    /// What is allowed, but probably not meant.
    pub warnings: Vec<RuleFault>,
}

/// Something wrong in the text of a rule, or in another setting of `[claims]`, `[personal]` or a
/// room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Where: `room.team.subscribe`, `personal.publish`, `room.chat.history.read`, `claims.teams`,
    /// or `room.team` for the room itself.
    pub rule: String,
    /// The bytes of the rule's text that it is about; empty at 0 for all of it.
    pub at: Range<usize>,
    /// One sentence, without capital and full stop.
    pub message: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

impl std::error::Error for RuleFault {}

impl Policy {
    /// Checks and compiles all of it; either a policy, or all faults at once.
    pub fn compile(source: PolicySource) -> Result<Compiled, Vec<RuleFault>> {
        let mut compiler = Compiler::default();
        compiler.claims = DeclaredClaims::new(source.claims).unwrap_or_else(|fault| {
            compiler.fault(format!("claims.{}", fault.claim()), fault.to_string());
            DeclaredClaims::default()
        });
        let personal = source.personal.unwrap_or_default();
        let personal = compiler.room(PERSONAL, personal);
        let mut names = HashSet::new();
        let mut rooms = ahash::HashMap::default();
        for (namespace, room) in source.rooms {
            let key = format!("room.{namespace}");
            if let Some(message) = unusable_namespace(&namespace) {
                compiler.fault(key.clone(), message);
            } else if !names.insert(namespace.clone()) {
                compiler.fault(
                    key.clone(),
                    format!("the room `{namespace}` stands here twice"),
                );
            }
            let room = compiler.room(&key, room);
            rooms.insert(namespace, room);
        }
        if !compiler.faults.is_empty() {
            return Err(compiler.faults);
        }
        let has_shadows = rooms.values().any(|room| room.shadow.is_some());
        let policy = Policy {
            has_shadows,
            claims: compiler.claims.read_by_rules(compiler.reads_claims),
            personal,
            rooms,
            places: RulePlaces::new(),
        };
        Ok(Compiled {
            policy,
            warnings: compiler.warnings,
        })
    }
}

/// Why no channel could ever stand under this namespace, if none could.
fn unusable_namespace(namespace: &str) -> Option<&'static str> {
    if namespace == PERSONAL {
        Some("no room is called `personal`, the rules of personal channels stand under [personal]")
    } else if namespace.is_empty() {
        Some("a room has an empty name")
    } else if namespace.contains([':', '#']) {
        Some("the name of a room contains `:` or `#`, which end a namespace")
    } else if !namespace.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("the name of a room is not printable ASCII, no channel could have it")
    } else {
        None
    }
}

#[derive(Default)]
struct Compiler {
    claims: DeclaredClaims,
    reads_claims: ReadClaims,
    faults: Vec<RuleFault>,
    warnings: Vec<RuleFault>,
}

impl Compiler {
    fn fault(&mut self, rule: String, message: impl Into<String>) {
        self.faults.push(RuleFault {
            rule,
            at: 0..0,
            message: message.into(),
        });
    }

    fn room(&mut self, key: &str, source: RoomSource) -> Room {
        let room = Room {
            private: source.private,
            subscribe: self.rule(key, "subscribe", source.subscribe),
            publish: self.rule(key, "publish", source.publish),
            presence: self.rule(key, "presence", source.presence),
            deny: self.rule(key, "deny", source.deny),
            history_read: self.rule(key, "history.read", source.history_read),
            history: source.history,
            join_leave: source.join_leave,
            shadow: None,
        };
        if room.history_read.is_some() && room.history.is_none() {
            let message = "it says who may read the history, but none is kept; give size and ttl";
            self.fault(format!("{key}.history.read"), message);
        }
        if room.join_leave && room.presence.is_none() {
            let message = "join and leave are told to those who hold presence, and without a rule \
                           for presence nobody does";
            self.warnings.push(RuleFault {
                rule: format!("{key}.join_leave"),
                at: 0..0,
                message: message.to_owned(),
            });
        }
        let shadow = source.shadow.map(|shadow| self.shadow(key, &room, *shadow));
        Room {
            shadow: shadow.map(Box::new),
            ..room
        }
    }

    /// The room as it would be with the candidate rules.
    fn shadow(&mut self, key: &str, room: &Room, source: RoomSource) -> Room {
        let key = format!("shadow.{key}");
        let mut candidate = |permission, text, real: &Option<Rule>| {
            let rule = self.rule(&key, permission, text);
            rule.or_else(|| real.clone())
        };
        let shadow = Room {
            private: room.private,
            subscribe: candidate("subscribe", source.subscribe, &room.subscribe),
            publish: candidate("publish", source.publish, &room.publish),
            presence: candidate("presence", source.presence, &room.presence),
            deny: candidate("deny", source.deny, &room.deny),
            history_read: candidate("history.read", source.history_read, &room.history_read),
            history: room.history,
            join_leave: room.join_leave,
            shadow: None,
        };
        if shadow.history_read.is_some() && shadow.history.is_none() {
            let message = "it says who would read the history, but the room keeps none";
            self.fault(format!("{key}.history.read"), message);
        }
        shadow
    }

    fn rule(&mut self, key: &str, permission: &str, text: Option<String>) -> Option<Rule> {
        let name = format!("{key}.{permission}");
        let faults = |faults: Vec<super::rule::Fault>| {
            let name = name.clone();
            faults.into_iter().map(move |fault| RuleFault {
                rule: name.clone(),
                at: fault.at,
                message: fault.message,
            })
        };
        match Rule::compile(&name, &text?, &self.claims) {
            Ok((rule, warnings)) => {
                self.warnings.extend(faults(warnings));
                self.reads_claims.and(rule.reads_claims().clone());
                Some(rule)
            }
            Err(wrong) => {
                self.faults.extend(faults(wrong));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
