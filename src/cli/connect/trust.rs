//! Whose certificates a client of the command line accepts: those of a file, or the system's.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use tokio_rustls::rustls::ClientConfig;

use crate::fetch::Roots;

/// What vouches for a server; with `ca`, only what is in that file.
pub(in crate::cli) fn roots(ca: Option<&Path>) -> anyhow::Result<Roots> {
    let Some(path) = ca else {
        return Ok(Roots::System);
    };
    let text = std::fs::read(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    Roots::of_pem(&text).map_err(|why| anyhow!("{} {why}", path.display()))
}

/// The TLS settings of a client that trusts these.
pub(super) fn client_config(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let config = roots(ca)?.client_config();
    config.map_err(|why| anyhow!("{why}: give some with --ca"))
}
