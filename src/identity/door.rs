//! The door: from the headers of a request to who is admitted, or why nobody is.
//!
//! `edge` has checked limits and the form of the request before it asks here, and takes its user's
//! limits and the answer upon itself afterwards. The order is that of SECURITY.md HTTP-6: the
//! origin, where the token is, then whether it is good. The upgrade and `/connection/check` go
//! through this one function.

use std::sync::Arc;

use hyper::HeaderMap;

use super::identity::Identity;
use super::origin::Origins;
use super::refusal::Refusal;
use super::revocations::Revocations;
use super::subprotocol::Offer;
use super::tickets::{Ticket, Tickets};
use super::token::{self, Credential, Sources, Token, TokenSource};
use super::unverified::SaidSigner;
use super::verifier::Verifier;
use crate::clock::UnixSeconds;

/// What `[door]` and `[[issuer]]` of the configuration come to.
#[derive(Debug)]
pub struct Door {
    /// Where a token may be.
    pub sources: Sources,
    /// Whose pages may connect.
    pub origins: Origins,
    /// Let a client without `Origin` in, unless its token is in a cookie. Native clients send
    /// none, and no browser's WebSocket can leave it out.
    pub allow_missing_origin: bool,
    /// Who verifies the token.
    pub verifier: Verifier,
    /// Who was let in by their token and is so no longer. Outlives the door: it is not configured.
    pub revocations: Arc<Revocations>,
    /// What was given out in place of tokens. Outlives the door: it is not configured.
    pub tickets: Tickets,
}

/// A request that passed the door.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Whom the token proves.
    pub identity: Identity,
    /// The page that connects, in the one spelling of [`Origins::check`].
    pub origin: Option<String>,
    /// Where the token was.
    pub source: TokenSource,
}

impl Door {
    /// Takes over what outlives a door: the tickets, who was revoked, and what was fetched from issuers
    /// that are the same.
    pub fn take_over(&mut self, earlier: &Door) {
        self.tickets = earlier.tickets.clone();
        self.verifier.take_over_keys(&earlier.verifier);
        self.revocations = earlier.revocations.clone();
    }

    /// Tells who a request is from, at the time `now`. A ticket is used up by it. Waits at most a
    /// second, where a token names a key that its issuer may have published meanwhile.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        offer: &Offer,
        now: UnixSeconds,
    ) -> Result<Admitted, Refusal> {
        let origin = self.origin_of(headers)?;
        let (credential, source) = token::find(headers, query, offer, &self.sources)?;
        check_cookie(source, origin.as_deref())?;
        let identity = match credential {
            Credential::Token(token) => self.verify(&token, now).await?,
            Credential::Ticket(ticket) => self.redeem(&ticket, origin.as_deref(), now).await?,
        };
        Ok(Admitted {
            identity,
            origin,
            source,
        })
    }

    /// The same for a request that is no upgrade: see [`token::find_plain`].
    pub async fn identify_plain(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixSeconds,
    ) -> Result<Admitted, Refusal> {
        self.identify_token(headers, query, now)
            .await
            .map(|(_, admitted)| admitted)
    }

    /// A ticket for who sends this request, which is no upgrade either.
    pub async fn issue_ticket(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixSeconds,
    ) -> Result<Ticket, Refusal> {
        let (token, admitted) = self.identify_token(headers, query, now).await?;
        let issued = self
            .tickets
            .issue(&token, &admitted.identity, admitted.origin, now);
        issued.await
    }

    async fn identify_token(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixSeconds,
    ) -> Result<(Token, Admitted), Refusal> {
        let origin = self.origin_of(headers)?;
        let (token, source) = token::find_plain(headers, query, &self.sources)?;
        check_cookie(source, origin.as_deref())?;
        let identity = self.verify(&token, now).await?;
        let admitted = Admitted {
            identity,
            origin,
            source,
        };
        Ok((token, admitted))
    }

    async fn redeem(
        &self,
        ticket: &Ticket,
        origin: Option<&str>,
        now: UnixSeconds,
    ) -> Result<Identity, Refusal> {
        let redeemed = self.tickets.redeem(ticket, origin, &self.verifier, now);
        let identity = redeemed.await?;
        self.revocations.check(&identity, now)?;
        Ok(identity)
    }

    /// Verifies a token, and looks whether it or its user was revoked: for the upgrade, the connect
    /// command and a refresh alike.
    pub async fn verify(&self, token: &Token, now: UnixSeconds) -> Result<Identity, Refusal> {
        let identity = self.verifier.verify(token, now).await?;
        self.revocations.check(&identity, now)?;
        Ok(identity)
    }

    /// Who signed the token of an upgrade, as it says itself; for the log line of its refusal.
    pub fn said_signer(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        offer: &Offer,
    ) -> SaidSigner {
        match token::find(headers, query, offer, &self.sources) {
            Ok((Credential::Token(token), _)) => SaidSigner::of(&token, &self.verifier),
            _ => SaidSigner::default(),
        }
    }

    /// The same of a request that is no upgrade.
    pub fn said_signer_plain(&self, headers: &HeaderMap, query: Option<&str>) -> SaidSigner {
        match token::find_plain(headers, query, &self.sources) {
            Ok((token, _)) => SaidSigner::of(&token, &self.verifier),
            Err(_) => SaidSigner::default(),
        }
    }

    fn origin_of(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let origin = self.origins.check(headers)?;
        if origin.is_none() && !self.allow_missing_origin {
            return Err(Refusal::OriginRequired);
        }
        Ok(origin)
    }
}

/// Whatever the configuration says: a cookie is sent by the browser, not by the page.
fn check_cookie(source: TokenSource, origin: Option<&str>) -> Result<(), Refusal> {
    match (source, origin) {
        (TokenSource::Cookie, None) => Err(Refusal::OriginRequired),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
