//! `[revocations]`: where they are kept, and how many.

use super::resolved::Resolved;
use super::section::{At, Section};
use super::value;
use crate::identity::RevocationSettings;

pub(super) fn read(section: Section<'_>) -> RevocationSettings {
    let defaults = RevocationSettings::default();
    let source = section.reader.source();
    let file = section.option("file", |value| Ok(source.resolve(&value::text(value)?)));
    let entries = value::integer(1_000..=1_000_000);
    let settings = RevocationSettings {
        file: file.map(At::into_inner),
        max_entries: section.or("max_entries", entries, defaults.max_entries),
    };
    section.finish();
    settings
}

pub(super) fn resolve(settings: &RevocationSettings, out: &mut Resolved) {
    out.section("revocations");
    out.optional("file", settings.file.as_ref().map(|file| file.display()));
    out.bare("max_entries", settings.max_entries);
}
