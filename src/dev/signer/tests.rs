//! What is signed is verified with the same library's other half; the door has its own tests.

use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::json;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn signer() -> TokenSigner {
    TokenSigner::new(
        Algorithm::HS256,
        SECRET,
        "https://auth.test/",
        "gatepost",
        None,
    )
    .unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn read(token: &str, algorithm: Algorithm, key: &DecodingKey) -> (Header, Map<String, Value>) {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["gatepost"]);
    validation.validate_exp = false;
    let read = decode::<Map<String, Value>>(token, key, &validation).unwrap();
    (read.header, read.claims)
}

#[test]
fn a_token_says_what_was_asked_for() {
    let claims = object(json!({ "teams": ["red"], "info": { "name": "Alice" } }));
    let token = signer()
        .sign("alice", claims, Duration::from_secs(60), NOW)
        .unwrap();
    let (header, claims) = read(&token, Algorithm::HS256, &DecodingKey::from_secret(SECRET));
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(header.kid, None);
    assert_eq!(claims["iss"], "https://auth.test/");
    assert_eq!(claims["aud"], "gatepost");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["iat"], NOW.0);
    assert_eq!(claims["exp"], NOW.0 + 60);
    assert_eq!(claims["teams"], json!(["red"]));
    assert_eq!(claims["info"], json!({ "name": "Alice" }));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    assert_eq!(claims.len(), 8);
}

#[test]
fn no_two_tokens_have_one_id() {
    let sign = || {
        signer()
            .sign("alice", Map::new(), Duration::from_secs(60), NOW)
            .unwrap()
    };
    assert_ne!(sign(), sign());
}

#[test]
fn registered_claims_cannot_be_given() {
    for name in REGISTERED {
        let claims = object(json!({ name: "x" }));
        let fault = signer()
            .sign("alice", claims, Duration::from_secs(60), NOW)
            .unwrap_err();
        assert!(fault.to_string().contains(name), "{fault}");
    }
}

/// JWT-17: only a user id that the door takes is signed.
#[test]
fn jwt_17_a_bad_user_gets_no_token() {
    for user in ["", "a b", "a#b", "a,b", "\u{e4}"] {
        let fault = signer()
            .sign(user, Map::new(), Duration::from_secs(60), NOW)
            .unwrap_err();
        assert!(matches!(fault, SignFault::User(_)), "{user:?}");
    }
}

/// JWT-11, JWT-13: a token that no door reads is not signed.
#[test]
fn jwt_11_jwt_13_what_no_door_reads_is_not_signed() {
    let fault = signer()
        .sign("a", Map::new(), Duration::MAX, NOW)
        .unwrap_err();
    assert!(matches!(fault, SignFault::Life));
    let claims = object(json!({ "x": "y".repeat(MAX_TOKEN_BYTES) }));
    let fault = signer()
        .sign("a", claims, Duration::from_secs(60), NOW)
        .unwrap_err();
    assert!(matches!(fault, SignFault::TooLong { .. }));
}

/// JWT-7: a short secret is refused with its length, not with its value.
#[test]
fn jwt_7_short_secrets_are_refused() {
    for (algorithm, needed) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        assert!(TokenSigner::new(algorithm, &SECRET[..needed], "i", "a", None).is_ok());
        let fault = TokenSigner::new(algorithm, &SECRET[1..needed], "i", "a", None).unwrap_err();
        assert!(matches!(fault, SignerFault::ShortSecret { .. }));
        assert!(!fault.to_string().contains("0123"));
    }
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    for algorithm in [
        Algorithm::ES256,
        Algorithm::RS256,
        Algorithm::PS512,
        Algorithm::EdDSA,
    ] {
        let fault = TokenSigner::new(algorithm, b"geheim", "i", "a", None).unwrap_err();
        assert!(!fault.to_string().contains("geheim"), "{fault}");
    }
}

#[test]
fn a_key_of_another_curve_is_refused() {
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let pem = p384.serialize_pem();
    let sign = |algorithm| {
        TokenSigner::new(
            algorithm,
            pem.as_bytes(),
            "i",
            "gatepost",
            Some("k1".into()),
        )
        .unwrap()
        .sign("alice", Map::new(), Duration::from_secs(60), NOW)
    };
    assert!(matches!(sign(Algorithm::ES256), Err(SignFault::Key { .. })));
    let token = sign(Algorithm::ES384).unwrap();
    let key = DecodingKey::from_ec_pem(p384.public_key_pem().as_bytes()).unwrap();
    assert_eq!(
        read(&token, Algorithm::ES384, &key).0.kid.as_deref(),
        Some("k1")
    );
}

/// TLS-12, LOG-1: what is printed of a signer has no key in it.
#[test]
fn log_1_debug_shows_no_key() {
    let shown = format!("{:?}", signer());
    assert!(shown.contains("auth.test") && !shown.contains("key") && !shown.contains("0123"));
}
