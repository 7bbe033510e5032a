//! What the tests of a process's end need.

use tokio::time::{Instant, sleep};

use super::{Gateway, PATIENCE};

impl Gateway {
    /// Waits until a line with this text is in the log.
    pub async fn until_logged(&self, text: &str) {
        let began = Instant::now();
        while !self.logged().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "{text:?} was not logged:\n{}",
                self.logged()
            );
            sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
