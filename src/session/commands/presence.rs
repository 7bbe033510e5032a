//! presence and presence_stats: who is there, and how many.

use crate::limits::PRESENCE_ENTRIES;
use crate::session::client::{Client, Stop, parse_channel};
use crate::session::permit::{Presence, ToSeePresence};

impl Client {
    pub(in crate::session) async fn presence(&self, id: u32, channel: &str) -> Result<(), Stop> {
        let permit = self.permit::<ToSeePresence>(parse_channel(channel)?)?;
        let clients = self
            .node
            .engine
            .presence(permit.channel(), PRESENCE_ENTRIES)
            .await?;
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
