//! What answers must look like, whatever they say.

use super::http::Answer;

/// Holds an answer against what every refusal must look like.
pub fn assert_refused(answer: &Answer, name: &str, status: u16, code: &str) {
    let about = format!("{name}: {answer:?}");
    assert_eq!(answer.status, status, "{about}");
    let connection = answer.header("connection").unwrap_or_default();
    assert!(
        connection.split(", ").any(|item| item == "close"),
        "{about}"
    );
    assert!(answer.closed, "{about}");
    assert!(answer.header("sec-websocket-accept").is_none(), "{about}");
    assert_of_every_answer(answer, &about);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{about}"
    );
    assert_challenge(answer, code, &about);
    let again = answer
        .header("retry-after")
        .map(|after| after.parse::<u64>().unwrap() >= 1);
    assert_eq!(
        again,
        matches!(status, 429 | 503).then_some(true),
        "{about}"
    );
    let upgrade = (status == 426).then_some("websocket");
    assert_eq!(answer.header("upgrade"), upgrade, "{about}");
    assert_eq!(
        answer.header("sec-websocket-version"),
        upgrade.map(|_| "13"),
        "{about}"
    );
    assert_eq!(answer.header("allow").is_some(), status == 405, "{about}");
    if answer.body.is_empty() {
        assert!(name.contains("HEAD"), "{about}");
        return;
    }
    assert_eq!(answer.code(), code, "{about}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let sentence = body["error"]["message"].as_str().unwrap();
    assert!(sentence.len() > 20 && !sentence.ends_with('.'), "{about}");
}

/// HTTP-10, TLS-11
pub fn assert_of_every_answer(answer: &Answer, about: &str) {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{about}");
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{about}"
    );
    assert_eq!(answer.header("server"), None, "{about}");
    let strict = answer.header("strict-transport-security");
    assert!(strict.is_some_and(|s| s.starts_with("max-age=")), "{about}");
}

/// JWT-20: from a fixed list, and nothing of the token.
fn assert_challenge(answer: &Answer, code: &str, about: &str) {
    let description = match code {
        "token_missing" => {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{about}");
            return;
        }
        "token_expired" => "expired",
        "token_not_yet_valid" | "token_issued_in_future" => "not yet valid",
        "token_issuer_unknown" => "wrong issuer",
        "token_audience_wrong" => "wrong audience",
        "token_algorithm_not_allowed" | "token_key_unknown" => "unknown key",
        "token_signature_invalid" => "bad signature",
        _ => "malformed",
    };
    let challenge = format!(r#"Bearer error="invalid_token", error_description="{description}""#);
    let wanted = (answer.status == 401).then_some(challenge.as_str());
    assert_eq!(answer.header("www-authenticate"), wanted, "{about}");
}
