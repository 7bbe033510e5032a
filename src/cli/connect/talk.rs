//! What both kinds of talk have in common: text comes in, lines to show and frames to send come out.
//!
//! A talk is a state machine without I/O and without a clock, so that a test can hold it whole.

use std::time::Duration;

/// How many lines may be on their way before the next one is read: while a send waits nothing is
/// read, so that two full pipes would wait for each other for ever.
pub(super) const MOST_IN_FLIGHT: usize = 32;

/// A talk over an open WebSocket.
pub(super) trait Talk: Send {
    /// The frame to begin with.
    fn begin(&mut self) -> Option<String>;

    /// Takes a line that was typed.
    fn typed(&mut self, line: &str) -> Outcome;

    /// Takes a text frame that arrived.
    fn arrived(&mut self, text: &str) -> Outcome;

    /// Whether it can take a line now.
    fn wants_input(&self) -> bool;

    /// Whether nothing that was sent is still unanswered.
    fn is_idle(&self) -> bool;

    /// How long the server may be silent before it is taken for lost.
    fn silence(&self) -> Option<Duration>;
}

/// What follows from something that was typed or that arrived.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Lines to show, not cleaned yet.
    pub(super) show: Vec<String>,
    /// A frame to send.
    pub(super) send: Option<String>,
    /// The talk is over, and why.
    pub(super) over: Option<String>,
}

impl Outcome {
    /// Shows one line.
    pub(super) fn show(line: impl Into<String>) -> Outcome {
        Outcome {
            show: vec![line.into()],
            ..Outcome::default()
        }
    }

    /// Sends one frame.
    pub(super) fn send(frame: String) -> Outcome {
        Outcome {
            send: Some(frame),
            ..Outcome::default()
        }
    }
}
