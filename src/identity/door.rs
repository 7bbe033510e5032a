//! The door: from the headers of a request to who is admitted, or why nobody is.
//!
//! `edge` has checked limits and the form of the request before it asks here, and takes its user's
//! limits and the answer upon itself afterwards. The order is that of SECURITY.md HTTP-6: the
//! origin, where the token is, then whether it is good. The upgrade and `/connection/check` go
//! through this one function.

use hyper::HeaderMap;

use super::identity::Identity;
use super::origin::Origins;
use super::refusal::Refusal;
use super::subprotocol::Offer;
use super::token::{self, Sources, TokenSource};
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
    /// Takes over what outlives a door: what was fetched from issuers that are the same.
    pub fn take_over(&mut self, earlier: &Door) {
        self.verifier.take_over_keys(&earlier.verifier);
    }

    /// Tells who a request is from, at the time `now`. Waits at most a second, where a token names a
    /// key that its issuer may have published meanwhile.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        offer: &Offer,
        now: UnixSeconds,
    ) -> Result<Admitted, Refusal> {
        self.identify_from(&self.sources, headers, query, offer, now)
            .await
    }

    /// The same for a request that is no upgrade and so can always send a header: its token is
    /// `Authorization: Bearer`, whether an upgrade may bring it so or not, or the cookie.
    pub async fn identify_plain(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixSeconds,
    ) -> Result<Admitted, Refusal> {
        let sources = Sources {
            header: true,
            ..self.sources.clone()
        };
        self.identify_from(&sources, headers, query, &Offer::default(), now)
            .await
    }

    async fn identify_from(
        &self,
        sources: &Sources,
        headers: &HeaderMap,
        query: Option<&str>,
        offer: &Offer,
        now: UnixSeconds,
    ) -> Result<Admitted, Refusal> {
        let origin = self.origins.check(headers)?;
        if origin.is_none() && !self.allow_missing_origin {
            return Err(Refusal::OriginRequired);
        }
        let (token, source) = token::find(headers, query, offer, sources)?;
        // Whatever the configuration says: a cookie is sent by the browser, not by the page.
        if origin.is_none() && source == TokenSource::Cookie {
            return Err(Refusal::OriginRequired);
        }
        let identity = self.verifier.verify_or_ask(&token, now).await?;
        Ok(Admitted {
            identity,
            origin,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
