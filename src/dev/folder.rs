//! The state folder of development mode: files that only their owner can read, written whole or
//! not at all, by one process at a time.
//!
//! A key that somebody else could have read is treated as lost, never as good.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::state::StateFault;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
const OTHERS_MAY_WRITE: u32 = 0o002;
const NOT_THE_OWNER: u32 = 0o077;

/// The folder, locked against other processes until this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    /// Held, not read.
    _lock: File,
}

impl Folder {
    /// Opens the folder, making it when it is not there, and waits until it is ours alone.
    pub(super) fn open(path: &Path) -> Result<Folder, StateFault> {
        let fault = |source| StateFault::Folder {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE_FOLDER)
            .create(path)
            .map_err(fault)?;
        let mode = fs::metadata(path).map_err(fault)?.permissions().mode();
        if mode & OTHERS_MAY_WRITE != 0 {
            return Err(StateFault::FolderOpenToAll {
                path: path.to_owned(),
            });
        }
        let lock = private_file()
            .create(true)
            .truncate(false)
            .open(path.join("lock"));
        let lock = lock.map_err(fault)?;
        lock.lock().map_err(fault)?;
        let folder = Folder {
            path: path.to_owned(),
            _lock: lock,
        };
        folder.keep_out_of_git()?;
        Ok(folder)
    }

    /// Reads a file; `None` when it is missing or is not text.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, StateFault> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.fault(name, source)),
        }
    }

    /// Reads a private key; `None` also when others than the owner could have read it.
    pub(super) fn read_key(&self, name: &str) -> Result<Option<String>, StateFault> {
        if self.is_exposed(name) {
            tracing::warn!(file = name, "development key readable by others, replaced");
            return Ok(None);
        }
        self.read(name)
    }

    /// Whether others than the owner could have read a file, or written it.
    pub(super) fn is_exposed(&self, name: &str) -> bool {
        let found = fs::metadata(self.path.join(name));
        found.is_ok_and(|found| found.permissions().mode() & NOT_THE_OWNER != 0)
    }

    /// Writes a file whole: beside its place first, then renamed into it.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<(), StateFault> {
        let (place, beside) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let write = || {
            // What an earlier run left behind may have other permissions; we hold the lock.
            match fs::remove_file(&beside) {
                Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
            let mut file = private_file().create_new(true).open(&beside)?;
            file.write_all(contents.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &place)
        };
        write().map_err(|source| self.fault(name, source))
    }

    /// The keys are worth little, but a key in a repository is a bad habit.
    fn keep_out_of_git(&self) -> Result<(), StateFault> {
        match self.read(".gitignore")? {
            Some(_) => Ok(()),
            None => self.write(".gitignore", "*\n"),
        }
    }

    fn fault(&self, name: &str, source: io::Error) -> StateFault {
        StateFault::File {
            path: self.path.join(name),
            source,
        }
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(PRIVATE_FILE);
    options
}
