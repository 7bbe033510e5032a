//! What verifies the signatures of an `[[issuer]]`: a file, a secret, or what the issuer publishes.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use toml::de::DeValue;

use super::files::{self, Environment};
use super::resolved::Resolved;
use super::section::{At, Section};
use super::value::{self, Misfit};
use crate::fetch::{Roots, Url};
use crate::identity::{KeyKind, KeySource, KeysAt, RemoteKeys, SecretBytes};

/// The options that say where the keys are, in the order of the documentation.
const SOURCES: [&str; 5] = [
    "jwks",
    "discovery",
    "public_key",
    "secret_env",
    "secret_file",
];
/// Those of them that name a secret.
pub(super) const SECRETS: [&str; 2] = ["secret_env", "secret_file"];
/// The options that are only for keys which the issuer publishes.
const OF_PUBLISHED: [&str; 6] = [
    "allow_private",
    "ca",
    "refresh",
    "max_stale",
    "required",
    "close_on_key_removal",
];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Where the keys come from: the options and their values as they are shown, none of them secret.
pub(super) struct KeyOrigin(Vec<(&'static str, Shown)>);

enum Shown {
    Text(String),
    Bare(bool),
    Duration(Duration),
}

impl KeyOrigin {
    pub(super) fn resolve(&self, out: &mut Resolved) {
        for (option, value) in &self.0 {
            match value {
                Shown::Text(text) => out.text(option, text),
                Shown::Bare(value) => out.bare(option, value),
                Shown::Duration(duration) => out.duration(option, *duration),
            }
        }
    }

    fn of(option: &'static str, value: String) -> KeyOrigin {
        KeyOrigin(vec![(option, Shown::Text(value))])
    }
}

/// Whether the issuer is to publish its keys itself.
pub(super) fn are_published(section: &Section<'_>) -> bool {
    section.has("jwks") || section.has("discovery")
}

/// What kind of key is written down, where it could not be read.
pub(super) fn kind(section: &Section<'_>) -> KeyKind {
    let mut written = SOURCES.into_iter().filter(|option| section.has(option));
    match (written.next(), written.next()) {
        (Some(option), None) if SECRETS.contains(&option) => KeyKind::Secret,
        (Some(_), None) => KeyKind::Public,
        _ => KeyKind::Unknown,
    }
}

/// Exactly one source of keys, read. `issuer` is what discovery begins with; `is_told` says that
/// keys were given in a way that there is not.
pub(super) fn read(
    section: &Section<'_>,
    environment: Environment<'_>,
    issuer: Option<&At<String>>,
    is_told: bool,
) -> Option<(KeySource, KeyOrigin)> {
    let published = read_published(section, issuer);
    let public_key = section.option("public_key", |value| {
        let file = file(section, value)?;
        let text = files::public_key(&file)?;
        let origin = KeyOrigin::of("public_key", file.display().to_string());
        Ok((KeySource::Pem(text), origin))
    });
    let secret = |bytes: Zeroizing<Vec<u8>>| KeySource::Secret(SecretBytes::from(bytes.to_vec()));
    let secret_env = section.option("secret_env", |value| {
        let name = value::text(value)?;
        let bytes = files::secret_env(&name, environment)?;
        Ok((secret(bytes), KeyOrigin::of("secret_env", name)))
    });
    let secret_file = section.option("secret_file", |value| {
        let file = file(section, value)?;
        let bytes = files::secret_file(&file)?;
        let origin = KeyOrigin::of("secret_file", file.display().to_string());
        Ok((secret(bytes), origin))
    });
    let mut written = SOURCES.into_iter().filter(|option| section.has(option));
    match (written.next(), written.next()) {
        (None, _) if is_told => {}
        (None, _) => section.reader.fault_with_help(
            section.at(),
            "the issuer has no key",
            "write discovery = true, jwks = \"URL\", public_key = \"FILE\", secret_env = \"NAME\" or \
             secret_file = \"FILE\"",
        ),
        (Some(first), Some(second)) => {
            let message = format!("`{second}` and `{first}` exclude each other: an issuer has one");
            section.reader.fault(&section.place(second), message);
        }
        (Some(_), None) => {}
    }
    let configured = public_key.or(secret_env).or(secret_file);
    published.or(configured.map(At::into_inner))
}

/// A file that an option names, and does not hold.
fn file(section: &Section<'_>, value: &DeValue<'_>) -> Result<PathBuf, Misfit> {
    let path = value::text(value)?;
    if path.contains("-----BEGIN") {
        return Err(Misfit::new("takes the name of a file, not what is in it"));
    }
    Ok(section.reader.source().resolve(&path))
}

fn read_published(
    section: &Section<'_>,
    issuer: Option<&At<String>>,
) -> Option<(KeySource, KeyOrigin)> {
    let allow_private = section.or("allow_private", value::boolean, false);
    let jwks = section.option("jwks", |value| {
        let url = Url::configured(&value::text(value)?, allow_private);
        url.map(KeysAt::Jwks).map_err(Misfit::sentence)
    });
    let discovery = section.option("discovery", |value| match value::boolean(value)? {
        true => Ok(()),
        false => Err(Misfit::new("can only be true").help("leave it out for another kind of key")),
    });
    let refresh = section.or("refresh", value::duration(MINUTE..=HOUR), 5 * MINUTE);
    let max_stale = value::duration(MINUTE..=7 * 24 * HOUR);
    let max_stale = section.or("max_stale", max_stale, 24 * HOUR);
    let required = section.or("required", value::boolean, true);
    let close_on_key_removal = section.or("close_on_key_removal", value::boolean, false);
    let ca = section.option("ca", |value| {
        let file = file(section, value)?;
        let roots = Roots::of_pem(&files::public_key(&file)?);
        let roots = roots.map_err(|why| Misfit::sentence(format!("{} {why}", file.display())))?;
        Ok((roots, file.display().to_string()))
    });
    if !are_published(section) {
        for option in OF_PUBLISHED
            .into_iter()
            .filter(|option| section.has(option))
        {
            let message = format!("`{option}` is for keys by `jwks` or `discovery` alone");
            section.reader.fault(&section.place(option), message);
        }
        return None;
    }
    let at = match (jwks, discovery) {
        (Some(jwks), _) => jwks.into_inner(),
        (None, Some(_)) => discovery_of(section, issuer?, allow_private)?,
        (None, None) => return None,
    };
    let shown = match &at {
        KeysAt::Jwks(url) => ("jwks", Shown::Text(url.to_string())),
        KeysAt::Discovery(_) => ("discovery", Shown::Bare(true)),
    };
    let mut origin = vec![
        shown,
        ("allow_private", Shown::Bare(allow_private)),
        ("refresh", Shown::Duration(refresh)),
        ("max_stale", Shown::Duration(max_stale)),
        ("required", Shown::Bare(required)),
        ("close_on_key_removal", Shown::Bare(close_on_key_removal)),
    ];
    let (roots, file) = match ca.map(At::into_inner) {
        Some((roots, file)) => (roots, Some(file)),
        None => (Roots::System, None),
    };
    origin.extend(file.map(|file| ("ca", Shown::Text(file))));
    let remote = RemoteKeys {
        at,
        allow_private,
        roots,
        refresh,
        max_stale,
        required,
        close_on_key_removal,
    };
    Some((KeySource::Remote(remote), KeyOrigin(origin)))
}

/// The document begins with the `issuer`, so that it must be a URL.
fn discovery_of(section: &Section<'_>, issuer: &At<String>, allow_private: bool) -> Option<KeysAt> {
    match KeysAt::discovery_of(issuer.get_ref(), allow_private) {
        Ok(at) => Some(at),
        Err(fault) => {
            section.reader.fault_with_help(
                &issuer.span(),
                format!("`issuer`, which discovery begins with: {fault}"),
                "write jwks = \"URL\" in place of discovery, if its keys are somewhere else",
            );
            None
        }
    }
}
