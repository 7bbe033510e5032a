//! Reads the files and variables that the config names: public keys and secrets.
//!
//! What is read here may be a secret, so no sentence of this file repeats any of it.

use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::mask::is_environment_name;
use super::value::Misfit;
use crate::small_file::SmallFile;

/// Looks up a variable of the environment; passed in, so that tests need not touch it.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Keys and secrets are small; what is larger is another file, or a pipe without an end.
const MAX_KEY_FILE: u64 = 64 << 10;

/// The text of a public key file. Whether there is a public key in it, `identity` judges.
pub(super) fn public_key(file: &Path) -> Result<Vec<u8>, Misfit> {
    open(file).map(|read| read.bytes.to_vec())
}

/// A secret from a file that others cannot read, without its final newline.
pub(super) fn secret_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, Misfit> {
    let SmallFile {
        mut bytes,
        mode_for_others,
    } = open(file)?;
    if let Some(mode) = mode_for_others {
        let message = format!("others can read {} (mode {mode:03o})", file.display());
        return Err(Misfit::sentence(message).help("run `chmod o-rwx` on it"));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Misfit::sentence(format!("{} is empty", file.display())));
    }
    Ok(bytes)
}

/// A secret from the environment.
pub(super) fn secret_env(
    name: &str,
    environment: Environment<'_>,
) -> Result<Zeroizing<Vec<u8>>, Misfit> {
    if !is_environment_name(name) {
        let misfit =
            Misfit::new("takes the name of an environment variable, not the secret itself");
        return Err(misfit.help("a name is capital letters, digits and `_`: GATEPOST_SECRET"));
    }
    match environment(name).map(|value| Zeroizing::new(value.into_bytes())) {
        None => Err(Misfit::new(format!(
            "names `{name}`, which is not set in the environment"
        ))
        .absent()),
        Some(value) if value.is_empty() => Err(Misfit::new(format!(
            "names `{name}`, which is empty in the environment"
        ))),
        Some(value) => Ok(value),
    }
}

fn open(file: &Path) -> Result<SmallFile, Misfit> {
    SmallFile::read(file, MAX_KEY_FILE).map_err(|why| {
        Misfit::sentence(format!("{} cannot be read: {why}", file.display())).absent()
    })
}
