//! The file of revocations: lines are appended, and now and then it is written anew.
//!
//! Each line is synced to the disk before anybody is told that it is saved. A crash can tear the
//! last line, which nobody was told of; it is dropped. Any other line that is not as it was written
//! means that the file cannot be believed, and the gateway does not start with less than it knew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::record::Record;

/// The first line: whose file it is, and how its lines are to be read.
const HEADER: &str = "gatepost revocations 1\n";
/// A line has at most some 250 bytes.
const MAX_LINE: u64 = 1024;
const PRIVATE: u32 = 0o600;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Lines beyond the entries that they come to, before the file is written anew.
const SLACK_LINES: usize = 1000;

/// Why the file of revocations cannot be used.
#[derive(Debug, Error)]
pub enum JournalFault {
    /// The system does not let us.
    #[error("the file of revocations {} cannot be used", path.display())]
    System {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Two nodes would overwrite each other's.
    #[error("the file of revocations {} is in use by another process", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Anybody could take a revocation back.
    #[error("others can write the file of revocations {}: run `chmod go-w` on it", path.display())]
    OthersMayWrite {
        /// Which.
        path: PathBuf,
    },
    /// It was meant for something else, and must not be overwritten.
    #[error("{} is no file of revocations of this version: name another, or move it away", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
    },
    /// A line in its middle is not as it was written.
    #[error(
        "the file of revocations {} is damaged at line {line}: restore it from a backup; moving it \
         away lets everybody back in whom it names",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

/// The file, locked against other processes.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Lines behind the header.
    lines: usize,
    /// A write failed in the middle: what stands there is not known.
    is_uncertain: bool,
    /// Held, not read. Beside the file, which is replaced now and then.
    _lock: File,
}

impl Journal {
    /// Opens the file, making it when it is not there, and reads what it has.
    pub(super) fn open(path: &Path, mut read: impl FnMut(Record)) -> Result<Journal, JournalFault> {
        let fault = |source| JournalFault::System {
            path: path.to_owned(),
            source,
        };
        let lock = lock(path)?;
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).append(true).mode(PRIVATE);
            options
        };
        let (file, lines) = match options().open(path) {
            Ok(mut file) => {
                let lines = read_all(path, &mut file, &mut read)?;
                (file, lines)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (options().create_new(true).open(path).map_err(fault)?, 0)
            }
            Err(error) => return Err(fault(error)),
        };
        Ok(Journal {
            path: path.to_owned(),
            file,
            lines,
            is_uncertain: false,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is to be written anew, when it should come to so many entries.
    pub(super) fn wants_rewriting(&self, entries: usize) -> bool {
        self.is_uncertain || self.lines > 2 * entries + SLACK_LINES
    }

    /// Whether lines can be appended: not behind one that may be torn.
    pub(super) fn takes_lines(&self) -> bool {
        !self.is_uncertain
    }

    /// Appends whole lines and waits for the disk.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        let written = self.file.write_all(lines.as_bytes());
        let synced = written.and_then(|()| self.file.sync_data());
        match &synced {
            Ok(()) => self.lines += lines.lines().count(),
            // A part of it may be there, behind which no line could be read.
            Err(_) => self.is_uncertain = true,
        }
        synced
    }

    /// What a write that fails in the middle leaves behind.
    #[cfg(test)]
    pub(super) fn break_off(&mut self, beginning: &[u8]) {
        self.file.write_all(beginning).unwrap();
        self.is_uncertain = true;
    }

    /// Puts a file with exactly these records in its place, whole or not at all.
    pub(super) fn rewrite(&mut self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let beside = beside(&self.path, "new");
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(PRIVATE);
        // What an earlier run left there; we hold the lock.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = BufWriter::new(options.open(&beside)?);
        out.write_all(HEADER.as_bytes())?;
        let mut lines = 0;
        for record in records {
            out.write_all(record.line().as_bytes())?;
            lines += 1;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        // From here on the new file is the one that counts.
        self.file = file;
        self.lines = lines;
        self.is_uncertain = false;
        // The name must be on the disk too.
        folder_of(&self.path).and_then(|folder| File::open(folder)?.sync_all())
    }
}

fn lock(path: &Path) -> Result<File, JournalFault> {
    let fault = |source| JournalFault::System {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let lock = options.mode(PRIVATE).open(beside(path, "lock"));
    let lock = lock.map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalFault::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

/// Gives every record to `read`, and the number of lines. The torn end of a file is dropped.
fn read_all(
    path: &Path,
    file: &mut File,
    read: &mut impl FnMut(Record),
) -> Result<usize, JournalFault> {
    let fault = |source| JournalFault::System {
        path: path.to_owned(),
        source,
    };
    let mode = file.metadata().map_err(fault)?.permissions().mode();
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(JournalFault::OthersMayWrite {
            path: path.to_owned(),
        });
    }
    let mut lines = BufReader::new(file);
    let mut next = || -> Result<Option<Vec<u8>>, JournalFault> {
        let mut line = Vec::new();
        let count = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line);
        Ok((count.map_err(fault)? > 0).then_some(line))
    };
    match next()? {
        // An empty file: somebody made it so that it has the right owner.
        None => return Ok(0),
        Some(header) if header == HEADER.as_bytes() => {}
        Some(_) => {
            return Err(JournalFault::NotOurs {
                path: path.to_owned(),
            });
        }
    }
    let mut number = 1;
    while let Some(line) = next()? {
        number += 1;
        match parse(&line) {
            Some(record) => read(record),
            None if next()?.is_none() => {
                tracing::warn!(file = %path.display(), line = number, "torn last line dropped");
                break;
            }
            None => {
                return Err(JournalFault::Damaged {
                    path: path.to_owned(),
                    line: number,
                });
            }
        }
    }
    Ok(number - 1)
}

fn parse(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line).ok()?;
    Record::parse(line.strip_suffix('\n')?)
}

/// A file of ours beside it: its name and one more ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(folder) => Ok(folder),
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}
