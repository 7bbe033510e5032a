//! Which addresses may be connected to (SECURITY.md JWKS-1).
//!
//! A name in a URL is somebody else's word, and may lead to this machine, to its neighbours or to
//! a cloud's metadata service. So not the name is judged but each address, right before it is
//! connected to, and an IPv4 address within an IPv6 one is judged as what it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a URL may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Internet,
    /// Private networks and this machine too.
    Inside,
    /// This machine only: its host was written down as one of this machine's names.
    Loopback,
}

impl Reach {
    /// Of a host that is not written as this machine.
    pub(super) fn beyond(allow_private: bool) -> Reach {
        match allow_private {
            true => Reach::Inside,
            false => Reach::Internet,
        }
    }

    /// Whether an address may be connected to.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        let address = innermost(address);
        match self {
            Reach::Internet => !is_never_good(address) && !is_inside(address),
            Reach::Inside => !is_never_good(address),
            Reach::Loopback => address.is_loopback(),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped (RFC 4291 §2.5.5), translated (RFC 6052),
/// or tunnelled (RFC 3056); any other address as it is.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // `::` and `::1` are no IPv4 addresses, though they look like 0.0.0.0 and 0.0.0.1.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] => v4(high, low),
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// What no service has: link-local addresses, where clouds keep their metadata, and those that
/// mean nobody or many.
fn is_never_good(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_multicast() || matches!(v4.octets()[0], 0 | 240..)
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || is_metadata_service(v6)
        }
    }
}

/// The one cloud that keeps its metadata at a private address and not at a link-local one.
fn is_metadata_service(v6: Ipv6Addr) -> bool {
    v6.segments() == [0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254]
}

/// This machine, private networks, and what providers use inside theirs (RFC 6890).
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_private()
                || matches!(
                    v4.octets(),
                    [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..]
                )
        }
        IpAddr::V6(v6) => {
            // fec0::/10 was for sites before fc00::/7 was.
            v6.is_loopback() || v6.is_unique_local() || v6.segments()[0] & 0xFFC0 == 0xFEC0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reaches that allow it: internet, inside, loopback.
    fn allowed(address: &str) -> [bool; 3] {
        let address = address.parse().unwrap();
        [Reach::Internet, Reach::Inside, Reach::Loopback].map(|reach| reach.allows(address))
    }

    #[test]
    fn jwks_1_which_addresses_are_connected_to() {
        for address in ["93.184.216.34", "2606:2800::1", "64:ff9b::808:808"] {
            assert_eq!(allowed(address), [true, true, false], "{address}");
        }
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
        ] {
            assert_eq!(allowed(address), [false, true, false], "{address}");
        }
        for address in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(allowed(address), [false, true, true], "{address}");
        }
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
        ] {
            assert_eq!(allowed(address), [false, false, false], "{address}");
        }
        assert_eq!(allowed("172.32.0.1"), [true, true, false]);
        assert_eq!(allowed("100.128.0.1"), [true, true, false]);
    }
}
