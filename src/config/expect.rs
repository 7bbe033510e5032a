//! `[[expect]]`: what the rules must decide, proven by the very function that the server uses.
//!
//! A config whose expectations fail is not loaded. Expectations in files of their own are
//! [`super::expect_files`]'.

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use toml::de::DeValue;

use super::reader::Reader;
use super::resolved::Resolved;
use super::rooms::to_json;
use super::section::{At, Section};
use super::value::{self, Misfit};
use crate::clock::UnixSeconds;
use crate::identity::KnownIssuers;
use crate::policy::{
    ConnectionFacts, Described, Expectation, ExpectationFailure, Permission, Policy,
};

const DECISIONS: &[(&str, bool)] = &[("allow", true), ("deny", false)];

/// An expectation that was decided.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file in which it stands.
    pub file: PathBuf,
    /// The line of its table.
    pub line: usize,
    /// What was expected.
    pub expectation: Expectation,
    /// Why it does not hold, if it does not.
    pub failure: Option<Arc<ExpectationFailure>>,
}

/// A table and where it stands.
pub(super) struct Placed {
    at: Range<usize>,
    /// Whose token it is, which gives the user a prefix.
    issuer: Option<At<String>>,
    /// One for each permission.
    expectations: Vec<Expectation>,
}

pub(super) fn read(sections: Vec<Section<'_>>) -> Vec<Placed> {
    sections.into_iter().filter_map(read_one).collect()
}

fn read_one(section: Section<'_>) -> Option<Placed> {
    let claims = section.required("claims", claims, "write claims = { sub = \"alice\" }");
    let channel = section.required("channel", value::text, "write channel = \"chat:general\"");
    let permissions = section.required(
        "permission",
        permissions,
        "write permission = \"subscribe\"",
    );
    let decision = section.required(
        "decision",
        value::choice(DECISIONS),
        "write decision = \"allow\"",
    );
    let by = section.option("by", value::text).map(At::into_inner);
    let issuer = section.option("issuer", value::text);
    let now = section.option("now", time).map(At::into_inner);
    let connection = read_connection(section.section("connection"));
    let at = section.at().clone();
    section.finish();

    let mut subject = Described::new(claims?.into_inner());
    subject.now = now.unwrap_or(subject.now);
    subject.connection = connection.unwrap_or(subject.connection);
    let (channel, allow) = (channel?.into_inner(), decision?.into_inner());
    let expectations = permissions?.into_inner().into_iter();
    let expectations = expectations.map(|permission| Expectation {
        subject: subject.clone(),
        channel: channel.clone(),
        permission,
        allow,
        by: by.clone(),
    });
    Some(Placed {
        at,
        issuer,
        expectations: expectations.collect(),
    })
}

fn read_connection(section: Section<'_>) -> Option<ConnectionFacts> {
    let is_present = section.is_present();
    let standard = ConnectionFacts::made_up();
    let protocols = ConnectionFacts::PROTOCOLS.map(|name| (name, name));
    let address = section.or("address", ip_address, standard.address);
    let origin = section.option("origin", value::text).map(At::into_inner);
    let protocol = section.or("protocol", value::choice(protocols), standard.protocol);
    section.finish();
    is_present.then_some(ConnectionFacts {
        address,
        origin,
        protocol,
    })
}

fn ip_address(value: &DeValue<'_>) -> Result<IpAddr, Misfit> {
    let misfit = || Misfit::new("must be an IP address").help("such as \"192.0.2.7\"");
    value::text(value)?.parse().map_err(|_| misfit())
}

fn time(value: &DeValue<'_>) -> Result<UnixSeconds, Misfit> {
    let text = match value {
        DeValue::Datetime(time) => time.to_string(),
        other => value::text(other)?,
    };
    UnixSeconds::parse(&text).ok_or_else(|| {
        Misfit::new("must be a time with its offset from UTC")
            .help("write now = 2026-03-04T05:06:07Z")
    })
}

/// One, or a list of them.
fn permissions(value: &DeValue<'_>) -> Result<Vec<Permission>, Misfit> {
    let one = value::choice(Permission::ALL.map(|one| (one.as_str(), one)));
    match value {
        DeValue::Array(items) if items.is_empty() => Err(Misfit::new("must not be empty")),
        DeValue::Array(items) => items.iter().map(|item| one(item.get_ref())).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn claims(value: &DeValue<'_>) -> Result<serde_json::Map<String, Value>, Misfit> {
    let misfit = |message| Misfit::new(message).help("write claims = { sub = \"alice\" }");
    match to_json(value)? {
        Value::Object(claims) if claims.get("sub").is_some_and(Value::is_string) => Ok(claims),
        Value::Object(_) => Err(misfit("must name the user as `sub`")),
        _ => Err(misfit("must be a table")),
    }
}

/// Decides all of them; what does not hold is a fault.
pub(super) fn check(
    tables: &[Placed],
    policy: &Policy,
    issuers: &KnownIssuers,
    reader: &Reader<'_>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for table in tables {
        let Some(subject) = subject(table, issuers, reader) else {
            continue;
        };
        for expectation in &table.expectations {
            let mut expectation = expectation.clone();
            expectation.subject = subject.clone();
            let failure = expectation.check(policy).err().map(Arc::new);
            if let Some(failure) = &failure {
                let detail = failure.explanation().map(ToString::to_string);
                reader.fault_in_detail(&table.at, &failure.to_string(), detail);
            }
            cases.push(Case {
                file: reader.source().file().to_owned(),
                line: reader.source().position(table.at.start).line,
                expectation,
                failure,
            });
        }
    }
    cases
}

/// Whom the table is about, with what the issuer has to do with it; `None` when that cannot be
/// said, which is a fault.
fn subject(table: &Placed, issuers: &KnownIssuers, reader: &Reader<'_>) -> Option<Described> {
    let mut subject = table.expectations.first()?.subject.clone();
    let mut issuer = None;
    if let Some(name) = &table.issuer {
        issuer = issuers.named(name.get_ref());
        if issuer.is_none() {
            let message = format!("there is no issuer `{}`", name.get_ref());
            reader.fault(&name.span(), message);
            return None;
        }
    } else if !issuers.could_name(&subject.user()) {
        // The door would give no user that name, so whatever is decided proves little.
        let message = "no issuer gives its users such a name: `sub` stands with the \
                       `user_prefix` on, unless `issuer` names one";
        reader.warn(&table.at, message);
    }
    match issuers.vouch(&mut subject, issuer) {
        Ok(()) => Some(subject),
        Err(unclear) => {
            reader.fault(&table.at, unclear.to_string());
            None
        }
    }
}

pub(super) fn resolve(tables: &[Placed], out: &mut Resolved) {
    for table in tables {
        let Some(first) = table.expectations.first() else {
            continue;
        };
        let standard = Described::new(first.subject.claims.clone());
        out.item("expect");
        out.bare("claims", Value::Object(first.subject.claims.clone()));
        out.optional("issuer", table.issuer.as_ref().map(At::get_ref));
        out.text("channel", &first.channel);
        let permissions = table.expectations.iter().map(|e| e.permission);
        match table.expectations.len() {
            1 => out.text("permission", first.permission),
            _ => out.texts("permission", permissions),
        }
        out.text("decision", if first.allow { "allow" } else { "deny" });
        out.optional("by", first.by.as_ref());
        if first.subject.now != standard.now {
            let now = UNIX_EPOCH + Duration::from_secs(first.subject.now.0);
            out.bare("now", humantime::format_rfc3339_seconds(now));
        }
        let connection = &first.subject.connection;
        if *connection != standard.connection {
            out.text("connection.address", connection.address);
            out.optional("connection.origin", connection.origin.as_ref());
            out.text("connection.protocol", connection.protocol);
        }
    }
}
