//! What the gateway says to a client: pings, replies and pushes, before they have a wire format.
//!
//! Nothing here comes from what a client says of itself: [`ClientInfo`] is filled from the
//! verified identity.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::{ErrorCode, Payload, UnsubscribeCode};

/// One message to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// Asks for a pong.
    Ping,
    /// The answer to a command.
    Reply {
        /// The command's.
        id: u32,
        /// What came of it.
        result: Result<ReplyBody, ErrorReply>,
    },
    /// Something that happened in a channel.
    Push {
        /// Where.
        channel: &'a str,
        /// What.
        push: Push,
    },
}

/// More than the names, quotes and numbers of a push or a small reply take.
const ENVELOPE: usize = 160;

impl Message<'_> {
    /// The buffer to encode it in, so that it rarely grows and is not much too large.
    pub(super) fn size_estimate(&self) -> usize {
        ENVELOPE
            + match self {
                Message::Push { channel, push } => {
                    channel.len()
                        + match push {
                            Push::Publication(publication) => publication_estimate(publication),
                            Push::Join(info) | Push::Leave(info) => info_estimate(info),
                            Push::Unsubscribe { .. } => 0,
                            Push::Subscribe { data } => data.as_ref().map_or(0, Payload::len),
                        }
                }
                Message::Reply {
                    result: Ok(ReplyBody::History(history)),
                    ..
                } => history
                    .publications
                    .iter()
                    .map(|publication| publication_estimate(publication))
                    .sum(),
                Message::Reply {
                    result: Ok(ReplyBody::Presence(clients)),
                    ..
                } => clients
                    .iter()
                    .map(|info| info.client.len() + 4 + info_estimate(info))
                    .sum(),
                Message::Ping | Message::Reply { .. } => 0,
            }
    }
}

fn publication_estimate(publication: &Publication) -> usize {
    48 + publication.data.len() + publication.info.as_deref().map_or(0, info_estimate)
}

fn info_estimate(info: &ClientInfo) -> usize {
    let names = 48 + 16 * usize::from(info.chan_info.is_some());
    names + info.shown_bytes()
}

/// A command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The number that SDKs decide by.
    pub code: ErrorCode,
    /// What a developer reads; usually the code's own text.
    pub message: Cow<'static, str>,
}

impl ErrorReply {
    /// With a text that says more than the code's own, such as the right name of a channel.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> ErrorReply {
        ErrorReply {
            code,
            message: message.into(),
        }
    }

    /// What is written: never empty, since some SDKs index it without a look.
    pub fn text(&self) -> &str {
        match self.message.is_empty() {
            true => self.code.message(),
            false => &self.message,
        }
    }
}

impl From<ErrorCode> for ErrorReply {
    fn from(code: ErrorCode) -> ErrorReply {
        ErrorReply {
            code,
            message: Cow::Borrowed(code.message()),
        }
    }
}

/// What a command that was carried out is answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyBody {
    /// Connected.
    Connect(ConnectResult),
    /// Subscribed.
    Subscribe(SubscribeResult),
    /// Not subscribed any more, or never was.
    Unsubscribe,
    /// Accepted by the engine.
    Publish,
    /// Who is there, by client id.
    Presence(Vec<Arc<ClientInfo>>),
    /// How many are there.
    PresenceStats {
        /// Connections.
        num_clients: u32,
        /// Different users among them.
        num_users: u32,
    },
    /// What was said.
    History(HistoryResult),
    /// The newer token is the connection's now.
    Refresh(RefreshResult),
    /// The subscription goes on.
    SubRefresh {
        /// Seconds until the client is to refresh it again; `None` when it is about to end.
        ttl: Option<NonZeroU32>,
    },
}

/// The answer to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectResult {
    /// The connection's id.
    pub client: String,
    /// The server's name and version.
    pub version: String,
    /// Seconds after which the client is to bring a newer token. SDKs that get this and have none
    /// stop for good, so it is only for who can.
    pub ttl: Option<NonZeroU32>,
    /// The server-side subscriptions, by channel.
    pub subs: Vec<(String, SubscribeResult)>,
    /// Seconds between pings; 0 = none.
    pub ping: u32,
    /// Whether pings are to be answered.
    pub pong: bool,
}

/// The answer to refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshResult {
    /// The connection's id.
    pub client: String,
    /// The server's name and version.
    pub version: String,
    /// Seconds after which the client is to bring a newer token; without it, it never would again.
    pub ttl: NonZeroU32,
}

/// The answer to subscribe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeResult {
    /// Seconds until the client is to refresh it; only of a subscription made by a token. Never 0:
    /// some SDKs would refresh in a tight loop.
    pub ttl: Option<NonZeroU32>,
    /// The application's, from the token that made the subscription.
    pub data: Option<Payload>,
    /// The client asked for recovery. It did not get it: no subscription is recoverable yet.
    pub was_recovering: bool,
}

/// The answer to history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryResult {
    /// In the order that was asked for.
    pub publications: Vec<Arc<Publication>>,
    /// The offset of the stream's top, not of the last publication here.
    pub offset: u64,
    /// The stream's.
    pub epoch: String,
}

/// What happened in a channel.
#[derive(Clone, Debug, PartialEq)]
pub enum Push {
    /// Somebody said something.
    Publication(Arc<Publication>),
    /// Somebody came.
    Join(Arc<ClientInfo>),
    /// Somebody left.
    Leave(Arc<ClientInfo>),
    /// The client's subscription was ended.
    Unsubscribe {
        /// Why.
        code: UnsubscribeCode,
    },
    /// The server subscribed the client.
    Subscribe {
        /// The application's, from the token.
        data: Option<Payload>,
    },
}

/// A connection as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The user's id, from the verified token.
    pub user: Arc<str>,
    /// The connection's id.
    pub client: Arc<str>,
    /// The `info` claim of the token.
    pub conn_info: Option<Payload>,
    /// What the token that made the subscription shows of it in this channel.
    pub chan_info: Option<Payload>,
}

impl ClientInfo {
    /// Bytes of what is shown, each once.
    pub fn shown_bytes(&self) -> usize {
        let infos = [&self.conn_info, &self.chan_info].into_iter().flatten();
        self.user.len() + self.client.len() + infos.map(Payload::len).sum::<usize>()
    }
}

/// One message in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The application's.
    pub data: Payload,
    /// Who said it; absent when it was the backend.
    pub info: Option<Arc<ClientInfo>>,
    /// Its place in the stream; 0 when the channel keeps none.
    pub offset: u64,
}
