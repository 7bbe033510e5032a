//! Where tickets are kept until they are used.

use std::fmt;

use async_trait::async_trait;

use crate::clock::UnixSeconds;
use crate::identity::Refusal;
use crate::policy::UserId;

/// The SHA-256 of a ticket: whoever reads the store has no ticket in hand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketKey(pub [u8; 32]);

/// It opens nothing, but says which ticket is which.
impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey")
    }
}

/// Keeps tickets for [`TICKET_LIFE`](crate::limits::TICKET_LIFE).
#[async_trait]
pub trait TicketStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps what a ticket of this user stands for.
    ///
    /// # Errors
    /// The refusal for who asked: the user, or the store, has as many as there may be, or the store
    /// cannot be reached.
    async fn put(
        &self,
        key: TicketKey,
        user: &UserId,
        kept: Box<[u8]>,
        now: UnixSeconds,
    ) -> Result<(), Refusal>;

    /// Takes it out: of any number that ask at the same instant, on any nodes, one gets it.
    ///
    /// # Errors
    /// The refusal for who presented it, where the store cannot be reached.
    async fn take(&self, key: &TicketKey, now: UnixSeconds) -> Result<Option<Box<[u8]>>, Refusal>;
}
