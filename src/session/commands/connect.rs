//! connect: the identity is known since the upgrade; the command begins the protocol.

use secrecy::SecretString;

use super::VERSION;
use crate::protocol::{ConnectRequest, ConnectResult, Disconnect, ErrorCode};
use crate::session::client::{Client, Stop};
use crate::session::permit::Answer;
use crate::telemetry::logs;

impl Client {
    pub(in crate::session) async fn connect(
        &mut self,
        id: u32,
        request: ConnectRequest,
    ) -> Result<(), Stop> {
        match &request.token {
            Some(token) => self.accept_token(token).await?,
            // It dawdled behind the upgrade: the door decides. Not 109, with which an app that has
            // a cookie and no token to replace would be stopped for good.
            None if self.is_expired() => return Err(Disconnect::ConnectionExpired.into()),
            None => {}
        }
        // Nobody reads it yet; what could not be read is told all the same.
        let _ = request.data?;
        let made = self.subscribe_server_side().await?;
        let ping = self.node.terms.load().settings.ping_interval;
        let subs = made.iter().map(|made| {
            let channel = made.permit.channel().as_str().to_owned();
            (channel, made.result.clone())
        });
        let result = ConnectResult {
            client: self.peer.name().to_owned(),
            version: VERSION.to_owned(),
            // That it brought a token is the only sign that it may be able to bring another.
            ttl: request.token.is_some().then(|| self.ttl()),
            subs: subs.collect(),
            ping: if self.pings { ping.as_secs() as u32 } else { 0 },
            pong: self.pings,
        };
        self.reply(id, Answer::connected(result));
        for made in made {
            self.open(&made.permit).await;
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
    async fn accept_token(&mut self, token: &SecretString) -> Result<(), Stop> {
        let expired = ErrorCode::TokenExpired.into();
        let identity = self.judge_token(token, "connect", expired).await?;
        if identity.expires_at() > self.identity.expires_at() {
            self.take_identity(identity)?;
        }
        Ok(())
    }
}
