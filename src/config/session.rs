//! `[session]`: what one user may have, and how long a silent connection is waited for. What one
//! connection may hold stands under `[limits]`, and is read here too, since it is the session that
//! keeps to it.

use std::time::Duration;

use super::resolved::Resolved;
use super::section::Section;
use super::value;
use crate::limits::{EXTRA_COMMANDS, FIRST_MESSAGE_BYTES, HISTORY_PAGE_BYTES};
use crate::rate::Rate;
use crate::session::{CommandRates, SessionSettings, WhenFull};

const DEFAULTS: SessionSettings = SessionSettings {
    // Worst case for each: an idle connection and a full outbox.
    max_connections: 16,
    when_full: WhenFull::Refuse,
    one_connection_per_token: false,
    max_channels: 256,
    // All of one's tabs may come back at once, and then once more.
    connects: Some(Rate::per_minute(30)),
    rates: RATES,
    // Shorter than the shortest idle timeout on the way: many balancers cut after 60 s.
    ping_interval: seconds(25),
    pong_timeout: seconds(8),
    // Worst case for each connection: this, twice while a fragmented message is put together.
    max_message: 64 << 10,
    // Worst case for each connection: this (RES-1).
    outbox_bytes: 1 << 20,
};

/// The bursts of the first two are those of 256 channels (CHAN-8).
const RATES: CommandRates = CommandRates {
    commands: Some(Rate::per_second(50, 320)),
    subscribes: Some(Rate::per_second(20, 320)),
    publishes: Some(Rate::per_second(20, 40)),
    reads: Some(Rate::per_second(5, 40)),
};
const MIN_MESSAGE: usize = 4 << 10;
/// Before connect is answered, this much is taken anyway.
const MAX_MESSAGE: usize = FIRST_MESSAGE_BYTES;
const MIN_OUTBOX: usize = 1 << 20;
const MAX_OUTBOX: usize = 64 << 20;
const _: () = assert!(
    HISTORY_PAGE_BYTES < MIN_OUTBOX,
    "the largest answer fits any outbox"
);

const WHEN_FULL: &[(&str, WhenFull)] = &[
    ("refuse", WhenFull::Refuse),
    ("close", WhenFull::CloseOldest),
];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Reads `[session]`, and of `[limits]` what is of one connection; the latter is not finished.
pub(super) fn read(section: Section<'_>, limits: &Section<'_>) -> SessionSettings {
    let count = value::integer(1..=10_000);
    let interval = value::duration(seconds(5)..=seconds(600));
    let timeout = value::duration(seconds(1)..=seconds(60));
    let message = value::size(MIN_MESSAGE..=MAX_MESSAGE);
    let outbox = value::size(MIN_OUTBOX..=MAX_OUTBOX);
    let max_channels = section.or("max_channels", &count, DEFAULTS.max_channels);
    let settings = SessionSettings {
        max_connections: section.or("max_connections", &count, DEFAULTS.max_connections),
        when_full: section.or("when_full", value::choice(WHEN_FULL), DEFAULTS.when_full),
        one_connection_per_token: section.or(
            "one_connection_per_token",
            value::boolean,
            DEFAULTS.one_connection_per_token,
        ),
        max_channels,
        connects: limits.or("connections_per_user", value::rate, DEFAULTS.connects),
        rates: read_rates(limits, max_channels),
        ping_interval: section.or("ping_interval", interval, DEFAULTS.ping_interval),
        pong_timeout: section.or("pong_timeout", timeout, DEFAULTS.pong_timeout),
        max_message: limits.or("max_message", message, DEFAULTS.max_message),
        outbox_bytes: limits.or("outbox", outbox, DEFAULTS.outbox_bytes),
    };
    if settings.pong_timeout >= settings.ping_interval {
        section.reader.fault_with_help(
            &section.place("pong_timeout"),
            "`pong_timeout` must be shorter than `ping_interval`",
            "the answer to one ping must be judged before the next is sent",
        );
    }
    section.finish();
    settings
}

/// What one connection may do; at least what an SDK does that comes back with all its channels.
fn read_rates(limits: &Section<'_>, max_channels: usize) -> CommandRates {
    let all = u32::try_from(max_channels + EXTRA_COMMANDS).unwrap_or(u32::MAX);
    let for_all = |rate: Option<Rate>| rate.map(|rate| rate.with_burst(all));
    let rates = CommandRates {
        commands: limits.or("commands", value::rate, for_all(RATES.commands)),
        subscribes: limits.or("subscribes", value::rate, for_all(RATES.subscribes)),
        publishes: limits.or("publishes", value::rate, RATES.publishes),
        reads: limits.or("reads", value::rate, RATES.reads),
    };
    for (name, rate) in [
        ("commands", rates.commands),
        ("subscribes", rates.subscribes),
    ] {
        if rate.is_some_and(|rate| rate.burst() < all) && !limits.has_faults(name) {
            limits.reader.warn_with_help(
                &limits.place(name),
                format!(
                    "an SDK that comes back with {max_channels} subscriptions exceeds `{name}`"
                ),
                format!(
                    "its burst is to be `session.max_channels` and {EXTRA_COMMANDS} more: {all}"
                ),
            );
        }
    }
    rates
}

pub(super) fn resolve(settings: &SessionSettings, out: &mut Resolved) {
    out.section("session");
    out.bare("max_connections", settings.max_connections);
    let when_full = WHEN_FULL
        .iter()
        .find(|(_, when)| *when == settings.when_full);
    out.optional("when_full", when_full.map(|(word, _)| *word));
    out.bare(
        "one_connection_per_token",
        settings.one_connection_per_token,
    );
    out.bare("max_channels", settings.max_channels);
    out.duration("ping_interval", settings.ping_interval);
    out.duration("pong_timeout", settings.pong_timeout);
}

/// The part that stands under `[limits]`.
pub(super) fn resolve_limits(settings: &SessionSettings, out: &mut Resolved) {
    let rates = &settings.rates;
    for (name, rate) in [
        ("connections_per_user", settings.connects),
        ("commands", rates.commands),
        ("subscribes", rates.subscribes),
        ("publishes", rates.publishes),
        ("reads", rates.reads),
    ] {
        out.text(name, value::show_rate(rate));
    }
    out.size("max_message", settings.max_message);
    out.size("outbox", settings.outbox_bytes);
}
