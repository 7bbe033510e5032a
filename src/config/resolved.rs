//! Writes down the settings as they were understood: defaults filled in, sizes and durations in
//! one form, and no secret. Golden tests compare it, and `check` can show it.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::value::{show_duration, show_size};

/// The text, in the order in which sections and options are told; reads like a config.
#[derive(Default)]
pub(super) struct Resolved(String);

impl Resolved {
    pub(super) fn section(&mut self, path: &str) {
        self.header(&format!("[{path}]"));
    }

    /// One table of an array of tables.
    pub(super) fn item(&mut self, path: &str) {
        self.header(&format!("[[{path}]]"));
    }

    fn header(&mut self, header: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        self.push(format_args!("{gap}{header}"));
    }

    /// A value that is written in quotes.
    pub(super) fn text(&mut self, key: &str, value: impl Display) {
        self.push(format_args!("{key} = {}", quoted(&value.to_string())));
    }

    pub(super) fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// A value that is written without quotes: a boolean, a number, JSON.
    pub(super) fn bare(&mut self, key: &str, value: impl Display) {
        self.push(format_args!("{key} = {value}"));
    }

    pub(super) fn texts(&mut self, key: &str, values: impl IntoIterator<Item = impl Display>) {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| quoted(&value.to_string()))
            .collect();
        self.bare(key, format_args!("[{}]", values.join(", ")));
    }

    pub(super) fn size(&mut self, key: &str, size: usize) {
        self.text(key, show_size(size));
    }

    pub(super) fn duration(&mut self, key: &str, duration: Duration) {
        self.text(key, show_duration(duration));
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A JSON string is a TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
