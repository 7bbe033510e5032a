//! `[engine]`: what keeps publications and positions.

use super::resolved::Resolved;
use super::section::Section;
use super::value::{self, Misfit};
use crate::engine::memory::StreamSettings;

const DEFAULTS: StreamSettings = StreamSettings {
    // Worst case: this.
    history_bytes: 256 << 20,
    // Worst case: about 200 bytes each, besides the name of the channel.
    streams: 1_000_000,
};

pub(super) fn read(section: Section<'_>) -> StreamSettings {
    section.unavailable("url", "there is the memory engine only");
    section.option("kind", |kind| match kind.as_str() {
        Some("redis") => Err(
            Misfit::sentence("\"redis\" is not available in this version")
                .help("write kind = \"memory\"; it holds on one node"),
        ),
        _ => value::choice(&[("memory", ())])(kind),
    });
    let bytes = value::size(1 << 20..=1 << 40);
    let count = value::integer(1_000..=100_000_000);
    let settings = StreamSettings {
        history_bytes: section.or("history_limit", bytes, DEFAULTS.history_bytes),
        streams: section.or("max_streams", count, DEFAULTS.streams),
    };
    section.finish();
    settings
}

pub(super) fn resolve(settings: &StreamSettings, out: &mut Resolved) {
    out.section("engine");
    out.text("kind", "memory");
    out.size("history_limit", settings.history_bytes);
    out.bare("max_streams", settings.streams);
}
