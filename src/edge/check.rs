//! What a page asks of the door over plain HTTP: `/connection/check`, since a browser sees nothing
//! of a refused upgrade, and `/connection/ticket`, for a stand-in of its token. Both go through the
//! very checks of the upgrade, and take no place of the user.

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use super::answer::{self, Answer};
use super::http::no_place;
use super::visit::Caller;
use super::{Gateway, upgrade};
use crate::identity::{Refusal, Sources};
use crate::limits::TICKET_LIFE;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether the upgrade would be let in: 204, or exactly the refusal that it would get.
    Check,
    /// A ticket.
    Ticket,
}

impl Question {
    /// The question at a path, where there is one.
    pub(super) fn at(path: &str, sources: &Sources) -> Option<Question> {
        match path {
            "/connection/check" => Some(Question::Check),
            "/connection/ticket" if sources.ticket => Some(Question::Ticket),
            _ => None,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Question::Check => "GET, POST, OPTIONS",
            Question::Ticket => "POST, OPTIONS",
        }
    }
}

/// The answer; `first` is what every request is checked for, told here since a page may only read
/// what is shared with it.
pub(super) async fn answer(
    gateway: &Gateway,
    question: Question,
    request: &Request<Incoming>,
    caller: Caller,
    first: Result<(), Refusal>,
) -> Answer {
    let path = request.uri().path();
    let no_content = |()| answer::empty(StatusCode::NO_CONTENT);
    let result = match (request.method(), question) {
        // Were the question beforehand refused, the page could not read why.
        (&Method::OPTIONS, _) => preflight(gateway, request).map(no_content),
        _ if first.is_err() => first.map(no_content),
        (&Method::GET | &Method::POST, Question::Check) => {
            would_admit(gateway, request).await.map(no_content)
        }
        (&Method::POST, Question::Ticket) => ticket(gateway, request).await,
        _ => Err(Refusal::MethodNotAllowed),
    };
    let mut answer = match result {
        Ok(answer) => answer,
        Err(Refusal::MethodNotAllowed) => gateway.refuse_method(question.allow(), caller, path),
        Err(refusal) => {
            let (headers, query) = (request.headers(), request.uri().query());
            let signer = || gateway.door().said_signer_plain(headers, query);
            gateway.refuse_signed(&refusal, caller, path, signer)
        }
    };
    share_with_origin(gateway, request.headers(), answer.headers_mut());
    if request.method() == Method::OPTIONS && answer.status() == StatusCode::NO_CONTENT {
        let headers = answer.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    answer
}

async fn would_admit(gateway: &Gateway, request: &Request<Incoming>) -> Result<(), Refusal> {
    check_form(gateway, request)?;
    let (headers, query) = (request.headers(), request.uri().query());
    let now = gateway.clock.now();
    let admitted = gateway.door().identify_plain(headers, query, now).await?;
    let user = admitted.identity.user();
    gateway.sessions.has_room(user).await.map_err(no_place)
}

async fn ticket(gateway: &Gateway, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    check_form(gateway, request)?;
    let (headers, query) = (request.headers(), request.uri().query());
    let now = gateway.clock.now();
    let ticket = gateway.door().issue_ticket(headers, query, now).await?;
    let body = json!({ "ticket": ticket.expose(), "expires_in": TICKET_LIFE.as_secs() });
    let body = Bytes::from(body.to_string());
    Ok(answer::with_body(StatusCode::OK, "application/json", body))
}

fn check_form(gateway: &Gateway, request: &Request<Incoming>) -> Result<(), Refusal> {
    upgrade::check_host(request, &gateway.hosts)?;
    match request.body().is_end_stream() {
        true => Ok(()),
        false => Err(Refusal::BodyNotAllowed),
    }
}

/// The browser asks beforehand, without credentials, whether it may ask.
fn preflight(gateway: &Gateway, request: &Request<Incoming>) -> Result<(), Refusal> {
    upgrade::check_host(request, &gateway.hosts)?;
    match gateway.door().origins.check(request.headers())? {
        Some(_) => Ok(()),
        None => Err(Refusal::OriginRequired),
    }
}

/// Lets the page read the answer, refusals included, if its origin may connect (HTTP-11).
fn share_with_origin(gateway: &Gateway, request: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(VARY, HeaderValue::from_static("origin"));
    if !matches!(gateway.door().origins.check(request), Ok(Some(_))) {
        return;
    }
    // Exactly as the browser wrote it, which is what it compares with.
    if let Some(origin) = request.get(ORIGIN) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    let exposed = HeaderValue::from_static("retry-after, www-authenticate");
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if gateway.door().sources.cookie.is_some() {
        answer.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}
