//! The admin listener: what it tells, to whom, and that nothing of it is on the public one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::net::SocketAddr;

use serde_json::{Value, json};
use support::answers::assert_of_every_answer;
use support::http::{Answer, get_clear, read_answer};
use support::request::{PATH, Request};
use support::wire::{connect_frame, frame};
use support::{Gateway, PATIENCE, Setup, door, token, token_with};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sends a request in the clear.
async fn ask(address: SocketAddr, request: &Request) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, read_answer(&mut stream));
    answer.await.expect("no answer in time")
}

#[tokio::test]
async fn the_metrics_name_what_happened() {
    let gateway = Gateway::start();
    let zero = [
        "connections",
        "sessions",
        "channels",
        "admitted_total",
        "publications_total",
    ];
    for name in zero {
        assert_eq!(
            gateway.metric(&format!("gatepost_{name}")).await,
            0.0,
            "{name}"
        );
    }
    let mut alice = gateway.client("alice").await;
    let mut again = gateway.client("alice").await;
    let mut bob = gateway.client("bob").await;
    for client in [&mut alice, &mut again, &mut bob] {
        client.subscribe("chat:x").await;
    }
    alice.publish("chat:x", json!({"text": "kept"})).await;
    for client in [&mut alice, &mut again, &mut bob] {
        client.publication("chat:x").await;
    }
    assert_eq!(
        bob.error("subscribe", json!({"channel": "team:red"})).await,
        103
    );
    let expired = token_with("alice", json!({"iat": 0, "exp": 1}));
    for _ in 0..2 {
        gateway.ask(&Request::upgrade_with(&expired)).await;
    }
    gateway.request(b"not http\r\n\r\n").await;
    let wanted = [
        ("connections", 3.0),
        ("sessions", 2.0),
        // Their personal channels, and the room.
        ("channels", 3.0),
        ("admitted_total", 3.0),
        ("accepted_total", 6.0),
        ("publications_total", 1.0),
        ("queued_bytes", 0.0),
        ("panics_total", 0.0),
        ("accept_errors_total", 0.0),
        ("refusals_total{code=\"token_expired\"}", 2.0),
        ("http_errors_total{kind=\"malformed\"}", 1.0),
        ("handshakes_total{result=\"done\"}", 6.0),
        (
            "decisions_total{permission=\"publish\",decision=\"allow\",step=\"rule\"}",
            1.0,
        ),
        (
            "decisions_total{permission=\"subscribe\",decision=\"deny\",step=\"rule\"}",
            1.0,
        ),
    ];
    for (name, value) in wanted {
        gateway
            .until_metric(&format!("gatepost_{name}"), value)
            .await;
    }
    for name in [
        "deliveries_total",
        "received_bytes_total",
        "sent_bytes_total",
        "history_bytes",
    ] {
        assert!(
            gateway.metric(&format!("gatepost_{name}")).await > 0.0,
            "{name}"
        );
    }
    alice.socket.close(None).await.unwrap();
    alice.closed().await;
    drop(again);
    let mut raw = gateway
        .lets_in(&Request::upgrade_with(&token("carol")))
        .await;
    raw.send(&frame(0x83, b"a reserved opcode")).await;
    assert_eq!(raw.close_code().await, 1002);
    drop(raw);
    for (name, value) in [
        ("closes_total{code=\"1000\",by=\"client\"}", 1.0),
        ("closes_total{code=\"1006\",by=\"network\"}", 1.0),
        ("closes_total{code=\"1002\",by=\"server\"}", 1.0),
        ("connections", 1.0),
        ("sessions", 1.0),
        ("channels", 2.0),
    ] {
        gateway
            .until_metric(&format!("gatepost_{name}"), value)
            .await;
    }
}

/// CEL-1: a rule that cannot be evaluated denies, and whoever wrote it can see which it is.
#[tokio::test]
async fn cel_1_a_rule_that_fails_is_counted_by_its_name() {
    let gateway = Gateway::with(&Setup {
        rules: Some(&support::RULES.replace("[claims]", "[claims]\nlevel = \"\"")),
        tables: "[room.number]\nsubscribe = \"int(claims.level) > 0\"",
        ..Setup::default()
    });
    let mut client = gateway.client("alice").await;
    for channel in ["number:7", "number:8", "team:red"] {
        let wish = json!({"channel": channel});
        assert_eq!(client.error("subscribe", wish).await, 103, "{channel}");
    }
    let series = "gatepost_rule_failures_total{rule=\"room.number.subscribe\"}";
    assert_eq!(gateway.metric(series).await, 2.0);
    let page = get_clear(gateway.admin, "/metrics").await.body;
    assert!(!page.contains("rule=\"room.team.subscribe\""), "{page}");
}

#[tokio::test]
async fn the_page_of_metrics_is_one_that_prometheus_reads() {
    let gateway = Gateway::start();
    let answer = get_clear(gateway.admin, "/metrics").await;
    assert_eq!(answer.status, 200);
    let of_type = answer.header("content-type").unwrap();
    assert!(
        of_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{of_type}"
    );
    assert_eq!(answer.body.lines().last(), Some("# EOF"));
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(
            name.starts_with("gatepost_") && value.parse::<f64>().is_ok(),
            "{line}"
        );
    }
    let described = answer.body.matches("# HELP ").count();
    assert_eq!(described, answer.body.matches("# TYPE ").count());
    assert!(described > 10, "{}", answer.body);
}

#[tokio::test]
async fn health_in_detail_here_and_in_a_word_there() {
    let gateway = Gateway::start();
    let _alice = gateway.client("alice").await;
    let health = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap();
    for path in ["/health/live", "/health/ready"] {
        let public = gateway
            .ask(&Request::new("GET", path).and("Connection", "close"))
            .await;
        assert_eq!(public.status, 200);
        assert_eq!(
            health(&public),
            json!({"status": "ok"}),
            "it tells the internet too much"
        );
        let answer = get_clear(gateway.admin, path).await;
        assert_eq!(answer.status, 200);
        let detail = health(&answer);
        assert_eq!(detail["status"], "ok");
        assert_eq!(detail["engine"], "memory");
        assert_eq!(detail["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(detail["connections"], 1);
        assert_eq!(detail["sessions"], 1);
        assert_eq!(detail["channels"], 1);
    }
    let head = Request::new("HEAD", "/health/live").and("Connection", "close");
    for answer in [gateway.ask(&head).await, ask(gateway.admin, &head).await] {
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn a_node_that_stops_lives_but_is_not_ready() {
    let (gateway, _clients) = door::stopping().await;
    for (path, status) in [("/health/live", 200), ("/health/ready", 503)] {
        let request = Request::new("GET", path).and("Connection", "close");
        for answer in [
            gateway.ask(&request).await,
            ask(gateway.admin, &request).await,
        ] {
            assert_eq!(answer.status, status, "{path}");
        }
    }
    let answer = get_clear(gateway.admin, "/health/ready").await;
    assert!(answer.body.contains("draining"), "{}", answer.body);
    assert_eq!(get_clear(gateway.admin, "/metrics").await.status, 200);
}

/// TLS-4: a balancer asks the public listener by address.
#[tokio::test]
async fn health_does_not_look_at_the_host() {
    let gateway = door::start();
    for path in ["/health/live", "/health/ready"] {
        for host in ["evil.test", "10.0.0.7:8443", "localhost"] {
            let request = Request::new("GET", path)
                .set("Host", host)
                .and("Connection", "close");
            assert_eq!(gateway.ask(&request).await.status, 200, "{path} {host}");
        }
    }
}

#[tokio::test]
async fn origin_3_no_page_can_point_its_own_name_here() {
    for gateway in [Gateway::start(), door::start()] {
        let get = |path: &str, host: &str| {
            Request::new("GET", path)
                .set("Host", host)
                .and("Connection", "close")
        };
        let metrics = |host: &str| get("/metrics", host);
        for host in [
            "evil.test",
            "evil.test:9443",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "evillocalhost",
        ] {
            // The detail of health has what a reload failed by, so pieces of the configuration.
            for path in ["/metrics", "/health/live", "/health/ready"] {
                let answer = ask(gateway.admin, &get(path, host)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (421, "host_not_served"),
                    "{path} {host}"
                );
                assert!(!answer.body.contains("gatepost_"), "{path} {host}");
                assert!(!answer.body.contains("not_reloaded"), "{path} {host}");
                assert!(answer.closed, "{path} {host}");
            }
        }
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1",
            "127.0.0.1:9443",
            "[::1]:9443",
            "10.1.2.3",
        ] {
            assert_eq!(
                ask(gateway.admin, &metrics(host)).await.status,
                200,
                "{host}"
            );
        }
        // Who looks for the rebinding finds it.
        let counted = "gatepost_refusals_total{code=\"host_not_served\"}";
        assert_eq!(gateway.metric(counted).await, 15.0);
        gateway.until_logged("host_not_served").await;
        for request in [
            metrics("").without("Host"),
            metrics("localhost").and("Host", "localhost"),
            metrics("evil.test@localhost"),
            metrics(""),
        ] {
            let answer = ask(gateway.admin, &request).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "bad_host"),
                "{request:?}"
            );
        }
    }
    let named = door::start();
    let request = Request::new("GET", "/metrics").set("Host", "GW.example.com:9443");
    assert_eq!(ask(named.admin, &request).await.status, 200);
}

/// ADMIN-1
#[tokio::test]
async fn admin_1_neither_listener_has_the_paths_of_the_other() {
    let gateway = Gateway::start();
    for path in [
        "/metrics",
        "/metrics/",
        "/health",
        "/health/",
        "/health/detail",
        "/api",
        "/admin",
        "/console",
    ] {
        let answer = gateway.ask(&Request::new("GET", path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "not_found"),
            "{path}"
        );
    }
    let good = Request::upgrade_with(&token("alice"));
    for path in [
        PATH,
        "/connection/check",
        "/connection/echo",
        "/",
        "/health",
        "/metrics/",
    ] {
        let request = good.clone().target(path).behind(&connect_frame(1));
        let answer = ask(gateway.admin, &request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "not_on_admin"),
            "{path}"
        );
        assert!(answer.closed, "{path}");
    }
    assert_eq!(gateway.metric("gatepost_admitted_total").await, 0.0);
}

// ADMIN-1: metrics and health are switched apart, and neither touches the server API.
#[tokio::test]
async fn admin_1_metrics_and_health_can_be_switched_off() {
    let health = ["/health/live", "/health/ready"];
    for (off, gone, there) in [
        ("metrics", &["/metrics"][..], &health[..]),
        ("health", &health, &["/metrics"]),
    ] {
        let gateway = Gateway::with(&Setup {
            tables: &format!("[admin]\n{off} = false"),
            ..Setup::default()
        });
        for path in gone {
            for method in ["GET", "POST"] {
                let answer = ask(gateway.admin, &Request::new(method, path)).await;
                let told = (answer.status, answer.code());
                assert_eq!(told, (404, "not_on_admin".to_owned()), "{method} {path}");
            }
        }
        for path in there {
            let answer = ask(gateway.admin, &Request::new("GET", path)).await;
            assert_eq!(answer.status, 200, "{path} without {off}");
        }
        let api = ask(gateway.admin, &Request::new("POST", "/api/disconnect")).await;
        assert_eq!(api.code(), "api_closed");
    }
}

/// HTTP-9, HTTP-10
#[tokio::test]
async fn http_10_answers_of_the_admin_listener() {
    let gateway = Gateway::start();
    for (method, path, status) in [
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("DELETE", "/health/live", 405),
        ("TRACE", "/health/ready", 405),
        ("GET", "/", 404),
    ] {
        let request = Request::new(method, path).and("Connection", "close");
        let answer = ask(gateway.admin, &request).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("server"), None);
        let allow = (status == 405).then_some("GET, HEAD");
        assert_eq!(answer.header("allow"), allow);
    }
    let public = gateway.ask(&Request::new("GET", "/nowhere")).await;
    assert_of_every_answer(&public, "the public one");
}
