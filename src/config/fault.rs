//! What is wrong with a config, told so that a person can act on it: where, the line itself with
//! a caret, one sentence, and help.
//!
//! It must never print a secret: the line that is shown is the operator's own text, so what could
//! be an inline secret in it is covered (see [`mask`](super::mask)).

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::source::Source;

/// How much a fault weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The config is not loaded.
    Error,
    /// The config is loaded; somebody should look at it.
    Warning,
}

impl Severity {
    /// The word in front of the sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One fault of a config.
#[derive(Clone, Debug)]
pub struct Fault {
    file: PathBuf,
    place: Option<Place>,
    severity: Severity,
    message: String,
    help: Option<String>,
    /// More than a sentence, on lines of its own.
    detail: Option<String>,
}

/// Where in the file, and what stands there.
#[derive(Clone, Debug)]
struct Place {
    start: usize,
    line: usize,
    column: usize,
    /// The whole line, secrets covered, control characters replaced.
    text: String,
    /// How many characters the caret underlines.
    width: usize,
}

impl Fault {
    /// A fault of the file as a whole.
    pub(super) fn of_file(
        file: &Path,
        severity: Severity,
        message: String,
        help: Option<String>,
    ) -> Fault {
        Fault {
            file: file.to_owned(),
            place: None,
            severity,
            message,
            help,
            detail: None,
        }
    }

    pub(super) fn at(
        source: &Source,
        at: &Range<usize>,
        severity: Severity,
        message: String,
        help: Option<String>,
    ) -> Fault {
        let position = source.position(at.start);
        let place = Place {
            start: at.start,
            line: position.line,
            column: position.column,
            text: source.shown_line(at.start),
            width: source.width_on_line(at),
        };
        Fault {
            file: source.file().to_owned(),
            place: Some(place),
            severity,
            message,
            help,
            detail: None,
        }
    }

    /// The config file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1; `None` for a fault of the whole file.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// Whether the config is refused for it.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The sentence, without place and help.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The same fault with more to read.
    pub(super) fn with_detail(self, detail: Option<String>) -> Fault {
        Fault { detail, ..self }
    }

    /// The order in which faults are told: by file and place, those of a whole file first.
    pub(super) fn order(a: &Fault, b: &Fault) -> Ordering {
        let key = |fault: &Fault| fault.place.as_ref().map_or(0, |place| place.start + 1);
        a.file.cmp(&b.file).then(key(a).cmp(&key(b)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: {}", self.severity.as_str(), self.message)?;
        let Some(place) = &self.place else {
            return self
                .help
                .as_ref()
                .map_or(Ok(()), |help| write!(f, "\n  help: {help}"));
        };
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        // A tab before the caret stays a tab, so that the caret stands under what it means.
        let before: String = place
            .text
            .chars()
            .take(place.column - 1)
            .map(blank)
            .collect();
        write!(f, "\n{margin} |\n{number} | {}", place.text)?;
        write!(f, "\n{margin} | {before}{}", "^".repeat(place.width))?;
        if let Some(help) = &self.help {
            write!(f, "\n{margin} = help: {help}")?;
        }
        let mut lines = self.detail.iter().flat_map(|detail| detail.lines());
        lines.try_for_each(|line| write!(f, "\n{margin}   {line}"))
    }
}

fn blank(character: char) -> char {
    if character == '\t' { '\t' } else { ' ' }
}

/// Everything that is wrong with a config, and its warnings, in the order of the file. At least one
/// is an error.
#[derive(Clone, Debug)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(mut faults: Vec<Fault>) -> Faults {
        faults.sort_by(Fault::order);
        Faults(faults)
    }

    /// The file as a whole is no good.
    pub(super) fn of_file(file: &Path, message: String) -> Faults {
        Faults(vec![Fault::of_file(file, Severity::Error, message, None)])
    }

    /// The faults one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
