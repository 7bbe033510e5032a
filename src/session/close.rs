//! How a connection ends: the code and the reason of the close frame, and who wanted it.

use crate::identity::revocations::Revoked;
use crate::protocol::Disconnect;
use crate::protocol::websocket::{Violation, close_frame};

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) by: By,
}

/// The end of a connection that somebody orders: a revocation, or the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    pub(super) close: Close,
    /// The whole close frame.
    pub(super) frame: Vec<u8>,
}

impl Farewell {
    /// With a code and a reason of the backend's own; logs and metrics name it by one word.
    pub fn own(code: u16, reason: &str) -> Farewell {
        Farewell {
            close: Close::server(code, "ended by the backend"),
            frame: close_frame(code, reason),
        }
    }
}

impl From<Disconnect> for Farewell {
    fn from(disconnect: Disconnect) -> Farewell {
        Farewell {
            close: disconnect.into(),
            frame: close_frame(disconnect.code(), disconnect.reason()),
        }
    }
}

impl From<Revoked> for Disconnect {
    fn from(revoked: Revoked) -> Disconnect {
        match revoked {
            Revoked::Token => Disconnect::TokenRevoked,
            Revoked::User => Disconnect::UserBlocked,
        }
    }
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// This node.
    Server,
    /// The client, by a close frame.
    Client,
    /// Nobody said anything: TCP or TLS ended.
    Network,
}

impl By {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            By::Server => "server",
            By::Client => "client",
            By::Network => "network",
        }
    }
}

impl Close {
    /// A close of ours with a code of WebSocket itself (RFC 6455 §7.4.1).
    pub(super) const fn server(code: u16, reason: &'static str) -> Close {
        Close {
            code,
            reason,
            by: By::Server,
        }
    }

    /// The answer to the client's close frame: its code, or 1000 where it gave none (WS-8).
    pub(super) fn client(code: Option<u16>) -> Close {
        Close {
            code: code.unwrap_or(1000),
            reason: "",
            by: By::Client,
        }
    }

    /// Whether it answers the client's close frame.
    pub(super) fn is_reply(self) -> bool {
        self.by == By::Client
    }

    /// TCP ended without a close frame.
    pub(super) const LOST: Close = Close {
        code: 1006,
        reason: "connection lost",
        by: By::Network,
    };

    /// The code as a metric label: what a client invents is one label, 0, and what the backend
    /// invents another, 4000.
    pub(super) fn label(self) -> u32 {
        match (self.by, self.code) {
            (By::Client, code) if code != 1000 && code != 1001 => 0,
            (By::Server, 4000..) => 4000,
            (_, code) => code.into(),
        }
    }
}

impl From<Disconnect> for Close {
    fn from(disconnect: Disconnect) -> Close {
        Close::server(disconnect.code(), disconnect.reason())
    }
}

impl From<Violation> for Close {
    fn from(violation: Violation) -> Close {
        Close::server(violation.close_code(), violation.reason())
    }
}
