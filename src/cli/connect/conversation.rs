//! The loop between terminal and WebSocket: carries a talk until one of both ends it.
//!
//! Everything is read and written here, by one task; the talk decides what.

use std::convert::Infallible;
use std::io::{self, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use super::input::Typed;
use super::print::Printer;
use super::talk::{Outcome, Talk};
use super::upgrade::Stream;

/// How long a frame may take to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long what was sent may take to be answered once the input has ended.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the other side may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Stands for "no deadline": far, and still a time that timers know.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the end of the input means.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AtEnd {
    /// Close, once all is answered.
    Close,
    /// Go on listening.
    Stay,
}

/// How it ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// We closed it.
    Ours,
    /// Nobody reads what we print; we closed it then.
    OutputClosed,
    /// The server closed it, or it broke off.
    Lost(String),
}

/// An open WebSocket, and what is done with it.
pub(super) struct Conversation<S, W> {
    socket: WebSocketStream<S>,
    talk: Box<dyn Talk>,
    printer: Printer<W>,
    at_end: AtEnd,
    /// When something arrived last.
    heard: Instant,
    input_ended: bool,
    /// Set at the end of the input, when that ends the conversation.
    answers_until: Option<Instant>,
}

impl<S: Stream, W: Write> Conversation<S, W> {
    pub(super) fn new(
        socket: WebSocketStream<S>,
        talk: Box<dyn Talk>,
        printer: Printer<W>,
        at_end: AtEnd,
    ) -> Conversation<S, W> {
        let heard = Instant::now();
        Conversation {
            socket,
            talk,
            printer,
            at_end,
            heard,
            input_ended: false,
            answers_until: None,
        }
    }

    /// Talks until `stop`, the end of the input, or the end of the connection.
    pub(super) async fn run(
        mut self,
        lines: &mut mpsc::Receiver<Typed>,
        stop: Pin<&mut impl Future<Output = ()>>,
    ) -> End {
        let Break(end) = self.talk(lines, stop).await;
        self.close().await;
        let last = match &end {
            End::Ours => "* closed",
            End::OutputClosed => return end,
            End::Lost(reason) => &format!("* {reason}"),
        };
        match self.print(last) {
            // Whoever closed the pipe now had all but this line; how it ended is not changed by it.
            Break(End::OutputClosed) | Continue(()) => end,
            Break(fault) => fault,
        }
    }

    async fn talk(
        &mut self,
        lines: &mut mpsc::Receiver<Typed>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> ControlFlow<End, Infallible> {
        if let Some(frame) = self.talk.begin() {
            self.send(frame).await?;
        }
        loop {
            if self.answers_until.is_some() && self.talk.is_idle() {
                return Break(End::Ours);
            }
            let deadline = self.deadline();
            // Every future here may be dropped and made anew: `recv`, `next` and the timer lose
            // nothing by that, and `stop` is only lent.
            tokio::select! {
                () = stop.as_mut() => return Break(End::Ours),
                line = lines.recv(), if self.wants_input() => self.typed(line).await?,
                message = self.socket.next() => self.arrived(message).await?,
                () = sleep_until(deadline) => return Break(self.overdue()),
            }
        }
    }

    fn wants_input(&self) -> bool {
        !self.input_ended && self.talk.wants_input()
    }

    async fn typed(&mut self, line: Option<Typed>) -> ControlFlow<End> {
        match line {
            Some(Ok(line)) => {
                let outcome = self.talk.typed(&line);
                self.follow(outcome).await
            }
            Some(Err(reason)) => self.print(&format!("* not sent: {reason}")),
            None => {
                self.input_ended = true;
                if self.at_end == AtEnd::Close {
                    self.answers_until = Some(Instant::now() + ANSWER_TIMEOUT);
                }
                Continue(())
            }
        }
    }

    async fn arrived(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> ControlFlow<End> {
        self.heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => {
                let outcome = self.talk.arrived(&text);
                self.follow(outcome).await
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.print(&format!("* a binary frame of {} bytes", bytes.len()))
            }
            Some(Ok(Message::Close(frame))) => Break(End::Lost(closed(frame))),
            // The library answers pings when it is asked for the next message.
            Some(Ok(_)) => Continue(()),
            Some(Err(fault)) => Break(End::Lost(format!("lost the connection: {fault}"))),
            None => Break(End::Lost("lost the connection: it broke off".into())),
        }
    }

    async fn follow(&mut self, outcome: Outcome) -> ControlFlow<End> {
        for line in &outcome.show {
            self.print(line)?;
        }
        if let Some(frame) = outcome.send {
            self.send(frame).await?;
        }
        match outcome.over {
            Some(reason) => Break(End::Lost(reason)),
            None => Continue(()),
        }
    }

    async fn send(&mut self, frame: String) -> ControlFlow<End> {
        match timeout(SEND_TIMEOUT, self.socket.send(Message::text(frame))).await {
            Ok(Ok(())) => Continue(()),
            Ok(Err(fault)) => Break(End::Lost(format!("lost the connection: {fault}"))),
            Err(_) => Break(End::Lost(
                "lost the connection: the server reads no more".into(),
            )),
        }
    }

    /// Printing may wait for whoever reads; so does everything else then, as it should.
    fn print(&mut self, line: &str) -> ControlFlow<End> {
        match self.printer.line(line) {
            Ok(()) => Continue(()),
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Break(End::OutputClosed),
            Err(fault) => Break(End::Lost(format!("cannot write the output: {fault}"))),
        }
    }

    fn deadline(&self) -> Instant {
        let silence = self.heard + self.talk.silence().unwrap_or(NEVER);
        self.answers_until
            .map_or(silence, |until| until.min(silence))
    }

    fn overdue(&self) -> End {
        End::Lost(
            match self
                .answers_until
                .is_some_and(|until| until <= Instant::now())
            {
                true => "what was sent last was not answered".into(),
                false => "lost the connection: the server is silent, not even a ping".into(),
            },
        )
    }

    /// Says goodbye and waits a moment for the answer; whatever else still arrives is not shown.
    async fn close(&mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let goodbye = async {
            // Where the other side is gone already, there is nobody to hear it.
            let _ = self.socket.close(Some(frame)).await;
            while let Some(Ok(_)) = self.socket.next().await {}
            let _ = self.socket.get_mut().shutdown().await;
        };
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

fn closed(frame: Option<CloseFrame>) -> String {
    match frame {
        Some(frame) => format!(
            "closed by the server: {} {}",
            u16::from(frame.code),
            frame.reason
        ),
        None => "closed by the server, without a code".into(),
    }
}

#[cfg(test)]
mod tests;
