//! What is due on a connection: pings, the end of its identity, and decisions that are to be taken
//! again.

use std::time::Duration;

use super::{Connection, Pings, Service};
use crate::clock::UnixSeconds;
use crate::identity::Identity;
use crate::limits::{EXPIRY_GRACE, FRAME_PONG_TIMEOUT, REDECIDE_INTERVAL};
use crate::protocol::websocket::{Violation, ping_frame};
use crate::protocol::{Disconnect, Message};
use crate::session::again::Which;
use crate::session::close::Close;
use crate::session::deadlines::Due;
use crate::session::outbox::Entry;

impl Connection {
    /// The connection is in use: it is kept alive, for as long as its identity is true.
    pub(super) fn begin(&mut self) {
        let settings = self.node.terms.load().settings;
        self.inbox.set_max_message(settings.max_message);
        let first = settings.ping_interval.mul_f64(rand::random_range(0.5..1.0));
        self.deadlines.set(Due::Ping, first);
        self.await_expiry();
    }

    pub(super) async fn on_due(&mut self, due: Due) {
        match due {
            Due::Connect => self.peer.end(Disconnect::Stale),
            Due::Ping => self.ping(),
            Due::Pong => self.peer.end(Disconnect::NoPong),
            Due::Message => self.peer.link.end(Violation::TooSlow.into()),
            Due::Expiry => self.peer.end(Disconnect::ConnectionExpired),
            Due::Redecide => self.decide_again(Which::Timed).await,
            Due::Subscription => self.end_expired_subscriptions().await,
            // Nothing can be said any more: the next turn ends it.
            Due::Write => self.give_up(Disconnect::WriteError.into()),
            Due::Close => self.give_up(self.lost()),
        }
    }

    /// The clock of the wall jumped, or other terms are in force.
    pub(super) async fn look_again(&mut self) {
        // Only ever earlier: whichever clock says so, the end has come (LIVE-1).
        let end = self.ends_in();
        self.deadlines.hasten(Due::Expiry, end);
        // Its issuer is gone, or what is known of its token does not do any more: the door decides.
        let vouched = match &mut self.service {
            Service::Protocol(client) => client.vouch().is_ok(),
            Service::Echo(identity) => {
                let terms = self.node.terms.load();
                terms.door.verifier.stands(identity)
            }
        };
        if !vouched {
            return self.peer.end(Disconnect::ConnectionExpired);
        }
        if let Service::Protocol(client) = &self.service
            && let Some(end) = client.subscriptions_end_in()
        {
            self.deadlines.hasten(Due::Subscription, end);
        }
        self.decide_again(Which::Stale).await;
    }

    async fn decide_again(&mut self, which: Which) {
        if let Service::Protocol(client) = &mut self.service {
            let decided = Box::pin(client.decide_again(which));
            self.peer.link.gather(decided).await;
        }
        self.await_redecision();
    }

    /// Decisions that read the time are taken again after a while.
    pub(super) fn await_redecision(&mut self) {
        if let Service::Protocol(client) = &self.service
            && client.has_timed_subscriptions()
        {
            self.deadlines.begin(Due::Redecide, REDECIDE_INTERVAL);
        }
    }

    async fn end_expired_subscriptions(&mut self) {
        if let Service::Protocol(client) = &mut self.service {
            let ended = Box::pin(client.end_expired_subscriptions());
            self.peer.link.gather(ended).await;
        }
        self.await_subscriptions();
    }

    /// The first subscription ends with the tokens that there are now.
    pub(super) fn await_subscriptions(&mut self) {
        if let Service::Protocol(client) = &self.service {
            let end = client.subscriptions_end_in();
            self.deadlines.set_or_clear(Due::Subscription, end);
        }
    }

    /// The end comes with the identity that there is now.
    pub(super) fn await_expiry(&mut self) {
        let end = self.ends_in();
        self.deadlines.set(Due::Expiry, end);
    }

    fn ends_in(&self) -> Duration {
        let expires = self.identity().expires_at();
        // Of the grace too, what is over is over.
        let end = expires.0.saturating_add(EXPIRY_GRACE.as_secs());
        self.node.clock.now().until(UnixSeconds(end))
    }

    fn identity(&self) -> &Identity {
        match &self.service {
            Service::Protocol(client) => &client.identity,
            Service::Echo(identity) => identity,
        }
    }

    fn ping(&mut self) {
        let settings = self.node.terms.load().settings;
        let (wait, entry) = match (&self.service, self.pings) {
            (Service::Protocol(_), Pings::Protocol) => {
                let ping = self.peer.link.format.encode(&Message::Ping);
                (settings.pong_timeout, Entry::Message(ping))
            }
            _ => (FRAME_PONG_TIMEOUT, Entry::control(ping_frame())),
        };
        self.deadlines.set(Due::Ping, settings.ping_interval);
        self.deadlines.begin(Due::Pong, wait);
        self.peer.link.queue(entry);
    }

    fn give_up(&mut self, close: Close) {
        self.peer.link.end(close);
        self.stage = super::Stage::GaveUp;
    }
}

/// While we do not read, the peer cannot show that it is alive; the write deadline guards.
pub(super) fn counting(paused: bool) -> impl Fn(Due) -> bool {
    move |due| !paused || !matches!(due, Due::Pong | Due::Message)
}
