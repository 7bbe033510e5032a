//! Where a token is found in an upgrade request, and the type that holds it.
//!
//! Each source can be switched off in the configuration, and is then not read. A request with more
//! than one distinct token is refused without saying which was good (SECURITY.md TOKEN-2). This
//! file judges where the token is, never whether it is a good one.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE};
use secrecy::{ExposeSecret, SecretString};

use super::refusal::Refusal;
use super::subprotocol::Offer;
use super::tickets::Ticket;

/// A token is no longer than this (SECURITY.md JWT-11); checked before anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The connection JWT as it was presented: not yet verified, and never printed.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Takes what a client presented as its token.
    pub fn parse(text: &str) -> Result<Token, Refusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TokenTooLarge);
        }
        if text.is_empty() {
            return Err(Refusal::TokenMalformed);
        }
        Ok(Token(SecretString::from(text)))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// What a request shows of who sent it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A token, which proves it.
    Token(Token),
    /// A ticket, which was given to who proved it.
    Ticket(Ticket),
}

/// The place where a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// `Authorization: Bearer TOKEN`
    Header,
    /// `Sec-WebSocket-Protocol: centrifuge-json, bearer.TOKEN`
    Subprotocol,
    /// The configured cookie
    Cookie,
    /// `?access_token=TOKEN`
    Query,
    /// `?ticket=TICKET`
    Ticket,
}

impl TokenSource {
    /// The name of the source in the configuration and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            TokenSource::Header => "header",
            TokenSource::Subprotocol => "subprotocol",
            TokenSource::Cookie => "cookie",
            TokenSource::Query => "query",
            TokenSource::Ticket => "ticket",
        }
    }
}

/// Which sources are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Read `Authorization: Bearer`.
    pub header: bool,
    /// Read the subprotocol `bearer.TOKEN`.
    pub subprotocol: bool,
    /// Read the cookie of this name.
    pub cookie: Option<String>,
    /// Read `?access_token=`. Off by default: what is in a URL is in logs.
    pub query: bool,
    /// Read `?ticket=`, and give tickets out.
    pub ticket: bool,
}

/// Finds the one token of a request, or the ticket in its place.
pub fn find(
    headers: &HeaderMap,
    query: Option<&str>,
    offer: &Offer,
    sources: &Sources,
) -> Result<(Credential, TokenSource), Refusal> {
    let (text, source) = find_text(headers, query, offer, sources)?;
    let credential = match source {
        TokenSource::Ticket => Credential::Ticket(Ticket::parse(text.expose_secret())?),
        _ => Credential::Token(Token::parse(text.expose_secret())?),
    };
    Ok((credential, source))
}

/// Finds the one token of a request that is no upgrade and so can always send a header: it is
/// `Authorization: Bearer`, whether an upgrade may bring it so or not, or the cookie. A ticket is
/// for an upgrade alone.
pub fn find_plain(
    headers: &HeaderMap,
    query: Option<&str>,
    sources: &Sources,
) -> Result<(Token, TokenSource), Refusal> {
    let mut tickets = in_query(query.unwrap_or_default(), "ticket");
    if sources.ticket && tickets.next().is_some() {
        return Err(Refusal::TicketNotTaken);
    }
    let sources = Sources {
        header: true,
        ticket: false,
        ..sources.clone()
    };
    let (text, source) = find_text(headers, query, &Offer::default(), &sources)?;
    Ok((Token::parse(text.expose_secret())?, source))
}

/// The one text that is presented, and where it stands.
fn find_text(
    headers: &HeaderMap,
    query: Option<&str>,
    offer: &Offer,
    sources: &Sources,
) -> Result<(SecretString, TokenSource), Refusal> {
    let mut found = Found::default();
    if sources.header
        && let Some(token) = in_authorization(headers)?
    {
        found.add(token.to_owned(), TokenSource::Header)?;
    }
    if sources.subprotocol
        && let Some(token) = offer.bearer()
    {
        found.add(token.expose_secret().to_owned(), TokenSource::Subprotocol)?;
    }
    if let Some(name) = &sources.cookie
        && let Some(token) = in_cookies(headers, name)?
    {
        found.add(token, TokenSource::Cookie)?;
    }
    let query = query.unwrap_or_default();
    for token in in_query(query, "access_token") {
        if !sources.query {
            return Err(Refusal::TokenInUrl);
        }
        found.add(token, TokenSource::Query)?;
    }
    if sources.ticket {
        for ticket in in_query(query, "ticket") {
            found.add(ticket, TokenSource::Ticket)?;
        }
    }
    found.0.ok_or(Refusal::TokenMissing)
}

/// The first token that was found; a second one must be the same.
#[derive(Default)]
struct Found(Option<(SecretString, TokenSource)>);

impl Found {
    fn add(&mut self, token: String, source: TokenSource) -> Result<(), Refusal> {
        let token = SecretString::from(token);
        match &self.0 {
            Some((first, _)) if first.expose_secret() == token.expose_secret() => Ok(()),
            Some(_) => Err(Refusal::SeveralTokens),
            None => {
                self.0 = Some((token, source));
                Ok(())
            }
        }
    }
}

/// The credentials of the scheme Bearer (RFC 6750 §2.1); other schemes are somebody else's.
fn in_authorization(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Refusal::SeveralAuthorizations);
    }
    let line = line.as_bytes();
    let end = line
        .iter()
        .position(|b| matches!(b, b' ' | b'\t'))
        .unwrap_or(line.len());
    let (scheme, rest) = line.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    // One space, the token, nothing after it: a comma or a space would begin something else.
    let token = rest.strip_prefix(b" ").ok_or(Refusal::BadAuthorization)?;
    if token.is_empty() || token.iter().any(|b| !b.is_ascii_graphic() || *b == b',') {
        return Err(Refusal::BadAuthorization);
    }
    std::str::from_utf8(token)
        .map(Some)
        .map_err(|_| Refusal::BadAuthorization)
}

/// The value of the cookie `name` over all `Cookie` lines.
///
/// Two cookies of the name with different values are a sign of cookie tossing (SECURITY.md
/// ORIGIN-2): a sibling domain can set one, and nobody can tell which is the site's own.
fn in_cookies(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refusal> {
    let mut found: Option<&[u8]> = None;
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|b| *b == b';') {
            let Some(equals) = pair.iter().position(|b| *b == b'=') else {
                continue;
            };
            let (key, value) = (&pair[..equals], &pair[equals + 1..]);
            if key.trim_ascii() != name.as_bytes() {
                continue;
            }
            let value = unquoted(value.trim_ascii());
            if found.is_some_and(|first| first != value) {
                return Err(Refusal::SeveralCookies);
            }
            found = Some(value);
        }
    }
    match found.map(std::str::from_utf8) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.to_owned())),
        Some(Err(_)) => Err(Refusal::TokenMalformed),
    }
}

/// A cookie's value may stand in double quotes (RFC 6265 §4.1.1).
fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// All values of a parameter of a query.
fn in_query<'a>(query: &'a str, parameter: &'static str) -> impl Iterator<Item = String> + 'a {
    query.split('&').filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // A value that does not decode is kept as it is: no token looks like it, so it is refused.
        (percent_decoded(name)? == parameter)
            .then(|| percent_decoded(value).unwrap_or_else(|| value.to_owned()))
    })
}

/// Undoes `%41`; nothing when an escape is incomplete or the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        bytes.push(hex_digit(digits[0])? << 4 | hex_digit(digits[1])?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
