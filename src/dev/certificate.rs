//! The certificate of development mode: for this machine's own names, signed by its own key.
//!
//! It is no CA: whoever tells a browser to trust it trusts one server on loopback, not everything
//! that this key could be made to sign. Nothing here touches files.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, RootCertStore};

use crate::clock::UnixSeconds;

/// The names that the server is reached by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: u64 = 24 * 60 * 60;
/// Browsers refuse certificates that are valid for more than 398 days.
const LIFE_DAYS: u64 = 390;
/// A certificate with less than this to live is made anew, so that no running server outlives it.
const RENEW_DAYS: u64 = 30;
/// Clocks of a container and its host differ a little.
const BACKDATED: u64 = 60 * 60;
/// Beyond the year 9000, X.509 runs out of years.
const LAST_START: u64 = 221_845_392_000;

const _: () = assert!(LIFE_DAYS * DAY + BACKDATED < 397 * DAY && RENEW_DAYS < LIFE_DAYS);

/// A certificate and its private key, both in PEM.
pub(super) struct PemPair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Makes a certificate that is valid from `now` on.
pub(super) fn make(now: UnixSeconds) -> Result<PemPair, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(NAMES.map(String::from))?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Gatepost development");
    params.is_ca = IsCa::ExplicitNoCa;
    // No key usage besides: OpenSSL takes a certificate that may not sign for not self-signed, and
    // then does not accept it as its own root.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (start, epoch) = (now.0.min(LAST_START), date_time_ymd(1970, 1, 1));
    params.not_before = epoch + Duration::from_secs(start.saturating_sub(BACKDATED));
    params.not_after = epoch + Duration::from_secs(start + LIFE_DAYS * DAY);
    let certificate = params.self_signed(&key)?;
    Ok(PemPair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// Whether a client that trusts this certificate would accept it, now and for a while.
pub(super) fn is_good(pair: &PemPair, now: UnixSeconds) -> bool {
    verify(pair, now).is_ok()
        && verify(pair, UnixSeconds(now.0.saturating_add(RENEW_DAYS * DAY))).is_ok()
}

/// Does what such a client does, and looks whether the key belongs to the certificate.
fn verify(pair: &PemPair, at: UnixSeconds) -> Result<(), Error> {
    let unreadable = |_| Error::General("not PEM".into());
    let certificate =
        CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(unreadable)?;
    let provider = Arc::new(default_provider());
    CertifiedKey::from_der(vec![certificate.clone()], key, &provider)?;

    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .map_err(|fault| Error::General(fault.to_string()))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.0));
    for name in NAMES {
        let name = ServerName::try_from(name).map_err(|_| Error::General("name".into()))?;
        verifier.verify_server_cert(&certificate, &[], &name, &[], at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn in_days(days: u64) -> UnixSeconds {
        UnixSeconds(NOW.0 + days * DAY)
    }

    #[test]
    fn a_new_certificate_is_good_for_a_year_and_no_longer() {
        let pair = make(NOW).unwrap();
        assert!(is_good(&pair, NOW));
        assert!(is_good(&pair, UnixSeconds(NOW.0 - BACKDATED)));
        assert!(is_good(&pair, in_days(LIFE_DAYS - RENEW_DAYS)));
        assert!(
            !is_good(&pair, in_days(LIFE_DAYS - RENEW_DAYS + 1)),
            "near its end"
        );
        assert!(!is_good(&pair, in_days(LIFE_DAYS + 1)), "past its end");
        assert!(
            !is_good(&pair, UnixSeconds(NOW.0 - BACKDATED - 1)),
            "not yet valid"
        );
        assert!(!is_good(&pair, UnixSeconds(0)));
    }

    #[test]
    fn a_damaged_pair_is_not_good() {
        let (pair, other) = (make(NOW).unwrap(), make(NOW).unwrap());
        let half = |text: &str| text[..text.len() / 2].to_owned();
        for (certificate, key) in [
            (pair.certificate.clone(), other.key),
            (half(&pair.certificate), pair.key.clone()),
            (pair.certificate.clone(), half(&pair.key)),
            (String::new(), pair.key.clone()),
            (pair.certificate.clone(), String::new()),
        ] {
            assert!(!is_good(&PemPair { certificate, key }, NOW));
        }
    }

    #[test]
    fn a_clock_beyond_all_years_does_no_harm() {
        assert!(make(UnixSeconds(u64::MAX)).is_ok());
        assert!(make(UnixSeconds(0)).is_ok());
    }
}
