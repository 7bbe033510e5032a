//! What of a configuration can change while it is in force, and what takes a restart.

use std::collections::BTreeMap;

use super::Config;

/// The options that can change live, and with a dot at the end all below a table. All others take a
/// restart; so does one that is new, until somebody has thought about it.
const LIVE: &[&str] = &[
    // An option outside of all tables.
    ".expect_files",
    "admin.api_key_env",
    "admin.api_key_file",
    "claims.",
    "door.allow_missing_origin",
    "door.cookie",
    "door.origins",
    "door.sources",
    "expect.",
    "issuer.",
    "limits.commands",
    "limits.connections_per_address",
    "limits.connections_per_user",
    "limits.failures_per_address",
    "limits.max_message",
    "limits.outbox",
    "limits.publishes",
    "limits.reads",
    "limits.subscribes",
    "personal.",
    "room.",
    "session.max_channels",
    "session.max_connections",
    "session.one_connection_per_token",
    "session.pong_timeout",
    "session.when_full",
    "shadow.",
    "tls.certificate",
    "tls.key",
];

impl Config {
    /// The options that differ from those of an earlier config and cannot be changed without a
    /// restart, by their paths. `earlier` is what that one was [resolved](Config::resolved) to.
    pub fn fixed_changes(&self, earlier: &str) -> Vec<String> {
        let (mine, others) = (options(&self.resolved), options(earlier));
        let mut changed: Vec<String> = mine
            .iter()
            .filter(|(path, values)| others.get(*path) != Some(*values))
            .map(|(path, _)| path.clone())
            .chain(
                others
                    .keys()
                    .filter(|path| !mine.contains_key(*path))
                    .cloned(),
            )
            .filter(|path| !is_live(path))
            .collect();
        changed.sort_unstable();
        changed
    }
}

fn is_live(path: &str) -> bool {
    LIVE.iter().any(|live| match live.ends_with('.') {
        true => path.starts_with(live),
        false => path == *live,
    })
}

/// The values of each option as they were understood, in the order of the tables that have it.
fn options(resolved: &str) -> BTreeMap<String, Vec<&str>> {
    let mut options: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut table = "";
    for line in resolved.lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_start_matches('[').trim_end_matches(']');
        } else if let Some((key, value)) = line.split_once(" = ") {
            options
                .entry(format!("{table}.{key}"))
                .or_default()
                .push(value);
        }
    }
    options
}
