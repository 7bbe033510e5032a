//! `[door]`: where a token may be, and whose pages may connect.

use std::sync::Arc;

use super::Overrides;
use super::resolved::Resolved;
use super::section::{At, Section};
use super::value::{self, Misfit};
use crate::identity::{Door, Origins, Sources, Tickets, TokenSource, Verifier};

/// What `[door]` says; with the issuers it becomes the door.
pub(super) struct DoorSettings {
    sources: Sources,
    origins: Origins,
    /// As they were written.
    origins_written: Vec<String>,
    allow_missing_origin: bool,
    pub(super) echo: bool,
    /// Refusals are told by a close frame.
    pub(super) explain: bool,
}

const SOURCES: &[(&str, TokenSource)] = &[
    ("header", TokenSource::Header),
    ("subprotocol", TokenSource::Subprotocol),
    ("cookie", TokenSource::Cookie),
    ("ticket", TokenSource::Ticket),
    ("query", TokenSource::Query),
];

const EXPLAIN: &[(&str, bool)] = &[("off", false), ("close", true)];

pub(super) fn read(section: Section<'_>, overrides: &Overrides) -> DoorSettings {
    let sources = read_sources(&section);
    let (origins, origins_written) = read_origins(&section, overrides);
    let allow_missing_origin = section.or("allow_missing_origin", value::boolean, true);
    let echo = section.or("echo", value::boolean, false);
    let explain = section.or("explain", value::choice(EXPLAIN), false);
    if origins_written.is_empty() && !section.has_faults("origins") {
        tell_of_no_origins(&section, &sources, allow_missing_origin);
    }
    section.finish();
    DoorSettings {
        sources,
        origins,
        origins_written,
        allow_missing_origin,
        echo,
        explain,
    }
}

fn read_sources(section: &Section<'_>) -> Sources {
    let reader = section.reader;
    let cookie = section.option("cookie", cookie_name);
    let Some(listed) = section.list("sources", value::choice(SOURCES)) else {
        warn_of_idle_cookie(section, false);
        return Sources {
            header: true,
            subprotocol: true,
            cookie: None,
            query: false,
            ticket: false,
        };
    };
    let items = listed.get_ref();
    if items.is_empty() && !section.has_faults("sources") {
        reader.fault(
            &listed.span(),
            "`sources` is empty, so nobody could present a token",
        );
    }
    for (number, item) in items.iter().enumerate() {
        if items[..number]
            .iter()
            .any(|earlier| earlier.get_ref() == item.get_ref())
        {
            reader.fault(
                &item.span(),
                format!("`sources` has \"{}\" twice", item.get_ref().as_str()),
            );
        }
    }
    let find = |wanted| items.iter().find(|item| *item.get_ref() == wanted);
    if let Some(query) = find(TokenSource::Query) {
        // TOKEN-1: told at each start.
        reader.warn(
            &query.span(),
            "tokens in URLs are kept by browsers, proxies and logs: prefer \"subprotocol\"",
        );
    }
    match find(TokenSource::Cookie) {
        None => warn_of_idle_cookie(section, true),
        Some(source) if !section.has("cookie") => reader.fault_with_help(
            &source.span(),
            "the source \"cookie\" needs the cookie's name",
            "write cookie = \"NAME\" under [door]",
        ),
        Some(_) => {}
    }
    let is_on = |wanted| find(wanted).is_some();
    Sources {
        header: is_on(TokenSource::Header),
        subprotocol: is_on(TokenSource::Subprotocol),
        cookie: cookie
            .map(At::into_inner)
            .filter(|_| is_on(TokenSource::Cookie)),
        query: is_on(TokenSource::Query),
        ticket: is_on(TokenSource::Ticket),
    }
}

fn warn_of_idle_cookie(section: &Section<'_>, listed: bool) {
    if section.has("cookie") {
        let default = if listed {
            ""
        } else {
            ", which it is not by default"
        };
        let message = format!("`cookie` is not read: \"cookie\" must be in `sources`{default}");
        section.reader.warn(&section.place("cookie"), message);
    }
}

/// RFC 6265 §4.1.1: a token in the sense of HTTP.
fn cookie_name(value: &toml::de::DeValue<'_>) -> Result<String, Misfit> {
    let name = value::text(value)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(Misfit::new("is not a name that a cookie can have"))
    }
}

fn read_origins(section: &Section<'_>, overrides: &Overrides) -> (Origins, Vec<String>) {
    let items = section
        .list("origins", value::text)
        .map_or(Vec::new(), At::into_inner);
    let places: Vec<_> = items.iter().map(At::span).collect();
    let written = match &overrides.origins {
        Some(origins) => origins.clone(),
        None => items.into_iter().map(At::into_inner).collect(),
    };
    match Origins::parse(&written) {
        Ok(origins) => (origins, written),
        Err(faults) => {
            for fault in faults {
                let at = places.get(fault.index).unwrap_or(section.at());
                section.reader.fault(at, fault.to_string());
            }
            (Origins::default(), written)
        }
    }
}

/// A browser always sends `Origin`, so without a list none gets in; who runs native clients only
/// wants exactly that.
fn tell_of_no_origins(section: &Section<'_>, sources: &Sources, allow_missing_origin: bool) {
    let at = section.place("origins");
    let help = "write origins = [\"https://app.example.com\"] under [door]";
    if !allow_missing_origin {
        let message = "without `origins` and with `allow_missing_origin` off, nobody could connect";
        section.reader.fault_with_help(&at, message, help);
    } else if sources.cookie.is_some() {
        let message = "without `origins` no cookie is ever accepted, and no browser can connect";
        section.reader.warn_with_help(&at, message, help);
    } else {
        let message = "without `origins` no browser can connect";
        section.reader.warn_with_help(&at, message, help);
    }
}

impl DoorSettings {
    /// The door, with who verifies the tokens.
    pub(super) fn with(self, verifier: Verifier) -> Door {
        Door {
            sources: self.sources,
            origins: self.origins,
            allow_missing_origin: self.allow_missing_origin,
            verifier,
            revocations: Arc::default(),
            tickets: Tickets::in_memory(),
        }
    }

    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("door");
        let on = SOURCES.iter().filter(|(_, source)| match source {
            TokenSource::Header => self.sources.header,
            TokenSource::Subprotocol => self.sources.subprotocol,
            TokenSource::Cookie => self.sources.cookie.is_some(),
            TokenSource::Query => self.sources.query,
            TokenSource::Ticket => self.sources.ticket,
        });
        out.texts("sources", on.map(|(word, _)| word));
        out.optional("cookie", self.sources.cookie.as_ref());
        out.texts("origins", &self.origins_written);
        out.bare("allow_missing_origin", self.allow_missing_origin);
        out.bare("echo", self.echo);
        let explain = EXPLAIN.iter().find(|(_, explain)| *explain == self.explain);
        out.optional("explain", explain.map(|(word, _)| *word));
    }
}
