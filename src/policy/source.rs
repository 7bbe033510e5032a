//! What the config says of permissions, before anything of it was checked.
//!
//! `config` fills these in; [`super::Policy::compile`] makes a policy of them, or says all that is
//! wrong.

use std::time::Duration;

use serde_json::Value;

/// `[claims]`, `[personal]` and every `[room.…]`.
#[derive(Clone, Debug, Default)]
pub struct PolicySource {
    /// Name and default of each declared claim, in the order of the file.
    pub claims: Vec<(String, Value)>,
    /// The rules of personal channels; without them a personal channel can be subscribed to by its
    /// owner, and no more.
    pub personal: Option<RoomSource>,
    /// The rooms by namespace; `default` is that of names without one.
    pub rooms: Vec<(String, RoomSource)>,
}

/// The rules of one namespace, each as its text.
#[derive(Clone, Debug, Default)]
pub struct RoomSource {
    /// Whether only channels that name their users exist here.
    pub private: bool,
    /// Who may subscribe.
    pub subscribe: Option<String>,
    /// Who may publish.
    pub publish: Option<String>,
    /// Who may see who is there; without it, presence is off.
    pub presence: Option<String>,
    /// Who is denied, whatever else allows.
    pub deny: Option<String>,
    /// Who may read the history; without it, those who may subscribe.
    pub history_read: Option<String>,
    /// How much history is kept; without it, none.
    pub history: Option<HistoryLimits>,
    /// Whether subscribers that hold presence are told of those who join and leave.
    pub join_leave: bool,
    /// Candidate rules, which are evaluated beside these and never acted on. Only its rules count.
    pub shadow: Option<Box<RoomSource>>,
}

/// How much history a channel keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The number of publications.
    pub size: usize,
    /// How long each is kept.
    pub ttl: Duration,
}
