//! The talk over channels: connect, subscribe, then show what is published and publish what is
//! typed. Pings are answered when the server asked for that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use super::print::json_on_one_line;
use super::talk::{MOST_IN_FLIGHT, Outcome, Talk};
use super::wire::{Command, Connected, Fault, Message, Publication, Push, Reply, Request};

/// How long the server may take to answer connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What the official SDKs grant a ping beyond its interval.
const PING_DELAY: Duration = Duration::from_secs(10);
/// Stands for the sender when there is none; no user id may have a `#`.
const BACKEND: &str = "#backend";

/// A talk over channels.
pub(super) struct Channels {
    channels: Vec<String>,
    /// Commands without a reply.
    waiting: BTreeMap<u32, Asked>,
    last_id: u32,
    connected: Option<Pings>,
}

enum Asked {
    Connect,
    Subscribe(String),
    Publish(String),
}

/// What the connect reply said of pings.
struct Pings {
    interval: Duration,
    answer: bool,
}

impl Channels {
    /// A talk that subscribes to `channels`, each once, and publishes to the first.
    pub(super) fn new(channels: &[String]) -> Channels {
        let mut once: Vec<String> = Vec::new();
        for channel in channels {
            if !once.contains(channel) {
                once.push(channel.clone());
            }
        }
        Channels {
            channels: once,
            waiting: BTreeMap::new(),
            last_id: 0,
            connected: None,
        }
    }

    /// Writes a command, and remembers it until it is answered.
    fn ask(&mut self, asked: Asked, request: Request<'_>) -> String {
        self.last_id += 1;
        self.waiting.insert(self.last_id, asked);
        let command = Command {
            id: self.last_id,
            request,
        };
        // Text, numbers and JSON that was parsed: there is nothing in it that could not be written.
        serde_json::to_string(&command).unwrap_or_default()
    }

    fn reply(&mut self, reply: Reply<'_>) -> Outcome {
        match (reply.push, reply.id) {
            (Some(push), _) => show_push(&push),
            (None, 0) => self.ping(),
            (None, id) => match (self.waiting.remove(&id), reply.error) {
                (Some(asked), Some(fault)) => failed(&asked, &fault),
                (Some(Asked::Connect), None) => self.connected(reply.connect),
                (Some(Asked::Subscribe(channel)), None) => {
                    Outcome::show(format!("* subscribed to {channel}"))
                }
                (Some(Asked::Publish(_)), None) => Outcome::default(),
                (None, _) => Outcome::show(format!("* a reply to nothing, with id {id}")),
            },
        }
    }

    fn ping(&self) -> Outcome {
        match &self.connected {
            Some(Pings { answer: true, .. }) => Outcome::send("{}".into()),
            _ => Outcome::default(),
        }
    }

    fn connected(&mut self, result: Option<Connected>) -> Outcome {
        let Some(result) = result else {
            return Outcome {
                over: Some("the connect reply has no result".into()),
                ..Outcome::default()
            };
        };
        let interval = Duration::from_secs(result.ping.into());
        self.connected = Some(Pings {
            interval,
            answer: result.pong,
        });
        let server = match result.version.as_str() {
            "" => "a server without a version",
            version => version,
        };
        let mut show = vec![format!(
            "* connected to {server} as client {}",
            result.client
        )];
        show.extend(
            result
                .subs
                .keys()
                .map(|channel| format!("* subscribed by the server to {channel}")),
        );
        Outcome {
            show,
            ..Outcome::default()
        }
    }
}

impl Talk for Channels {
    /// One frame for all, as the SDKs do: connect, then the subscriptions, each on its line.
    fn begin(&mut self) -> Option<String> {
        let version = env!("CARGO_PKG_VERSION");
        let connect = Request::Connect {
            name: "gatepost-connect",
            version,
        };
        let mut lines = vec![self.ask(Asked::Connect, connect)];
        for channel in self.channels.clone() {
            let asked = Asked::Subscribe(channel.clone());
            lines.push(self.ask(
                asked,
                Request::Subscribe {
                    channel: &channel,
                    join_leave: true,
                },
            ));
        }
        Some(lines.join("\n"))
    }

    fn typed(&mut self, line: &str) -> Outcome {
        let line = line.trim();
        if line.is_empty() {
            return Outcome::default();
        }
        let Some(channel) = self.channels.first().cloned() else {
            return Outcome::show(
                "* not sent: there is no channel to publish to, give one with --channel",
            );
        };
        match data(line) {
            Ok(data) => {
                let request = Request::Publish {
                    channel: &channel,
                    data: &data,
                };
                Outcome::send(self.ask(Asked::Publish(channel.clone()), request))
            }
            Err(fault) => Outcome::show(format!("* not sent: {fault}")),
        }
    }

    fn arrived(&mut self, text: &str) -> Outcome {
        let mut whole = Outcome::default();
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let next = match serde_json::from_str(line) {
                Ok(reply) => self.reply(reply),
                Err(fault) => Outcome::show(format!("* not understood ({fault}): {line}")),
            };
            whole.show.extend(next.show);
            whole.send = whole.send.or(next.send);
            whole.over = whole.over.or(next.over);
        }
        whole
    }

    fn wants_input(&self) -> bool {
        let subscribing = self
            .waiting
            .values()
            .any(|asked| matches!(asked, Asked::Subscribe(_)));
        self.connected.is_some() && !subscribing && self.waiting.len() < MOST_IN_FLIGHT
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn silence(&self) -> Option<Duration> {
        match &self.connected {
            None => Some(CONNECT_TIMEOUT),
            Some(Pings { interval, .. }) if interval.is_zero() => None,
            Some(Pings { interval, .. }) => Some(*interval + PING_DELAY),
        }
    }
}

/// What is typed is JSON when it reads as JSON, else it is text.
fn data(line: &str) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(line.to_owned())
        .or_else(|_| RawValue::from_string(json!({ "text": line }).to_string()))
}

fn failed(asked: &Asked, Fault { code, message }: &Fault) -> Outcome {
    match asked {
        Asked::Connect => Outcome {
            over: Some(format!("connect was refused: error {code} {message}")),
            ..Outcome::default()
        },
        Asked::Subscribe(channel) => Outcome::show(format!(
            "* not subscribed to {channel}: error {code} {message}"
        )),
        Asked::Publish(channel) => Outcome::show(format!(
            "* not published to {channel}: error {code} {message}"
        )),
    }
}

fn show_push(push: &Push<'_>) -> Outcome {
    let channel = &push.channel;
    let data = |data: &Option<&RawValue>| json_on_one_line(data.map_or("null", RawValue::get));
    Outcome::show(match push {
        Push {
            publication: Some(Publication { data: sent, info }),
            ..
        } => {
            let sender = info.as_ref().map_or(BACKEND, |info| &info.user);
            format!("{channel} {sender} {}", data(sent))
        }
        Push {
            join: Some(join), ..
        } => format!("{channel} {} joined", join.info.user),
        Push {
            leave: Some(leave), ..
        } => format!("{channel} {} left", leave.info.user),
        Push {
            unsubscribe: Some(end),
            ..
        } => {
            format!("* unsubscribed from {channel}: {} {}", end.code, end.reason)
        }
        Push {
            subscribe: Some(_), ..
        } => format!("* subscribed by the server to {channel}"),
        Push {
            message: Some(Message { data: sent }),
            ..
        } => format!("* message {}", data(sent)),
        Push {
            disconnect: Some(end),
            ..
        } => format!("* disconnect: {} {}", end.code, end.reason),
        // Clients pass over pushes that they do not know.
        _ => return Outcome::default(),
    })
}

#[cfg(test)]
mod tests;
