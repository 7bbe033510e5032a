//! Tickets in the memory of this node: another node does not know them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::store::{TicketKey, TicketStore};
use crate::clock::UnixSeconds;
use crate::identity::Refusal;
use crate::limits::{TICKET_BYTES, TICKET_LIFE, TICKETS, TICKETS_OF_A_USER};
use crate::policy::UserId;

/// The store of one node. Its map is seeded at random.
#[derive(Default)]
pub struct MemoryTickets(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    live: HashMap<TicketKey, Entry>,
    /// When the live ones of a user end.
    of_users: HashMap<UserId, Vec<UnixSeconds>>,
    /// In the order in which they were given out; those that were used stay until their end, so
    /// that the number of all is bounded however fast they are used.
    ends: VecDeque<(UnixSeconds, TicketKey)>,
    /// Of what is kept.
    bytes: usize,
}

struct Entry {
    user: UserId,
    kept: Box<[u8]>,
    /// The first second in which it is no longer good.
    ends: UnixSeconds,
}

impl fmt::Debug for MemoryTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTickets")
            .field("live", &self.0.lock().live.len())
            .finish()
    }
}

#[async_trait]
impl TicketStore for MemoryTickets {
    async fn put(
        &self,
        key: TicketKey,
        user: &UserId,
        kept: Box<[u8]>,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        self.0.lock().put(key, user, kept, now)
    }

    async fn take(&self, key: &TicketKey, now: UnixSeconds) -> Result<Option<Box<[u8]>>, Refusal> {
        let mut shelf = self.0.lock();
        shelf.forget_old(now);
        let entry = shelf.remove(key);
        Ok(entry
            .filter(|entry| now < entry.ends)
            .map(|entry| entry.kept))
    }
}

impl Shelf {
    fn put(
        &mut self,
        key: TicketKey,
        user: &UserId,
        kept: Box<[u8]>,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        self.forget_old(now);
        if self.ends.len() >= TICKETS || self.bytes + kept.len() > TICKET_BYTES {
            let retry_after = self
                .ends
                .front()
                .map_or(TICKET_LIFE, |(end, _)| now.until(*end));
            return Err(Refusal::TicketsFull { retry_after });
        }
        let of_user = self.of_users.entry(user.clone()).or_default();
        if of_user.len() >= TICKETS_OF_A_USER {
            let first = of_user.iter().min().copied();
            let retry_after = first.map_or(TICKET_LIFE, |end| now.until(end));
            return Err(Refusal::TooManyTickets { retry_after });
        }
        // The clock shows whole seconds, so the one that has begun is given to the client.
        let life = TICKET_LIFE + Duration::from_secs(1);
        let ends = UnixSeconds(now.0.saturating_add(life.as_secs()));
        of_user.push(ends);
        self.ends.push_back((ends, key));
        self.bytes += kept.len();
        let user = user.clone();
        self.live.insert(key, Entry { user, kept, ends });
        Ok(())
    }

    fn remove(&mut self, key: &TicketKey) -> Option<Entry> {
        let entry = self.live.remove(key)?;
        self.bytes -= entry.kept.len();
        if let Some(of_user) = self.of_users.get_mut(&entry.user) {
            if let Some(at) = of_user.iter().position(|ends| *ends == entry.ends) {
                of_user.swap_remove(at);
            }
            if of_user.is_empty() {
                self.of_users.remove(&entry.user);
            }
        }
        Some(entry)
    }

    fn forget_old(&mut self, now: UnixSeconds) {
        while let Some((_, key)) = self.ends.pop_front_if(|(ends, _)| *ends <= now) {
            self.remove(&key);
        }
    }
}
