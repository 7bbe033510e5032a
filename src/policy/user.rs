//! User ids: the bytes of a token's `sub`, once they are known to be usable.
//!
//! `identity` makes one from a verified token, [`super::channel`] from the part of a name behind
//! the `#`; both by the same check, so that a user and the channels that name them can
//! never disagree. Ids are compared as bytes: nothing here trims, folds or normalises.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A user: 1 to 128 bytes of printable ASCII (0x21 to 0x7E) without `#` and `,`, which have a
/// meaning in channel names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The longest user id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Takes `text` as a user id, exactly as it stands.
    pub fn parse(text: &str) -> Result<UserId, UserIdFault> {
        UserId::check(text)?;
        Ok(UserId(text.into()))
    }

    /// Whether `text` is a user id; [`super::channel`] keeps none of those that a name holds.
    pub(super) fn check(text: &str) -> Result<(), UserIdFault> {
        if text.is_empty() {
            return Err(UserIdFault::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(UserIdFault::TooLong { bytes: text.len() });
        }
        for (at, character) in text.char_indices() {
            match character {
                '#' | ',' => return Err(UserIdFault::Separator { character }),
                '!'..='~' => {}
                _ => return Err(UserIdFault::NotPrintable { at }),
            }
        }
        Ok(())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as text, to be kept without a copy.
    pub fn to_shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({})", self.0)
    }
}

/// Why a text is no user id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UserIdFault {
    /// There is nothing.
    #[error("a user id is empty")]
    Empty,
    /// It would not fit.
    #[error(
        "a user id has {bytes} bytes, at most {} are allowed",
        UserId::MAX_BYTES
    )]
    TooLong {
        /// The length that was found.
        bytes: usize,
    },
    /// It would be read as several users (CHAN-3).
    #[error("a user id contains `{character}`, which separates users in channel names")]
    Separator {
        /// `#` or `,`.
        character: char,
    },
    /// A space, a control character or something beyond ASCII.
    #[error("a user id has a character at byte {at} that is not printable ASCII")]
    NotPrintable {
        /// Where, in bytes from the beginning.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn jwt_17_ordinary_ids_are_taken_as_they_stand() {
        for id in [
            "alice",
            "auth0|5f7c",
            "urn:x:1",
            "bob@example.com",
            "7",
            "!",
            "~",
            "a$b%23",
        ] {
            assert_eq!(UserId::parse(id).unwrap().as_str(), id);
        }
        assert!(UserId::parse(&"a".repeat(128)).is_ok());
    }

    #[test]
    fn jwt_17_chan_3_every_refused_form() {
        let too_long = "a".repeat(129);
        for (id, fault) in [
            ("", UserIdFault::Empty),
            (too_long.as_str(), UserIdFault::TooLong { bytes: 129 }),
            ("bob,alice", UserIdFault::Separator { character: ',' }),
            ("#alice", UserIdFault::Separator { character: '#' }),
            ("alice ", UserIdFault::NotPrintable { at: 5 }),
            ("al\nice", UserIdFault::NotPrintable { at: 2 }),
            ("\0", UserIdFault::NotPrintable { at: 0 }),
            ("a\u{7f}", UserIdFault::NotPrintable { at: 1 }),
            ("\u{430}lice", UserIdFault::NotPrintable { at: 0 }),
            ("e\u{301}", UserIdFault::NotPrintable { at: 1 }),
        ] {
            assert_eq!(UserId::parse(id), Err(fault), "{id:?}");
        }
    }

    /// LIVE-6: the five shapes of one name are five users, or none; never one.
    #[test]
    fn live_6_ids_are_bytes() {
        let shapes = ["alice", "Alice", "alice ", "\u{430}lice", "ALICE"];
        let users: Vec<_> = shapes
            .iter()
            .filter_map(|s| UserId::parse(s).ok())
            .collect();
        let distinct: HashSet<_> = users.iter().cloned().collect();
        assert_eq!(users.len(), 3);
        assert_eq!(distinct.len(), 3);
    }
}
