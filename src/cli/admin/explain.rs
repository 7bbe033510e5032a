//! `gatepost admin explain`: why live connections may or may not do something with a channel.

use std::fmt;

use clap::Args;
use serde_json::{Map, Value};

use super::object;
use crate::cli::connect::clean;
use crate::cli::explain::permission;
use crate::policy::{ChannelName, Permission};

#[derive(Args, Clone, Debug)]
pub(super) struct ExplainArgs {
    /// The connection, by its client id
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "user",
        conflicts_with = "user"
    )]
    client: Option<String>,

    /// All connections of this user, named with the issuer's prefix if it has one
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The channel
    #[arg(long, value_name = "CHANNEL", value_parser = ChannelName::parse)]
    channel: ChannelName,

    /// What is asked for; may be given several times
    #[arg(long, value_name = "PERMISSION", required = true, value_parser = permission())]
    permission: Vec<Permission>,
}

impl ExplainArgs {
    /// The request; `with_text` if it is to be answered for eyes too.
    pub(super) fn body(self, with_text: bool) -> Value {
        let permissions = self.permission.into_iter().map(Permission::as_str);
        let permissions: Vec<&str> = permissions.collect();
        object([
            ("client", self.client.map(Value::from)),
            ("user", self.user.map(Value::from)),
            ("channel", Some(self.channel.as_str().into())),
            ("permission", Some(permissions.into())),
            ("text", with_text.then_some(true.into())),
        ])
    }
}

/// The `result` of the method: explanations by client id.
#[derive(Debug, PartialEq)]
pub(super) struct Explained(Value);

impl Explained {
    pub(super) fn read(result: &Value) -> Option<Explained> {
        result["connections"].as_object()?;
        Some(Explained(result.clone()))
    }

    /// All that was said.
    pub(super) fn json(&self) -> &Value {
        &self.0
    }

    /// Whether each connection may do all that was asked for.
    pub(super) fn allows_all(&self) -> bool {
        let mut all = self.connections().flat_map(|(_, told)| explanations(told));
        all.all(|one| one["decision"] == "allow")
    }

    fn connections(&self) -> impl Iterator<Item = (&String, &Value)> {
        let connections = self.0["connections"].as_object();
        connections.into_iter().flat_map(Map::iter)
    }
}

fn explanations(told: &Value) -> impl Iterator<Item = &Value> {
    told["explanations"].as_array().into_iter().flatten()
}

/// For a person; what clients and issuers chose cannot write to the terminal as it likes.
impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for (client, told) in self.connections() {
            let aside = match told["expired"] == true {
                true => {
                    ": its token has expired, so until it brings a newer one all gets error 110"
                }
                false => "",
            };
            lines.push(format!("connection {client}{aside}"));
            for one in explanations(told) {
                let text = one["text"].as_str().unwrap_or_default();
                lines.extend(text.lines().map(str::to_owned));
            }
        }
        if self.0["truncated"] == true {
            lines.push("there are more connections: ask about one of them by --client".to_owned());
        }
        let lines: Vec<String> = lines.iter().map(|line| clean(line)).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(decisions: [&str; 2]) -> Explained {
        let one = |decision: &str| json!({"decision": decision, "text": "why\n  and\u{1b}[2J how"});
        let of = |decision, expired| json!({"expired": expired, "explanations": [one(decision)]});
        let [first, second] = decisions;
        let connections = json!({"a": of(first, false), "b": of(second, true)});
        Explained::read(&json!({"connections": connections, "truncated": true})).unwrap()
    }

    #[test]
    fn it_is_a_yes_when_all_is_allowed() {
        assert!(told(["allow", "allow"]).allows_all());
        assert!(!told(["allow", "deny"]).allows_all());
        assert_eq!(Explained::read(&json!({})), None);
    }

    /// LOG-2: what others chose writes nothing of its own to the terminal.
    #[test]
    fn log_2_each_connection_has_its_lines_and_none_is_obeyed() {
        let text = told(["allow", "deny"]).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["connection a", "why", "  and\\u001b[2J how"]);
        assert!(lines[3].starts_with("connection b: its token has expired"));
        assert!(lines[6].contains("--client"), "{text}");
    }
}
