//! Counters for `/metrics`, in the OpenMetrics text format that Prometheus reads.

mod labels;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub use labels::HandshakeResult;
use labels::{
    ApiLabels, CloseLabels, DecisionLabels, FetchLabels, IssuerLabels, RefusalLabels, ResultLabels,
    RuleLabels, ShadowLabels, TextLabels,
};

/// All metrics of a node. Cheap to clone; what runs often is counted once for many.
#[derive(Clone, Default)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Live WebSocket connections.
    pub connections: Gauge,
    /// Users with at least one connection.
    pub sessions: Gauge,
    /// Channels with a subscriber; read when the page is made.
    pub channels: Gauge,
    /// Bytes that wait in outboxes; read when the page is made.
    pub queued_bytes: Gauge,
    /// Bytes that histories hold; read when the page is made.
    pub history_bytes: Gauge,
    /// TCP connections accepted.
    pub accepted: Counter,
    /// Errors of accept, file descriptors that ran out among them.
    pub accept_errors: Counter,
    /// Connections admitted.
    pub admitted: Counter,
    /// Publications accepted from clients.
    pub publications: Counter,
    /// Messages written to clients.
    pub deliveries: Counter,
    /// Bytes of WebSocket frames read, before TLS.
    pub received_bytes: Counter,
    /// Bytes of WebSocket frames written, before TLS.
    pub sent_bytes: Counter,
    /// Reloads of a certificate that did not pass.
    pub certificate_reload_failed: Counter,
    /// Days until the certificate expires.
    pub certificate_expiry_days: Gauge,
    /// Panics that ended a connection. Each is a defect of Gatepost.
    pub panics: Counter,
    /// Entries of the list of revocations; read when the page is made.
    pub revocations: Gauge,
    /// Revocations that are in effect, but could not be written to their file.
    pub revocations_not_saved: Counter,
    api_calls: Family<ApiLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    rule_failures: Family<RuleLabels, Counter>,
    shadows: Family<ShadowLabels, Counter>,
    closes: Family<CloseLabels, Counter>,
    handshakes: Family<ResultLabels, Counter>,
    errors: Family<TextLabels, Counter>,
    throttled: Family<TextLabels, Counter>,
    turned_away: Family<TextLabels, Counter>,
    reloads: Family<ResultLabels, Counter>,
    key_fetches: Family<FetchLabels, Counter>,
    issuer_keys: Family<IssuerLabels, Gauge>,
    issuer_keys_age: Family<IssuerLabels, Gauge>,
}

impl Metrics {
    /// Metrics at zero, all described.
    pub fn new() -> Metrics {
        let mut metrics = Metrics::default();
        let mut registry = Registry::with_prefix("gatepost");
        let m = &metrics;
        registry.register(
            "connections",
            "Live WebSocket connections",
            m.connections.clone(),
        );
        registry.register("sessions", "Users with a connection", m.sessions.clone());
        registry.register("channels", "Channels with a subscriber", m.channels.clone());
        registry.register("accepted", "TCP connections accepted", m.accepted.clone());
        registry.register("accept_errors", "Errors of accept", m.accept_errors.clone());
        registry.register(
            "admitted",
            "Connections admitted by the door",
            m.admitted.clone(),
        );
        registry.register("refusals", "Requests refused, by code", m.refusals.clone());
        registry.register("decisions", "Permissions decided", m.decisions.clone());
        registry.register(
            "rule_failures",
            "Rules that could not be evaluated, and so denied",
            m.rule_failures.clone(),
        );
        registry.register("shadow_decisions", "By candidate rules", m.shadows.clone());
        registry.register(
            "publications",
            "Publications of clients",
            m.publications.clone(),
        );
        registry.register(
            "deliveries",
            "Messages written to clients",
            m.deliveries.clone(),
        );
        registry.register(
            "closes",
            "Connections ended, by close code",
            m.closes.clone(),
        );
        registry.register(
            "handshakes",
            "TLS handshakes, by result",
            m.handshakes.clone(),
        );
        registry.register(
            "http_errors",
            "Requests that HTTP refused",
            m.errors.clone(),
        );
        registry.register(
            "throttled",
            "Commands over the rates of a client",
            m.throttled.clone(),
        );
        registry.register(
            "turned_away",
            "TCP connections closed at accept for a limit",
            m.turned_away.clone(),
        );
        registry.register(
            "reloads",
            "Times that the configuration was read again",
            m.reloads.clone(),
        );
        registry.register(
            "certificate_reload_failed",
            "Certificates that were not taken over",
            m.certificate_reload_failed.clone(),
        );
        registry.register(
            "certificate_expiry_days",
            "Days until the certificate expires",
            m.certificate_expiry_days.clone(),
        );
        registry.register(
            "issuer_key_fetches",
            "Keys asked for at issuers that publish them, by outcome",
            m.key_fetches.clone(),
        );
        registry.register(
            "issuer_keys",
            "Keys that tokens are verified with",
            m.issuer_keys.clone(),
        );
        registry.register_with_unit(
            "issuer_keys_age",
            "Since the issuer last confirmed its keys",
            Unit::Seconds,
            m.issuer_keys_age.clone(),
        );
        registry.register("panics", "Panics that ended a connection", m.panics.clone());
        registry.register("api_calls", "Calls of the server API", m.api_calls.clone());
        registry.register(
            "revocations",
            "Revocations that are remembered",
            m.revocations.clone(),
        );
        registry.register(
            "revocations_not_saved",
            "Revocations that could not be written to their file",
            m.revocations_not_saved.clone(),
        );
        let bytes = || Unit::Bytes;
        registry.register_with_unit(
            "queued",
            "Waiting in outboxes",
            bytes(),
            m.queued_bytes.clone(),
        );
        registry.register_with_unit(
            "history",
            "Held by histories",
            bytes(),
            m.history_bytes.clone(),
        );
        registry.register_with_unit(
            "received",
            "Read from clients",
            bytes(),
            m.received_bytes.clone(),
        );
        registry.register_with_unit("sent", "Written to clients", bytes(), m.sent_bytes.clone());
        metrics.registry = Arc::new(registry);
        metrics
    }

    /// Counts a refusal of the door.
    pub fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { code }).inc();
    }

    /// Counts a call of the server API.
    pub fn api_called(&self, method: &'static str, result: &'static str) {
        let labels = ApiLabels { method, result };
        self.api_calls.get_or_create(&labels).inc();
    }

    /// Counts a decision.
    pub fn decided(&self, permission: &'static str, allowed: bool, step: &'static str) {
        let decision = if allowed { "allow" } else { "deny" };
        self.decisions
            .get_or_create(&DecisionLabels {
                permission,
                decision,
                step,
            })
            .inc();
    }

    /// Counts that a rule could not be evaluated, which denied: a fault of the configuration.
    pub fn rule_failed(&self, rule: &str) {
        let rule = rule.to_owned();
        self.rule_failures.get_or_create(&RuleLabels { rule }).inc();
    }

    /// Counts what candidate rules would have decided.
    pub fn shadowed(
        &self,
        room: &str,
        permission: &'static str,
        decision: &'static str,
        shadow: &'static str,
    ) {
        let labels = ShadowLabels {
            room: room.to_owned(),
            permission,
            decision,
            shadow,
        };
        self.shadows.get_or_create(&labels).inc();
    }

    /// Counts the end of a connection.
    pub fn closed(&self, code: u32, by: &'static str) {
        self.closes.get_or_create(&CloseLabels { code, by }).inc();
    }

    /// Counts a TLS handshake.
    pub fn handshake(&self, result: HandshakeResult) {
        self.handshakes
            .get_or_create(&ResultLabels {
                result: result.as_str(),
            })
            .inc();
    }

    /// Counts a request that got no answer of ours: refused by hyper itself, or too slow.
    pub fn http_error(&self, kind: &'static str) {
        self.errors.get_or_create(&TextLabels { kind }).inc();
    }

    /// Counts a command that was too much of its kind.
    pub fn throttled(&self, kind: &'static str) {
        self.throttled.get_or_create(&TextLabels { kind }).inc();
    }

    /// Counts a connection that was closed as soon as it was accepted.
    pub fn turned_away(&self, kind: &'static str) {
        self.turned_away.get_or_create(&TextLabels { kind }).inc();
    }

    /// Counts a reload of the configuration.
    pub fn reloaded(&self, done: bool) {
        let result = if done { "done" } else { "failed" };
        self.reloads.get_or_create(&ResultLabels { result }).inc();
    }

    /// Counts that an issuer was asked for its keys.
    pub fn keys_fetched(&self, issuer: &str, outcome: &'static str) {
        let issuer = issuer.to_owned();
        let labels = FetchLabels { issuer, outcome };
        self.key_fetches.get_or_create(&labels).inc();
    }

    /// Forgets what was shown of the keys of issuers, some of which may be gone.
    pub fn forget_keys(&self) {
        self.issuer_keys.clear();
        self.issuer_keys_age.clear();
    }

    /// Shows how many keys of an issuer there are, and for how long nobody confirmed them where
    /// somebody has to.
    pub fn show_keys(&self, issuer: &str, keys: usize, age: Option<Duration>) {
        let labels = IssuerLabels {
            issuer: issuer.to_owned(),
        };
        self.issuer_keys.get_or_create(&labels).set(keys as i64);
        if let Some(age) = age {
            let seconds = age.as_secs() as i64;
            self.issuer_keys_age.get_or_create(&labels).set(seconds);
        }
    }

    /// The page, as Prometheus reads it.
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail; an empty page would be seen at once.
        let _ = encode(&mut page, &self.registry);
        page
    }
}

#[cfg(test)]
mod tests;
