//! Claims: what a verified token says about its user, as rules read it.
//!
//! In CEL a missing claim is an error, and so a deny. Claims are therefore declared with a
//! default, which also gives the type; the door fills in the defaults and refuses a token whose
//! claim has another type, so that a rule never meets one.

mod covers;
mod shared;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Map, Value};
use thiserror::Error;

use shared::SharedClaims;

/// The claims of the config's `[claims]`, each with its default; and which claims rules read.
#[derive(Clone, Debug, Default)]
pub struct DeclaredClaims {
    defaults: Arc<[(String, Value)]>,
    read: Arc<ReadClaims>,
    shared: Arc<SharedClaims>,
}

/// Which claims rules read. The others are not kept: an identity lives as long as its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadClaims {
    /// These.
    Named(BTreeSet<String>),
    /// Any: a rule takes the claims as a whole.
    All,
}

impl ReadClaims {
    pub(super) fn and(&mut self, other: ReadClaims) {
        match (&mut *self, other) {
            (ReadClaims::Named(names), ReadClaims::Named(others)) => names.extend(others),
            _ => *self = ReadClaims::All,
        }
    }

    fn reads(&self, name: &str) -> bool {
        match self {
            ReadClaims::Named(names) => names.contains(name),
            ReadClaims::All => true,
        }
    }
}

impl Default for ReadClaims {
    fn default() -> ReadClaims {
        ReadClaims::Named(BTreeSet::new())
    }
}

impl DeclaredClaims {
    /// Takes names and defaults, in the order of the config.
    pub fn new(claims: Vec<(String, Value)>) -> Result<DeclaredClaims, ClaimFault> {
        for (at, (name, default)) in claims.iter().enumerate() {
            if name.is_empty() {
                return Err(ClaimFault::Unnamed);
            }
            if default.is_null() {
                return Err(ClaimFault::Untyped {
                    claim: name.clone(),
                });
            }
            if claims[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(ClaimFault::Twice {
                    claim: name.clone(),
                });
            }
        }
        Ok(DeclaredClaims {
            defaults: claims.into(),
            ..DeclaredClaims::default()
        })
    }

    /// The same, for rules that read these.
    pub(super) fn read_by_rules(self, read: ReadClaims) -> DeclaredClaims {
        DeclaredClaims {
            read: Arc::new(read),
            ..self
        }
    }

    /// Names and defaults, in the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.defaults
            .iter()
            .map(|(name, default)| (name.as_str(), default))
    }

    /// The default of a declared claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find_map(|(declared, default)| (declared == name).then_some(default))
    }

    /// Fills in what a token leaves out, and refuses what has another type than the default. Keeps
    /// what rules read.
    pub fn apply(&self, mut token: Map<String, Value>) -> Result<Claims, ClaimMismatch> {
        for (name, default) in self.iter() {
            match token.get(name) {
                None => {
                    token.insert(name.to_owned(), default.clone());
                }
                Some(value) => {
                    let (declared, found) = (ClaimType::of(default), ClaimType::of(value));
                    if declared != found {
                        return Err(ClaimMismatch {
                            claim: name.to_owned(),
                            declared,
                            found,
                        });
                    }
                }
            }
        }
        token.retain(|name, _| self.read.reads(name));
        let make = || Claims(Arc::new(to_cel_map(&token)));
        Ok(match serde_json::to_string(&token) {
            Ok(text) => self.shared.get(text, make),
            // What was read as JSON can be written as JSON.
            Err(_) => make(),
        })
    }
}

/// The claims of one identity that rules read, defaults filled in, in the form that rules read:
/// converted once an identity, not once a decision. Cheap to clone.
#[derive(Clone, Default)]
pub struct Claims(Arc<CelMap<'static>>);

impl Claims {
    pub(super) fn as_cel(&self) -> &CelMap<'static> {
        &self.0
    }
}

#[cfg(test)]
impl Claims {
    /// Whether the claim was kept with this value.
    pub(crate) fn has(&self, name: &str, value: &Value) -> bool {
        let kept = self.0.get(&CelMapKey::from(name.to_owned()));
        kept.is_some_and(|kept| kept.equals(&*to_cel(value)))
    }
}

#[cfg(test)]
impl DeclaredClaims {
    /// The same, for rules that read all.
    pub(crate) fn read_as_a_whole(self) -> DeclaredClaims {
        self.read_by_rules(ReadClaims::All)
    }
}

fn to_cel_map(map: &Map<String, Value>) -> CelMap<'static> {
    map.iter()
        .map(|(name, value)| (CelMapKey::from(name.clone()), to_cel(value)))
        .collect::<HashMap<_, _>>()
        .into()
}

fn to_cel(value: &Value) -> Box<dyn Val> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => {
            if let Some(signed) = number.as_i64() {
                Box::new(CelInt::from(signed))
            } else if let Some(unsigned) = number.as_u64() {
                Box::new(CelUInt::from(unsigned))
            } else {
                // Only a number of arbitrary precision, which is not compiled in, has no f64; NaN
                // compares with nothing, so it would fail closed.
                Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
            }
        }
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Array(values) => {
            Box::new(CelList::from(values.iter().map(to_cel).collect::<Vec<_>>()))
        }
        Value::Object(map) => Box::new(to_cel_map(map)),
    }
}

/// Claims are personal: only their number is shown.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({})", self.0.len())
    }
}

/// The type of a claim, as far as the door checks it: a list is a list, and integers and floats
/// are one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// An integer or a float.
    Number,
    /// Text.
    String,
    /// A list of anything.
    List,
    /// A map of anything.
    Map,
}

impl ClaimType {
    /// The type of `value`.
    pub fn of(value: &Value) -> ClaimType {
        match value {
            Value::Null => ClaimType::Null,
            Value::Bool(_) => ClaimType::Bool,
            Value::Number(_) => ClaimType::Number,
            Value::String(_) => ClaimType::String,
            Value::Array(_) => ClaimType::List,
            Value::Object(_) => ClaimType::Map,
        }
    }
}

impl fmt::Display for ClaimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClaimType::Null => "null",
            ClaimType::Bool => "a bool",
            ClaimType::Number => "a number",
            ClaimType::String => "a string",
            ClaimType::List => "a list",
            ClaimType::Map => "a map",
        })
    }
}

/// Why a declaration of claims is no good.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimFault {
    /// A claim with an empty name.
    #[error("a declared claim has an empty name")]
    Unnamed,
    /// A default of null.
    #[error("the default of the claim `{claim}` is null, which gives it no type")]
    Untyped {
        /// Its name.
        claim: String,
    },
    /// The same name again.
    #[error("the claim `{claim}` is declared twice")]
    Twice {
        /// Its name.
        claim: String,
    },
}

impl ClaimFault {
    /// The claim that it is about; empty for one without a name.
    pub fn claim(&self) -> &str {
        match self {
            ClaimFault::Unnamed => "",
            ClaimFault::Untyped { claim } | ClaimFault::Twice { claim } => claim,
        }
    }
}

/// A token's claim that has not the declared type: the door refuses the token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the claim `{claim}` is {found}, but it is declared as {declared}")]
pub struct ClaimMismatch {
    /// Its name.
    pub claim: String,
    /// The type of its default.
    pub declared: ClaimType,
    /// The type in the token.
    pub found: ClaimType,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared() -> DeclaredClaims {
        DeclaredClaims::new(vec![
            ("teams".to_owned(), json!([])),
            ("muted".to_owned(), json!(false)),
            ("level".to_owned(), json!(1)),
            ("org".to_owned(), json!({})),
            ("name".to_owned(), json!("")),
        ])
        .unwrap()
        .read_as_a_whole()
    }

    fn token(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn cel_1_defaults_are_filled_in() {
        let claims = declared()
            .apply(token(json!({"sub": "bob", "muted": true})))
            .unwrap();
        assert!(claims.has("teams", &json!([])));
        assert!(claims.has("muted", &json!(true)));
        assert!(claims.has("sub", &json!("bob")));
        assert_eq!(claims.as_cel().len(), 6);
    }

    #[test]
    fn who_has_the_same_claims_shares_them_and_others_do_not() {
        let declared = declared();
        let of = |claims: Value| declared.apply(token(claims)).unwrap();
        let alice = of(json!({"teams": ["red"]}));
        assert!(Arc::ptr_eq(&alice.0, &of(json!({"teams": ["red"]})).0));
        let bob = of(json!({"teams": ["blue"]}));
        assert!(alice.has("teams", &json!(["red"])) && bob.has("teams", &json!(["blue"])));
        for number in 0..1000 {
            assert!(of(json!({"level": number})).has("level", &json!(number)));
        }
    }

    #[test]
    fn what_no_rule_reads_is_judged_and_not_kept() {
        let mut read = ReadClaims::Named(["teams".to_owned()].into());
        read.and(ReadClaims::Named(["sub".to_owned()].into()));
        let declared = declared().read_by_rules(read.clone());
        let claims = declared.apply(token(json!({"sub": "bob", "email": "bob@example.com"})));
        assert_eq!(claims.unwrap().as_cel().len(), 2);
        assert!(declared.apply(token(json!({"muted": "no"}))).is_err());
        read.and(ReadClaims::All);
        assert_eq!(read, ReadClaims::All);
    }

    #[test]
    fn cel_1_another_type_is_refused() {
        for (claims, found) in [
            (json!({"teams": "red"}), ClaimType::String),
            (json!({"teams": null}), ClaimType::Null),
            (json!({"teams": {"red": true}}), ClaimType::Map),
            (json!({"muted": "false"}), ClaimType::String),
            (json!({"muted": 0}), ClaimType::Number),
            (json!({"level": "1"}), ClaimType::String),
            (json!({"org": []}), ClaimType::List),
            (json!({"name": null}), ClaimType::Null),
        ] {
            let mismatch = declared().apply(token(claims)).unwrap_err();
            assert_eq!(mismatch.found, found);
        }
    }

    #[test]
    fn integers_and_floats_are_one_type_and_a_list_is_any_list() {
        let claims = json!({"level": 1.5, "teams": [1, "a", null], "big": u64::MAX});
        assert!(declared().apply(token(claims)).is_ok());
    }

    #[test]
    fn bad_declarations_are_refused() {
        let declare = |claims: &[(&str, Value)]| {
            let claims = claims
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            DeclaredClaims::new(claims.collect()).err()
        };
        assert_eq!(declare(&[("", json!(1))]), Some(ClaimFault::Unnamed));
        let claim = "a".to_owned();
        assert_eq!(
            declare(&[("a", json!(null))]),
            Some(ClaimFault::Untyped {
                claim: claim.clone()
            })
        );
        assert_eq!(
            declare(&[("a", json!(1)), ("a", json!(2))]),
            Some(ClaimFault::Twice { claim })
        );
    }

    #[test]
    fn debug_shows_no_claim() {
        let claims = declared().apply(token(json!({"name": "secret"}))).unwrap();
        assert_eq!(format!("{claims:?}"), "Claims(5)");
    }
}
