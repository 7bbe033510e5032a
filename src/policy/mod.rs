//! Who may do what: channel names, room rules, and the decision with its explanation.
//!
//! Pure functions over data: no sockets, no clock of its own, and no lock in a decision (those around
//! the claims and the patterns that many tokens share are taken when a token is read). The session
//! asks [`Policy::decide`] before each effect and turns what it answers into a permit; `explain` and
//! the config's expectations ask the very same function with subjects that are made up. Nothing
//! here may depend on whether a channel has members or history.

mod channel;
mod claims;
mod compare;
mod compile;
mod coverage;
mod decide;
mod decision;
mod expect;
mod explain;
mod grants;
mod made_up;
mod observer;
mod place;
mod rule;
mod source;
mod user;

use std::fmt;
use std::net::IpAddr;

pub use channel::{ChannelName, NameFault, Namespace};
pub use claims::{ClaimFault, ClaimMismatch, ClaimType, Claims, DeclaredClaims};
pub use compare::{Change, Comparison, Example, Side, compare};
pub use compile::{Compiled, RuleFault};
pub use coverage::{Coverage, Gap};
pub use decide::{Features, Policy};
pub use decision::{Decision, Denial, Reason, Step};
pub use expect::{Expectation, ExpectationFailure};
pub use explain::Explanation;
pub use grants::{GrantFault, GrantedChannel, Grants, Patterns, Permissions, SubscriptionGrant};
pub use made_up::{Described, DescriptionFault, MadeUp};
pub use place::{RulePlace, RulePlaces, Run};
pub use source::{HistoryLimits, PolicySource, RoomSource};
pub use user::{UserId, UserIdFault};

use crate::clock::UnixSeconds;

/// What somebody may be allowed to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Hear its publications.
    Subscribe,
    /// Write to it.
    Publish,
    /// Read what was published before.
    History,
    /// See who is there, and be told of those who join and leave.
    Presence,
}

impl Permission {
    /// All four.
    pub const ALL: [Permission; 4] = [
        Permission::Subscribe,
        Permission::Publish,
        Permission::History,
        Permission::Presence,
    ];

    /// The word of the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Subscribe => "subscribe",
            Permission::Publish => "publish",
            Permission::History => "history",
            Permission::Presence => "presence",
        }
    }

    /// The permission of that name.
    pub fn parse(text: &str) -> Option<Permission> {
        Permission::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What rules may read of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// The client's address, as the edge determined it.
    pub address: IpAddr,
    /// The `Origin` of the upgrade request; rules read an absent one as an empty string.
    pub origin: Option<String>,
    /// The wire format: `json`.
    pub protocol: &'static str,
}

/// Whom a decision is about: the part of an identity, of a connection and of the time that rules
/// may read.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a UserId,
    /// Their claims, defaults filled in.
    pub claims: &'a Claims,
    /// What their token grants.
    pub grants: Option<&'a Grants>,
    /// What the token of a subscription grants: the one that came with the command, or the one
    /// that the connection's subscription to the channel was made with.
    pub subscription: Option<&'a SubscriptionGrant>,
    /// The connection.
    pub connection: &'a ConnectionFacts,
    /// The time, `now` in rules.
    pub now: UnixSeconds,
}
