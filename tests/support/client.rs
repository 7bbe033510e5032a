//! A WebSocket client of the Centrifuge client protocol, on tungstenite.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::wire::{tcp_from, tls_over};
use super::{Gateway, PATIENCE, http, token};

/// One connection.
pub struct Client {
    pub socket: WebSocketStream<TlsStream<TcpStream>>,
    messages: VecDeque<Value>,
    last_id: u32,
    /// Answers pings of the protocol while it waits for something.
    pub answers_pings: bool,
}

/// How it ended, as the client sees it.
#[derive(Debug, PartialEq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

impl Gateway {
    /// Upgrades with a token in the header, without the connect command.
    pub async fn open(&self, path: &str, token: &str) -> Result<Client, (u16, String)> {
        let stream = http::connect(self.public, &self.tls).await;
        upgrade(request(path, token), stream).await
    }

    /// The same from an address of choice.
    pub async fn open_from(
        &self,
        from: Ipv4Addr,
        path: &str,
        token: &str,
    ) -> Result<Client, (u16, String)> {
        let tcp = tcp_from(from, self.public).await;
        let stream = tls_over(tcp, &self.tls).await.unwrap();
        upgrade(request(path, token), stream).await
    }

    /// The same once the gateway has the keys that it needs to judge the token: a fetch may take
    /// longer than a request waits for it.
    pub async fn open_with_keys(&self, token: &str) -> Result<Client, (u16, String)> {
        let began = Instant::now();
        loop {
            let opened = self.open("/connection/websocket", token).await;
            let waits = matches!(&opened, Err((503, _))) && began.elapsed() < PATIENCE;
            if !waits {
                return opened;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A connected client with this token.
    pub async fn client_with(&self, token: &str) -> Client {
        let mut client = self.open_with_keys(token).await.unwrap();
        client.ok("connect", json!({})).await;
        client
    }

    /// A connected client of this user.
    pub async fn client(&self, user: &str) -> Client {
        self.client_with(&token(user)).await
    }
}

fn request(path: &str, token: &str) -> Request {
    let mut request = format!("wss://localhost{path}")
        .into_client_request()
        .unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    request
}

async fn upgrade(request: Request, stream: TlsStream<TcpStream>) -> Result<Client, (u16, String)> {
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(Client::new(socket)),
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let code = body["error"]["code"].as_str().unwrap_or_default();
            Err((answer.status().as_u16(), code.to_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

impl Client {
    pub fn new(socket: WebSocketStream<TlsStream<TcpStream>>) -> Client {
        Client {
            socket,
            messages: VecDeque::new(),
            last_id: 0,
            answers_pings: true,
        }
    }

    /// Sends a text frame as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a command and gives its id.
    pub async fn send(&mut self, name: &str, request: Value) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        self.send_text(&json!({ "id": id, name: request }).to_string())
            .await;
        id
    }

    /// The result of a command that must succeed.
    pub async fn ok(&mut self, name: &str, request: Value) -> Value {
        let reply = self.command(name, request).await;
        assert!(reply.get("error").is_none(), "{name}: {reply}");
        reply[name].clone()
    }

    /// The error code of a command that must fail.
    pub async fn error(&mut self, name: &str, request: Value) -> u64 {
        let reply = self.command(name, request).await;
        reply["error"]["code"]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} succeeded: {reply}"))
    }

    /// Sends a command and waits for its reply.
    pub async fn command(&mut self, name: &str, request: Value) -> Value {
        let id = self.send(name, request).await;
        self.wait_for(|message| message["id"] == id).await
    }

    pub async fn subscribe(&mut self, channel: &str) -> Value {
        self.ok("subscribe", json!({ "channel": channel })).await
    }

    pub async fn publish(&mut self, channel: &str, data: Value) {
        self.ok("publish", json!({ "channel": channel, "data": data }))
            .await;
    }

    /// The next publication in a channel: the whole `pub`.
    pub async fn publication(&mut self, channel: &str) -> Value {
        let is_it = |m: &Value| m["push"]["channel"] == channel && m["push"].get("pub").is_some();
        self.wait_for(is_it).await["push"]["pub"].clone()
    }

    /// The next message that fits; the others are kept for later.
    pub async fn wait_for(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.messages.iter().position(&fits) {
            return self.messages.remove(index).unwrap();
        }
        let search = async {
            loop {
                let batch = self
                    .read()
                    .await
                    .unwrap_or_else(|closed| panic!("{closed:?}"));
                self.messages.extend(batch);
                if let Some(index) = self.messages.iter().position(&fits) {
                    return self.messages.remove(index).unwrap();
                }
            }
        };
        timeout(PATIENCE, search)
            .await
            .expect("the message did not come")
    }

    /// Messages that came and nobody waited for, once the server has answered everything: it
    /// asks something and waits for the answer, so that nothing is still on the way.
    pub async fn rest(&mut self) -> Vec<Value> {
        self.command("rpc", json!({ "method": "barrier" })).await;
        self.messages.drain(..).collect()
    }

    /// The messages of one frame.
    async fn read(&mut self) -> Result<Vec<Value>, Closed> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text
                        .split('\n')
                        .map(|line| serde_json::from_str(line).unwrap());
                    let (pings, messages): (Vec<Value>, Vec<Value>) =
                        lines.partition(|message| *message == json!({}));
                    if !pings.is_empty() && self.answers_pings {
                        self.send_text("{}").await;
                    }
                    if !messages.is_empty() {
                        return Ok(messages);
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(closed(None)),
            }
        }
    }

    /// Reads on until the server closes, and tells with what.
    pub async fn closed(&mut self) -> Closed {
        let end = async {
            loop {
                if let Err(closed) = self.read().await {
                    return closed;
                }
            }
        };
        timeout(PATIENCE * 2, end)
            .await
            .expect("the connection was not closed")
    }
}

fn closed(frame: Option<CloseFrame>) -> Closed {
    frame.map_or(
        Closed {
            code: 1006,
            reason: String::new(),
        },
        |frame| Closed {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        },
    )
}
