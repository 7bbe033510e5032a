//! Where to connect to: a URL, once it is known to be one that can be used safely.

use std::fmt;

use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::{PathAndQuery, Scheme};

use crate::fetch::{host_and_port, is_this_machine};

const SOCKET_PATH: &str = "/connection/websocket";
const ECHO_PATH: &str = "/connection/echo";

/// A gateway's address, by `ws` or `wss`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    /// Takes `wss://`, and `https://` for the same; without TLS only what stays on this machine.
    pub(super) fn parse(url: &str) -> Result<Target, String> {
        let uri: Uri = url.parse().map_err(|_| usage())?;
        let (tls, scheme) = match uri.scheme_str() {
            Some("wss" | "https") => (true, "wss"),
            Some("ws" | "http") => (false, "ws"),
            _ => return Err(usage()),
        };
        let authority = uri.authority().ok_or_else(usage)?;
        if authority.as_str().contains('@') {
            return Err(
                "leave out what stands before the @: the token goes with --token-file".into(),
            );
        }
        let (host, port) =
            host_and_port(authority, if tls { 443 } else { 80 }).ok_or_else(usage)?;
        let mut parts = uri.into_parts();
        parts.scheme = Some(Scheme::try_from(scheme).map_err(|_| usage())?);
        let uri = Uri::from_parts(parts).map_err(|_| usage())?;
        let target = Target {
            uri,
            host,
            port,
            tls,
        };
        if !tls && !target.is_loopback() {
            return Err("without TLS the token could be read on the way: use wss://".into());
        }
        Ok(target)
    }

    /// The same, with the gateway's own path when the URL gave none.
    pub(super) fn with_default_path(&self, echo: bool) -> Target {
        let mut target = self.clone();
        if self.uri.path() == "/" {
            let path = if echo { ECHO_PATH } else { SOCKET_PATH };
            let query = self
                .uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            let mut parts = self.uri.clone().into_parts();
            // Both parts were taken from good ones, so this always succeeds.
            parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
            target.uri = Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone());
        }
        target
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_this_machine(&self.host)
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

    pub(super) fn tls(&self) -> bool {
        self.tls
    }
}

/// Without the query, which may hold a ticket.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.uri.scheme_str(), self.uri.authority());
        write!(f, "{}://", scheme.unwrap_or_default())?;
        write!(
            f,
            "{}{}",
            authority.map_or("", |a| a.as_str()),
            self.uri.path()
        )
    }
}

fn usage() -> String {
    "give a URL such as wss://localhost:8443".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_path() {
        for (url, host, port, shown) in [
            (
                "wss://gw.example.com",
                "gw.example.com",
                443,
                "wss://gw.example.com/connection/websocket",
            ),
            (
                "https://localhost:8443/",
                "localhost",
                8443,
                "wss://localhost:8443/connection/websocket",
            ),
            (
                "wss://[::1]:8443",
                "::1",
                8443,
                "wss://[::1]:8443/connection/websocket",
            ),
            (
                "ws://127.0.0.1:8080/own",
                "127.0.0.1",
                8080,
                "ws://127.0.0.1:8080/own",
            ),
            (
                "http://localhost",
                "localhost",
                80,
                "ws://localhost/connection/websocket",
            ),
        ] {
            let target = Target::parse(url).unwrap().with_default_path(false);
            assert_eq!((target.host(), target.port()), (host, port), "{url}");
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.tls(), shown.starts_with("wss"));
        }
    }

    /// TOKEN-1: a ticket in the query reaches the door, but no message.
    #[test]
    fn token_1_the_query_is_kept_and_not_shown() {
        let target = Target::parse("wss://h/?ticket=abc")
            .unwrap()
            .with_default_path(true);
        assert_eq!(
            target.uri().to_string(),
            "wss://h/connection/echo?ticket=abc"
        );
        assert_eq!(target.to_string(), "wss://h/connection/echo");
    }

    #[test]
    fn what_is_no_gateway_is_refused() {
        for url in [
            "",
            "localhost",
            "localhost:8443",
            "/path",
            "ftp://localhost",
            "wss://",
            "wss:///x",
            "wss://alice:secret@localhost",
            "wss://localhost:99999",
            "ws://gw.example.com",
            "http://10.0.0.1",
            "ws://localhost.example.com",
            "ws://[fe80::1]",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, loopback) in [
            ("wss://localhost", true),
            ("wss://LOCALHOST", true),
            ("wss://127.8.9.1", true),
            ("wss://[::1]", true),
            ("wss://localhost.example.com", false),
            ("wss://10.0.0.1", false),
            ("wss://128.0.0.1", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_loopback(), loopback, "{url}");
        }
    }
}
