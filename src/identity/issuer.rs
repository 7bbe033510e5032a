//! An issuer of tokens: what the configuration says of it, proven to be usable.
//!
//! Several issuers are kept apart here: `iss` alone chooses one, its keys verify its tokens only,
//! and unless the configuration says that they share their users, each has a prefix of its own, so
//! that one's `alice` is never the other's.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::keys::{KeySource, Keys, Kid};
use super::trust::{IssuerTrust, Trust};
use crate::policy::DeclaredClaims;

/// Longer leeways hide broken clocks (SECURITY.md JWT-14).
const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// A prefix leaves at least half of a user id to `sub`.
const MAX_PREFIX_BYTES: usize = 64;

/// One `[[issuer]]` of the configuration.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The name by which the configuration, logs and metrics call it.
    pub name: String,
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// Whom its tokens must be for.
    pub audience: Audience,
    /// The algorithms that it signs with; none is taken from a token.
    pub algorithms: Vec<Algorithm>,
    /// What verifies its signatures.
    pub keys: KeySource,
    /// Put before `sub` before anything else looks at it.
    pub user_prefix: Option<String>,
    /// With several issuers: that its `alice` is the `alice` of the others.
    pub shared_users: bool,
    /// How much later than `iat` a token's `exp` may be; 24 h by default.
    pub max_token_life: Duration,
    /// For `nbf` and `iat`, never for `exp`; 30 s by default, up to 300 s.
    pub leeway: Duration,
    /// Refuse tokens without `iat`; true by default.
    pub iat_required: bool,
    /// The one `typ` that its tokens must have.
    pub required_typ: Option<String>,
    /// Types that its tokens may have besides `JWT` and `at+jwt`.
    pub typ: Vec<String>,
    /// Take its id tokens too (with `nonce`, `at_hash`, `c_hash`).
    pub id_tokens: bool,
    /// Claims that its tokens must have.
    pub required_claims: Vec<String>,
    /// What its tokens are for.
    pub purpose: Purpose,
    /// Let the claims `channels`, `subs` and `caps` of its tokens grant; true by default.
    pub grants: bool,
}

/// What the tokens of an issuer are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Connections, and single subscriptions; the claim `channel` tells which.
    #[default]
    Both,
    /// Connections only.
    Connection,
    /// Single subscriptions only.
    Subscription,
}

impl Purpose {
    /// Whether a token of this purpose may be used for the other.
    pub fn includes(self, wanted: Purpose) -> bool {
        self == Purpose::Both || self == wanted
    }

    fn overlaps(self, other: Purpose) -> bool {
        self.includes(other) || other.includes(self)
    }
}

impl IssuerSettings {
    /// Settings with the defaults of the configuration reference.
    pub fn new(
        name: impl Into<String>,
        issuer: impl Into<String>,
        audience: Audience,
        algorithms: Vec<Algorithm>,
        keys: KeySource,
    ) -> IssuerSettings {
        IssuerSettings {
            name: name.into(),
            issuer: issuer.into(),
            audience,
            algorithms,
            keys,
            user_prefix: None,
            shared_users: false,
            max_token_life: Duration::from_secs(24 * 60 * 60),
            leeway: Duration::from_secs(30),
            iat_required: true,
            required_typ: None,
            typ: Vec::new(),
            id_tokens: false,
            required_claims: Vec::new(),
            purpose: Purpose::default(),
            grants: true,
        }
    }
}

/// Whom a token must be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// `aud` names one of these.
    OneOf(Vec<String>),
    /// `audience = "any"`: `aud` is not looked at.
    Any,
}

/// What is wrong with an `[[issuer]]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer {issuer}: {option}: {message}")]
pub struct IssuerFault {
    /// The name of the issuer.
    pub issuer: String,
    /// The option that it is about; `secret` stands for `secret_env` and `secret_file`.
    pub option: &'static str,
    /// What is wrong and what to do, without capital and full stop.
    pub message: String,
}

/// An issuer whose settings are good and whose keys are ready.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) name: Arc<str>,
    pub(super) settings: IssuerSettings,
    pub(super) keys: Keys,
    /// The other prefixes of issuers; no user of this one may begin with one of them.
    pub(super) reserved_prefixes: Vec<String>,
    /// What its identities keep hold of.
    pub(super) trust: Arc<Trust>,
}

impl Issuer {
    /// What is kept of a token that the key of this name has signed.
    pub(super) fn trust_in(&self, kid: Option<Kid>) -> IssuerTrust {
        let trust = self.trust.clone();
        IssuerTrust { trust, kid }
    }
}

/// Proves all issuers, each by itself and all together; all faults at once.
pub(super) fn prove(
    all: Vec<IssuerSettings>,
    declared: &DeclaredClaims,
) -> Result<Vec<Issuer>, Vec<IssuerFault>> {
    match examine(&all) {
        // There is one for each, or a key was not read and nobody can be let in.
        (faults, all_keys) if faults.is_empty() && all_keys.len() == all.len() => {
            Ok(proven(all, all_keys, declared))
        }
        (faults, _) => Err(faults.into_iter().map(|(_, fault)| fault).collect()),
    }
}

/// All faults of issuers, each by itself and all together, also where keys could not be read; with
/// the index of the issuer.
pub fn issuer_faults(all: &[IssuerSettings]) -> Vec<(usize, IssuerFault)> {
    examine(all).0
}

/// The faults, each with the index of its issuer, and the keys that are good.
fn examine(all: &[IssuerSettings]) -> (Vec<(usize, IssuerFault)>, Vec<Keys>) {
    let mut faults = Vec::new();
    let opening = |settings: &&IssuerSettings| settings.purpose.includes(Purpose::Connection);
    let opening = all.iter().filter(opening).count();
    let mut all_keys = Vec::new();
    for (index, settings) in all.iter().enumerate() {
        let mut fault = |option, message: String| {
            let issuer = settings.name.clone();
            let fault = IssuerFault {
                issuer,
                option,
                message,
            };
            faults.push((index, fault));
        };
        check_alone(settings, &mut fault);
        check_beside(settings, &all[..index], &mut fault);
        if opening == 0 {
            fault(
                "purpose",
                "no [[issuer]] signs tokens for connections, so nobody could connect".to_owned(),
            );
        }
        // With one issuer of connections, all users are of one kind, whoever signs for a channel.
        if opening > 1 && settings.user_prefix.is_none() && !settings.shared_users {
            fault(
                "user_prefix",
                "with more than one [[issuer]] of connections each needs user_prefix = \"…\" or shared_users = \
                 true, or the users of one could be taken for those of another"
                    .to_owned(),
            );
        }
        match Keys::new(settings) {
            Ok(keys) => all_keys.push(keys),
            Err(of_keys) => of_keys
                .into_iter()
                .for_each(|(option, text)| fault(option, text)),
        }
    }
    (faults, all_keys)
}

/// The issuers of settings that are good, each with its keys and what it must know of the others.
fn proven(all: Vec<IssuerSettings>, all_keys: Vec<Keys>, declared: &DeclaredClaims) -> Vec<Issuer> {
    let prefixes: Vec<_> = all
        .iter()
        .map(|settings| settings.user_prefix.clone())
        .collect();
    all.into_iter()
        .zip(all_keys)
        .enumerate()
        .map(|(index, (settings, keys))| {
            let others = prefixes
                .iter()
                .enumerate()
                .filter(|(other, prefix)| *other != index && **prefix != settings.user_prefix);
            let reserved: Vec<String> = others.filter_map(|(_, prefix)| prefix.clone()).collect();
            let name: Arc<str> = settings.name.as_str().into();
            Issuer {
                trust: Arc::new(Trust::new(
                    name.clone(),
                    &settings,
                    &reserved,
                    declared.clone(),
                )),
                name,
                reserved_prefixes: reserved,
                settings,
                keys,
            }
        })
        .collect()
}

/// What can be said of an issuer without looking at the others.
fn check_alone(settings: &IssuerSettings, fault: &mut impl FnMut(&'static str, String)) {
    if settings.name.is_empty() {
        fault(
            "name",
            "the name is empty: give the issuer one, for logs and metrics".to_owned(),
        );
    }
    if settings.issuer.is_empty() {
        fault(
            "issuer",
            "this is empty: write the iss of its tokens, byte for byte".to_owned(),
        );
    }
    if let Audience::OneOf(audience) = &settings.audience
        && (audience.is_empty() || audience.iter().any(String::is_empty))
    {
        fault(
            "audience",
            "name at least one audience, none of them empty, or write audience = \"any\""
                .to_owned(),
        );
    }
    if settings.algorithms.is_empty() {
        fault(
            "algorithms",
            "the list is empty: list those that the issuer signs with".to_owned(),
        );
    }
    for (index, algorithm) in settings.algorithms.iter().enumerate() {
        if settings.algorithms[..index].contains(algorithm) {
            fault(
                "algorithms",
                format!("{algorithm} stands twice in the list"),
            );
        }
    }
    if settings.max_token_life.is_zero() {
        fault("max_token_life", "this must be longer than 0 s".to_owned());
    }
    if settings.leeway > MAX_LEEWAY {
        fault(
            "leeway",
            "this may be 300 s at most: set the clocks right instead".to_owned(),
        );
    }
    if let Some(prefix) = &settings.user_prefix {
        check_prefix(settings, prefix, fault);
    }
}

fn check_prefix(
    settings: &IssuerSettings,
    prefix: &str,
    fault: &mut impl FnMut(&'static str, String),
) {
    let usable = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b',');
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(usable) {
        fault(
            "user_prefix",
            format!(
                "this must be 1 to {MAX_PREFIX_BYTES} characters of printable ASCII without \
                 space, # and comma"
            ),
        );
    }
    if settings.shared_users {
        fault(
            "shared_users",
            "users with a prefix are not shared: leave out user_prefix or shared_users".to_owned(),
        );
    }
}

/// What must differ between an issuer and those before it.
fn check_beside(
    settings: &IssuerSettings,
    before: &[IssuerSettings],
    fault: &mut impl FnMut(&'static str, String),
) {
    for other in before {
        if settings.name == other.name {
            fault(
                "name",
                "another [[issuer]] has this name: give each its own".to_owned(),
            );
        }
        if settings.issuer == other.issuer && settings.purpose.overlaps(other.purpose) {
            fault(
                "issuer",
                format!(
                    "the [[issuer]] {} has this iss too: let purpose be \"connection\" in one and \
                     \"subscription\" in the other, or give each its own",
                    other.name
                ),
            );
        }
        // Who signs for the channels of the other's users has their prefix.
        let of_one_kind = settings.user_prefix == other.user_prefix
            && [settings, other]
                .iter()
                .any(|one| one.purpose == Purpose::Subscription);
        if let (Some(prefix), Some(others)) = (&settings.user_prefix, &other.user_prefix)
            && !of_one_kind
            && (prefix.starts_with(others.as_str()) || others.starts_with(prefix.as_str()))
        {
            fault(
                "user_prefix",
                format!(
                    "this and the user_prefix of {} begin alike, so that one user could be of \
                     both: let neither begin with the other",
                    other.name
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests;
