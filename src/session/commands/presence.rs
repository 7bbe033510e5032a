//! presence and presence_stats: who is there, and how many.

use std::sync::Arc;

use crate::limits::{HISTORY_ENTRY_BYTES, HISTORY_PAGE_BYTES, PRESENCE_ENTRIES};
use crate::protocol::ClientInfo;
use crate::session::client::{Client, Stop, parse_channel};
use crate::session::permit::{Presence, ToSeePresence};

impl Client {
    pub(in crate::session) async fn presence(&self, id: u32, channel: &str) -> Result<(), Stop> {
        let permit = self.permit::<ToSeePresence>(parse_channel(channel)?)?;
        let mut clients = self
            .node
            .engine
            .presence(permit.channel(), PRESENCE_ENTRIES)
            .await?;
        truncate(&mut clients);
        self.reply(id, permit.answer(Presence::Clients(clients)));
        Ok(())
    }

    pub(in crate::session) async fn presence_stats(
        &self,
        id: u32,
        channel: &str,
    ) -> Result<(), Stop> {
        let permit = self.permit::<ToSeePresence>(parse_channel(channel)?)?;
        let stats = self.node.engine.presence_stats(permit.channel()).await?;
        let answer = Presence::Stats {
            num_clients: u32::try_from(stats.connections).unwrap_or(u32::MAX),
            num_users: u32::try_from(stats.users).unwrap_or(u32::MAX),
        };
        self.reply(id, permit.answer(answer));
        Ok(())
    }
}

/// An answer must fit the outbox, whatever its entries show of themselves.
fn truncate(clients: &mut Vec<Arc<ClientInfo>>) {
    let mut bytes = 0;
    let fitting = clients.iter().take_while(|info| {
        // The client's id stands there twice: it is the key of its entry.
        bytes += info.shown_bytes() + info.client.len() + HISTORY_ENTRY_BYTES;
        bytes <= HISTORY_PAGE_BYTES
    });
    let count = fitting.count();
    clients.truncate(count);
}
