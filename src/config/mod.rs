//! The configuration: one TOML file, read into typed settings that are proven good.
//!
//! A [`Config`] exists only when everything in it works: rules compiled, keys read, the
//! certificate fitting its key, every expectation met. Whoever has one checks nothing again. What
//! is wrong comes out all at once, each fault with its place. Nothing else in the house reads
//! settings from files or the environment, and no secret is ever shown: not by `Debug`, not in a
//! fault, not in [`Config::resolved`].

mod admin;
mod changes;
mod door;
mod engine;
mod expect;
mod expect_files;
mod fault;
mod files;
mod issuer;
mod keys;
mod limits;
mod listen;
mod log;
mod mask;
mod proxies;
mod reader;
mod resolved;
mod revocations;
mod rooms;
mod rule_text;
mod section;
mod sections;
mod session;
mod source;
mod tls;
mod value;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

pub use expect::Case;
pub use fault::{Fault, Faults, Severity};
pub use files::Environment;
pub use issuer::DEV_ISSUER;
pub use limits::{Drain, Limits};
pub use listen::Listen;
pub use log::Log;
pub use proxies::TrustedProxies;
pub use reader::Scope;
pub use tls::{Certificate, CertificateFiles, Tls, TlsVersion};

use reader::{Findings, Reader};
use section::Section;
use sections::{Proven, Sections};
use source::Source;

use crate::backend::ApiKeys;
use crate::edge::AdminPaths;
use crate::engine::memory::StreamSettings;
use crate::identity::{Door, IssuerSettings, KnownIssuers, RevocationSettings, SecretBytes};
use crate::policy::Policy;
use crate::session::SessionSettings;
use crate::small_file::SmallFile;

/// A config is some KiB; what is larger is another file, or a pipe without an end.
const MAX_FILE: u64 = 1 << 20;

/// Settings that are proven good.
#[derive(Debug)]
pub struct Config {
    /// Where Gatepost listens.
    pub listen: Listen,
    /// The certificate of the public listener.
    pub tls: Tls,
    /// Who is trusted to name a client.
    pub proxies: TrustedProxies,
    /// Who is let in. What outlives a door is not of the configuration: whoever runs it gives that.
    pub door: Door,
    /// Whether `/connection/echo` is there.
    pub echo: bool,
    /// Whether a refused upgrade is completed to be closed with the reason.
    pub explain: bool,
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// What one user and one connection may have.
    pub session: SessionSettings,
    /// What the memory engine may keep.
    pub engine: StreamSettings,
    /// What the node gives to everybody together.
    pub limits: Limits,
    /// What the admin listener has beside the server API.
    pub admin: AdminPaths,
    /// Who may use the server API.
    pub api_keys: ApiKeys,
    /// The first of their keys, for who calls the server API; it is never printed.
    pub api_key: Option<SecretBytes>,
    /// Where revocations are kept.
    pub revocations: RevocationSettings,
    /// How the node ends.
    pub drain: Drain,
    /// The log.
    pub log: Log,
    resolved: String,
}

/// A config, and what somebody should look at.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// In the order of the file; told at each start.
    pub warnings: Vec<Fault>,
}

/// What was found out about a config, be it good or not.
#[derive(Debug, Default)]
pub struct Examined {
    /// The rules, if these are good.
    pub policy: Option<Arc<Policy>>,
    /// The expectations, each with what became of it.
    pub cases: Vec<Case>,
    /// The issuers that are good.
    pub issuers: KnownIssuers,
    /// Faults and warnings, in the order of the files.
    pub found: Vec<Fault>,
}

impl Examined {
    /// The number of faults; a good config has none.
    pub fn faults(&self) -> usize {
        let is_fault = |fault: &&Fault| fault.severity() == Severity::Error;
        self.found.iter().filter(is_fault).count()
    }
}

/// What a caller sets in place of the file: the development mode's address, certificate and
/// issuer, which exist only at run time. What is set here need not be in the file, and wins over
/// it.
#[derive(Debug, Default)]
pub struct Overrides {
    /// In place of `listen.public`.
    pub public: Option<SocketAddr>,
    /// In place of `listen.admin`; loopback.
    pub admin: Option<SocketAddr>,
    /// In place of `listen.hosts`.
    pub hosts: Option<Vec<String>>,
    /// In place of `door.origins`.
    pub origins: Option<Vec<String>>,
    /// In place of `tls.certificate` and `tls.key`.
    pub certificate: Option<CertificateFiles>,
    /// In place of every `[[issuer]]`. The one way to trust [`DEV_ISSUER`].
    pub issuer: Option<IssuerSettings>,
    /// In place of the keys under `admin`; 32 bytes or more.
    pub api_key: Option<SecretBytes>,
}

impl Config {
    /// Reads and proves a config file, with the environment of the process.
    pub fn load(file: &Path) -> Result<Loaded, Faults> {
        let text = read_text(file).map_err(|why| Faults::of_file(file, why))?;
        Config::parse(&text, file, &environment)
    }

    /// Reads a config file and proves as much of it as `scope` says; tells what became of each
    /// expectation, whether they hold or not.
    pub fn examine(file: &Path, scope: Scope) -> Examined {
        let text = match read_text(file) {
            Ok(text) => text,
            Err(why) => {
                let faults = Faults::of_file(file, why);
                return Examined {
                    found: faults.iter().cloned().collect(),
                    ..Examined::default()
                };
            }
        };
        let source = Source::new(file, &text);
        let (proven, findings) = read(&source, scope, &environment, Overrides::default());
        let found = Faults::new([findings.faults, findings.warnings].concat());
        Examined {
            policy: proven.policy,
            cases: proven.cases,
            issuers: proven.issuers,
            found: found.iter().cloned().collect(),
        }
    }

    /// Proves the text of a config; `file` gives the name for faults, and the folder that paths
    /// are relative to.
    pub fn parse(text: &str, file: &Path, environment: Environment<'_>) -> Result<Loaded, Faults> {
        Config::parse_with(text, file, environment, Overrides::default())
    }

    /// The same, with some settings from the caller.
    pub fn parse_with(
        text: &str,
        file: &Path,
        environment: Environment<'_>,
        overrides: Overrides,
    ) -> Result<Loaded, Faults> {
        let source = Source::new(file, text);
        let (proven, findings) = read(&source, Scope::Whole, environment, overrides);
        match proven.config {
            Some(config) if findings.faults.is_empty() => Ok(Loaded {
                config,
                warnings: findings.warnings,
            }),
            _ if findings.faults.is_empty() => {
                // Every way to have no config notes why; should one forget, it fails closed.
                Err(Faults::of_file(file, "could not be evaluated".to_owned()))
            }
            // A warning often tells why there is a fault.
            _ => Err(Faults::new([findings.faults, findings.warnings].concat())),
        }
    }

    /// The settings as they were understood, defaults filled in, without any secret.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }
}

/// Every option that a config may have, as `listen.public` or `room.NAME.subscribe`.
pub fn options() -> BTreeSet<String> {
    let one_of_each = "[[issuer]]\n[room.NAME]\n[shadow.room.NAME]\n[[expect]]\n";
    let source = Source::new(Path::new("options.toml"), one_of_each);
    read(&source, Scope::Whole, &|_| None, Overrides::default())
        .1
        .asked
}

/// The text of a config file, or why there is none.
fn read_text(file: &Path) -> Result<String, String> {
    let read = SmallFile::read(file, MAX_FILE).map_err(|why| format!("cannot be read: {why}"))?;
    let text = std::str::from_utf8(&read.bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    Ok(text.to_owned())
}

/// The environment of the process.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read(
    source: &Source<'_>,
    scope: Scope,
    environment: Environment<'_>,
    overrides: Overrides,
) -> (Proven, Findings) {
    let (table, syntax_faults) = DeTable::parse_recoverable(source.text());
    let reader = Reader::new(source, scope);
    if !syntax_faults.is_empty() {
        // What a broken file means is a guess, and guesses would bury these faults.
        reader.syntax_faults(&syntax_faults);
        return (Proven::default(), reader.into_findings());
    }
    let root = Section::root(&reader, table.get_ref());
    let proven = Sections::read(root, environment, overrides).prove(&reader);
    (proven, reader.into_findings())
}
