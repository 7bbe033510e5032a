//! `[admin]`: what the admin listener has, and the keys of the server API. They are read here, and
//! kept as hashes only.

use secrecy::zeroize::Zeroizing;

use super::Overrides;
use super::files::{self, Environment};
use super::resolved::Resolved;
use super::section::{At, Section};
use super::value::{self, Misfit};
use crate::backend::ApiKeys;
use crate::edge::AdminPaths;
use crate::identity::SecretBytes;

/// More than a rotation needs.
const MAX_KEYS: usize = 8;

/// The paths; the keys, and where they come from.
pub(super) struct Admin {
    pub(super) paths: AdminPaths,
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
    let paths = AdminPaths {
        metrics: section.or("metrics", value::boolean, true),
        health: section.or("health", value::boolean, true),
    };
    let mut admin = Admin::without_keys(paths);
    let (variables, named_files) = (
        names(&section, "api_key_env"),
        names(&section, "api_key_file"),
    );
    if variables.len() + named_files.len() > MAX_KEYS {
        let message = format!("there are more than {MAX_KEYS} API keys: remove those not in use");
        section.reader.fault(section.at(), message);
    }
    for name in variables {
        let read = files::secret_env(name.get_ref(), environment);
        admin.take(&section, "api_key_env", &name, read);
        admin.variables.push(name.into_inner());
    }
    for name in named_files {
        let file = source.resolve(name.get_ref());
        admin.take(&section, "api_key_file", &name, files::secret_file(&file));
        admin.files.push(file.display().to_string());
    }
    section.finish();
    if let Some(key) = &overrides.api_key {
        admin = Admin::without_keys(paths);
        let _ = admin.keys.add(key);
    }
    admin
}

/// A text, or a list of texts, each with its place.
fn names(section: &Section<'_>, option: &'static str) -> Vec<At<String>> {
    let names = section.option(option, |value| match value.as_array() {
        Some(items) if items.is_empty() => Err(Misfit::new("must not be empty")),
        Some(items) => items
            .iter()
            .map(|item| Ok(At::new(item.span(), value::text(item.get_ref())?)))
            .collect(),
        None => Ok(vec![At::new(section.place(option), value::text(value)?)]),
    });
    names.map_or(Vec::new(), At::into_inner)
}

/// The key, once it is known to be one.
fn key(bytes: Zeroizing<Vec<u8>>) -> Result<SecretBytes, Misfit> {
    let key = SecretBytes::from(bytes.to_vec());
    let tried = ApiKeys::default().add(&key);
    tried.map_err(|fault| Misfit::sentence(fault).help("make one with `openssl rand -hex 32`"))?;
    Ok(key)
}

impl Admin {
    fn without_keys(paths: AdminPaths) -> Admin {
        Admin {
            paths,
            keys: ApiKeys::default(),
            first: None,
            variables: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Takes in a key that was read, or tells why there is none.
    fn take(
        &mut self,
        section: &Section<'_>,
        option: &'static str,
        name: &At<String>,
        read: Result<Zeroizing<Vec<u8>>, Misfit>,
    ) {
        match read.and_then(key) {
            Ok(key) => {
                // It was tried when it was read.
                let _ = self.keys.add(&key);
                self.first.get_or_insert(key);
            }
            Err(misfit) => section.misfit(&name.span(), option, &format!("`{option}`"), misfit),
        }
    }

    pub(super) fn resolve(&self, out: &mut Resolved) {
        out.section("admin");
        out.bare("metrics", self.paths.metrics);
        out.bare("health", self.paths.health);
        out.texts("api_key_env", &self.variables);
        out.texts("api_key_file", &self.files);
    }
}
