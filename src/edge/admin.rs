//! The admin listener: metrics, health with detail, and the server API. Apart from the public one,
//! on loopback.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{self, Answer};
use super::{Gateway, accept, api, upgrade};
use crate::backend::Backend;
use crate::engine::memory::MemoryEngine;
use crate::hub::Hub;
use crate::identity::{KeysReport, Refusal};
use crate::limits::{
    ACCEPT_RETRY_MAX, ADMIN_CONNECTIONS, HTTP_LIFE, REQUEST_HEAD_BYTES, REQUEST_HEAD_TIMEOUT,
};

/// Which of its paths the listener has, beside those of the server API (ADMIN-1).
#[derive(Clone, Copy, Debug)]
pub struct AdminPaths {
    /// `/metrics`.
    pub metrics: bool,
    /// `/health/live` and `/health/ready`.
    pub health: bool,
}

/// The admin listener, bound.
pub struct Admin {
    socket: TcpListener,
    paths: AdminPaths,
    gateway: Arc<Gateway>,
    hub: Arc<Hub>,
    engine: Arc<MemoryEngine>,
    backend: Backend,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
}

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// When it cannot be bound, which the message explains.
    pub fn bind(
        address: SocketAddr,
        paths: AdminPaths,
        gateway: Arc<Gateway>,
        hub: Arc<Hub>,
        engine: Arc<MemoryEngine>,
        backend: Backend,
    ) -> anyhow::Result<Arc<Admin>> {
        let socket = accept::listen(address)?;
        let room = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
        Ok(Arc::new(Admin {
            socket,
            paths,
            gateway,
            hub,
            engine,
            backend,
            tasks: TaskTracker::new(),
            room,
        }))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            match (accepted, self.room.clone().try_acquire_owned()) {
                (Ok((socket, peer)), Ok(place)) => {
                    let admin = self.clone();
                    let stop = stop.clone();
                    self.tasks.spawn(async move {
                        stop.run_until_cancelled(admin.serve(socket, peer.ip().to_canonical()))
                            .await;
                        drop(place);
                    });
                }
                (Ok((_, client)), Err(_)) => self.gateway.turn_away(client, "admin"),
                (Err(error), _) => {
                    self.gateway.metrics.accept_errors.inc();
                    if accept::is_of_one_connection(&error) {
                        continue;
                    }
                    tracing::error!(%error, "accept failed on the admin listener");
                    tokio::time::sleep(ACCEPT_RETRY_MAX).await;
                }
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn serve(self: Arc<Self>, socket: TcpStream, peer: IpAddr) {
        let service = service_fn(|request: Request<Incoming>| {
            let admin = self.clone();
            async move {
                let answer = admin.answer(request, peer).await;
                Ok::<_, Infallible>(answer::finish(answer, false))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_TIMEOUT)
            .max_buf_size(REQUEST_HEAD_BYTES)
            .serve_connection(TokioIo::new(socket), service);
        // How a scrape ends is the scraper's business.
        let _ = tokio::time::timeout(HTTP_LIFE, connection).await;
    }

    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let caller = self.gateway.caller(peer, &request);
        let path = request.uri().path();
        if let Err(refusal) = self.check_host(&request) {
            return self.gateway.refuse(&refusal, caller, path);
        }
        if path.starts_with(api::PREFIX) {
            return api::answer(&self.gateway, &self.backend, request, caller).await;
        }
        let is_there = match path {
            "/metrics" => self.paths.metrics,
            "/health/live" | "/health/ready" => self.paths.health,
            _ => false,
        };
        if !is_there {
            return self.gateway.refuse(&Refusal::NotOnAdmin, caller, path);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return self.gateway.refuse_method("GET, HEAD", caller, path);
        }
        match path {
            "/metrics" => self.metrics(),
            "/health/ready" if !self.gateway.condition().1 => {
                self.health(StatusCode::SERVICE_UNAVAILABLE)
            }
            _ => self.health(StatusCode::OK),
        }
    }

    /// A page that rebinds its name to this address must not read what is here (ORIGIN-3): only
    /// the configured hosts, an IP address, or localhost.
    fn check_host(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        upgrade::check_admin_host(request, &self.gateway.hosts)
    }

    fn metrics(&self) -> Answer {
        let metrics = &self.gateway.metrics;
        metrics.channels.set(self.hub.channels() as i64);
        metrics
            .queued_bytes
            .set(self.gateway.sessions.queued_bytes() as i64);
        metrics
            .history_bytes
            .set(self.engine.history_bytes() as i64);
        let revocations = self.gateway.door().revocations.len();
        metrics.revocations.set(revocations as i64);
        for keys in self.gateway.door().verifier.keys() {
            metrics.show_keys(&keys.issuer, keys.keys, keys.age);
        }
        let page = Bytes::from(metrics.render());
        answer::with_body(StatusCode::OK, METRICS_TYPE, page)
    }

    fn health(&self, status: StatusCode) -> Answer {
        let metrics = &self.gateway.metrics;
        let body = json!({
            "status": self.gateway.condition().0,
            "version": env!("CARGO_PKG_VERSION"),
            "engine": "memory",
            "connections": metrics.connections.get(),
            "sessions": metrics.sessions.get(),
            "channels": self.hub.channels(),
            "not_reloaded": self.gateway.reloads.told(),
            "issuers": self.gateway.door().verifier.keys().map(told).collect::<Vec<_>>(),
        });
        answer::with_body(status, "application/json", Bytes::from(body.to_string()))
    }
}

/// The keys of an issuer, as health tells of them.
fn told(keys: KeysReport) -> Value {
    let mut told = json!({
        "name": &*keys.issuer,
        "keys": keys.keys,
        "state": keys.state,
        "required": keys.required,
    });
    if let Some(age) = keys.age {
        told["age_seconds"] = age.as_secs().into();
    }
    if let Some(fault) = keys.fault {
        told["fault"] = fault.into();
    }
    told
}

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
