//! The whole file: reads every section, so that every fault is told, then proves what only the
//! sections together can show.

use std::sync::Arc;

use super::admin::Admin;
use super::door::DoorSettings;
use super::expect::{Case, Placed};
use super::expect_files::ExpectFile;
use super::files::Environment;
use super::issuer::Issuers;
use super::reader::{Reader, Scope};
use super::resolved::Resolved;
use super::rooms::Rooms;
use super::section::Section;
use super::{
    Config, Drain, Limits, Listen, Log, Overrides, Tls, TrustedProxies, admin, door, engine,
    expect, expect_files, issuer, limits, listen, log, revocations, rooms, session, tls,
};
use crate::engine::memory::StreamSettings;
use crate::identity::{KnownIssuers, RevocationSettings};
use crate::policy::Policy;
use crate::session::SessionSettings;

/// Everything that a config says, each section good by itself or told to be faulty.
pub(super) struct Sections {
    listen: Listen,
    /// `None` when there is a fault in it.
    tls: Option<Tls>,
    proxies: TrustedProxies,
    door: DoorSettings,
    issuers: Issuers,
    admin: Admin,
    revocations: RevocationSettings,
    session: SessionSettings,
    rooms: Rooms,
    engine: StreamSettings,
    limits: Limits,
    drain: Drain,
    log: Log,
    expectations: Vec<Placed>,
    expect_files: Vec<ExpectFile>,
}

/// What was proven: all of it, or as much as the scope asks for and the faults leave.
#[derive(Default)]
pub(super) struct Proven {
    pub(super) config: Option<Config>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) cases: Vec<Case>,
    pub(super) issuers: KnownIssuers,
}

impl Sections {
    pub(super) fn read(
        root: Section<'_>,
        environment: Environment<'_>,
        overrides: Overrides,
    ) -> Sections {
        let listen = listen::read(root.section("listen"), &overrides);
        let limits = root.section("limits");
        let (tls, proxies) = tls::read(root.section("tls"), &listen, &overrides);
        let sections = Sections {
            tls,
            proxies,
            listen,
            door: door::read(root.section("door"), &overrides),
            admin: admin::read(root.section("admin"), environment, &overrides),
            revocations: revocations::read(root.section("revocations")),
            issuers: issuer::read(&root, environment, overrides.issuer),
            session: session::read(root.section("session"), &limits),
            rooms: rooms::read(&root),
            engine: engine::read(root.section("engine")),
            limits: limits::read(limits),
            drain: limits::read_drain(root.section("drain")),
            log: log::read(root.section("log")),
            expect_files: expect_files::read(&root),
            expectations: expect::read(root.sections("expect")),
        };
        root.finish();
        sections
    }

    /// Compiles the rules, decides the expectations, and makes the door. What is missing in the
    /// end is a fault, which is noted.
    pub(super) fn prove(self, reader: &Reader<'_>) -> Proven {
        let resolved = self.resolve();
        let policy = self.rooms.compile(reader).map(Arc::new);
        let (mut cases, issuers) = (Vec::new(), self.issuers.known());
        if let Some(policy) = &policy {
            let (tables, files) = (&self.expectations, &self.expect_files);
            cases = expect::check(tables, policy, &issuers, reader);
            cases.extend(expect_files::check(files, policy, &issuers, reader));
        }
        self.issuers.check(reader);
        let config = match reader.scope() {
            Scope::Whole => self.config(resolved, policy.clone()),
            Scope::Rules => None,
        };
        Proven {
            config,
            policy,
            cases,
            issuers,
        }
    }

    fn config(self, resolved: String, policy: Option<Arc<Policy>>) -> Option<Config> {
        let policy = policy?;
        let verifier = self.issuers.verifier(policy.declared_claims().clone());
        Some(Config {
            listen: self.listen,
            tls: self.tls?,
            proxies: self.proxies,
            echo: self.door.echo,
            explain: self.door.explain,
            door: self.door.with(verifier?),
            admin: self.admin.paths,
            api_keys: self.admin.keys,
            api_key: self.admin.first,
            revocations: self.revocations,
            policy,
            session: self.session,
            engine: self.engine,
            limits: self.limits,
            drain: self.drain,
            log: self.log,
            resolved,
        })
    }

    fn resolve(&self) -> String {
        let mut out = Resolved::default();
        expect_files::resolve(&self.expect_files, &mut out);
        self.listen.resolve(&mut out);
        if let Some(tls) = &self.tls {
            tls.resolve(&mut out);
            self.proxies.resolve(&mut out);
        }
        self.door.resolve(&mut out);
        self.issuers.resolve(&mut out);
        self.admin.resolve(&mut out);
        revocations::resolve(&self.revocations, &mut out);
        session::resolve(&self.session, &mut out);
        self.rooms.resolve(&mut out);
        engine::resolve(&self.engine, &mut out);
        self.limits.resolve(&mut out);
        session::resolve_limits(&self.session, &mut out);
        self.drain.resolve(&mut out);
        self.log.resolve(&mut out);
        expect::resolve(&self.expectations, &mut out);
        out.finish()
    }
}
