//! From the token to its signature (JWT-1 to JWT-5, JWT-8, JWT-9, JWT-11, JWT-15, JWT-19).

mod signatures;

use serde_json::json;

use super::*;
use crate::identity::testing::{
    ISS, NOW, SECRET, TestIssuer, base64url, good_claims, signed_part, verify, verify_at, with,
    without,
};
use crate::identity::{Algorithm, KeySource};

fn refused(issuer: &TestIssuer, token: &str) -> Refusal {
    issuer
        .verify(token)
        .map(|_| ())
        .expect_err("this token should not do")
}

#[test]
fn jwt_3_every_algorithm_opens_the_door() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::new(algorithm);
        let identity = issuer.verify(&issuer.sign(&good_claims())).unwrap();
        assert_eq!(identity.user().as_str(), "alice", "{algorithm}");
        assert_eq!(identity.issuer(), "main");
    }
}

#[test]
fn jwt_3_one_issuer_with_keys_of_two_families_takes_both() {
    let (es256, rs256) = (
        TestIssuer::new(Algorithm::ES256),
        TestIssuer::new(Algorithm::RS256),
    );
    let mut settings = es256.settings();
    settings.algorithms.push(Algorithm::RS256);
    settings.keys = KeySource::Pem((es256.pem() + &rs256.pem()).into_bytes());
    for issuer in [&es256, &rs256] {
        assert!(verify(vec![settings.clone()], &issuer.sign(&good_claims())).is_ok());
    }
}

#[test]
fn jwt_1_none_unknown_and_mis_cased_algorithms() {
    for algorithm in [Algorithm::HS256, Algorithm::ES256] {
        let issuer = TestIssuer::new(algorithm);
        for alg in [
            json!("none"),
            json!("None"),
            json!("nOnE"),
            json!("hs256"),
            json!("es256"),
            json!(""),
            json!(null),
            json!(1),
            json!(["ES256"]),
            json!("HS512"),
            json!("ES384"),
        ] {
            let token = issuer.sign_header(&json!({ "alg": alg, "typ": "JWT" }));
            assert_eq!(
                refused(&issuer, &token),
                Refusal::TokenAlgorithmNotAllowed,
                "{alg}"
            );
            let (signed, _) = token.rsplit_once('.').unwrap();
            assert_eq!(
                refused(&issuer, &format!("{signed}.")),
                Refusal::TokenMalformed,
                "{alg}"
            );
        }
        let token = issuer.sign_header(&json!({ "typ": "JWT" }));
        assert_eq!(refused(&issuer, &token), Refusal::TokenAlgorithmNotAllowed);
    }
}

#[test]
fn jwt_11_the_form_is_three_parts_of_base64url() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let token = issuer.sign(&good_claims());
    let [header, payload, signature] = *token.split('.').collect::<Vec<_>>() else {
        panic!()
    };
    for form in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}.x"),
        format!("{token}.x.y.z"),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{token}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!("{header}.{payload}\n.{signature}"),
        format!("{header}.{}+.{signature}", &payload[1..]),
        format!("{header}.{}/.{signature}", &payload[1..]),
        format!("{header}?.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}\u{e9}"),
        "a".to_owned(),
        "...".to_owned(),
        "..".to_owned(),
    ] {
        assert_eq!(refused(&issuer, &form), Refusal::TokenMalformed, "{form:?}");
    }
    assert_eq!(
        refused(&issuer, &format!("{token}.a.b")),
        Refusal::TokenEncrypted
    );
    assert_eq!(
        refused(&issuer, "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d"),
        Refusal::TokenEncrypted
    );
}

#[test]
fn jwt_11_bits_left_over_are_zero() {
    // 32 bytes take 43 characters: the last one has two bits that say nothing.
    let issuer = TestIssuer::new(Algorithm::HS256);
    let token = issuer.sign(&good_claims());
    let (rest, last) = token.split_at(token.len() - 1);
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.find(last).unwrap();
    assert_eq!(at % 4, 0);
    for other in 1..4 {
        let twin = format!("{rest}{}", &ALPHABET[at + other..=at + other]);
        assert_eq!(refused(&issuer, &twin), Refusal::TokenMalformed);
    }
}

#[test]
fn jwt_11_sizes_are_checked_before_anything_is_decoded() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let header = |length: usize| format!("{}.*.*", "*".repeat(length));
    assert_eq!(
        refused(&issuer, &header(MAX_HEADER_BYTES)),
        Refusal::TokenMalformed
    );
    assert_eq!(
        refused(&issuer, &header(MAX_HEADER_BYTES + 1)),
        Refusal::TokenTooLarge
    );
    assert_eq!(
        refused(&issuer, &"*".repeat(MAX_TOKEN_BYTES + 1)),
        Refusal::TokenTooLarge
    );
    let filled = |length: usize| issuer.sign(&with("fill", json!("x".repeat(length))));
    assert!(issuer.verify(&filled(5_000)).is_ok());
    assert_eq!(refused(&issuer, &filled(6_100)), Refusal::TokenTooLarge);
}

#[test]
fn jwt_15_iss_is_a_string_byte_for_byte() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    for iss in [
        json!("https://auth.example.com"),
        json!("https://auth.example.com//"),
        json!("https://AUTH.example.com/"),
        json!(" https://auth.example.com/"),
        json!("https://evil.example/"),
        json!(""),
        json!(123),
        json!({}),
        json!(null),
        json!([ISS]),
        json!(["https://evil.example/", ISS]),
    ] {
        let token = issuer.sign(&with("iss", iss.clone()));
        assert_eq!(
            refused(&issuer, &token),
            Refusal::TokenIssuerUnknown,
            "{iss}"
        );
    }
    let token = issuer.sign(&without("iss"));
    assert_eq!(refused(&issuer, &token), Refusal::TokenIssuerUnknown);
}

#[test]
fn jwt_15_keys_of_one_issuer_never_verify_a_token_of_another() {
    let (ours, theirs) = (
        TestIssuer::new(Algorithm::ES256),
        TestIssuer::new(Algorithm::ES256),
    );
    let mut partner = theirs.settings();
    partner.name = "partner".to_owned();
    partner.issuer = "https://partner.example/".to_owned();
    partner.user_prefix = Some("partner/".to_owned());
    let mut main = ours.settings();
    main.shared_users = true;
    let issuers = vec![main, partner];

    let claims = with("iss", json!("https://partner.example/"));
    let identity = verify(issuers.clone(), &theirs.sign(&claims)).unwrap();
    assert_eq!(
        (identity.issuer(), identity.user().as_str()),
        ("partner", "partner/alice")
    );
    assert_eq!(
        verify(issuers.clone(), &ours.sign(&good_claims()))
            .unwrap()
            .issuer(),
        "main"
    );
    let bad = Err(Refusal::TokenSignatureInvalid);
    assert_eq!(
        verify(issuers.clone(), &ours.sign(&claims)).map(|_| ()),
        bad
    );
    assert_eq!(
        verify(issuers, &theirs.sign(&good_claims())).map(|_| ()),
        bad
    );
}

#[test]
fn jwt_19_the_order_cheap_checks_first_and_claims_only_after_the_signature() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    let stranger = TestIssuer::new(Algorithm::ES256);
    let bad_claims = json!({
        "iss": "https://evil.example/", "aud": "other", "sub": "", "exp": 1, "channel": "x",
    });
    let known_issuer = json!({ "iss": ISS, "aud": "other", "sub": "", "exp": 1, "channel": "x" });
    let token = |header: serde_json::Value, claims: &serde_json::Value| {
        stranger.sign_text(&header.to_string(), &claims.to_string())
    };
    // Each line has all the faults of those below it.
    for (presented, refusal) in [
        (
            token(json!({ "crit": [], "alg": "x" }), &bad_claims),
            Refusal::TokenHeaderNotSupported,
        ),
        (
            token(json!({ "alg": "x", "typ": "x" }), &bad_claims),
            Refusal::TokenIssuerUnknown,
        ),
        (
            token(json!({ "alg": "x", "typ": "x" }), &known_issuer),
            Refusal::TokenAlgorithmNotAllowed,
        ),
        (
            token(json!({ "alg": "ES256", "typ": "x" }), &known_issuer),
            Refusal::TokenTypeNotAllowed,
        ),
        (
            token(json!({ "alg": "ES256" }), &known_issuer),
            Refusal::TokenSignatureInvalid,
        ),
        (issuer.sign(&known_issuer), Refusal::TokenExpired),
    ] {
        assert_eq!(refused(&issuer, &presented), refusal);
    }
}

#[test]
fn jwt_20_expired_is_said_only_when_the_signature_is_good() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    let token = issuer.sign(&good_claims());
    let (signed, _) = token.rsplit_once('.').unwrap();
    let later = UnixSeconds(NOW.0 + 3600);
    let at_later = |token: &str| {
        verify_at(vec![issuer.settings()], token, later)
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(at_later(&token), Refusal::TokenExpired);
    let forged = format!("{signed}.{}", base64url([1; 64]));
    assert_eq!(at_later(&forged), Refusal::TokenSignatureInvalid);
}

#[test]
fn without_an_issuer_nobody_enters() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    let refusal = verify(Vec::new(), &issuer.sign(&good_claims())).map(|_| ());
    assert_eq!(refusal, Err(Refusal::TokenIssuerUnknown));
    let verifier = Verifier::new(vec![issuer.settings()], DeclaredClaims::default()).unwrap();
    assert!(verifier.has_issuer("main") && !verifier.has_issuer(ISS));
}
