//! What development mode serves beside the gateway: the demo chat, which is built into the
//! program, and the toy issuer's two addresses.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, ORIGIN, REFERRER_POLICY,
};
use hyper::{Method, StatusCode};
use rust_embed::RustEmbed;
use serde_json::json;

use super::ToyIssuer;
use crate::clock::Clock;
use crate::edge::{Page, Site, SiteRequest};

#[derive(RustEmbed)]
#[folder = "web/chat/dist"]
#[allow_missing = true]
struct Chat;

/// The pages of development mode.
pub struct DevSite {
    issuer: Arc<ToyIssuer>,
    origins: Vec<String>,
    clock: Clock,
}

impl DevSite {
    /// Signs in only for pages of these origins.
    pub fn new(issuer: Arc<ToyIssuer>, origins: Vec<String>, clock: Clock) -> DevSite {
        DevSite {
            issuer,
            origins,
            clock,
        }
    }

    fn login(&self, request: &SiteRequest) -> Page {
        if request.method != Method::POST {
            return not_allowed("POST");
        }
        if !self.is_own_origin(&request.headers) {
            return fault(StatusCode::FORBIDDEN, "origin_not_allowed", OTHER_ORIGIN);
        }
        if !request.is_json() {
            return fault(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                NOT_JSON,
            );
        }
        match self.issuer.login(&request.body, self.clock.now()) {
            Ok(body) => page(StatusCode::OK, "application/json", body.into()),
            Err(error) => {
                let status =
                    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                fault(status, error.code(), &error.to_string())
            }
        }
    }

    /// A page of another site must not sign in here; a program sends no origin.
    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => self
                .origins
                .iter()
                .any(|own| own.as_bytes() == origin.as_bytes()),
            (Some(_), Some(_)) => false,
        }
    }

    fn key_set(&self, request: &SiteRequest) -> Page {
        if !is_read(&request.method) {
            return not_allowed("GET, HEAD");
        }
        let body = Bytes::from(self.issuer.jwks_json().to_owned());
        page(StatusCode::OK, "application/json", body)
    }
}

#[async_trait]
impl Site for DevSite {
    async fn answer(&self, request: SiteRequest) -> Option<Page> {
        match request.path.as_str() {
            "/dev/login" => Some(self.login(&request)),
            "/dev/jwks.json" => Some(self.key_set(&request)),
            path => file(path, &request.method),
        }
    }
}

/// A file of the demo, by its exact path.
fn file(path: &str, method: &Method) -> Option<Page> {
    let name = match path {
        "/" => "index.html",
        path => path.strip_prefix('/')?,
    };
    // By its exact name: a debug build reads files, and would follow a path to one.
    let found = Chat::iter()
        .any(|known| known == name)
        .then(|| Chat::get(name))
        .flatten();
    let Some(found) = found else {
        return (path == "/").then(|| page(StatusCode::NOT_FOUND, TEXT, NOT_BUILT.into()));
    };
    if !is_read(method) {
        return Some(not_allowed("GET, HEAD"));
    }
    let body = Bytes::from(found.data.into_owned());
    let mut page = page(StatusCode::OK, content_type(name), body);
    page.headers = SECURITY_HEADERS.to_vec();
    if name.starts_with("assets/") {
        // Their names hold a hash of what is in them.
        page.headers
            .push((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    }
    Some(page)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn page(status: StatusCode, content_type: &'static str, body: Bytes) -> Page {
    Page {
        status,
        content_type,
        body,
        headers: Vec::new(),
    }
}

fn fault(status: StatusCode, code: &str, message: &str) -> Page {
    let body = json!({ "error": { "code": code, "message": message } });
    page(status, "application/json", body.to_string().into())
}

fn not_allowed(allow: &'static str) -> Page {
    let message = "this address takes another method; the header Allow lists it";
    let mut page = fault(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    );
    page.headers.push((ALLOW, allow));
    page
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

const TEXT: &str = "text/plain; charset=utf-8";
const NOT_BUILT: &str = "The demo is not built into this program. `make build` does it.\n";
const OTHER_ORIGIN: &str = "only the demo's own pages may sign in here";
const NOT_JSON: &str = "send application/json: {\"user\":\"alice\",\"claims\":{}}";

/// No inline script, nothing from elsewhere, in nobody's frame (HTTP-10).
const SECURITY_HEADERS: [(HeaderName, &str); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; connect-src 'self' wss:; img-src 'self' data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (REFERRER_POLICY, "no-referrer"),
];
