//! What a client asks for, as the session gets it: decoded, bounded in depth, with a channel
//! wherever one is needed, but not yet judged.

use secrecy::SecretString;

use super::{Payload, PayloadFault};

/// One message of the several that a client's frame may hold.
#[derive(Debug)]
pub enum Incoming {
    /// The empty command: the answer to the server's ping.
    Pong,
    /// A command.
    Command(Command),
}

/// A request with the number that its reply will carry.
#[derive(Debug)]
pub struct Command {
    /// 1 to 2^32 − 1; 0 only with [`Request::Send`], which gets no reply.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// What the application put into a request, if anything. Where a format does not see to it that it
/// is JSON it may not be, which is error 107, the session's to answer.
pub type Data = Result<Option<Payload>, PayloadFault>;

/// What a command asks. A `channel` is never empty; whether it is a name is `policy`'s business.
#[derive(Debug)]
pub enum Request {
    /// Always the first.
    Connect(ConnectRequest),
    /// Join a channel.
    Subscribe(SubscribeRequest),
    /// Leave a channel.
    Unsubscribe {
        /// Which.
        channel: String,
    },
    /// Say something in a channel.
    Publish {
        /// Where.
        channel: String,
        /// Absent is error 107; JSON `null` is a value.
        data: Data,
        /// `type` on the wire; anything but 0 is error 108.
        kind: i32,
    },
    /// Who is there.
    Presence {
        /// Where.
        channel: String,
    },
    /// How many are there.
    PresenceStats {
        /// Where.
        channel: String,
    },
    /// What was said.
    History(HistoryRequest),
    /// Call the backend.
    Rpc {
        /// Which procedure; may be empty.
        method: String,
        /// Its argument.
        data: Data,
    },
    /// Tell the backend something, without a reply.
    Send {
        /// What.
        data: Data,
    },
    /// A newer token for the connection.
    Refresh {
        /// Absent or empty is a protocol violation (3501), the session's to answer.
        token: Option<SecretString>,
    },
    /// A newer token for a subscription.
    SubRefresh {
        /// Which subscription.
        channel: String,
        /// Absent or empty is error 107.
        token: Option<SecretString>,
    },
}

impl Request {
    /// The request's name on the wire, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Request::Connect(_) => "connect",
            Request::Subscribe(_) => "subscribe",
            Request::Unsubscribe { .. } => "unsubscribe",
            Request::Publish { .. } => "publish",
            Request::Presence { .. } => "presence",
            Request::PresenceStats { .. } => "presence_stats",
            Request::History(_) => "history",
            Request::Rpc { .. } => "rpc",
            Request::Send { .. } => "send",
            Request::Refresh { .. } => "refresh",
            Request::SubRefresh { .. } => "sub_refresh",
        }
    }
}

/// The first command. Who connects is known already, from the upgrade.
#[derive(Debug)]
pub struct ConnectRequest {
    /// Present when the app gave its SDK a token: the sign that it can refresh.
    pub token: Option<SecretString>,
    /// The application's.
    pub data: Data,
    /// The SDK's or app's name; untrusted, of any length.
    pub name: String,
    /// The SDK's or app's version; untrusted, of any length.
    pub version: String,
}

/// A wish to join a channel.
#[derive(Debug, Default)]
pub struct SubscribeRequest {
    /// Never empty.
    pub channel: String,
    /// A token for this channel.
    pub token: Option<SecretString>,
    /// Wants what came after `since`.
    pub recover: bool,
    /// The position that the client has; zero and empty when it sent none.
    pub since: StreamPosition,
    /// Wants to hear of joins and leaves.
    pub join_leave: bool,
    /// Wants its position watched.
    pub positioned: bool,
    /// Wants to be able to recover.
    pub recoverable: bool,
    /// Understands fossil deltas.
    pub delta: bool,
    /// Wants error 112 rather than a subscription that did not recover (flag bit 2).
    pub error_when_unrecoverable: bool,
    /// `type` on the wire; anything but 0, a stream, is error 108.
    pub kind: i32,
    /// Came with a tag filter (`tf`), which is error 107.
    pub has_tag_filter: bool,
}

/// A wish to read what was said.
#[derive(Debug, Default)]
pub struct HistoryRequest {
    /// Never empty.
    pub channel: String,
    /// 0: the position only; negative: as many as the server gives.
    pub limit: i32,
    /// Where to start.
    pub since: Option<StreamPosition>,
    /// Newest first.
    pub reverse: bool,
}

/// A place in a stream: an offset, and the epoch that the offset counts in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPosition {
    /// 0 stands before the first publication.
    pub offset: u64,
    /// Empty matches any.
    pub epoch: String,
}
