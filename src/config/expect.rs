//! `[[expect]]`: what the rules must decide, proven by the very function that the server uses.
//!
//! A config whose expectations fail is not loaded.

use std::ops::Range;

use serde_json::Value;

use super::issuer::Issuers;
use super::reader::Reader;
use super::resolved::Resolved;
use super::rooms::to_json;
use super::section::Section;
use super::value::{self, Misfit};
use crate::policy::{Expectation, Permission, Policy};

const PERMISSIONS: &[(&str, Permission)] = &[
    ("subscribe", Permission::Subscribe),
    ("publish", Permission::Publish),
    ("history", Permission::History),
    ("presence", Permission::Presence),
];

const DECISIONS: &[(&str, bool)] = &[("allow", true), ("deny", false)];

/// An expectation and where its table stands.
pub(super) type Placed = (Range<usize>, Expectation);

pub(super) fn read(sections: Vec<Section<'_>>) -> Vec<Placed> {
    sections.into_iter().filter_map(read_one).collect()
}

fn read_one(section: Section<'_>) -> Option<Placed> {
    section.unavailable(
        "connection",
        "expectations are decided for a made-up connection",
    );
    section.unavailable("now", "expectations are decided for one moment");
    section.unavailable("rule", "the decision alone is compared");
    let claims = section.required("claims", claims, "write claims = { sub = \"alice\" }");
    let channel = section.required("channel", value::text, "write channel = \"chat:general\"");
    let permission = section.required(
        "permission",
        value::choice(PERMISSIONS),
        "write permission = \"subscribe\"",
    );
    let decision = section.required(
        "decision",
        value::choice(DECISIONS),
        "write decision = \"allow\"",
    );
    let at = section.at().clone();
    section.finish();
    let expectation = Expectation {
        claims: claims?.into_inner(),
        channel: channel?.into_inner(),
        permission: permission?.into_inner(),
        allow: decision?.into_inner(),
    };
    Some((at, expectation))
}

fn claims(value: &toml::de::DeValue<'_>) -> Result<serde_json::Map<String, Value>, Misfit> {
    let misfit = |message| Misfit::new(message).help("write claims = { sub = \"alice\" }");
    match to_json(value)? {
        Value::Object(claims) if claims.get("sub").is_some_and(Value::is_string) => Ok(claims),
        Value::Object(_) => Err(misfit("must name the user as `sub`")),
        _ => Err(misfit("must be a table")),
    }
}

pub(super) fn check(
    expectations: &[Placed],
    policy: &Policy,
    issuers: &Issuers,
    reader: &Reader<'_>,
) {
    for (at, expectation) in expectations {
        let user = expectation.claims.get("sub").and_then(Value::as_str);
        if user.is_some_and(|user| !issuers.could_name(user)) {
            // The door would give no user that name, so whatever is decided proves little.
            let message = "no issuer gives its users such a name: `sub` stands with the \
                           `user_prefix` on";
            reader.warn(at, message);
        }
        if let Err(failure) = expectation.check(policy) {
            reader.fault(at, failure.to_string());
        }
    }
}

pub(super) fn resolve(expectations: &[Placed], out: &mut Resolved) {
    for (_, expectation) in expectations {
        out.item("expect");
        out.bare("claims", Value::Object(expectation.claims.clone()));
        out.text("channel", &expectation.channel);
        out.text("permission", expectation.permission);
        out.text("decision", if expectation.allow { "allow" } else { "deny" });
    }
}
