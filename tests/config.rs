//! The configuration, from the outside: golden files for every fault and every section, the
//! reference file, and what must hold for any text.
//!
//! A golden case is a file in `tests/golden/config`: TOML above the line `--- result ---`, below
//! it the resolved settings with their warnings, or the faults as they are printed. To add a case,
//! add a file and run the tests with `UPDATE_GOLDEN=1`; then read what it wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gatepost::config::{self, CertificateFiles, Config, Loaded, Overrides, Scope, Tls};
use gatepost::identity::{Algorithm, Audience, IssuerSettings, KeySource, Origins};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

const SEPARATOR: &str = "--- result ---\n";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const API_KEY: &str = "fedcba9876543210fedcba9876543210-an-api-key";

/// Expectations in a file of their own.
const MORE: &str = "\
[[expect]]
claims = { sub = \"bob\", teams = [\"red\"] }
channel = \"team:red\"
permission = \"subscribe\"
decision = \"allow\"
";
const WRONG: &str = "\
[claims]
teams = []

[[expect]]
claims = { sub = \"bob\" }
channel = \"team:red\"
permission = \"subscribe\"
decision = \"allow\"
";

/// A folder with the files that the configs of these tests name.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        folder.write(
            "server.pem",
            &params.self_signed(&key).unwrap().pem(),
            0o644,
        );
        folder.write("server.key", &key.serialize_pem(), 0o600);
        folder.write("exposed.key", &key.serialize_pem(), 0o644);
        folder.write(
            "other.key",
            &KeyPair::generate().unwrap().serialize_pem(),
            0o600,
        );
        let issuer = KeyPair::generate().unwrap();
        folder.write("issuer.pub", &issuer.public_key_pem(), 0o644);
        folder.write("issuer.key", &issuer.serialize_pem(), 0o600);
        folder.write("secret.txt", &format!("{SECRET}\n"), 0o640);
        folder.write("exposed.txt", SECRET, 0o604);
        folder.write("empty.txt", "\n", 0o600);
        folder.write("api.key", &format!("{API_KEY}\n"), 0o600);
        folder.write("more.toml", MORE, 0o644);
        fs::create_dir(folder.file("policy")).unwrap();
        folder.write("policy/a.toml", MORE, 0o644);
        folder.write("policy/b.toml", WRONG, 0o644);
        folder.write("policy/c.txt", "no TOML at all", 0o644);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.file(name), text).unwrap();
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Parses a config that stands in this folder; faults as they are printed.
    fn parse(&self, text: &str) -> Result<Loaded, String> {
        Config::parse(text, &self.file("gatepost.toml"), &environment)
            .map_err(|faults| faults.to_string())
    }

    /// The same for a config in the folder `config`, as the reference stands in the project.
    fn parse_in_config(&self, text: &str) -> Result<Loaded, String> {
        fs::create_dir_all(self.file("config")).unwrap();
        Config::parse(text, &self.file("config/gatepost.toml"), &environment)
            .map_err(|faults| faults.to_string())
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "GATEPOST_SECRET" => Some(SECRET.to_owned()),
        "GATEPOST_SHORT" => Some("hunter2".to_owned()),
        "GATEPOST_EMPTY" => Some(String::new()),
        "GATEPOST_API_KEY" => Some(API_KEY.to_owned()),
        _ => None,
    }
}

/// The result of a case, as its file has it.
fn result_of(folder: &Folder, text: &str) -> String {
    let printed = match folder.parse(text) {
        Err(faults) => format!("{faults}\n"),
        Ok(loaded) => {
            let warnings = loaded
                .warnings
                .iter()
                .map(|warning| format!("{warning}\n\n"));
            warnings.collect::<String>() + loaded.config.resolved()
        }
    };
    printed.replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn golden() {
    let folder = Folder::new();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config"));
    let mut cases: Vec<PathBuf> = cases.unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "the cases are not where they should be");
    let mut different = Vec::new();
    for case in &cases {
        let written = fs::read_to_string(case).unwrap();
        let (text, expected) = written
            .split_once(SEPARATOR)
            .expect("a line --- result ---");
        let result = result_of(&folder, text);
        // LOG-1, whatever a case is about.
        for secret in ["hunter2", SECRET, API_KEY, "MIG"] {
            assert!(
                !result.contains(secret),
                "{} shows a secret:\n{result}",
                case.display()
            );
        }
        if update {
            fs::write(case, format!("{text}{SEPARATOR}{result}")).unwrap();
        } else if result != expected {
            let name = case.display();
            different.push(format!(
                "{name}\n--- expected\n{expected}--- found\n{result}"
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// Of a config whose files and variables are not there, `--rules` tells all that `serve` would,
/// except for these.
#[test]
fn rules_leave_out_what_is_not_there_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let cases = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config"));
    let mut compared = 0;
    for case in cases.unwrap().map(|entry| entry.unwrap().path()) {
        let written = fs::read_to_string(&case).unwrap();
        let file = folder.path().join("gatepost.toml");
        fs::write(&file, written.split_once(SEPARATOR).unwrap().0).unwrap();
        let found = |scope| {
            let found = Config::examine(&file, scope).found;
            let found = found.iter().map(ToString::to_string);
            let is_there = |text: &String| {
                !text.contains("cannot be read") && !text.contains("not set in the environment")
            };
            found.filter(is_there).collect::<Vec<String>>()
        };
        let whole = found(Scope::Whole);
        assert_eq!(found(Scope::Rules), whole, "{}", case.display());
        compared += whole.len();
    }
    assert!(compared > 100, "only {compared}");
}

const REFERENCE: &str = include_str!("../config/gatepost.toml");

/// The reference file with its commented options on: `#option = …` and `#[[table]]`, where prose
/// has a space behind the `#`.
fn reference_in_full() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(option) if !option.starts_with([' ', '#']) && !option.is_empty() => option.to_owned(),
        _ => line.to_owned(),
    };
    REFERENCE.lines().map(|line| on(line) + "\n").collect()
}

/// The files that the reference names.
fn reference_folder() -> Folder {
    let folder = Folder::new();
    for (from, to) in [
        ("server.pem", "certs/server.pem"),
        ("server.key", "certs/server.key"),
        ("issuer.pub", "certs/issuer.pem"),
        ("more.toml", "config/policy/more.toml"),
        ("secret.txt", "certs/partner.secret"),
        ("api.key", "certs/api.key"),
        ("server.pem", "certs/inside-ca.pem"),
    ] {
        fs::create_dir_all(folder.file(to).parent().unwrap()).unwrap();
        fs::copy(folder.file(from), folder.file(to)).unwrap();
    }
    folder
}

#[test]
fn the_reference_loads_as_it_is_and_with_every_option_on() {
    let folder = reference_folder();
    let short = folder.parse_in_config(REFERENCE).unwrap();
    assert_eq!(short.warnings.len(), 0, "{:?}", short.warnings);
    let full = folder.parse_in_config(&reference_in_full()).unwrap();
    // What is commented out is the default, where there is one: switching it on changes nothing
    // in these sections.
    for section in [
        "[listen]",
        "[tls]",
        "[session]",
        "[engine]",
        "[limits]",
        "[drain]",
        "[log]",
    ] {
        let part = |config: &Config| {
            let text = config.resolved();
            let from = text.find(section).unwrap();
            text[from..].split("\n\n").next().unwrap().to_owned()
        };
        assert_eq!(part(&full.config), part(&short.config));
    }
}

#[test]
fn the_reference_has_every_option() {
    let text = reference_in_full();
    let table: toml::Table = text.parse().unwrap();
    let written = options_of(&toml::Value::Table(table));
    let known = config::options();
    assert!(
        known.len() > 60,
        "the reader knows {} options only",
        known.len()
    );
    for option in known {
        assert!(
            written.contains(&option),
            "config/gatepost.toml lacks {option}"
        );
    }
}

/// Every path in a document; rooms are documented as `NAME`.
fn options_of(document: &toml::Value) -> BTreeSet<String> {
    fn walk(path: &str, value: &toml::Value, found: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let is_room = path == "room" || path == "shadow.room";
                    let key = if is_room { "NAME" } else { key };
                    let path = if path.is_empty() {
                        key.into()
                    } else {
                        format!("{path}.{key}")
                    };
                    found.insert(path.clone());
                    walk(&path, value, found);
                }
            }
            toml::Value::Array(items) => items.iter().for_each(|item| walk(path, item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", document, &mut found);
    found
}

/// TLS-12, LOG-1.
#[test]
fn tls_12_no_debug_of_a_config_has_a_secret() {
    let folder = Folder::new();
    let case =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config/everything.toml-case");
    let case = fs::read_to_string(case).unwrap();
    let loaded = folder.parse(case.split_once(SEPARATOR).unwrap().0).unwrap();
    let key = fs::read_to_string(folder.file("server.key")).unwrap();
    let key = key.lines().nth(1).unwrap();
    for shown in [format!("{loaded:?}"), format!("{loaded:#?}")] {
        let secret_bytes = format!("{:?}", SECRET.as_bytes());
        for secret in [SECRET, API_KEY, &key[..16], &secret_bytes[1..40]] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn a_caller_may_set_what_exists_at_run_time_only() {
    let folder = Folder::new();
    let pem = fs::read(folder.file("issuer.pub")).unwrap();
    let issuer = IssuerSettings::new(
        "dev",
        config::DEV_ISSUER,
        Audience::OneOf(vec!["gatepost".to_owned()]),
        vec![Algorithm::ES256],
        KeySource::Pem(pem),
    );
    let overrides = Overrides {
        public: Some("127.0.0.1:0".parse().unwrap()),
        admin: Some("127.0.0.1:0".parse().unwrap()),
        hosts: Some(vec!["localhost".to_owned()]),
        origins: Some(vec!["https://localhost:8443".to_owned()]),
        certificate: Some(CertificateFiles {
            certificate: folder.file("server.pem"),
            key: folder.file("server.key"),
        }),
        issuer: Some(issuer),
        api_key: Some(API_KEY.as_bytes().to_vec().into()),
    };
    let text = "[room.chat]\nsubscribe = \"true\"\n";
    let loaded = Config::parse_with(text, Path::new("dev.toml"), &|_| None, overrides).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.config.listen.public, "127.0.0.1:0".parse().unwrap());
    assert_eq!(loaded.config.listen.hosts, ["localhost"]);
    let origins = Origins::parse(&["https://localhost:8443".to_owned()]);
    assert_eq!(loaded.config.door.origins, origins.unwrap());
    assert!(loaded.config.door.verifier.has_issuer("dev"));
    assert!(loaded.config.api_keys.accept(API_KEY.as_bytes()));
    assert!(
        matches!(&loaded.config.tls, Tls::Files(certificate) if certificate.key.cert.len() == 1)
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::new();
    let missing = Config::load(&folder.file("missing.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("missing.toml: error: cannot be read: No such file"),
        "{missing}"
    );
    fs::write(folder.file("binary.toml"), [0xff, 0xfe]).unwrap();
    let binary = Config::load(&folder.file("binary.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        binary.ends_with("binary.toml: error: is not UTF-8 text"),
        "{binary}"
    );
    let endless = Config::load(Path::new("/dev/zero"))
        .unwrap_err()
        .to_string();
    assert!(endless.ends_with("it is larger than 1024 KiB"), "{endless}");
}

#[test]
fn a_fault_can_be_taken_apart() {
    let folder = Folder::new();
    let text = "[listen]\npublc = \"127.0.0.1:1\"\n";
    let faults = Config::parse(text, &folder.file("a.toml"), &|_| None).unwrap_err();
    let fault = faults.iter().find(|fault| fault.line() == Some(2)).unwrap();
    assert_eq!(fault.file(), folder.file("a.toml"));
    assert_eq!(fault.column(), Some(1));
    assert_eq!(fault.message(), "there is no option `publc` in [listen]");
    assert_eq!(fault.help(), Some("did you mean `public`?"));
}

proptest! {
    /// FUZZ-1 (8): no text makes the reader panic, and every fault has a place in the file.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        check_any(&text);
    }

    /// The same for texts that look like a config.
    #[test]
    fn any_mixture_of_a_config_is_read_or_refused(
        lines in proptest::collection::vec((0..400_usize, ".{0,6}"), 1..40),
    ) {
        let written: Vec<&str> = REFERENCE.lines().filter(|line| !line.starts_with("# ")).collect();
        let lines = lines.iter().map(|(line, end)| {
            let line = written[line % written.len()].trim_start_matches('#');
            let cut = line.char_indices().map(|(at, _)| at).nth_back(end.len() / 2).unwrap_or(0);
            if end.len() > 3 { format!("{}{end}\n", &line[..cut]) } else { format!("{line}\n") }
        });
        check_any(&lines.collect::<String>());
    }
}

fn check_any(text: &str) {
    let Err(faults) = Config::parse(text, Path::new("any.toml"), &|_| None) else {
        return;
    };
    assert!(faults.iter().count() > 0);
    let lines = text.split('\n').count();
    for fault in &faults {
        assert!(
            fault.line().is_none_or(|line| (1..=lines).contains(&line)),
            "{fault}"
        );
        assert!(!fault.to_string().contains('\u{1b}'));
    }
}
