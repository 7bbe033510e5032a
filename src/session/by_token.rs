//! The subscriptions of a connection that have a token of their own, where others than its task can
//! find them: what such a token grants is a part of what the connection may do. Few connections have
//! any, and the others keep a pointer to nothing.

use std::ptr;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;

use super::given::Given;
use super::subscription::Subscription;
use crate::identity::revocations::Marks;
use crate::policy::ChannelName;

/// Those of one connection, whose task alone changes them. Weak, since each keeps hold of the
/// connection that this is a part of.
#[derive(Default)]
pub(super) struct ByToken(ArcSwapOption<Vec<Weak<Subscription>>>);

impl ByToken {
    /// One more, if it has a token of its own.
    pub(super) fn add(&self, subscription: &Arc<Subscription>) {
        let given = subscription.given();
        if given.is_none_or(|given| given.token.is_none()) {
            return;
        }
        let mut all = self.0.load().as_deref().cloned().unwrap_or_default();
        all.push(Arc::downgrade(subscription));
        self.0.store(Some(Arc::new(all)));
    }

    /// It has ended.
    pub(super) fn remove(&self, subscription: &Arc<Subscription>) {
        let held = self.0.load();
        let Some(all) = held.as_deref() else { return };
        let is_it = |one: &Weak<_>| ptr::eq(one.as_ptr(), Arc::as_ptr(subscription));
        if !all.iter().any(is_it) {
            return;
        }
        let rest: Vec<_> = all.iter().filter(|one| !is_it(one)).cloned().collect();
        self.0.store((!rest.is_empty()).then(|| Arc::new(rest)));
    }

    /// Puts those in doubt whose token `names` picks, so that they hear nothing before the task has
    /// looked at them; tells whether there are any.
    pub(super) fn doubt(&self, names: impl Fn(Marks<'_>) -> bool) -> bool {
        let held = self.0.load();
        let all = held.as_deref().into_iter().flatten();
        let mut any = false;
        for subscription in all.filter_map(Weak::upgrade) {
            let given = subscription.given();
            let token = given.as_deref().and_then(|given| given.token.as_ref());
            if token.is_some_and(|token| names(token.marks())) {
                subscription.doubt();
                any = true;
            }
        }
        any
    }

    /// What the token of the subscription to this channel gave it, if there is one.
    pub(super) fn given(&self, channel: &ChannelName) -> Option<Arc<Given>> {
        let held = self.0.load();
        let mut all = held.as_deref()?.iter().filter_map(Weak::upgrade);
        all.find(|one| one.channel() == channel)?.given()
    }
}
