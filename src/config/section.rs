//! One table of the config, with getters that note every fault and go on.
//!
//! A getter takes an option, converts it, and gives `None` or the default when it is absent or
//! does not fit; [`Section::finish`] then reports what nobody asked for. So a section's file reads
//! like its reference, and an option that is not read cannot be set.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Severity;
use super::reader::{Reader, Scope, WHOLE_FILE};
use super::value::{Misfit, closest, kind_of};

/// A value with its place in the file.
pub(super) type At<T> = Spanned<T>;

/// Where the options of a section stand.
pub(super) struct Places {
    at: Range<usize>,
    options: BTreeMap<String, Range<usize>>,
}

impl Places {
    /// The place of an option's value, or of the section when the option is absent.
    pub(super) fn of(&self, option: &str) -> Range<usize> {
        self.options.get(option).unwrap_or(&self.at).clone()
    }

    /// Whether the option is written down.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }
}

/// One table of the config.
pub(super) struct Section<'r> {
    pub(super) reader: &'r Reader<'r>,
    /// As it is written: `room.chat`; empty for the whole file.
    path: String,
    /// As it is documented: `room.NAME`.
    documented: String,
    at: Range<usize>,
    /// Something stands in its place that is no table, which has been told.
    is_unreadable: bool,
    entries: Option<&'r DeTable<'r>>,
    known: RefCell<Vec<&'static str>>,
    faulty: RefCell<Vec<&'static str>>,
}

impl<'r> Section<'r> {
    /// The whole file.
    pub(super) fn root(reader: &'r Reader<'r>, table: &'r DeTable<'r>) -> Section<'r> {
        Section {
            reader,
            path: String::new(),
            documented: String::new(),
            at: WHOLE_FILE,
            is_unreadable: false,
            entries: Some(table),
            known: RefCell::default(),
            faulty: RefCell::default(),
        }
    }

    fn below(&self, name: &str, documented: &str) -> Section<'r> {
        Section {
            reader: self.reader,
            path: join(&self.path, name),
            documented: join(&self.documented, documented),
            at: self.at.clone(),
            is_unreadable: false,
            entries: None,
            known: RefCell::default(),
            faulty: RefCell::default(),
        }
    }

    /// As it is written: `room.chat`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where the section stands; of one that is absent, where it would.
    pub(super) fn at(&self) -> &Range<usize> {
        &self.at
    }

    /// Whether the file has this section.
    pub(super) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// An option as the file has it.
    fn take(&self, key: &'static str) -> Option<&'r At<DeValue<'r>>> {
        self.known.borrow_mut().push(key);
        self.reader.ask(join(&self.documented, key));
        self.entries?.get(key)
    }

    /// The place of an option's value, or of the section when the option is absent.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        let value = self.entries.and_then(|entries| entries.get(key));
        value.map_or(self.at.clone(), At::span)
    }

    /// Whether the option is written down, be it good or bad.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .is_some_and(|entries| entries.contains_key(key))
    }

    /// Whether the option is to be missed: it is not there, although it could be.
    pub(super) fn lacks(&self, key: &str) -> bool {
        !self.has(key) && !self.is_unreadable
    }

    /// Whether the option, or an item of it, did not fit.
    pub(super) fn has_faults(&self, key: &str) -> bool {
        self.faulty.borrow().contains(&key)
    }

    /// Where each option stands, for faults that are found when the section has been read.
    pub(super) fn places(&self) -> Places {
        let entries = self.entries.into_iter().flat_map(|entries| entries.iter());
        let options = entries.map(|(key, value)| (key.get_ref().to_string(), value.span()));
        Places {
            at: self.at.clone(),
            options: options.collect(),
        }
    }

    /// An option that may be absent.
    pub(super) fn option<T>(
        &self,
        key: &'static str,
        convert: impl Fn(&DeValue<'_>) -> Result<T, Misfit>,
    ) -> Option<At<T>> {
        let value = self.take(key)?;
        match convert(value.get_ref()) {
            Ok(converted) => Some(At::new(value.span(), converted)),
            Err(misfit) => {
                self.misfit(&value.span(), key, &format!("`{key}`"), misfit);
                None
            }
        }
    }

    /// An option that has a default.
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        convert: impl Fn(&DeValue<'_>) -> Result<T, Misfit>,
        default: T,
    ) -> T {
        self.option(key, convert).map_or(default, At::into_inner)
    }

    /// An option that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        convert: impl Fn(&DeValue<'_>) -> Result<T, Misfit>,
        help: &str,
    ) -> Option<At<T>> {
        let value = self.option(key, convert);
        if self.lacks(key) {
            self.miss(key);
            let message = format!("`{}` is missing", join(&self.path, key));
            self.reader.fault_with_help(&self.at, message, help);
        }
        value
    }

    /// A list, item by item; `None` when it is absent.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        convert: impl Fn(&DeValue<'_>) -> Result<T, Misfit>,
    ) -> Option<At<Vec<At<T>>>> {
        let value = self.take(key)?;
        let Some(items) = value.get_ref().as_array() else {
            let kind = kind_of(value.get_ref());
            let misfit = Misfit::new(format!("must be a list, and is {kind}"))
                .help(format!("write {key} = [\"…\"]"));
            self.misfit(&value.span(), key, &format!("`{key}`"), misfit);
            return None;
        };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            match convert(item.get_ref()) {
                Ok(converted) => list.push(At::new(item.span(), converted)),
                Err(misfit) => {
                    self.misfit(&item.span(), key, &format!("an item of `{key}`"), misfit)
                }
            }
        }
        Some(At::new(value.span(), list))
    }

    /// Every option that is missing or does not fit, and has been told or need not be.
    pub(super) fn faulty(&self) -> Vec<&'static str> {
        self.faulty.borrow().clone()
    }

    /// Takes note that an option is missing, which the caller tells.
    pub(super) fn miss(&self, key: &'static str) {
        self.faulty.borrow_mut().push(key);
    }

    /// Notes why an option, or an item of it, does not fit.
    pub(super) fn misfit(&self, at: &Range<usize>, key: &'static str, what: &str, misfit: Misfit) {
        self.faulty.borrow_mut().push(key);
        if misfit.is_absent && self.reader.scope() == Scope::Rules {
            return;
        }
        let message = format!("{what}{}{}", misfit.joint, misfit.message);
        self.reader.note(at, Severity::Error, message, misfit.help);
    }

    /// An option that people will look for and that this version does not have. Nothing is read;
    /// whoever wrote it is told what to do instead.
    pub(super) fn unavailable(&self, key: &'static str, instead: &str) {
        let Some((written, _)) = self.entries.and_then(|entries| entries.get_key_value(key)) else {
            return;
        };
        self.known.borrow_mut().push(key);
        self.reader.fault(
            &written.span(),
            format!("`{key}` is not available in this version: {instead}"),
        );
    }

    /// An option that must never be there, with the reason.
    pub(super) fn forbidden(&self, key: &'static str, message: &str, help: &str) {
        let Some((written, _)) = self.entries.and_then(|entries| entries.get_key_value(key)) else {
            return;
        };
        self.known.borrow_mut().push(key);
        self.reader.fault_with_help(&written.span(), message, help);
    }

    /// A table of this section; empty when it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'r> {
        let value = self.take(key);
        self.table(key, key, value)
    }

    /// The tables of an array of tables.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'r>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            let message = format!("`{key}` must be a list of tables");
            self.reader
                .fault_with_help(&value.span(), message, format!("write [[{key}]]"));
            return Vec::new();
        };
        items
            .iter()
            .map(|item| self.table(key, key, Some(item)))
            .collect()
    }

    /// The tables below this one, with names that the operator chose, in the order of the file.
    pub(super) fn named(&self, key: &'static str) -> Vec<(At<String>, Section<'r>)> {
        let outer = self.section(key);
        let tables = outer.free().into_iter().map(|(name, value)| {
            let section = outer.table(name.get_ref(), "NAME", Some(value));
            (name, section)
        });
        tables.collect()
    }

    /// Every entry of a section whose keys the operator chooses, in the order of the file.
    pub(super) fn free(&self) -> Vec<(At<String>, &'r At<DeValue<'r>>)> {
        let entries = self.entries.into_iter().flat_map(|entries| entries.iter());
        let mut entries: Vec<_> = entries
            .map(|(key, value)| (At::new(key.span(), key.get_ref().to_string()), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    fn table(
        &self,
        name: &str,
        documented: &str,
        value: Option<&'r At<DeValue<'r>>>,
    ) -> Section<'r> {
        let mut section = self.below(name, documented);
        let Some(value) = value else { return section };
        section.at = value.span();
        match value.get_ref() {
            DeValue::Table(entries) => section.entries = Some(entries),
            other => {
                section.is_unreadable = true;
                let kind = kind_of(other);
                let message = format!("`{}` must be a table, and is {kind}", section.path);
                self.reader.fault(&value.span(), message);
            }
        }
        section
    }

    /// Reports what nobody asked for; the end of every section.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for (key, value) in self.entries.into_iter().flat_map(|entries| entries.iter()) {
            let name = key.get_ref();
            if known.iter().any(|option| option == name) {
                continue;
            }
            let message = match (self.path.as_str(), value.get_ref()) {
                ("", DeValue::Table(_) | DeValue::Array(_)) => {
                    format!("there is no section [{name}]")
                }
                ("", _) => format!("there is no option `{name}` outside of the sections"),
                (section, _) => format!("there is no option `{name}` in [{section}]"),
            };
            let help = closest(name, known.iter().copied());
            let help = help.map(|option| format!("did you mean `{option}`?"));
            self.reader
                .note(&key.span(), Severity::Error, message, help);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
