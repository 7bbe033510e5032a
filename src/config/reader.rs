//! Gathers what is found while a config is read, each with its place, so that all faults of a
//! file come out at once and in its order.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::fault::{Fault, Severity};
use super::mask::mask_urls;
use super::source::Source;

/// The place of what has none.
pub(super) const WHOLE_FILE: Range<usize> = 0..0;

/// What of a config is to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// All that can be without certificates, keys and secrets, which need not be there.
    Rules,
}

/// Gathers what is found while a file is read.
pub(super) struct Reader<'t> {
    source: &'t Source<'t>,
    scope: Scope,
    found: RefCell<Vec<Fault>>,
    /// Every option that was asked for, as `listen.public` or `room.NAME.subscribe`.
    asked: RefCell<BTreeSet<String>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(source: &'t Source<'t>, scope: Scope) -> Reader<'t> {
        Reader {
            source,
            scope,
            found: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// What of the config is to be proven.
    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    pub(super) fn source(&self) -> &'t Source<'t> {
        self.source
    }

    /// Notes what keeps the file from being TOML at all. What is missing has a place too: where it
    /// should begin.
    pub(super) fn syntax_faults(&self, faults: &[toml::de::Error]) {
        for fault in faults {
            let end = self.source.text().len();
            let at = fault.span().unwrap_or(end..end);
            self.fault(&(at.start..at.end.max(at.start + 1)), fault.message());
        }
    }

    /// Notes a fault; the config will not be loaded.
    pub(super) fn fault(&self, at: &Range<usize>, message: impl Into<String>) {
        self.note(at, Severity::Error, message.into(), None);
    }

    /// Notes a fault with what to do about it.
    pub(super) fn fault_with_help(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(at, Severity::Error, message.into(), Some(help.into()));
    }

    pub(super) fn warn(&self, at: &Range<usize>, message: impl Into<String>) {
        self.note(at, Severity::Warning, message.into(), None);
    }

    pub(super) fn warn_with_help(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(at, Severity::Warning, message.into(), Some(help.into()));
    }

    pub(super) fn note(
        &self,
        at: &Range<usize>,
        severity: Severity,
        message: String,
        help: Option<String>,
    ) {
        let message = mask_urls(&message);
        // The place of what is absent from the file as a whole is the file as a whole.
        let fault = if *at == WHOLE_FILE {
            Fault::of_file(self.source.file(), severity, message, help)
        } else {
            Fault::at(self.source, at, severity, message, help)
        };
        self.found.borrow_mut().push(fault);
    }

    /// Notes a fault that takes more than a sentence.
    pub(super) fn fault_in_detail(&self, at: &Range<usize>, message: &str, detail: Option<String>) {
        let detail = detail.map(|detail| mask_urls(&detail));
        let fault = Fault::at(self.source, at, Severity::Error, mask_urls(message), None);
        self.found.borrow_mut().push(fault.with_detail(detail));
    }

    /// Takes in what was found in another file.
    pub(super) fn adopt(&self, findings: Findings) {
        let mut found = self.found.borrow_mut();
        found.extend(findings.faults.into_iter().chain(findings.warnings));
    }

    /// Notes that an option was asked for.
    pub(super) fn ask(&self, option: String) {
        self.asked.borrow_mut().insert(option);
    }

    /// How many faults there are so far; who compares knows whether a part was good.
    pub(super) fn faults(&self) -> usize {
        self.found
            .borrow()
            .iter()
            .filter(|fault| fault.severity() == Severity::Error)
            .count()
    }

    /// Faults and warnings, each in the order of the file, and the options that were asked for.
    pub(super) fn into_findings(self) -> Findings {
        let mut found = self.found.into_inner();
        found.sort_by(Fault::order);
        let (faults, warnings) = found
            .into_iter()
            .partition(|fault| fault.severity() == Severity::Error);
        Findings {
            faults,
            warnings,
            asked: self.asked.into_inner(),
        }
    }
}

/// What a reader found.
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    pub(super) asked: BTreeSet<String>,
}
