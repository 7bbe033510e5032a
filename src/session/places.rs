//! Who is here: the connections of each user on this node, and how many more there may be.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use super::peer::Peer;
use super::rates::Together;
use super::{NoPlace, SessionSettings, WhenFull};
use crate::identity::Identity;
use crate::limits::USERS_COUNTED;
use crate::policy::UserId;
use crate::protocol::Disconnect;
use crate::rate::{Table, Ticks};
use crate::telemetry::Gauged;

/// The sessions, by user.
pub(super) struct Places {
    shards: Box<[Mutex<HashMap<UserId, Session, RandomState>>]>,
    hasher: RandomState,
    gauge: Gauge,
    draining: AtomicBool,
    /// How often users connect. It outlives their sessions, which end with the last connection.
    connects: Table,
    ticks: Ticks,
}

/// One user on this node.
struct Session {
    /// In the order of admission.
    connections: VecDeque<Arc<Peer>>,
    /// Places taken by connections whose 101 is not answered yet.
    reserved: usize,
    together: Arc<Together>,
    _live: Gauged,
}

/// A place in a session; given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    user: UserId,
    together: Arc<Together>,
    peer: Option<Arc<Peer>>,
}

const SHARDS: usize = 64;

impl Places {
    pub(super) fn new(gauge: Gauge) -> Places {
        Places {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            gauge,
            draining: AtomicBool::new(false),
            connects: Table::new(USERS_COUNTED),
            ticks: Ticks::begin(),
        }
    }

    /// Whoever registers from now on is told to go at once.
    pub(super) fn begin_drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Takes a place, or the oldest connection's, as configured.
    pub(super) fn take(
        self: &Arc<Self>,
        user: &UserId,
        settings: &SessionSettings,
    ) -> Result<Place, NoPlace> {
        let mut sessions = self.shard(user).lock();
        let taken = sessions.get(user).map_or(0, Session::places);
        check_room(taken, settings)?;
        // Only who gets a place has connected once more.
        if let Some(rate) = &settings.connects {
            let taken = self.connects.take(user, rate, self.ticks.now());
            taken.map_err(too_often)?;
        }
        let session = sessions
            .entry(user.clone())
            .or_insert_with(|| Session::new(&self.gauge));
        if taken >= settings.max_connections {
            let oldest = session.connections.pop_front().ok_or(NoPlace::Full)?;
            oldest.end(Disconnect::ConnectionLimit);
        }
        session.reserved += 1;
        let together = session.together.clone();
        Ok(Place {
            places: self.clone(),
            user: user.clone(),
            together,
            peer: None,
        })
    }

    pub(super) fn has_room(
        &self,
        user: &UserId,
        settings: &SessionSettings,
    ) -> Result<(), NoPlace> {
        let sessions = self.shard(user).lock();
        check_room(sessions.get(user).map_or(0, Session::places), settings)?;
        let Some(rate) = &settings.connects else {
            return Ok(());
        };
        let would = self.connects.peek(user, rate, self.ticks.now());
        would.map_err(too_often)
    }

    /// All connections of the node.
    pub(super) fn peers(&self) -> Vec<Arc<Peer>> {
        self.parts().flatten().collect()
    }

    /// The connections of a user.
    pub(super) fn of_user(&self, user: &UserId) -> Vec<Arc<Peer>> {
        let sessions = self.shard(user).lock();
        let session = sessions.get(user);
        session.map_or(Vec::new(), |s| s.connections.iter().cloned().collect())
    }

    /// All connections of the node, in parts between which others may be served.
    pub(super) fn parts(&self) -> impl Iterator<Item = Vec<Arc<Peer>>> + '_ {
        self.shards.iter().map(|shard| {
            let sessions = shard.lock();
            let connections = sessions.values().flat_map(|s| &s.connections);
            connections.cloned().collect()
        })
    }

    fn shard(&self, user: &UserId) -> &Mutex<HashMap<UserId, Session, RandomState>> {
        &self.shards[self.hasher.hash_one(user) as usize % SHARDS]
    }
}

fn check_room(taken: usize, settings: &SessionSettings) -> Result<(), NoPlace> {
    let is_full = taken >= settings.max_connections;
    match settings.when_full {
        WhenFull::Refuse if is_full => Err(NoPlace::Full),
        _ => Ok(()),
    }
}

fn too_often(retry_after: Duration) -> NoPlace {
    NoPlace::TooOften { retry_after }
}

impl Session {
    fn new(gauge: &Gauge) -> Session {
        Session {
            connections: VecDeque::new(),
            reserved: 0,
            together: Arc::new(Together::new()),
            _live: Gauged::new(gauge),
        }
    }

    fn places(&self) -> usize {
        self.connections.len() + self.reserved
    }
}

impl Place {
    /// The place becomes that of a live connection.
    pub(super) fn register(&mut self, peer: Arc<Peer>) {
        let mut sessions = self.places.shard(&self.user).lock();
        if let Some(session) = sessions.get_mut(&self.user) {
            session.reserved -= 1;
            session.connections.push_back(peer.clone());
            self.peer = Some(peer.clone());
        }
        drop(sessions);
        // After it is in the list, so that either the drain sees it there or it sees the drain.
        if self.places.draining.load(Ordering::SeqCst) {
            peer.end(Disconnect::Shutdown);
        }
    }

    /// Ends the connections that were here before with the token of this one. To tokens without a
    /// `jti` it does nothing.
    pub(super) fn end_others_of_token(&self, identity: &Identity) {
        let Some(token) = identity.token_id() else {
            return;
        };
        let sessions = self.places.shard(&self.user).lock();
        let connections = sessions.get(&self.user).map(|s| s.connections.iter());
        for other in connections.into_iter().flatten() {
            let is_this = self.peer.as_ref().is_some_and(|p| Arc::ptr_eq(p, other));
            let theirs = other.identity();
            let is_of_token =
                theirs.token_id() == Some(token) && theirs.issuer() == identity.issuer();
            if is_of_token && !is_this {
                other.end(Disconnect::ConnectionLimit);
            }
        }
    }

    /// What the connections of the session count together.
    pub(super) fn together(&self) -> Arc<Together> {
        self.together.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sessions = self.places.shard(&self.user).lock();
        let Some(session) = sessions.get_mut(&self.user) else {
            return;
        };
        match &self.peer {
            None => session.reserved -= 1,
            // One that was closed for a newer one is not in the list any more.
            Some(peer) => session
                .connections
                .retain(|other| !Arc::ptr_eq(other, peer)),
        }
        if session.places() == 0 {
            sessions.remove(&self.user);
        }
    }
}
