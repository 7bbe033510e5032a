//! The claims of a signed token (JWT-10, JWT-12 to JWT-14, JWT-16 to JWT-18, LIVE-6).

mod times;

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::identity::testing::{
    NOW, TestIssuer, good_claims, identity, verify, verify_at, verify_by, with, without,
};
use crate::identity::{Algorithm, Token, Verifier};

fn issuer() -> TestIssuer {
    TestIssuer::new(Algorithm::HS256)
}

/// What becomes of these claims under the settings that `change` makes.
fn judged(claims: &Value, change: impl Fn(&mut IssuerSettings)) -> Result<Identity, Refusal> {
    let issuer = issuer();
    let mut settings = issuer.settings();
    change(&mut settings);
    verify(vec![settings], &issuer.sign(claims))
}

fn accepted(claims: &Value) -> Identity {
    judged(claims, |_| {}).unwrap_or_else(|refusal| panic!("{claims}: {refusal}"))
}

fn refused(claims: &Value) -> Refusal {
    judged(claims, |_| {})
        .map(|_| ())
        .expect_err("these claims should not do")
}

/// What becomes of good claims with one of them replaced by this text.
fn refused_text(name: &str, text: &str) -> Refusal {
    let payload = without(name)
        .to_string()
        .replacen('{', &format!("{{\"{name}\":{text},"), 1);
    let token = issuer().sign_text(r#"{"alg":"HS256"}"#, &payload);
    issuer().verify(&token).map(|_| ()).expect_err(text)
}

#[test]
fn an_identity_says_what_the_token_says() {
    let mut claims = good_claims();
    claims["jti"] = json!("b4c1");
    claims["role"] = json!("admin");
    let identity = accepted(&claims);
    assert_eq!(identity.user().as_str(), "alice");
    assert_eq!(identity.expires_at(), UnixSeconds(NOW.0 + 3600));
    assert_eq!(identity.issued_at(), Some(NOW));
    assert_eq!(identity.token_id(), Some("b4c1"));
    assert!(identity.claims().has("role", &json!("admin")));
    assert!(identity.info().is_none());
    let printed = format!("{identity:?}");
    assert!(
        !printed.contains("b4c1") && !printed.contains("admin"),
        "{printed}"
    );
}

#[test]
fn jwt_10_tokens_for_something_else() {
    for value in [json!("chat:general"), json!(""), json!(null)] {
        assert_eq!(
            refused(&with("channel", value)),
            Refusal::TokenIsForSubscription
        );
    }
    for value in [json!({ "jkt": "abc" }), json!({}), json!(null)] {
        assert_eq!(refused(&with("cnf", value)), Refusal::TokenNeedsProof);
    }
    for name in ["nonce", "at_hash", "c_hash"] {
        let claims = with(name, json!("x"));
        assert_eq!(refused(&claims), Refusal::TokenIsIdToken, "{name}");
        assert!(
            judged(&claims, |settings| settings.id_tokens = true).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn jwt_12_each_claim_doubled_in_both_orders() {
    for name in ["iss", "aud", "sub", "exp", "iat", "jti", "role", "info"] {
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        for (first, second) in [(name, name), (name, escaped.as_str()), (&escaped, name)] {
            let good = with(name, good_claims().get(name).cloned().unwrap_or(json!("x")));
            let value = &good[name];
            let rest = {
                let mut rest = good.clone();
                rest.as_object_mut().unwrap().remove(name);
                rest.to_string()
            };
            for (one, two) in [
                (json!("other"), value.clone()),
                (value.clone(), json!("other")),
            ] {
                let doubled = format!("{{\"{first}\":{one},\"{second}\":{two},");
                let payload = rest.replacen('{', &doubled, 1);
                let token = issuer().sign_text(r#"{"alg":"HS256"}"#, &payload);
                let refusal = issuer().verify(&token).map(|_| ()).unwrap_err();
                assert_eq!(refusal, Refusal::TokenMemberRepeated, "{payload}");
            }
        }
    }
}

#[test]
fn jwt_16_aud_is_ours() {
    for aud in [
        json!("gatepost"),
        json!(["gatepost"]),
        json!(["other", "gatepost"]),
    ] {
        accepted(&with("aud", aud));
    }
    for aud in [
        json!("other"),
        json!("Gatepost"),
        json!("gatepost "),
        json!("gatepost/"),
        json!(""),
        json!([]),
        json!(["other"]),
        json!([["gatepost"]]),
        json!(["gatepost", 1]),
        json!({ "gatepost": true }),
        json!(1),
        json!(null),
        json!(true),
    ] {
        assert_eq!(
            refused(&with("aud", aud.clone())),
            Refusal::TokenAudienceWrong,
            "{aud}"
        );
        assert!(
            judged(&with("aud", aud), |settings| settings.audience =
                Audience::Any)
            .is_ok()
        );
    }
    assert_eq!(refused(&without("aud")), Refusal::TokenAudienceWrong);
    let two = |settings: &mut IssuerSettings| {
        settings.audience = Audience::OneOf(vec!["a".to_owned(), "other".to_owned()]);
    };
    assert!(judged(&with("aud", json!("other")), two).is_ok());
    assert!(judged(&good_claims(), two).is_err());
}

#[test]
fn jwt_17_sub_is_a_user_id() {
    for sub in [
        "alice",
        "auth0|5f7c",
        "urn:x:1",
        "bob@example.com",
        "7",
        &"a".repeat(128),
    ] {
        assert_eq!(accepted(&with("sub", json!(sub))).user().as_str(), sub);
    }
    for sub in [
        json!(""),
        json!("a".repeat(129)),
        json!("bob,alice"),
        json!("#alice"),
        json!("alice "),
        json!("al\nice"),
        json!("\u{430}lice"),
        json!(7),
        json!(null),
        json!(["alice"]),
        json!({}),
    ] {
        assert_eq!(
            refused(&with("sub", sub.clone())),
            Refusal::TokenUserUnusable,
            "{sub}"
        );
    }
    assert_eq!(refused(&without("sub")), Refusal::TokenUserUnusable);
}

#[test]
fn live_6_user_ids_are_bytes() {
    let users: Vec<_> = ["alice", "Alice", "ALICE"]
        .map(|sub| accepted(&with("sub", json!(sub))).user().clone())
        .into();
    assert!(users[0] != users[1] && users[1] != users[2]);
}

#[test]
fn jwt_17_the_prefix_is_put_on_before_anything_looks_at_the_user() {
    let prefixed = |settings: &mut IssuerSettings| settings.user_prefix = Some("partner/".into());
    let identity = judged(&good_claims(), prefixed).unwrap();
    assert_eq!(identity.user().as_str(), "partner/alice");
    assert!(identity.claims().has("sub", &json!("partner/alice")));
    assert!(judged(&with("sub", json!("a".repeat(120))), prefixed).is_ok());
    for sub in [json!("a".repeat(121)), json!(""), json!("a,b"), json!(7)] {
        let refusal = judged(&with("sub", sub), prefixed).map(|_| ());
        assert_eq!(refusal, Err(Refusal::TokenUserUnusable));
    }
}

#[test]
fn jwt_17_a_shared_user_never_begins_with_the_prefix_of_another_issuer() {
    let issuer = issuer();
    let mut main = issuer.settings();
    main.shared_users = true;
    let mut partner = issuer.settings();
    partner.name = "partner".to_owned();
    partner.issuer = "https://partner.example/".to_owned();
    partner.user_prefix = Some("partner/".to_owned());
    let user = |iss: &Value, sub: &str| {
        let mut claims = with("sub", json!(sub));
        claims["iss"] = iss.clone();
        verify(vec![main.clone(), partner.clone()], &issuer.sign(&claims))
            .map(|identity| identity.user().to_string())
    };
    let (ours, theirs) = (&good_claims()["iss"], &json!("https://partner.example/"));
    assert_eq!(user(theirs, "alice").as_deref(), Ok("partner/alice"));
    assert_eq!(
        user(theirs, "partner/alice").as_deref(),
        Ok("partner/partner/alice")
    );
    assert_eq!(user(ours, "partner").as_deref(), Ok("partner"));
    assert_eq!(user(ours, "Partner/alice").as_deref(), Ok("Partner/alice"));
    for sub in ["partner/alice", "partner/"] {
        assert_eq!(user(ours, sub), Err(Refusal::TokenUserReserved), "{sub}");
    }
}

#[test]
fn jwt_18_deep_and_wide_claims() {
    let deep = |depth: usize| {
        let value = (0..depth).fold(json!(0), |value, _| json!([value]));
        with("deep", value)
    };
    accepted(&deep(15));
    assert_eq!(refused(&deep(16)), Refusal::TokenTooComplex);
    let wide = |members: usize| with("wide", json!(vec![0; members]));
    accepted(&wide(250));
    assert_eq!(refused(&wide(251)), Refusal::TokenTooComplex);
}

#[test]
fn claims_that_the_issuer_requires() {
    let teams = |settings: &mut IssuerSettings| settings.required_claims = vec!["teams".to_owned()];
    assert!(judged(&with("teams", json!([])), teams).is_ok());
    for claims in [good_claims(), with("teams", json!(null))] {
        let refusal = judged(&claims, teams).map(|_| ()).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::TokenClaimMissing {
                claim: "teams".into()
            }
        );
        assert!(refusal.message().ends_with(": teams"), "{refusal}");
    }
}

#[test]
fn declared_claims_are_filled_in_and_a_mismatch_is_refused() {
    let issuer = issuer();
    let declared = DeclaredClaims::new(vec![("teams".to_owned(), json!([]))])
        .unwrap()
        .read_as_a_whole();
    let verifier = Verifier::new(vec![issuer.settings()], declared).unwrap();
    let judge = |claims: &Value| {
        let token = Token::parse(&issuer.sign(claims)).unwrap();
        verify_by(&verifier, &token, NOW)
    };
    let bare = judge(&good_claims()).unwrap();
    assert!(bare.claims().has("teams", &json!([])));
    let red = judge(&with("teams", json!(["red"]))).unwrap();
    assert!(red.claims().has("teams", &json!(["red"])));
    for value in [json!("violet"), json!(null), json!({ "red": true })] {
        let refusal = judge(&with("teams", value)).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code(), "token_claim_mismatch");
        assert!(refusal.message().contains("teams"), "{refusal}");
        assert!(!refusal.message().contains("violet"), "{refusal}");
    }
}

#[test]
fn info_is_kept_byte_for_byte_and_jti_is_a_string() {
    let payload =
        good_claims()
            .to_string()
            .replacen('{', r#"{"\u0069nfo":{"b": 1.50, "a":"\u0041"},"#, 1);
    let token = issuer().sign_text(r#"{"alg":"HS256"}"#, &payload);
    let identity = issuer().verify(&token).unwrap();
    assert_eq!(
        identity.info().unwrap().as_bytes(),
        br#"{"b": 1.50, "a":"\u0041"}"#
    );
    assert!(accepted(&with("info", json!(null))).info().is_none());
    assert_eq!(
        accepted(&with("info", json!(7))).info().unwrap().as_bytes(),
        b"7"
    );
    for jti in [json!(1), json!(null), json!(["a"])] {
        assert_eq!(refused(&with("jti", jti)), Refusal::TokenMalformed);
    }
    assert_eq!(identity_of_bob().user().as_str(), "bob");
}

fn identity_of_bob() -> Identity {
    identity("bob", json!({ "teams": ["red"] }))
}

proptest! {
    /// JWT-17, CHAN-3: a `sub` is taken as it stands, or not at all.
    #[test]
    fn jwt_17_any_sub(sub in "([ -~]{0,12}|\\PC{0,12}|[a-z]{120,136})") {
        let usable = (1..=128).contains(&sub.len())
            && sub.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b',');
        match judged(&with("sub", json!(sub)), |_| {}) {
            Ok(identity) => {
                prop_assert!(usable);
                prop_assert_eq!(identity.user().as_str(), sub.as_str());
                let personal = crate::policy::ChannelName::personal(identity.user());
                prop_assert_eq!(personal.as_str(), format!("#{sub}"));
            }
            Err(refusal) => {
                prop_assert!(!usable);
                prop_assert_eq!(refusal, Refusal::TokenUserUnusable);
            }
        }
    }
}
