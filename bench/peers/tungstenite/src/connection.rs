//! One connection: what comes in goes to the hub, what the hub queues goes out.

use std::pin::pin;

use futures_util::future::select;
use futures_util::stream::{SplitStream, StreamExt, poll_fn};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::hub::{ClientId, Hub};

/// How many messages may wait for a client.
const QUEUE: usize = 256;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Serves it until either side ends it; the hub does by closing the queue.
pub(crate) async fn run(socket: Socket, hub: &Hub) {
    let (sender, mut queue) = mpsc::channel(QUEUE);
    let id = hub.register(sender);
    let (outgoing, incoming) = socket.split();

    let queued = poll_fn(move |context| queue.poll_recv(context));
    let write = queued
        .map(|message| Ok(Message::Text(message)))
        .forward(outgoing);
    select(pin!(write), pin!(read(incoming, id, hub))).await;
    hub.unregister(id);
}

async fn read(mut incoming: SplitStream<Socket>, id: ClientId, hub: &Hub) {
    while let Some(Ok(message)) = incoming.next().await {
        // tungstenite answers what is no text.
        if let Message::Text(command) = message
            && !handle(&command, id, hub)
        {
            return;
        }
    }
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
