//! What a token gave a subscription beside the answer of the rules. Few have any of it, and the
//! others keep nothing.

use std::time::Duration;

use super::terms::Terms;
use crate::clock::UnixSeconds;
use crate::identity::revocations::Marks;
use crate::identity::{Extras, IssuerTrust, VerifiedSubscription};
use crate::limits::EXPIRY_GRACE;
use crate::policy::{Permission, SubscriptionGrant};
use crate::protocol::Payload;

/// How a subscription came about.
pub(super) struct Origin {
    /// The server made it, by itself.
    pub(super) server_side: bool,
    /// What a token gave it.
    pub(super) given: Option<Given>,
}

impl Origin {
    /// The client wished for it, with a token if it brought one.
    pub(super) fn client_side(token: Option<VerifiedSubscription>) -> Origin {
        Origin {
            server_side: false,
            given: token.map(Given::by),
        }
    }

    /// The server makes it, with what the token of the connection gives.
    pub(super) fn server_side(extras: &Extras) -> Origin {
        Origin {
            server_side: true,
            given: Given::by_connection(extras),
        }
    }
}

/// What a token gave a subscription.
pub(super) struct Given {
    /// Shown to others in the channel.
    pub(super) info: Option<Payload>,
    /// The subscription's own token, as long as it holds.
    pub(super) token: Option<Held>,
}

/// The right of a subscription's own token.
pub(super) struct Held {
    /// Who signed it.
    trust: IssuerTrust,
    grant: SubscriptionGrant,
    expires_at: UnixSeconds,
    /// With the user and the issuer, what a revocation names it by.
    id: Option<Box<str>>,
    issued_at: Option<UnixSeconds>,
}

impl Given {
    /// By the token of the connection, which is not the subscription's own.
    pub(super) fn by_connection(extras: &Extras) -> Option<Given> {
        let info = extras.info.clone();
        info.is_some().then_some(Given { info, token: None })
    }

    /// By the subscription's own token.
    pub(super) fn by(token: VerifiedSubscription) -> Given {
        Given {
            info: token.extras.info,
            token: Some(Held {
                trust: token.trust,
                grant: token.grant,
                expires_at: token.expires_at,
                id: token.token_id.map(String::into_boxed_str),
                issued_at: token.issued_at,
            }),
        }
    }
}

impl Given {
    /// What of it is a grant that holds under these terms, at `now`.
    pub(super) fn grant(
        &self,
        terms: &Terms,
        permission: Permission,
        now: UnixSeconds,
    ) -> Option<&SubscriptionGrant> {
        let token = self.token.as_ref()?;
        let grant = token.grant(permission, now)?;
        let stands = terms.door.verifier.vouches(&token.trust) && !token.is_revoked(terms, now);
        stands.then_some(grant)
    }

    /// Whether it is by a token that was revoked.
    pub(super) fn is_revoked(&self, terms: &Terms, now: UnixSeconds) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|token| token.is_revoked(terms, now))
    }
}

impl Held {
    /// What it grants at `now`. In the grace after its end it is still heard, so that a newer token
    /// can come without a gap; what else it allowed has ended.
    fn grant(&self, permission: Permission, now: UnixSeconds) -> Option<&SubscriptionGrant> {
        let holds = permission == Permission::Subscribe || now < self.expires_at;
        holds.then_some(&self.grant)
    }

    /// What a revocation names it by.
    pub(super) fn marks(&self) -> Marks<'_> {
        let (user, id) = (self.grant.user(), self.id.as_deref());
        Marks::of_subscription(user, &self.trust, id, self.issued_at)
    }

    fn is_revoked(&self, terms: &Terms, now: UnixSeconds) -> bool {
        terms.door.revocations.check(self.marks(), now).is_err()
    }

    /// How long until the subscription has to end, unless a newer token comes.
    pub(super) fn ends_in(&self, now: UnixSeconds) -> Duration {
        let end = self.expires_at.0.saturating_add(EXPIRY_GRACE.as_secs());
        now.until(UnixSeconds(end))
    }
}
