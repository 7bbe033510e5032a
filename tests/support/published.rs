//! A gateway whose issuers publish their keys, in the clear on loopback, and what its door says.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::http::{Answer, get_clear, read_answer};
use super::issuer::FakeIssuer;
use super::request::Request;
use super::{Gateway, PATIENCE, Setup};

/// Clear text on loopback: what is tested here is behind the handshake.
const CLEAR: &str = "mode = \"off\"";

/// The table of an issuer at this path of the fake, whose name is the path's.
pub fn table(fake: &FakeIssuer, path: &str, more: &str) -> String {
    let (name, iss) = (path.trim_start_matches('/'), format!("{}{path}", fake.base));
    format!(
        "[[issuer]]\nname = \"{name}\"\nissuer = \"{iss}\"\naudience = [\"gatepost\"]\n\
         shared_users = true\n{more}\n"
    )
}

/// The same with keys by URL.
pub fn by_url(fake: &FakeIssuer, path: &str) -> String {
    let jwks = format!("jwks = \"{}{path}/jwks\"", fake.base);
    table(fake, path, &jwks)
}

pub fn start(tables: &str) -> Gateway {
    Gateway::with(&Setup {
        tls: Some(CLEAR),
        issuer: "shared_users = true",
        tables,
        ..Setup::default()
    })
}

/// What the door says of a token.
pub async fn knock(gateway: &Gateway, token: &str) -> Answer {
    ask(
        gateway.public,
        &Request::new("GET", "/connection/check").bearer(token),
    )
    .await
}

/// The same once it has the keys that it needs for that: a fetch may take longer than a request
/// waits for it.
async fn knock_with_keys(gateway: &Gateway, token: &str) -> Answer {
    let began = Instant::now();
    loop {
        let answer = knock(gateway, token).await;
        if answer.status != 503 || began.elapsed() > PATIENCE {
            return answer;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

pub async fn ask(address: SocketAddr, request: &Request) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    let answer = timeout(PATIENCE, read_answer(&mut stream));
    answer.await.expect("no answer in time")
}

pub async fn assert_admitted(gateway: &Gateway, token: &str, about: &str) {
    let answer = knock_with_keys(gateway, token).await;
    assert_eq!(
        answer.status,
        204,
        "{about}: {answer:?}\n{}",
        gateway.logged()
    );
}

pub async fn assert_refused(gateway: &Gateway, token: &str, status: u16, code: &str, about: &str) {
    let answer = match status {
        503 => knock(gateway, token).await,
        _ => knock_with_keys(gateway, token).await,
    };
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{about}: {answer:?}"
    );
    let retry_after = answer
        .header("retry-after")
        .map(|after| after.parse::<u64>().unwrap());
    assert_eq!(
        retry_after.is_some_and(|after| after >= 1),
        status == 503,
        "{about}"
    );
}

pub async fn until_ready(gateway: &Gateway) {
    let began = Instant::now();
    while get_clear(gateway.admin, "/health/ready").await.status != 200 {
        assert!(
            began.elapsed() < PATIENCE,
            "it is never ready:\n{}",
            gateway.logged()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the admin listener tells this state of an issuer, and this of its fault.
pub async fn until_faulty(gateway: &Gateway, name: &str, state: &str, fault: &str) {
    let began = Instant::now();
    loop {
        let told = detail(gateway, name).await;
        let text = told["fault"].as_str().unwrap_or_default();
        if told["state"] == state && text.contains(fault) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{told}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What the admin listener tells of this issuer.
pub async fn detail(gateway: &Gateway, name: &str) -> Value {
    let body = get_clear(gateway.admin, "/health/ready").await.body;
    let body: Value = serde_json::from_str(&body).unwrap();
    let issuers = body["issuers"].as_array().unwrap();
    issuers
        .iter()
        .find(|issuer| issuer["name"] == name)
        .unwrap()
        .clone()
}
