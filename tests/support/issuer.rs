//! An issuer that publishes its keys and can be made to misbehave, and counts who asks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::claims;
use super::tokens::base64url;

/// What one of its pages does.
#[derive(Clone)]
pub enum Page {
    /// Answers with this document, and with 304 to who has it.
    Json(Value),
    /// Answers with this text.
    Text(&'static str),
    Status(u16),
    Redirect(String),
    /// Never answers.
    Silent,
    /// Sends a body without an end.
    Endless,
    /// Sends a byte a second.
    Drip,
}

#[derive(Default)]
struct Pages {
    pages: HashMap<String, Page>,
    asked: HashMap<String, usize>,
    not_modified: usize,
}

/// The server; it lives as long as the runtime of the test.
#[derive(Clone)]
pub struct FakeIssuer {
    pub base: String,
    pages: Arc<Mutex<Pages>>,
}

impl FakeIssuer {
    /// In the clear, on loopback.
    pub async fn start() -> FakeIssuer {
        FakeIssuer::serve("http", None).await
    }

    /// With TLS, by a certificate for `localhost` that is given too, in PEM.
    pub async fn start_with_tls() -> (FakeIssuer, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let issuer = FakeIssuer::serve("https", Some(acceptor)).await;
        (issuer, made.cert.pem())
    }

    async fn serve(scheme: &str, tls: Option<TlsAcceptor>) -> FakeIssuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let issuer = FakeIssuer {
            base: format!("{scheme}://localhost:{}", address.port()),
            pages: Arc::default(),
        };
        let serving = issuer.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (issuer, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => issuer.answer(socket).await,
                        Some(tls) => issuer.answer(tls.accept(socket).await?).await,
                    }
                });
            }
        });
        issuer
    }

    /// From now on this page does that.
    pub fn set(&self, path: &str, page: Page) {
        self.pages.lock().pages.insert(path.to_owned(), page);
    }

    /// How often a page was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let pages = self.pages.lock();
        pages.asked.get(path).copied().unwrap_or_default()
    }

    /// How often nothing had changed since.
    pub fn not_modified(&self) -> usize {
        self.pages.lock().not_modified
    }

    /// Publishes these keys, and a document of discovery for the issuer of that path.
    pub fn publish(&self, path: &str, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.set(&format!("{path}/jwks"), Page::Json(json!({ "keys": keys })));
        let document = json!({
            "issuer": format!("{}{path}", self.base),
            "jwks_uri": format!("{}{path}/jwks", self.base),
            "response_types_supported": ["code"],
        });
        let well_known = format!("{path}/.well-known/openid-configuration");
        self.set(&well_known, Page::Json(document));
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
    ) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let page = {
            let mut pages = self.pages.lock();
            *pages.asked.entry(path.clone()).or_default() += 1;
            pages.pages.get(&path).cloned()
        };
        let whole = |status: u16, more: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}\r\n{body}")
        };
        let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{";
        match page.unwrap_or(Page::Status(404)) {
            Page::Json(document) => {
                let body = document.to_string();
                let tag = format!("\"{:x}\"", number_of(&body));
                if head.contains(&format!("if-none-match: {tag}\r\n")) {
                    self.pages.lock().not_modified += 1;
                    stream
                        .write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n")
                        .await?;
                } else {
                    let answer = whole(200, &format!("ETag: {tag}\r\n"), &body);
                    stream.write_all(answer.as_bytes()).await?;
                }
            }
            Page::Text(text) => stream.write_all(whole(200, "", text).as_bytes()).await?,
            Page::Status(status) => stream.write_all(whole(status, "", "").as_bytes()).await?,
            Page::Redirect(to) => {
                let answer = whole(302, &format!("Location: {to}\r\n"), "");
                stream.write_all(answer.as_bytes()).await?;
            }
            Page::Silent => std::future::pending().await,
            Page::Endless => {
                stream.write_all(begun.as_bytes()).await?;
                loop {
                    stream.write_all(&[b' '; 16 * 1024]).await?;
                }
            }
            Page::Drip => {
                stream.write_all(begun.as_bytes()).await?;
                loop {
                    stream.write_all(b" ").await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        stream.shutdown().await
    }
}

/// Any number that differs where the text does.
fn number_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A key that signs by ES256.
pub struct Key {
    kid: String,
    pair: KeyPair,
    signs: EncodingKey,
}

impl Key {
    pub fn new(kid: &str) -> Key {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let signs = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Key {
            kid: kid.to_owned(),
            pair,
            signs,
        }
    }

    fn jwk(&self) -> Value {
        // 4, then x and y.
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
            "kid": self.kid, "x": base64url(x), "y": base64url(y),
        })
    }

    /// A token of this user, from the issuer with that `iss`.
    pub fn token(&self, iss: &str, user: &str) -> String {
        let mut claims = claims(user);
        claims["iss"] = iss.into();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        encode(&header, &claims, &self.signs).unwrap()
    }
}
