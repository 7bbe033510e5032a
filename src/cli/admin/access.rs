//! Where the server API is, and by which key it is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::cli::connect::roots;
use crate::config::Config;
use crate::dev::{DEFAULT_STATE_DIR, api_key_path};
use crate::fetch::{Bounds, FetchFault, Fetcher, Roots, Url};

/// A call ends thousands of connections at most, and waits for a disk; explanations are long.
const BOUNDS: Bounds = Bounds {
    connect: Duration::from_secs(5),
    whole: Duration::from_secs(15),
    body: 8 * 1024 * 1024,
};

const KEY_VARIABLE: &str = "GATEPOST_API_KEY";
const URL_VARIABLE: &str = "GATEPOST_ADMIN_URL";
const DEFAULT_URL: &str = "http://127.0.0.1:9443";

#[derive(Args, Clone, Debug)]
pub(super) struct AccessArgs {
    /// The admin listener, or what stands before it; without TLS on this machine only
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,

    /// A file with the API key
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,

    /// The gateway's configuration, for the address and the key
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Trust only these certificates (PEM), not the system's
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,

    /// The state folder of development mode
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE_DIR, global = true)]
    state: PathBuf,
}

/// All that a call needs.
pub(super) struct Access {
    base: String,
    key: SecretString,
    roots: Roots,
}

impl Access {
    /// Puts it together from the arguments, the configuration and the environment; the inner error
    /// is a configuration that is not valid.
    pub(super) fn find(args: &AccessArgs) -> anyhow::Result<Result<Access, String>> {
        let config = match args.config.as_deref().map(Config::load).transpose() {
            Ok(loaded) => loaded.map(|loaded| loaded.config),
            Err(faults) => return Ok(Err(format!("the configuration is not valid\n\n{faults}"))),
        };
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let of_config = config
            .as_ref()
            .map(|config| format!("http://{}", config.listen.admin));
        let base = args.url.clone().or(of_config);
        let base = base.or_else(|| variable(URL_VARIABLE));
        let base = base.unwrap_or_else(|| DEFAULT_URL.to_owned());
        let base = base.trim_end_matches('/');
        let base = base.strip_suffix("/api").unwrap_or(base).to_owned();
        let key = match (&args.key_file, config) {
            (Some(file), _) => read_key(file)?,
            (None, Some(config)) => {
                let key = config.api_key;
                let key =
                    key.ok_or_else(|| anyhow!("the configuration has no key under [admin]"))?;
                // It was found to be ASCII when it was read.
                String::from_utf8_lossy(key.expose_secret())
                    .into_owned()
                    .into()
            }
            (None, None) => match variable(KEY_VARIABLE) {
                Some(key) => key.into(),
                None => key_of_development(args)?,
            },
        };
        let roots = roots(args.ca.as_deref())?;
        Ok(Ok(Access { base, key, roots }))
    }

    /// Calls a method.
    pub(super) async fn post(&self, method: &str, body: &Value) -> anyhow::Result<Response<Bytes>> {
        let text = format!("{}/api/{method}", self.base);
        let url = Url::configured(&text, true).map_err(|why| anyhow!("{text}: {why}"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The library's own fault would show what it was given.
        let mut key = HeaderValue::from_str(self.key.expose_secret())
            .map_err(|_| anyhow!("the API key has characters that no key has"))?;
        key.set_sensitive(true);
        headers.insert("x-api-key", key);
        let body = Bytes::from(body.to_string());
        let answer = Fetcher::new(self.roots.clone())
            .post(&url, headers, body, BOUNDS)
            .await;
        answer.map_err(|why| self.unreachable(&why))
    }

    fn unreachable(&self, why: &FetchFault) -> anyhow::Error {
        anyhow!(
            "{} does not answer ({why}): is the gateway running, and is this its admin listener?",
            self.base
        )
    }
}

fn read_key(file: &Path) -> anyhow::Result<SecretString> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read the API key from {}", file.display()))?;
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        bail!("{} is empty: it should have the API key", file.display());
    }
    Ok(key.into())
}

fn key_of_development(args: &AccessArgs) -> anyhow::Result<SecretString> {
    let file = api_key_path(&args.state);
    if !file.is_file() {
        bail!(
            "there is no API key: give --key-file, --config or the variable {KEY_VARIABLE}; \
             development mode has none in {} yet",
            args.state.display()
        );
    }
    read_key(&file)
}
