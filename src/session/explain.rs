//! Why a live connection may or may not do something: what a command of its client would come to
//! now, told to those who run the gateway.
//!
//! It asks about the very subject that the connection's own commands are decided on: who it is by
//! now, where it is from, and what the token of its subscription grants. It touches nothing.

use std::sync::Arc;

use super::peer::Peer;
use super::{Node, Sessions, Terms};
use crate::policy::{ChannelName, Explanation, Permission, UserId};

/// A live connection, to be asked about.
pub struct Live {
    node: Arc<Node>,
    peer: Arc<Peer>,
}

/// What became of a question about a connection.
#[derive(Debug)]
pub struct Explained {
    /// Its token has expired: until it brings a newer one, or is closed, its commands are answered
    /// with error 110 whatever the rules say.
    pub expired: bool,
    /// In the order of the permissions that were asked about.
    pub explanations: Vec<Explanation>,
}

impl Sessions {
    /// The connections of a user, in the order in which they were admitted.
    pub fn of_user(&self, user: &UserId) -> Vec<Live> {
        let peers = self.places.of_user(user).into_iter();
        peers.map(|peer| self.live(peer)).collect()
    }

    /// The connection of this client id.
    pub async fn of_client(&self, client: &str) -> Option<Live> {
        for peers in self.places.parts() {
            if let Some(peer) = peers.into_iter().find(|peer| peer.name() == client) {
                return Some(self.live(peer));
            }
            tokio::task::yield_now().await;
        }
        None
    }

    fn live(&self, peer: Arc<Peer>) -> Live {
        Live {
            node: self.node.clone(),
            peer,
        }
    }
}

impl Live {
    /// The client id.
    pub fn client(&self) -> &str {
        self.peer.name()
    }

    /// Whose it is.
    pub fn user(&self) -> UserId {
        self.peer.identity().user().clone()
    }

    /// What it may do with the channel under these terms, and why. `None` where it may do nothing
    /// any more, since it is ending, or does so with its next command under these terms: of claims
    /// that only newer rules read nothing is known of it.
    pub fn explain(
        &self,
        terms: &Terms,
        channel: &ChannelName,
        permissions: &[Permission],
    ) -> Option<Explained> {
        let identity = self.peer.identity();
        if self.peer.link.ending().is_some() || !terms.door.verifier.stands(&identity) {
            return None;
        }
        let now = self.node.clock.now();
        let given = self.peer.by_token.given(channel);
        let explanations = permissions.iter().map(|&permission| {
            let given = given.as_deref();
            let grant = given.and_then(|given| given.grant(terms, permission, now));
            let subject = self.peer.subject(&identity, grant, now);
            terms.policy.explain(&subject, channel, permission)
        });
        Some(Explained {
            explanations: explanations.collect(),
            expired: identity.expires_at() <= now,
        })
    }
}
