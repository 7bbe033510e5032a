//! Whole conversations with a server of the test, over a pipe in memory.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::cli::connect::channels::Channels;
use crate::cli::connect::echo::Echo;
use crate::clock::{Clock, UnixSeconds};

type Server = WebSocketStream<DuplexStream>;

/// Keeps what is printed; breaks like a pipe after `breaks_after` lines.
#[derive(Clone, Default)]
struct Paper {
    text: Arc<Mutex<String>>,
    breaks_after: Option<usize>,
}

impl Paper {
    /// The lines without the time, which stands still.
    fn lines(&self) -> Vec<String> {
        self.text
            .lock()
            .lines()
            .map(|l| l.strip_prefix("00:00:00Z ").unwrap().to_owned())
            .collect()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.text.lock();
        if self
            .breaks_after
            .is_some_and(|most| text.lines().count() >= most)
        {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        text.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Ends {
    server: Server,
    typed: mpsc::Sender<Typed>,
    stop: oneshot::Sender<()>,
    paper: Paper,
    client: JoinHandle<End>,
}

async fn begin(talk: impl Talk + 'static, at_end: AtEnd, paper: Paper) -> Ends {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let server = WebSocketStream::from_raw_socket(there, Role::Server, None).await;
    let socket = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
    let (typed, mut lines) = mpsc::channel(64);
    let (stop, stopped) = oneshot::channel::<()>();
    let printer = Printer::new(paper.clone(), Clock::manual(UnixSeconds(0)));
    let conversation = Conversation::new(socket, Box::new(talk), printer, at_end);
    let client = tokio::spawn(async move {
        let stop = std::pin::pin!(async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        conversation.run(&mut lines, stop).await
    });
    Ends {
        server,
        typed,
        stop,
        paper,
        client,
    }
}

impl Ends {
    async fn say(&mut self, text: &str) {
        self.server.send(Message::text(text)).await.unwrap();
    }

    async fn type_line(&self, line: &str) {
        self.typed.send(Ok(line.to_owned())).await.unwrap();
    }

    async fn hear(&mut self) -> Message {
        self.server.next().await.unwrap().unwrap()
    }

    async fn hear_text(&mut self) -> String {
        self.hear().await.into_text().unwrap().to_string()
    }

    /// Answers connect and one subscribe.
    async fn welcome(&mut self) {
        self.hear_text().await;
        self.say(concat!(
            r#"{"id":1,"connect":{"client":"c1","version":"V","ping":25,"pong":true}}"#,
            "\n",
            r#"{"id":2,"subscribe":{}}"#
        ))
        .await;
    }

    /// Reads until the client closes, and returns the code that it closed with.
    async fn hear_goodbye(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(Ok(message)) = self.server.next().await {
            if let Message::Close(frame) = message {
                code = frame.map(|frame| frame.code.into());
            }
        }
        let _ = self.server.get_mut().shutdown().await;
        code
    }
}

fn talk() -> Channels {
    Channels::new(&["chat:a".to_owned()])
}

#[tokio::test]
async fn it_talks_and_is_stopped_with_a_close_frame() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.welcome().await;
    ends.type_line("hello").await;
    let publish = r#"{"id":3,"publish":{"channel":"chat:a","data":{"text":"hello"}}}"#;
    assert_eq!(ends.hear_text().await, publish);
    ends.say(r#"{"push":{"channel":"chat:a","pub":{"data":"\u001b","info":{"user":"a"}}}}"#)
        .await;
    ends.say("{}").await;
    assert_eq!(ends.hear_text().await, "{}", "a ping is answered");
    ends.server.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(ends.hear().await, Message::Pong("x".into()));

    let Ends {
        server,
        typed,
        stop,
        paper,
        client,
    } = ends;
    stop.send(()).unwrap();
    let mut ends = Ends {
        server,
        typed,
        stop: oneshot::channel().0,
        paper,
        client,
    };
    assert_eq!(ends.hear_goodbye().await, Some(1000));
    assert_eq!(ends.client.await.unwrap(), End::Ours);
    assert_eq!(
        ends.paper.lines(),
        [
            "* connected to V as client c1",
            "* subscribed to chat:a",
            r#"chat:a a "\u001b""#,
            "* closed"
        ]
    );
}

#[tokio::test]
async fn a_close_of_the_server_is_shown_cleaned() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.welcome().await;
    let frame = CloseFrame {
        code: CloseCode::from(3001),
        reason: "shut\u{9b}down".into(),
    };
    ends.server.send(Message::Close(Some(frame))).await.unwrap();
    assert_eq!(ends.hear_goodbye().await, Some(3001), "it is answered");
    assert!(matches!(ends.client.await.unwrap(), End::Lost(reason) if reason.contains("3001")));
    let last = ends.paper.lines().pop().unwrap();
    assert_eq!(last, "* closed by the server: 3001 shut\\u009bdown");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_lost() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.welcome().await;
    drop(ends.server);
    assert!(matches!(ends.client.await.unwrap(), End::Lost(_)));
    assert!(
        ends.paper
            .lines()
            .pop()
            .unwrap()
            .starts_with("* lost the connection: ")
    );
}

#[tokio::test]
async fn a_refused_connect_is_an_end() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.hear_text().await;
    ends.say(r#"{"id":1,"error":{"code":103,"message":"permission denied"}}"#)
        .await;
    ends.hear_goodbye().await;
    assert!(matches!(ends.client.await.unwrap(), End::Lost(_)));
    assert_eq!(
        ends.paper.lines(),
        ["* connect was refused: error 103 permission denied"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_lost_after_the_ping_is_overdue() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.welcome().await;
    let start = Instant::now();
    let goodbye = ends.hear_goodbye().await;
    assert_eq!((goodbye, start.elapsed().as_secs()), (Some(1000), 35));
    assert!(matches!(ends.client.await.unwrap(), End::Lost(reason) if reason.contains("silent")));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_connect_is_lost_too() {
    let ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    assert!(matches!(ends.client.await.unwrap(), End::Lost(reason) if reason.contains("silent")));
}

#[tokio::test]
async fn a_broken_pipe_is_success() {
    let paper = Paper {
        breaks_after: Some(1),
        ..Paper::default()
    };
    let mut ends = begin(talk(), AtEnd::Stay, paper).await;
    ends.welcome().await;
    assert_eq!(ends.hear_goodbye().await, Some(1000));
    assert_eq!(ends.client.await.unwrap(), End::OutputClosed);
    assert_eq!(ends.paper.lines(), ["* connected to V as client c1"]);
}

#[tokio::test]
async fn an_echo_ends_with_its_input_once_all_is_back() {
    let mut ends = begin(Echo::default(), AtEnd::Close, Paper::default()).await;
    for line in ["one", "{}", ""] {
        ends.type_line(line).await;
    }
    ends.typed = mpsc::channel(1).0;
    for line in ["one", "{}", ""] {
        let message = ends.hear().await;
        assert_eq!(message, Message::text(line));
        ends.server.send(message).await.unwrap();
    }
    assert_eq!(ends.hear_goodbye().await, Some(1000));
    assert_eq!(ends.client.await.unwrap(), End::Ours);
    assert_eq!(
        ends.paper.text.lock().as_str().matches("00:00:00Z").count(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_never_answered_is_not_waited_for_for_ever() {
    let mut ends = begin(Echo::default(), AtEnd::Close, Paper::default()).await;
    ends.type_line("one").await;
    ends.typed = mpsc::channel(1).0;
    ends.hear().await;
    let start = Instant::now();
    ends.hear_goodbye().await;
    assert_eq!(start.elapsed(), ANSWER_TIMEOUT);
    assert!(matches!(ends.client.await.unwrap(), End::Lost(reason) if reason.contains("answered")));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_piped_input_is_not_the_end_of_listening() {
    let mut ends = begin(talk(), AtEnd::Stay, Paper::default()).await;
    ends.welcome().await;
    ends.typed = mpsc::channel(1).0;
    tokio::time::sleep(Duration::from_secs(20)).await;
    ends.say(r#"{"push":{"channel":"chat:a","pub":{"data":1}}}"#)
        .await;
    ends.say("{}").await;
    assert_eq!(ends.hear_text().await, "{}");
    assert_eq!(ends.paper.lines().pop().unwrap(), "chat:a #backend 1");
}

#[tokio::test]
async fn lines_that_cannot_be_sent_are_said() {
    let mut ends = begin(Echo::default(), AtEnd::Close, Paper::default()).await;
    ends.typed.send(Err("the line is no UTF-8")).await.unwrap();
    ends.typed = mpsc::channel(1).0;
    ends.hear_goodbye().await;
    assert_eq!(ends.client.await.unwrap(), End::Ours);
    assert_eq!(
        ends.paper.lines(),
        ["* not sent: the line is no UTF-8", "* closed"]
    );
}
