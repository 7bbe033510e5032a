//! One-time tickets: a stand-in for a token, for the one place where a token must not be, the URL
//! of an upgrade (SECURITY.md TICKET-1).
//!
//! Who proves who they are gets random text that opens the door once, within half a minute, for the
//! page that asked. Kept is its hash, and what the token said; the identity is made anew from that,
//! by the checks that made the first one. This file must never keep a ticket, or a token that could
//! be presented again.

mod memory;
mod store;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::OsRng;
use rand::{RngCore, TryRngCore};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use memory::MemoryTickets;
pub use store::{TicketKey, TicketStore};

use super::identity::Identity;
use super::refusal::Refusal;
use super::token::Token;
use super::verifier::Verifier;
use crate::clock::UnixSeconds;

/// Random bytes of a ticket: nobody guesses one.
const TICKET_BYTES: usize = 32;

/// What is presented in place of a token. Never printed.
#[derive(Clone)]
pub struct Ticket(SecretString);

impl Ticket {
    fn random() -> Ticket {
        let mut bytes = [0; TICKET_BYTES];
        // A system that has no random bytes cannot speak TLS either.
        OsRng.unwrap_err().fill_bytes(&mut bytes);
        Ticket(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes what a client presented; what cannot be a ticket is looked up nowhere.
    pub(super) fn parse(text: &str) -> Result<Ticket, Refusal> {
        let decoded = URL_SAFE_NO_PAD.decode(text);
        match decoded.is_ok_and(|bytes| bytes.len() == TICKET_BYTES) {
            true => Ok(Ticket(SecretString::from(text))),
            false => Err(Refusal::TicketInvalid),
        }
    }

    /// For the one answer that gives it out.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn key(&self) -> TicketKey {
        TicketKey(Sha256::digest(self.expose()).into())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket([redacted])")
    }
}

/// What a ticket stands for, as the store has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The name of the issuer, whose checks apply again.
    issuer: String,
    /// Of the key that signed the token.
    kid: Option<String>,
    /// The page that asked, in the one spelling of `Origins::check`.
    origin: Option<String>,
    /// The claims as they were signed, without the signature.
    claims: Box<RawValue>,
}

/// Gives tickets out and takes them back. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Tickets(Arc<dyn TicketStore>);

impl Tickets {
    /// Tickets that this node alone knows.
    pub fn in_memory() -> Tickets {
        Tickets(Arc::new(MemoryTickets::default()))
    }

    /// A ticket for the user of a token that was verified, and for the page that asks.
    pub(super) async fn issue(
        &self,
        token: &Token,
        identity: &Identity,
        origin: Option<String>,
        now: UnixSeconds,
    ) -> Result<Ticket, Refusal> {
        let claims = String::from_utf8(token.claims()?).map_err(|_| Refusal::TokenMalformed)?;
        let kept = Kept {
            issuer: identity.issuer().to_owned(),
            kid: identity.kid().map(str::to_owned),
            origin,
            claims: RawValue::from_string(claims).map_err(|_| Refusal::TokenMalformed)?,
        };
        let kept = serde_json::to_vec(&kept).map_err(|_| Refusal::TokenMalformed)?;
        let ticket = Ticket::random();
        self.0
            .put(ticket.key(), identity.user(), kept.into(), now)
            .await?;
        Ok(ticket)
    }

    /// Whom a ticket stands for. Whatever the answer is, the ticket is used up.
    pub(super) async fn redeem(
        &self,
        ticket: &Ticket,
        origin: Option<&str>,
        verifier: &Verifier,
        now: UnixSeconds,
    ) -> Result<Identity, Refusal> {
        let kept = self.0.take(&ticket.key(), now).await?;
        let kept = kept.ok_or(Refusal::TicketInvalid)?;
        // What a store gives back is somebody else's text until it is read.
        let kept: Kept = serde_json::from_slice(&kept).map_err(|_| Refusal::TicketInvalid)?;
        if kept.origin.as_deref() != origin {
            return Err(Refusal::TicketOfAnotherOrigin);
        }
        let (kid, claims) = (kept.kid.as_deref(), kept.claims.get().as_bytes());
        verifier.restore(&kept.issuer, kid, claims, now)
    }
}

#[cfg(test)]
mod tests;
