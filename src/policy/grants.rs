//! Grants: what a token opens by itself, beside the rules.
//!
//! The claims `channels`, `subs` and `caps` of a connection's token, and the token of one
//! subscription. They only add: nothing here denies, and [`super::Policy::decide`] asks only where
//! privacy and the `deny` rule let the user through. What is not of the right form is a fault, and
//! never a grant that is a little larger or smaller than what was written.

mod caps;
mod claims;
mod patterns;

use std::sync::{Arc, LazyLock};

pub use claims::GrantFault;
pub use patterns::Patterns;

use super::channel::ChannelName;
use super::{Permission, UserId};
use caps::Cap;

/// What the claims of a connection's token grant.
#[derive(Debug)]
pub struct Grants {
    /// Sorted by channel.
    channels: Box<[GrantedChannel]>,
    /// The claim that they are from.
    name: Arc<str>,
    caps: Box<[Cap]>,
}

/// A channel of the claims `subs` or `channels`: the server subscribes the connection to it.
#[derive(Debug, PartialEq, Eq)]
pub struct GrantedChannel {
    /// Which.
    pub channel: ChannelName,
    /// Whether it is to hear of joins and leaves, where the user may see presence.
    pub join_leave: bool,
}

/// What the token of one subscription grants its user in its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionGrant {
    user: UserId,
    channel: ChannelName,
    allow: Permissions,
}

/// Some of the four permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    fn with(self, permission: Permission) -> Permissions {
        Permissions(self.0 | 1 << permission as u8)
    }

    fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
}

impl Grants {
    /// The channels that the server subscribes the connection to, sorted by name.
    pub fn channels(&self) -> &[GrantedChannel] {
        &self.channels
    }

    /// The name of the grant that gives the permission, if one does: `token.caps[0]`.
    ///
    /// Of the caps the first that matches the channel decides; what it leaves out is not looked
    /// for in those behind it.
    pub(super) fn giving(&self, channel: &ChannelName, wanted: Permission) -> Option<&Arc<str>> {
        let listed = wanted == Permission::Subscribe
            && self
                .channels
                .binary_search_by(|granted| granted.channel.cmp(channel))
                .is_ok();
        if listed {
            return Some(&self.name);
        }
        let cap = self.caps.iter().find(|cap| cap.matches(channel))?;
        cap.allows(wanted).then(|| cap.name())
    }
}

impl SubscriptionGrant {
    /// A grant to subscribe, and to do what `allow` says.
    pub fn new(user: UserId, channel: ChannelName, allow: Permissions) -> SubscriptionGrant {
        SubscriptionGrant {
            user,
            channel,
            allow: allow.with(Permission::Subscribe),
        }
    }

    /// The user whom it is for.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The channel that it is for.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Its name, if it gives this user the permission.
    pub(super) fn giving(
        &self,
        user: &UserId,
        channel: &ChannelName,
        wanted: Permission,
    ) -> Option<&Arc<str>> {
        static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "subscription_token".into());
        let is_theirs = self.user == *user && self.channel == *channel;
        (is_theirs && self.allow.has(wanted)).then(|| &*NAME)
    }
}

#[cfg(test)]
mod tests;
