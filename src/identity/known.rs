//! What is known of the issuers without their keys: for questions about claims that somebody wrote,
//! or of a token that is taken at its word. Nothing is verified here, and no door opens by it.

use serde_json::Value;
use thiserror::Error;

use super::issuer::{IssuerSettings, Purpose};
use crate::policy::{Described, Grants};

/// An issuer, without what is needed to verify its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIssuer {
    /// The name in the config.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What stands before `sub` in its users' ids; empty if nothing.
    pub user_prefix: String,
    /// Whether its tokens open the door.
    opens: bool,
    /// Whether its tokens grant.
    grants: bool,
}

/// The issuers of a config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssuers(Vec<KnownIssuer>);

/// Why it cannot be said whether claims grant what they name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantsUnclear {
    /// It is the token of nobody.
    #[error("no [[issuer]] whose tokens open the door has `{iss}`, which the claims have as `iss`")]
    Nobodys {
        /// What the claims have.
        iss: String,
    },
    /// It is the token of one or the other, which differ.
    #[error(
        "`{claim}` grants what it names or not, since issuers differ in `grants`: tell whose token \
         it is by `iss` in the claims, or by the issuer's name"
    )]
    SeveralIssuers {
        /// A claim that would grant.
        claim: &'static str,
    },
}

impl KnownIssuers {
    pub(crate) fn of<'s>(settings: impl IntoIterator<Item = &'s IssuerSettings>) -> KnownIssuers {
        let known = settings.into_iter().map(|issuer| KnownIssuer {
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            user_prefix: issuer.user_prefix.clone().unwrap_or_default(),
            opens: issuer.purpose.includes(Purpose::Connection),
            grants: issuer.grants,
        });
        KnownIssuers(known.collect())
    }

    /// The one of this name in the config.
    pub fn named(&self, name: &str) -> Option<&KnownIssuer> {
        self.0.iter().find(|issuer| issuer.name == name)
    }

    /// The one whose tokens have this `iss` and open the door.
    pub fn of_iss(&self, iss: &str) -> Option<&KnownIssuer> {
        self.opening().find(|issuer| issuer.issuer == iss)
    }

    fn opening(&self) -> impl Iterator<Item = &KnownIssuer> {
        self.0.iter().filter(|issuer| issuer.opens)
    }

    /// Completes whom somebody described by what their issuer has to do with it: the prefix of the
    /// user, and whether the claims grant. Without an issuer that is named, the claims may tell.
    pub fn vouch(
        &self,
        described: &mut Described,
        issuer: Option<&KnownIssuer>,
    ) -> Result<(), GrantsUnclear> {
        if let Some(issuer) = issuer {
            described.prefix = issuer.user_prefix.clone();
            described.issuer = Some(issuer.name.clone());
        }
        described.grants = self.grants(described)?;
        Ok(())
    }

    /// Whether some issuer could vouch for this user id, which stands with the prefix on.
    pub fn could_name(&self, user: &str) -> bool {
        let mut prefixes = self.0.iter().map(|issuer| &issuer.user_prefix);
        self.0.is_empty() || prefixes.any(|prefix| user.starts_with(prefix.as_str()))
    }

    /// Whether what the claims grant counts, as the door would have it: it is the issuer that is
    /// named, or the one of their `iss`, or else one that could vouch for the user, who decides.
    pub fn grants(&self, described: &Described) -> Result<bool, GrantsUnclear> {
        let claim = |name: &&str| described.claims.get(*name).is_some_and(|v| !v.is_null());
        let Some(claim) = Grants::CLAIMS.into_iter().find(claim) else {
            return Ok(true);
        };
        if let Some(named) = described
            .issuer
            .as_deref()
            .and_then(|name| self.named(name))
        {
            return Ok(named.grants);
        }
        let opening: Vec<&KnownIssuer> = self.opening().collect();
        let candidates = match described.claims.get("iss") {
            // Without issuers that are good there is another fault to tell.
            _ if opening.is_empty() => return Ok(true),
            Some(iss) => {
                let theirs = opening.iter().filter(|issuer| *iss == issuer.issuer);
                theirs.copied().collect()
            }
            None => of_user(&described.user(), opening),
        };
        let iss = || described.claims.get("iss").map_or(String::new(), shown);
        let first = candidates.first();
        let first = first.ok_or_else(|| GrantsUnclear::Nobodys { iss: iss() })?;
        match candidates.iter().all(|other| other.grants == first.grants) {
            true => Ok(first.grants),
            false => Err(GrantsUnclear::SeveralIssuers { claim }),
        }
    }
}

/// Those that could vouch for the user, of whom no more is known; all of them, if none could. A
/// prefix of one is never the beginning of another's user.
fn of_user<'i>(user: &str, issuers: Vec<&'i KnownIssuer>) -> Vec<&'i KnownIssuer> {
    let prefixes = issuers.iter().map(|issuer| issuer.user_prefix.as_str());
    let longest = prefixes.filter(|prefix| user.starts_with(prefix));
    let Some(prefix) = longest.max_by_key(|prefix| prefix.len()) else {
        return issuers;
    };
    let prefix = prefix.to_owned();
    let theirs = issuers.into_iter();
    theirs
        .filter(|issuer| issuer.user_prefix == prefix)
        .collect()
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issuer(name: &str, prefix: &str, grants: bool) -> KnownIssuer {
        KnownIssuer {
            name: name.to_owned(),
            issuer: format!("https://{name}.example/"),
            user_prefix: prefix.to_owned(),
            opens: true,
            grants,
        }
    }

    fn grants(
        issuers: &[KnownIssuer],
        named: Option<&str>,
        claims: Value,
    ) -> Result<bool, GrantsUnclear> {
        let mut described = Described::new(claims.as_object().unwrap().clone());
        described.issuer = named.map(str::to_owned);
        KnownIssuers(issuers.to_vec()).grants(&described)
    }

    #[test]
    fn the_issuer_of_the_claims_decides_whether_they_grant() {
        let two = [issuer("main", "", true), issuer("partner", "", false)];
        let caps = json!({"sub": "bob", "caps": []});
        let several = GrantsUnclear::SeveralIssuers { claim: "caps" };
        assert_eq!(grants(&two[..1], None, caps.clone()), Ok(true));
        assert_eq!(grants(&two[1..], None, caps.clone()), Ok(false));
        assert_eq!(grants(&two, None, caps.clone()), Err(several));
        assert_eq!(grants(&two, Some("main"), caps.clone()), Ok(true));
        assert_eq!(grants(&two, Some("partner"), caps), Ok(false));
        let of = |iss: Value| json!({"sub": "bob", "channels": [], "iss": iss});
        let main = of(json!("https://main.example/"));
        assert_eq!(grants(&two, None, main), Ok(true));
        let partner = of(json!("https://partner.example/"));
        assert_eq!(grants(&two, None, partner.clone()), Ok(false));
        let nobodys = |iss: &str| {
            Err(GrantsUnclear::Nobodys {
                iss: iss.to_owned(),
            })
        };
        assert_eq!(grants(&two, None, of(json!("other"))), nobodys("other"));
        assert_eq!(grants(&two, None, of(json!(7))), nobodys("7"));
        // It verifies the tokens of subscriptions, and those have no such claims.
        let mut subscriptions = issuer("partner", "", true);
        subscriptions.opens = false;
        let both = [two[1].clone(), subscriptions];
        assert_eq!(grants(&both, None, partner), Ok(false));
    }

    #[test]
    fn an_iss_means_whose_tokens_open_the_door() {
        let mut subscriptions = issuer("main", "s/", false);
        subscriptions.opens = false;
        subscriptions.name = "channels".to_owned();
        let issuers = KnownIssuers(vec![subscriptions, issuer("main", "m/", true)]);
        let found = issuers.of_iss("https://main.example/");
        assert_eq!(found.map(|issuer| issuer.name.as_str()), Some("main"));
        let claims = json!({"sub": "bob", "caps": []});
        let mut bob = Described::new(claims.as_object().unwrap().clone());
        issuers.vouch(&mut bob, found).unwrap();
        assert_eq!((bob.user().as_str(), bob.grants), ("m/bob", true));
    }

    #[test]
    fn a_prefix_tells_whose_the_user_is() {
        let two = [issuer("main", "", true), issuer("partner", "p/", false)];
        let bob = |sub: &str| json!({"sub": sub, "subs": {}});
        assert_eq!(grants(&two, None, bob("bob")), Ok(true));
        assert_eq!(grants(&two, None, bob("p/bob")), Ok(false));
        let both = [issuer("main", "m/", true), issuer("partner", "p/", false)];
        let several = GrantsUnclear::SeveralIssuers { claim: "subs" };
        assert_eq!(grants(&both, None, bob("bob")), Err(several));
    }

    #[test]
    fn claims_that_grant_nothing_are_of_any_issuer() {
        let two = [issuer("main", "", true), issuer("partner", "", false)];
        for claims in [json!({"sub": "bob"}), json!({"caps": null, "iss": "other"})] {
            assert!(grants(&two, None, claims).is_ok());
        }
    }
}
