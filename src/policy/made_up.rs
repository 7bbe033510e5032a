//! Subjects that are made up: of claims that somebody wrote, not of a token that was verified.
//!
//! For questions about the policy only: expectations, `explain`, the comparison of two configs.
//! No connection is ever made of one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::claims::{ClaimMismatch, Claims};
use super::grants::{GrantFault, Grants, Patterns};
use super::user::{UserId, UserIdFault};
use super::{ConnectionFacts, Policy, Subject};
use crate::clock::UnixSeconds;

/// What somebody says of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The claims of the token, `sub` among them.
    pub claims: Map<String, Value>,
    /// What stands before `sub` in the user's id: the issuer's prefix.
    pub prefix: String,
    /// By which name the config has the issuer; if nobody said, the claims may tell by `iss`.
    pub issuer: Option<String>,
    /// Whether the issuer's tokens grant, or the claims that would are passed over.
    pub grants: bool,
    /// The connection.
    pub connection: ConnectionFacts,
    /// The time.
    pub now: UnixSeconds,
}

impl Described {
    /// These claims, on a connection from 127.0.0.1 without an `Origin`, on
    /// 2000-01-01T00:00:00Z: the same question always gets the same answer.
    pub fn new(claims: Map<String, Value>) -> Described {
        Described {
            claims,
            prefix: String::new(),
            issuer: None,
            grants: true,
            connection: ConnectionFacts::made_up(),
            now: UnixSeconds(946_684_800),
        }
    }

    /// The user as rules see it; empty if the claims name none.
    pub fn user(&self) -> String {
        let sub = self.claims.get("sub").and_then(Value::as_str);
        format!("{}{}", self.prefix, sub.unwrap_or_default())
    }

    /// The subject that the door would make of it.
    pub fn make(&self, policy: &Policy) -> Result<MadeUp, DescriptionFault> {
        let user: UserId = match self.claims.get("sub") {
            Some(Value::String(sub)) => UserId::parse(&format!("{}{sub}", self.prefix))?,
            Some(_) => return Err(DescriptionFault::SubjectNotText),
            None => return Err(DescriptionFault::NoSubject),
        };
        // Whoever reads `claims.sub` means the user, and the user has the prefix.
        let mut claims = self.claims.clone();
        claims.insert("sub".to_owned(), Value::String(user.to_string()));
        let grants = match self.grants {
            true => Grants::of(&self.claims, &Patterns::default())?,
            false => None,
        };
        Ok(MadeUp {
            user,
            grants: grants.map(Arc::new),
            claims: policy.declared_claims().apply(claims)?,
            connection: self.connection.clone(),
            now: self.now,
        })
    }
}

impl ConnectionFacts {
    /// The protocols that rules may read.
    pub const PROTOCOLS: [&'static str; 2] = ["json", "protobuf"];

    /// One that nobody describes: from 127.0.0.1 without an `Origin`, in JSON.
    pub fn made_up() -> ConnectionFacts {
        ConnectionFacts {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            origin: None,
            protocol: "json",
        }
    }

    /// A connection that somebody describes by `address`, `origin` and `protocol`, each of which
    /// may be left out.
    pub fn from_json(described: &Map<String, Value>) -> Result<ConnectionFacts, String> {
        let mut facts = ConnectionFacts::made_up();
        for (name, value) in described {
            let text = value.as_str().ok_or(format!("`{name}` must be a string"))?;
            match (name.as_str(), text) {
                ("address", address) => {
                    let unfit = |_| "`address` must be an IP address".to_owned();
                    facts.address = address.parse().map_err(unfit)?;
                }
                ("origin", origin) => facts.origin = Some(origin.to_owned()),
                ("protocol", protocol) => {
                    let mut known = ConnectionFacts::PROTOCOLS.into_iter();
                    let unfit =
                        || format!("`protocol` is {}", ConnectionFacts::PROTOCOLS.join(" or "));
                    facts.protocol = known.find(|one| *one == protocol).ok_or_else(unfit)?;
                }
                _ => return Err(format!("a connection has no `{name}`")),
            }
        }
        Ok(facts)
    }
}

/// A subject that is made up.
#[derive(Clone, Debug)]
pub struct MadeUp {
    user: UserId,
    claims: Claims,
    grants: Option<Arc<Grants>>,
    connection: ConnectionFacts,
    now: UnixSeconds,
}

impl MadeUp {
    /// As decisions take it.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            user: &self.user,
            claims: &self.claims,
            grants: self.grants.as_deref(),
            subscription: None,
            connection: &self.connection,
            now: self.now,
        }
    }
}

/// Why no subject can be made of what somebody says.
#[derive(Debug, Error)]
pub enum DescriptionFault {
    /// It cannot be said for whom it is.
    #[error("the claims need a `sub`, the user")]
    NoSubject,
    /// The user is no text.
    #[error("the claim `sub` must be a string")]
    SubjectNotText,
    /// The door would refuse the user.
    #[error("the claim `sub` is no user: {0}")]
    User(#[from] UserIdFault),
    /// The door would refuse the claims.
    #[error("the door would refuse this token: {0}")]
    Claims(#[from] ClaimMismatch),
    /// The door would refuse what the claims grant.
    #[error("the door would refuse this token: {0}")]
    Grants(#[from] GrantFault),
}
