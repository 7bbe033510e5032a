//! The certificate that new handshakes get; another may take its place at any time. Connections
//! that are open keep what they shook hands with.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// What the handshakes of a listener take their certificate from. Cheap to clone.
#[derive(Clone)]
pub struct Certificates(Arc<ArcSwap<CertifiedKey>>);

impl Certificates {
    /// This one, until another is put in its place.
    pub fn new(key: Arc<CertifiedKey>) -> Certificates {
        Certificates(Arc::new(ArcSwap::new(key)))
    }

    /// From now on this one; it was judged before.
    pub fn replace(&self, key: Arc<CertifiedKey>) {
        self.0.store(key);
    }

    /// The one that is given now.
    pub fn current(&self) -> Arc<CertifiedKey> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// No key can ever be in it (TLS-12).
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}
