//! A certificate that is replaced while it is in use (TLS-5).

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::json;
use support::{Gateway, PATIENCE, Setup, http, trusting};
use tokio::sync::Barrier;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

struct Made {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

/// A certificate for these names, until the year.
fn make(names: &[&str], until: i32) -> Made {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    let made = params.self_signed(&key).unwrap();
    Made {
        certificate: made.pem(),
        key: key.serialize_pem(),
        der: made.der().clone(),
    }
}

/// What a new handshake is given.
async fn shown(gateway: &Gateway, tls: &Arc<ClientConfig>) -> CertificateDer<'static> {
    let stream = http::connect(gateway.public, tls).await;
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].clone().into_owned()
}

/// Waits until readiness tells this fault of the certificate that was to take its place.
async fn until_told(gateway: &Gateway, fault: &str) {
    let began = Instant::now();
    loop {
        let told = gateway.not_reloaded().await["certificate"].clone();
        if told.as_str().is_some_and(|told| told.contains(fault)) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{fault}: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn first(gateway: &Gateway) -> CertificateDer<'static> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(gateway.folder.path().join("server.pem")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_5_a_certificate_is_rotated_under_load_without_a_failed_handshake() {
    let gateway = Arc::new(Gateway::start());
    let (old, new) = (first(&gateway), make(&["localhost"], 2100));
    let tls = trusting(&[&old, &new.der]);
    let mut before = gateway.client("alice").await;
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(Barrier::new(3));
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (gateway, stop, tls) = (gateway.clone(), stop.clone(), tls.clone());
            let begun = begun.clone();
            tokio::spawn(async move {
                let mut seen = BTreeSet::from([shown(&gateway, &tls).await.to_vec()]);
                begun.wait().await;
                // Until it has seen the new one too, which the others may see before.
                while !stop.load(SeqCst) || seen.len() < 2 {
                    // Fails the test when it fails.
                    seen.insert(shown(&gateway, &tls).await.to_vec());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                seen
            })
        })
        .collect();
    begun.wait().await;
    // One after the other, as a tool does that knows of no moment for both.
    gateway.put("server.key", &new.key);
    gateway.put("server.pem", &new.certificate);
    let in_use = async {
        while shown(&gateway, &tls).await != new.der {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_use = tokio::time::timeout(PATIENCE, in_use).await;
    assert!(
        in_use.is_ok(),
        "the new one is not in use: {}",
        gateway.logged()
    );
    stop.store(true, SeqCst);
    let expected = BTreeSet::from([old.to_vec(), new.der.to_vec()]);
    for task in load {
        assert_eq!(
            task.await.unwrap(),
            expected,
            "both were seen, and none failed"
        );
    }
    // Who was there has noticed nothing.
    before.subscribe("chat:a").await;
    assert_eq!(
        gateway
            .metric("gatepost_handshakes_total{result=\"failed\"}")
            .await,
        0.0
    );
    assert_eq!(
        gateway
            .metric("gatepost_certificate_reload_failed_total")
            .await,
        0.0
    );
}

#[tokio::test]
async fn tls_5_one_that_does_not_pass_leaves_the_old_one_in_place() {
    let gateway = Gateway::with(&Setup {
        listen: "hosts = [\"localhost\"]",
        ..Setup::default()
    });
    let old = first(&gateway);
    let old_key = std::fs::read_to_string(gateway.folder.path().join("server.key")).unwrap();
    let (expired, other) = (
        make(&["localhost"], 2000),
        make(&["other.example.com"], 2100),
    );
    let good = make(&["localhost"], 2100);
    let half = &good.certificate[..good.certificate.len() / 2];
    let tls = trusting(&[&old, &good.der]);
    for (number, (fault, certificate, key)) in [
        ("not valid PEM", half, good.key.as_str()),
        (
            "is not the one of",
            good.certificate.as_str(),
            old_key.as_str(),
        ),
        (
            "expired",
            expired.certificate.as_str(),
            expired.key.as_str(),
        ),
        (
            "does not name localhost",
            other.certificate.as_str(),
            other.key.as_str(),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // In this order no two that fit each other are there in between.
        gateway.put("server.key", key);
        gateway.put("server.pem", certificate);
        // At once, with all the rest, or as soon as it is noticed.
        if number % 2 == 0 {
            assert!(!gateway.reload(&gateway.written()).await, "{fault}");
            let told = gateway.not_reloaded().await["configuration"].clone();
            assert!(told.is_string(), "{fault}: {told}");
        }
        until_told(&gateway, fault).await;
        assert_eq!(shown(&gateway, &tls).await, old, "{fault}");
    }
    assert!(gateway.logged().contains("certificate not taken over"));
    let failed = "gatepost_certificate_reload_failed_total";
    assert!(gateway.metric(failed).await >= 4.0);
    gateway.put("server.pem", &good.certificate);
    gateway.put("server.key", &good.key);
    assert!(gateway.reload(&gateway.written()).await);
    assert_eq!(shown(&gateway, &tls).await, good.der);
    assert_eq!(gateway.not_reloaded().await, json!({}));
}

#[tokio::test]
async fn tls_5_the_days_that_are_left_are_a_metric() {
    let gateway = Gateway::start();
    gateway
        .until_counted("gatepost_certificate_expiry_days", 10_000.0)
        .await;
    assert!(!gateway.logged().contains("expires soon"));
}
