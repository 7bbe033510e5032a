//! The numbers of the Centrifuge client protocol, with their exact texts: errors in replies,
//! disconnects (close codes), and unsubscribe pushes.
//!
//! SDKs decide by these numbers whether to come back, so none is ever made up elsewhere. A
//! disconnect's text must never be empty and never be valid JSON: the JavaScript SDK would then
//! ignore the code.

use std::fmt;

/// Declares an enum of codes from a table of name, number and text.
macro_rules! codes {
    (
        $(#[$doc:meta])* $name:ident: $number:ty;
        $( $(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal; )*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )*
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];

            /// The number on the wire. Two may share it, where their texts differ.
            pub const fn code(self) -> $number {
                match self {
                    $( $name::$variant => $code, )*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $( $name::$variant => $text, )*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.code(), self.text())
            }
        }
    };
}

codes! {
    /// What a reply says when a command was not carried out.
    ErrorCode: u32;
    /// The engine failed; trying again may help.
    InternalServerError = 100, "internal server error";
    /// Not sent by the gateway: the door has already refused.
    Unauthorized = 101, "unauthorized";
    /// The channel's namespace is not configured.
    UnknownChannel = 102, "unknown channel";
    /// The policy denies it.
    PermissionDenied = 103, "permission denied";
    /// No such remote procedure.
    MethodNotFound = 104, "method not found";
    /// The connection is already subscribed to the channel.
    AlreadySubscribed = 105, "already subscribed";
    /// The connection has as many channels as it may have.
    LimitExceeded = 106, "limit exceeded";
    /// Malformed: a channel's name, a missing payload.
    BadRequest = 107, "bad request";
    /// The feature is not there, or off for the channel.
    NotAvailable = 108, "not available";
    /// The token that came with the command has expired. Never an answer to a refresh.
    TokenExpired = 109, "token expired";
    /// The connection has expired and was not refreshed yet.
    Expired = 110, "expired";
    /// Over the rate limit; trying again later helps.
    TooManyRequests = 111, "too many requests";
    /// The position asked for is not in the stream any more, or of another epoch.
    UnrecoverablePosition = 112, "unrecoverable position";
}

impl ErrorCode {
    /// The exact text of the Centrifuge client protocol.
    pub const fn message(self) -> &'static str {
        self.text()
    }

    /// Whether the SDK may try the same again.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            // 110 is only sent in the grace that a refresh may end, so the same may succeed later.
            ErrorCode::InternalServerError | ErrorCode::Expired | ErrorCode::TooManyRequests
        )
    }
}

codes! {
    /// Why the gateway ends a connection: the code and reason of the close frame.
    Disconnect: u16;
    /// The node drains.
    Shutdown = 3001, "shutdown";
    /// A fault of the gateway.
    InternalServerError = 3004, "internal server error";
    /// The identity was not refreshed in time.
    ConnectionExpired = 3005, "connection expired";
    /// The outbox is over its limit: the client does not read fast enough.
    Slow = 3008, "slow";
    /// Writing made no progress.
    WriteError = 3009, "write error";
    /// The position of a server-side subscription was lost.
    InsufficientState = 3010, "insufficient state";
    /// Told to come back.
    ForceReconnect = 3011, "force reconnect";
    /// A ping was not answered in time.
    NoPong = 3012, "no pong";
    /// Over the rate limit for too long.
    TooManyRequests = 3013, "too many requests";
    /// What the client holds is of no use: it asks for a new token.
    StateInvalidated = 3014, "state invalidated";
    /// The token in a command is invalid, or another user's.
    InvalidToken = 3500, "invalid token";
    /// The token of the connection was revoked.
    TokenRevoked = 3500, "token revoked";
    /// The client broke the protocol.
    BadRequest = 3501, "bad request";
    /// No connect command in time.
    Stale = 3502, "stale";
    /// Ended by the backend.
    ForceDisconnect = 3503, "force disconnect";
    /// The user has too many connections.
    ConnectionLimit = 3504, "connection limit";
    /// Too many server-side subscriptions.
    ChannelLimit = 3505, "channel limit";
    /// The user is blocked.
    UserBlocked = 3507, "user blocked";
    /// A `send` that nobody listens to.
    NotAvailable = 3508, "not available";
}

impl Disconnect {
    /// The reason in the close frame.
    pub const fn reason(self) -> &'static str {
        self.text()
    }

    /// Whether the SDK comes back by itself; otherwise this end is final.
    pub const fn comes_back(self) -> bool {
        self.code() < 3500
    }
}

codes! {
    /// Why the gateway ends a subscription: the code and reason of the unsubscribe push.
    ///
    /// Below 2500 the SDK does not subscribe again; from there on it does, at once.
    UnsubscribeCode: u32;
    /// Ended by the backend, or named by the newer token no more.
    ServerUnsubscribe = 2000, "server unsubscribe";
    /// The policy, decided again, no longer allows it.
    PermissionWithdrawn = 2100, "permission withdrawn";
    /// The token that made the subscription has expired, and no newer one came.
    SubscriptionExpired = 2501, "subscription expired";
}

impl UnsubscribeCode {
    /// The reason in the push.
    pub const fn reason(self) -> &'static str {
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The Centrifuge client protocol: an empty reason, or one that JSON.parse accepts, makes the
    // JavaScript SDK ignore the code.
    #[test]
    fn a_disconnect_reason_is_never_empty_nor_json() {
        for disconnect in Disconnect::ALL {
            let reason = disconnect.reason();
            assert!(!reason.is_empty() && reason.len() <= 123 && reason.is_ascii());
            assert!(
                serde_json::from_str::<serde_json::Value>(reason).is_err(),
                "{reason}"
            );
            assert!((3000..5000).contains(&disconnect.code()));
        }
    }

    #[test]
    fn errors_have_the_protocols_numbers_and_a_message() {
        let codes: Vec<u32> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes, (100..=112).collect::<Vec<_>>());
        assert!(ErrorCode::ALL.iter().all(|code| !code.message().is_empty()));
        let temporary: Vec<u32> = ErrorCode::ALL
            .iter()
            .filter(|code| code.is_temporary())
            .map(|c| c.code())
            .collect();
        assert_eq!(temporary, [100, 110, 111]);
    }

    #[test]
    fn what_comes_back_is_below_3500() {
        assert!(Disconnect::Shutdown.comes_back());
        assert!(Disconnect::TooManyRequests.comes_back());
        assert!(!Disconnect::InvalidToken.comes_back());
        assert!(!Disconnect::NotAvailable.comes_back());
    }

    #[test]
    fn unsubscribes_have_a_reason_and_only_an_expired_one_comes_back() {
        for code in UnsubscribeCode::ALL {
            assert!((2000..3000).contains(&code.code()) && !code.reason().is_empty());
            let comes_back = *code == UnsubscribeCode::SubscriptionExpired;
            assert_eq!(code.code() >= 2500, comes_back);
        }
    }
}
