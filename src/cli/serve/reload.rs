//! Reads the configuration again on SIGHUP, and the certificate when its file is another. What is
//! read is judged as a whole, and takes the place of the old all at once or not at all: a bad one
//! changes nothing, and is told in the log, in a metric and in the detail of readiness.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::keepers::Keepers;
use crate::backend::KeysInForce;
use crate::clock::{Clock, UnixSeconds};
use crate::config::{CertificateFiles, Config, Loaded, Tls};
use crate::edge::tls::leaf::{self, LeafFault, Validity};
use crate::edge::tls::pem;
use crate::edge::{Addresses, Certificates, Reloads};
use crate::identity::Door;
use crate::limits::{
    CERTIFICATE_INTERVAL, CERTIFICATE_WARNING_DAYS, RELOAD_KEYS_TIMEOUT, RELOAD_WINDOW,
};
use crate::session::{Sessions, Terms};
use crate::telemetry::Metrics;

/// What can be read again, and where it is in use.
pub(super) struct Reload {
    /// Where the configuration is; none in development mode, whose rules are built in.
    pub(super) file: Option<PathBuf>,
    /// What the configuration in force was resolved to.
    pub(super) resolved: String,
    /// The names that are served.
    pub(super) hosts: Vec<String>,
    /// The certificate in use; none without TLS.
    pub(super) certificate: Option<InUse>,
    pub(super) sessions: Sessions,
    pub(super) addresses: Arc<Addresses>,
    pub(super) api_keys: KeysInForce,
    pub(super) reloads: Reloads,
    pub(super) keepers: Keepers,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
}

/// The certificate of new handshakes.
pub(super) struct InUse {
    pub(super) files: CertificateFiles,
    pub(super) validity: Validity,
    /// Where handshakes take it from.
    pub(super) certificates: Certificates,
}

/// The names under which readiness tells of them.
const CONFIGURATION: &str = "configuration";
const CERTIFICATE: &str = "certificate";

impl Reload {
    /// Runs until `stop`.
    pub(super) async fn run(mut self, mut hangup: Signal, stop: CancellationToken) {
        self.keepers.begin(&self.sessions.terms().door.verifier);
        let mut watched = self.certificate.as_ref().map(InUse::watch);
        let mut ticks = interval(CERTIFICATE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Dropped for a newer one, which asks everybody as well.
        let mut deciding = None;
        let key_removed = self.keepers.key_removed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.keepers.ended() => return,
                _ = hangup.recv() => {
                    if self.read_configuration().await {
                        watched = self.certificate.as_ref().map(InUse::watch);
                        deciding = Some(self.decide_again());
                    }
                }
                () = key_removed.notified() => {
                    self.sessions.renew_terms();
                    deciding = Some(self.decide_again());
                }
                _ = ticks.tick() => {
                    if deciding.as_ref().is_some_and(AbortOnDropHandle::is_finished) {
                        deciding = None;
                    }
                    if let Some(watched) = &mut watched {
                        self.look_at_certificate(watched).await;
                    }
                }
            }
        }
    }

    /// Has everybody decide again by the terms in force, as long as this is kept.
    fn decide_again(&self) -> AbortOnDropHandle<()> {
        let sessions = self.sessions.clone();
        let decide = async move { sessions.decide_again(RELOAD_WINDOW).await };
        AbortOnDropHandle::new(tokio::spawn(decide))
    }

    /// Whether another is in force now.
    async fn read_configuration(&mut self) -> bool {
        let Some(file) = self.file.clone() else {
            tracing::warn!("SIGHUP: in development mode there is nothing to read again");
            return false;
        };
        // Files are read, rules compiled and keys parsed: not on a thread that serves.
        let read = tokio::task::spawn_blocking(move || Config::load(&file)).await;
        let taken = match read {
            Ok(Ok(loaded)) => self.take_over(loaded).await,
            Ok(Err(faults)) => Err(faults.to_string()),
            Err(_) => Err("reading it was broken off".to_owned()),
        };
        self.metrics.reloaded(taken.is_ok());
        match &taken {
            Ok(()) => {
                self.reloads.done(CONFIGURATION);
                tracing::info!("configuration read again and in force");
            }
            Err(faults) => {
                self.reloads.failed(CONFIGURATION, faults);
                tracing::error!(
                    faults,
                    "configuration not taken over: the old one is in force"
                );
            }
        }
        taken.is_ok()
    }

    /// Takes it over as a whole, or says why not.
    async fn take_over(&mut self, loaded: Loaded) -> Result<(), String> {
        let Loaded { config, warnings } = loaded;
        let fixed = config.fixed_changes(&self.resolved);
        if !fixed.is_empty() {
            return Err(format!(
                "these cannot change without a restart: {}",
                fixed.join(", ")
            ));
        }
        if let (Some(in_use), Tls::Files(new)) = (&self.certificate, &config.tls) {
            in_use
                .judge(&new.key, &self.hosts, self.clock.now())
                .map_err(|fault| format!("{}: {fault}", new.files.certificate.display()))?;
        }
        for warning in &warnings {
            tracing::warn!(at = %warning, "configuration");
        }
        // Nothing from here on can fail.
        self.resolved = config.resolved().to_owned();
        let earlier = self.sessions.terms().door.clone();
        let mut door = config.door;
        door.take_over(&earlier);
        self.keepers.begin(&door.verifier);
        keys_are_there(&door).await;
        if let (Some(in_use), Tls::Files(new)) = (&mut self.certificate, config.tls) {
            in_use.certificates.replace(new.key);
            (in_use.files, in_use.validity) = (new.files, new.validity);
            self.reloads.done(CERTIFICATE);
        }
        self.addresses.replace_rates(config.limits.addresses);
        self.api_keys.replace(config.api_keys);
        self.sessions.replace_terms(Terms {
            policy: config.policy,
            door: Arc::new(door),
            settings: config.session,
        });
        self.keepers
            .end_all_but(&self.sessions.terms().door.verifier);
        self.metrics.forget_keys();
        Ok(())
    }

    async fn look_at_certificate(&mut self, watched: &mut Watched) {
        let Some(in_use) = &mut self.certificate else {
            return;
        };
        let now = self.clock.now();
        let days = in_use.validity.days_left(now);
        let shown = i64::try_from(days).unwrap_or(i64::MAX);
        self.metrics.certificate_expiry_days.set(shown);
        if days < CERTIFICATE_WARNING_DAYS && watched.warns() {
            tracing::warn!(days, "the certificate expires soon");
        }
        if !watched.is_another() {
            return;
        }
        match in_use.read_again(&self.hosts, now).await {
            Ok(is_another) => {
                self.reloads.done(CERTIFICATE);
                if is_another {
                    let days = in_use.validity.days_left(now);
                    tracing::info!(days, "certificate read again and in use");
                }
            }
            Err(fault) => {
                self.metrics.certificate_reload_failed.inc();
                self.reloads.failed(CERTIFICATE, &fault);
                tracing::error!(fault, "certificate not taken over: the old one is in use");
            }
        }
    }
}

/// Waits a while for the keys of issuers that are new, so that their tokens need not.
async fn keys_are_there(door: &Door) {
    let mut looks = interval(Duration::from_millis(50));
    let there = async {
        while !door.verifier.has_required_keys() {
            looks.tick().await;
        }
    };
    if timeout(RELOAD_KEYS_TIMEOUT, there).await.is_err() {
        tracing::warn!("an issuer of the configuration has no keys yet");
    }
}

impl InUse {
    fn watch(&self) -> Watched {
        Watched {
            files: self.files.clone(),
            // Whatever changed since the configuration was read is seen at the first look.
            read: (None, None),
            seen: None,
            warned: None,
        }
    }

    /// Whether another may take its place, and until when it could.
    fn judge(
        &self,
        key: &CertifiedKey,
        hosts: &[String],
        now: UnixSeconds,
    ) -> Result<Validity, LeafFault> {
        leaf::judge(key, &self.certificates.current(), hosts, now)
    }

    /// Reads the whole chain and its key, judges them, and has new handshakes use them. Tells
    /// whether they are others than those in use: somebody may only have touched the files.
    async fn read_again(&mut self, hosts: &[String], now: UnixSeconds) -> Result<bool, String> {
        let files = self.files.clone();
        let read = move || pem::load_certificate(&files.certificate, &files.key);
        let key = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| "reading it was broken off".to_owned())?
            .map_err(|fault| fault.to_string())?;
        if key.cert == self.certificates.current().cert {
            return Ok(false);
        }
        self.validity = self
            .judge(&key, hosts, now)
            .map_err(|fault| format!("{}: {fault}", self.files.certificate.display()))?;
        self.certificates.replace(Arc::new(key));
        Ok(true)
    }
}

/// The two files of a certificate. Asking for them every few seconds costs two system calls, and
/// sees a rename, a link that leads elsewhere, and what a volume of Kubernetes does.
struct Watched {
    files: CertificateFiles,
    /// As they were when they were last read.
    read: Stamps,
    /// As they were at the last look, where that is not how they were read.
    seen: Option<Stamps>,
    warned: Option<Instant>,
}

/// What of a file differs when it is another: device, inode, size, and when it was written.
type Stamp = Option<(u64, u64, u64, i64, i64)>;
type Stamps = (Stamp, Stamp);

impl Watched {
    /// Whether they are others than those that were read, and have been since the last look: the
    /// two are not replaced at the same moment.
    fn is_another(&mut self) -> bool {
        let now = stamps(&self.files);
        if now == self.read {
            self.seen = None;
            return false;
        }
        if self.seen.replace(now) != Some(now) {
            return false;
        }
        self.seen = None;
        self.read = now;
        true
    }

    /// Once a day.
    fn warns(&mut self) -> bool {
        let due = self.warned.is_none_or(|at| at.elapsed() >= DAY);
        if due {
            self.warned = Some(Instant::now());
        }
        due
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn stamps(files: &CertificateFiles) -> Stamps {
    (stamp(&files.certificate), stamp(&files.key))
}

/// None when there is no such file at the moment.
fn stamp(file: &Path) -> Stamp {
    let of = |m: Metadata| (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec());
    std::fs::metadata(file).ok().map(of)
}
