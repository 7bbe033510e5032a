//! Who is there behind a balancer: a real HAProxy in front, which ends TLS or passes it on.
//! `apt-get install haproxy` brings it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use support::answers::assert_refused;
use support::http::Answer;
use support::request::Request;
use support::wire::{Raw, tcp_from, text_frame, tls_over};
use support::{Gateway, PATIENCE, Setup, token};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const ALICE: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 1);
const MALLORY: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 66);
/// From where the balancer connects.
const PROXY: &str = "127.0.7.1";

/// Only whoever is at Alice's address may subscribe there.
const RULES: &str = "[room.home]\nsubscribe = \"connection.address == '127.0.6.1'\"";

const LIMITS: &str =
    "[limits]\nfailures_per_address = \"1/h burst 3\"\nconnections_per_address = \"1/h burst 8\"";

/// A gateway that trusts the balancer, with these lines under `[tls]`.
fn gateway(tls: &str) -> Gateway {
    Gateway::with(&Setup {
        tls: Some(&format!("{tls}\ntrusted_proxies = [\"{PROXY}\"]")),
        rules: Some(RULES),
        tables: LIMITS,
        ..Setup::default()
    })
}

const ENDS_TLS: &str = "mode = \"off\"\nbehind_tls_proxy = true";
const PASSES_TLS_ON: &str = "certificate = \"server.pem\"\nkey = \"server.key\"";

/// A balancer in front of a gateway; killed when it is dropped.
struct Balancer {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// HAProxy with the gateway's certificate. `frontend` is what it does with a request, `server` how
/// it speaks to the gateway.
async fn balancer(gateway: &Gateway, frontend: &str, server: &str) -> Balancer {
    let folder = TempDir::new().unwrap();
    let of_gateway = |name: &str| std::fs::read_to_string(gateway.folder.path().join(name));
    let both = of_gateway("server.pem").unwrap() + &of_gateway("server.key").unwrap();
    let certificate = folder.path().join("both.pem");
    std::fs::write(&certificate, both).unwrap();
    let [.., a, b] = rand::random::<u32>().to_be_bytes();
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 78, a, b), 8443);
    let config = format!(
        r"
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend public
    bind {address} ssl crt {} alpn http/1.1
    {frontend}
    default_backend gateways
backend gateways
    source {PROXY}
    server gateway {} {server}
",
        certificate.display(),
        gateway.public
    );
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let program = ["/usr/sbin/haproxy", "haproxy"];
    let program = program
        .iter()
        .find(|p| !p.starts_with('/') || std::fs::exists(p).unwrap());
    let child = Command::new(program.unwrap())
        .args(["-db", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .spawn()
        .expect("HAProxy is not installed: apt-get install haproxy");
    let address = SocketAddr::V4(address);
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, listens).await;
    in_time.expect("HAProxy does not listen");
    Balancer {
        child,
        address,
        _folder: folder,
    }
}

const FORWARDED_FOR: &str = "option forwardfor";
const IN_CLEAR: &str = "";
const OVER_TLS: &str = "ssl verify none sni str(localhost)";

impl Balancer {
    async fn begin(
        &self,
        gateway: &Gateway,
        from: Ipv4Addr,
        request: &Request,
    ) -> Raw<TlsStream<TcpStream>> {
        let socket = tcp_from(from, self.address).await;
        let stream = tls_over(socket, &gateway.tls).await.unwrap();
        Raw::begin(stream, &request.bytes()).await
    }

    async fn ask(&self, gateway: &Gateway, from: Ipv4Addr, request: &Request) -> Answer {
        self.begin(gateway, from, request).await.answer
    }

    /// Whether the gateway takes the client for one at Alice's address.
    async fn is_at_alices(&self, gateway: &Gateway, from: Ipv4Addr, request: &Request) -> bool {
        let mut raw = self.begin(gateway, from, request).await;
        raw.connect().await;
        let subscribe = json!({"id": 2, "subscribe": {"channel": "home:x"}});
        raw.send(&text_frame(&subscribe.to_string())).await;
        let reply = raw.message().await;
        let error = &reply["error"];
        assert!(error.is_null() || error["code"] == 103, "{reply}");
        error.is_null()
    }
}

fn good() -> Request {
    Request::upgrade_with(&token("alice"))
}

fn bad() -> Request {
    Request::upgrade_with("no.token.at-all")
}

/// The address is that of the client, whatever it says itself: in rules, in the log, in limits.
async fn tells_clients_apart(tls: &str, server: &str) {
    let gateway = gateway(tls);
    let balancer = balancer(&gateway, FORWARDED_FOR, server).await;
    assert!(balancer.is_at_alices(&gateway, ALICE, &good()).await);
    let spoofed = [
        good().and("X-Forwarded-For", "127.0.6.1"),
        good().and("X-Forwarded-For", "garbage, 127.0.6.1"),
        good().and("X-Forwarded-For", &vec!["127.0.6.1"; 200].join(", ")),
        good()
            .and("Forwarded", "for=127.0.6.1")
            .and("X-Real-IP", "127.0.6.1"),
    ];
    for request in &spoofed {
        assert!(
            !balancer.is_at_alices(&gateway, MALLORY, request).await,
            "{request:?}"
        );
    }
    let hers = good().and("X-Forwarded-For", "6.6.6.6");
    assert!(balancer.is_at_alices(&gateway, ALICE, &hers).await);

    for _ in 0..3 {
        assert_eq!(balancer.ask(&gateway, MALLORY, &bad()).await.status, 401);
    }
    gateway.until_logged("\"client\":\"127.0.6.66\"").await;
    let answer = balancer.ask(&gateway, MALLORY, &good()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (429, "address_fails_too_often")
    );
    assert!(answer.header("retry-after").is_some());
    assert!(balancer.is_at_alices(&gateway, ALICE, &good()).await);
    // What came by the balancer is charged to nobody else, and least of all to the balancer.
    let logged = gateway.logged();
    assert!(!logged.contains("named no client"), "{logged}");
}

#[tokio::test]
async fn proxy_2_behind_a_balancer_that_ends_tls() {
    tells_clients_apart(ENDS_TLS, IN_CLEAR).await;
}

#[tokio::test]
async fn proxy_2_behind_a_balancer_that_speaks_tls_to_the_gateway() {
    tells_clients_apart(PASSES_TLS_ON, OVER_TLS).await;
}

#[tokio::test]
async fn limit_1_connections_are_counted_by_who_is_behind_the_balancer() {
    let gateway = gateway(ENDS_TLS);
    let balancer = balancer(&gateway, FORWARDED_FOR, IN_CLEAR).await;
    for _ in 0..8 {
        assert_eq!(balancer.ask(&gateway, MALLORY, &good()).await.status, 101);
    }
    let answer = balancer.ask(&gateway, MALLORY, &good()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (429, "address_connects_too_often")
    );
    assert_eq!(balancer.ask(&gateway, ALICE, &good()).await.status, 101);
}

#[tokio::test]
async fn proxy_2_the_standard_header_where_that_is_configured() {
    let tls = format!("{ENDS_TLS}\nclient_header = \"forwarded\"");
    let gateway = gateway(&tls);
    let forwarded = "http-request add-header Forwarded for=\"%[src]:%[src_port]\";proto=https";
    let quoted = forwarded.replace('"', "\\\"");
    let balancer = balancer(&gateway, &quoted, IN_CLEAR).await;
    assert!(balancer.is_at_alices(&gateway, ALICE, &good()).await);
    let spoofed = good().and("Forwarded", "for=127.0.6.1;x=\"");
    assert!(!balancer.is_at_alices(&gateway, MALLORY, &spoofed).await);
    let other = good().and("X-Forwarded-For", "127.0.6.1");
    assert!(!balancer.is_at_alices(&gateway, MALLORY, &other).await);
}

/// A balancer that says nothing of its clients must not be locked out for them.
#[tokio::test]
async fn limit_1_a_balancer_that_names_nobody_is_not_limited_and_it_is_told_once() {
    let gateway = gateway(ENDS_TLS);
    let balancer = balancer(&gateway, "", IN_CLEAR).await;
    for _ in 0..12 {
        let answer = balancer.ask(&gateway, MALLORY, &bad()).await;
        assert_refused_through(&answer);
    }
    assert!(!balancer.is_at_alices(&gateway, ALICE, &good()).await);
    gateway.until_logged("named no client").await;
    assert_eq!(gateway.logged().matches("named no client").count(), 1);
}

fn assert_refused_through(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "token_malformed")
    );
}

/// Whoever is no trusted proxy is the client, whatever it says.
#[tokio::test]
async fn proxy_2_headers_of_others_are_not_read() {
    let gateway = gateway(PASSES_TLS_ON);
    for number in 0..4 {
        let named = format!("192.0.2.{number}");
        let request = bad().and("X-Forwarded-For", &named);
        let socket = tcp_from(MALLORY, gateway.public).await;
        let stream = tls_over(socket, &gateway.tls).await.unwrap();
        let answer = Raw::begin(stream, &request.bytes()).await.answer;
        match number {
            3 => assert_refused(&answer, "the fourth", 429, "address_fails_too_often"),
            _ => assert_refused(&answer, "bad", 401, "token_malformed"),
        }
    }
}
