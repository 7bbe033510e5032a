//! `[[issuer]]`: whose tokens open the door. What is read here is judged by `identity`, whose faults
//! are told at the option that they are about.

use std::time::Duration;

use toml::de::DeValue;

use super::files::Environment;
use super::keys::{self, KeyOrigin};
use super::reader::{Reader, WHOLE_FILE};
use super::resolved::Resolved;
use super::section::{At, Places, Section};
use super::value::{self, Misfit};
use crate::identity::{
    Algorithm, Audience, IssuerFault, IssuerSettings, KeyKind, KeySource, KnownIssuers, Purpose,
    Verifier, issuer_faults,
};
use crate::policy::DeclaredClaims;

/// The `iss` of the development mode's toy issuer, which signs for whoever asks.
pub const DEV_ISSUER: &str = "urn:gatepost:dev";

/// The issuers as they are written, the faulty ones too, so that what is wrong with one hides
/// nothing of the others.
pub(super) struct Issuers {
    settings: Vec<IssuerSettings>,
    /// What was found out about each; none of one that the caller gave.
    read: Vec<Read>,
}

/// What was found out about an issuer while it was read.
struct Read {
    places: Places,
    /// Where the key comes from, for [`Issuers::resolve`].
    key_origin: Option<KeyOrigin>,
    /// The options that are missing or do not fit. Something else stands in their place, and
    /// nothing more is said of them.
    faulty: Vec<&'static str>,
}

/// The options by which an issuer is known to expectations.
const KNOWN_BY: [&str; 5] = ["name", "issuer", "user_prefix", "purpose", "grants"];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Reads the tables; an issuer from the caller stands in place of all of them.
pub(super) fn read(
    root: &Section<'_>,
    environment: Environment<'_>,
    in_place: Option<IssuerSettings>,
) -> Issuers {
    let mut issuers = Issuers {
        settings: Vec::new(),
        read: Vec::new(),
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
        issuers.read = Vec::new();
        issuers.settings = vec![issuer];
    }
    issuers
}

impl Issuers {
    /// Who they are, as far as that is known.
    pub(super) fn known(&self) -> KnownIssuers {
        let is_known = |(index, _): &(usize, &IssuerSettings)| {
            let read = self.read.get(*index);
            !read.is_some_and(|read| read.has_faults(&KNOWN_BY))
        };
        let known = self.settings.iter().enumerate().filter(is_known);
        KnownIssuers::of(known.map(|(_, settings)| settings))
    }

    fn read_one(&mut self, section: Section<'_>, environment: Environment<'_>) {
        if !section.is_present() {
            // It is no table, which has been told.
            return;
        }
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
        let (keys, key_origin) = keys.unzip();
        let keys = match (keys, keys::kind(&section)) {
            // Which algorithms they are for is not known.
            _ if section.has_faults("algorithms") => KeySource::Unread(KeyKind::Unknown),
            (Some(keys), KeyKind::Public | KeyKind::Secret) => keys,
            (_, kind) => KeySource::Unread(kind),
        };
        // What does not fit has been told; what stands in its place is not looked at.
        let mut settings = IssuerSettings::new(
            name.map_or(String::new(), At::into_inner),
            issuer.map_or(String::new(), At::into_inner),
            audience.map_or(Audience::Any, At::into_inner),
            algorithms,
            keys,
        );
        read_the_rest(&section, &mut settings);
        self.settings.push(settings);
        self.read.push(Read {
            places: section.places(),
            key_origin,
            faulty: section.faulty(),
        });
        section.finish();
    }

    /// Proves all that can be without keys; every fault is noted at its option.
    pub(super) fn check(&self, reader: &Reader<'_>) {
        // Where these do not fit, what the issuers have in common would be a guess.
        let is_unclear = |read: &Read| read.has_faults(&["purpose", "user_prefix", "shared_users"]);
        let is_unclear = self.read.iter().any(is_unclear);
        let in_common = ["issuer", "purpose", "user_prefix", "shared_users"];
        for (index, fault) in issuer_faults(&self.settings) {
            let Some(read) = self.read.get(index) else {
                reader.fault(&WHOLE_FILE, fault.to_string());
                continue;
            };
            let is_guess = is_unclear && in_common.contains(&fault.option);
            if !read.faulty.contains(&fault.option) && !is_guess {
                read.tell(reader, &fault);
            }
        }
    }

    /// Who verifies by these issuers, once they were [checked](Issuers::check) and nothing was
    /// found; `None` when one is faulty or has no key.
    pub(super) fn verifier(self, declared: DeclaredClaims) -> Option<Verifier> {
        Verifier::new(self.settings, declared).ok()
    }

    pub(super) fn resolve(&self, out: &mut Resolved) {
        for (index, issuer) in self.settings.iter().enumerate() {
            let read = self.read.get(index);
            let origin = read.and_then(|read| read.key_origin.as_ref());
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

impl Read {
    fn has_faults(&self, options: &[&str]) -> bool {
        options.iter().any(|option| self.faulty.contains(option))
    }

    fn tell(&self, reader: &Reader<'_>, fault: &IssuerFault) {
        let option = match fault.option {
            "secret" => keys::SECRETS.iter().find(|option| self.places.has(option)),
            _ => None,
        };
        let option = option.copied().unwrap_or(fault.option);
        reader.fault(
            &self.places.of(option),
            format!("`{option}`: {}", fault.message),
        );
    }
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
        section.miss("algorithms");
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
