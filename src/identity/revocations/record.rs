//! One revocation as it is kept: in the list, and as a line of the file.
//!
//! A line is a checksum, a space and a JSON object. Of a token's id only a hash is kept, so that an
//! entry has a fixed size whatever an issuer puts there, and the file is no list of token ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Revocation, Until};
use crate::clock::UnixSeconds;
use crate::policy::UserId;

/// A `jti` together with its issuer, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey([u8; 32]);

impl TokenKey {
    pub(super) fn of(issuer: &str, id: &str) -> TokenKey {
        let mut hash = Sha256::new();
        // The length keeps "a" + "bc" and "ab" + "c" apart.
        hash.update((issuer.len() as u64).to_be_bytes());
        hash.update(issuer);
        hash.update(id);
        TokenKey(hash.finalize().into())
    }
}

/// A change of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Token {
        key: TokenKey,
        until: Until,
    },
    Tokens {
        user: UserId,
        issued_before: UnixSeconds,
        until: Until,
    },
    Block {
        user: UserId,
        until: Until,
    },
    Unblock {
        user: UserId,
    },
}

impl From<&Revocation> for Record {
    fn from(revocation: &Revocation) -> Record {
        match revocation.clone() {
            Revocation::Token { issuer, id, until } => Record::Token {
                key: TokenKey::of(&issuer, &id),
                until,
            },
            Revocation::Tokens {
                user,
                issued_before,
                until,
            } => Record::Tokens {
                user,
                issued_before,
                until,
            },
            Revocation::Block { user, until } => Record::Block { user, until },
            Revocation::Unblock { user } => Record::Unblock { user },
        }
    }
}

/// The JSON of a line; `until` is null for ever.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Token {
        key: String,
        until: Option<u64>,
    },
    Tokens {
        user: String,
        issued_before: u64,
        until: Option<u64>,
    },
    Block {
        user: String,
        until: Option<u64>,
    },
    Unblock {
        user: String,
    },
}

impl Record {
    /// The line, with its end.
    pub(super) fn line(&self) -> String {
        let written = match self {
            Record::Token { key, until } => Written::Token {
                key: URL_SAFE_NO_PAD.encode(key.0),
                until: until.seconds(),
            },
            Record::Tokens {
                user,
                issued_before,
                until,
            } => Written::Tokens {
                user: user.as_str().to_owned(),
                issued_before: issued_before.0,
                until: until.seconds(),
            },
            Record::Block { user, until } => Written::Block {
                user: user.as_str().to_owned(),
                until: until.seconds(),
            },
            Record::Unblock { user } => Written::Unblock {
                user: user.as_str().to_owned(),
            },
        };
        // Strings and numbers are always JSON; were it not so, the line would not be read again.
        let json = serde_json::to_string(&written).unwrap_or_default();
        format!("{} {json}\n", checksum(&json))
    }

    /// Reads a line without its end; `None` where it is not as it was written.
    pub(super) fn parse(line: &str) -> Option<Record> {
        let (sum, json) = line.split_once(' ')?;
        if sum != checksum(json) {
            return None;
        }
        let user = |text: String| UserId::parse(&text).ok();
        Some(match serde_json::from_str(json).ok()? {
            Written::Token { key, until } => Record::Token {
                key: TokenKey(URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?),
                until: Until::of(until),
            },
            Written::Tokens {
                user: text,
                issued_before,
                until,
            } => Record::Tokens {
                user: user(text)?,
                issued_before: UnixSeconds(issued_before),
                until: Until::of(until),
            },
            Written::Block { user: text, until } => Record::Block {
                user: user(text)?,
                until: Until::of(until),
            },
            Written::Unblock { user: text } => Record::Unblock { user: user(text)? },
        })
    }
}

/// Enough to tell a line that was damaged from one that was not.
fn checksum(json: &str) -> String {
    let hash = Sha256::digest(json);
    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
