//! publish: say something in a channel, in the name of the identity.

use crate::limits::PUBLICATION_BYTES;
use crate::protocol::{Data, ErrorCode};
use crate::session::client::{Client, Stop, bad_request, parse_channel};

impl Client {
    pub(in crate::session) async fn publish(
        &mut self,
        id: u32,
        channel: &str,
        data: Data,
        kind: i32,
    ) -> Result<(), Stop> {
        let channel = parse_channel(channel)?;
        if kind != 0 {
            return Err(ErrorCode::NotAvailable.into());
        }
        let data = data?.ok_or_else(|| bad_request("bad request: publish without data"))?;
        if data.len() > PUBLICATION_BYTES {
            return Err(bad_request(
                "bad request: a publication holds at most 65536 bytes",
            ));
        }
        self.refuse_in_grace()?;
        let (permit, sender) = self.permit_to_publish(channel)?;
        let history = permit.features().history;
        self.node
            .engine
            .publish(permit.channel(), data, Some(sender), history)
            .await?;
        self.node.metrics.publications.inc();
        self.reply(id, permit.answer());
        Ok(())
    }
}
