//! The claims that grant, read anew for each question.

use serde_json::{Map, Value, json};

use super::names;
use super::random::Random;

/// The claims of a token whose grants are of the right form.
pub(crate) struct Granted {
    listed: Vec<String>,
    claim: &'static str,
    caps: Vec<Value>,
}

/// The word of `allow` for a permission.
pub(crate) fn word(permission: &str) -> String {
    match permission {
        "subscribe" => "sub",
        "publish" => "pub",
        "presence" => "prs",
        _ => "hst",
    }
    .to_owned()
}

/// `None` where they are not.
pub(crate) fn read(claims: &Map<String, Value>) -> Option<Granted> {
    let channels: Vec<String> = match claims.get("channels") {
        None => Vec::new(),
        Some(list) => strings(list)?,
    };
    let subs: Option<Vec<String>> = match claims.get("subs") {
        None => None,
        Some(subs) => Some(subs.as_object()?.keys().cloned().collect()),
    };
    let caps = match claims.get("caps") {
        None => Vec::new(),
        Some(caps) => caps.as_array()?.clone(),
    };
    let mut exact: Vec<String> = channels
        .iter()
        .chain(subs.iter().flatten())
        .cloned()
        .collect();
    for cap in &caps {
        if cap.get("match").is_none() {
            exact.extend(strings(&cap["channels"])?);
        }
    }
    if exact.iter().any(|name| names::read(name).is_none()) {
        return None;
    }
    let claim = if subs.is_some() {
        "token.subs"
    } else {
        "token.channels"
    };
    Some(Granted {
        listed: subs.unwrap_or(channels),
        claim,
        caps,
    })
}

fn strings(list: &Value) -> Option<Vec<String>> {
    list.as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

impl Granted {
    /// The name of the grant that gives it. Of the caps the first that matches decides.
    pub(crate) fn giving(&self, channel: &str, wanted: &str) -> Option<String> {
        if wanted == "subscribe" && self.listed.iter().any(|listed| listed == channel) {
            return Some(self.claim.to_owned());
        }
        for (index, cap) in self.caps.iter().enumerate() {
            let how = cap.get("match").and_then(Value::as_str).unwrap_or("exact");
            let matches = strings(&cap["channels"])?.iter().any(|pattern| match how {
                "exact" => pattern == channel,
                "wildcard" => wildcard(pattern.as_bytes(), channel.as_bytes()),
                _ => search(pattern, channel),
            });
            if matches {
                let allow = strings(&cap["allow"])?;
                let given = allow.contains(&word(wanted));
                return given.then(|| format!("token.caps[{index}]"));
            }
        }
        None
    }
}

/// `*` is any run of characters, all else is itself.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| wildcard(rest, &text[skipped..])),
        Some((first, rest)) => text.first() == Some(first) && wildcard(rest, &text[1..]),
    }
}

/// Of regular expressions only what [`regex`] makes: characters, `.`, `[ab]`, each perhaps with a
/// `*` or `+` behind it; and `^` and `$` at the ends.
fn search(pattern: &str, text: &str) -> bool {
    let (pattern, anchored) = match pattern.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let text = text.as_bytes();
    let starts = if anchored { 0..=0 } else { 0..=text.len() };
    starts
        .into_iter()
        .any(|start| matches_here(pattern.as_bytes(), &text[start..]))
}

fn matches_here(pattern: &[u8], text: &[u8]) -> bool {
    if pattern.is_empty() {
        return true;
    }
    if pattern == b"$" {
        return text.is_empty();
    }
    let length = if pattern[0] == b'[' { 4 } else { 1 };
    let (one, rest) = pattern.split_at(length);
    let fits = |byte: u8| match one {
        b"." => true,
        [b'[', a, b, b']'] => byte == *a || byte == *b,
        [only] => byte == *only,
        _ => unreachable!(),
    };
    let (least, rest) = match rest.first() {
        Some(b'*') => (0, &rest[1..]),
        Some(b'+') => (1, &rest[1..]),
        _ => {
            let first = text.first().is_some_and(|byte| fits(*byte));
            return first && matches_here(rest, &text[1..]);
        }
    };
    let run = text.iter().take_while(|byte| fits(**byte)).count();
    (least..=run).any(|taken| matches_here(rest, &text[taken..]))
}

/// Claims that grant something, or nothing, or are not of the right form.
pub(crate) fn any(
    random: &mut Random,
    channel: &dyn Fn(&mut Random) -> String,
) -> Vec<(String, Value)> {
    let mut claims = Vec::new();
    if random.once_in(4) {
        let list = match random.once_in(10) {
            true => json!("news"),
            false => random.some(3, channel).into(),
        };
        claims.push(("channels".to_owned(), list));
    }
    if random.once_in(6) {
        let subs = random.some(3, channel).into_iter();
        let subs: Map<String, Value> = subs.map(|name| (name, json!({}))).collect();
        claims.push(("subs".to_owned(), subs.into()));
    }
    if random.once_in(2) {
        let caps = random.some(3, |random| cap(random, channel));
        claims.push(("caps".to_owned(), caps.into()));
    }
    claims
}

fn cap(random: &mut Random, channel: &dyn Fn(&mut Random) -> String) -> Value {
    let allow = allow(random);
    match random.below(3) {
        0 => json!({"channels": random.some(3, channel), "allow": allow}),
        1 => {
            let channels = random.some(2, |random| pattern(random, &["*", "a", ":", "chat:", "#"]));
            json!({"channels": channels, "match": "wildcard", "allow": allow})
        }
        _ => json!({"channels": random.some(2, regex), "match": "regex", "allow": allow}),
    }
}

pub(crate) fn allow(random: &mut Random) -> Vec<String> {
    let words = ["sub", "pub", "prs", "hst"];
    random.some(3, |random| random.one_of(&words).to_owned())
}

fn pattern(random: &mut Random, pieces: &[&str]) -> String {
    let mut text = random.one_of(pieces).to_owned();
    for _ in 0..random.below(4) {
        text.push_str(random.one_of(pieces));
    }
    text
}

fn regex(random: &mut Random) -> String {
    let pieces = [
        "a", "b", "chat:", "dm:", "vault:", "#", ".", ".*", "[ab]", "[ab]+", "a+", ":",
    ];
    let mut text = pattern(random, &pieces);
    if random.once_in(2) {
        text.insert(0, '^');
    }
    if random.once_in(2) {
        text.push('$');
    }
    text
}
