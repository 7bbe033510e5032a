//! `[[issuer]]`: whose tokens open the door. What is read here is judged by `identity`, whose faults
//! are told at the option that they are about.

use std::time::Duration;

use toml::de::DeValue;

use super::files::Environment;
use super::keys::{self, KeyOrigin};
use super::reader::Reader;
use super::resolved::Resolved;
use super::section::{At, Places, Section};
use super::value::{self, Misfit};
use crate::identity::{
    Algorithm, Audience, IssuerFault, IssuerSettings, KeySource, KnownIssuers, Purpose, Verifier,
};
use crate::policy::DeclaredClaims;

/// The `iss` of the development mode's toy issuer, which signs for whoever asks.
pub const DEV_ISSUER: &str = "urn:gatepost:dev";

/// The issuers as they are written.
pub(super) struct Issuers {
    settings: Vec<IssuerSettings>,
    /// Where each stands, by name.
    places: Vec<(String, Places)>,
    /// Where each key comes from, for [`Issuers::resolve`].
    key_origins: Vec<Option<KeyOrigin>>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Reads the tables; an issuer from the caller stands in place of all of them.
pub(super) fn read(
    root: &Section<'_>,
    environment: Environment<'_>,
    in_place: Option<IssuerSettings>,
) -> Issuers {
    let mut issuers = Issuers {
        settings: Vec::new(),
        places: Vec::new(),
        key_origins: Vec::new(),
    };
    let faults_before = root.reader.faults();
    let sections = root.sections("issuer");
    let is_told = root.reader.faults() > faults_before;
    if sections.is_empty() && in_place.is_none() && !is_told {
        root.reader.fault_with_help(
            root.at(),
            "there is no [[issuer]], so no token could open the door",
            "write an [[issuer]] table with name, issuer, audience, algorithms and a key",
        );
    }
    for section in sections {
        issuers.read_one(section, environment);
    }
    if let Some(issuer) = in_place {
        issuers.places = Vec::new();
        issuers.settings = vec![issuer];
        issuers.key_origins = vec![None];
    }
    issuers
}

impl Issuers {
    /// Who they are.
    pub(super) fn known(&self) -> KnownIssuers {
        KnownIssuers::of(&self.settings)
    }

    fn read_one(&mut self, section: Section<'_>, environment: Environment<'_>) {
        let faults_before = section.reader.faults();
        let told = tell_of_what_is_not_there(&section);
        let name = section.required("name", name, "write name = \"main\"");
        let issuer = section.required(
            "issuer",
            value::text,
            "write the `iss` of its tokens, such as issuer = \"https://auth.example.com/\"",
        );
        if let Some(issuer) = issuer
            .as_ref()
            .filter(|issuer| issuer.get_ref() == DEV_ISSUER)
        {
            section.reader.fault(
                &issuer.span(),
                format!(
                    "`issuer` is {DEV_ISSUER}, the toy of `gatepost dev` that signs for anybody"
                ),
            );
        }
        let audience = section.required(
            "audience",
            audience,
            "write audience = [\"gatepost\"], or audience = \"any\"",
        );
        let algorithms = read_algorithms(&section);
        let keys = keys::read(&section, environment, issuer.as_ref(), told);
        let (keys, origin) = keys.unzip();
        let mut settings = IssuerSettings::new(
            name.map_or(String::new(), At::into_inner),
            issuer.map_or(String::new(), At::into_inner),
            audience.map_or(Audience::Any, At::into_inner),
            algorithms,
            // What is missing has been told, so that its placeholder is never used.
            keys.unwrap_or(KeySource::Pem(Vec::new())),
        );
        read_the_rest(&section, &mut settings);
        if section.reader.faults() == faults_before {
            self.places.push((settings.name.clone(), section.places()));
            self.settings.push(settings);
            self.key_origins.push(origin);
        }
        section.finish();
    }

    /// Proves the issuers; every fault is noted at its option. Gives `None` when one is faulty.
    pub(super) fn prove(self, declared: DeclaredClaims, reader: &Reader<'_>) -> Option<Verifier> {
        match Verifier::new(self.settings, declared) {
            Ok(verifier) => Some(verifier),
            Err(faults) => {
                for fault in faults {
                    tell(reader, &self.places, &fault);
                }
                None
            }
        }
    }

    pub(super) fn resolve(&self, out: &mut Resolved) {
        for (issuer, origin) in self.settings.iter().zip(&self.key_origins) {
            out.item("issuer");
            out.text("name", &issuer.name);
            out.text("issuer", &issuer.issuer);
            match &issuer.audience {
                Audience::OneOf(audience) => out.texts("audience", audience),
                Audience::Any => out.text("audience", "any"),
            }
            out.texts("algorithms", &issuer.algorithms);
            if let Some(origin) = origin {
                origin.resolve(out);
            }
            out.optional("user_prefix", issuer.user_prefix.as_ref());
            out.bare("shared_users", issuer.shared_users);
            out.duration("max_token_life", issuer.max_token_life);
            out.duration("leeway", issuer.leeway);
            out.bare("iat_required", issuer.iat_required);
            out.texts("typ", &issuer.typ);
            out.optional("required_typ", issuer.required_typ.as_ref());
            out.bare("id_tokens", issuer.id_tokens);
            out.texts("required_claims", &issuer.required_claims);
            let purpose = PURPOSES
                .iter()
                .find(|(_, purpose)| *purpose == issuer.purpose);
            out.optional("purpose", purpose.map(|(word, _)| word));
            out.bare("grants", issuer.grants);
        }
    }
}

fn tell(reader: &Reader<'_>, places: &[(String, Places)], fault: &IssuerFault) {
    // The later of two with one name is the one to be told.
    let place = places.iter().rev().find(|(name, _)| *name == fault.issuer);
    let option = match fault.option {
        "secret" => keys::SECRETS
            .iter()
            .find(|option| place.is_some_and(|(_, place)| place.has(option))),
        _ => None,
    };
    let option = option.copied().unwrap_or(fault.option);
    let at = place.map_or(0..0, |(_, place)| place.of(option));
    reader.fault(&at, format!("`{option}`: {}", fault.message));
}

/// Keys given in a way that there is not; whether one was.
fn tell_of_what_is_not_there(section: &Section<'_>) -> bool {
    let faults_before = section.reader.faults();
    let instead = "write jwks = \"URL\", discovery = true, or the keys in PEM as public_key";
    section.unavailable("jwks_file", instead);
    for option in ["secret", "hmac_secret"] {
        section.forbidden(
            option,
            "a secret must not stand in the config, which is copied, committed and shown",
            "write secret_env = \"NAME\" or secret_file = \"FILE\"",
        );
    }
    section.forbidden(
        "private_key",
        "Gatepost verifies tokens and never signs them, so it must not have a private key",
        "write public_key = \"FILE\"; `openssl pkey -in KEY -pubout` makes it",
    );
    section.reader.faults() > faults_before
}

/// A name for logs and metrics.
fn name(value: &DeValue<'_>) -> Result<String, Misfit> {
    let name = value::text(value)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() <= 64 && name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(Misfit::new(
            "must be at most 64 letters, digits, `-`, `_` and `.`",
        ))
    }
}

fn audience(value: &DeValue<'_>) -> Result<Audience, Misfit> {
    match value {
        DeValue::String(any) if any == "any" => Ok(Audience::Any),
        DeValue::String(one) => Err(Misfit::new("must be a list, or the word \"any\"")
            .help(format!("write audience = [{one:?}]"))),
        DeValue::Array(items) if items.is_empty() => {
            Err(Misfit::new("must not be empty").help("to take every audience, write \"any\""))
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| value::text(item.get_ref()));
            items.collect::<Result<_, _>>().map(Audience::OneOf)
        }
        _ => Err(Misfit::new("must be a list, or the word \"any\"")),
    }
}

fn read_algorithms(section: &Section<'_>) -> Vec<Algorithm> {
    let algorithm = |value: &DeValue<'_>| {
        let name = value::text(value)?;
        Algorithm::parse(&name).map_err(Misfit::sentence)
    };
    let listed = section.list("algorithms", algorithm);
    if section.lacks("algorithms") {
        if keys::are_published(section) {
            // Each published key says what it is for; that none is a secret is seen to.
            return Algorithm::ASYMMETRIC.to_vec();
        }
        section.reader.fault_with_help(
            section.at(),
            "`issuer.algorithms` is missing",
            "write those that it signs with, such as algorithms = [\"ES256\"]",
        );
    }
    listed
        .map_or(Vec::new(), At::into_inner)
        .into_iter()
        .map(At::into_inner)
        .collect()
}

fn read_the_rest(section: &Section<'_>, issuer: &mut IssuerSettings) {
    let texts = |key| {
        let listed: Option<At<Vec<At<String>>>> = section.list(key, value::text);
        listed
            .map_or(Vec::new(), At::into_inner)
            .into_iter()
            .map(At::into_inner)
            .collect()
    };
    issuer.user_prefix = section
        .option("user_prefix", value::text)
        .map(At::into_inner);
    issuer.shared_users = section.or("shared_users", value::boolean, issuer.shared_users);
    let life = value::duration(Duration::from_secs(1)..=365 * DAY);
    issuer.max_token_life = section.or("max_token_life", life, issuer.max_token_life);
    let leeway = value::duration(Duration::ZERO..=Duration::from_secs(300));
    issuer.leeway = section.or("leeway", leeway, issuer.leeway);
    issuer.iat_required = section.or("iat_required", value::boolean, issuer.iat_required);
    if !issuer.iat_required {
        section.reader.warn(
            &section.place("iat_required"),
            "without `iat` in its tokens, nothing bounds how long one lives",
        );
    }
    issuer.typ = texts("typ");
    issuer.required_typ = section
        .option("required_typ", value::text)
        .map(At::into_inner);
    issuer.id_tokens = section.or("id_tokens", value::boolean, issuer.id_tokens);
    issuer.required_claims = texts("required_claims");
    issuer.purpose = section.or("purpose", value::choice(PURPOSES), issuer.purpose);
    issuer.grants = section.or("grants", value::boolean, issuer.grants);
}

const PURPOSES: &[(&str, Purpose)] = &[
    ("both", Purpose::Both),
    ("connection", Purpose::Connection),
    ("subscription", Purpose::Subscription),
];
