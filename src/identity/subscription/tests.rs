//! Subscription tokens, through the verifier.

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::*;
use crate::identity::testing::{ISS, NOW, TestIssuer, good_claims, verify, with};
use crate::identity::{Algorithm, IssuerSettings, Purpose, Token, Verifier};
use crate::policy::DeclaredClaims;

type Verified = Result<VerifiedSubscription, SubscriptionFault>;

fn verify_under(issuers: Vec<IssuerSettings>, token: &str) -> Verified {
    let verifier = Verifier::new(issuers, DeclaredClaims::default()).unwrap();
    let token = Token::parse(token).unwrap();
    let verified = verifier.verify_subscription(&token, NOW).now_or_never();
    verified.expect("keys that are configured are not asked for")
}

/// Good claims for `news`, with one of them set.
fn claims(name: &str, value: Value) -> Value {
    let mut claims = with("channel", json!("news"));
    claims[name] = value;
    claims
}

fn of(claims: &Value) -> Verified {
    let issuer = TestIssuer::new(Algorithm::HS256);
    verify_under(vec![issuer.settings()], &issuer.sign(claims))
}

fn refused(claims: &Value) -> Refusal {
    match of(claims).unwrap_err() {
        SubscriptionFault::Refused(refusal) => refusal,
        fault => panic!("{fault:?}"),
    }
}

fn is_for(token: &VerifiedSubscription, user: &str, channel: &str, client: &str) -> bool {
    let user = UserId::parse(user).unwrap();
    token.is_for(&user, &ChannelName::parse(channel).unwrap(), client)
}

#[test]
fn it_is_for_one_user_one_channel_and_perhaps_one_connection() {
    let token = of(&claims("info", json!({"a": 1}))).unwrap();
    assert!(is_for(&token, "alice", "news", "c1"));
    assert!(!is_for(&token, "bob", "news", "c1"));
    assert!(!is_for(&token, "alice", "news:a", "c1"));
    assert_eq!(token.extras.info.unwrap().as_bytes(), br#"{"a":1}"#);
    let bound = of(&claims("client", json!("c1"))).unwrap();
    assert!(is_for(&bound, "alice", "news", "c1") && !is_for(&bound, "alice", "news", "c2"));
    let unbound = of(&claims("client", json!(""))).unwrap();
    assert!(is_for(&unbound, "alice", "news", "c2"));
}

#[test]
fn jwt_10_the_two_kinds_are_not_taken_for_each_other() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let fault = of(&good_claims()).unwrap_err();
    assert_eq!(fault, SubscriptionFault::NotForSubscription);
    let token = issuer.sign(&claims("sub", json!("alice")));
    assert_eq!(
        verify(vec![issuer.settings()], &token).unwrap_err(),
        Refusal::TokenIsForSubscription
    );
    assert_eq!(refused(&claims("cnf", json!({}))), Refusal::TokenNeedsProof);
    assert_eq!(
        refused(&claims("nonce", json!("n"))),
        Refusal::TokenIsIdToken
    );
}

#[test]
fn jwt_14_it_is_judged_like_any_token() {
    assert_eq!(refused(&claims("exp", json!(NOW.0))), Refusal::TokenExpired);
    assert_eq!(
        refused(&claims("expire_at", json!(NOW.0))),
        Refusal::TokenExpired
    );
    assert_eq!(
        refused(&claims("exp", json!("soon"))),
        Refusal::TokenTimesInvalid
    );
    assert_eq!(
        refused(&claims("exp", json!(NOW.0 + 90_000))),
        Refusal::TokenLivesTooLong
    );
    assert_eq!(
        refused(&claims("nbf", json!(NOW.0 + 60))),
        Refusal::TokenNotYetValid
    );
    assert_eq!(
        refused(&claims("aud", json!("other"))),
        Refusal::TokenAudienceWrong
    );
    assert_eq!(
        refused(&claims("sub", json!("a,b"))),
        Refusal::TokenUserUnusable
    );
    assert_eq!(
        refused(&claims("sub", json!(""))),
        Refusal::TokenUserUnusable
    );
    // It may end earlier than the token, and never later.
    for (expire_at, end) in [(60, 60), (7200, 3600)] {
        let token = of(&claims("expire_at", json!(NOW.0 + expire_at))).unwrap();
        assert_eq!(token.expires_at, UnixSeconds(NOW.0 + end));
    }
    let token = of(&claims("expire_at", json!(0))).unwrap();
    assert_eq!(token.expires_at, UnixSeconds(NOW.0 + 3600));
}

#[test]
fn chan_4_every_form_that_is_refused() {
    for (name, value) in [
        ("channel", json!(7)),
        ("channel", json!(["news"])),
        ("channel", json!("news:")),
        ("channel", json!("dm:#bob,alice")),
        ("channel", json!("")),
        ("client", json!(7)),
        ("allow", json!("pub")),
        ("allow", json!(["all"])),
        ("b64info", json!("%")),
        ("b64data", json!("ew==")),
    ] {
        let fault = of(&claims(name, value.clone())).unwrap_err();
        assert_eq!(fault, SubscriptionFault::Malformed, "{name} {value}");
    }
}

/// Two issuers of one `iss`: one key for connections, another for subscriptions.
fn apart() -> (TestIssuer, TestIssuer, Vec<IssuerSettings>) {
    let (door, channels) = (
        TestIssuer::new(Algorithm::HS256),
        TestIssuer::new(Algorithm::ES256),
    );
    let of_door = IssuerSettings {
        purpose: Purpose::Connection,
        ..door.settings()
    };
    let of_channels = IssuerSettings {
        name: "channels".to_owned(),
        purpose: Purpose::Subscription,
        ..channels.settings()
    };
    (door, channels, vec![of_door, of_channels])
}

#[test]
fn jwt_15_with_keys_of_their_own_only_those_are_taken() {
    let (door, channels, settings) = apart();
    let (connection, subscription) = (good_claims(), claims("sub", json!("alice")));
    assert!(verify(settings.clone(), &door.sign(&connection)).is_ok());
    assert!(verify_under(settings.clone(), &channels.sign(&subscription)).is_ok());
    assert_eq!(
        verify(settings.clone(), &channels.sign(&connection)).unwrap_err(),
        Refusal::TokenAlgorithmNotAllowed
    );
    let refused: SubscriptionFault = Refusal::TokenAlgorithmNotAllowed.into();
    assert_eq!(
        verify_under(settings, &door.sign(&subscription)).unwrap_err(),
        refused
    );
}

#[test]
fn an_issuer_of_connections_alone_opens_no_channel_and_the_other_no_door() {
    let (door, channels, mut settings) = apart();
    settings[1].issuer = "https://channels.example.com/".to_owned();
    let unknown: SubscriptionFault = Refusal::TokenIssuerUnknown.into();
    let token = door.sign(&claims("iss", json!(ISS)));
    assert_eq!(verify_under(settings.clone(), &token).unwrap_err(), unknown);
    let token = channels.sign(&with("iss", json!("https://channels.example.com/")));
    assert_eq!(
        verify(settings, &token).unwrap_err(),
        Refusal::TokenIsForSubscription
    );
}

#[test]
fn a_prefix_is_put_before_the_user() {
    let (_, channels, mut settings) = apart();
    for issuer in &mut settings {
        issuer.user_prefix = Some("p/".to_owned());
    }
    let token = channels.sign(&claims("sub", json!("alice")));
    let verified = verify_under(settings, &token).unwrap();
    assert!(is_for(&verified, "p/alice", "news", "c") && !is_for(&verified, "alice", "news", "c"));
}
