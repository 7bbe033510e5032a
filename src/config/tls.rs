//! `[tls]`: the certificate of the public listener, or why there is none (TLS-11).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::sign::CertifiedKey;

use super::Overrides;
use super::listen::Listen;
use super::proxies::{self, TrustedProxies};
use super::reader::Scope;
use super::resolved::Resolved;
use super::section::Section;
use super::value;
use crate::clock::Clock;
use crate::edge::tls::leaf::{self, Validity};
use crate::edge::tls::pem::{self, CertificateFault, Culprit};

/// How the public listener speaks.
#[derive(Clone, Debug)]
pub enum Tls {
    /// TLS, with this certificate.
    Files(Certificate),
    /// Clear text: on loopback, or behind proxies that speak TLS.
    Off {
        /// Whether TLS ends at a trusted proxy in front.
        behind_tls_proxy: bool,
    },
}

/// A certificate that was loaded and fits its key.
#[derive(Clone)]
pub struct Certificate {
    /// Where it was read, and will be again.
    pub files: CertificateFiles,
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
    /// The chain and the key, ready for rustls.
    pub key: Arc<CertifiedKey>,
    /// From when to when it holds.
    pub validity: Validity,
}

/// The two files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate of the server first, then those of the authorities between.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl fmt::Debug for Certificate {
    // By hand, so that no key can ever be in it (TLS-12).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .field("min_version", &self.min_version)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    On,
    Off,
}

/// No `Tls` when there is a fault, or no certificate is looked for.
pub(super) fn read(
    section: Section<'_>,
    listen: &Listen,
    overrides: &Overrides,
) -> (Option<Tls>, TrustedProxies) {
    section.unavailable("client_ca", "client certificates are not asked for");
    let mode = section.or(
        "mode",
        value::choice(&[("on", Mode::On), ("off", Mode::Off)]),
        Mode::On,
    );
    let versions = &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];
    let min_version = section.or("min_version", value::choice(versions), TlsVersion::Tls12);
    let files = read_files(&section, mode, overrides);
    let behind_tls_proxy = section.or("behind_tls_proxy", value::boolean, false);
    let proxies = proxies::read(&section);
    let tls = match mode {
        Mode::On => {
            refuse_tls_twice(&section, behind_tls_proxy);
            files
                .and_then(|files| load(&section, files, min_version, &listen.hosts))
                .map(Tls::Files)
        }
        Mode::Off => {
            check_clear_text(&section, listen, behind_tls_proxy, &proxies);
            Some(Tls::Off { behind_tls_proxy })
        }
    };
    section.finish();
    (tls, proxies)
}

fn read_files(
    section: &Section<'_>,
    mode: Mode,
    overrides: &Overrides,
) -> Option<CertificateFiles> {
    let source = section.reader.source();
    let certificate = section.option("certificate", value::text);
    let key = section.option("key", value::text);
    if mode == Mode::Off {
        for name in ["certificate", "key", "min_version"]
            .into_iter()
            .filter(|name| section.has(name))
        {
            let message = format!("`{name}` is not used while `mode` is \"off\"");
            section.reader.warn(&section.place(name), message);
        }
        return None;
    }
    if let Some(files) = &overrides.certificate {
        return Some(files.clone());
    }
    for name in ["certificate", "key"]
        .into_iter()
        .filter(|name| section.lacks(name))
    {
        let message = format!("`tls.{name}` is missing: the public listener speaks TLS");
        let help = format!("write {name} = \"FILE\" under [tls]");
        section.reader.fault_with_help(section.at(), message, help);
    }
    Some(CertificateFiles {
        certificate: source.resolve(certificate?.get_ref()),
        key: source.resolve(key?.get_ref()),
    })
}

fn load(
    section: &Section<'_>,
    files: CertificateFiles,
    min_version: TlsVersion,
    hosts: &[String],
) -> Option<Certificate> {
    if section.reader.scope() == Scope::Rules {
        // They need not be here.
        return None;
    }
    let key = match pem::load_certificate(&files.certificate, &files.key) {
        Ok(key) => Arc::new(key),
        Err(fault) => {
            tell(section, &fault);
            return None;
        }
    };
    let at = section.place("certificate");
    for host in leaf::not_named(&key, hosts) {
        let message = format!("the certificate does not name {host}, which is one of `hosts`");
        section.reader.warn(&at, message);
    }
    match Validity::at(&key, Clock::system().now()) {
        Ok(validity) => Some(Certificate {
            files,
            min_version,
            key,
            validity,
        }),
        Err(fault) => {
            let message = format!("{}: {fault}", files.certificate.display());
            section.reader.fault(&at, message);
            None
        }
    }
}

fn tell(section: &Section<'_>, fault: &CertificateFault) {
    let option = match fault.culprit() {
        Culprit::Certificate => "certificate",
        Culprit::Key => "key",
    };
    section
        .reader
        .fault(&section.place(option), fault.to_string());
}

/// An option that does nothing must not look as if it did.
fn refuse_tls_twice(section: &Section<'_>, behind: bool) {
    if behind {
        section.reader.fault_with_help(
            &section.place("behind_tls_proxy"),
            "`behind_tls_proxy` has no effect while `mode` is \"on\"",
            "it is for mode = \"off\", where a proxy in front speaks TLS",
        );
    }
}

/// TLS-11: clear text only where nobody else can listen in.
fn check_clear_text(
    section: &Section<'_>,
    listen: &Listen,
    behind_tls_proxy: bool,
    proxies: &TrustedProxies,
) {
    let trusted_proxies = &proxies.networks;
    if section.has_faults("trusted_proxies") || section.has_faults("behind_tls_proxy") {
        // What was meant is not known.
    } else if behind_tls_proxy && trusted_proxies.is_empty() {
        section.reader.fault_with_help(
            &section.place("behind_tls_proxy"),
            "`behind_tls_proxy` needs `trusted_proxies`",
            "write trusted_proxies = [\"10.0.0.0/8\"], the network of the proxies",
        );
    } else if !behind_tls_proxy && !trusted_proxies.is_empty() {
        section.reader.fault_with_help(
            &section.place("trusted_proxies"),
            "`trusted_proxies` has no effect without `behind_tls_proxy`",
            "write behind_tls_proxy = true",
        );
    } else if !behind_tls_proxy && !listen.public.ip().to_canonical().is_loopback() {
        section.reader.fault_with_help(
            &section.place("mode"),
            format!(
                "tokens would cross the network in clear text: {} is not loopback",
                listen.public
            ),
            "write mode = \"on\", or behind_tls_proxy = true with trusted_proxies",
        );
    }
}

impl Tls {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("tls");
        match self {
            Tls::Files(certificate) => {
                out.text("mode", "on");
                out.text("certificate", certificate.files.certificate.display());
                out.text("key", certificate.files.key.display());
                out.text(
                    "min_version",
                    match certificate.min_version {
                        TlsVersion::Tls12 => "1.2",
                        TlsVersion::Tls13 => "1.3",
                    },
                );
            }
            Tls::Off { behind_tls_proxy } => {
                out.text("mode", "off");
                out.bare("behind_tls_proxy", behind_tls_proxy);
            }
        }
    }
}
