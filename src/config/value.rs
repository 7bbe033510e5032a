//! From a TOML value to a typed one, each with one sentence for what does not fit.
//!
//! Pure: no file, no environment. The sentences follow the name of the option, which
//! [`Section`](super::section::Section) puts in front.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;

use crate::rate::Rate;

/// Why a value does not fit: what follows the name of the option, and perhaps what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// What stands between the name of the option and the message.
    pub(super) joint: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The value is good, but what it names is not to be had on this machine.
    pub(super) is_absent: bool,
}

impl Misfit {
    pub(super) fn new(message: impl Into<String>) -> Misfit {
        Misfit {
            joint: " ",
            message: message.into(),
            help: None,
            is_absent: false,
        }
    }

    /// A sentence of its own, such as the error of another module.
    pub(super) fn sentence(message: impl ToString) -> Misfit {
        Misfit {
            joint: ": ",
            message: message.to_string(),
            help: None,
            is_absent: false,
        }
    }

    /// The same, since what the value names is not to be had on this machine.
    pub(super) fn absent(self) -> Misfit {
        Misfit {
            is_absent: true,
            ..self
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Misfit {
        self.help = Some(help.into());
        self
    }

    fn kind(wanted: &str, value: &DeValue<'_>) -> Misfit {
        Misfit::new(format!("must be {wanted}, and is {}", kind_of(value)))
    }
}

/// The kind of a TOML value, in words.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, Misfit> {
    let misfit = || Misfit::kind("true or false", value);
    match value.as_str() {
        Some("true" | "false") => Err(misfit().help("write it without quotes")),
        _ => value.as_bool().ok_or_else(misfit),
    }
}

/// A string that is not empty.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, Misfit> {
    match value.as_str() {
        Some("") => Err(Misfit::new("must not be empty")),
        Some(text) => Ok(text.to_owned()),
        None => Err(Misfit::kind("a string", value)),
    }
}

/// The text of a rule.
pub(super) fn rule(value: &DeValue<'_>) -> Result<String, Misfit> {
    match value {
        DeValue::Boolean(always) => Err(Misfit::kind("a rule in quotes", value)
            .help(format!("write \"{always}\"; without a rule, it is denied"))),
        DeValue::String(_) => text(value),
        _ => Err(Misfit::kind("a rule in quotes", value)),
    }
}

pub(super) fn integer(
    range: RangeInclusive<usize>,
) -> impl Fn(&DeValue<'_>) -> Result<usize, Misfit> {
    move |value| {
        let number = value
            .as_integer()
            .ok_or_else(|| Misfit::kind("an integer", value))?;
        usize::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| between(range.start(), range.end()))
    }
}

pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Result<Duration, Misfit> {
    move |value| {
        let help = "write a number with its unit, such as \"30s\", \"10m\" or \"24h\"";
        let text = value.as_str();
        let text = text.ok_or_else(|| Misfit::kind("a duration in quotes", value).help(help))?;
        let duration = humantime::parse_duration(text)
            .map_err(|_| Misfit::new("is not a duration").help(help))?;
        if !range.contains(&duration) {
            return Err(between(
                &show_duration(*range.start()),
                &show_duration(*range.end()),
            ));
        }
        Ok(duration)
    }
}

/// How often something may happen, or `None` for as often as it likes: `"off"`, or 0.
pub(super) fn rate(value: &DeValue<'_>) -> Result<Option<Rate>, Misfit> {
    let help = "write how many in which time, such as \"100/s\" or \"30/min burst 60\", or \"off\"";
    match value {
        DeValue::String(text) if text == "off" || text == "0" => Ok(None),
        DeValue::String(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Misfit::new(format!("is not a rate of 1 to {}", Rate::MAX)).help(help)),
        DeValue::Integer(number) if number.as_str() == "0" => Ok(None),
        _ => Err(Misfit::kind("a rate in quotes", value).help(help)),
    }
}

/// A rate as it would be written in the config.
pub(super) fn show_rate(rate: Option<Rate>) -> String {
    rate.map_or("off".to_owned(), |rate| rate.to_string())
}

/// A number of bytes: `"64KiB"`, or the bare number.
pub(super) fn size(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Result<usize, Misfit> {
    move |value| {
        let help = "write a number of bytes, or one with its unit, such as \"64KiB\" or \"1MiB\"";
        let size = match value {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(text) => parse_size(text),
            _ => return Err(Misfit::kind("a size", value).help(help)),
        };
        let size = size.ok_or_else(|| Misfit::new("is not a size").help(help))?;
        if !range.contains(&size) {
            return Err(between(
                &show_size(*range.start()),
                &show_size(*range.end()),
            ));
        }
        Ok(size)
    }
}

const UNITS: [(&str, usize); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

fn parse_size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: usize = number.parse().ok()?;
    let unit = unit.trim_start();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// A size as it would be written in the config.
pub(super) fn show_size(size: usize) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, factor)| size >= *factor && size.is_multiple_of(*factor));
    unit.map_or(size.to_string(), |(name, factor)| {
        format!("{}{name}", size / factor)
    })
}

/// A duration as it would be written in the config. Days begin at two, so that the 24 hours of a
/// default are shown as they are documented.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() > 0 || seconds == 0 {
        return humantime::format_duration(duration).to_string();
    }
    let unit = [("d", 86_400, 2), ("h", 3_600, 1), ("m", 60, 1)];
    let unit = unit
        .iter()
        .find(|(_, length, least)| seconds.is_multiple_of(*length) && seconds / length >= *least);
    unit.map_or(format!("{seconds}s"), |(name, length, _)| {
        format!("{}{name}", seconds / length)
    })
}

fn between(low: &dyn std::fmt::Display, high: &dyn std::fmt::Display) -> Misfit {
    Misfit::new(format!("must be between {low} and {high}"))
}

/// One of a few words.
pub(super) fn choice<T: Copy, C: AsRef<[(&'static str, T)]>>(
    choices: C,
) -> impl Fn(&DeValue<'_>) -> Result<T, Misfit> {
    move |value| {
        let choices = choices.as_ref();
        let quoted: Vec<String> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let wanted = match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => quoted.concat(),
        };
        let text = value.as_str().ok_or_else(|| Misfit::kind(&wanted, value))?;
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let misfit = Misfit::new(format!("must be {wanted}"));
            match closest(text, choices.iter().map(|(word, _)| *word)) {
                Some(word) => misfit.help(format!("did you mean \"{word}\"?")),
                None => misfit,
            }
        })
    }
}

/// An address with a port, to listen on.
pub(super) fn address(value: &DeValue<'_>) -> Result<SocketAddr, Misfit> {
    let help = "such as \"0.0.0.0:8443\" or \"[::1]:9443\"";
    let wanted = "an IP address with a port";
    let text = value
        .as_str()
        .ok_or_else(|| Misfit::kind(wanted, value).help(help))?;
    text.parse()
        .map_err(|_| Misfit::new(format!("must be {wanted}")).help(help))
}

/// An IP network; a bare address is the network of that address alone.
pub(super) fn network(value: &DeValue<'_>) -> Result<IpNet, Misfit> {
    let help = "such as \"10.0.0.0/8\", \"192.0.2.7\" or \"fd00::/8\"";
    let wanted = "an IP network";
    let text = value
        .as_str()
        .ok_or_else(|| Misfit::kind(wanted, value).help(help))?;
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| Misfit::new(format!("must be {wanted}")).help(help))?;
    if network.prefix_len() == 0 {
        return Err(Misfit::new("must not be the whole internet").help("name the proxies' network"));
    }
    Ok(network.trunc())
}

/// The candidate that somebody probably meant.
pub(super) fn closest<'c>(
    text: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(text, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.84)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
