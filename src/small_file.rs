//! A small file that may hold a secret, read whole: never more of it than a bound, and zeroed when it
//! is dropped.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use thiserror::Error;

/// What was read.
pub(crate) struct SmallFile {
    /// All of it.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// The permission bits, when they let anybody on the machine at the file (TLS-12). A group is
    /// fine: `ssl-cert` is usual.
    pub(crate) mode_for_others: Option<u32>,
}

/// Why it was not.
#[derive(Debug, Error)]
pub(crate) enum ReadFault {
    /// It cannot be opened or read.
    #[error(transparent)]
    System(#[from] io::Error),
    /// It is another file, or a pipe without an end.
    #[error("it is larger than {} KiB", .0 >> 10)]
    TooLarge(u64),
}

impl SmallFile {
    /// Reads a file of at most `limit` bytes.
    pub(crate) fn read(file: &Path, limit: u64) -> Result<SmallFile, ReadFault> {
        let opened = File::open(file)?;
        // The permissions of what was opened, not of what the name means a moment later.
        let metadata = opened.metadata()?;
        // Room for all of it from the start: what a growing buffer leaves behind is not zeroed.
        let size = metadata.len().min(limit) as usize + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        opened.take(limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(ReadFault::TooLarge(limit)),
            false => Ok(SmallFile {
                bytes,
                mode_for_others: mode_for_others(&metadata),
            }),
        }
    }
}

#[cfg(unix)]
fn mode_for_others(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then_some(mode)
}

/// Elsewhere there are no such bits.
#[cfg(not(unix))]
fn mode_for_others(_: &Metadata) -> Option<u32> {
    None
}
