//! A backend: calls of the server API by HTTP.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http::{Answer, read_answer};
use super::request::Request;
use super::{Gateway, PATIENCE, SECRET, Setup};

/// The table that opens the server API; its key is [`SECRET`].
pub const ADMIN: &str = "[admin]\napi_key_env = \"GATEPOST_TEST_SECRET\"\n";

/// A gateway whose server API is open.
pub fn start() -> Gateway {
    Gateway::with(&Setup {
        tables: ADMIN,
        ..Setup::default()
    })
}

/// A call with the key.
pub fn request(method: &str, body: &str) -> Request {
    without_key(method, body).and("X-API-Key", SECRET)
}

/// A call that lacks the key and nothing else.
pub fn without_key(method: &str, body: &str) -> Request {
    Request::new("POST", &format!("/api/{method}"))
        .and("Content-Type", "application/json")
        .and("Content-Length", &body.len().to_string())
        .behind(body.as_bytes())
}

/// Sends a request in the clear.
pub async fn ask(address: SocketAddr, request: &Request) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be answered before it is read to its end.
    let _ = stream.write_all(&request.bytes()).await;
    let answer = timeout(PATIENCE, read_answer(&mut stream)).await;
    answer.expect("no answer in time")
}

impl Gateway {
    /// A call with the key: the whole answer, which has the status 200.
    pub async fn call(&self, method: &str, body: &Value) -> Value {
        let answer = ask(self.admin, &request(method, &body.to_string())).await;
        assert_eq!(answer.status, 200, "{method} {body}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).unwrap()
    }

    /// How many connections a call ended.
    pub async fn ended_by(&self, method: &str, body: &Value) -> u64 {
        let answer = self.call(method, body).await;
        assert_eq!(answer["result"]["nodes"], 1, "{answer}");
        answer["result"]["ended"].as_u64().unwrap()
    }

    /// The code of the error that a call is answered with.
    pub async fn call_error(&self, method: &str, body: &Value) -> (u64, String) {
        let answer = self.call(method, body).await;
        let error = &answer["error"];
        let code = error["code"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        (code, error["message"].as_str().unwrap().to_owned())
    }
}
