//! Revocation: tokens and users that a good signature no longer lets in (SECURITY.md LIVE-3).
//!
//! The list is asked at the door and at refresh, after the token was verified, and once more when
//! a connection has registered in its session: what is revoked between the two is found by one or
//! the other. It is bounded, forgets what can name no living token any more, and outlives a restart
//! where a file is configured. It must never forget anything else, nor say less than the file does.

mod journal;
mod keeper;
mod list;
mod record;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

pub use journal::JournalFault;
pub use keeper::Keeper;

use self::journal::Journal;
use self::keeper::Line;
use self::list::List;
use self::record::Record;
use super::identity::Identity;
use super::refusal::Refusal;
use super::subscription::VerifiedSubscription;
use super::trust::IssuerTrust;
use crate::clock::{Clock, UnixSeconds};
use crate::policy::UserId;

/// Until when a revocation is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Forgotten at this time.
    Time(UnixSeconds),
    /// Never forgotten. Greater than any time.
    Forever,
}

impl Until {
    /// Whether it need not be remembered any more.
    pub fn is_over(self, now: UnixSeconds) -> bool {
        matches!(self, Until::Time(end) if end <= now)
    }

    fn of(seconds: Option<u64>) -> Until {
        seconds.map_or(Until::Forever, |end| Until::Time(UnixSeconds(end)))
    }

    fn seconds(self) -> Option<u64> {
        match self {
            Until::Time(end) => Some(end.0),
            Until::Forever => None,
        }
    }
}

/// What somebody revokes, or takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// One token, by its `jti`, which is that of its issuer alone.
    Token {
        /// The issuer's name in the configuration.
        issuer: Arc<str>,
        /// The `jti`.
        id: String,
        /// When the token has certainly expired.
        until: Until,
    },
    /// All tokens of a user that were issued before a time; those that do not say when, too.
    Tokens {
        /// Whose.
        user: UserId,
        /// Those with an `iat` that is less.
        issued_before: UnixSeconds,
        /// When the last of them has certainly expired.
        until: Until,
    },
    /// The user, whatever token they bring.
    Block {
        /// Whom.
        user: UserId,
        /// The end of the block.
        until: Until,
    },
    /// Takes a block back; what was revoked stays so.
    Unblock {
        /// Whom.
        user: UserId,
    },
}

impl Revocation {
    /// Whether it names this token: that of an identity, or of a subscription.
    pub fn names<'a>(&self, token: impl Into<Marks<'a>>) -> bool {
        let token = token.into();
        match self {
            Revocation::Token { issuer, id, .. } => {
                token.issuer == &**issuer && token.id == Some(id)
            }
            Revocation::Tokens {
                user,
                issued_before,
                ..
            } => token.user == user && token.is_issued_before(*issued_before),
            Revocation::Block { user, .. } => token.user == user,
            Revocation::Unblock { .. } => false,
        }
    }

    /// The one user whose identities it may name; `None`: anybody's.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Revocation::Token { .. } => None,
            Revocation::Tokens { user, .. }
            | Revocation::Block { user, .. }
            | Revocation::Unblock { user } => Some(user),
        }
    }
}

/// What a revocation names a verified token by.
#[derive(Clone, Copy)]
pub struct Marks<'a> {
    user: &'a UserId,
    issuer: &'a str,
    id: Option<&'a str>,
    issued_at: Option<UnixSeconds>,
}

impl<'a> Marks<'a> {
    /// Those of a subscription's token, of which these are kept.
    pub fn of_subscription(
        user: &'a UserId,
        issuer: &'a IssuerTrust,
        id: Option<&'a str>,
        issued_at: Option<UnixSeconds>,
    ) -> Marks<'a> {
        Marks {
            user,
            issuer: issuer.issuer(),
            id,
            issued_at,
        }
    }

    /// A token that does not say when it was issued may be any old one (LIVE-3).
    fn is_issued_before(self, cut: UnixSeconds) -> bool {
        self.issued_at.is_none_or(|issued| issued < cut)
    }
}

impl<'a> From<&'a Identity> for Marks<'a> {
    fn from(identity: &'a Identity) -> Marks<'a> {
        Marks {
            user: identity.user(),
            issuer: identity.issuer(),
            id: identity.token_id(),
            issued_at: identity.issued_at(),
        }
    }
}

impl<'a> From<&'a VerifiedSubscription> for Marks<'a> {
    fn from(token: &'a VerifiedSubscription) -> Marks<'a> {
        let id = token.token_id.as_deref();
        Marks::of_subscription(token.grant.user(), &token.trust, id, token.issued_at)
    }
}

/// How a token is no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Its token was revoked.
    Token,
    /// Its user is blocked.
    User,
}

impl From<Revoked> for Refusal {
    fn from(revoked: Revoked) -> Refusal {
        match revoked {
            Revoked::Token => Refusal::TokenRevoked,
            Revoked::User => Refusal::UserBlocked,
        }
    }
}

/// What `[revocations]` of the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSettings {
    /// Where they are kept; nowhere: a restart forgets them.
    pub file: Option<PathBuf>,
    /// The most that are remembered.
    pub max_entries: usize,
}

impl Default for RevocationSettings {
    fn default() -> RevocationSettings {
        RevocationSettings {
            file: None,
            // Worst case: about 300 bytes each, in memory as in the file.
            max_entries: 100_000,
        }
    }
}

/// What is revoked on this node.
pub struct Revocations {
    list: Arc<RwLock<List>>,
    max_entries: usize,
    /// The way to the file.
    lines: Option<mpsc::Sender<Line>>,
}

/// Why a revocation was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The list is bounded, and nothing on it is over.
    #[error("the list of revocations is full: raise max_entries under [revocations]")]
    Full,
    /// The file is too slow for what is asked, or the node stops.
    #[error("the file of revocations takes nothing now: try again")]
    Busy,
}

impl From<list::Full> for NotTaken {
    fn from(_: list::Full) -> NotTaken {
        NotTaken::Full
    }
}

/// It is in effect, but could not be written: a restart would forget it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in effect, but the file of revocations could not be written: a restart would forget it")]
pub struct NotSaved;

/// A revocation that is in effect.
#[must_use = "whether it was saved decides the answer"]
pub struct Taken(Option<oneshot::Receiver<Result<(), NotSaved>>>);

impl Taken {
    /// Waits until it is on the disk, where a file is configured.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn saved(self) -> Result<(), NotSaved> {
        match self.0 {
            None => Ok(()),
            Some(told) => told.await.unwrap_or(Err(NotSaved)),
        }
    }
}

/// Lines that wait for the disk; each has a caller who waits for it.
const WAITING_LINES: usize = 256;
/// Longest wait for room among them.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);

impl Default for Revocations {
    /// An empty list without a file.
    fn default() -> Revocations {
        let settings = RevocationSettings::default();
        Revocations {
            list: Arc::default(),
            max_entries: settings.max_entries,
            lines: None,
        }
    }
}

impl Revocations {
    /// The list as it was left, and who writes the file, which is to be run as a task. Reads the
    /// file, so it is to be called before anything runs.
    ///
    /// # Errors
    /// When there is a file that cannot be used, or not be believed.
    pub fn open(
        settings: &RevocationSettings,
        clock: &Clock,
    ) -> Result<(Revocations, Option<Keeper>), JournalFault> {
        let mut list = List::default();
        let Some(file) = &settings.file else {
            let empty = Revocations {
                max_entries: settings.max_entries,
                ..Revocations::default()
            };
            return Ok((empty, None));
        };
        let now = clock.now();
        let journal = Journal::open(file, |record| {
            // What is on the disk counts, also when the bound is lower now.
            let _ = list.apply(&record, usize::MAX, now);
        })?;
        list.sweep(now);
        let list = Arc::new(RwLock::new(list));
        let (sender, receiver) = mpsc::channel(WAITING_LINES);
        let keeper = Keeper::new(journal, list.clone(), receiver)?;
        let revocations = Revocations {
            list,
            max_entries: settings.max_entries,
            lines: Some(sender),
        };
        Ok((revocations, Some(keeper)))
    }

    /// Takes a revocation: from here on the door and every new connection know of it. Connections
    /// that are there are the caller's to end, right away; and then it waits until it is saved.
    ///
    /// # Errors
    /// When there is no room for it.
    pub async fn take(&self, revocation: &Revocation, now: UnixSeconds) -> Result<Taken, NotTaken> {
        let record = Record::from(revocation);
        let Some(lines) = &self.lines else {
            self.list.write().apply(&record, self.max_entries, now)?;
            return Ok(Taken(None));
        };
        let room = tokio::time::timeout(ROOM_TIMEOUT, lines.reserve()).await;
        let Ok(Ok(room)) = room else {
            return Err(NotTaken::Busy);
        };
        let (tell, told) = oneshot::channel();
        let text = record.line();
        // The file must have them in the order of the list, so the line goes out under its lock.
        let mut list = self.list.write();
        list.apply(&record, self.max_entries, now)?;
        room.send(Line { text, tell });
        Ok(Taken(Some(told)))
    }

    /// Whether a token that was good still is: that of an identity, or of a subscription.
    ///
    /// # Errors
    /// When it is revoked.
    pub fn check<'a>(&self, token: impl Into<Marks<'a>>, now: UnixSeconds) -> Result<(), Revoked> {
        self.list.read().check(token.into(), now)
    }

    /// Whether a user is blocked, whatever token they bring.
    pub fn blocks(&self, user: &UserId, now: UnixSeconds) -> bool {
        self.list.read().blocks(user, now)
    }

    /// Forgets what is over; to be called now and then.
    pub fn sweep(&self, now: UnixSeconds) {
        self.list.write().sweep(now);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.list.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations")
            .field("entries", &self.len())
            .finish_non_exhaustive()
    }
}
