//! `[listen]`: where Gatepost listens, and the names that it answers to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Overrides;
use super::reader::Reader;
use super::resolved::Resolved;
use super::section::{At, Section};
use super::value;

/// Where Gatepost listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `wss` and `https`.
    pub public: SocketAddr,
    /// Metrics, health and the server API. On loopback, since it speaks plain HTTP, and only the
    /// server API asks for a key (ADMIN-1).
    pub admin: SocketAddr,
    /// The names that `Host` may have, in lower case and without a port, IPv6 addresses in their
    /// brackets; empty: any (TLS-4).
    pub hosts: Vec<String>,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen {
            public: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443),
            admin: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443),
            hosts: Vec::new(),
        }
    }
}

pub(super) fn read(section: Section<'_>, overrides: &Overrides) -> Listen {
    let defaults = Listen::default();
    section.unavailable("proxy_protocol", "connections begin with TLS or HTTP");
    let admin = section.option("admin", value::address);
    if let Some(admin) = &admin {
        check_admin(section.reader, admin);
    }
    let public = match overrides.public {
        Some(address) => {
            section.option("public", value::address);
            address
        }
        None => section
            .required("public", value::address, "write public = \"0.0.0.0:8443\"")
            .map_or(defaults.public, At::into_inner),
    };
    let admin = overrides
        .admin
        .or(admin.map(At::into_inner))
        .unwrap_or(defaults.admin);
    // Port 0 is whatever is free, which is never the same port twice.
    if public.port() == admin.port() && public.port() != 0 && overlap(public.ip(), admin.ip()) {
        let message = format!("`public` and `admin` both listen on port {}", public.port());
        section.reader.fault(&section.place("admin"), message);
    }
    let hosts = section
        .list("hosts", value::text)
        .map_or(Vec::new(), At::into_inner);
    let hosts = hosts
        .iter()
        .filter_map(|host| read_host(section.reader, host))
        .collect();
    section.finish();
    Listen {
        public,
        admin,
        hosts: overrides.hosts.clone().unwrap_or(hosts),
    }
}

fn check_admin(reader: &Reader<'_>, admin: &At<SocketAddr>) {
    if !admin.get_ref().ip().to_canonical().is_loopback() {
        reader.fault_with_help(
            &admin.span(),
            "`admin` must be a loopback address: nothing there is encrypted, and only the server API \
             asks for a key",
            "write admin = \"127.0.0.1:9443\", and let a proxy with TLS and authentication stand \
             before it",
        );
    }
}

fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}

/// A name of `Host`, in lower case.
fn read_host(reader: &Reader<'_>, host: &At<String>) -> Option<String> {
    let text = host.get_ref().to_ascii_lowercase();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(&text);
    match bare.parse() {
        Ok(IpAddr::V4(address)) => return Some(address.to_string()),
        Ok(IpAddr::V6(address)) => return Some(format!("[{address}]")),
        Err(_) => {}
    }
    let (message, help) = if text.contains("://") || text.contains('/') {
        (
            "is not a host name, but a URL",
            "write the name alone, such as \"gw.example.com\"",
        )
    } else if text.contains(':') {
        ("has a port", "write the name alone: every port is fine")
    } else if text.contains('*') {
        ("has a wildcard", "write each name in full")
    } else if !is_name(&text) {
        (
            "is not a host name",
            "names are ASCII: write \"xn--…\" for others, without a final dot",
        )
    } else {
        return Some(text);
    };
    reader.fault_with_help(&host.span(), format!("an item of `hosts` {message}"), help);
    None
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl Listen {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("listen");
        out.text("public", self.public);
        out.text("admin", self.admin);
        out.texts("hosts", &self.hosts);
    }
}
