//! The door as a whole: the order of HTTP-6, origins and cookies together (ORIGIN-1), LOG-1.

use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, ORIGIN};

use super::*;
use crate::identity::testing::{NOW, TestIssuer, good_claims};
use crate::identity::{Algorithm, IssuerSettings};
use crate::policy::DeclaredClaims;

const APP: &str = "https://app.example.com";

fn door(settings: IssuerSettings, allow_missing_origin: bool) -> Door {
    Door {
        sources: Sources {
            header: true,
            subprotocol: true,
            cookie: Some("gatepost_token".to_owned()),
            query: false,
            ticket: true,
        },
        origins: Origins::parse(&[APP.to_owned(), "null".to_owned()]).unwrap(),
        allow_missing_origin,
        verifier: Verifier::new(vec![settings], DeclaredClaims::default()).unwrap(),
        revocations: Arc::default(),
        tickets: Tickets::in_memory(),
    }
}

async fn knock(door: &Door, lines: &[(HeaderName, &str)]) -> Result<Admitted, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let offer = Offer::parse(&headers)?;
    door.identify(&headers, None, &offer, NOW).await
}

#[tokio::test]
async fn origin_1_a_cookie_needs_an_allowed_origin_and_other_sources_do_not_need_any() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    let token = issuer.sign(&good_claims());
    let bearer = format!("Bearer {token}");
    let offer = format!("centrifuge-json, bearer.{token}");
    let cookie = format!("gatepost_token={token}");
    let sources = [
        (AUTHORIZATION, bearer.as_str(), TokenSource::Header),
        (
            hyper::header::SEC_WEBSOCKET_PROTOCOL,
            offer.as_str(),
            TokenSource::Subprotocol,
        ),
        (COOKIE, cookie.as_str(), TokenSource::Cookie),
    ];
    for allow_missing in [true, false] {
        let door = door(issuer.settings(), allow_missing);
        for (name, value, source) in sources.clone() {
            for (origin, allowed) in [
                (Some(APP), true),
                (Some("null"), true),
                (Some("https://evil.io"), false),
                (Some("https://app.example.com.evil.io"), false),
                (None, allow_missing && source != TokenSource::Cookie),
            ] {
                let mut lines = vec![(name.clone(), value)];
                lines.extend(origin.map(|origin| (ORIGIN, origin)));
                match knock(&door, &lines).await {
                    Ok(admitted) => {
                        assert!(allowed, "{source:?} {origin:?}");
                        assert_eq!(admitted.source, source);
                        assert_eq!(admitted.origin.as_deref(), origin);
                        assert_eq!(admitted.identity.user().as_str(), "alice");
                    }
                    Err(refusal) => {
                        assert!(!allowed, "{source:?} {origin:?}: {refusal}");
                        let expected = match origin {
                            Some(_) => Refusal::OriginNotAllowed,
                            None => Refusal::OriginRequired,
                        };
                        assert_eq!(refusal, expected);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn http_6_origin_before_the_place_of_the_token_before_the_token() {
    let issuer = TestIssuer::new(Algorithm::ES256);
    let door = door(issuer.settings(), true);
    let (evil, app) = ((ORIGIN, "https://evil.io"), (ORIGIN, APP));
    let (bad, double) = ((AUTHORIZATION, "Bearer x"), (COOKIE, "gatepost_token=y"));
    // Each line has all the faults of those below it.
    for (lines, refusal) in [
        (
            vec![evil.clone(), app.clone(), bad.clone(), double.clone()],
            Refusal::SeveralOrigins,
        ),
        (
            vec![evil, bad.clone(), double.clone()],
            Refusal::OriginNotAllowed,
        ),
        (
            vec![app.clone(), bad.clone(), double.clone()],
            Refusal::SeveralTokens,
        ),
        (vec![bad.clone(), double.clone()], Refusal::SeveralTokens),
        (vec![double.clone()], Refusal::OriginRequired),
        (vec![app.clone(), double], Refusal::TokenMalformed),
        (vec![app.clone(), bad], Refusal::TokenMalformed),
        (vec![app], Refusal::TokenMissing),
        (vec![], Refusal::TokenMissing),
    ] {
        assert_eq!(
            knock(&door, &lines).await.map(|_| ()),
            Err(refusal),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn log_1_nothing_of_a_token_is_printed() {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let door = door(issuer.settings(), true);
    let token = issuer.sign(&good_claims());
    let bearer = format!("Bearer {token}");
    let admitted = knock(&door, &[(AUTHORIZATION, &bearer)]).await.unwrap();
    let forged = format!("{bearer}x");
    let refusal = knock(&door, &[(AUTHORIZATION, &forged)])
        .await
        .map(|_| ())
        .unwrap_err();
    let printed = format!(
        "{door:?}{admitted:?}{refusal:?}{refusal}{}",
        refusal.json_body()
    );
    for part in token.split('.') {
        assert!(!printed.contains(part), "{printed}");
    }
    assert!(!printed.contains("0123456789abcdef"), "{printed}");
}
