//! `explain`: why a live connection, or whoever has such claims, may or may not do something with a
//! channel, by the rules that are in force.
//!
//! The answer holds values of claims: it is for who has a key, and stays out of the log.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::revoke::number;
use super::{Backend, Done, Fault, read, user_of};
use crate::clock::UnixSeconds;
use crate::identity::MAX_PAYLOAD_BYTES;
use crate::limits::{EXPLAINED_BYTES, EXPLAINED_CONNECTIONS};
use crate::policy::{ChannelName, ConnectionFacts, Described, Explanation, Permission};
use crate::session::{Explained, Live, Terms};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    client: Option<String>,
    user: Option<String>,
    claims: Option<Map<String, Value>>,
    issuer: Option<String>,
    connection: Option<Map<String, Value>>,
    now: Option<Time>,
    channel: Option<String>,
    permission: Option<OneOrMore>,
    text: Option<bool>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`now` is a number of seconds since 1970, or a string"
)]
enum Time {
    Seconds(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`permission` is a string, or a list of them")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Whom a call asks about.
#[derive(Debug)]
enum Whom {
    Client(String),
    User(String),
    MadeUp(Box<Described>),
}

/// What it asks about them, and how the answer is to be.
struct Question {
    channel: ChannelName,
    permissions: Vec<Permission>,
    with_text: bool,
}

impl Backend {
    pub(super) async fn explain(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: Request = read(body)?;
        let question = Question::of(&request)?;
        // One set of terms for the whole answer.
        let terms = self.sessions.terms();
        let (found, missing) = match whom(request, &terms, self.clock.now())? {
            Whom::MadeUp(described) => return question.of_made_up(&described, &terms),
            Whom::Client(client) => {
                let found = self.sessions.of_client(&client).await;
                let missing = "client: no connection here has this id";
                (found.into_iter().collect(), missing)
            }
            Whom::User(user) => {
                let found = self.sessions.of_user(&user_of(Some(&user))?);
                let missing = "user: they have no connection here; ask by `claims` instead";
                (found, missing)
            }
        };
        let done = question.of_live(found, &terms).await;
        done.ok_or_else(|| Fault::not_found(missing))
    }
}

/// Exactly one way to say whom it is about; what belongs to another way must not be passed over.
fn whom(request: Request, terms: &Terms, now: UnixSeconds) -> Result<Whom, Fault> {
    let client = request.client.filter(|client| !client.is_empty());
    let whom = match (client, request.user, request.claims) {
        (Some(client), None, None) => Whom::Client(client),
        (None, Some(user), None) => Whom::User(user),
        (None, None, Some(claims)) => {
            let mut described = described(claims, request.issuer.as_deref(), terms)?;
            if let Some(connection) = &request.connection {
                described.connection = ConnectionFacts::from_json(connection)
                    .map_err(|fault| Fault::bad_request(format_args!("connection: {fault}")))?;
            }
            described.now = time(request.now)?.unwrap_or(now);
            return Ok(Whom::MadeUp(Box::new(described)));
        }
        _ => {
            let detail = "give one of `client`, `user` and `claims`, and no other of them";
            return Err(Fault::bad_request(detail));
        }
    };
    if request.issuer.is_some() || request.connection.is_some() || request.now.is_some() {
        let detail = "`issuer`, `connection` and `now` go with `claims`: what is live has its own";
        return Err(Fault::bad_request(detail));
    }
    Ok(whom)
}

fn described(
    claims: Map<String, Value>,
    issuer: Option<&str>,
    terms: &Terms,
) -> Result<Described, Fault> {
    let mut described = Described::new(claims);
    // What rules do with claims is bounded by what a token can hold of them.
    let size = serde_json::to_vec(&described.claims).map_or(usize::MAX, |text| text.len());
    if size > MAX_PAYLOAD_BYTES {
        let detail = format_args!("claims: no token holds more than {MAX_PAYLOAD_BYTES} bytes");
        return Err(Fault::bad_request(detail));
    }
    let issuers = terms.door.verifier.known();
    let unknown =
        || Fault::bad_request("issuer: give the name of an [[issuer]] of the configuration");
    let issuer = issuer.map(|name| issuers.named(name).ok_or_else(unknown));
    issuers
        .vouch(&mut described, issuer.transpose()?)
        .map_err(|unclear| Fault::bad_request(format_args!("claims: {unclear}")))?;
    Ok(described)
}

fn time(given: Option<Time>) -> Result<Option<UnixSeconds>, Fault> {
    match given {
        None => Ok(None),
        Some(Time::Seconds(seconds)) => Ok(number("now", Some(seconds))?.map(UnixSeconds)),
        Some(Time::Text(text)) => UnixSeconds::parse(&text).map(Some).ok_or_else(|| {
            Fault::bad_request("now: give seconds since 1970, or such as 2026-03-04T05:06:07Z")
        }),
    }
}

impl Question {
    fn of(request: &Request) -> Result<Question, Fault> {
        let channel = ChannelName::parse(request.channel.as_deref().unwrap_or_default())
            .map_err(|fault| Fault::bad_request(format_args!("channel: {fault}")))?;
        let names = match &request.permission {
            None => &[][..],
            Some(OneOrMore::One(name)) => std::slice::from_ref(name),
            Some(OneOrMore::More(names)) => names,
        };
        Ok(Question {
            channel,
            permissions: permissions(names)?,
            with_text: request.text == Some(true),
        })
    }

    /// For somebody whom the claims describe.
    fn of_made_up(&self, described: &Described, terms: &Terms) -> Result<Done, Fault> {
        let made_up = described
            .make(&terms.policy)
            .map_err(|fault| Fault::bad_request(format_args!("claims: {fault}")))?;
        let subject = made_up.subject();
        let explanations = self.permissions.iter().map(|&permission| {
            let policy = &terms.policy;
            self.shown(&policy.explain(&subject, &self.channel, permission))
        });
        Ok(Done {
            user: None,
            ended: None,
            result: json!({ "explanations": explanations.collect::<Vec<_>>() }),
        })
    }

    /// For connections, up to a bound; `None` if none of them is live.
    async fn of_live(&self, found: Vec<Live>, terms: &Terms) -> Option<Done> {
        let (mut connections, mut bytes, mut user) = (Map::new(), 0, None);
        let mut truncated = false;
        for live in found {
            if connections.len() >= EXPLAINED_CONNECTIONS || bytes >= EXPLAINED_BYTES {
                truncated = true;
                break;
            }
            let Some(explained) = live.explain(terms, &self.channel, &self.permissions) else {
                continue;
            };
            let answer = self.answer(&explained);
            bytes += answer.to_string().len();
            connections.insert(live.client().to_owned(), answer);
            user = Some(live.user());
            // Each costs many times a decision, and others are to be served.
            tokio::task::yield_now().await;
        }
        let result = json!({ "connections": connections, "truncated": truncated });
        Some(Done {
            user: Some(user?),
            ended: None,
            result,
        })
    }

    fn answer(&self, explained: &Explained) -> Value {
        let explanations = explained.explanations.iter();
        let explanations: Vec<Value> = explanations.map(|one| self.shown(one)).collect();
        json!({ "expired": explained.expired, "explanations": explanations })
    }

    /// The object of `gatepost explain --json`; if wished for with the text that it prints without.
    fn shown(&self, explanation: &Explanation) -> Value {
        let mut shown = explanation.to_json();
        if self.with_text {
            shown["text"] = explanation.to_string().into();
        }
        shown
    }
}

/// Each once: so there are never more than there are permissions.
fn permissions(names: &[String]) -> Result<Vec<Permission>, Fault> {
    let unknown = || {
        let all = Permission::ALL.map(Permission::as_str).join(", ");
        Fault::bad_request(format_args!("permission: give one or more of {all}"))
    };
    let mut permissions = Vec::new();
    for name in names {
        let permission = Permission::parse(name).ok_or_else(unknown)?;
        if permissions.contains(&permission) {
            let detail = format_args!("permission: {permission} is there twice");
            return Err(Fault::bad_request(detail));
        }
        permissions.push(permission);
    }
    match permissions.is_empty() {
        true => Err(unknown()),
        false => Ok(permissions),
    }
}

#[cfg(test)]
mod tests;
