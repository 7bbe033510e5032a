//! The trusted proxies of `[tls]`: the balancers in front, and where they name the client that they
//! bring (PROXY-2). Whether they end TLS is read in [`tls`](super::tls).

use ipnet::IpNet;

use super::resolved::Resolved;
use super::section::{At, Section};
use super::value;
use crate::edge::ClientHeader;

/// Who is trusted to name a client, and where it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// The networks that they connect from.
    pub networks: Vec<IpNet>,
    /// The header that all of them set.
    pub header: ClientHeader,
}

const HEADERS: &[(&str, ClientHeader)] = &[
    ("x-forwarded-for", ClientHeader::XForwardedFor),
    ("forwarded", ClientHeader::Forwarded),
    ("x-real-ip", ClientHeader::XRealIp),
];

/// Reads what `[tls]` says of them; the section is not finished.
pub(super) fn read(tls: &Section<'_>) -> TrustedProxies {
    let networks = tls.list("trusted_proxies", value::network);
    let networks = networks.into_iter().flat_map(At::into_inner);
    let proxies = TrustedProxies {
        networks: networks.map(At::into_inner).collect(),
        header: tls.or(
            "client_header",
            value::choice(HEADERS),
            ClientHeader::default(),
        ),
    };
    if tls.has("client_header") && !tls.has("trusted_proxies") {
        tls.reader.fault_with_help(
            &tls.place("client_header"),
            "`client_header` has no effect without `trusted_proxies`",
            "write trusted_proxies = [\"10.0.0.0/8\"], the network of those that set the header",
        );
    }
    proxies
}

impl TrustedProxies {
    /// The part that stands under `[tls]`.
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.texts("trusted_proxies", &self.networks);
        out.text("client_header", self.header.as_str());
    }
}
