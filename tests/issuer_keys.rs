//! Keys that the issuer publishes (JWKS-1 to JWKS-6): a real gateway, and an issuer of the test that
//! rotates, goes down, misbehaves, and counts how often it is asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;
use support::Gateway;
use support::http::get_clear;
use support::issuer::{FakeIssuer, Key, Page};
use support::published::{
    ask, assert_admitted, assert_refused, by_url, detail, knock, start, table, until_faulty,
    until_ready,
};
use support::request::Request;
use support::tokens::base64url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The same for many: only whether it is refused for its key, after which the gateway closes.
async fn is_refused(gateway: &Gateway, token: &str) -> bool {
    let request = Request::new("GET", "/connection/check").bearer(token);
    let mut stream = TcpStream::connect(gateway.public).await.unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    match answer.split(' ').nth(1) {
        Some("401") => answer.contains("\"token_key_unknown\""),
        Some("503") => answer.contains("\"token_key_not_yet_known\""),
        _ => false,
    }
}

#[tokio::test]
async fn jwks_5_a_rotation_is_followed_and_a_removed_key_opens_nothing() {
    let fake = FakeIssuer::start().await;
    let (old, new) = (Key::new("old"), Key::new("new"));
    for path in ["/url", "/discovery"] {
        fake.publish(path, &[&old]);
    }
    let gateway = start(
        &[
            by_url(&fake, "/url"),
            table(&fake, "/discovery", "discovery = true"),
        ]
        .concat(),
    );
    until_ready(&gateway).await;
    for path in ["/url", "/discovery"] {
        let iss = format!("{}{path}", fake.base);
        let (of_old, of_new) = (old.token(&iss, "alice"), new.token(&iss, "alice"));
        assert_admitted(&gateway, &of_old, "before the rotation").await;
        fake.publish(path, &[&new]);
        assert_admitted(&gateway, &of_old, "nobody has looked yet").await;
        assert_admitted(&gateway, &of_new, "the new key").await;
        assert_refused(
            &gateway,
            &of_old,
            401,
            "token_key_unknown",
            "the removed key",
        )
        .await;
        assert_eq!(fake.asked(&format!("{path}/jwks")), 2, "{path}");
        // A key with the right name and another secret.
        let forged = Key::new("new").token(&iss, "alice");
        assert_refused(
            &gateway,
            &forged,
            401,
            "token_signature_invalid",
            "a forged token",
        )
        .await;
    }
    let fetches = |outcome| {
        format!("gatepost_issuer_key_fetches_total{{issuer=\"url\",outcome=\"{outcome}\"}}")
    };
    assert_eq!(gateway.metric(&fetches("new")).await, 2.0);
    assert_eq!(
        gateway.metric("gatepost_issuer_keys{issuer=\"url\"}").await,
        1.0
    );
    let told = detail(&gateway, "url").await;
    assert_eq!(
        (&told["state"], &told["keys"]),
        (&json!("good"), &json!(1)),
        "{told}"
    );
    assert_eq!(detail(&gateway, "main").await["state"], "configured");
}

#[tokio::test]
async fn jwks_5_an_issuer_that_misbehaves_changes_nothing() {
    let fake = FakeIssuer::start().await;
    let trap = format!("{}/trap", fake.base);
    let (good, other) = (Key::new("good"), Key::new("other"));
    let bad = [
        ("/500", Page::Status(500)),
        ("/404", Page::Status(404)),
        ("/304", Page::Status(304)),
        ("/redirect", Page::Redirect(trap)),
        ("/garbage", Page::Text("<html>It works!</html>")),
        ("/empty", Page::Json(json!({ "keys": [] }))),
        ("/nothing", Page::Text("")),
        ("/doubled", Page::Text(r#"{"keys":[],"keys":[]}"#)),
        ("/endless", Page::Endless),
        ("/drip", Page::Drip),
        ("/silent", Page::Silent),
    ];
    let tables: String = bad.iter().map(|(path, _)| by_url(&fake, path)).collect();
    bad.iter()
        .for_each(|(path, _)| fake.publish(path, &[&good]));
    let gateway = start(&tables);
    until_ready(&gateway).await;
    let one = async |(path, page): (&str, Page)| {
        fake.set(&format!("{path}/jwks"), page);
        let iss = format!("{}{path}", fake.base);
        let unknown = other.token(&iss, "alice");
        let unavailable = "issuer_keys_unavailable";
        let known = good.token(&iss, "alice");
        if path == "/304" {
            // It was asked whether something had changed, and says no.
            assert_refused(&gateway, &unknown, 401, "token_key_unknown", path).await;
        } else {
            assert_refused(&gateway, &unknown, 503, unavailable, path).await;
        }
        assert_admitted(&gateway, &known, path).await;
    };
    join_all(bad.into_iter().map(one)).await;
    assert_eq!(fake.asked("/trap"), 0, "a redirect was followed");
    until_faulty(&gateway, "500", "stale", "500").await;
    assert_eq!(get_clear(gateway.admin, "/health/ready").await.status, 200);
}

#[tokio::test]
async fn jwks_5_without_a_first_set_it_is_503_until_there_is_one() {
    let fake = FakeIssuer::start().await;
    let (key, well_known) = (Key::new("k"), "/.well-known/openid-configuration");
    for path in ["/wrong", "/elsewhere", "/late", "/idle"] {
        fake.publish(path, &[&key]);
    }
    let document =
        |issuer: &str, jwks: &str| Page::Json(json!({ "issuer": issuer, "jwks_uri": jwks }));
    let iss = |path: &str| format!("{}{path}", fake.base);
    let wrong = document("https://evil.example/", &iss("/wrong/jwks"));
    fake.set(&format!("/wrong{well_known}"), wrong);
    // To the same machine by another name, as a document of somebody else might.
    let port = fake.base.rsplit(':').next().unwrap();
    let elsewhere = document(
        &iss("/elsewhere"),
        &format!("http://127.0.0.1:{port}/elsewhere/jwks"),
    );
    fake.set(&format!("/elsewhere{well_known}"), elsewhere);
    fake.set("/late/jwks", Page::Status(503));
    let discovery = "discovery = true\nrequired = false";
    let gateway = start(
        &[
            table(&fake, "/wrong", discovery),
            table(&fake, "/elsewhere", discovery),
            table(&fake, "/late", "discovery = true"),
        ]
        .concat(),
    );
    for (name, saying) in [
        ("wrong", "byte for byte"),
        ("elsewhere", "https"),
        ("late", "503"),
    ] {
        until_faulty(&gateway, name, "waiting", saying).await;
    }
    for path in ["/wrong", "/elsewhere", "/late"] {
        let token = key.token(&iss(path), "alice");
        assert_refused(&gateway, &token, 503, "issuer_keys_unavailable", path).await;
    }
    assert_eq!(fake.asked("/wrong/jwks") + fake.asked("/elsewhere/jwks"), 0);
    let ready = ask(gateway.public, &Request::new("GET", "/health/ready")).await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (503, r#"{"status":"without_keys"}"#)
    );
    // The issuer that the node cannot do without is there; the others are not waited for.
    fake.publish("/late", &[&key]);
    until_ready(&gateway).await;
    assert_admitted(&gateway, &key.token(&iss("/late"), "alice"), "late").await;
}

/// One junk token spends the fetch that is allowed; then the issuer rotates.
#[tokio::test]
async fn jwks_5_a_token_of_nobody_does_not_make_a_rotation_final() {
    let fake = FakeIssuer::start().await;
    let (old, new, junk) = (Key::new("old"), Key::new("new"), Key::new("junk"));
    fake.publish("/url", &[&old]);
    let gateway = start(&by_url(&fake, "/url"));
    until_ready(&gateway).await;
    let iss = format!("{}/url", fake.base);
    let (of_new, of_junk) = (new.token(&iss, "alice"), junk.token(&iss, "alice"));
    assert_refused(&gateway, &of_junk, 401, "token_key_unknown", "asked for").await;
    fake.publish("/url", &[&old, &new]);
    let not_yet = "token_key_not_yet_known";
    assert_refused(&gateway, &of_new, 503, not_yet, "not asked for yet").await;
    let answer = knock(&gateway, &of_new).await;
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=70).contains(&wait), "{wait}");
    assert_refused(&gateway, &of_junk, 401, "token_key_unknown", "asked for").await;
    assert_eq!(fake.asked("/url/jwks"), 2);
}

/// LIMIT-1: junk is charged to its address, be it told 401 or, for the pace, 503.
#[tokio::test]
async fn jwks_4_whoever_names_unknown_keys_is_charged() {
    let fake = FakeIssuer::start().await;
    let key = Key::new("k");
    fake.publish("/url", &[&key]);
    let limits = "[limits]\nfailures_per_address = \"1/h burst 3\"\n";
    let gateway = start(&[&by_url(&fake, "/url"), limits].concat());
    until_ready(&gateway).await;
    let iss = format!("{}/url", fake.base);
    for (kid, status, code) in [
        ("x", 401, "token_key_unknown"),
        ("y", 503, "token_key_not_yet_known"),
        ("z", 503, "token_key_not_yet_known"),
    ] {
        let junk = Key::new(kid).token(&iss, "alice");
        assert_refused(&gateway, &junk, status, code, kid).await;
    }
    let answer = knock(&gateway, &key.token(&iss, "alice")).await;
    assert_eq!(answer.code(), "address_fails_too_often");
}

#[tokio::test]
async fn jwks_4_a_flood_of_unknown_keys_costs_the_issuer_one_fetch() {
    let fake = FakeIssuer::start().await;
    let key = Key::new("k");
    fake.publish("/flood", &[&key]);
    let gateway = start(&by_url(&fake, "/flood"));
    until_ready(&gateway).await;
    let iss = format!("{}/flood", fake.base);
    let good = key.token(&iss, "alice");
    let rest = good.split_once('.').unwrap().1;
    let tokens = (0..FLOOD).map(|number| {
        let header = json!({ "alg": "ES256", "kid": format!("{number}") }).to_string();
        format!("{}.{rest}", base64url(header.as_bytes()))
    });
    let began = Instant::now();
    let refused = stream::iter(tokens)
        .map(|token| {
            let gateway = &gateway;
            async move { is_refused(gateway, &token).await }
        })
        .buffer_unordered(32)
        .filter(|refused| std::future::ready(*refused))
        .count()
        .await;
    assert_eq!(refused, FLOOD);
    // One at the start and one for all of them, or one each half minute where they take so long.
    let fetches = fake.asked("/flood/jwks");
    let most = 2 + began.elapsed().as_secs() / 30;
    assert!((2..=most).contains(&(fetches as u64)), "{fetches} fetches");
    assert_admitted(&gateway, &good, "beside the flood").await;
    let absent = "names a key that its issuer does not have";
    let lines = gateway.logged().matches(absent).count();
    assert_eq!(lines, fetches - 1, "LOG-3: a line for each fetch");
}

/// `live/tests.rs` has the minutes that follow, by a clock of its own.
const FLOOD: usize = 10_000;

#[tokio::test]
async fn jwks_6_one_name_at_two_issuers_is_two_keys() {
    let (fake, other) = (FakeIssuer::start().await, FakeIssuer::start().await);
    let (one, two) = (Key::new("same"), Key::new("same"));
    fake.publish("/one", &[&one]);
    other.publish("/two", &[&two]);
    let gateway = start(&[by_url(&fake, "/one"), by_url(&other, "/two")].concat());
    until_ready(&gateway).await;
    let (iss_one, iss_two) = (format!("{}/one", fake.base), format!("{}/two", other.base));
    assert_admitted(&gateway, &one.token(&iss_one, "alice"), "one").await;
    assert_admitted(&gateway, &two.token(&iss_two, "alice"), "two").await;
    for token in [one.token(&iss_two, "alice"), two.token(&iss_one, "alice")] {
        assert_refused(
            &gateway,
            &token,
            401,
            "token_signature_invalid",
            "the other's",
        )
        .await;
    }
}

#[tokio::test]
async fn jwks_1_https_with_an_authority_of_ones_own_and_with_no_other() {
    let ((trusted, pem), (stranger, _)) =
        tokio::join!(FakeIssuer::start_with_tls(), FakeIssuer::start_with_tls());
    let folder = tempfile::TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let (key, options) = (
        Key::new("k"),
        format!("discovery = true\nca = {ca:?}\nrequired = false"),
    );
    trusted.publish("/trusted", &[&key]);
    stranger.publish("/stranger", &[&key]);
    let gateway = start(
        &[
            table(&trusted, "/trusted", &options),
            table(&stranger, "/stranger", &options),
        ]
        .concat(),
    );
    let fetched = |issuer, outcome| {
        format!("gatepost_issuer_key_fetches_total{{issuer=\"{issuer}\",outcome=\"{outcome}\"}}")
    };
    gateway.until_metric(&fetched("trusted", "new"), 1.0).await;
    gateway.until_metric(&fetched("stranger", "tls"), 1.0).await;
    let token = |fake: &FakeIssuer, path| key.token(&format!("{}{path}", fake.base), "alice");
    assert_admitted(&gateway, &token(&trusted, "/trusted"), "trusted").await;
    let of_stranger = token(&stranger, "/stranger");
    assert_refused(
        &gateway,
        &of_stranger,
        503,
        "issuer_keys_unavailable",
        "stranger",
    )
    .await;
    assert_eq!(
        stranger.asked("/stranger/.well-known/openid-configuration"),
        0
    );
}
