//! The server API over HTTP: `POST /api/METHOD` on the admin listener, with a key.
//!
//! What is wrong with the request is a status; what is wrong with the call is an `error` in an
//! answer with 200, as the libraries expect, unless the request asks for the status there too.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Method as HttpMethod, Request, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::visit::Caller;
use super::{Gateway, body};
use crate::backend::{Backend, Fault, Method};
use crate::identity::Refusal;
use crate::limits::{ANSWER_TIMEOUT, API_BODY_BYTES};
use crate::protocol::ErrorCode;

/// Where the methods are.
pub(super) const PREFIX: &str = "/api/";

/// Answers a request whose path begins with [`PREFIX`]. A key that is tried in vain is charged to
/// the account that its address has at the door (LIMIT-4).
pub(super) async fn answer(
    gateway: &Gateway,
    backend: &Backend,
    request: Request<Incoming>,
    caller: Caller,
) -> Answer {
    let Caller {
        remote: client,
        request: id,
    } = caller;
    let call = async {
        gateway.addresses.check_failures(client)?;
        call(backend, request, caller).await
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => {
            let reason = refusal.code();
            backend.metrics.refused(refusal.code());
            if refusal == Refusal::ApiKeyWrong {
                gateway.addresses.fail(client);
            }
            if let Some(left_out) = gateway.refusals.admit(reason) {
                tracing::warn!(reason, %client, request = %id, left_out, "admin call refused");
            }
            let mut answer = answer::refusal(&refusal);
            if refusal == Refusal::MethodNotAllowed {
                let allow = HeaderValue::from_static("POST");
                answer.headers_mut().insert(ALLOW, allow);
            }
            answer
        }
        Err(_) => answer::close(answer::empty(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// Cheap checks first; nothing of the body is read without a key.
async fn call(
    backend: &Backend,
    request: Request<Incoming>,
    caller: Caller,
) -> Result<Answer, Refusal> {
    let name = request.uri().path().strip_prefix(PREFIX);
    let method = name
        .and_then(Method::parse)
        .ok_or(Refusal::ApiMethodUnknown)?;
    if request.method() != HttpMethod::POST {
        return Err(Refusal::MethodNotAllowed);
    }
    check_key(backend, request.headers())?;
    if !body::is_json(request.headers()) {
        return Err(Refusal::UnsupportedMediaType);
    }
    let by_status = wants_status(request.headers());
    let body = body::read(request.into_body(), API_BODY_BYTES).await?;
    let client = caller.remote.address;
    let done = backend.call(method, &body, client, caller.request).await;
    Ok(match done {
        Ok(result) => told(StatusCode::OK, &json!({ "result": result })),
        Err(Fault::Malformed(reason)) => {
            let text = Bytes::from(format!(
                "the body is not what this method takes: {reason}\n"
            ));
            answer::with_body(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text)
        }
        Err(Fault::Error { code, message }) => {
            let error = json!({ "code": code.code(), "message": message });
            match by_status {
                true => told(status_of(code), &error),
                false => told(StatusCode::OK, &json!({ "error": error })),
            }
        }
    })
}

fn told(status: StatusCode, body: &Value) -> Answer {
    answer::with_body(status, "application/json", Bytes::from(body.to_string()))
}

/// One key, in one of two headers. All that is wrong has one answer (ADMIN-1).
fn check_key(backend: &Backend, headers: &HeaderMap) -> Result<(), Refusal> {
    let keys = backend.keys.load();
    if keys.is_empty() {
        return Err(Refusal::ApiClosed);
    }
    match presented(headers) {
        Some(key) if keys.accept(key) => Ok(()),
        _ => Err(Refusal::ApiKeyWrong),
    }
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if headers.contains_key(KEY_HEADER) {
        return only(headers.get_all(KEY_HEADER).iter()).map(HeaderValue::as_bytes);
    }
    let value = only(headers.get_all(AUTHORIZATION).iter())?.as_bytes();
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(key)
}

fn only<'h>(mut values: impl Iterator<Item = &'h HeaderValue>) -> Option<&'h HeaderValue> {
    let first = values.next();
    values.next().is_none().then_some(first)?
}

/// Whether errors of the API are to be statuses too.
fn wants_status(headers: &HeaderMap) -> bool {
    let mode = headers.get("x-centrifugo-error-mode");
    mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"transport"))
}

fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::UnknownChannel | ErrorCode::MethodNotFound => StatusCode::NOT_FOUND,
        ErrorCode::BadRequest | ErrorCode::NotAvailable => StatusCode::BAD_REQUEST,
        ErrorCode::UnrecoverablePosition => StatusCode::RANGE_NOT_SATISFIABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

const KEY_HEADER: &str = "x-api-key";
const SCHEME: &[u8] = b"apikey ";
