//! Tokens that must not open the door, each with one fault and the code that names it.

use jsonwebtoken::crypto;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{ISSUER, SECRET, claims, now, sign, token, token_with};

const GOOD_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A token and the code of its refusal.
pub struct BadToken {
    pub name: &'static str,
    pub token: String,
    pub code: &'static str,
}

pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs any two texts as header and claims of a token.
pub fn sign_raw(header: &str, payload: &str, secret: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(payload.as_bytes())
    );
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

fn with_header(header: &str) -> String {
    sign_raw(header, &claims("mallory").to_string(), SECRET.as_bytes())
}

fn with_payload(payload: &str) -> String {
    sign_raw(GOOD_HEADER, payload, SECRET.as_bytes())
}

fn with(more: Value) -> String {
    token_with("mallory", more)
}

fn without(name: &str) -> String {
    let mut claims = claims("mallory");
    claims.as_object_mut().unwrap().remove(name);
    sign(&claims)
}

/// The claims of a good token, with this text put in front of its members.
fn beginning(members: &str) -> String {
    let claims = claims("mallory").to_string();
    with_payload(&format!("{{{members},{}", &claims[1..]))
}

/// The table, for the gateway of [`super::door`]. Each can stand in `Authorization`.
pub fn bad_tokens() -> Vec<BadToken> {
    let mut all = Vec::new();
    let groups = [
        form(),
        headers(),
        who_signed(),
        times(),
        audience_and_purpose(),
        users(),
    ];
    for (name, token, code) in groups.into_iter().flatten() {
        all.push(BadToken { name, token, code });
    }
    all
}

type Row = (&'static str, String, &'static str);

fn form() -> Vec<Row> {
    let good = token("mallory");
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(2048));
    let deep = format!(r#""d":{}{}"#, "[".repeat(16), "]".repeat(16));
    let wide = format!(r#""w":[{}]"#, vec!["1"; 257].join(","));
    vec![
        (
            "JWT-11 8 KiB and a byte",
            "a".repeat(8193),
            "token_too_large",
        ),
        (
            "JWT-11 a header over 2 KiB",
            with_header(&long),
            "token_too_large",
        ),
        ("JWT-11 one part", "abc".to_owned(), "token_malformed"),
        (
            "JWT-11 two parts",
            format!("{header}.{payload}"),
            "token_malformed",
        ),
        ("JWT-11 four parts", format!("{good}.x"), "token_malformed"),
        (
            "JWT-11 no signature",
            format!("{header}.{payload}."),
            "token_malformed",
        ),
        (
            "JWT-11 no claims",
            format!("{header}..{signature}"),
            "token_malformed",
        ),
        (
            "JWT-11 padding",
            format!("{header}=.{payload}.{signature}"),
            "token_malformed",
        ),
        (
            "JWT-11 standard base64",
            format!("{header}+/.{payload}.{signature}"),
            "token_malformed",
        ),
        (
            "JWT-11 no JSON in the header",
            format!("YWJj.{payload}.{signature}"),
            "token_malformed",
        ),
        (
            "JWT-11 claims are a list",
            with_payload("[]"),
            "token_malformed",
        ),
        (
            "JWT-11 five parts",
            format!("{good}.x.y"),
            "token_encrypted",
        ),
        (
            "JWT-12 a claim twice",
            beginning(r#""role":"user","role":"admin""#),
            "token_member_repeated",
        ),
        (
            "JWT-12 a claim twice by escape",
            beginning(r#""s\u0075b":"root""#),
            "token_member_repeated",
        ),
        (
            "JWT-12 twice, deep inside",
            beginning(r#""a":[{"b":1,"b":2}]"#),
            "token_member_repeated",
        ),
        (
            "JWT-12 iss twice",
            beginning(&format!(r#""iss":"{ISSUER}""#)),
            "token_member_repeated",
        ),
        (
            "JWT-12 alg twice",
            with_header(r#"{"alg":"none","alg":"HS256"}"#),
            "token_member_repeated",
        ),
        ("JWT-18 deep", beginning(&deep), "token_too_complex"),
        ("JWT-18 wide", beginning(&wide), "token_too_complex"),
    ]
}

fn headers() -> Vec<Row> {
    let not_supported = "token_header_not_supported";
    let typ = |typ: &str| with_header(&format!(r#"{{"alg":"HS256","typ":{typ}}}"#));
    let more = |more: &str| with_header(&format!(r#"{{"alg":"HS256",{more}}}"#));
    vec![
        ("JWT-10 crit", more(r#""crit":["x"],"x":1"#), not_supported),
        ("JWT-10 b64", more(r#""b64":false"#), not_supported),
        ("JWT-10 zip", more(r#""zip":"DEF""#), not_supported),
        ("JWT-10 enc", more(r#""enc":"A128GCM""#), not_supported),
        (
            "JWT-10 a logout token",
            typ(r#""logout+jwt""#),
            "token_type_not_allowed",
        ),
        ("JWT-10 typ is a number", typ("7"), "token_type_not_allowed"),
        (
            "JWT-8 kid is a number",
            more(r#""kid":7"#),
            "token_malformed",
        ),
        (
            "JWT-8 a kid of 257 bytes",
            more(&format!(r#""kid":"{}""#, "k".repeat(257))),
            "token_malformed",
        ),
    ]
}

fn who_signed() -> Vec<Row> {
    let good = token("mallory");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{signed}.{first}{}", &signature[1..]);
    let short = format!("{signed}.{}", &signature[..signature.len() - 3]);
    let other = "another-secret-that-is-long-enough-for-hs256";
    let unsigned = |alg: &str| with_header(&format!(r#"{{"alg":{alg}}}"#));
    let jwk = format!(
        r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{}"}}}}"#,
        base64url(other.as_bytes())
    );
    let payload = claims("mallory").to_string();
    let old = {
        let mut claims = claims("mallory");
        claims["exp"] = json!(now() - 60);
        sign_raw(GOOD_HEADER, &claims.to_string(), other.as_bytes())
    };
    let unknown = "token_issuer_unknown";
    let algorithm = "token_algorithm_not_allowed";
    let signature = "token_signature_invalid";
    vec![
        (
            "JWT-15 another issuer",
            with(json!({"iss": "https://evil.example/"})),
            unknown,
        ),
        (
            "JWT-15 without the slash",
            with(json!({"iss": ISSUER.trim_end_matches('/')})),
            unknown,
        ),
        (
            "JWT-15 upper case",
            with(json!({"iss": ISSUER.to_uppercase()})),
            unknown,
        ),
        (
            "JWT-15 iss in a list",
            with(json!({"iss": [ISSUER]})),
            unknown,
        ),
        ("JWT-15 iss is a number", with(json!({"iss": 7})), unknown),
        ("JWT-15 no iss", without("iss"), unknown),
        ("JWT-1 none", unsigned(r#""none""#), algorithm),
        ("JWT-1 nOnE", unsigned(r#""nOnE""#), algorithm),
        ("JWT-1 lower case", unsigned(r#""hs256""#), algorithm),
        ("JWT-1 alg in a list", unsigned(r#"["HS256"]"#), algorithm),
        ("JWT-1 no alg", with_header(r#"{"typ":"JWT"}"#), algorithm),
        ("JWT-2 another algorithm", unsigned(r#""RS256""#), algorithm),
        ("a changed signature", changed, signature),
        ("a short signature", short, signature),
        (
            "another secret",
            sign_raw(GOOD_HEADER, &payload, other.as_bytes()),
            signature,
        ),
        (
            "JWT-9 its own key in the header",
            sign_raw(&jwk, &payload, other.as_bytes()),
            signature,
        ),
        ("JWT-20 expired and badly signed", old, signature),
    ]
}

fn times() -> Vec<Row> {
    let future = now() + 3600;
    let invalid = "token_times_invalid";
    let day = 24 * 3600;
    vec![
        (
            "JWT-14 expired",
            with(json!({"iat": now() - 90, "exp": now() - 30})),
            "token_expired",
        ),
        (
            "JWT-14 expire_at is over",
            with(json!({"expire_at": now() - 30})),
            "token_expired",
        ),
        (
            "JWT-14 nbf to come",
            with(json!({"nbf": future, "exp": future + 9})),
            "token_not_yet_valid",
        ),
        (
            "JWT-14 iat to come",
            with(json!({"iat": future, "exp": future + 9})),
            "token_issued_in_future",
        ),
        ("JWT-14 no exp", without("exp"), invalid),
        (
            "JWT-13 exp is text",
            with(json!({"exp": future.to_string()})),
            invalid,
        ),
        ("JWT-13 exp is null", with(json!({"exp": null})), invalid),
        ("JWT-13 exp is true", with(json!({"exp": true})), invalid),
        ("JWT-13 exp is negative", with(json!({"exp": -1})), invalid),
        (
            "JWT-13 exp beyond 2^53",
            with(json!({"exp": u64::MAX})),
            invalid,
        ),
        ("JWT-13 nbf is text", with(json!({"nbf": "0"})), invalid),
        (
            "JWT-13 lives over a day",
            with(json!({"exp": now() + day + 60})),
            "token_lives_too_long",
        ),
        ("JWT-13 no iat", without("iat"), "token_lives_too_long"),
    ]
}

fn audience_and_purpose() -> Vec<Row> {
    let wrong = "token_audience_wrong";
    let mismatch = "token_claim_mismatch";
    let malformed = "token_grants_malformed";
    vec![
        (
            "JWT-16 another audience",
            with(json!({"aud": "billing"})),
            wrong,
        ),
        ("JWT-16 no audience", without("aud"), wrong),
        ("JWT-16 aud is a number", with(json!({"aud": 1})), wrong),
        ("JWT-16 aud is null", with(json!({"aud": null})), wrong),
        (
            "JWT-16 a number beside it",
            with(json!({"aud": ["gatepost", 1]})),
            wrong,
        ),
        (
            "JWT-10 a subscription token",
            with(json!({"channel": "chat:x"})),
            "token_is_for_subscription",
        ),
        (
            "JWT-10 an id token",
            with(json!({"nonce": "n"})),
            "token_is_id_token",
        ),
        (
            "JWT-10 at_hash",
            with(json!({"at_hash": "n"})),
            "token_is_id_token",
        ),
        (
            "JWT-10 c_hash",
            with(json!({"c_hash": "n"})),
            "token_is_id_token",
        ),
        (
            "LIVE-4 bound to a proof",
            with(json!({"cnf": {"jkt": "x"}})),
            "token_needs_proof",
        ),
        ("a list is text", with(json!({"teams": "red"})), mismatch),
        ("a list is null", with(json!({"teams": null})), mismatch),
        ("a bool is a number", with(json!({"muted": 0})), mismatch),
        (
            "CHAN-4 channels is no list",
            with(json!({"channels": "chat:a"})),
            malformed,
        ),
        (
            "CHAN-4 a pattern that is none",
            with(json!({"caps": [{"channels": ["("], "match": "regex", "allow": ["sub"]}]})),
            malformed,
        ),
        (
            "of the partner, without its tenant",
            super::door::partner("x", json!({})),
            "token_claim_missing",
        ),
    ]
}

fn users() -> Vec<Row> {
    let user = |sub: Value| with(json!({ "sub": sub }));
    let unusable = "token_user_unusable";
    vec![
        ("JWT-17 no sub", without("sub"), unusable),
        ("JWT-17 an empty sub", user(json!("")), unusable),
        ("JWT-17 sub is a number", user(json!(7)), unusable),
        ("JWT-17 a space", user(json!("alice smith")), unusable),
        ("CHAN-3 a comma", user(json!("alice,bob")), unusable),
        ("CHAN-3 a hash", user(json!("alice#bob")), unusable),
        (
            "LOG-2 control characters",
            user(json!("x\n{\"level\":\"error\"}\u{1b}[2J")),
            unusable,
        ),
        ("LIVE-6 Cyrillic", user(json!("аlice")), unusable),
        ("JWT-17 129 bytes", user(json!("u".repeat(129))), unusable),
        (
            "a user of the partner",
            user(json!("partner/alice")),
            "token_user_reserved",
        ),
    ]
}
