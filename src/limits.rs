//! The limits of a node that are no options, with their units and what they cost at worst.
//!
//! Limits that an operator may need to change are options (`config`); their defaults stand there.
//! Those of the form of one thing (a token, a key set, a rule) stand with it.

use std::time::Duration;

use crate::rate::Rate;

/// Most bytes of a request's head; hyper answers 431 above it.
pub const REQUEST_HEAD_BYTES: usize = 16 * 1024;
/// Most headers of a request: 431 above it.
pub const REQUEST_HEADERS: usize = 64;
/// Most bytes of one header's value: 431 above it.
pub const HEADER_VALUE_BYTES: usize = 9 * 1024;
/// Most bytes of a request's URI: 414 above it.
pub const URI_BYTES: usize = 4 * 1024;
/// Longest wait for a whole head; also the longest idle time between requests, as hyper has one
/// timer for both.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time from a whole head to the end of its answer, a body included.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection that is not upgraded, slow readers of answers included.
pub const HTTP_LIFE: Duration = Duration::from_secs(120);
/// Most connections to the admin listener at once.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Most requests on one connection.
pub const REQUESTS_PER_CONNECTION: usize = 100;
/// Most bytes of a POST body on the public listener: 413 above it.
pub const BODY_BYTES: usize = 64 * 1024;

/// Most bytes of a call of the server API: 413 above it (ADMIN-3).
pub const API_BODY_BYTES: usize = 1024 * 1024;

/// Most connections of a user that one call explains.
pub const EXPLAINED_CONNECTIONS: usize = 100;
/// Bytes of explanations, beyond which a call explains no further connection.
pub const EXPLAINED_BYTES: usize = 512 * 1024;

/// Refused upgrades that are completed at once to be explained.
pub const EXPLANATIONS: usize = 256;
/// How long such a socket lives at most.
pub const EXPLANATION_LIFE: Duration = Duration::from_secs(1);

/// How long a ticket can be used.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);
/// Most tickets of a user that are neither used nor too old.
pub const TICKETS_OF_A_USER: usize = 10;
/// Most tickets that a node gives out within the life of one: some 10 MiB beside what they hold.
pub const TICKETS: usize = 65_536;
/// Most bytes that live tickets of a node hold.
pub const TICKET_BYTES: usize = 64 * 1024 * 1024;

/// Backlog of the listening socket. tokio's own is 128, and each overflow costs a client a second.
pub const LISTEN_BACKLOG: u32 = 4096;
/// Bytes that the kernel may hold for a client that reads slowly; it doubles them. Without this the
/// buffer of one stalled reader grows to 4 MiB.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Bytes of TLS records that are read at once.
pub const TLS_READ_BYTES: usize = 4 * 1024;
/// Most bytes of a record, or of a message of the handshake, that wait for the rest of it.
pub const TLS_MESSAGE_BYTES: usize = 64 * 1024;
/// Connections that are accepted before everybody else has a turn: some 0.1 ms.
pub const ACCEPTS_IN_A_TURN: usize = 8;
/// Turns of the newcomers in which those who are admitted wait for each other: longer saves no more.
pub const TURNS_TO_CROSS: usize = 4;
/// Bytes of a fault that health tells of a reload.
pub const RELOAD_FAULT_BYTES: usize = 4096;
/// Over which connections that hear nothing decide again after a reload.
pub const RELOAD_WINDOW: Duration = Duration::from_secs(10);
/// How long a reload waits for the keys of issuers that are new: as long as a fetch may take.
pub const RELOAD_KEYS_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether the file of the certificate is another.
pub const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(1);
/// How many days before its end a certificate is warned of.
pub const CERTIFICATE_WARNING_DAYS: u64 = 14;
/// Connections that are asked to look again before everybody else has a turn.
pub const ASKED_IN_A_TURN: usize = 64;
/// Connections that are ended before everybody else has a turn: some 0.3 ms.
pub const ENDS_IN_A_TURN: usize = 8;
/// First wait after accept failed for want of file descriptors; doubled up to the longest.
pub const ACCEPT_RETRY_MIN: Duration = Duration::from_millis(10);
/// Longest wait after accept failed for want of file descriptors.
pub const ACCEPT_RETRY_MAX: Duration = Duration::from_secs(1);
/// After how long a user who has all connections is told to come again. They end in their own time;
/// asking more often helps nobody.
pub const RETRY_WHEN_FULL: Duration = Duration::from_secs(30);
/// Users of whom is known how often they connected.
pub const USERS_COUNTED: usize = 65_536;
/// Addresses, with the prefixes of IPv6, of which is known how often they connected or failed.
pub const ADDRESSES_COUNTED: usize = 65_536;
/// Most sockets of a node that have not sent a whole ClientHello; the oldest silent one goes first.
pub const SILENT_SOCKETS: usize = 8192;

/// Most bytes of a WebSocket message until connect is answered: the SDK puts connect and all
/// subscribes, with their tokens, into one frame.
pub const FIRST_MESSAGE_BYTES: usize = 256 * 1024;
/// Longest time for a message to arrive whole.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Reads in a row that do not complete a message.
pub const EMPTY_READS: Rate = Rate::per_second(25, 256);
/// Control frames of a client.
pub const CONTROL_FRAMES: Rate = Rate::per_second(10, 20);
/// How long a client may go on sending more than it may, before it is sent away (CHAN-8).
pub const OVERLOAD_TIME: Duration = Duration::from_secs(10);
/// After so long without a refused command the time counts anew.
pub const OVERLOAD_GAP: Duration = Duration::from_secs(1);
/// Commands a message may hold beyond one for each channel.
pub const EXTRA_COMMANDS: usize = 64;
/// Bytes that one turn of a connection reads, into a buffer of the thread.
pub const READ_TURN_BYTES: usize = 16 * 1024;
/// Bytes that one turn of a connection writes: one full TLS record.
pub const WRITE_TURN_BYTES: usize = 16 * 1024;

/// Longest wait for the connect command after the upgrade.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the peer's answer to a close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time from the order to end a connection, of a revocation or the backend, to its end,
/// whether its client takes the close frame or not: within a second it is gone (LIVE-3).
pub const DISMISS_TIMEOUT: Duration = Duration::from_millis(700);
/// Longest time for a write to make progress.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection lives on after its token expired.
pub const EXPIRY_GRACE: Duration = Duration::from_secs(25);
/// The longest that a client is told before the end of its token to bring a newer one.
pub const REFRESH_MARGIN: Duration = Duration::from_secs(30);
/// How often a connection may bring a newer token.
pub const REFRESHES: Rate = Rate::per_minute(12).with_burst(1);
/// The longest time that a client is told to bring a newer token after.
pub const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often it is looked whether the wall clock and the deadlines' clock still agree.
pub const CLOCK_INTERVAL: Duration = Duration::from_secs(15);
/// How often subscriptions under a rule that reads `now` are decided again.
pub const REDECIDE_INTERVAL: Duration = Duration::from_secs(60);
/// Pong wait when the client asked for WebSocket pings (`cf_ws_frame_ping_pong=true`).
pub const FRAME_PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that may wait for a connection before its further commands are left unread.
pub const OUTBOX_SOFT_BYTES: usize = 64 * 1024;
/// What an entry of an outbox counts beyond its bytes.
pub const OUTBOX_ENTRY_BYTES: usize = 64;
/// Most members that are delivered to before somebody else has a turn: some 0.3 ms where the
/// batch is small.
pub const SLICE_MEMBERS: usize = 128;
/// Most bytes that are delivered before somebody else has a turn, where the batch is large.
pub const SLICE_BYTES: usize = 512 * 1024;
/// Bytes of events that may wait in a channel before its publishers wait too. Each of them adds at
/// most one publication more, and each connection a join and a leave.
pub const CHANNEL_WAITING_BYTES: usize = 1024 * 1024;
/// Longest time that a publisher waits for room in a channel.
pub const ROOM_TIMEOUT: Duration = Duration::from_secs(1);
/// Most bytes of data in one publication.
pub const PUBLICATION_BYTES: usize = 64 * 1024;
/// Most publications in one history answer.
pub const HISTORY_PAGE: usize = 300;
/// Most bytes in one history or presence answer.
pub const HISTORY_PAGE_BYTES: usize = 512 * 1024;
/// Most entries in one presence answer.
pub const PRESENCE_ENTRIES: usize = 1000;
/// What a publication kept in history counts beyond its data and what is shown of its sender.
pub const HISTORY_ENTRY_BYTES: usize = 256;
/// How long a stream's offset and epoch are remembered after its last publication.
pub const STREAM_META_TTL: Duration = Duration::from_secs(720 * 3600);

/// What the ceiling of the node reckons for a connection that is idle, the kernel's part included.
pub const CONNECTION_BYTES: u64 = 12 << 10;

const _: () = assert!(
    FIRST_MESSAGE_BYTES < 1024 * 1024,
    "a first message fits any outbox"
);
const _: () = assert!(HEADER_VALUE_BYTES < REQUEST_HEAD_BYTES);
const _: () = assert!(
    PUBLICATION_BYTES <= HISTORY_PAGE_BYTES,
    "a page holds any one publication"
);
