//! Loads a certificate and its key from PEM files, for the start and for each reload.
//!
//! The one place that knows `rustls-pemfile`, which passes over what it does not know: a file
//! without a certificate is no error to it, an encrypted key looks like no key. Here each becomes
//! an error that names the file and says what to do. The text of a key is zeroed after use, and
//! is never part of an error.

use std::path::{Path, PathBuf};

use rustls_pemfile::Item;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys};

use crate::small_file::{ReadFault, SmallFile};

/// A chain with its key is some KiB; what is larger is another file, or a pipe without an end.
const MAX_FILE: u64 = 1 << 20;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// The file cannot be opened or read.
    #[error("{} cannot be read: {why}", file.display())]
    NotReadable {
        /// The file.
        file: PathBuf,
        /// Which of the two it is.
        culprit: Culprit,
        /// What the system said.
        why: std::io::Error,
    },
    /// The file is much larger than any certificate.
    #[error("{} is larger than 1 MiB, so it is no certificate or key", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Which of the two it is.
        culprit: Culprit,
    },
    /// Not PEM, or damaged.
    #[error("{} is not valid PEM: {why}", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// Which of the two it is.
        culprit: Culprit,
        /// What the parser said; never the text of the file.
        why: &'static str,
    },
    /// No certificate in the file.
    #[error("{} has no certificate: it needs a \"BEGIN CERTIFICATE\" block", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The first certificate is not X.509 as rustls knows it.
    #[error("the first certificate in {} is damaged", file.display())]
    DamagedCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The chain does not begin with the server's own certificate.
    #[error(
        "certificate {number} in {} is the one of the key: put the server's certificate first, \
         then those of the authorities between",
        file.display()
    )]
    LeafNotFirst {
        /// The file.
        file: PathBuf,
        /// Where the right one stands, from 1.
        number: usize,
    },
    /// No private key in the file.
    #[error("{} has no private key: it needs a \"BEGIN PRIVATE KEY\" block", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// More than one private key in the file.
    #[error("{} has more than one private key: leave the one of the certificate", file.display())]
    SeveralKeys {
        /// The file.
        file: PathBuf,
    },
    /// The private key needs a passphrase.
    #[error(
        "the private key in {} is encrypted: decrypt it with `openssl pkey -in FILE -out NEW`",
        file.display()
    )]
    EncryptedKey {
        /// The file.
        file: PathBuf,
    },
    /// A kind of key that is not supported.
    #[error(
        "the private key in {} cannot be used: it must be RSA (2048 bits or more), P-256, P-384, \
         P-521 or Ed25519",
        file.display()
    )]
    UnusableKey {
        /// The file.
        file: PathBuf,
    },
    /// Others on this machine can read the private key (TLS-12).
    #[error(
        "others can read the private key in {} (mode {mode:03o}): run `chmod o-rwx` on it",
        file.display()
    )]
    KeyReadableByOthers {
        /// The file.
        file: PathBuf,
        /// Which of the two it is: a certificate's file may hold the key too.
        culprit: Culprit,
        /// The file's permission bits.
        mode: u32,
    },
    /// The key belongs to another certificate.
    #[error("the private key in {} is not the one of {}", key.display(), certificate.display())]
    KeyOfAnother {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// Which of the two files a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The certificate's.
    Certificate,
    /// The key's.
    Key,
}

impl CertificateFault {
    /// Which of the two files has to be looked at.
    pub fn culprit(&self) -> Culprit {
        match self {
            Self::NotReadable { culprit, .. }
            | Self::TooLarge { culprit, .. }
            | Self::NotPem { culprit, .. }
            | Self::KeyReadableByOthers { culprit, .. } => *culprit,
            Self::NoCertificate { .. }
            | Self::DamagedCertificate { .. }
            | Self::LeafNotFirst { .. } => Culprit::Certificate,
            Self::NoKey { .. }
            | Self::SeveralKeys { .. }
            | Self::EncryptedKey { .. }
            | Self::UnusableKey { .. }
            | Self::KeyOfAnother { .. } => Culprit::Key,
        }
    }
}

/// Loads a chain and its key, and proves that they belong together.
pub fn load_certificate(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateFault> {
    let chain = read_chain(certificate)?;
    let private_key = read_key(key)?;
    let private_key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(private_key)
        .map_err(|_| CertificateFault::UnusableKey {
            file: key.to_owned(),
        })?;
    let certified = CertifiedKey::new(chain, private_key);
    match certified.keys_match() {
        // "Unknown" cannot come from the aws-lc-rs keys, which all know their public half.
        Ok(()) => Ok(certified),
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(mismatch(&certified, certificate, key))
        }
        Err(_) => Err(CertificateFault::DamagedCertificate {
            file: certificate.to_owned(),
        }),
    }
}

/// A chain in the wrong order is told apart from a key of something else.
fn mismatch(certified: &CertifiedKey, certificate: &Path, key: &Path) -> CertificateFault {
    let fits = |der: &CertificateDer<'static>| {
        CertifiedKey::new(vec![der.clone()], certified.key.clone())
            .keys_match()
            .is_ok()
    };
    match certified.cert.iter().position(fits) {
        Some(index) => CertificateFault::LeafNotFirst {
            file: certificate.to_owned(),
            number: index + 1,
        },
        None => CertificateFault::KeyOfAnother {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        },
    }
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let pem = PemFile::read(file, Culprit::Certificate)?;
    let mut chain = Vec::new();
    for item in pem.items()? {
        match item {
            Item::X509Certificate(certificate) => chain.push(certificate),
            Item::Pkcs1Key(_) | Item::Pkcs8Key(_) | Item::Sec1Key(_) => pem.refuse_readable()?,
            _ => {}
        }
    }
    if chain.is_empty() {
        return Err(CertificateFault::NoCertificate {
            file: file.to_owned(),
        });
    }
    Ok(chain)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateFault> {
    let pem = PemFile::read(file, Culprit::Key)?;
    pem.refuse_readable()?;
    if pem.is_encrypted() {
        return Err(CertificateFault::EncryptedKey {
            file: file.to_owned(),
        });
    }
    let mut keys = pem.items()?.into_iter().filter_map(|item| match item {
        Item::Pkcs1Key(key) => Some(PrivateKeyDer::Pkcs1(key)),
        Item::Pkcs8Key(key) => Some(PrivateKeyDer::Pkcs8(key)),
        Item::Sec1Key(key) => Some(PrivateKeyDer::Sec1(key)),
        _ => None,
    });
    let file = file.to_owned();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(CertificateFault::SeveralKeys { file }),
        (None, _) => Err(CertificateFault::NoKey { file }),
    }
}

/// A PEM file as it was read.
struct PemFile<'p> {
    file: &'p Path,
    culprit: Culprit,
    read: SmallFile,
}

impl<'p> PemFile<'p> {
    fn read(file: &'p Path, culprit: Culprit) -> Result<PemFile<'p>, CertificateFault> {
        let owned = || file.to_owned();
        match SmallFile::read(file, MAX_FILE) {
            Ok(read) => Ok(PemFile {
                file,
                culprit,
                read,
            }),
            Err(ReadFault::System(why)) => Err(CertificateFault::NotReadable {
                file: owned(),
                culprit,
                why,
            }),
            Err(ReadFault::TooLarge(_)) => Err(CertificateFault::TooLarge {
                file: owned(),
                culprit,
            }),
        }
    }

    fn items(&self) -> Result<Vec<Item>, CertificateFault> {
        let mut text = self.read.bytes.as_slice();
        rustls_pemfile::read_all(&mut text)
            .collect::<Result<_, _>>()
            .map_err(|why| {
                // The parser repeats the line that it stumbles over, which may be part of a key.
                let why = match why.to_string() {
                    why if why.starts_with("section end") => "a block has no end",
                    why if why.starts_with("illegal section start") => "a block begins wrongly",
                    _ => "a block is not base64",
                };
                CertificateFault::NotPem {
                    file: self.file.to_owned(),
                    culprit: self.culprit,
                    why,
                }
            })
    }

    /// PKCS #8 with a passphrase, or the older form with its headers.
    fn is_encrypted(&self) -> bool {
        let has = |text: &[u8]| {
            self.read
                .bytes
                .windows(text.len())
                .any(|window| window == text)
        };
        has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
    }

    fn refuse_readable(&self) -> Result<(), CertificateFault> {
        match self.read.mode_for_others {
            None => Ok(()),
            Some(mode) => Err(CertificateFault::KeyReadableByOthers {
                file: self.file.to_owned(),
                culprit: self.culprit,
                mode,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
