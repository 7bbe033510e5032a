//! Bodies of requests: whole, bounded in bytes and in time.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};

use crate::identity::Refusal;

/// The whole body, at most so many bytes. How long it may take is the caller's to bound.
pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    // What announces too much is not read at all.
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let whole = Limited::new(body, limit).collect().await;
    // Or it broke off, and nobody is there to be told.
    Ok(whole.map_err(|_| Refusal::BodyTooLarge)?.to_bytes())
}

/// Whether the body says that it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}
