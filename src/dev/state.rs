//! What development mode keeps between two starts: a certificate and the toy issuer's key, so that
//! a browser which was told to trust the one, and tokens that were signed with the other, stay good.
//!
//! Whatever is missing, damaged or near its end is made anew. The folder can be deleted at any time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use thiserror::Error;

use super::certificate::{self, PemPair};
use super::folder::Folder;
use super::issuer::ToyIssuer;
use crate::clock::UnixSeconds;

/// Where the state is kept unless the command line says otherwise.
pub const DEFAULT_STATE_DIR: &str = ".gatepost";

const CERTIFICATE: &str = "localhost.pem";
const CERTIFICATE_KEY: &str = "localhost.key";
const ISSUER_KEY: &str = "issuer.key";
const API_KEY: &str = "api.key";
/// In bytes, written as twice as many digits.
const API_KEY_BYTES: usize = 32;

/// The opened state: everything is there and good.
#[derive(Clone, Debug)]
pub struct DevState {
    certificate: PathBuf,
    key: PathBuf,
    issuer: Arc<ToyIssuer>,
    api_key: SecretString,
}

impl DevState {
    /// Opens the state in `dir`, and makes what is missing, damaged or near its end.
    pub fn open(dir: &Path, now: UnixSeconds) -> Result<DevState, StateFault> {
        let folder = Folder::open(dir)?;
        keep_certificate(&folder, now)?;
        let issuer = Arc::new(keep_issuer(&folder)?);
        let api_key = keep_api_key(&folder)?;
        Ok(DevState {
            certificate: certificate_path(dir),
            key: dir.join(CERTIFICATE_KEY),
            issuer,
            api_key,
        })
    }

    /// The certificate, in PEM.
    pub fn certificate_path(&self) -> &Path {
        &self.certificate
    }

    /// The certificate's private key, in PEM.
    pub fn key_path(&self) -> &Path {
        &self.key
    }

    /// The key of the server API, which `gatepost admin` finds in the folder.
    pub fn api_key(&self) -> &SecretString {
        &self.api_key
    }

    /// The toy issuer.
    pub fn issuer(&self) -> &Arc<ToyIssuer> {
        &self.issuer
    }
}

/// Where the certificate of the state in `dir` stands, whether it was made or not.
pub fn certificate_path(dir: &Path) -> PathBuf {
    dir.join(CERTIFICATE)
}

/// Where the key of the server API stands in `dir`, whether it was made or not.
pub fn api_key_path(dir: &Path) -> PathBuf {
    dir.join(API_KEY)
}

/// Opens the issuer alone, for those who only sign; none if the state in `dir` has none. All is left
/// as it is: what is made anew here, a running server would not know.
///
/// # Errors
/// When there is a key that cannot be used.
pub fn open_issuer(dir: &Path) -> Result<Option<ToyIssuer>, StateFault> {
    let path = dir.join(ISSUER_KEY);
    // Before the folder is opened, which makes it.
    if !path.exists() {
        return Ok(None);
    }
    let folder = Folder::open(dir)?;
    if folder.is_exposed(ISSUER_KEY) {
        return Err(StateFault::IssuerKeyExposed { path });
    }
    let key = folder.read(ISSUER_KEY)?;
    match key.as_deref().and_then(ToyIssuer::from_pem) {
        Some(issuer) => Ok(Some(issuer)),
        None => Err(StateFault::IssuerKeyDamaged { path }),
    }
}

fn keep_certificate(folder: &Folder, now: UnixSeconds) -> Result<(), StateFault> {
    let found = folder
        .read(CERTIFICATE)?
        .zip(folder.read_key(CERTIFICATE_KEY)?);
    if let Some((certificate, key)) = found
        && certificate::is_good(&PemPair { certificate, key }, now)
    {
        return Ok(());
    }
    let pair = certificate::make(now)?;
    folder.write(CERTIFICATE_KEY, &pair.key)?;
    folder.write(CERTIFICATE, &pair.certificate)
}

fn keep_issuer(folder: &Folder) -> Result<ToyIssuer, StateFault> {
    if let Some(issuer) = folder
        .read_key(ISSUER_KEY)?
        .as_deref()
        .and_then(ToyIssuer::from_pem)
    {
        return Ok(issuer);
    }
    let key = ToyIssuer::make_key()?;
    let issuer = ToyIssuer::from_pem(&key).ok_or(StateFault::NewKeyUnusable)?;
    folder.write(ISSUER_KEY, &key)?;
    Ok(issuer)
}

fn keep_api_key(folder: &Folder) -> Result<SecretString, StateFault> {
    let is_key = |text: &String| {
        text.len() == 2 * API_KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if let Some(key) = folder.read_key(API_KEY)?.filter(is_key) {
        return Ok(key.into());
    }
    let random: [u8; API_KEY_BYTES] = rand::random();
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.write(API_KEY, &key)?;
    Ok(key.into())
}

/// Why development mode has no state.
#[derive(Debug, Error)]
pub enum StateFault {
    /// It cannot be made, or not be opened.
    #[error("cannot use the state folder {}: choose another with --state", path.display())]
    Folder {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Anybody could put a key of theirs there.
    #[error("the state folder {} can be written by everybody: run chmod o-w on it", path.display())]
    FolderOpenToAll {
        /// Which.
        path: PathBuf,
    },
    /// One of its files resists.
    #[error("cannot use {}: remove it, it will be made anew", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What should be the issuer's key is none.
    #[error(
        "{} is no key that could sign: start `gatepost dev` again, which makes a new one",
        path.display()
    )]
    IssuerKeyDamaged {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else may have the issuer's key.
    #[error(
        "others can read or write the key {}, so nothing is signed with it: start `gatepost dev` \
         again, which makes a new one",
        path.display()
    )]
    IssuerKeyExposed {
        /// Which.
        path: PathBuf,
    },
    /// The library made no key or no certificate.
    #[error("cannot make a development key or certificate")]
    Make(#[from] rcgen::Error),
    /// The library made a key that it does not read.
    #[error("the new issuer key cannot be used")]
    NewKeyUnusable,
}

#[cfg(test)]
mod tests;
