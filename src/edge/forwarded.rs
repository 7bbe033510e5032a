//! What proxies say of whom they bring: the addresses in `X-Forwarded-For`, `Forwarded` or
//! `X-Real-IP`, the nearest hop first. Pure; whom to believe is decided in `proxies`.
//!
//! Every entry is something that one hop wrote, and the leftmost may be the client's own invention:
//! so all is read from the right, and what cannot be read is an end, never skipped.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};

/// The header in which the proxies name the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
    /// `X-Real-IP: client`.
    XRealIp,
}

/// Most entries that are read.
pub(super) const MOST_ENTRIES: usize = 16;

impl ClientHeader {
    /// The entries of all lines of the header from right to left, at most [`MOST_ENTRIES`]; `None`
    /// for one that is no address.
    pub(super) fn entries(self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        let name = HeaderName::from_static(self.as_str());
        let lines = headers.get_all(name).iter().rev();
        let entries = lines.flat_map(move |line| self.entries_of(line.as_bytes()));
        entries.take(MOST_ENTRIES)
    }

    /// The entries of one line, from right to left.
    fn entries_of(self, line: &[u8]) -> Vec<Option<IpAddr>> {
        let entry = |bytes| str::from_utf8(bytes).ok();
        match self {
            ClientHeader::XForwardedFor => {
                let entries = line.rsplit(|byte| *byte == b',').map(entry);
                let addresses = entries.map(|entry| address(entry?.trim()));
                addresses.take(MOST_ENTRIES).collect()
            }
            ClientHeader::Forwarded => {
                let addresses = elements(line).map(entry).map(|e| forwarded_for(e?));
                addresses.take(MOST_ENTRIES).collect()
            }
            // A list here is not what it is said to be.
            ClientHeader::XRealIp => vec![entry(line).and_then(|entry| address(entry.trim()))],
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientHeader::XForwardedFor => "x-forwarded-for",
            ClientHeader::Forwarded => "forwarded",
            ClientHeader::XRealIp => "x-real-ip",
        }
    }
}

/// `192.0.2.7`, `2001:db8::7`, `[2001:db8::7]`, each of them perhaps with a port; an IPv4 address
/// in an IPv6 one is that IPv4 address. Names such as `unknown` or `_hidden` are no addresses.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => text
            .parse()
            .or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()))
            .ok()?,
    };
    Some(address.to_canonical())
}

/// The `for` of an element of `Forwarded`, if that has the form of RFC 7239 §4 and the name once.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element.trim();
    loop {
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = value(behind)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            // Which one counts is not known.
            return None;
        }
        let behind = behind.trim_start();
        if behind.is_empty() {
            return address(&found?);
        }
        rest = behind.strip_prefix(';')?.trim_start();
    }
}

/// The elements of a line of `Forwarded`, from right to left. What a quotation mark closes may hold
/// commas; since the marks are paired from the right, one that a client left open takes in nothing
/// of what a proxy put behind it.
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let comma = last_comma(line);
        rest = comma.map(|at| &line[..at]);
        Some(comma.map_or(line, |at| &line[at + 1..]))
    })
}

fn last_comma(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    (0..line.len()).rev().find(|at| {
        let (before, byte) = (&line[..*at], line[*at]);
        let backslashes = || {
            before
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count()
        };
        if byte == b'"' && backslashes().is_multiple_of(2) {
            quoted = !quoted;
        }
        byte == b',' && !quoted
    })
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', ' ', '\t']).unwrap_or(text.len());
        let (token, behind) = text.split_at(end);
        return (!token.contains('"')).then(|| (token.to_owned(), behind));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
