//! What is checked of every connection and request before its path says who answers: whether the
//! node takes any more, what its address may still do, and how large the request is (HTTP-6).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::Request;

use super::Gateway;
use super::proxies::Remote;
use crate::identity::Refusal;
use crate::limits::{HEADER_VALUE_BYTES, REQUEST_HEADERS, URI_BYTES};
use crate::telemetry::logs::RequestId;

/// A TCP connection that is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The other end of it, in its one spelling.
    pub(super) peer: IpAddr,
    /// It is one too many of its address, and is told when to come again.
    pub(super) told: Option<Duration>,
}

/// Who sends a request, and what it is called in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) remote: Remote,
    pub(super) request: RequestId,
}

impl Gateway {
    /// Who sent a request over a connection from this peer.
    pub(super) fn caller<B>(&self, peer: IpAddr, request: &Request<B>) -> Caller {
        Caller {
            remote: self.proxies.find(peer, request.headers()),
            request: RequestId::random(),
        }
    }

    /// Refuses what the node, the address or the size of the request does not let through. The
    /// balancer may always ask for the node's health.
    pub(super) fn check_first<B>(
        &self,
        request: &Request<B>,
        visit: Visit,
        remote: Remote,
    ) -> Result<(), Refusal> {
        if !request.uri().path().starts_with("/health/") {
            self.readiness.check()?;
            self.ceiling.check(self.sessions.connections())?;
            self.check_address(request, visit, remote)?;
        }
        check_size(request)
    }

    fn check_address<B>(
        &self,
        request: &Request<B>,
        visit: Visit,
        remote: Remote,
    ) -> Result<(), Refusal> {
        if let Some(retry_after) = visit.told {
            return Err(Refusal::AddressConnectsTooOften { retry_after });
        }
        if !is_of_the_door(request.uri().path()) {
            return Ok(());
        }
        if !remote.is_client {
            self.proxies.warn_of_unnamed(visit.peer);
            return Ok(());
        }
        if remote.address != visit.peer {
            self.addresses.arrive_by_proxy(remote.address)?;
        }
        self.addresses.check_failures(remote)
    }

    /// Charges a refusal to the address of who caused it, where it is to be (LIMIT-1). The upgrade,
    /// `/connection/check` and whatever else takes a credential share one account (LIMIT-4).
    pub(super) fn charge(&self, refusal: &Refusal, remote: Remote, path: &str) {
        if refusal.is_failed_attempt() && is_of_the_door(path) {
            self.addresses.fail(remote);
        }
    }

    /// Charges a request that HTTP itself could not read, and so has no headers: to the peer, if
    /// that is a client.
    pub(super) fn charge_unread(&self, peer: IpAddr) {
        let is_client = !self.proxies.trusts(peer);
        self.addresses.fail(Remote {
            address: peer,
            is_client,
        });
    }

    /// A connection is closed as soon as it was accepted, for this limit.
    pub(super) fn turn_away(&self, client: SocketAddr, limit: &'static str) {
        self.metrics.turned_away(limit);
        if let Some(left_out) = self.refusals.admit("turned away") {
            tracing::info!(%client, limit, left_out, "connection closed at accept");
        }
    }
}

/// Whether a credential may be tried there.
fn is_of_the_door(path: &str) -> bool {
    path.starts_with("/connection/")
}

/// The limits of a head beyond those that hyper keeps (HTTP-1).
fn check_size<B>(request: &Request<B>) -> Result<(), Refusal> {
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length > URI_BYTES {
        return Err(Refusal::UriTooLong);
    }
    let headers = request.headers();
    if headers.len() > REQUEST_HEADERS || headers.values().any(|v| v.len() > HEADER_VALUE_BYTES) {
        return Err(Refusal::HeaderFieldsTooLarge);
    }
    Ok(())
}
