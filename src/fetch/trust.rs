//! Whose certificates are accepted when Gatepost itself connects: those of a file, or the system's.
//! There is no way to accept any.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

/// Who vouches for a server.
#[derive(Clone)]
pub enum Roots {
    /// The authorities that this machine trusts.
    System,
    /// These authorities and no others.
    Given(Arc<RootCertStore>),
}

impl PartialEq for Roots {
    fn eq(&self, other: &Roots) -> bool {
        match (self, other) {
            (Roots::System, Roots::System) => true,
            (Roots::Given(these), Roots::Given(those)) => these.roots == those.roots,
            _ => false,
        }
    }
}

impl Roots {
    /// The authorities of a file in PEM; the error is a sentence that follows the file's name.
    pub fn of_pem(text: &[u8]) -> Result<Roots, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|why| format!("is not PEM: {why}"))?;
            roots
                .add(certificate)
                .map_err(|why| format!("has a certificate that cannot be used: {why}"))?;
        }
        if roots.is_empty() {
            return Err("has no certificate in PEM".to_owned());
        }
        Ok(Roots::Given(Arc::new(roots)))
    }

    /// The TLS settings of a client that trusts them; reads files where they are the system's.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        let roots = match self {
            Roots::Given(roots) => roots.clone(),
            Roots::System => Arc::new(roots_of_system()?),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Roots::System => f.write_str("System"),
            Roots::Given(roots) => write!(f, "Given({} certificates)", roots.len()),
        }
    }
}

/// Why there is no TLS with a server, for a person: the library's own words are for its makers.
pub fn why_no_tls(fault: &io::Error) -> String {
    let inner = fault.get_ref().and_then(|why| why.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(why)) => why_no_certificate(why),
        Some(Error::InvalidMessage(_)) => "whoever answers does not speak TLS".to_owned(),
        _ => fault.to_string(),
    }
}

fn why_no_certificate(why: &CertificateError) -> String {
    let text = match why {
        CertificateError::NotValidForNameContext { presented, .. } => {
            // As `DnsName("example.com")`.
            let names = presented.iter().map(|name| match name.split_once('"') {
                Some((_, name)) => name.trim_end_matches(['"', ')']),
                None => name,
            });
            let names: Vec<_> = names.collect();
            return format!("its certificate is for other names: {}", names.join(", "));
        }
        CertificateError::NotValidForName => "its certificate is for other names",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; the clocks may differ"
        }
        CertificateError::Revoked => "its certificate was revoked",
        // The last two when an authority of the same name has another key.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "no authority that is trusted here has signed its certificate"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers"
        }
        _ => "its certificate is not one that can be verified",
    };
    text.to_owned()
}

fn roots_of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // Some systems carry a certificate that webpki does not read; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this system has no certificates to trust".to_owned());
    }
    Ok(roots)
}
