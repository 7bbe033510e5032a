//! Which web pages may connect: the allow list that `Origin` is held against.
//!
//! A browser sends its cookies with any site's `new WebSocket`, and only `Origin` tells which site
//! that was (SECURITY.md ORIGIN-1). Compared are scheme, host and port as parsed, never the text,
//! so that no prefix, suffix or spelling passes for another origin.

use std::fmt;
use std::net::Ipv6Addr;

use hyper::HeaderMap;
use hyper::header::ORIGIN;

use super::refusal::Refusal;

/// The origins whose pages may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    allowed: Vec<Pattern>,
    null: bool,
}

/// An entry of the list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin \"{entry}\" {fault}")]
pub struct OriginFault {
    /// The position in the list, from 0.
    pub index: usize,
    /// The entry as it was written.
    pub entry: String,
    /// What is wrong with it, and what to write.
    pub fault: &'static str,
}

/// An entry: one origin, or those of all hosts one label below it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(WebOrigin),
    /// `https://*.example.com`; the host is `example.com`.
    OneLabelBelow(WebOrigin),
}

/// Scheme, host and port in one spelling: lower case, and no port where it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WebOrigin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origins {
    /// Reads the list; all its faults at once.
    pub fn parse(entries: &[String]) -> Result<Origins, Vec<OriginFault>> {
        let mut origins = Origins::default();
        let mut faults = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if entry == "null" {
                origins.null = true;
                continue;
            }
            match Pattern::parse(entry) {
                Ok(pattern) => origins.allowed.push(pattern),
                Err(fault) => faults.push(OriginFault {
                    index,
                    entry: entry.clone(),
                    fault,
                }),
            }
        }
        if faults.is_empty() {
            Ok(origins)
        } else {
            Err(faults)
        }
    }

    /// Holds the request's `Origin` against the list, and gives it in its one spelling.
    ///
    /// A request without one is not judged here: whether it needs one depends on where its token
    /// is.
    pub fn check(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let mut lines = headers.get_all(ORIGIN).iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() {
            return Err(Refusal::SeveralOrigins);
        }
        let text = line.to_str().map_err(|_| Refusal::OriginNotAllowed)?;
        self.find(text).map(Some).ok_or(Refusal::OriginNotAllowed)
    }

    /// The one spelling of an origin as a browser writes it, if it is listed.
    fn find(&self, text: &str) -> Option<String> {
        if text == "null" {
            return self.null.then(|| text.to_owned());
        }
        let origin = WebOrigin::parse(text).ok()?;
        let listed = self.allowed.iter().any(|pattern| pattern.matches(&origin));
        listed.then(|| origin.to_string())
    }
}

impl Pattern {
    fn parse(entry: &str) -> Result<Pattern, &'static str> {
        if entry == "*" {
            return Err("would let every web site use the cookies of its visitors: list origins");
        }
        let Some((scheme, rest)) = entry.split_once("://*.") else {
            return WebOrigin::parse(entry).map(Pattern::Exact);
        };
        let below = WebOrigin::parse(&format!("{scheme}://{rest}"))?;
        if !below.host.contains('.') && below.host != "localhost" {
            return Err("has its star right below a top-level domain: name one more label");
        }
        Ok(Pattern::OneLabelBelow(below))
    }

    fn matches(&self, origin: &WebOrigin) -> bool {
        match self {
            Pattern::Exact(allowed) => allowed == origin,
            Pattern::OneLabelBelow(allowed) => {
                // A parsed host has no empty label, so the label before the dot is one.
                origin
                    .host
                    .split_once('.')
                    .is_some_and(|(_, host)| host == allowed.host)
                    && origin.scheme == allowed.scheme
                    && origin.port == allowed.port
            }
        }
    }
}

impl WebOrigin {
    /// Reads `scheme://host[:port]` and nothing else; the error completes "the origin …".
    fn parse(text: &str) -> Result<WebOrigin, &'static str> {
        if !text.is_ascii() {
            return Err("is not ASCII: write its host as browsers send it, in punycode (xn--…)");
        }
        let (scheme, authority) = text
            .split_once("://")
            .ok_or("has no scheme: write https://host")?;
        if !is_scheme(scheme) {
            return Err("has no valid scheme: write https://host, in lower case");
        }
        if authority.contains(['/', '?', '#', '\\', '@']) {
            return Err("has more than scheme, host and port: leave out path, slash and user");
        }
        let (host, port) = split_port(authority)?;
        let port = port.filter(|port| Some(*port) != default_port(scheme));
        Ok(WebOrigin {
            scheme: scheme.to_owned(),
            host: parse_host(host)?,
            port,
        })
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// RFC 3986 §3.1, in lower case as browsers write it.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[end_of_host..].find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(end_of_host + colon);
    let digits = &port[1..];
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let port = digits.parse().ok().filter(|_| canonical);
    port.map(|port| (host, Some(port)))
        .ok_or("has no valid port: write a number up to 65535")
}

fn parse_host(host: &str) -> Result<String, &'static str> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address
            .strip_suffix(']')
            .and_then(|address| address.parse().ok());
        let address: Ipv6Addr = address.ok_or("has no valid IPv6 address in its brackets")?;
        return Ok(format!("[{address}]"));
    }
    // A name that ends with a dot is another origin to a browser, so it is one here.
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if !labels.split('.').all(is_label) {
        return Err("has no valid host: write a name or an address, or a star as its first label");
    }
    Ok(host.to_ascii_lowercase())
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
