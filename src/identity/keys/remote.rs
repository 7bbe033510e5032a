//! Where the keys of an issuer are published, as the configuration says it.

use std::time::Duration;

use crate::fetch::{Roots, Url, UrlFault};

/// Keys that are fetched from the issuer while the gateway runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteKeys {
    /// The document to fetch.
    pub at: KeysAt,
    /// Whether names may lead into private networks.
    pub allow_private: bool,
    /// Who vouches for the issuer's server.
    pub roots: Roots,
    /// How often they are fetched, where the answer does not say; 5 min by default.
    pub refresh: Duration,
    /// How long the last good ones are used while no others can be had; 24 h by default.
    pub max_stale: Duration,
    /// Whether the node is ready only with keys of this issuer; true by default.
    pub required: bool,
    /// Whether connections end when the key that signed their token is no longer published.
    pub close_on_key_removal: bool,
}

/// The document that leads to an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// A JWK Set.
    Jwks(Url),
    /// A discovery document, which names the JWK Set.
    Discovery(Url),
}

impl RemoteKeys {
    /// Settings with the defaults of the configuration reference.
    pub fn new(at: KeysAt) -> RemoteKeys {
        RemoteKeys {
            at,
            allow_private: false,
            roots: Roots::System,
            refresh: Duration::from_secs(5 * 60),
            max_stale: Duration::from_secs(24 * 3600),
            required: true,
            close_on_key_removal: false,
        }
    }
}

impl KeysAt {
    /// The discovery document of an issuer, which must be a URL (OpenID Connect Discovery 1.0 §4.1).
    ///
    /// # Errors
    /// When `issuer` is no URL that may be fetched from.
    pub fn discovery_of(issuer: &str, allow_private: bool) -> Result<KeysAt, UrlFault> {
        if issuer.contains(['?', '#']) {
            return Err(UrlFault::NotAUrl);
        }
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let url = format!("{base}/.well-known/openid-configuration");
        Url::configured(&url, allow_private).map(KeysAt::Discovery)
    }
}
