//! What a certificate says of itself: from when to when it holds, and for which names. What rustls
//! does not ask of its own certificate, and every client does.

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::clock::UnixSeconds;

/// From when to when a certificate holds, both seconds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub from: UnixSeconds,
    /// Its last.
    pub until: UnixSeconds,
}

/// What is wrong with a certificate that fits its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// Not X.509.
    #[error("the first certificate is damaged")]
    Damaged,
    /// Its time has not come.
    #[error("the certificate is not valid before {0} (Unix time)")]
    NotYetValid(UnixSeconds),
    /// Its time is over.
    #[error("the certificate expired at {0} (Unix time)")]
    Expired(UnixSeconds),
    /// The one that it is to take the place of named more.
    #[error("the certificate does not name {0}, which the one in use does")]
    NamesLess(String),
}

impl Validity {
    /// Of the certificate of the server itself, if it holds now.
    ///
    /// # Errors
    /// When it does not, or is none.
    pub fn at(key: &CertifiedKey, now: UnixSeconds) -> Result<Validity, LeafFault> {
        let leaf = leaf(key)?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(leaf).map_err(|_| LeafFault::Damaged)?;
        // What is before 1970 is long ago.
        let seconds = |time: i64| UnixSeconds(u64::try_from(time).unwrap_or(0));
        let validity = Validity {
            from: seconds(parsed.validity().not_before.timestamp()),
            until: seconds(parsed.validity().not_after.timestamp()),
        };
        if now < validity.from {
            return Err(LeafFault::NotYetValid(validity.from));
        }
        if now > validity.until {
            return Err(LeafFault::Expired(validity.until));
        }
        Ok(validity)
    }

    /// Whole days that are left.
    pub fn days_left(self, now: UnixSeconds) -> u64 {
        now.until(self.until).as_secs() / (24 * 3600)
    }
}

/// Judges what is to take the place of a certificate in use: it holds now, and names all of the
/// hosts that the other did (TLS-5).
///
/// # Errors
/// When it does not.
pub fn judge(
    key: &CertifiedKey,
    in_use: &CertifiedKey,
    hosts: &[String],
    now: UnixSeconds,
) -> Result<Validity, LeafFault> {
    let lacking = not_named(in_use, hosts);
    let lost = not_named(key, hosts)
        .into_iter()
        .find(|host| !lacking.contains(host));
    match lost {
        Some(host) => Err(LeafFault::NamesLess(host.to_owned())),
        None => Validity::at(key, now),
    }
}

/// Those of the hosts that a client would not accept the certificate for.
pub fn not_named<'h>(key: &CertifiedKey, hosts: &'h [String]) -> Vec<&'h str> {
    let parsed = leaf(key)
        .ok()
        .and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    let is_named = |host: &str| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare).ok();
        parsed
            .as_ref()
            .zip(name)
            .is_some_and(|(parsed, name)| verify_server_name(parsed, &name).is_ok())
    };
    let hosts = hosts.iter().map(String::as_str);
    hosts.filter(|host| !is_named(host)).collect()
}

fn leaf(key: &CertifiedKey) -> Result<&CertificateDer<'static>, LeafFault> {
    key.cert.first().ok_or(LeafFault::Damaged)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    const START: u64 = 1_790_000_000;
    const DAY: u64 = 24 * 3600;

    /// For 90 days, and these names.
    fn certificate(names: &[&str]) -> CertifiedKey {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(START);
        params.not_after = epoch + Duration::from_secs(START + 90 * DAY);
        let made = params.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        CertifiedKey::from_der(vec![made.der().clone()], private, &default_provider()).unwrap()
    }

    #[test]
    fn tls_5_a_certificate_holds_between_its_dates() {
        let key = certificate(&["localhost"]);
        let at = |seconds| Validity::at(&key, UnixSeconds(seconds));
        let (from, until) = (UnixSeconds(START), UnixSeconds(START + 90 * DAY));
        assert_eq!(at(START - 1), Err(LeafFault::NotYetValid(from)));
        for inside in [START, START + 90 * DAY] {
            assert_eq!(at(inside), Ok(Validity { from, until }));
        }
        assert_eq!(at(START + 90 * DAY + 1), Err(LeafFault::Expired(until)));
        let validity = at(START).unwrap();
        assert_eq!(validity.days_left(UnixSeconds(START)), 90);
        assert_eq!(validity.days_left(UnixSeconds(START + 77 * DAY)), 13);
        assert_eq!(validity.days_left(UnixSeconds(START + 91 * DAY)), 0);
    }

    #[test]
    fn tls_5_the_hosts_that_a_certificate_does_not_name() {
        let key = certificate(&[
            "gw.example.com",
            "*.team.example",
            "192.0.2.7",
            "2001:db8::1",
        ]);
        let hosts = [
            "gw.example.com",
            "GW.example.com",
            "other.example.com",
            "a.team.example",
            "a.b.team.example",
            "192.0.2.7",
            "192.0.2.8",
            "[2001:db8::1]",
        ]
        .map(str::to_owned);
        let lacking = ["other.example.com", "a.b.team.example", "192.0.2.8"];
        assert_eq!(not_named(&key, &hosts), lacking);

        let now = UnixSeconds(START);
        let fewer = certificate(&["*.team.example", "192.0.2.7", "2001:db8::1"]);
        let lost = LeafFault::NamesLess("gw.example.com".to_owned());
        assert_eq!(judge(&fewer, &key, &hosts, now), Err(lost));
        assert!(judge(&key, &fewer, &hosts, now).is_ok());
        assert!(judge(&fewer, &key, &[], now).is_ok());
    }
}
