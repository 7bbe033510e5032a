//! The text of a config file, and how a byte offset becomes line, column and a line to show.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::mask::mask;

/// A config file's text with its name.
#[derive(Debug)]
pub(super) struct Source<'t> {
    file: PathBuf,
    text: &'t str,
    /// Where each line begins.
    line_starts: Vec<usize>,
}

/// A place as people count it: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Source<'t> {
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Source {
            file: file.to_owned(),
            text,
            line_starts,
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// A path that the config names is relative to the config's own folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let (number, start) = self.line_of(offset);
        let before = self
            .text
            .get(start..offset.min(self.text.len()))
            .unwrap_or("");
        Position {
            line: number + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The line on which `offset` stands, fit to be printed.
    pub(super) fn shown_line(&self, offset: usize) -> String {
        let (number, _) = self.line_of(offset);
        // Nothing that steers a terminal goes out (LOG-2).
        let printable = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{FFFD}'
            } else {
                c
            }
        };
        mask(self.line(number)).chars().map(printable).collect()
    }

    /// How many characters of `at` stand on its first line, and at least one, so that there is
    /// always a caret.
    pub(super) fn width_on_line(&self, at: &Range<usize>) -> usize {
        let (number, start) = self.line_of(at.start);
        let end_of_line = start + self.line(number).len();
        let marked = self
            .text
            .get(at.start..at.end.min(end_of_line))
            .unwrap_or("");
        marked.chars().count().max(1)
    }

    /// The line's text without its end.
    fn line(&self, number: usize) -> &'t str {
        let start = self
            .line_starts
            .get(number)
            .copied()
            .unwrap_or(self.text.len());
        let end = self
            .line_starts
            .get(number + 1)
            .copied()
            .unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("");
        line.trim_end_matches(['\n', '\r'])
    }

    /// The number of the line, from 0, and where it begins.
    fn line_of(&self, offset: usize) -> (usize, usize) {
        let number = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        (number, self.line_starts.get(number).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source::new(Path::new("etc/gatepost.toml"), text)
    }

    #[test]
    fn positions_count_from_one_and_in_characters() {
        let text = "a = 1\nlänge = 2\r\n\nend";
        let source = source(text);
        let at = |needle: &str| source.position(text.find(needle).unwrap());
        assert_eq!(at("a"), Position { line: 1, column: 1 });
        assert_eq!(at("nge"), Position { line: 2, column: 3 });
        assert_eq!(at("end"), Position { line: 4, column: 1 });
        assert_eq!(source.position(text.len()), Position { line: 4, column: 4 });
        assert_eq!(
            source.position(text.len() + 9),
            Position { line: 4, column: 4 }
        );
    }

    #[test]
    fn a_caret_ends_with_the_line_and_is_never_missing() {
        let source = source("rule = '''a\nb'''\n");
        assert_eq!(source.width_on_line(&(7..15)), 4);
        assert_eq!(source.width_on_line(&(3..3)), 1);
        assert_eq!(source.width_on_line(&(99..120)), 1);
    }

    #[test]
    fn a_shown_line_cannot_steer_a_terminal() {
        assert_eq!(
            source("a = \"\u{1b}[2J\"\tb").shown_line(0),
            "a = \"\u{FFFD}[2J\"\tb"
        );
    }

    #[test]
    fn paths_are_relative_to_the_config() {
        assert_eq!(
            source("").resolve("certs/a.pem"),
            Path::new("etc/certs/a.pem")
        );
        assert_eq!(source("").resolve("/run/a.pem"), Path::new("/run/a.pem"));
    }
}
