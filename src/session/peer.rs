//! What others may touch of a connection: its name, what is shown of it, and the way to it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::by_token::ByToken;
use super::close::Farewell;
use super::link::Link;
use super::terms::Generation;
use crate::clock::UnixSeconds;
use crate::identity::Identity;
use crate::policy::{ConnectionFacts, Subject, SubscriptionGrant};
use crate::protocol::{ClientInfo, Disconnect, Message};

/// The shared part of one connection.
pub(super) struct Peer {
    /// Names it over all nodes; shown to others as the `client` of a publication.
    name: Arc<str>,
    info: ArcSwap<ClientInfo>,
    /// What it is by now: a newer token takes the place of the first.
    identity: Mutex<Identity>,
    /// What rules may read of the connection.
    facts: ConnectionFacts,
    /// Its subscriptions that have a token of their own.
    pub(super) by_token: ByToken,
    pub(super) link: Link,
    /// Of the node's terms; each delivery compares it.
    pub(super) generation: Generation,
}

impl Peer {
    /// The shared part of a new connection of this identity.
    pub(super) fn new(
        identity: &Identity,
        facts: ConnectionFacts,
        link: Link,
        generation: Generation,
    ) -> Peer {
        // Of the thread's own generator, seeded by the system: asking that itself is a system call.
        let name = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let name = name.to_string().into();
        let info = ArcSwap::from_pointee(info_of(identity, &name));
        Peer {
            name,
            info,
            identity: Mutex::new(identity.clone()),
            facts,
            by_token: ByToken::default(),
            link,
            generation,
        }
    }

    /// The id as the protocol writes it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What publications, presence, joins and leaves show: from the identity, never from the
    /// client (LIVE-5).
    pub(super) fn info(&self) -> Arc<ClientInfo> {
        self.info.load_full()
    }

    /// Shows what a newer identity of the same user says. Whoever sets it must then look whether it
    /// was revoked meanwhile, as [`Client::take_identity`](super::client::Client::take_identity) does.
    pub(super) fn set_identity(&self, identity: &Identity) {
        self.info.store(Arc::new(info_of(identity, &self.name)));
        *self.identity.lock() = identity.clone();
    }

    /// Who it is by now.
    pub(super) fn identity(&self) -> Identity {
        self.identity.lock().clone()
    }

    /// What a decision on this connection is about: an identity of its, what the token of a
    /// subscription grants beside, and the time.
    pub(super) fn subject<'a>(
        &'a self,
        identity: &'a Identity,
        grant: Option<&'a SubscriptionGrant>,
        now: UnixSeconds,
    ) -> Subject<'a> {
        Subject {
            user: identity.user(),
            claims: identity.claims(),
            grants: identity.grants(),
            subscription: grant,
            connection: &self.facts,
            now,
        }
    }

    /// Queues a message of the protocol; for the connection's task.
    pub(super) fn send(&self, message: &Message<'_>) {
        self.link.send(message);
    }

    /// Ends the connection once what waits for it is written.
    pub(super) fn end(&self, reason: Disconnect) {
        self.link.end(reason.into());
    }

    /// Ends the connection at once: what waits for it is dropped. Tells whether this is how it ends,
    /// and not how it was ending already.
    pub(super) fn dismiss(&self, farewell: &Farewell) -> bool {
        self.link.dismiss(farewell)
    }
}

fn info_of(identity: &Identity, client: &Arc<str>) -> ClientInfo {
    ClientInfo {
        user: identity.user().to_shared(),
        client: client.clone(),
        conn_info: identity.info().cloned(),
        chan_info: None,
    }
}
