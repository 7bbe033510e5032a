//! Requests on the public listener: who answers what, and the hand-over of an upgraded stream.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;

use super::Gateway;
use super::answer::{self, Answer};
use super::body;
use super::check::{self, Question};
use super::explain::Explanation;
use super::proxies::Remote;
use super::site::SiteRequest;
use super::stream::Stream;
use super::upgrade::{self, Upgrade};
use super::visit::{Caller, Visit};
use crate::identity::{Refusal, SaidSigner};
use crate::limits::{
    ANSWER_TIMEOUT, BODY_BYTES, HTTP_LIFE, REQUEST_HEAD_BYTES, REQUEST_HEAD_TIMEOUT,
    REQUESTS_PER_CONNECTION, RETRY_WHEN_FULL,
};
use crate::policy::ConnectionFacts;
use crate::session::{Conversation, NoPlace, Reservation, close_orderly};
use crate::telemetry::logs::field;

/// What an upgraded stream is for.
enum After {
    Session(Reservation),
    Explanation(Explanation),
}

impl Gateway {
    /// Answers requests until the connection ends or is upgraded.
    pub(super) async fn serve(self: Arc<Self>, stream: Stream, visit: Visit) {
        let after = Arc::new(Mutex::new(None));
        let requests = Arc::new(AtomicUsize::new(0));
        let service = service_fn(|request| {
            let (gateway, after) = (self.clone(), after.clone());
            let last = requests.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS_PER_CONNECTION;
            async move {
                let answer = gateway.answer_in_time(request, visit, &after).await;
                let answer = if last { answer::close(answer) } else { answer };
                Ok::<_, Infallible>(answer::finish(answer, gateway.strict_transport))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_TIMEOUT)
            .max_buf_size(REQUEST_HEAD_BYTES)
            .max_header_size(REQUEST_HEAD_BYTES)
            .half_close(false)
            .keep_alive(true)
            .auto_date_header(true)
            .serve_connection(TokioIo::new(stream), service);
        let served = tokio::time::timeout(HTTP_LIFE, connection.without_shutdown()).await;
        match served {
            Ok(Ok(parts)) => {
                let stream = parts.io.into_inner();
                let after = after.lock().take();
                match after {
                    Some(After::Session(reservation)) => {
                        self.crossing.wait().await;
                        let started = reservation.start(|| stream.move_here(), parts.read_buf);
                        if let Err(error) = started {
                            tracing::warn!(client = %visit.peer, %error, "admitted connection lost");
                        }
                    }
                    Some(After::Explanation(explanation)) => {
                        explanation.tell(stream.into_wire()).await;
                    }
                    None => drop(close_orderly(&mut *stream.into_wire()).await),
                }
            }
            Ok(Err(error)) => self.count_http_error(&error, visit.peer),
            Err(_) => self.metrics.http_error("too_long"),
        }
    }

    /// What hyper refuses by itself has its own bare answer; here it is told and counted.
    fn count_http_error(&self, error: &hyper::Error, peer: IpAddr) {
        let kind = match error {
            error if error.is_parse_too_large() => "head_too_large",
            error if error.is_parse() => "malformed",
            error if error.is_timeout() => "head_too_slow",
            // Somebody went away.
            _ => return,
        };
        self.metrics.http_error(kind);
        if kind != "head_too_slow" {
            self.charge_unread(peer);
        }
        tracing::debug!(client = %peer, kind, "request refused by HTTP");
    }

    async fn answer_in_time(
        &self,
        request: Request<Incoming>,
        visit: Visit,
        after: &Mutex<Option<After>>,
    ) -> Answer {
        // Nothing follows a request with a body: who disagrees on its length gains nothing (HTTP-4).
        let has_body = !request.body().is_end_stream();
        let answer = self.answer(request, visit, after);
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answer) if !has_body => answer,
            Ok(answer) => answer::close(answer),
            Err(_) => answer::close(answer::empty(StatusCode::REQUEST_TIMEOUT)),
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        visit: Visit,
        after: &Mutex<Option<After>>,
    ) -> Answer {
        let path = request.uri().path();
        let caller = self.caller(visit.peer, &request);
        let first = self.check_first(&request, visit, caller.remote);
        if let Some(question) = Question::at(path, &self.door().sources) {
            return check::answer(self, question, &request, caller, first).await;
        }
        if let Err(refusal) = first {
            return self.refuse(&refusal, caller, path);
        }
        let allow = match path {
            "/health/live" | "/health/ready" => "GET, HEAD",
            "/connection/websocket" => "GET",
            "/connection/echo" if self.echo => "GET",
            _ => return self.beside(request, caller).await,
        };
        if !allow
            .split(", ")
            .any(|method| request.method().as_str() == method)
        {
            return self.refuse_method(allow, caller, path);
        }
        match path {
            "/health/live" | "/health/ready" => self.health(path),
            "/connection/echo" => self.upgrade(&request, caller, after, true).await,
            _ => self.upgrade(&request, caller, after, false).await,
        }
    }

    fn health(&self, path: &str) -> Answer {
        let (word, is_ready) = match path {
            "/health/live" => ("ok", true),
            _ => self.condition(),
        };
        let status = match is_ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = format!(r#"{{"status":"{word}"}}"#);
        answer::with_body(status, "application/json", Bytes::from(body))
    }

    async fn upgrade(
        &self,
        request: &Request<Incoming>,
        caller: Caller,
        after: &Mutex<Option<After>>,
        echo: bool,
    ) -> Answer {
        let path = request.uri().path();
        let upgrade = match self.check_form(request) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return self.refuse(&refusal, caller, path),
        };
        match self.admit(&upgrade, request, caller.remote, echo).await {
            Ok(reservation) => {
                *after.lock() = Some(After::Session(reservation));
                self.metrics.admitted.inc();
                upgrade.switch()
            }
            Err(refusal) => {
                // Told and counted as any other, whether a page can read it or not.
                let (headers, query) = (request.headers(), request.uri().query());
                let signer = || self.door().said_signer(headers, query, &upgrade.offer);
                let answer = self.refuse_signed(&refusal, caller, path, signer);
                match self.explanation(&refusal, request) {
                    Some(explanation) => {
                        *after.lock() = Some(After::Explanation(explanation));
                        upgrade.switch()
                    }
                    None => answer,
                }
            }
        }
    }

    /// The first half of the way to a 101, in the order of HTTP-6: what costs nothing.
    fn check_form(&self, request: &Request<Incoming>) -> Result<Upgrade, Refusal> {
        upgrade::check_host(request, &self.hosts)?;
        Upgrade::parse(request)
    }

    /// The second half: signatures last.
    async fn admit(
        &self,
        upgrade: &Upgrade,
        request: &Request<Incoming>,
        client: Remote,
        echo: bool,
    ) -> Result<Reservation, Refusal> {
        let (headers, query) = (request.headers(), request.uri().query());
        let now = self.clock.now();
        let admitted = self
            .door()
            .identify(headers, query, &upgrade.offer, now)
            .await?;
        let facts = ConnectionFacts {
            address: client.address,
            origin: admitted.origin,
            protocol: upgrade.format.as_str(),
        };
        let conversation = match (echo, upgrade.frame_pings) {
            (true, _) => Conversation::Echo,
            (false, true) => Conversation::ProtocolWithFramePings(upgrade.format),
            (false, false) => Conversation::Protocol(upgrade.format),
        };
        self.sessions
            .admit(admitted.identity, facts, conversation)
            .await
            .map_err(no_place)
    }

    /// An explanation for a page whose origin is good; whoever is no page can read the answer.
    fn explanation(&self, refusal: &Refusal, request: &Request<Incoming>) -> Option<Explanation> {
        match self.door().origins.check(request.headers()) {
            Ok(Some(_)) => self.explanations.of(refusal),
            _ => None,
        }
    }

    /// What is not the gateway's: the development mode's pages, or nothing.
    async fn beside(&self, request: Request<Incoming>, caller: Caller) -> Answer {
        let path = request.uri().path().to_owned();
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return self.refuse_method("GET, HEAD, POST, OPTIONS", caller, &path);
        }
        match self.page(request).await {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&refusal, caller, &path),
        }
    }

    async fn page(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let site = self.site.as_ref().ok_or(Refusal::NotFound)?;
        upgrade::check_host(&request, &self.hosts)?;
        let (parts, body) = request.into_parts();
        let body = body::read(body, BODY_BYTES).await?;
        let path = parts.uri.path().to_owned();
        let (method, headers) = (parts.method, parts.headers);
        let request = SiteRequest {
            method,
            path,
            headers,
            body,
        };
        let page = site.answer(request).await.ok_or(Refusal::NotFound)?;
        let mut answer = answer::with_body(page.status, page.content_type, page.body);
        for (name, value) in page.headers {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
    }

    /// The refusal of a method, with those that the path takes.
    pub(super) fn refuse_method(&self, allow: &'static str, caller: Caller, path: &str) -> Answer {
        let mut answer = self.refuse(&Refusal::MethodNotAllowed, caller, path);
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allow));
        answer
    }

    /// A refusal is told once to the client, once to the log, once to the metrics.
    pub(super) fn refuse(&self, refusal: &Refusal, caller: Caller, path: &str) -> Answer {
        self.refuse_signed(refusal, caller, path, SaidSigner::default)
    }

    /// The same where the request may have brought a token: its line says who signed that (LOG-3),
    /// which is looked for only where a line is written.
    pub(super) fn refuse_signed(
        &self,
        refusal: &Refusal,
        caller: Caller,
        path: &str,
        signer: impl FnOnce() -> SaidSigner,
    ) -> Answer {
        let code = refusal.code();
        self.metrics.refused(refusal.code());
        let Caller {
            remote: client,
            request,
        } = caller;
        self.charge(refusal, client, path);
        if let Some(left_out) = self.refusals.admit(code) {
            let SaidSigner { issuer, kid } = signer();
            let (issuer, kid) = (issuer.as_deref().map(field), kid.as_deref().map(field));
            let path = field(path);
            tracing::info!(
                code,
                reason = %refusal,
                %client,
                %request,
                path,
                issuer,
                kid,
                left_out,
                "request refused"
            );
        }
        answer::refusal(refusal)
    }
}

/// The refusal of a user for whom there is no place.
pub(super) fn no_place(why: NoPlace) -> Refusal {
    match why {
        NoPlace::Full => Refusal::TooManyConnections {
            retry_after: RETRY_WHEN_FULL,
        },
        NoPlace::TooOften { retry_after } => Refusal::UserConnectsTooOften { retry_after },
    }
}
