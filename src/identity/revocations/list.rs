//! What is revoked, in memory. Pure: it is told the time, and does nothing by itself.
//!
//! An entry that can name no living token any more is forgotten; none is forgotten before, so a
//! full list takes nothing new rather than let go of something old.

use std::collections::HashMap;

use ahash::RandomState;

use super::record::{Record, TokenKey};
use super::{Marks, Revoked, Until};
use crate::clock::UnixSeconds;
use crate::policy::UserId;

/// Everything that is revoked.
#[derive(Default)]
pub(super) struct List {
    tokens: HashMap<TokenKey, Until, RandomState>,
    cuts: HashMap<UserId, Cut, RandomState>,
    blocks: HashMap<UserId, Until, RandomState>,
}

/// The user's tokens that were issued before a time.
#[derive(Clone, Copy)]
struct Cut {
    issued_before: UnixSeconds,
    until: Until,
}

/// There is no room for another entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl List {
    pub(super) fn len(&self) -> usize {
        self.tokens.len() + self.cuts.len() + self.blocks.len()
    }

    /// Takes a record, unless it needs room and there are `most` entries that still count.
    pub(super) fn apply(
        &mut self,
        record: &Record,
        most: usize,
        now: UnixSeconds,
    ) -> Result<(), Full> {
        if self.len() >= most && self.grows_by(record) {
            self.sweep(now);
            if self.len() >= most {
                return Err(Full);
            }
        }
        match record {
            Record::Token { key, until } => {
                let kept = self.tokens.entry(*key).or_insert(*until);
                *kept = (*kept).max(*until);
            }
            Record::Tokens {
                user,
                issued_before,
                until,
            } => {
                let new = Cut {
                    issued_before: *issued_before,
                    until: *until,
                };
                let kept = self.cuts.entry(user.clone()).or_insert(new);
                // The later cut names all that the earlier did.
                kept.issued_before = kept.issued_before.max(new.issued_before);
                kept.until = kept.until.max(new.until);
            }
            // What was said last counts: a block may be made shorter.
            Record::Block { user, until } => {
                self.blocks.insert(user.clone(), *until);
            }
            Record::Unblock { user } => {
                self.blocks.remove(user);
            }
        }
        Ok(())
    }

    fn grows_by(&self, record: &Record) -> bool {
        match record {
            Record::Token { key, .. } => !self.tokens.contains_key(key),
            Record::Tokens { user, .. } => !self.cuts.contains_key(user),
            Record::Block { user, .. } => !self.blocks.contains_key(user),
            Record::Unblock { .. } => false,
        }
    }

    /// Forgets what is over.
    pub(super) fn sweep(&mut self, now: UnixSeconds) {
        self.tokens.retain(|_, until| !until.is_over(now));
        self.cuts.retain(|_, cut| !cut.until.is_over(now));
        self.blocks.retain(|_, until| !until.is_over(now));
    }

    /// Whether the token, or its user, is named. In the order of HTTP-6.
    pub(super) fn check(&self, token: Marks<'_>, now: UnixSeconds) -> Result<(), Revoked> {
        if !self.tokens.is_empty()
            && let Some(id) = token.id
            && let Some(until) = self.tokens.get(&TokenKey::of(token.issuer, id))
            && !until.is_over(now)
        {
            return Err(Revoked::Token);
        }
        if let Some(cut) = self.cuts.get(token.user)
            && !cut.until.is_over(now)
            && token.is_issued_before(cut.issued_before)
        {
            return Err(Revoked::Token);
        }
        match self.blocks(token.user, now) {
            true => Err(Revoked::User),
            false => Ok(()),
        }
    }

    /// Whether the user is blocked, whatever the token.
    pub(super) fn blocks(&self, user: &UserId, now: UnixSeconds) -> bool {
        let until = self.blocks.get(user);
        until.is_some_and(|until| !until.is_over(now))
    }

    /// All that is there, as records that make the same list again.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let tokens = self.tokens.iter().map(|(key, until)| Record::Token {
            key: *key,
            until: *until,
        });
        let cuts = self.cuts.iter().map(|(user, cut)| Record::Tokens {
            user: user.clone(),
            issued_before: cut.issued_before,
            until: cut.until,
        });
        let blocks = self.blocks.iter().map(|(user, until)| Record::Block {
            user: user.clone(),
            until: *until,
        });
        tokens.chain(cuts).chain(blocks)
    }
}
