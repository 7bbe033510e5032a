//! Whose word counts on who is there: the address of the TCP peer, unless that is a trusted proxy,
//! which then names its client (PROXY-2). For limits, rules and the log, never for authentication.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::HeaderMap;
use ipnet::IpNet;

use super::forwarded::ClientHeader;

/// Who is trusted to name a client, and where it does.
#[derive(Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    header: ClientHeader,
    has_warned: AtomicBool,
}

/// Where a request comes from, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// The client's, or that of a proxy that named none.
    pub(super) address: IpAddr,
    /// It is the client's: what is limited by address is limited by it.
    pub(super) is_client: bool,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Proxies {
    /// Proxies that connect from these networks and name the client in this header.
    pub fn new(networks: Vec<IpNet>, header: ClientHeader) -> Proxies {
        Proxies {
            networks,
            header,
            has_warned: AtomicBool::new(false),
        }
    }

    /// Whether this peer is a trusted proxy.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Who sent a request that this peer brought: from the right, the first address that is no
    /// trusted proxy's. What is no address ends the search, since nobody vouches for what stands
    /// before it.
    pub(super) fn find(&self, peer: IpAddr, headers: &HeaderMap) -> Remote {
        let mut address = peer;
        if self.trusts(peer) {
            for entry in self.header.entries(headers) {
                let Some(named) = entry else { break };
                address = named;
                if !self.trusts(named) {
                    break;
                }
            }
        }
        Remote {
            address,
            is_client: !self.trusts(address),
        }
    }

    /// Tells once that a proxy names nobody: no limit by address holds for what it brings.
    pub(super) fn warn_of_unnamed(&self, proxy: IpAddr) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %proxy,
                header = self.header.as_str(),
                "a trusted proxy named no client: no limit by address applies to what it brings"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn find(peer: &str, forwarded_for: &str) -> (String, bool) {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32"];
        let networks = networks.map(|network| network.parse().unwrap());
        let proxies = Proxies::new(networks.into(), ClientHeader::XForwardedFor);
        let mut headers = HeaderMap::new();
        for line in forwarded_for.split('|') {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let remote = proxies.find(peer.parse().unwrap(), &headers);
        (remote.to_string(), remote.is_client)
    }

    #[test]
    fn proxy_2_the_first_from_the_right_that_is_no_proxy() {
        for (peer, header, address) in [
            // Whoever is no proxy speaks for himself.
            ("192.0.2.7", "6.6.6.6", "192.0.2.7"),
            ("11.0.0.1", "6.6.6.6", "11.0.0.1"),
            ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "10.9.9.9, 192.0.2.7, 10.0.0.3", "192.0.2.7"),
            ("10.0.0.1", "6.6.6.6|192.0.2.7, 10.0.0.3", "192.0.2.7"),
            ("10.0.0.1", "garbage, 192.0.2.7, 10.0.0.3", "192.0.2.7"),
            ("2001:db8:1::1", "[2001:db8:2::7]:50000", "2001:db8:2::7"),
            ("127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "192.0.2.7, ::ffff:10.0.0.3", "192.0.2.7"),
        ] {
            assert_eq!(
                find(peer, header),
                (address.to_owned(), true),
                "{peer} {header}"
            );
        }
    }

    #[test]
    fn proxy_2_a_proxy_that_names_nobody() {
        let all_trusted = vec!["10.0.0.2"; 16].join(",");
        let beyond = format!("192.0.2.7,{all_trusted}");
        for (header, address) in [
            ("", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.7, unknown", "10.0.0.1"),
            ("192.0.2.7,", "10.0.0.1"),
            ("192.0.2.7, garbage, 10.0.0.3", "10.0.0.3"),
            ("10.0.0.9", "10.0.0.9"),
            (&beyond, "10.0.0.2"),
        ] {
            assert_eq!(
                find("10.0.0.1", header),
                (address.to_owned(), false),
                "{header}"
            );
        }
    }
}
