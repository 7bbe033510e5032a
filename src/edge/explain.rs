//! `explain = "close"`: an upgrade that was refused is completed after all, only to be closed with
//! the reason, since a browser can read nothing else of it.
//!
//! It is for apps that use a bare SDK; who asks `/connection/check` needs it not. Such a socket
//! reaches no session: what it sends is thrown away, it ends within a second, and there are a few.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::identity::Refusal;
use crate::limits::{EXPLANATION_LIFE, EXPLANATIONS};
use crate::protocol::Disconnect;
use crate::protocol::websocket::close_frame;
use crate::session::{Wire, Written, close_orderly};

/// The sockets that may be explained to at once.
pub struct Explanations(Option<Arc<Semaphore>>);

impl Explanations {
    /// None at all, unless they are configured.
    pub fn new(configured: bool) -> Explanations {
        Explanations(configured.then(|| Arc::new(Semaphore::new(EXPLANATIONS))))
    }

    /// An explanation of a refusal, where there is room for one.
    pub(super) fn of(&self, refusal: &Refusal) -> Option<Explanation> {
        let place = self.0.clone()?.try_acquire_owned().ok()?;
        // The code first: the sentence may be cut.
        let reason = format!("{}: {}", refusal.code(), refusal.message());
        let frame = close_frame(disconnect(refusal).code(), &reason);
        Some(Explanation {
            frame,
            _place: place,
        })
    }
}

/// The code whose consequence fits: what the SDK does then is what would help.
fn disconnect(refusal: &Refusal) -> Disconnect {
    match (refusal, refusal.status()) {
        // It asks for a new token.
        (Refusal::TokenExpired, _) => Disconnect::StateInvalidated,
        (_, StatusCode::TOO_MANY_REQUESTS) => Disconnect::TooManyRequests,
        (_, StatusCode::SERVICE_UNAVAILABLE) => Disconnect::Shutdown,
        _ => Disconnect::InvalidToken,
    }
}

/// What is said on one socket.
pub(super) struct Explanation {
    frame: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

impl Explanation {
    /// Says it, and ends.
    pub(super) async fn tell(self, mut wire: Box<dyn Wire>) {
        // A socket that has just been opened takes so little at once, or is broken.
        if matches!(wire.write(&self.frame), Ok(Written::All)) {
            let _ = timeout(EXPLANATION_LIFE, close_orderly(&mut *wire)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_refusal_has_the_code_whose_consequence_fits() {
        for refusal in Refusal::ALL {
            let code = disconnect(refusal).code();
            let expected = match refusal.status().as_u16() {
                _ if refusal.code() == "token_expired" => 3014,
                429 => 3013,
                503 => 3001,
                _ => 3500,
            };
            assert_eq!(code, expected, "{}", refusal.code());
        }
    }

    #[test]
    fn the_reason_begins_with_the_code_and_fits_a_close_frame() {
        let explanations = Explanations::new(true);
        for refusal in Refusal::ALL {
            let frame = explanations.of(refusal).unwrap().frame;
            assert!(frame.len() <= 2 + 125 && frame[4..].is_ascii());
            let reason = String::from_utf8(frame[4..].to_vec()).unwrap();
            assert!(
                reason.starts_with(&format!("{}: ", refusal.code())),
                "{reason}"
            );
            // The JavaScript SDK takes JSON for something else.
            assert!(serde_json::from_str::<serde_json::Value>(&reason).is_err());
        }
    }

    #[test]
    fn there_are_a_few_at_once_and_none_where_they_are_off() {
        let refusal = Refusal::TooManyConnections {
            retry_after: Duration::from_secs(1),
        };
        let explanations = Explanations::new(true);
        let mut all: Vec<_> = (0..EXPLANATIONS)
            .map(|_| explanations.of(&refusal).unwrap())
            .collect();
        assert!(explanations.of(&refusal).is_none());
        all.pop();
        assert!(explanations.of(&refusal).is_some());
        assert!(Explanations::new(false).of(&refusal).is_none());
    }
}
