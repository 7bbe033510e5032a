//! `expect_files`: expectations that stand in files of their own, beside the config.
//!
//! Such a file has `[[expect]]` tables and nothing else. Its faults are told with its own name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glob::Pattern;
use toml::de::DeTable;

use super::expect::{self, Case, Placed};
use super::reader::Reader;
use super::resolved::Resolved;
use super::section::{At, Section};
use super::source::Source;
use super::{read_text, value};
use crate::identity::KnownIssuers;
use crate::policy::Policy;

/// More files than anybody wants to keep in mind.
const MAX_FILES: usize = 256;

/// A file with expectations, read but not yet decided.
pub(super) struct ExpectFile {
    path: PathBuf,
    text: String,
    tables: Vec<Placed>,
}

/// Reads the files that the patterns name, in the order of their names.
pub(super) fn read(root: &Section<'_>) -> Vec<ExpectFile> {
    let Some(patterns) = root.list("expect_files", value::text) else {
        return Vec::new();
    };
    let mut paths = BTreeSet::new();
    for pattern in patterns.get_ref() {
        match matching(root.reader.source(), pattern.get_ref()) {
            Ok(found) => paths.extend(found),
            Err(message) => root.reader.fault(&pattern.span(), message),
        }
    }
    if paths.len() > MAX_FILES {
        let message = format!("names {} files, at most {MAX_FILES} are read", paths.len());
        root.reader
            .fault(&patterns.span(), format!("`expect_files` {message}"));
        return Vec::new();
    }
    let files = paths.into_iter();
    files
        .filter_map(|path| read_one(path, &patterns, root.reader))
        .collect()
}

/// The files that a pattern names, which is relative to the config.
fn matching(source: &Source<'_>, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let unfit = |why: &dyn std::fmt::Display| {
        format!("an item of `expect_files` is no pattern for files: {why}")
    };
    let folder = source.resolve("");
    let whole = match Path::new(pattern).is_absolute() {
        true => pattern.to_owned(),
        // What is special in a pattern is not special in the name of the folder.
        false => match Pattern::escape(&folder.to_string_lossy()) {
            folder if folder.is_empty() => pattern.to_owned(),
            folder => format!("{}/{pattern}", folder.trim_end_matches('/')),
        },
    };
    let found = glob::glob(&whole).map_err(|error| unfit(&error.msg))?;
    let found: Vec<PathBuf> = found
        .take(MAX_FILES + 1)
        .collect::<Result<_, _>>()
        .map_err(|error| unfit(&error))?;
    match found.is_empty() {
        true => Err(format!("`expect_files`: no file matches {pattern}")),
        false => Ok(found),
    }
}

fn read_one(
    path: PathBuf,
    patterns: &At<Vec<At<String>>>,
    outer: &Reader<'_>,
) -> Option<ExpectFile> {
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("`expect_files`: {} {why}", path.display());
            outer.fault(&patterns.span(), message);
            return None;
        }
    };
    let source = Source::new(&path, &text);
    let reader = Reader::new(&source, outer.scope());
    let (table, syntax_faults) = DeTable::parse_recoverable(&text);
    reader.syntax_faults(&syntax_faults);
    let mut tables = Vec::new();
    if syntax_faults.is_empty() {
        let root = Section::root(&reader, table.get_ref());
        tables = expect::read(root.sections("expect"));
        root.finish();
    }
    outer.adopt(reader.into_findings());
    Some(ExpectFile { path, text, tables })
}

/// Decides all of them; what does not hold is a fault.
pub(super) fn check(
    files: &[ExpectFile],
    policy: &Policy,
    issuers: &KnownIssuers,
    outer: &Reader<'_>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for file in files {
        let source = Source::new(&file.path, &file.text);
        let reader = Reader::new(&source, outer.scope());
        cases.extend(expect::check(&file.tables, policy, issuers, &reader));
        outer.adopt(reader.into_findings());
    }
    cases
}

pub(super) fn resolve(files: &[ExpectFile], out: &mut Resolved) {
    if !files.is_empty() {
        out.texts("expect_files", files.iter().map(|file| file.path.display()));
    }
}
