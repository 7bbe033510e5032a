//! How a client can break RFC 6455 or the limits, and with which code that ends.

use std::fmt;

/// Declares the table: a variant, the code of the close frame, and its reason, each written once.
macro_rules! violations {
    ($( $(#[$doc:meta])* $variant:ident = $code:literal, $reason:literal; )*) => {
        /// The connection is to be closed with [`Violation::close_code`]; nothing more is read
        /// from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Violation {
            $( $(#[$doc])* $variant, )*
        }

        impl Violation {
            /// All of them.
            pub const ALL: &'static [Violation] = &[ $( Violation::$variant, )* ];

            /// 1002 protocol error, 1003 unsupported data, 1007 invalid data, 1008 policy, or 1009
            /// too big (RFC 6455 §7.4.1).
            pub const fn close_code(self) -> u16 {
                match self {
                    $( Violation::$variant => $code, )*
                }
            }

            /// ASCII of ours for the close frame; never what the client sent.
            pub const fn reason(self) -> &'static str {
                match self {
                    $( Violation::$variant => $reason, )*
                }
            }
        }
    };
}

violations! {
    /// No extension was negotiated.
    ReservedBits = 1002, "reserved bits set";
    /// 3 to 7 and 11 to 15 have no meaning.
    UnknownOpcode = 1002, "unknown opcode";
    /// RFC 6455 §5.1: clients mask.
    Unmasked = 1002, "frame not masked";
    /// More than 125 bytes.
    ControlTooLong = 1002, "control frame too long";
    /// Control frames come whole.
    ControlFragmented = 1002, "control frame fragmented";
    /// RFC 6455 §5.2: the most significant bit of a 64-bit length is 0.
    LengthTopBit = 1002, "bad frame length";
    /// A continuation of nothing.
    NothingToContinue = 1002, "nothing to continue";
    /// A new message inside a fragmented one.
    Interleaved = 1002, "message inside a message";
    /// Half a code, or one that is reserved or not in any range.
    CloseCode = 1002, "bad close code";
    /// JSON goes in text frames (WS-5).
    BinaryForJson = 1003, "binary frame on a JSON connection";
    /// Protobuf goes in binary frames (WS-5).
    TextForProtobuf = 1003, "text frame on a Protobuf connection";
    /// A text message.
    TextNotUtf8 = 1007, "text not UTF-8";
    /// A close frame's reason.
    ReasonNotUtf8 = 1007, "close reason not UTF-8";
    /// Cut into needlessly many pieces. Not 1009: the JavaScript SDK takes that for a message that
    /// is too large, and stays away for good.
    TooManyFragments = 1008, "too many fragments";
    /// A flood of pings or pongs (WS-6).
    TooManyControlFrames = 1008, "too many control frames";
    /// Many reads that complete no message (WS-2).
    TooManyPieces = 1008, "too many pieces without a message";
    /// A message must be whole within a time (WS-2).
    TooSlow = 1008, "message not complete in time";
    /// The message, with all its fragments.
    TooLong = 1009, "message too long";
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Violation {}
