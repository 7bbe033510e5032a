//! One connection: what comes in goes to the hub, what the hub queues goes out.

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::hub::{ClientId, Hub};

/// How many messages may wait for a client.
const QUEUE: usize = 256;

pub(crate) async fn run(mut socket: WebSocketStream<TokioIo<Upgraded>>, hub: &Hub) {
    let (sender, mut queue) = mpsc::channel(QUEUE);
    let id = hub.register(sender);
    loop {
        tokio::select! {
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Text(command))) if handle(&command, id, hub) => {}
                // tungstenite answers them itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => break,
            },
            queued = queue.recv() => match queued {
                Some(message) => if socket.send(Message::Text(message)).await.is_err() { break },
                // The hub has cut this client.
                None => break,
            },
        }
    }
    hub.unregister(id);
    // Best effort: the other side may be gone.
    let _ = socket.close(None).await;
}

/// Carries out one command; false when it is none.
fn handle(command: &Utf8Bytes, id: ClientId, hub: &Hub) -> bool {
    if let Some(channel) = command.strip_prefix('+') {
        hub.subscribe(id, channel, command.clone());
        return true;
    }
    let Some(published) = command.strip_prefix('>') else {
        return false;
    };
    let channel = published.split(' ').next().unwrap_or(published);
    hub.publish(channel, &format!("<{published}").into());
    true
}
