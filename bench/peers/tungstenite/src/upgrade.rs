//! The request: the token is verified, then the connection is upgraded.

use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::http;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::connection;
use crate::hub::Hub;

type Answer = Response<Empty<Bytes>>;

/// What every request needs.
pub(crate) struct Door {
    hub: Arc<Hub>,
    key: DecodingKey,
    validation: Validation,
}

/// Nothing of the token is used: signature and `exp` are what is checked.
#[derive(Deserialize, Clone)]
struct Claims {}

impl Door {
    pub(crate) fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        Self {
            hub: Arc::new(Hub::default()),
            key: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        }
    }

    pub(crate) fn open(&self, mut request: Request<Incoming>) -> Result<Answer, http::Error> {
        if request.uri().path() != "/ws" {
            return refusal(StatusCode::NOT_FOUND);
        }
        if !self.authorizes(request.headers()) {
            return refusal(StatusCode::UNAUTHORIZED);
        }
        let Ok(response) = create_response_with_body(&request, Empty::new) else {
            return refusal(StatusCode::BAD_REQUEST);
        };

        let hub = Arc::clone(&self.hub);
        tokio::spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(&mut request).await {
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                connection::run(socket, &hub).await;
            }
        });
        Ok(response)
    }

    fn authorizes(&self, headers: &HeaderMap) -> bool {
        headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| {
                jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).is_ok()
            })
    }
}

fn refusal(status: StatusCode) -> Result<Answer, http::Error> {
    Response::builder().status(status).body(Empty::new())
}
