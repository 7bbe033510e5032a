//! The decision, step by step, as docs/policy.md has it under "How a decision is made".

use super::grants;
use super::names::{self, Name};
use super::rules::{Facts, Rule};
use super::world::{Case, Room, World};

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// Error 107.
    BadName,
    /// Nobody with such a token would get so far.
    RefusedAtTheDoor,
    Decided {
        verdict: Verdict,
        step: String,
        by: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Allowed,
    Code(u32),
}

fn decided(verdict: Verdict, step: &str, by: Option<String>) -> Answer {
    Answer::Decided {
        verdict,
        step: step.to_owned(),
        by,
    }
}

fn allowed(step: &str, by: Option<String>) -> Answer {
    decided(Verdict::Allowed, step, by)
}

fn denied(step: &str, by: Option<String>) -> Answer {
    decided(Verdict::Code(103), step, by)
}

pub(crate) fn decide(world: &World, case: &Case) -> Answer {
    let Some(name) = names::read(&case.channel) else {
        return Answer::BadName;
    };
    let Some(granted) = grants::read(&case.claims) else {
        return Answer::RefusedAtTheDoor;
    };
    // Declared claims have a default, which also gives the type.
    let mut claims = case.claims.clone();
    for (declared, default) in &world.declared {
        let value = claims.entry(declared.clone()).or_insert(default.clone());
        if std::mem::discriminant(value) != std::mem::discriminant(default) {
            return Answer::RefusedAtTheDoor;
        }
    }
    let facts = Facts {
        user: &case.user,
        claims: &claims,
        name: &name,
        origin: case.origin.as_deref().unwrap_or(""),
        now: case.now,
    };

    // 1. The name: its namespace is configured, and has the feature.
    let Some((key, room)) = room_of(world, &name) else {
        return decided(Verdict::Code(102), "name", None);
    };
    let permission = case.permission;
    if permission == "history" && !room.keeps_history
        || permission == "presence" && room.presence.is_none()
    {
        return decided(Verdict::Code(108), "name", None);
    }

    // 2. Private: for those whom it names, whatever else is granted; but for the mailbox.
    let mailbox = name.is_personal() && permission == "publish";
    if name.users.is_empty() {
        if room.private {
            return denied("private", None);
        }
    } else if !mailbox && !name.users.contains(&case.user) {
        return denied("private", None);
    }

    // 3. The veto; a rule that fails denies.
    if let Some(rule) = &room.deny
        && rule.holds(&facts) != Some(false)
    {
        return denied("deny", Some(format!("{key}.deny")));
    }

    // 4. Grants only add, and none opens a mailbox.
    let grant = |wanted: &str| {
        if mailbox {
            return None;
        }
        let token = case.subscription.as_ref().filter(|token| {
            let theirs = token.user == case.user && token.channel == name.text;
            theirs && (wanted == "subscribe" || token.allow.contains(&grants::word(wanted)))
        });
        match token {
            Some(_) => Some("subscription_token".to_owned()),
            None => granted.giving(&name.text, wanted),
        }
    };
    if let Some(by) = grant(permission) {
        return allowed("grants", Some(by));
    }

    // 5. The rule of the permission; absent means deny. Two things need none.
    if permission == "history" && room.history_read.is_none() {
        // Whoever may subscribe may read.
        if let Some(by) = grant("subscribe") {
            return allowed("implied", Some(by));
        }
        return match (&room.subscribe, name.users.is_empty()) {
            (Some(rule), _) => {
                let by = Some(format!("{key}.subscribe"));
                match rule.holds(&facts) {
                    Some(true) => allowed("implied", by),
                    _ => denied("rule", by),
                }
            }
            (None, false) => allowed("implied", None),
            (None, true) => denied("rule", None),
        };
    }
    let (rule, word) = match permission {
        "subscribe" => (&room.subscribe, "subscribe"),
        "publish" => (&room.publish, "publish"),
        "presence" => (&room.presence, "presence"),
        _ => (&room.history_read, "history.read"),
    };
    by_rule(rule.as_ref(), &facts, &format!("{key}.{word}"), permission)
}

fn by_rule(rule: Option<&Rule>, facts: &Facts<'_>, key: &str, permission: &str) -> Answer {
    match rule {
        Some(rule) if rule.holds(facts) == Some(true) => allowed("rule", Some(key.to_owned())),
        Some(_) => denied("rule", Some(key.to_owned())),
        // A private channel that names oneself: step 2 has seen that it does.
        None if permission == "subscribe" && !facts.name.users.is_empty() => {
            allowed("implied", None)
        }
        None => denied("rule", None),
    }
}

/// The rules that the channel stands under, and what they are called.
fn room_of<'a>(world: &'a World, name: &Name) -> Option<(String, &'a Room)> {
    if name.is_personal() {
        return Some(("personal".to_owned(), &world.personal));
    }
    // One thing, one name: there is no `personal:x` and no `default:x`.
    let key = match name.namespace.as_deref() {
        None => "default",
        Some("default" | "personal") => return None,
        Some(namespace) => namespace,
    };
    let (key, room) = world.rooms.iter().find(|(room, _)| room == key)?;
    Some((format!("room.{key}"), room))
}
