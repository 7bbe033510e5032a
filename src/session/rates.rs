//! How fast a client may send commands (CHAN-8): each connection by itself, and the connections of
//! a session together four times as fast.
//!
//! Who is too fast is told so by a temporary error, and nothing is carried out; who goes on so for
//! ten seconds is sent away, with a code that comes back.

use std::sync::atomic::AtomicUsize;

use super::client::{Client, Stop};
use crate::limits::{OVERLOAD_GAP, OVERLOAD_TIME};
use crate::protocol::{Disconnect, ErrorCode, Request};
use crate::rate::{Bucket, Rate, SharedBucket, Ticks};
use crate::telemetry::logs;

/// How often a connection may do what; none: as often as it likes. A session has
/// four times as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandRates {
    /// Commands of any kind.
    pub commands: Option<Rate>,
    /// Subscribes.
    pub subscribes: Option<Rate>,
    /// Publishes.
    pub publishes: Option<Rate>,
    /// Questions for history and presence.
    pub reads: Option<Rate>,
}

/// What a session may do and have, in shares of a connection.
pub(super) const SESSION_SHARE: u32 = 4;

/// What is counted apart, beside all commands together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Commands,
    Subscribes,
    Publishes,
    Reads,
}

impl Kind {
    fn of(request: &Request) -> Kind {
        match request {
            Request::Subscribe(_) => Kind::Subscribes,
            Request::Publish { .. } => Kind::Publishes,
            Request::History(_) | Request::Presence { .. } | Request::PresenceStats { .. } => {
                Kind::Reads
            }
            _ => Kind::Commands,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Kind::Commands => "commands",
            Kind::Subscribes => "subscribes",
            Kind::Publishes => "publishes",
            Kind::Reads => "reads",
        }
    }
}

impl CommandRates {
    fn of(&self, kind: Kind) -> Option<Rate> {
        match kind {
            Kind::Commands => self.commands,
            Kind::Subscribes => self.subscribes,
            Kind::Publishes => self.publishes,
            Kind::Reads => self.reads,
        }
    }
}

/// What the connections of a session count together.
#[derive(Debug)]
pub(super) struct Together {
    /// The scale of all buckets of the session, of its connections too.
    pub(super) ticks: Ticks,
    /// Their subscriptions (CHAN-9).
    pub(super) channels: AtomicUsize,
    buckets: [SharedBucket; 4],
}

impl Together {
    pub(super) fn new() -> Together {
        Together {
            ticks: Ticks::begin(),
            channels: AtomicUsize::new(0),
            buckets: Default::default(),
        }
    }
}

/// What one connection has used.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: [Bucket; 4],
    /// There only while it is too fast.
    overload: Option<Box<Overload>>,
}

#[derive(Debug)]
struct Overload {
    since: u64,
    last: u64,
}

/// A command that is too much, and of what there were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TooFast {
    /// Not this one.
    Refused(&'static str),
    /// It has been going on for too long.
    Ended(&'static str),
}

impl Client {
    /// Counts the command, and says so when there are too many (CHAN-8).
    pub(super) fn count(&mut self, request: &Request) -> Result<(), Stop> {
        let terms = self.node.terms.load();
        let rates = &terms.settings.rates;
        let Err(too_fast) = self.rates.count(request, rates, &self.together) else {
            return Ok(());
        };
        let (TooFast::Refused(kind) | TooFast::Ended(kind)) = too_fast;
        self.node.metrics.throttled(kind);
        if let Some(left_out) = self.node.lines.admit("too many requests") {
            tracing::info!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                kind,
                left_out,
                "too many requests"
            );
        }
        match (too_fast, request) {
            (TooFast::Ended(_), _) => Err(Disconnect::TooManyRequests.into()),
            // An SDK takes an error here for a broken connection; and to these nothing can be said.
            (_, Request::Unsubscribe { .. } | Request::Send { .. }) => Ok(()),
            _ => Err(ErrorCode::TooManyRequests.into()),
        }
    }
}

impl Rates {
    /// Counts a command.
    fn count(
        &mut self,
        request: &Request,
        rates: &CommandRates,
        together: &Together,
    ) -> Result<(), TooFast> {
        let now = together.ticks.now();
        let kind = Kind::of(request);
        self.take(Kind::Commands, rates, together, now)?;
        if kind != Kind::Commands {
            self.take(kind, rates, together, now)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        kind: Kind,
        rates: &CommandRates,
        together: &Together,
        now: u64,
    ) -> Result<(), TooFast> {
        let Some(rate) = rates.of(kind) else {
            return Ok(());
        };
        let own = self.buckets[kind as usize].take(&rate, now);
        let of_all = &together.buckets[kind as usize];
        own.and_then(|()| of_all.take(&rate.times(SESSION_SHARE), now))
            .map_err(|_| self.overloaded(kind.as_str(), now))
    }

    fn overloaded(&mut self, kind: &'static str, now: u64) -> TooFast {
        let begun = Overload {
            since: now,
            last: now,
        };
        let overload = self.overload.get_or_insert_with(|| Box::new(begun));
        if now - overload.last > nanos(OVERLOAD_GAP) {
            overload.since = now;
        }
        overload.last = now;
        match now - overload.since >= nanos(OVERLOAD_TIME) {
            true => TooFast::Ended(kind),
            false => TooFast::Refused(kind),
        }
    }
}

const fn nanos(time: std::time::Duration) -> u64 {
    time.as_nanos() as u64
}
