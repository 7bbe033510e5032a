//! What a verified token grants, through the verifier.

use serde_json::{Value, json};

use super::*;
use crate::identity::testing::{self, NOW, TestIssuer, identity, with};
use crate::identity::{Algorithm, IssuerSettings};

fn refused(claim: &str, value: Value) -> Refusal {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let token = issuer.sign(&with(claim, value));
    issuer.verify(&token).unwrap_err()
}

#[test]
fn an_identity_without_grants_keeps_nothing_of_them() {
    let alice = identity("alice", json!({"channels": []}));
    assert!(alice.grants().is_none() && alice.server_subscriptions().is_empty());
}

#[test]
fn what_is_shown_and_told_is_kept_as_the_issuer_wrote_it() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let claims = with("subs", json!({"chat:a": "HERE", "chat:b": {}})).to_string();
    let subs = r#"{ "info" : {"z":1.50, "a":[1,
        2]}, "b64data": "eyJ0b3BpYyI6IDEuMH0=", "data": null,
        "override": {"force_push_join_leave": {"value": true}} }"#;
    let claims = claims.replace(r#""HERE""#, subs);
    let token = issuer.sign_text(r#"{"alg":"HS256"}"#, &claims);
    let identity = issuer.verify(&token).unwrap();
    let [first, second] = identity.server_subscriptions() else {
        panic!("two");
    };
    assert_eq!(first.channel.as_str(), "chat:a");
    assert!(first.join_leave && !second.join_leave);
    let text = |payload: &Option<Payload>| {
        let payload = payload.as_ref().map(|payload| payload.as_bytes().to_vec());
        payload.map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let info = r#"{"z":1.50, "a":[1,        2]}"#;
    assert_eq!(text(&first.extras.info).as_deref(), Some(info));
    assert_eq!(
        text(&first.extras.data).as_deref(),
        Some(r#"{"topic": 1.0}"#)
    );
    assert_eq!(second.extras, Extras::default());
}

#[test]
fn jwt_10_a_bad_grant_is_refused_at_the_door_by_name() {
    for (claim, value) in [
        ("channels", json!("news")),
        ("channels", json!(["dm:#bob,alice"])),
        ("subs", json!([])),
        ("subs", json!({"news": {"b64info": "%"}})),
        ("subs", json!({"news": {"b64info": 7}})),
        // Base64 of `{`.
        ("subs", json!({"news": {"b64data": "ew=="}})),
        (
            "caps",
            json!([{"channels": ["("], "match": "regex", "allow": ["sub"]}]),
        ),
    ] {
        let refusal = refused(claim, value);
        assert_eq!(refusal.code(), "token_grants_malformed", "{claim}");
        assert!(refusal.message().contains(claim), "{}", refusal.message());
    }
}

#[test]
fn jwt_12_a_repeated_channel_is_a_repeated_member() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let claims = with("subs", json!("HERE")).to_string();
    let claims = claims.replace(r#""HERE""#, r#"{"news":{},"news":{}}"#);
    let token = issuer.sign_text(r#"{"alg":"HS256"}"#, &claims);
    let refusal = issuer.verify(&token).unwrap_err();
    assert_eq!(refusal, Refusal::TokenMemberRepeated);
}

#[test]
fn an_issuer_whose_claims_are_of_another_kind_grants_nothing() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let settings = IssuerSettings {
        grants: false,
        ..issuer.settings()
    };
    let token = issuer.sign(&with("channels", json!({"email": true})));
    let identity = testing::verify_at(vec![settings], &token, NOW).unwrap();
    assert!(identity.grants().is_none());
}
