//! history: what was published before.

use crate::engine::{HistoryError, HistoryQuery};
use crate::limits::{HISTORY_PAGE, HISTORY_PAGE_BYTES};
use crate::protocol::{ErrorCode, HistoryRequest, HistoryResult};
use crate::session::client::{Client, Stop, bad_request, parse_channel};
use crate::session::permit::ToReadHistory;

impl Client {
    pub(in crate::session) async fn history(
        &self,
        id: u32,
        request: HistoryRequest,
    ) -> Result<(), Stop> {
        let channel = parse_channel(&request.channel)?;
        let since = request.since.as_ref();
        if request.reverse && since.is_some_and(|since| since.offset == 0) {
            return Err(bad_request("bad request: nothing stands before offset 0"));
        }
        let permit = self.permit::<ToReadHistory>(channel)?;
        let query = HistoryQuery {
            // Negative: as many as a page holds.
            limit: usize::try_from(request.limit).map_or(HISTORY_PAGE, |n| n.min(HISTORY_PAGE)),
            since: since.map(|since| since.offset),
            epoch: since.map_or_else(String::new, |since| since.epoch.clone()),
            reverse: request.reverse,
            max_bytes: HISTORY_PAGE_BYTES,
        };
        let page = match self.node.engine.history(permit.channel(), query).await {
            Ok(page) => page,
            Err(HistoryError::UnrecoverablePosition) => {
                return Err(ErrorCode::UnrecoverablePosition.into());
            }
            Err(HistoryError::Engine(error)) => return Err(error.into()),
        };
        let result = HistoryResult {
            publications: page.publications,
            offset: page.position.offset,
            epoch: page.position.epoch.to_string(),
        };
        self.reply(id, permit.answer(result));
        Ok(())
    }
}
