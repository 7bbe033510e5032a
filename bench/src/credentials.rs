//! What server and clients need to trust each other: made anew for each run, in a folder that goes
//! away with it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;
use tempfile::TempDir;
use tokio_rustls::rustls::ClientConfig;

use crate::clock;
use crate::dialect::pusher;
use crate::tls;

/// What a token says of its issuer; the same in `gatepost.toml`.
const ISSUER: &str = "https://bench.example.com/";
const AUDIENCE: &str = "bench";
/// Seconds that a token lives.
const LIFE: u64 = 3600;

/// Certificate, key and secret, and the client's half.
pub struct Credentials {
    folder: TempDir,
    secret: String,
    key: EncodingKey,
    /// How a client speaks TLS to a server that has them.
    pub client: Arc<ClientConfig>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    teams: [&'a str; 2],
    info: Info<'a>,
}

/// What others are shown of a sender.
#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    #[serde(rename = "x-sockudo-client-id")]
    user: &'a str,
    #[serde(rename = "x-sockudo-capability")]
    channels: BTreeMap<&'a str, [&'a str; 2]>,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

impl Credentials {
    /// Makes a self-signed P-256 certificate for `localhost`, and a secret.
    pub fn make() -> Result<Credentials> {
        let folder = tempfile::tempdir().context("a folder for certificate and key")?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let secret: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(48)
            .collect();
        let credentials = Credentials {
            key: EncodingKey::from_secret(secret.as_bytes()),
            client: tls::client(made.cert.der().clone())?,
            folder,
            secret,
        };
        credentials.put("cert.pem", made.cert.pem().as_bytes())?;
        credentials.put("key.pem", made.signing_key.serialize_pem().as_bytes())?;
        Ok(credentials)
    }

    /// Writes a file of this run, for nobody else to read.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        use std::io::Write;
        let path = self.folder.path().join(name);
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The environment by which a peer learns of them.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("BENCH_CERTIFICATE", self.folder.path().join("cert.pem")),
            ("BENCH_KEY", self.folder.path().join("key.pem")),
            ("BENCH_SECRET", PathBuf::from(&self.secret)),
        ]
    }

    /// The secret that tokens are signed with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The same as [`Credentials::token`], as Sockudo wants it.
    pub fn capability_token(&self, user: &str) -> Result<String> {
        let iat = clock::unix_seconds();
        let claims = Capabilities {
            user,
            channels: BTreeMap::from([(pusher::CHANNELS, ["subscribe", "publish"])]),
            iat,
            exp: iat + LIFE,
            jti: user,
        };
        let header = Header {
            kid: Some(pusher::APPLICATION.to_owned()),
            ..Header::default()
        };
        Ok(encode(&header, &claims, &self.key)?)
    }

    /// A token of this user, signed with HS256, good for an hour.
    pub fn token(&self, user: &str) -> Result<String> {
        let iat = clock::unix_seconds();
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: user,
            iat,
            exp: iat + LIFE,
            teams: ["bench", "red"],
            info: Info { name: user },
        };
        Ok(encode(&Header::default(), &claims, &self.key)?)
    }
}
