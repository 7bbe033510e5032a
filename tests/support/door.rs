//! A gateway whose door can give every refusal: named hosts, and a second issuer with a prefix and
//! a claim that it must have.

use serde_json::Value;

use super::client::Client;
use super::request::Request;
use super::{Gateway, PATIENCE, Setup, claims, sign};

pub const PARTNER: &str = "https://partner.example/";

const PARTNER_TABLE: &str = r#"
[[issuer]]
name = "partner"
issuer = "https://partner.example/"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "GATEPOST_TEST_SECRET"
user_prefix = "partner/"
required_claims = ["tenant"]
"#;

/// The setup of such a gateway, to be changed further.
pub fn setup() -> Setup<'static> {
    Setup {
        listen: r#"hosts = ["localhost", "gw.example.com"]"#,
        issuer: "shared_users = true",
        tables: PARTNER_TABLE,
        ..Setup::default()
    }
}

pub fn start() -> Gateway {
    Gateway::with(&setup())
}

/// A token of the partner, with more claims.
pub fn partner(user: &str, more: Value) -> String {
    let mut all = claims(user);
    all["iss"] = PARTNER.into();
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    sign(&all)
}

/// A gateway that was told to stop and waits for its connections, which are given too.
pub async fn stopping() -> (Gateway, Vec<Client>) {
    let gateway = Gateway::with(&Setup {
        tables: "[drain]\nwindow = \"10m\"\ntimeout = \"10m\"",
        ..Setup::default()
    });
    let mut clients = Vec::new();
    for user in ["alice", "bob", "carol"] {
        clients.push(gateway.client(user).await);
    }
    gateway.signal("TERM");
    let ready = Request::new("GET", "/health/ready").and("Connection", "close");
    let begun = async { while gateway.ask(&ready).await.status != 503 {} };
    let in_time = tokio::time::timeout(PATIENCE, begun).await;
    in_time.expect("it does not begin to stop");
    (gateway, clients)
}
