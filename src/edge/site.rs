//! What the development mode serves beside the gateway: pages, and the toy issuer.

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};

use super::body;

/// A request for something that is not the gateway's.
pub struct SiteRequest {
    /// Any method.
    pub method: Method,
    /// The path, as it came.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, at most [`crate::limits::BODY_BYTES`].
    pub body: Bytes,
}

impl SiteRequest {
    /// Whether the body says that it is JSON.
    pub fn is_json(&self) -> bool {
        body::is_json(&self.headers)
    }
}

/// An answer to it.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: StatusCode,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Headers beyond those of every answer.
    pub headers: Vec<(hyper::header::HeaderName, &'static str)>,
}

/// Serves pages beside the gateway.
#[async_trait]
pub trait Site: Send + Sync {
    /// The answer, or none where there is no such page.
    async fn answer(&self, request: SiteRequest) -> Option<Page>;
}
