//! What an operator may set about sessions and their connections.

use std::time::Duration;

use super::rates::CommandRates;
use crate::rate::Rate;

/// Limits and intervals of sessions; `config` has the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// Most connections of a user on this node.
    pub max_connections: usize,
    /// What happens to one more.
    pub when_full: WhenFull,
    /// Whether a token keeps one connection open at most, its newest (LIVE-4).
    pub one_connection_per_token: bool,
    /// How often a user may connect; none: as often as one likes (LIMIT-2).
    pub connects: Option<Rate>,
    /// Most channels of a connection; a user has four times as many.
    pub max_channels: usize,
    /// How often a connection may do what.
    pub rates: CommandRates,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// Longest wait for the answer to a ping; shorter than the interval.
    pub pong_timeout: Duration,
    /// Most bytes of a WebSocket message after connect. Each connection may hold one.
    pub max_message: usize,
    /// Most bytes that may wait for a connection: what a reader that stalls costs.
    pub outbox_bytes: usize,
}

/// What happens to a connection beyond `max_connections`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The new one is refused with 429.
    Refuse,
    /// The oldest is closed with 3504, which does not come back.
    CloseOldest,
}
