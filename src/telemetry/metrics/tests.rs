//! The page that Prometheus reads.

use super::*;
use crate::telemetry::Gauged;

#[test]
fn the_page_names_what_was_counted() {
    let metrics = Metrics::new();
    metrics.refused("token_expired");
    metrics.closed(3001, "server");
    let gauged = Gauged::new(&metrics.connections);
    let page = metrics.render();
    assert!(
        page.contains("gatepost_refusals_total{code=\"token_expired\"} 1"),
        "{page}"
    );
    assert!(
        page.contains("gatepost_closes_total{code=\"3001\",by=\"server\"} 1"),
        "{page}"
    );
    assert!(page.contains("gatepost_connections 1"), "{page}");
    drop(gauged);
    assert!(metrics.render().contains("gatepost_connections 0"));
}
