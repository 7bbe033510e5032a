//! connect: the identity is known since the upgrade; the command begins the protocol.

use secrecy::ExposeSecret;

use crate::identity::{Refusal, Token};
use crate::policy::ChannelName;
use crate::protocol::{ConnectRequest, ConnectResult, Disconnect, ErrorCode, SubscribeResult};
use crate::session::client::{Client, Stop};
use crate::session::permit::{Allowed, Answer, ToSubscribe};
use crate::telemetry::logs;

/// What the client is told of the server.
const VERSION: &str = concat!("Gatepost ", env!("CARGO_PKG_VERSION"));

impl Client {
    pub(in crate::session) async fn connect(
        &mut self,
        id: u32,
        request: ConnectRequest,
    ) -> Result<(), Stop> {
        if let Some(token) = &request.token {
            self.accept_token(token.expose_secret())?;
        }
        // Nobody reads it yet; what could not be read is told all the same.
        let _ = request.data?;
        let personal = self.subscribe_personal().await?;
        let settings = &self.node.settings;
        let subs = personal.iter().map(|permit| {
            (
                permit.channel().as_str().to_owned(),
                SubscribeResult::default(),
            )
        });
        let result = ConnectResult {
            client: self.peer.name().to_owned(),
            version: VERSION.to_owned(),
            subs: subs.collect(),
            ping: if self.pings {
                settings.ping_interval.as_secs() as u32
            } else {
                0
            },
            pong: self.pings,
        };
        self.reply(id, Answer::connected(result));
        if let Some(permit) = personal {
            self.open(&permit).await;
        }
        tracing::debug!(
            user = logs::field(self.identity.user().as_str()),
            client = self.peer.name(),
            app = logs::field(&request.name),
            app_version = logs::field(&request.version),
            "connected"
        );
        Ok(())
    }

    /// A token in the command goes through the checks of the door. It must be of the same user and
    /// issuer; if it lives longer than the door's, it becomes the connection's identity.
    fn accept_token(&mut self, token: &str) -> Result<(), Stop> {
        let now = self.node.clock.now();
        let verified = Token::parse(token).and_then(|t| self.node.door.verify(&t, now));
        let identity = match verified {
            Ok(identity) => identity,
            Err(Refusal::TokenExpired) => return Err(ErrorCode::TokenExpired.into()),
            Err(Refusal::TokenRevoked) => return Err(Disconnect::TokenRevoked.into()),
            Err(Refusal::UserBlocked) => return Err(Disconnect::UserBlocked.into()),
            Err(refusal) => {
                self.log_bad_token(refusal.code());
                return Err(Disconnect::InvalidToken.into());
            }
        };
        if identity.user() != self.identity.user() || identity.issuer() != self.identity.issuer() {
            self.log_bad_token("another_user");
            return Err(Disconnect::InvalidToken.into());
        }
        if identity.expires_at() > self.identity.expires_at() {
            self.adopt(identity)?;
        }
        Ok(())
    }

    fn log_bad_token(&self, reason: &'static str) {
        if let Some(left_out) = self.node.lines.admit("token in connect refused") {
            tracing::warn!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                reason,
                left_out,
                "token in connect refused"
            );
        }
    }

    /// The server subscribes every connection to its user's channel, by the same decision as any.
    /// Where that denies, or the user has no room for a channel, the connection goes on without.
    async fn subscribe_personal(&mut self) -> Result<Option<Allowed<ToSubscribe>>, Stop> {
        let channel = ChannelName::personal(self.identity.user());
        let Ok(permit) = self.permit::<ToSubscribe>(channel) else {
            return Ok(None);
        };
        match self.enter(&permit, None).await {
            Ok(()) => Ok(Some(permit)),
            Err(Stop::Error(error)) if error.code == ErrorCode::LimitExceeded => {
                tracing::info!(
                    client = self.peer.name(),
                    "no room for the personal channel"
                );
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }
}
