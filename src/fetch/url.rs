//! Where to fetch from: a URL, once it is known to be one that may be fetched.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Authority;

use super::address::Reach;

/// A longer one is no address but data.
const MAX_URL_BYTES: usize = 2048;

/// An `https` URL, or `http` on a host that is written as this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    host: String,
    port: u16,
    is_tls: bool,
    reach: Reach,
}

/// Why a text is no URL to fetch from; a sentence without capital and full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// No URL with a host, or too long a one.
    #[error("this is not a URL such as https://auth.example.com/jwks.json")]
    NotAUrl,
    /// Clear text to somewhere else.
    #[error(
        "this must be https: only a host that is written as localhost, 127.0.0.0/8 or [::1] may be \
         http"
    )]
    NotHttps,
    /// Credentials in a URL end up in logs.
    #[error("this has a user or a password before the host: leave them out")]
    HasUser,
    /// An address that will not be connected to.
    #[error("{0} is not a public address: write allow_private = true if it is meant")]
    NotPublic(IpAddr),
    /// An address that is never connected to.
    #[error("{0} is an address that no service has")]
    NeverGood(IpAddr),
}

impl Url {
    /// Takes a URL that stands in the configuration. `allow_private` lets it lead into private
    /// networks; to this machine it leads without that when its host says so.
    pub fn configured(text: &str, allow_private: bool) -> Result<Url, UrlFault> {
        Url::parse(text, Reach::beyond(allow_private), true)
    }

    /// Takes a URL that an answer from this one named: it may lead as far as this one, and to this
    /// machine only by the very host of this one.
    pub fn named_by(&self, text: &str, allow_private: bool) -> Result<Url, UrlFault> {
        let url = Url::configured(text, allow_private)?;
        let is_same_host =
            self.reach == Reach::Loopback && url.host.eq_ignore_ascii_case(&self.host);
        match url.reach == Reach::Loopback && !is_same_host {
            true => Url::parse(text, Reach::beyond(allow_private), false),
            false => Ok(url),
        }
    }

    fn parse(text: &str, reach: Reach, may_be_loopback: bool) -> Result<Url, UrlFault> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlFault::NotAUrl);
        }
        let uri: Uri = text.parse().map_err(|_| UrlFault::NotAUrl)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlFault::NotAUrl),
        };
        let authority = uri.authority().ok_or(UrlFault::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::HasUser);
        }
        let (host, port) =
            host_and_port(authority, if is_tls { 443 } else { 80 }).ok_or(UrlFault::NotAUrl)?;
        let reach = match may_be_loopback && is_this_machine(&host) {
            true => Reach::Loopback,
            false => reach,
        };
        if !is_tls && reach != Reach::Loopback {
            return Err(UrlFault::NotHttps);
        }
        if let Ok(address) = host.parse::<IpAddr>()
            && !reach.allows(address)
        {
            return Err(match Reach::Inside.allows(address) {
                true => UrlFault::NotPublic(address),
                false => UrlFault::NeverGood(address),
            });
        }
        Ok(Url {
            uri,
            host,
            port,
            is_tls,
            reach,
        })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The host without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }
}

/// Without the query, which may hold a key.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", Authority::as_str);
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host, without brackets, and the port of an authority that names no user.
pub(crate) fn host_and_port(authority: &Authority, default: u16) -> Option<(String, u16)> {
    // Not `Authority::port`, which takes a port that is no number for none.
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => default,
        rest => rest.strip_prefix(':')?.parse().ok()?,
    };
    let host = authority.host().trim_start_matches('[');
    let host = host.trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Whether a host, as it is written, is this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> UrlFault {
        Url::configured(text, false).expect_err(text)
    }

    #[test]
    fn a_url_gives_host_port_and_how_far_it_may_lead() {
        for (text, host, port, is_tls, reach) in [
            (
                "https://a.example/x?y",
                "a.example",
                443,
                true,
                Reach::Internet,
            ),
            (
                "https://a.example:8443/",
                "a.example",
                8443,
                true,
                Reach::Internet,
            ),
            (
                "https://93.184.216.34/",
                "93.184.216.34",
                443,
                true,
                Reach::Internet,
            ),
            (
                "http://localhost:3000/jwks",
                "localhost",
                3000,
                false,
                Reach::Loopback,
            ),
            ("http://127.9.9.9/", "127.9.9.9", 80, false, Reach::Loopback),
            ("https://[::1]:9/", "::1", 9, true, Reach::Loopback),
        ] {
            let url = Url::configured(text, false).expect(text);
            let found = (url.host(), url.port(), url.is_tls(), url.reach());
            assert_eq!(found, (host, port, is_tls, reach), "{text}");
        }
        let inside = Url::configured("https://10.0.0.7/jwks", true).unwrap();
        assert_eq!(inside.reach(), Reach::Inside);
        let url = Url::configured("https://a.example/x?key=geheim", false).unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "https://a.example/x https://a.example/x"
        );
    }

    #[test]
    fn jwks_1_what_is_no_url_to_fetch_from() {
        for text in [
            "",
            "jwks.json",
            "/jwks",
            "ftp://a.example/",
            "https://",
            "https://a:b/",
        ] {
            assert_eq!(fault(text), UrlFault::NotAUrl, "{text}");
        }
        assert_eq!(
            fault(&format!("https://a/{}", "x".repeat(2048))),
            UrlFault::NotAUrl
        );
        for text in [
            "http://a.example/",
            "http://10.0.0.1/",
            "http://localhost.evil.example/",
        ] {
            assert_eq!(fault(text), UrlFault::NotHttps, "{text}");
        }
        assert_eq!(fault("https://u:p@a.example/"), UrlFault::HasUser);
        for text in [
            "https://10.0.0.1/",
            "https://[fd00::1]/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            assert!(matches!(fault(text), UrlFault::NotPublic(_)), "{text}");
            assert!(Url::configured(text, true).is_ok(), "{text}");
        }
        for text in ["https://169.254.169.254/", "https://[fe80::1]/"] {
            assert!(matches!(fault(text), UrlFault::NeverGood(_)), "{text}");
            assert!(Url::configured(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn jwks_1_what_an_answer_names_leads_no_further_than_its_url() {
        let public = Url::configured("https://auth.example/", false).unwrap();
        assert!(public.named_by("https://keys.example/jwks", false).is_ok());
        for text in [
            "http://auth.example/jwks",
            "http://localhost/",
            "http://127.0.0.1/",
        ] {
            assert_eq!(
                public.named_by(text, false),
                Err(UrlFault::NotHttps),
                "{text}"
            );
        }
        // A name is judged when it is looked up, and then not as this machine's.
        let named = public.named_by("https://localhost/jwks", false).unwrap();
        assert_eq!(named.reach(), Reach::Internet);
        let address = public.named_by("https://127.0.0.1/jwks", false);
        assert!(matches!(address, Err(UrlFault::NotPublic(_))));

        let local = Url::configured("http://localhost:3000/", false).unwrap();
        assert!(local.named_by("http://LOCALHOST:4000/jwks", false).is_ok());
        assert_eq!(
            local.named_by("http://127.0.0.1/", false),
            Err(UrlFault::NotHttps)
        );
    }
}
