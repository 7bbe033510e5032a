//! The server API: what the team's own service may ask of this node.
//!
//! Methods, shapes and codes are those of Centrifugo's, so that its server libraries work; `explain`
//! is our own. `edge`
//! reads the request and writes the answer; what a key may ask for is carried out here, by the
//! same lists and sessions that the door uses. Nothing in here may repeat or log a key.

mod disconnect;
mod explain;
mod keys;
mod revoke;

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

pub use keys::{ApiKeyFault, ApiKeys, KeysInForce};

use crate::clock::Clock;
use crate::policy::UserId;
use crate::protocol::ErrorCode;
use crate::session::Sessions;
use crate::telemetry::logs::RequestId;
use crate::telemetry::{Metrics, logs};

/// What answers the server API.
pub struct Backend {
    /// Who may ask.
    pub keys: KeysInForce,
    /// Who is here.
    pub sessions: Sessions,
    /// The time that revocations are judged by.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Revokes one token by its `jti`.
    RevokeToken,
    /// Revokes the tokens of a user that were issued before a time.
    InvalidateUserTokens,
    /// Blocks a user, whatever token they bring.
    BlockUser,
    /// Takes a block back.
    UnblockUser,
    /// Ends connections of a user, who may come back.
    Disconnect,
    /// Tells why a connection may or may not do something.
    Explain,
}

impl Method {
    /// All methods.
    pub const ALL: [Method; 6] = [
        Method::RevokeToken,
        Method::InvalidateUserTokens,
        Method::BlockUser,
        Method::UnblockUser,
        Method::Disconnect,
        Method::Explain,
    ];

    /// The method behind `/api/`.
    pub fn parse(name: &str) -> Option<Method> {
        Method::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
    }

    /// As it stands in the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::RevokeToken => "revoke_token",
            Method::InvalidateUserTokens => "invalidate_user_tokens",
            Method::BlockUser => "block_user",
            Method::UnblockUser => "unblock_user",
            Method::Disconnect => "disconnect",
            Method::Explain => "explain",
        }
    }
}

/// Why a call did nothing, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The body is not what the method takes.
    Malformed(String),
    /// An error of the API.
    Error {
        /// Its number.
        code: ErrorCode,
        /// What was wrong, and what to do.
        message: String,
    },
}

impl Fault {
    fn new(code: ErrorCode, detail: impl fmt::Display) -> Fault {
        let message = format!("{}: {detail}", code.message());
        Fault::Error { code, message }
    }

    fn bad_request(detail: impl fmt::Display) -> Fault {
        Fault::new(ErrorCode::BadRequest, detail)
    }

    /// What was asked about is not there: 104 in the server API, where it says so.
    fn not_found(detail: impl fmt::Display) -> Fault {
        Fault::Error {
            code: ErrorCode::MethodNotFound,
            message: format!("not found: {detail}"),
        }
    }
}

/// What a call came to.
struct Done {
    /// Whom it was about, for the log.
    user: Option<UserId>,
    /// How many connections it ended, where that is what the method is for.
    ended: Option<usize>,
    /// The `result` of the answer.
    result: Value,
}

impl Done {
    fn ended(user: Option<UserId>, ended: usize) -> Done {
        Done {
            user,
            ended: Some(ended),
            result: json!({ "ended": ended, "nodes": 1 }),
        }
    }
}

impl Backend {
    /// Carries out a call by somebody who has a key, who came from `client` with this request. The
    /// value is the `result` of the answer.
    ///
    /// # Errors
    /// When it was not carried out.
    pub async fn call(
        &self,
        method: Method,
        body: &[u8],
        client: IpAddr,
        request: RequestId,
    ) -> Result<Value, Fault> {
        let done = match method {
            Method::RevokeToken => self.revoke_token(body).await,
            Method::InvalidateUserTokens => self.invalidate_user_tokens(body).await,
            Method::BlockUser => self.block_user(body).await,
            Method::UnblockUser => self.unblock_user(body).await,
            Method::Disconnect => self.disconnect(body).await,
            Method::Explain => self.explain(body).await,
        };
        let method = method.as_str();
        match done {
            Ok(Done {
                user,
                ended,
                result,
            }) => {
                self.metrics.api_called(method, "ok");
                let user = user.as_ref().map(UserId::as_str);
                tracing::info!(method, user, ended, %client, %request, "admin call");
                Ok(result)
            }
            Err(fault) => {
                self.metrics.api_called(method, "error");
                let reason = match &fault {
                    Fault::Malformed(reason) => reason,
                    Fault::Error { message, .. } => message,
                };
                let reason = logs::field(reason);
                tracing::warn!(method, reason, %client, %request, "admin call failed");
                Err(fault)
            }
        }
    }
}

/// Reads a request. An unknown member is a fault: a filter that is silently ignored would widen
/// what a call does.
fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|fault| Fault::Malformed(fault.to_string()))
}

/// The user that a call must name.
fn user_of(text: Option<&str>) -> Result<UserId, Fault> {
    let text = text.unwrap_or_default();
    UserId::parse(text).map_err(|fault| Fault::bad_request(format_args!("user: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_a_name_that_finds_it() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
            // Whoever asks for another is told of it.
            let told = crate::identity::Refusal::ApiMethodUnknown.message();
            let mut words = told.split([' ', ',']);
            assert!(words.any(|word| word == method.as_str()), "{method:?}");
        }
        for unknown in ["", "publish", "Disconnect", "disconnect/"] {
            assert_eq!(Method::parse(unknown), None, "{unknown}");
        }
    }
}
