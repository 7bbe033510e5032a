//! Who is subscribed to what. A client whose queue is full is cut, so that nobody waits for it and
//! nobody gets a stream with a hole.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

pub(crate) type ClientId = u64;

#[derive(Default)]
pub(crate) struct Hub(Mutex<State>);

#[derive(Default)]
struct State {
    next_id: ClientId,
    clients: HashMap<ClientId, Client>,
    channels: HashMap<String, HashMap<ClientId, Queue>>,
}

/// Ends when its client is taken out of the hub: nothing else holds the sender.
type Queue = mpsc::Sender<Utf8Bytes>;

struct Client {
    queue: Queue,
    channels: HashSet<String>,
}

impl Hub {
    pub(crate) fn register(&self, queue: Queue) -> ClientId {
        let mut state = self.0.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.clients.insert(
            id,
            Client {
                queue,
                channels: HashSet::new(),
            },
        );
        id
    }

    pub(crate) fn unregister(&self, id: ClientId) {
        self.0.lock().remove(id);
    }

    /// Subscribes a client and queues the confirmation for it.
    pub(crate) fn subscribe(&self, id: ClientId, channel: &str, confirmation: Utf8Bytes) {
        let mut state = self.0.lock();
        let Some(client) = state.clients.get_mut(&id) else {
            return;
        };
        let queue = client.queue.clone();
        client.channels.insert(channel.to_owned());
        if queue.try_send(confirmation).is_ok() {
            state
                .channels
                .entry(channel.to_owned())
                .or_default()
                .insert(id, queue);
        } else {
            state.remove(id);
        }
    }

    pub(crate) fn publish(&self, channel: &str, message: &Utf8Bytes) {
        let mut state = self.0.lock();
        let Some(members) = state.channels.get(channel) else {
            return;
        };
        let full: Vec<ClientId> = members
            .iter()
            .filter(|(_, queue)| queue.try_send(message.clone()).is_err())
            .map(|(id, _)| *id)
            .collect();
        for id in full {
            state.remove(id);
        }
    }
}

impl State {
    fn remove(&mut self, id: ClientId) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        for channel in client.channels {
            if let Some(members) = self.channels.get_mut(&channel) {
                members.remove(&id);
                if members.is_empty() {
                    self.channels.remove(&channel);
                }
            }
        }
    }
}
