//! How a gateway finds the keys of an issuer, and finds them again (JWKS-1, JWKS-5).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use serde_json::json;
use support::issuer::{FakeIssuer, Key, Page};
use support::published::{assert_admitted, assert_refused, start, table, until_ready};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

fn fetches(outcome: &str) -> String {
    format!("gatepost_issuer_key_fetches_total{{issuer=\"op\",outcome=\"{outcome}\"}}")
}

#[tokio::test]
async fn jwks_5_what_has_not_changed_is_not_sent_again() {
    let fake = FakeIssuer::start().await;
    let (key, stranger) = (Key::new("k"), Key::new("unknown"));
    fake.publish("/op", &[&key]);
    let gateway = start(&table(&fake, "/op", "discovery = true"));
    until_ready(&gateway).await;
    let iss = format!("{}/op", fake.base);
    let unknown = stranger.token(&iss, "alice");
    assert_refused(&gateway, &unknown, 401, "token_key_unknown", "asked for").await;
    assert_refused(&gateway, &unknown, 401, "token_key_unknown", "remembered").await;
    assert_eq!((fake.asked("/op/jwks"), fake.not_modified()), (2, 1));
    assert_eq!(
        fake.asked(&format!("/op{WELL_KNOWN}")),
        1,
        "a token asks for keys alone"
    );
    assert_eq!(gateway.metric(&fetches("unchanged")).await, 1.0);
    assert_admitted(&gateway, &key.token(&iss, "alice"), "the key that is there").await;
}

#[tokio::test]
async fn jwks_5_keys_that_moved_are_found_again() {
    let fake = FakeIssuer::start().await;
    let (old, new) = (Key::new("old"), Key::new("new"));
    fake.publish("/op", &[&old]);
    let gateway = start(&table(&fake, "/op", "discovery = true"));
    until_ready(&gateway).await;
    let iss = format!("{}/op", fake.base);
    // Its keys are elsewhere now, and what was there is gone.
    fake.publish("/moved", &[&new]);
    let elsewhere = format!("{}/moved/jwks", fake.base);
    let document = json!({ "issuer": iss, "jwks_uri": elsewhere });
    fake.set(&format!("/op{WELL_KNOWN}"), Page::Json(document));
    fake.set("/op/jwks", Page::Status(410));

    let token = new.token(&iss, "alice");
    assert_refused(
        &gateway,
        &token,
        503,
        "issuer_keys_unavailable",
        "at the old place",
    )
    .await;
    assert_admitted(&gateway, &old.token(&iss, "alice"), "until then").await;
    gateway.until_metric(&fetches("new"), 2.0).await;
    assert_admitted(&gateway, &token, "at the new place").await;
}
