//! Whose certificates the client accepts: those of a file, or the system's. There is no way to
//! accept any.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The TLS settings of the client; with `ca`, only what that file vouches for is trusted.
pub(super) fn client_config(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let roots = match ca {
        Some(path) => roots_of(path)?,
        None => roots_of_system()?,
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots_of(path: &Path) -> anyhow::Result<RootCertStore> {
    let cannot_use = || format!("cannot use the certificates of {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(cannot_use)? {
        roots
            .add(certificate.with_context(cannot_use)?)
            .with_context(cannot_use)?;
    }
    if roots.is_empty() {
        bail!(
            "there is no certificate in {}: give a file in PEM",
            path.display()
        );
    }
    Ok(roots)
}

fn roots_of_system() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // Some systems carry a certificate that webpki does not read; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        bail!("this system has no certificates to trust: give some with --ca");
    }
    Ok(roots)
}
