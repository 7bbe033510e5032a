//! The wire: commands, replies and pushes of the Centrifuge client protocol (version 2), their
//! forms in JSON and in Protobuf, the codes, and the WebSocket frames that carry them.
//!
//! Every connection meets this module twice: what it sends is decoded here before the session
//! sees it, and what it is sent was encoded here. All of it is pure: no sockets, no clocks, no
//! locks, no tokio. Channels are plain text here; what a channel *means* is `policy`'s business.
//!
//! Choices where the Centrifuge client protocol leaves one, or the reference is more lenient:
//! - a command without an id that names a request other than `send` is a fault. The reference
//!   takes it for a pong; nobody is helped by a publish that silently counts as one;
//! - a command that names several requests is a fault, and in JSON one member twice (Protobuf says
//!   itself what that means: the last counts);
//! - data that is not JSON is error 107 where the format lets it through, not the connection's end;
//! - a JSON member that is `null` counts as absent, as in the reference, except `data`, where
//!   `null` is a value like any other;
//! - an absent or empty channel is a fault of the command (3501), and so is an unknown `delta`.

pub mod codes;
pub mod command;
mod decode;
mod depth;
mod format;
pub mod json;
pub mod message;
pub mod payload;
#[cfg(test)]
mod properties;
pub mod protobuf;
pub mod websocket;

pub use codes::{Disconnect, ErrorCode, UnsubscribeCode};
pub use command::{
    Command, ConnectRequest, Data, HistoryRequest, Incoming, Request, StreamPosition,
    SubscribeRequest,
};
pub use decode::{DecodeError, Decoder};
pub use format::Format;
pub use message::{
    ClientInfo, ConnectResult, ErrorReply, HistoryResult, Message, Publication, Push,
    RefreshResult, ReplyBody, SubscribeResult,
};
pub use payload::{Payload, PayloadFault};
