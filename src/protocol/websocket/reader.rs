//! Reads a client's frames from whatever pieces its bytes arrive in.
//!
//! Between messages it owns no buffer, and inside one only what has arrived: an announced length
//! is judged when the header is complete, and never reserved. The same bytes give the same frames,
//! or the same violation, however they are cut.

use std::fmt;

use bytes::Bytes;

use super::header::{Header, MAX_HEADER, Opcode};
use super::mask::unmask;
use super::{Violation, may_be_in_a_frame};

/// The most fragments of one message.
const MAX_FRAGMENTS: u8 = 64;

/// A message or a control frame of a client, whole and unmasked.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// All fragments of a message together. Text has been found to be UTF-8.
    Message {
        /// Or text.
        binary: bool,
        /// A copy of its own, which pins no read buffer.
        data: Bytes,
    },
    /// To be answered with a pong that carries the same.
    Ping(Bytes),
    /// Of no consequence; the client protocol has pongs of its own.
    Pong,
    /// The client's end. Whatever comes behind it is swallowed.
    Close {
        /// May be sent back; none when the client gave none.
        code: Option<u16>,
    },
}

/// Prints lengths only: a message may hold a token.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message {
                binary: false,
                data,
            } => write!(f, "Text({} bytes)", data.len()),
            Frame::Message { binary: true, data } => write!(f, "Binary({} bytes)", data.len()),
            Frame::Ping(data) => write!(f, "Ping({} bytes)", data.len()),
            Frame::Pong => f.write_str("Pong"),
            Frame::Close { code } => write!(f, "Close({code:?})"),
        }
    }
}

/// The state of one connection's input.
pub struct FrameReader {
    max_message: usize,
    /// What has begun and is not complete. In a box: most of the time there is nothing.
    open: Option<Box<Open>>,
    /// After a close frame or a violation.
    ended: bool,
}

/// What has arrived of frames and messages that are not complete.
#[derive(Default)]
struct Open {
    header: PartialHeader,
    frame: Option<OpenFrame>,
    message: Option<OpenMessage>,
    /// The payload of a control frame that has not fully arrived.
    control: Vec<u8>,
}

/// The first bytes of a header whose rest has not arrived.
#[derive(Default)]
struct PartialHeader {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

/// A frame whose header is complete.
struct OpenFrame {
    header: Header,
    received: u64,
}

/// A message of which a frame has begun.
struct OpenMessage {
    binary: bool,
    fragments: u8,
    data: Vec<u8>,
}

impl FrameReader {
    /// For messages of up to `max_message` bytes, all fragments together.
    pub fn new(max_message: usize) -> FrameReader {
        FrameReader {
            max_message,
            open: None,
            ended: false,
        }
    }

    /// Holds for frames whose header is not complete yet.
    pub fn set_max_message(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    /// Whether a frame or a fragmented message has begun and is not complete.
    pub fn is_mid_message(&self) -> bool {
        self.open.is_some()
    }

    /// The next frame, if it is complete; takes what it used from `input`.
    ///
    /// `None` means that the input is used up. After [`Frame::Close`] or a violation the input is
    /// swallowed, so that the caller can drain the socket until the client hangs up.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        if self.ended {
            *input = &[];
            return Ok(None);
        }
        let mut open = self.open.take().map_or_else(Open::default, |open| *open);
        let frame = open.read_frame(input, self.max_message);
        self.ended = matches!(frame, Err(_) | Ok(Some(Frame::Close { .. })));
        if !self.ended && open.has_begun() {
            self.open = Some(Box::new(open));
        }
        frame
    }

    /// The bytes of payload that it has room for.
    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        self.open.as_ref().map_or(0, |open| {
            open.control.capacity() + open.message.as_ref().map_or(0, |m| m.data.capacity())
        })
    }
}

impl Open {
    fn has_begun(&self) -> bool {
        self.header.len > 0 || self.frame.is_some() || self.message.is_some()
    }

    fn read_frame(
        &mut self,
        input: &mut &[u8],
        max_message: usize,
    ) -> Result<Option<Frame>, Violation> {
        loop {
            if self.frame.is_none() {
                let Some(header) = self.header.take(input)? else {
                    return Ok(None);
                };
                self.begin(&header, max_message)?;
                self.frame = Some(OpenFrame {
                    header,
                    received: 0,
                });
            }
            let Some(header) = self.take_payload(input) else {
                return Ok(None);
            };
            // A fragment that is not the last one completes nothing.
            if let Some(frame) = self.finish(&header)? {
                return Ok(Some(frame));
            }
        }
    }

    /// Judges a header by what came before, and by its length, before any payload.
    fn begin(&mut self, header: &Header, max_message: usize) -> Result<(), Violation> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let before = match (&self.message, header.opcode) {
            (Some(message), Opcode::Continuation) => message.data.len(),
            (None, Opcode::Continuation) => return Err(Violation::NothingToContinue),
            (Some(_), _) => return Err(Violation::Interleaved),
            (None, _) => 0,
        };
        let room = max_message.saturating_sub(before);
        if header.length > room as u64 {
            return Err(Violation::TooLong);
        }
        let message = self.message.get_or_insert_with(|| OpenMessage {
            binary: header.opcode == Opcode::Binary,
            fragments: 0,
            data: Vec::new(),
        });
        if message.fragments == MAX_FRAGMENTS {
            return Err(Violation::TooManyFragments);
        }
        message.fragments += 1;
        Ok(())
    }

    /// Moves payload from the input; gives the header when the frame is complete.
    ///
    /// A message that is in the input as a whole is copied once, into a buffer of its size.
    fn take_payload(&mut self, input: &mut &[u8]) -> Option<Header> {
        let frame = self.frame.as_mut()?;
        let missing = frame.header.length - frame.received;
        let taken = usize::try_from(missing)
            .unwrap_or(usize::MAX)
            .min(input.len());
        let (payload, rest) = input.split_at(taken);
        *input = rest;
        let buffer = match &mut self.message {
            Some(message) if !frame.header.opcode.is_control() => &mut message.data,
            _ => &mut self.control,
        };
        let start = buffer.len();
        buffer.extend_from_slice(payload);
        // Only the place within the key's four bytes matters.
        unmask(
            &mut buffer[start..],
            frame.header.key,
            (frame.received % 4) as usize,
        );
        frame.received += taken as u64;
        if frame.received < frame.header.length {
            return None;
        }
        self.frame.take().map(|frame| frame.header)
    }

    /// What a frame that has fully arrived completes.
    fn finish(&mut self, header: &Header) -> Result<Option<Frame>, Violation> {
        match header.opcode {
            Opcode::Continuation | Opcode::Text | Opcode::Binary if !header.is_final => Ok(None),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let Some(message) = self.message.take() else {
                    return Ok(None);
                };
                if !message.binary && simdutf8::basic::from_utf8(&message.data).is_err() {
                    return Err(Violation::TextNotUtf8);
                }
                let data = Bytes::from(message.data);
                Ok(Some(Frame::Message {
                    binary: message.binary,
                    data,
                }))
            }
            Opcode::Ping => Ok(Some(Frame::Ping(Bytes::from(std::mem::take(
                &mut self.control,
            ))))),
            Opcode::Pong => {
                self.control = Vec::new();
                Ok(Some(Frame::Pong))
            }
            Opcode::Close => {
                let code = close_code(&self.control)?;
                Ok(Some(Frame::Close { code }))
            }
        }
    }
}

impl PartialHeader {
    /// The next header, of bytes kept from before and of the input; keeps what is too little.
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Violation> {
        if self.len == 0
            && let Some((header, size)) = Header::parse(input)?
        {
            *input = &input[size..];
            return Ok(Some(header));
        }
        // Byte by byte, since only a complete header tells its size. It is complete, or refused,
        // before the array is full.
        while let (Some((byte, rest)), Some(place)) = (
            input.split_first(),
            self.bytes.get_mut(usize::from(self.len)),
        ) {
            *place = *byte;
            self.len += 1;
            *input = rest;
            if let Some((header, _)) = Header::parse(&self.bytes[..usize::from(self.len)])? {
                self.len = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}

/// The code in a close frame's payload (RFC 6455 §5.5.1).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Violation::CloseCode)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_in_a_frame(code) {
        return Err(Violation::CloseCode);
    }
    if simdutf8::basic::from_utf8(reason).is_err() {
        return Err(Violation::ReasonNotUtf8);
    }
    Ok(Some(code))
}

// An idle connection is its TLS state and little else.
const _: () = assert!(size_of::<FrameReader>() <= 24);
