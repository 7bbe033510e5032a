//! The table of refusals, walked (HTTP-6, JWT-20).

use std::collections::HashSet;

use super::*;

#[test]
fn http_6_every_refusal_has_an_allowed_status_a_code_of_its_own_and_a_sentence() {
    let mut codes = HashSet::new();
    for refusal in Refusal::ALL {
        let code = refusal.code();
        assert!(codes.insert(code), "{code} stands twice in the table");
        assert!(
            code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{code}"
        );

        let status = refusal.status().as_u16();
        let allowed = [
            400, 401, 403, 404, 405, 413, 414, 415, 421, 426, 429, 431, 503,
        ];
        assert!(allowed.contains(&status), "{code}: {status}");

        let message = refusal.message();
        assert!(
            message.is_ascii() && message.len() > 20,
            "{code}: {message}"
        );
        assert!(
            !message.contains("  ") && !message.contains('\n'),
            "{code}: {message}"
        );
        assert!(
            message.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ')'),
            "{message}"
        );
        let first = message.split(' ').next().unwrap();
        assert_eq!(first, first.to_lowercase(), "{code}: {message}");
        assert_eq!(refusal.to_string(), message);
    }
}

#[test]
fn http_6_the_body_is_json_with_code_and_message() {
    for refusal in Refusal::ALL {
        let body: serde_json::Value = serde_json::from_str(&refusal.json_body()).unwrap();
        assert_eq!(body["error"]["code"], refusal.code());
        assert_eq!(body["error"]["message"], *refusal.message());
    }
    assert_eq!(
        Refusal::TokenExpired.json_body(),
        r#"{"error":{"code":"token_expired","docs":"errors/token_expired","message":"the token has expired; get a new one and connect again"}}"#
    );
}

#[test]
fn jwt_20_each_401_says_bearer_with_a_reason_of_the_fixed_list_and_nothing_else_does() {
    let reasons = [
        "expired",
        "revoked",
        "not yet valid",
        "wrong issuer",
        "wrong audience",
        "unknown key",
        "bad signature",
        "malformed",
    ];
    for refusal in Refusal::ALL {
        let header = refusal.www_authenticate();
        if refusal.status() != StatusCode::UNAUTHORIZED {
            assert_eq!(header, None, "{}", refusal.code());
            continue;
        }
        let header = header.unwrap();
        let known = reasons.iter().any(|reason| {
            header == format!(r#"Bearer error="invalid_token", error_description="{reason}""#)
        });
        let bare = match refusal {
            Refusal::TokenMissing => header == "Bearer",
            Refusal::ApiClosed | Refusal::ApiKeyWrong => header == "apikey",
            _ => false,
        };
        assert!(known != bare, "{header}");
    }
    assert_eq!(
        Refusal::TokenMissing.www_authenticate().as_deref(),
        Some("Bearer")
    );
    assert_eq!(
        Refusal::TokenExpired.www_authenticate().as_deref(),
        Some(r#"Bearer error="invalid_token", error_description="expired""#)
    );
}

#[test]
fn http_6_retry_after_goes_with_429_and_503_and_with_nothing_else() {
    for refusal in Refusal::ALL {
        let later = matches!(refusal.status().as_u16(), 429 | 503);
        assert_eq!(refusal.retry_after().is_some(), later, "{}", refusal.code());
    }
    let five = Duration::from_secs(5);
    assert_eq!(
        Refusal::Draining { retry_after: five }.retry_after(),
        Some(five)
    );
}
