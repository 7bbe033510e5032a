//! WebSocket frames (RFC 6455), the server's side, without I/O: bytes in, frames out.
//!
//! The edge has upgraded the connection and reads from its socket; what it reads is given to a
//! [`FrameReader`], and what is to be sent gets its header here. No extension is ever negotiated,
//! so every reserved bit is a violation.

mod header;
mod mask;
mod reader;
mod violation;
mod writer;

pub use header::Opcode;
pub use reader::{Frame, FrameReader};
pub use violation::Violation;
pub use writer::{close_frame, close_reply, encode_header, ping_frame, pong_frame};

#[cfg(test)]
mod tests;

/// The codes that may stand in a close frame (RFC 6455 §7.4, and the IANA registry).
///
/// 1004 to 1006 and 1015 have a meaning for APIs only; 1016 to 2999 are not assigned.
pub(crate) fn may_be_in_a_frame(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
