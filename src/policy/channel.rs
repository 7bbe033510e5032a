//! Channel names: parsed once, then what is decided on, keyed by and stored.
//!
//! A command's text comes in here and nowhere else; from then on only a [`ChannelName`] goes
//! through the house. A conversation has one name: nothing is normalised, and what is not in its
//! canonical form is refused with the form that would be right (CHAN-1, CHAN-2).

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;

use super::user::{UserId, UserIdFault};

/// `namespace:part:part#user,user`, well formed and canonical. Cheap to clone.
#[derive(Clone)]
pub struct ChannelName(Arc<Parsed>);

struct Parsed {
    text: Box<str>,
    kind: Kind,
    /// The parts with the `:` between them; empty when there are none.
    parts: (usize, usize),
    users: Box<[UserId]>,
}

#[derive(Clone, Copy)]
enum Kind {
    Personal,
    Default,
    /// The namespace is the first so many bytes.
    Named(usize),
}

/// Which rules a channel stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace<'a> {
    /// `#alice`, under `[personal]`.
    Personal,
    /// A name without a namespace, such as `news`, under `[room.default]`.
    Default,
    /// `chat:…`, under `[room.chat]`. May be a name that no room has.
    Named(&'a str),
}

impl<'a> Namespace<'a> {
    /// The word that rules and logs see.
    pub fn as_str(self) -> &'a str {
        match self {
            Namespace::Personal => "personal",
            Namespace::Default => "default",
            Namespace::Named(name) => name,
        }
    }
}

impl ChannelName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Takes `text` as a channel name, exactly as it stands.
    pub fn parse(text: &str) -> Result<ChannelName, NameFault> {
        if text.is_empty() {
            return Err(NameFault::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameFault::TooLong { bytes: text.len() });
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !matches!(c, '!'..='~')) {
            return Err(NameFault::NotPrintable { at });
        }
        let (before, users) = match text.split_once('#') {
            None => (text, Box::default()),
            Some((before, after)) => (before, parse_users(before, after)?),
        };
        let (kind, parts) = parse_front(before, !users.is_empty())?;
        if matches!(kind, Kind::Personal) && users.len() != 1 {
            return Err(NameFault::PersonalOfSeveral);
        }
        Ok(ChannelName(Arc::new(Parsed {
            text: text.into(),
            kind,
            parts,
            users,
        })))
    }

    /// The personal channel of `user`, which only they can ever join.
    pub fn personal(user: &UserId) -> ChannelName {
        ChannelName(Arc::new(Parsed {
            text: format!("#{user}").into(),
            kind: Kind::Personal,
            parts: (0, 0),
            users: Box::new([user.clone()]),
        }))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Which rules it stands under.
    pub fn namespace(&self) -> Namespace<'_> {
        match self.0.kind {
            Kind::Personal => Namespace::Personal,
            Kind::Default => Namespace::Default,
            Kind::Named(end) => Namespace::Named(&self.0.text[..end]),
        }
    }

    /// The parts between the namespace and the users, none of them empty.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let (start, end) = self.0.parts;
        self.0.text[start..end]
            .split(':')
            .filter(|part| !part.is_empty())
    }

    /// The users whom it names, sorted by byte and unique; empty unless it is private by name.
    pub fn users(&self) -> &[UserId] {
        &self.0.users
    }

    /// Whether the name itself closes it to all but the users whom it names.
    pub fn is_private(&self) -> bool {
        !self.0.users.is_empty()
    }

    /// Whether it is somebody's personal channel.
    pub fn is_personal(&self) -> bool {
        matches!(self.0.kind, Kind::Personal)
    }

    /// Whether it names `user`.
    pub fn names(&self, user: &UserId) -> bool {
        self.0.users.binary_search(user).is_ok()
    }
}

/// Reads what stands before the `#`: its kind, and where its parts begin and end.
fn parse_front(before: &str, has_users: bool) -> Result<(Kind, (usize, usize)), NameFault> {
    let Some((namespace, parts)) = before.split_once(':') else {
        return Ok(match before.is_empty() {
            true => (Kind::Personal, (0, 0)),
            false => (Kind::Default, (0, before.len())),
        });
    };
    if namespace.is_empty() {
        return Err(NameFault::EmptyNamespace);
    }
    if !(parts.is_empty() && has_users) && parts.split(':').any(str::is_empty) {
        return Err(NameFault::EmptyPart);
    }
    Ok((
        Kind::Named(namespace.len()),
        (namespace.len() + 1, before.len()),
    ))
}

/// Reads the users behind the `#`; `before` is only for the name that an error suggests.
fn parse_users(before: &str, after: &str) -> Result<Box<[UserId]>, NameFault> {
    if after.contains('#') {
        return Err(NameFault::SecondHash);
    }
    let users = after
        .split(',')
        .map(|user| match UserId::parse(user) {
            Err(UserIdFault::Empty) => Err(NameFault::EmptyUser),
            other => other.map_err(NameFault::User),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if users.is_sorted_by(|a, b| a < b) {
        return Ok(users.into());
    }
    let mut sorted = users;
    sorted.sort();
    sorted.dedup();
    let list = sorted
        .iter()
        .map(UserId::as_str)
        .collect::<Vec<_>>()
        .join(",");
    Err(NameFault::NotCanonical {
        canonical: format!("{before}#{list}"),
    })
}

impl PartialEq for ChannelName {
    fn eq(&self, other: &ChannelName) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for ChannelName {}

impl PartialOrd for ChannelName {
    fn partial_cmp(&self, other: &ChannelName) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ChannelName {
    fn cmp(&self, other: &ChannelName) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// By the text alone, as [`Borrow`] demands.
impl Hash for ChannelName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelName({})", self.as_str())
    }
}

/// Why a text is no channel name; its Display is what the client reads in error 107.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameFault {
    /// There is nothing.
    #[error("the channel name is empty")]
    Empty,
    /// It would not fit.
    #[error(
        "the channel name has {bytes} bytes, at most {} are allowed",
        ChannelName::MAX_BYTES
    )]
    TooLong {
        /// The length that was found.
        bytes: usize,
    },
    /// A space, a control character or something beyond ASCII.
    #[error("the channel name has a character at byte {at} that is not printable ASCII")]
    NotPrintable {
        /// Where, in bytes from the beginning.
        at: usize,
    },
    /// It begins with `:`.
    #[error("the channel name has nothing before its first `:`")]
    EmptyNamespace,
    /// `chat:`, `chat:a::b`.
    #[error("the channel name has an empty part")]
    EmptyPart,
    /// `dm:#alice,`, `#`.
    #[error("the channel name has an empty user behind its `#`")]
    EmptyUser,
    /// `#alice#bob`.
    #[error("the channel name has more than one `#`")]
    SecondHash,
    /// `#alice,bob`.
    #[error("a personal channel names exactly one user")]
    PersonalOfSeveral,
    /// One of the users is no user id.
    #[error("the channel name names nobody: {0}")]
    User(#[source] UserIdFault),
    /// Its users are not sorted by byte, or one stands twice.
    #[error("the users are not sorted or not unique, the channel is named {canonical}")]
    NotCanonical {
        /// The one name of this conversation.
        canonical: String,
    },
}

#[cfg(test)]
mod tests;
