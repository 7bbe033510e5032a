//! unsubscribe: hear a channel no longer. Always a success, since an SDK reconnects on an error.

use crate::policy::ChannelName;
use crate::session::client::{Client, Stop};
use crate::session::permit::Answer;

impl Client {
    pub(in crate::session) async fn unsubscribe(
        &mut self,
        id: u32,
        channel: &str,
    ) -> Result<(), Stop> {
        // What is no name cannot be subscribed to.
        if let Ok(channel) = ChannelName::parse(channel) {
            self.leave(&channel).await;
        }
        self.reply(id, Answer::unsubscribed());
        Ok(())
    }
}
