//! The answers of HTTP: a refusal, a page, and the headers that go with all of them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION,
    STRICT_TRANSPORT_SECURITY, UPGRADE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::identity::Refusal;

/// Every answer is in memory.
pub(super) type Answer = Response<Full<Bytes>>;

/// An answer with a body of this type.
pub(super) fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = Full::new(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// A refusal, after which the TCP connection ends: a proxy that believes that an upgrade succeeded
/// must not be left with an open pipe (HTTP-5).
pub(super) fn refusal(refusal: &Refusal) -> Answer {
    let body = Bytes::from(refusal.json_body());
    let mut answer = with_body(refusal.status(), "application/json", body);
    let headers = answer.headers_mut();
    if let Some(challenge) = refusal.www_authenticate()
        && let Ok(challenge) = HeaderValue::from_str(&challenge)
    {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(after) = refusal.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    if refusal.status() == StatusCode::UPGRADE_REQUIRED {
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    close(answer)
}

/// Rounded up: whoever waits so long has waited long enough.
fn whole_seconds(time: Duration) -> u64 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    seconds.max(1)
}

/// Ends the TCP connection after this answer.
pub(super) fn close(mut answer: Answer) -> Answer {
    // 426 names the upgrade that is wanted in Connection too (RFC 9110 §7.8).
    let upgrade = answer.headers().contains_key(UPGRADE);
    let value = if upgrade { "close, upgrade" } else { "close" };
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static(value));
    answer
}

/// Adds what every answer has (HTTP-10); over TLS also that it stays with TLS (TLS-11).
pub(super) fn finish(mut answer: Answer, strict_transport: bool) -> Answer {
    let headers = answer.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if strict_transport {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    answer
}
