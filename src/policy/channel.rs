//! Channel names: parsed once, then what is decided on, keyed by and stored.
//!
//! A command's text comes in here and nowhere else; from then on only a [`ChannelName`] goes
//! through the house. A conversation has one name: nothing is normalised, and what is not in its
//! canonical form is refused with the form that would be right (CHAN-1, CHAN-2).

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::user::{UserId, UserIdFault};

/// `namespace:part:part#user,user`, well formed and canonical. Cheap to clone.
///
/// It is its text and nothing else, for each subscription keeps one: what a name says is read from
/// the text when somebody asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

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
        let (front, users) = split(text);
        if let Some(users) = users {
            check_users(front, users)?;
        }
        check_front(front, users)?;
        Ok(ChannelName(text.into()))
    }

    /// The personal channel of `user`, which only they can ever join.
    pub fn personal(user: &UserId) -> ChannelName {
        ChannelName(format!("#{user}").into())
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which rules it stands under.
    pub fn namespace(&self) -> Namespace<'_> {
        match split(&self.0).0 {
            "" => Namespace::Personal,
            front => match front.split_once(':') {
                Some((namespace, _)) => Namespace::Named(namespace),
                None => Namespace::Default,
            },
        }
    }

    /// The parts between the namespace and the users, none of them empty.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let front = split(&self.0).0;
        let parts = front.split_once(':').map_or(front, |(_, parts)| parts);
        parts.split(':').filter(|part| !part.is_empty())
    }

    /// The users whom it names, sorted by byte and unique; none unless it is private by name.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        split(&self.0)
            .1
            .into_iter()
            .flat_map(|users| users.split(','))
    }

    /// Whether the name itself closes it to all but the users whom it names.
    pub fn is_private(&self) -> bool {
        self.0.contains('#')
    }

    /// Whether it is somebody's personal channel.
    pub fn is_personal(&self) -> bool {
        self.0.starts_with('#')
    }

    /// Whether it names `user`.
    pub fn names(&self, user: &UserId) -> bool {
        self.users().any(|named| named == user.as_str())
    }
}

/// What stands before the `#`, and behind it.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('#') {
        Some((front, users)) => (front, Some(users)),
        None => (text, None),
    }
}

/// Looks at the namespace and the parts.
fn check_front(front: &str, users: Option<&str>) -> Result<(), NameFault> {
    let Some((namespace, parts)) = front.split_once(':') else {
        let several = front.is_empty() && users.is_some_and(|users| users.contains(','));
        return match several {
            true => Err(NameFault::PersonalOfSeveral),
            false => Ok(()),
        };
    };
    if namespace.is_empty() {
        return Err(NameFault::EmptyNamespace);
    }
    if !(parts.is_empty() && users.is_some()) && parts.split(':').any(str::is_empty) {
        return Err(NameFault::EmptyPart);
    }
    Ok(())
}

/// Looks at the users behind the `#`; `front` is only for the name that an error suggests.
fn check_users(front: &str, users: &str) -> Result<(), NameFault> {
    if users.contains('#') {
        return Err(NameFault::SecondHash);
    }
    let users: Vec<&str> = users.split(',').collect();
    for user in &users {
        UserId::check(user).map_err(|fault| match fault {
            UserIdFault::Empty => NameFault::EmptyUser,
            fault => NameFault::User(fault),
        })?;
    }
    if users.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    let sorted: BTreeSet<&str> = users.into_iter().collect();
    let list = sorted.into_iter().collect::<Vec<_>>().join(",");
    Err(NameFault::NotCanonical {
        canonical: format!("{front}#{list}"),
    })
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
