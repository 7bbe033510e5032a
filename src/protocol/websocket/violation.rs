//! How a client can break RFC 6455 or the limits, and with which code that ends.

use thiserror::Error;

/// The connection is to be closed with [`Violation::close_code`]; nothing more is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Violation {
    /// No extension was negotiated.
    #[error("reserved bits are set though no extension was negotiated")]
    ReservedBits,
    /// 3 to 7 and 11 to 15 have no meaning.
    #[error("the frame has an unknown opcode")]
    UnknownOpcode,
    /// RFC 6455 §5.1: clients mask.
    #[error("the frame is not masked")]
    Unmasked,
    /// More than 125 bytes.
    #[error("the control frame is longer than 125 bytes")]
    ControlTooLong,
    /// Control frames come whole.
    #[error("the control frame is fragmented")]
    ControlFragmented,
    /// RFC 6455 §5.2: the most significant bit of a 64-bit length is 0.
    #[error("the frame length has its top bit set")]
    LengthTopBit,
    /// A continuation of nothing.
    #[error("a continuation came without a message to continue")]
    NothingToContinue,
    /// A new message inside a fragmented one.
    #[error("a message began before the last one was complete")]
    Interleaved,
    /// Half a code.
    #[error("the close frame holds one byte, send a code or nothing")]
    HalfCloseCode,
    /// A code that is reserved, or not in any range.
    #[error("the close code may not be sent")]
    CloseCode,
    /// A text message.
    #[error("the text is not UTF-8")]
    TextNotUtf8,
    /// A close frame's reason.
    #[error("the close reason is not UTF-8")]
    ReasonNotUtf8,
    /// The message, with all its fragments.
    #[error("the message is longer than the limit")]
    TooLong,
    /// Cut into needlessly many pieces.
    #[error("the message has too many fragments")]
    TooManyFragments,
}

impl Violation {
    /// 1002 protocol error, 1007 invalid data, 1008 policy, or 1009 too big (RFC 6455 §7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Violation::ReservedBits
            | Violation::UnknownOpcode
            | Violation::Unmasked
            | Violation::ControlTooLong
            | Violation::ControlFragmented
            | Violation::LengthTopBit
            | Violation::NothingToContinue
            | Violation::Interleaved
            | Violation::HalfCloseCode
            | Violation::CloseCode => 1002,
            Violation::TextNotUtf8 | Violation::ReasonNotUtf8 => 1007,
            // Not 1009: the JavaScript SDK takes that for a message that is too large, and stays
            // away for good.
            Violation::TooManyFragments => 1008,
            Violation::TooLong => 1009,
        }
    }

    /// ASCII of ours for the close frame; never what the client sent.
    pub fn reason(self) -> &'static str {
        match self {
            Violation::ReservedBits => "reserved bits set",
            Violation::UnknownOpcode => "unknown opcode",
            Violation::Unmasked => "frame not masked",
            Violation::ControlTooLong => "control frame too long",
            Violation::ControlFragmented => "control frame fragmented",
            Violation::LengthTopBit => "bad frame length",
            Violation::NothingToContinue => "nothing to continue",
            Violation::Interleaved => "message inside a message",
            Violation::HalfCloseCode | Violation::CloseCode => "bad close code",
            Violation::TextNotUtf8 => "text not UTF-8",
            Violation::ReasonNotUtf8 => "close reason not UTF-8",
            Violation::TooLong => "message too long",
            Violation::TooManyFragments => "too many fragments",
        }
    }
}
