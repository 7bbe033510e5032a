//! What the tests of a process's end need.

use tokio::time::{Instant, sleep};

use super::{Gateway, PATIENCE};

/// Thousands of clients need as many descriptors; the soft limit is often 1,024.
pub fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

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
