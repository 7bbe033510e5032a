//! What the tests share: a real gateway as a process of its own, and clients that speak to it over
//! real TLS sockets. Nothing here uses the gateway's own code, so that it cannot agree with itself.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it, and ends where something is wrong"
)]

pub mod answers;
pub mod api;
pub mod client;
pub mod dev;
pub mod door;
pub mod frames;
pub mod http;
pub mod issuer;
pub mod limits;
pub mod mutants;
pub mod plain;
pub mod process;
pub mod protobuf;
pub mod published;
pub mod refusals;
pub mod reload;
pub mod request;
pub mod tls_client;
pub mod tokens;
pub mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

pub const ISSUER: &str = "https://auth.example.com/";
pub const ORIGIN: &str = "https://app.example.com";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef-of-the-tests";
/// A second issuer beside the one of the tests; its users are the same.
pub const OTHER_ISSUER: &str = r#"
[[issuer]]
name = "other"
issuer = "https://other.example.com/"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "GATEPOST_TEST_SECRET"
shared_users = true
"#;

/// Of a second issuer, or key set: `secret_env = "GATEPOST_TEST_OTHER_SECRET"`.
pub const OTHER_SECRET: &str = "another-0123456789abcdef0123456789abcdef-one";

/// The longest that any test waits for anything: many times what it takes where everything is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The configuration that most tests use; more of it can be put behind.
pub const RULES: &str = r#"
[claims]
teams = []
muted = false

[personal]
publish = "'friend' in claims.teams"
history = { size = 10, ttl = "1h" }

[room.chat]
subscribe = "true"
publish = "!claims.muted"
presence = "true"
history = { size = 100, ttl = "1h" }
join_leave = true

[room.team]
subscribe = "channel.parts[0] in claims.teams"
publish = "channel.parts[0] in claims.teams"

[room.dm]
private = true
publish = "true"
presence = "true"
history = { size = 10, ttl = "1h" }
"#;

/// A running gateway; killed when it is dropped.
pub struct Gateway {
    child: Child,
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub tls: Arc<ClientConfig>,
    pub folder: TempDir,
    pub log: Arc<parking_lot::Mutex<Vec<String>>>,
}

/// What a test changes of the usual configuration.
#[derive(Default)]
pub struct Setup<'a> {
    /// Lines under `[listen]`, beside the addresses.
    pub listen: &'a str,
    /// Lines under `[tls]`, in place of certificate and key.
    pub tls: Option<&'a str>,
    /// Lines under `[door]`, beside sources, cookie and origins.
    pub door: &'a str,
    /// Lines under the `[[issuer]]`, beside those that it needs.
    pub issuer: &'a str,
    /// Lines under `[log]`, in place of JSON and all that there is.
    pub log: Option<&'a str>,
    /// Whole tables, behind the others. Rates that `[limits]` does not name are off, and so are
    /// pings unless `[session]` has them.
    pub tables: &'a str,
    /// In place of [`RULES`].
    pub rules: Option<&'a str>,
    /// How many file descriptors it may have (`ulimit -n`).
    pub files: Option<u32>,
}

impl Gateway {
    /// A gateway with the usual configuration.
    pub fn start() -> Gateway {
        Gateway::with(&Setup::default())
    }

    pub fn with(setup: &Setup<'_>) -> Gateway {
        let folder = TempDir::new().unwrap();
        let certificate = write_certificate(folder.path());
        let (listen, door, issuer) = (setup.listen, setup.door, setup.issuer);
        let tls = setup
            .tls
            .unwrap_or("certificate = \"server.pem\"\nkey = \"server.key\"");
        let sources = if door.contains("sources") {
            String::new()
        } else {
            "sources = [\"header\", \"subprotocol\", \"cookie\"]\ncookie = \"gp_token\"".to_owned()
        };
        let log = setup.log.unwrap_or("format = \"json\"\nlevel = \"debug\"");
        let config = format!(
            r#"
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"
{listen}
[tls]
{tls}
[door]
{sources}
origins = ["{ORIGIN}", "https://*.team.example"]
{door}
[[issuer]]
name = "main"
issuer = "{ISSUER}"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "GATEPOST_TEST_SECRET"
{issuer}
[log]
{log}
{}
{}
"#,
            setup.rules.unwrap_or(RULES),
            limits::with_defaults_of_tests(setup.tables)
        );
        Gateway::run(folder, &config, certificate, setup.files)
    }

    fn run(
        folder: TempDir,
        config: &str,
        certificate: CertificateDer<'static>,
        files: Option<u32>,
    ) -> Gateway {
        let file = folder.path().join("gatepost.toml");
        std::fs::write(&file, config).unwrap();
        let log = Arc::default();
        let (child, (public, admin)) = spawn(limits::program(files), &file, &log);
        Gateway {
            child,
            public,
            admin,
            tls: trusting(&[&certificate]),
            folder,
            log,
        }
    }

    /// Kills it, and starts another with the same configuration; clients have to come anew.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.ended().await;
        let file = self.folder.path().join("gatepost.toml");
        (self.child, (self.public, self.admin)) = spawn(limits::program(None), &file, &self.log);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let began = tokio::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE * 2, "the gateway does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of a metric, or 0 where it is not on the page.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = http::get_clear(self.admin, "/metrics").await.body;
        let line = page
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|r| r.starts_with(' ')));
        line.map_or(0.0, |line| {
            line.rsplit(' ').next().unwrap().parse().unwrap()
        })
    }

    /// Waits until a counter, which may go on rising, has come as far.
    pub async fn until_counted(&self, name: &str, count: f64) {
        let began = tokio::time::Instant::now();
        while self.metric(name).await < count {
            assert!(
                began.elapsed() < PATIENCE,
                "{name} is {}",
                self.metric(name).await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a metric has this value.
    pub async fn until_metric(&self, name: &str, value: f64) {
        let began = tokio::time::Instant::now();
        while self.metric(name).await != value {
            assert!(
                began.elapsed() < PATIENCE,
                "{name} is {}",
                self.metric(name).await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that was logged so far.
    pub fn logged(&self) -> String {
        self.log.lock().join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    mut program: Command,
    file: &Path,
    log: &Arc<parking_lot::Mutex<Vec<String>>>,
) -> (Child, (SocketAddr, SocketAddr)) {
    let mut child = program
        .args(["serve", "--config"])
        .arg(file)
        .env("GATEPOST_TEST_SECRET", SECRET)
        .env("GATEPOST_TEST_OTHER_SECRET", OTHER_SECRET)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let found = addresses(child.stderr.take().unwrap(), log);
    (child, found)
}

/// Reads the log until it says where the gateway listens; a thread keeps the rest.
fn addresses(
    stderr: ChildStderr,
    log: &Arc<parking_lot::Mutex<Vec<String>>>,
) -> (SocketAddr, SocketAddr) {
    use std::io::BufRead;
    let mut lines = std::io::BufReader::new(stderr)
        .lines()
        .map_while(Result::ok);
    let mut seen = Vec::new();
    let found = lines.by_ref().find_map(|line| {
        let is_it = line.contains("listening");
        let found = is_it.then(|| Some((address(&line, "public")?, address(&line, "admin")?)));
        seen.push(line);
        found?
    });
    let found = found.unwrap_or_else(|| panic!("the gateway did not start:\n{}", seen.join("\n")));
    *log.lock() = seen;
    let log = log.clone();
    std::thread::spawn(move || lines.for_each(|line| log.lock().push(line)));
    found
}

/// The address behind this name in a log line, in JSON or in text.
fn address(line: &str, name: &str) -> Option<SocketAddr> {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let text = || {
        line.split(' ')
            .find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
    };
    value[name].as_str().or_else(text)?.parse().ok()
}

fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .unwrap();
    std::fs::write(folder.join("server.pem"), made.cert.pem()).unwrap();
    let key = folder.join("server.key");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::os::unix::fs::chown(&key, None, None).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, mode).unwrap();
    made.cert.der().clone()
}

/// The TLS of a client that trusts these certificates and no others.
pub fn trusting(certificates: &[&CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add((*certificate).clone()).unwrap();
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

pub fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a test is its own clock")]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The claims of a good token of this user.
pub fn claims(user: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": "gatepost", "sub": user,
        "iat": now(), "exp": now() + 600, "jti": format!("id-of-{user}"),
    })
}

/// A good token, with more claims or others.
pub fn token_with(user: &str, more: Value) -> String {
    let mut all = claims(user);
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    sign(&all)
}

pub fn token(user: &str) -> String {
    token_with(user, json!({}))
}

pub fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), claims, &key).unwrap()
}
