//! The client's side of the protocol, as far as a terminal needs it: commands out, replies in.
//!
//! On purpose not the server's own codec: a client that reads with the code that wrote would not
//! notice what both have wrong. Fields that are not known are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A command, with the one request that it makes.
#[derive(Serialize)]
pub(super) struct Command<'a> {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) request: Request<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request<'a> {
    Connect {
        name: &'a str,
        version: &'a str,
    },
    Subscribe {
        channel: &'a str,
        join_leave: bool,
    },
    Publish {
        channel: &'a str,
        data: &'a RawValue,
    },
}

/// A reply to a command, a push, or (when it has nothing at all) a ping.
#[derive(Deserialize)]
pub(super) struct Reply<'a> {
    #[serde(default)]
    pub(super) id: u32,
    pub(super) error: Option<Fault>,
    pub(super) connect: Option<Connected>,
    #[serde(borrow)]
    pub(super) push: Option<Push<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Fault {
    pub(super) code: u32,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct Connected {
    pub(super) client: String,
    #[serde(default)]
    pub(super) version: String,
    /// The channels that the server subscribed this connection to; how is not shown.
    #[serde(default)]
    pub(super) subs: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) ping: u32,
    #[serde(default)]
    pub(super) pong: bool,
}

#[derive(Deserialize)]
pub(super) struct Push<'a> {
    #[serde(default)]
    pub(super) channel: String,
    #[serde(borrow, rename = "pub")]
    pub(super) publication: Option<Publication<'a>>,
    pub(super) join: Option<Presence>,
    pub(super) leave: Option<Presence>,
    pub(super) unsubscribe: Option<Ending>,
    pub(super) subscribe: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    pub(super) disconnect: Option<Ending>,
}

#[derive(Deserialize)]
pub(super) struct Publication<'a> {
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    /// Absent when the backend published it.
    pub(super) info: Option<Client>,
}

#[derive(Deserialize)]
pub(super) struct Presence {
    pub(super) info: Client,
}

#[derive(Deserialize)]
pub(super) struct Client {
    pub(super) user: String,
}

#[derive(Deserialize)]
pub(super) struct Ending {
    pub(super) code: u32,
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}
