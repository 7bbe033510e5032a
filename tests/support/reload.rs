//! A configuration that is changed while it is in force.

use serde_json::Value;
use tokio::time::Instant;

use super::{Gateway, PATIENCE, http};

impl Gateway {
    /// The text of the configuration as it is written.
    pub fn written(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("gatepost.toml")).unwrap()
    }

    /// Writes another file in place of one, at one moment.
    pub fn put(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let (new, old) = (
            self.folder.path().join("new"),
            self.folder.path().join(name),
        );
        std::fs::write(&new, text).unwrap();
        // What a key must be, and what hurts nothing else.
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(new, old).unwrap();
    }

    /// Has this configuration read in place of the old, and tells whether it was taken over.
    pub async fn reload(&self, text: &str) -> bool {
        self.put("gatepost.toml", text);
        let done = |result| format!("gatepost_reloads_total{{result=\"{result}\"}}");
        let (good, bad) = (done("done"), done("failed"));
        let before = (self.metric(&good).await, self.metric(&bad).await);
        self.signal("HUP");
        let began = Instant::now();
        loop {
            if self.metric(&good).await > before.0 {
                return true;
            }
            if self.metric(&bad).await > before.1 {
                return false;
            }
            assert!(began.elapsed() < PATIENCE, "the reload takes too long");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// What readiness tells of what was not taken over.
    pub async fn not_reloaded(&self) -> Value {
        let body = http::get_clear(self.admin, "/health/ready").await.body;
        let body: Value = serde_json::from_str(&body).unwrap();
        body["not_reloaded"].clone()
    }
}
