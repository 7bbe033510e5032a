//! What one connection is subscribed to: a short list in the order of the names, since a map would
//! cost an idle connection more than its few subscriptions.

use std::sync::Arc;

use super::subscription::Subscription;
use crate::policy::ChannelName;

/// The subscriptions of a connection, one a channel.
#[derive(Default)]
pub(super) struct Subscriptions(Vec<Arc<Subscription>>);

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.0.iter()
    }

    pub(super) fn get(&self, channel: &ChannelName) -> Option<&Arc<Subscription>> {
        self.place(channel).ok().map(|place| &self.0[place])
    }

    /// Adds one to a channel that has none, or takes the place of the one that it has.
    pub(super) fn insert(&mut self, subscription: Arc<Subscription>) {
        match self.place(subscription.channel()) {
            Ok(place) => self.0[place] = subscription,
            Err(place) => self.0.insert(place, subscription),
        }
    }

    pub(super) fn remove(&mut self, channel: &ChannelName) -> Option<Arc<Subscription>> {
        let place = self.place(channel).ok()?;
        Some(self.0.remove(place))
    }

    /// Where it is, or where it would be.
    fn place(&self, channel: &ChannelName) -> Result<usize, usize> {
        self.0.binary_search_by(|held| held.channel().cmp(channel))
    }
}
