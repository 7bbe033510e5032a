//! The toy issuer: its tokens verify by the key set that it shows, and its login is strict.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

fn issuer() -> ToyIssuer {
    ToyIssuer::from_pem(&ToyIssuer::make_key().unwrap()).unwrap()
}

fn verify(token: &str, key: &DecodingKey) -> TokenData<Map<String, Value>> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    decode(token, key, &validation).unwrap()
}

fn token_of(answer: &str) -> String {
    let answer: Map<String, Value> = serde_json::from_str(answer).unwrap();
    assert_eq!(answer.len(), 1);
    answer["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_login_gives_a_token_that_the_key_set_verifies() {
    let issuer = issuer();
    let body = br#"{"user":"alice","claims":{"teams":["red"]}}"#;
    let token = token_of(&issuer.login(body, NOW).unwrap());

    let keys: JwkSet = serde_json::from_str(issuer.jwks_json()).unwrap();
    let kid = decode_header(&token).unwrap().kid.unwrap();
    let read = verify(
        &token,
        &DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap(),
    );
    assert_eq!(read.header.typ.as_deref(), Some("JWT"));
    assert_eq!(read.claims["sub"], "alice");
    assert_eq!(read.claims["teams"], json!(["red"]));
    assert_eq!(read.claims["exp"], NOW.0 + 3600);

    let pem = DecodingKey::from_ec_pem(issuer.public_key_pem().as_bytes()).unwrap();
    verify(&token, &pem);
}

#[test]
fn a_login_may_ask_for_a_shorter_life_and_for_no_longer_one() {
    let issuer = issuer();
    let login = |life: &str| {
        let body = format!(r#"{{"user":"alice","life":{life}}}"#);
        issuer.login(body.as_bytes(), NOW)
    };
    let pem = DecodingKey::from_ec_pem(issuer.public_key_pem().as_bytes()).unwrap();
    for life in [1, 15, 3600] {
        let token = token_of(&login(&life.to_string()).unwrap());
        assert_eq!(verify(&token, &pem).claims["exp"], NOW.0 + life);
    }
    for bad in ["0", "3601"] {
        assert_eq!(login(bad).unwrap_err().code(), "login_life");
    }
    for bad in ["-1", "1.5", "\"15s\""] {
        assert_eq!(login(bad).unwrap_err().code(), "login_malformed");
    }
}

#[test]
fn the_key_set_is_public_and_complete() {
    let issuer = issuer();
    let set: Value = serde_json::from_str(issuer.jwks_json()).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let mut members: Vec<_> = keys[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(keys[0]["x"].as_str().unwrap().len(), 43);
}

/// The example of RFC 7638 §3.1 is an RSA key; this one is RFC 7515 §A.3's, hashed by hand.
#[test]
fn a_key_is_named_by_its_thumbprint() {
    let point = Point {
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
    };
    assert_eq!(
        point.thumbprint(),
        "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    );
    assert!(Point::read(&[4; 65]).is_some());
    assert!(Point::read(&[2; 65]).is_none());
    assert!(Point::read(&[4; 33]).is_none());
}

#[test]
fn claims_may_be_left_out() {
    assert!(issuer().login(br#"{"user":"alice"}"#, NOW).is_ok());
}

#[test]
fn a_login_that_is_wrong_says_how() {
    let long = format!(r#"{{"user":"{}"}}"#, "a".repeat(129));
    let deep = format!(
        r#"{{"user":"a","claims":{{"x":{}1{}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (body, code) in [
        ("", "login_malformed"),
        ("null", "login_malformed"),
        ("[]", "login_malformed"),
        ("{}", "login_malformed"),
        (r#"{"user":7}"#, "login_malformed"),
        (r#"{"user":"a","user":"b"}"#, "login_malformed"),
        (r#"{"user":"a","claims":[]}"#, "login_malformed"),
        (r#"{"user":"a","claims":null}"#, "login_malformed"),
        (r#"{"user":"a","password":"x"}"#, "login_malformed"),
        (r#"{"user":"a"} {"user":"b"}"#, "login_malformed"),
        (deep.as_str(), "login_malformed"),
        (r#"{"user":""}"#, "login_user"),
        (r#"{"user":"a,b"}"#, "login_user"),
        (long.as_str(), "login_user"),
        (r#"{"user":"a","claims":{"sub":"b"}}"#, "login_claims"),
        (
            r#"{"user":"a","claims":{"iss":"https://auth.example.com/"}}"#,
            "login_claims",
        ),
    ] {
        let fault = issuer().login(body.as_bytes(), NOW).unwrap_err();
        assert_eq!((fault.code(), fault.status()), (code, 400), "{body}");
    }
    let fault = issuer()
        .login(br#"{"usr":"a"}"#, NOW)
        .unwrap_err()
        .to_string();
    assert!(fault.contains("unknown field `usr`"), "{fault}");
}

#[test]
fn only_a_p256_key_makes_an_issuer() {
    let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)
        .unwrap()
        .serialize_pem();
    assert!(ToyIssuer::from_pem(&other).is_none());
    assert!(ToyIssuer::from_pem("").is_none());
}
