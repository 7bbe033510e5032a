//! The labels of metrics: reasons, codes and configured names only, nothing that a client can
//! invent (LOG-4).

use prometheus_client::encoding::EncodeLabelSet;

/// Why the door refused.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RefusalLabels {
    /// The refusal's stable code.
    pub(super) code: &'static str,
}

/// What was decided, and by which step.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    /// subscribe, publish, history or presence.
    pub(super) permission: &'static str,
    /// allow or deny.
    pub(super) decision: &'static str,
    /// The step of the decision.
    pub(super) step: &'static str,
}

/// A rule, by the name that the configuration gives it: `room.team.subscribe`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RuleLabels {
    pub(super) rule: String,
}

/// What a room's candidate rules would have decided, beside what was decided.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ShadowLabels {
    /// The room, which the config names.
    pub(super) room: String,
    /// subscribe, publish, history or presence.
    pub(super) permission: &'static str,
    /// allow or deny: what was decided, and acted on.
    pub(super) decision: &'static str,
    /// allow or deny: what would have been.
    pub(super) shadow: &'static str,
}

/// With which code a connection ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct CloseLabels {
    /// The close code; 1006 where the connection was lost without one.
    pub(super) code: u32,
    /// Who ended it: client, server, network.
    pub(super) by: &'static str,
}

/// How a TLS handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeResult {
    /// It completed.
    Done,
    /// The peer and we could not agree, or it spoke something else.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was the oldest silent socket when the room for these was full.
    Dropped,
}

/// Whatever went wrong between the peer and rustls.
impl From<std::io::Error> for HandshakeResult {
    fn from(_: std::io::Error) -> HandshakeResult {
        HandshakeResult::Failed
    }
}

impl HandshakeResult {
    /// The word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            HandshakeResult::Done => "done",
            HandshakeResult::Failed => "failed",
            HandshakeResult::TimedOut => "timed_out",
            HandshakeResult::Dropped => "dropped",
        }
    }
}

/// One label with a text of ours.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct TextLabels {
    /// What is counted apart.
    pub(super) kind: &'static str,
}

/// What was asked of the server API.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ApiLabels {
    /// One of the methods.
    pub(super) method: &'static str,
    /// ok or error.
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ResultLabels {
    pub(super) result: &'static str,
}

/// One issuer, by the name that the configuration gives it.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct IssuerLabels {
    pub(super) issuer: String,
}

/// How asking an issuer for its keys ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct FetchLabels {
    pub(super) issuer: String,
    /// `new`, `unchanged`, or the kind of the fault.
    pub(super) outcome: &'static str,
}
