//! The header of a token (JWT-1, JWT-8, JWT-10, JWT-12).

use serde_json::json;

use super::*;

fn parse(header: &Value) -> Result<Header, Refusal> {
    Header::parse(header.to_string().as_bytes())
}

#[test]
fn jwt_1_only_a_listed_algorithm_in_its_own_spelling() {
    let allowed = [Algorithm::ES256, Algorithm::RS256];
    for alg in ["ES256", "RS256"] {
        let header = parse(&json!({ "alg": alg })).unwrap();
        assert_eq!(header.algorithm(&allowed).unwrap().as_str(), alg);
    }
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("es256"),
        json!("hs256"),
        json!("HS256"),
        json!("PS256"),
        json!("ES512"),
        json!("ES256 "),
        json!("ES256\0"),
        json!(""),
        json!(null),
        json!(256),
        json!(["ES256"]),
        json!({ "ES256": "ES256" }),
        json!(true),
    ] {
        let header = parse(&json!({ "alg": alg })).unwrap();
        assert_eq!(
            header.algorithm(&allowed),
            Err(Refusal::TokenAlgorithmNotAllowed),
            "{alg}"
        );
    }
    let header = parse(&json!({ "typ": "JWT" })).unwrap();
    assert_eq!(
        header.algorithm(&allowed),
        Err(Refusal::TokenAlgorithmNotAllowed)
    );
}

#[test]
fn jwt_10_critical_unencoded_compressed_and_encrypted_are_refused() {
    for (name, value) in [
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = json!({ "alg": "ES256" });
        header[name] = value;
        let refusal = parse(&header).map(|_| ()).unwrap_err();
        assert_eq!(refusal, Refusal::TokenHeaderNotSupported, "{header}");
    }
}

#[test]
fn jwt_10_types() {
    let listed = ["application/vnd.acme+jwt".to_owned(), "Other".to_owned()];
    for (typ, usual, with_list, required) in [
        (json!(null), false, false, false),
        (json!("JWT"), true, true, false),
        (json!("jwt"), true, true, false),
        (json!("application/JWT"), true, true, false),
        (json!("at+jwt"), true, true, true),
        (json!("AT+JWT"), true, true, true),
        (json!("application/at+jwt"), true, true, true),
        (json!("vnd.acme+jwt"), false, true, false),
        (json!("other"), false, true, false),
        (json!("logout+jwt"), false, false, false),
        (json!("dpop+jwt"), false, false, false),
        (json!("JWT "), false, false, false),
        (json!(""), false, false, false),
        (json!("JOSE"), false, false, false),
        (json!("text/jwt"), false, false, false),
        (json!(["JWT"]), false, false, false),
        (json!(1), false, false, false),
    ] {
        let header = parse(&json!({ "alg": "ES256", "typ": typ })).unwrap();
        assert_eq!(header.check_type(None, &[]).is_ok(), usual, "{typ}");
        assert_eq!(header.check_type(None, &listed).is_ok(), with_list, "{typ}");
        let required_typ = Some("application/at+jwt");
        assert_eq!(
            header.check_type(required_typ, &listed).is_ok(),
            required,
            "{typ}"
        );
    }
    let without = parse(&json!({ "alg": "ES256" })).unwrap();
    assert_eq!(without.check_type(None, &listed), Ok(()));
    assert_eq!(
        without.check_type(Some("at+jwt"), &[]),
        Err(Refusal::TokenTypeNotAllowed)
    );
}

#[test]
fn jwt_8_a_kid_is_a_short_string_that_names_nothing() {
    for kid in [
        "",
        "1",
        "../../etc/passwd",
        "' OR 1=1",
        "a\0b",
        "\u{430}",
        &"k".repeat(256),
    ] {
        assert!(
            parse(&json!({ "alg": "ES256", "kid": kid })).is_ok(),
            "{kid:?}"
        );
    }
    for kid in [
        json!("k".repeat(257)),
        json!(1),
        json!(null),
        json!(["1"]),
        json!({}),
    ] {
        let refusal = parse(&json!({ "alg": "ES256", "kid": kid }))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(refusal, Refusal::TokenMalformed, "{kid}");
    }
}

#[test]
fn jwt_12_doubled_members_of_the_header() {
    for name in ["alg", "typ", "kid", "x"] {
        let text = format!(r#"{{"alg":"ES256","{name}":"a","{name}":"b"}}"#);
        let refusal = Header::parse(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(refusal, Refusal::TokenMemberRepeated, "{text}");
    }
}
