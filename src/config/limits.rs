//! `[limits]` and `[drain]`: what the node gives to everybody together, and how it ends. The
//! limits of one connection, which stand under `[limits]` too, are read in
//! [`session`](super::session).

use std::time::Duration;

use toml::de::DeValue;

use super::resolved::Resolved;
use super::section::Section;
use super::value::{self, Misfit};
use crate::edge::AddressRates;
use crate::rate::Rate;

/// Limits of the node (SECURITY §12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handshakes in one turn of newcomers, for each core; between two turns the open connections
    /// have theirs. A handshake takes a core some 0.1 ms.
    pub handshakes_per_turn: usize,
    /// From accept to a finished TLS handshake (TLS-10).
    pub handshake_timeout: Duration,
    /// Sockets of one address that have not yet sent a ClientHello (TLS-10). Worst case for each:
    /// a socket and a few hundred bytes.
    pub silent_sockets_per_address: usize,
    /// What one address may do at the door (LIMIT-1).
    pub addresses: AddressRates,
    /// Most connections; none: as many as there are file descriptors and memory for (LIMIT-3).
    pub max_connections: Option<usize>,
    /// The memory that is reckoned with, in bytes; none: what the system leaves the process.
    pub memory: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handshakes_per_turn: 2,
            handshake_timeout: Duration::from_secs(10),
            silent_sockets_per_address: 64,
            addresses: AddressRates {
                connections: Some(Rate::per_second(100, 1000)),
                failures: Some(Rate::per_second(2, 20)),
            },
            max_connections: None,
            memory: None,
        }
    }
}

/// Reads what is left of `[limits]`.
pub(super) fn read(section: Section<'_>) -> Limits {
    let defaults = Limits::default();
    let count = value::integer(1..=65_536);
    let limits = Limits {
        handshakes_per_turn: section.or(
            "handshakes_per_turn",
            value::integer(1..=256),
            defaults.handshakes_per_turn,
        ),
        handshake_timeout: section.or(
            "handshake_timeout",
            value::duration(Duration::from_secs(1)..=Duration::from_secs(60)),
            defaults.handshake_timeout,
        ),
        silent_sockets_per_address: section.or(
            "silent_sockets_per_address",
            &count,
            defaults.silent_sockets_per_address,
        ),
        addresses: AddressRates {
            connections: section.or(
                "connections_per_address",
                value::rate,
                defaults.addresses.connections,
            ),
            failures: section.or(
                "failures_per_address",
                value::rate,
                defaults.addresses.failures,
            ),
        },
        max_connections: section.or("max_connections", most, defaults.max_connections),
        memory: section.or("memory", memory, defaults.memory),
    };
    section.finish();
    limits
}

/// A number, or as many as there is room for.
fn most(value: &DeValue<'_>) -> Result<Option<usize>, Misfit> {
    match value.as_str() {
        Some(AUTO) => Ok(None),
        Some(_) => Err(Misfit::new("must be a number or \"auto\"")),
        None => value::integer(1..=100_000_000)(value).map(Some),
    }
}

/// A size, or what there is.
fn memory(value: &DeValue<'_>) -> Result<Option<u64>, Misfit> {
    match value.as_str() {
        Some(AUTO) => Ok(None),
        _ => value::size(1 << 20..=1 << 40)(value).map(|size| Some(size as u64)),
    }
}

const AUTO: &str = "auto";

/// How a node ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Over which the live connections are closed, evenly; zero: all at once (RES-4).
    pub window: Duration,
    /// After which the process exits, whatever is left.
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Drain {
        Drain {
            window: Duration::from_secs(20),
            timeout: Duration::from_secs(30),
        }
    }
}

pub(super) fn read_drain(section: Section<'_>) -> Drain {
    let defaults = Drain::default();
    let wait = value::duration(Duration::ZERO..=Duration::from_secs(3600));
    let drain = Drain {
        window: section.or("window", &wait, defaults.window),
        timeout: section.or("timeout", &wait, defaults.timeout),
    };
    if drain.timeout < drain.window {
        section.reader.fault_with_help(
            &section.place("timeout"),
            "`timeout` must not be shorter than `window`",
            "what is left after `timeout` is cut off, before its turn in the window came",
        );
    }
    section.finish();
    drain
}

impl Limits {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("limits");
        out.bare("handshakes_per_turn", self.handshakes_per_turn);
        out.duration("handshake_timeout", self.handshake_timeout);
        out.bare(
            "silent_sockets_per_address",
            self.silent_sockets_per_address,
        );
        let rates = &self.addresses;
        out.text(
            "connections_per_address",
            value::show_rate(rates.connections),
        );
        out.text("failures_per_address", value::show_rate(rates.failures));
        match self.max_connections {
            Some(most) => out.bare("max_connections", most),
            None => out.text("max_connections", AUTO),
        }
        match self.memory {
            Some(memory) => out.size("memory", memory as usize),
            None => out.text("memory", AUTO),
        }
    }
}

impl Drain {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("drain");
        out.duration("window", self.window);
        out.duration("timeout", self.timeout);
    }
}
