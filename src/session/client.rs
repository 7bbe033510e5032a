//! The protocol's side of a connection: what it may do now, what it is subscribed to, and the
//! answers to its commands. It writes to the outbox and never waits for the socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Node;
use super::peer::Peer;
use super::permit::Answer;
use super::rates::{Rates, Together};
use super::subscriptions::Subscriptions;
use super::terms::STALE;
use crate::engine::EngineError;
use crate::identity::Identity;
use crate::policy::ChannelName;
use crate::protocol::{Command, Disconnect, ErrorCode, ErrorReply, Message, PayloadFault, Request};
use crate::rate::Bucket;

/// One client of the protocol.
pub(super) struct Client {
    pub(super) node: Arc<Node>,
    pub(super) peer: Arc<Peer>,
    pub(super) identity: Identity,
    /// Whether the protocol's own pings are used, and so announced.
    pub(super) pings: bool,
    pub(super) subscriptions: Subscriptions,
    /// What all connections of the session count together.
    pub(super) together: Arc<Together>,
    pub(super) rates: Rates,
    /// How often it brought a newer token.
    pub(super) refreshes: Bucket,
    /// The generation of the terms under which its identity was found to be one that stands.
    pub(super) vouched: u32,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but connect may come.
    Opened,
    Connected,
    /// Connect was refused; the client is to close.
    Refused,
}

/// Why a command is not carried out.
pub(super) enum Stop {
    /// The client is told, and goes on.
    Error(ErrorReply),
    /// The connection ends.
    Disconnect(Disconnect),
}

impl Client {
    pub(super) fn new(
        node: Arc<Node>,
        peer: Arc<Peer>,
        identity: Identity,
        pings: bool,
        together: Arc<Together>,
    ) -> Client {
        Client {
            node,
            peer,
            identity,
            pings,
            subscriptions: Subscriptions::default(),
            together,
            rates: Rates::default(),
            refreshes: Bucket::default(),
            vouched: STALE,
            phase: Phase::Opened,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Takes a newer identity of the same user, which the door has verified. What was decided for
    /// the older one is in doubt.
    ///
    /// # Errors
    /// When it was revoked meanwhile: a revocation finds it here, or is found here.
    pub(super) fn take_identity(&mut self, identity: Identity) -> Result<(), Disconnect> {
        for subscription in self.subscriptions.iter() {
            subscription.doubt();
        }
        self.peer.set_identity(&identity);
        self.identity = identity;
        let door = self.node.terms.load().door.clone();
        Ok(door
            .revocations
            .check(&self.identity, self.node.clock.now())?)
    }

    /// Carries one command out, in the order of the client's state machine.
    pub(super) async fn handle(&mut self, command: Command) -> Result<(), Disconnect> {
        let id = command.id;
        self.vouch()?;
        let in_time = self.count(&command.request);
        let outcome = match (self.phase, command.request) {
            (Phase::Opened, Request::Connect(request)) => {
                let outcome = self.connect(id, request).await;
                self.phase = if outcome.is_ok() {
                    Phase::Connected
                } else {
                    Phase::Refused
                };
                outcome
            }
            (Phase::Connected, request) => match in_time {
                Ok(()) => self.carry_out(id, request).await,
                Err(stop) => Err(stop),
            },
            (Phase::Opened | Phase::Refused, _) => Err(Disconnect::BadRequest.into()),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Error(error)) => {
                self.peer.send(&Message::Reply {
                    id,
                    result: Err(error),
                });
                Ok(())
            }
            Err(Stop::Disconnect(reason)) => Err(reason),
        }
    }

    async fn carry_out(&mut self, id: u32, request: Request) -> Result<(), Stop> {
        match request {
            Request::Connect(_) => Err(Disconnect::BadRequest.into()),
            Request::Subscribe(request) => self.subscribe(id, request).await,
            Request::Unsubscribe { channel } => self.unsubscribe(id, &channel).await,
            Request::Publish {
                channel,
                data,
                kind,
            } => self.publish(id, &channel, data, kind).await,
            Request::Presence { channel } => self.presence(id, &channel).await,
            Request::PresenceStats { channel } => self.presence_stats(id, &channel).await,
            Request::History(request) => self.history(id, request).await,
            // Nobody is behind these yet: the SDK is told that they are not available.
            Request::Rpc { .. } => Err(ErrorCode::NotAvailable.into()),
            Request::Send { .. } => Err(Disconnect::NotAvailable.into()),
            Request::Refresh { token: None } => Err(Disconnect::BadRequest.into()),
            Request::Refresh { token: Some(token) } => self.refresh(id, &token).await,
            Request::SubRefresh { channel, token } => self.sub_refresh(id, &channel, token).await,
        }
    }

    /// Queues the reply.
    pub(super) fn reply(&self, id: u32, answer: Answer) {
        self.peer.send(&Message::Reply {
            id,
            result: Ok(answer.into_body()),
        });
    }

    /// In the grace after its token expired a connection hears, but does nothing new (LIVE-1).
    pub(super) fn refuse_in_grace(&self) -> Result<(), Stop> {
        match self.is_expired() {
            true => Err(ErrorCode::Expired.into()),
            false => Ok(()),
        }
    }

    /// Whether the identity is true no longer.
    pub(super) fn is_expired(&self) -> bool {
        self.identity.expires_at() <= self.node.clock.now()
    }

    /// Ends a subscription, if there is one, and tells those who want to know.
    pub(super) async fn leave(&mut self, channel: &ChannelName) {
        let Some(subscription) = self.subscriptions.remove(channel) else {
            return;
        };
        subscription.end();
        self.peer.by_token.remove(&subscription);
        self.together.channels.fetch_sub(1, Ordering::Relaxed);
        self.node.engine.unsubscribe(channel, &*subscription).await;
        let features = self.node.terms.load().policy.features(channel);
        if features.is_some_and(|features| features.join_leave)
            && let Err(error) = self.node.engine.leave(channel, subscription.shown()).await
        {
            tracing::warn!(%error, "leave not told");
        }
    }

    /// Ends all subscriptions: the connection is over.
    pub(super) async fn leave_all(&mut self) {
        let all = self.subscriptions.iter();
        let channels: Vec<ChannelName> = all.map(|one| one.channel().clone()).collect();
        for channel in channels {
            self.leave(&channel).await;
        }
    }
}

/// The channel's name, or error 107 with what is wrong in it.
pub(super) fn parse_channel(text: &str) -> Result<ChannelName, Stop> {
    ChannelName::parse(text).map_err(|fault| bad_request(format!("bad request: {fault}")))
}

/// Error 107 with a text of ours.
pub(super) fn bad_request(message: impl Into<std::borrow::Cow<'static, str>>) -> Stop {
    Stop::Error(ErrorReply::with_message(ErrorCode::BadRequest, message))
}

impl From<ErrorCode> for Stop {
    fn from(code: ErrorCode) -> Stop {
        Stop::Error(code.into())
    }
}

impl From<Disconnect> for Stop {
    fn from(reason: Disconnect) -> Stop {
        Stop::Disconnect(reason)
    }
}

/// Data that is not JSON is error 107, with what is wrong in it.
impl From<PayloadFault> for Stop {
    fn from(fault: PayloadFault) -> Stop {
        bad_request(format!("bad request: {fault}"))
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        if let EngineError::Crowded = error {
            return ErrorCode::TooManyRequests.into();
        }
        tracing::warn!(%error, "command not carried out");
        ErrorCode::InternalServerError.into()
    }
}
