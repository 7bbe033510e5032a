//! What was decided once is decided again: under newer terms, for a newer identity, at a later time.
//!
//! A decision holds for the terms and the identity that it was made under. When either is another,
//! nothing more is delivered by a subscription until it was decided again here (CHAN-5).

use super::client::Client;
use super::permit::Standing;
use super::terms::Numbered;
use crate::policy::{ChannelName, Permission};
use crate::protocol::{Disconnect, Message, Push, UnsubscribeCode};

/// Which subscriptions are decided again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that were decided under other terms, or for another identity.
    Stale,
    /// Those too whose decision read the time.
    Timed,
}

impl Client {
    /// Looks whether the identity still is one that the door would let in, once for all terms.
    pub(super) fn vouch(&mut self) -> Result<(), Disconnect> {
        let terms = self.node.terms.load();
        if terms.generation != self.vouched {
            if !terms.door.verifier.stands(&self.identity) {
                // Comes back, so that the door decides.
                return Err(Disconnect::ConnectionExpired);
            }
            self.vouched = terms.generation;
        }
        Ok(())
    }

    /// Decides again; what is withdrawn is ended, and the client told. What was made by a token that
    /// was revoked is ended whatever the rules say, as when that token is over: the client is to
    /// come with a newer one (LIVE-3).
    pub(super) async fn decide_again(&mut self, which: Which) {
        // Asked once, so that none is kept for newer terms than it was decided under.
        let terms = self.node.terms.load().clone();
        let now = self.node.clock.now();
        let mut withdrawn = Vec::new();
        for subscription in self.subscriptions.iter() {
            if subscription.is_revoked(&terms, now) {
                subscription.end();
                let code = UnsubscribeCode::SubscriptionExpired;
                withdrawn.push((subscription.channel().clone(), code));
                continue;
            }
            let timed = which == Which::Timed && subscription.reads_now();
            if subscription.is_current() && !timed {
                continue;
            }
            let channel = subscription.channel();
            let Some(mut standing) = self.stands(&terms, channel, Permission::Subscribe) else {
                // At once, before anything is waited for.
                subscription.end();
                withdrawn.push((channel.clone(), UnsubscribeCode::PermissionWithdrawn));
                continue;
            };
            if subscription.has_join_leave() {
                match self.stands(&terms, channel, Permission::Presence) {
                    Some(presence) => standing = standing.and(presence),
                    None => subscription.end_join_leave(),
                }
            }
            subscription.stand(standing);
        }
        for (channel, code) in withdrawn {
            self.withdraw(&channel, code).await;
        }
    }

    /// Ends a subscription that the client did not end, and tells it.
    pub(super) async fn withdraw(&mut self, channel: &ChannelName, code: UnsubscribeCode) {
        self.leave(channel).await;
        self.peer.send(&Message::Push {
            channel: channel.as_str(),
            push: Push::Unsubscribe { code },
        });
    }

    /// Whether a subscription must be decided again now and then.
    pub(super) fn has_timed_subscriptions(&self) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.reads_now())
    }

    fn stands(
        &self,
        terms: &Numbered,
        channel: &ChannelName,
        permission: Permission,
    ) -> Option<Standing> {
        let decision = self.decide(terms, channel, permission);
        let allowed = decision.is_allowed();
        allowed.then(|| Standing::of(terms, &decision))
    }
}
