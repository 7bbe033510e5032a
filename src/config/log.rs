//! `[log]`: the form and the fullness of the log.

use tracing::Level;

use super::resolved::Resolved;
use super::section::Section;
use super::value;
use crate::telemetry::logs::LogFormat;

/// The form and the fullness of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least that is written. `trace` is compiled out.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Log {
        Log {
            format: LogFormat::Auto,
            level: Level::INFO,
        }
    }
}

const FORMATS: &[(&str, LogFormat)] = &[
    ("auto", LogFormat::Auto),
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
];

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
];

pub(super) fn read(section: Section<'_>) -> Log {
    let defaults = Log::default();
    let log = Log {
        format: section.or("format", value::choice(FORMATS), defaults.format),
        level: section.or("level", value::choice(LEVELS), defaults.level),
    };
    section.finish();
    log
}

impl Log {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("log");
        let format = FORMATS.iter().find(|(_, format)| *format == self.format);
        out.optional("format", format.map(|(word, _)| *word));
        let level = LEVELS.iter().find(|(_, level)| *level == self.level);
        out.optional("level", level.map(|(word, _)| *word));
    }
}
