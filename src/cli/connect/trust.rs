//! Whose certificates the client accepts: those of a file, or the system's.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use tokio_rustls::rustls::ClientConfig;

use crate::fetch::Roots;

/// The TLS settings of the client; with `ca`, only what that file vouches for is trusted.
pub(super) fn client_config(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let roots = match ca {
        Some(path) => {
            let text = std::fs::read(path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            Roots::of_pem(&text).map_err(|why| anyhow!("{} {why}", path.display()))?
        }
        None => Roots::System,
    };
    let config = roots.client_config();
    config.map_err(|why| anyhow!("{why}: give some with --ca"))
}
