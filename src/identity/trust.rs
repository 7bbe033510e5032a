//! On what an identity was let in: what its issuer was trusted with, and which claims were kept of
//! its token. Each identity keeps hold of it, so that after a reload it can be told whether the door
//! would say the same again.

use std::sync::Arc;

use super::issuer::{Audience, IssuerSettings};
use super::keys::{KeySource, Kid};
use crate::policy::DeclaredClaims;

/// Shared by all identities of an issuer that were let in under one configuration.
#[derive(Debug)]
pub(super) struct Trust {
    /// Of the issuer, in the configuration.
    pub(super) name: Arc<str>,
    settings: IssuerSettings,
    reserved_prefixes: Vec<String>,
    declared: DeclaredClaims,
}

impl Trust {
    pub(super) fn new(
        name: Arc<str>,
        settings: &IssuerSettings,
        reserved_prefixes: &[String],
        declared: DeclaredClaims,
    ) -> Trust {
        Trust {
            name,
            // Without the keys: an identity must not keep a secret alive.
            settings: IssuerSettings {
                keys: KeySource::Pem(Vec::new()),
                ..settings.clone()
            },
            reserved_prefixes: reserved_prefixes.to_vec(),
            declared,
        }
    }

    /// Whether whoever was let in under `earlier` would be let in here too, with the same claims, as
    /// far as can be known without the token. What cannot be known is the door's to decide.
    pub(super) fn covers(&self, earlier: &Trust) -> bool {
        let (now, then) = (&self.settings, &earlier.settings);
        let all = |of: &[String], among: &[String]| of.iter().all(|item| among.contains(item));
        let audience = match (&now.audience, &then.audience) {
            (Audience::Any, _) => true,
            (Audience::OneOf(now), Audience::OneOf(then)) => all(then, now),
            (Audience::OneOf(_), Audience::Any) => false,
        };
        self.name == earlier.name
            && now.issuer == then.issuer
            && now.user_prefix == then.user_prefix
            && now.required_typ == then.required_typ
            && audience
            && then.algorithms.iter().all(|a| now.algorithms.contains(a))
            && all(&then.typ, &now.typ)
            && all(&now.required_claims, &then.required_claims)
            && all(&self.reserved_prefixes, &earlier.reserved_prefixes)
            && now.max_token_life >= then.max_token_life
            && (then.iat_required || !now.iat_required)
            && (now.id_tokens || !then.id_tokens)
            && now.purpose.includes(then.purpose)
            && now.grants == then.grants
            && self.declared.covers(&earlier.declared)
    }
}

/// Who signed a token, as far as it has to be told later whether what it opened may stay open. Cheap
/// to clone.
#[derive(Clone, Debug)]
pub struct IssuerTrust {
    pub(super) trust: Arc<Trust>,
    /// Of the key, where the issuer publishes it under a name.
    pub(super) kid: Option<Kid>,
}

impl IssuerTrust {
    /// The issuer's name in the configuration.
    pub(super) fn issuer(&self) -> &str {
        &self.trust.name
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::identity::testing::TestIssuer;
    use crate::identity::{Algorithm, Purpose};

    fn trust(change: impl Fn(&mut IssuerSettings)) -> Trust {
        let mut settings = TestIssuer::new(Algorithm::HS256).settings();
        settings.algorithms.push(Algorithm::HS512);
        settings.required_claims = vec!["role".to_owned()];
        settings.user_prefix = Some("p/".to_owned());
        change(&mut settings);
        let declared = DeclaredClaims::new(vec![("teams".to_owned(), json!([]))]);
        Trust::new("main".into(), &settings, &[], declared.unwrap())
    }

    #[test]
    fn a_wider_door_lets_stay_whom_a_narrower_let_in() {
        let before = trust(|_| {});
        for wider in [
            trust(|_| {}),
            trust(|s| s.leeway = Duration::ZERO),
            trust(|s| s.audience = Audience::Any),
            trust(|s| s.audience = Audience::OneOf(vec!["x".into(), "gatepost".into()])),
            trust(|s| s.algorithms.push(Algorithm::ES256)),
            trust(|s| s.required_claims.clear()),
            trust(|s| s.max_token_life *= 2),
            trust(|s| s.iat_required = false),
            trust(|s| s.id_tokens = true),
            trust(|s| s.typ.push("x+jwt".to_owned())),
        ] {
            assert!(wider.covers(&before), "{wider:?}");
        }
        for other in [
            trust(|s| s.issuer.push('/')),
            trust(|s| s.audience = Audience::OneOf(vec!["x".to_owned()])),
            trust(|s| s.algorithms.truncate(1)),
            trust(|s| s.required_claims.push("level".to_owned())),
            trust(|s| s.max_token_life /= 2),
            trust(|s| s.user_prefix = None),
            trust(|s| s.required_typ = Some("at+jwt".to_owned())),
            trust(|s| s.purpose = Purpose::Connection),
            trust(|s| s.grants = false),
        ] {
            assert!(!other.covers(&before), "{other:?}");
        }
        assert!(!before.covers(&trust(|s| s.audience = Audience::Any)));
        assert!(!before.covers(&trust(|s| s.iat_required = false)));
        assert!(!before.covers(&trust(|s| s.id_tokens = true)));
        let renamed = Trust {
            name: "other".into(),
            ..trust(|_| {})
        };
        assert!(!renamed.covers(&before));
        let reserved = Trust {
            reserved_prefixes: vec!["q/".to_owned()],
            ..trust(|_| {})
        };
        assert!(!reserved.covers(&before));
        assert!(before.covers(&reserved));
    }
}
