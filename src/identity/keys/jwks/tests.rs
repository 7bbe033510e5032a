//! Which keys of a set count (JWKS-2, JWKS-3, JWT-6, JWT-8).

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::identity::keys::Miss;
use crate::identity::testing::TestIssuer;

const ALL: [Algorithm; 9] = Algorithm::ASYMMETRIC;

fn set(keys: &[Value]) -> Result<(NamedKeys, Vec<Remark>), SetFault> {
    parse(json!({ "keys": keys }).to_string().as_bytes(), &ALL)
}

fn es256() -> Value {
    TestIssuer::new(Algorithm::ES256).named("a")
}

/// The key with one of its members set.
fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

/// What is said of a key that does not count, and whether it alarms; a good one beside it does.
fn remark(key: Value) -> (&'static str, bool) {
    let beside = TestIssuer::new(Algorithm::EdDSA).named("good");
    let (keys, remarks) = set(&[key.clone(), beside]).unwrap();
    assert_eq!(keys.kids().collect::<Vec<_>>(), ["good"], "{key}");
    let last = remarks.last().unwrap();
    assert_eq!(last.key, 1, "{key}");
    (last.text, last.is_alarming)
}

#[test]
fn jwks_3_a_key_of_each_kind_serves_what_fits_it() {
    for (of, serves) in [
        (Algorithm::ES256, &ALL[..1]),
        (Algorithm::ES384, &ALL[1..2]),
        (Algorithm::EdDSA, &ALL[2..3]),
        (Algorithm::RS256, &ALL[3..]),
    ] {
        let (keys, remarks) = set(&[TestIssuer::new(of).named("k")]).unwrap();
        assert_eq!(remarks, []);
        for algorithm in Algorithm::ALL {
            let found = keys.find(Some("k"), algorithm).is_ok();
            assert_eq!(found, serves.contains(&algorithm), "{of} as {algorithm}");
        }
    }
}

#[test]
fn jwks_3_what_a_key_says_of_itself_narrows_it() {
    let rsa = TestIssuer::new(Algorithm::PS256).named("k");
    let (keys, _) = set(&[with(rsa.clone(), "alg", json!("PS256"))]).unwrap();
    assert!(keys.find(Some("k"), Algorithm::PS256).is_ok());
    let other = keys.find(Some("k"), Algorithm::RS256).map(|_| ());
    assert_eq!(other, Err(Miss::OtherAlgorithm));
    for (name, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["sign", "verify"])),
        ("x5c", json!(["AAAA"])),
        ("unknown", json!({ "a": [1, null] })),
    ] {
        let (keys, remarks) = set(&[with(rsa.clone(), name, value)]).unwrap();
        assert_eq!((keys.len(), remarks.len()), (1, 0), "{name}");
    }
}

#[test]
fn jwks_3_keys_for_something_else_are_left_out_quietly() {
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("SIG")),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256K")),
        ("alg", json!("none")),
        ("crv", json!("P-521")),
        ("crv", json!("secp256k1")),
        ("kty", json!("AKP")),
        ("kty", json!("ec")),
    ] {
        let (text, is_alarming) = remark(with(es256(), name, value.clone()));
        assert!(!is_alarming, "{name} {value}: {text}");
    }
}

#[test]
fn jwks_3_bad_keys_are_left_out_loudly() {
    let rsa = TestIssuer::new(Algorithm::RS256).named("r");
    let bytes = |length: usize| json!(URL_SAFE_NO_PAD.encode(vec![0xFF; length]));
    let ed = TestIssuer::new(Algorithm::EdDSA).named("e");
    for (key, saying) in [
        (json!("text"), "JSON object"),
        (json!({ "kty": "oct", "kid": "s", "k": "AAAA" }), "secret"),
        (with(es256(), "x", bytes(31)), "as long as"),
        (with(es256(), "y", bytes(33)), "as long as"),
        (with(es256(), "crv", json!("P-384")), "as long as"),
        (with(es256(), "x", json!("AA==")), "base64url"),
        (with(es256(), "x", json!(7)), "base64url"),
        (with(es256(), "kid", json!(7)), "wrong type"),
        (with(es256(), "kid", json!("k".repeat(257))), "256 bytes"),
        (with(es256(), "alg", json!(["ES256"])), "wrong type"),
        (with(ed, "x", bytes(33)), "32 bytes"),
        (with(rsa.clone(), "n", bytes(128)), "modulus"),
        (with(rsa.clone(), "n", bytes(1025)), "modulus"),
        (with(rsa.clone(), "n", json!("")), "modulus"),
        (with(rsa.clone(), "e", json!("Aw")), "exponent"),
        (with(rsa, "e", json!("AQAA")), "exponent"),
    ] {
        let (text, is_alarming) = remark(key.clone());
        assert!(is_alarming && text.contains(saying), "{key}: {text}");
    }
}

#[test]
fn jwks_3_a_published_private_key_is_told_of_and_verifies() {
    let published = with(es256(), "d", json!("AAAA"));
    let (keys, remarks) = set(&[published]).unwrap();
    assert_eq!(keys.len(), 1);
    assert!(remarks[0].is_alarming && remarks[0].text.contains("can sign"));
}

#[test]
fn jwt_6_a_zero_before_the_modulus_is_no_part_of_it() {
    let rsa = TestIssuer::new(Algorithm::RS256);
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let modulus = [vec![0], URL_SAFE_NO_PAD.decode(modulus).unwrap()].concat();
    let key = with(rsa.jwk(), "n", json!(URL_SAFE_NO_PAD.encode(modulus)));
    let (keys, _) = set(&[key]).unwrap();
    let token = rsa.sign_text("{}", "{}");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = keys.find(None, Algorithm::RS256).map_err(|_| ()).unwrap();
    assert_eq!(key.verify(signed, signature), Ok(()));
}

#[test]
fn jwt_8_two_keys_of_one_name_refuse_the_set() {
    let (one, two) = (es256(), TestIssuer::new(Algorithm::RS256).named("a"));
    assert_eq!(
        set(&[one.clone(), two.clone()]).unwrap_err(),
        SetFault::RepeatedKid
    );
    // One that does not count is nobody's double, and none is named by having no name.
    assert!(set(&[one, with(two, "use", json!("enc"))]).is_ok());
    let unnamed = [Algorithm::ES256, Algorithm::ES384].map(|of| TestIssuer::new(of).jwk());
    assert!(set(&unnamed).is_ok());
}

#[test]
fn jwt_8_names_are_compared_byte_for_byte() {
    let odd = ["../../etc/passwd", "' OR 1=1", "a\0b", "ｋ", "k ", "", "K"];
    let keys: Vec<_> = odd
        .iter()
        .map(|kid| TestIssuer::new(Algorithm::ES256).named(kid))
        .collect();
    let (keys, _) = set(&keys).unwrap();
    for kid in odd {
        assert!(keys.find(Some(kid), Algorithm::ES256).is_ok(), "{kid}");
    }
    for kid in ["k", "a", "a\0", "../etc/passwd"] {
        let found = keys.find(Some(kid), Algorithm::ES256).map(|_| ());
        assert_eq!(found, Err(Miss::Unknown), "{kid}");
    }
}

#[test]
fn jwt_8_without_a_name_there_must_be_one_key_for_the_algorithm() {
    let of = |algorithm| TestIssuer::new(algorithm);
    let (es256, es384) = (of(Algorithm::ES256), of(Algorithm::ES384));
    let (keys, _) = set(&[es256.named("a"), es384.jwk()]).unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        assert!(keys.find(None, algorithm).is_ok(), "{algorithm}");
    }
    let found = keys.find(None, Algorithm::EdDSA).map(|_| ());
    assert_eq!(found, Err(Miss::Unknown));
    let (keys, _) = set(&[es256.named("a"), of(Algorithm::ES256).jwk()]).unwrap();
    let found = keys.find(None, Algorithm::ES256).map(|_| ());
    assert_eq!(found, Err(Miss::NotNamed));
}

#[test]
fn jwks_2_what_is_no_set() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        "<html>",
    ] {
        assert_eq!(
            parse(text.as_bytes(), &ALL).unwrap_err(),
            SetFault::Malformed,
            "{text}"
        );
    }
    assert_eq!(set(&[]).unwrap_err(), SetFault::NoKeys);
    assert_eq!(
        set(&[json!({ "kty": "oct", "k": "AAAA" })]).unwrap_err(),
        SetFault::NoKeys
    );
    let many = |number| vec![json!({ "kty": "AKP" }); number];
    assert_eq!(set(&many(64)).unwrap_err(), SetFault::NoKeys);
    assert_eq!(set(&many(65)).unwrap_err(), SetFault::TooManyKeys);
    let deep = format!(
        r#"{{"keys":[],"x":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    assert_eq!(
        parse(deep.as_bytes(), &ALL).unwrap_err(),
        SetFault::Malformed
    );
    let wide = format!(r#"{{"keys":[],"x":[{}1]}}"#, "1,".repeat(5000));
    assert_eq!(
        parse(wide.as_bytes(), &ALL).unwrap_err(),
        SetFault::Malformed
    );
    let other = json!({ "keys": [es256()] }).to_string();
    assert_eq!(
        parse(other.as_bytes(), &[Algorithm::RS256]).unwrap_err(),
        SetFault::NoKeys
    );
}

proptest! {
    /// FUZZ-1 (5): whatever else an issuer publishes beside a good key, the key is there or the
    /// set is refused as one; nothing panics.
    #[test]
    fn jwks_3_one_bad_key_does_not_lose_the_set(
        members in prop::collection::btree_map(
            prop::sample::select(vec![
                "kty", "crv", "use", "alg", "kid", "x", "y", "n", "e", "d", "key_ops",
            ]),
            prop_oneof![
                prop::sample::select(vec![
                    "EC", "RSA", "OKP", "oct", "P-256", "Ed25519", "sig", "enc", "ES256", "AQAB",
                    "other", "",
                ]).prop_map(|text| json!(text)),
                any::<i64>().prop_map(|number| json!(number)),
                Just(json!(["verify"])),
                Just(Value::Null),
            ],
            0..11,
        ),
    ) {
        let good = TestIssuer::new(Algorithm::ES384).named("good");
        let (keys, _) = set(&[json!(members), good]).unwrap();
        prop_assert!(keys.find(Some("good"), Algorithm::ES384).is_ok());
        prop_assert!(keys.len() <= 2);
    }

    #[test]
    fn fuzz_1_any_text_is_a_set_or_a_fault(text in any::<Vec<u8>>(), json in "[\\[{}\\]\",:0-9a-z]{0,64}") {
        prop_assert!(parse(&text, &ALL).is_err());
        let _ = parse(json.as_bytes(), &ALL);
        let _ = parse(format!(r#"{{"keys":{json}}}"#).as_bytes(), &ALL);
    }
}
