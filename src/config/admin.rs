//! `[admin]`: the keys of the server API. They are read here, and kept as hashes only.

use secrecy::zeroize::Zeroizing;
use toml::de::DeValue;

use super::Overrides;
use super::files::{self, Environment};
use super::resolved::Resolved;
use super::section::{At, Section};
use super::value::{self, Misfit};
use crate::backend::ApiKeys;
use crate::identity::SecretBytes;

/// More than a rotation needs.
const MAX_KEYS: usize = 8;

/// The keys, and where they come from.
#[derive(Default)]
pub(super) struct Admin {
    pub(super) keys: ApiKeys,
    /// For who calls.
    pub(super) first: Option<SecretBytes>,
    variables: Vec<String>,
    files: Vec<String>,
}

pub(super) fn read(
    section: Section<'_>,
    environment: Environment<'_>,
    overrides: &Overrides,
) -> Admin {
    for option in ["api_key", "api_keys"] {
        section.forbidden(
            option,
            "a key must not stand in the config, which is copied, committed and shown",
            "write api_key_env = \"NAME\" or api_key_file = \"FILE\"",
        );
    }
    let source = section.reader.source();
    let variables = section.option("api_key_env", |value| {
        each(value, |name| {
            key(files::secret_env(name, environment)?).map(|key| (name.to_owned(), key))
        })
    });
    let from_files = section.option("api_key_file", |value| {
        each(value, |name| {
            let file = source.resolve(name);
            key(files::secret_file(&file)?).map(|key| (file.display().to_string(), key))
        })
    });
    let mut admin = Admin::default();
    for (found, names) in [
        (variables, &mut admin.variables),
        (from_files, &mut admin.files),
    ] {
        for (name, key) in found.map_or(Vec::new(), At::into_inner) {
            names.push(name);
            // It was tried when it was read.
            let _ = admin.keys.add(&key);
            admin.first.get_or_insert(key);
        }
    }
    if admin.keys.len() > MAX_KEYS {
        let message = format!("there are more than {MAX_KEYS} API keys: remove those not in use");
        section.reader.fault(section.at(), message);
    }
    section.finish();
    if let Some(key) = &overrides.api_key {
        admin = Admin::default();
        let _ = admin.keys.add(key);
    }
    admin
}

/// A text, or a list of texts.
fn each<T>(
    value: &DeValue<'_>,
    convert: impl Fn(&str) -> Result<T, Misfit>,
) -> Result<Vec<T>, Misfit> {
    let one = |value: &DeValue<'_>| convert(&value::text(value)?);
    match value.as_array() {
        Some(items) if items.is_empty() => Err(Misfit::new("must not be empty")),
        Some(items) => items.iter().map(|item| one(item.get_ref())).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// The key, once it is known to be one.
fn key(bytes: Zeroizing<Vec<u8>>) -> Result<SecretBytes, Misfit> {
    let key = SecretBytes::from(bytes.to_vec());
    let tried = ApiKeys::default().add(&key);
    tried.map_err(|fault| Misfit::sentence(fault).help("make one with `openssl rand -hex 32`"))?;
    Ok(key)
}

impl Admin {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("admin");
        out.texts("api_key_env", &self.variables);
        out.texts("api_key_file", &self.files);
    }
}
