//! Issuers that come, stay and go while the gateway runs, and the keys that they publish.

mod support;

use serde_json::json;
use support::client::Closed;
use support::issuer::{FakeIssuer, Key, Page};
use support::published::until_ready;
use support::{Gateway, Setup, http, token};

fn table(fake: &FakeIssuer, path: &str) -> String {
    let base = &fake.base;
    format!(
        "[[issuer]]\nname = \"{path}\"\nissuer = \"{base}/{path}\"\naudience = [\"gatepost\"]\n\
         shared_users = true\njwks = \"{base}/{path}/jwks\"\n"
    )
}

// JWKS-5: a reload in the middle of an outage of the issuer must not cost its users the keys.
#[tokio::test]
async fn jwks_5_a_reload_keeps_the_keys_of_issuers_that_stay_and_fetches_those_of_new_ones() {
    let fake = FakeIssuer::start().await;
    let key = Key::new("k");
    for path in ["/a", "/b"] {
        fake.publish(path, &[&key]);
    }
    let of = |path: &str| key.token(&format!("{}/{path}", fake.base), "alice");
    let gateway = Gateway::with(&Setup {
        issuer: "shared_users = true",
        tables: &table(&fake, "a"),
        ..Setup::default()
    });
    until_ready(&gateway).await;
    let mut alice = gateway.client_with(&of("a")).await;
    alice.subscribe("chat:a").await;
    fake.set("/a/jwks", Page::Status(500));

    let both = gateway.written() + &table(&fake, "b");
    assert!(gateway.reload(&both).await);
    // At once, and nobody was asked for what is here.
    let mut bob = gateway.client_with(&of("b")).await;
    gateway.client_with(&of("a")).await;
    assert_eq!((fake.asked("/a/jwks"), fake.asked("/b/jwks")), (1, 1));
    assert_eq!(
        http::get_clear(gateway.admin, "/health/ready").await.status,
        200
    );
    alice.publish("chat:a", json!(1)).await;
    assert_eq!(alice.publication("chat:a").await["data"], 1);

    let without = both.replace(&table(&fake, "a"), "");
    assert!(gateway.reload(&without).await);
    let reason = "connection expired".to_owned();
    assert_eq!(alice.closed().await, Closed { code: 3005, reason });
    let refused = gateway.open("/connection/websocket", &of("a")).await;
    assert_eq!(refused.err().unwrap().1, "token_issuer_unknown");
    bob.subscribe("chat:a").await;
    gateway.client_with(&token("carol")).await;
    let page = http::get_clear(gateway.admin, "/metrics").await.body;
    assert!(
        page.contains("gatepost_issuer_keys{issuer=\"b\"} 1"),
        "{page}"
    );
    assert!(
        !page.contains("gatepost_issuer_keys{issuer=\"a\"}"),
        "{page}"
    );
}

// JWKS-5: a key that was taken back since it leaked opens nothing, and may be said to close what it
// opened.
#[tokio::test]
async fn jwks_5_a_removed_key_closes_whom_it_let_in_where_that_is_wished() {
    let fake = FakeIssuer::start().await;
    let (leaked, other) = (Key::new("leaked"), Key::new("other"));
    for path in ["/strict", "/mild"] {
        fake.publish(path, &[&leaked, &other]);
    }
    let of = |key: &Key, path: &str, user: &str| key.token(&format!("{}/{path}", fake.base), user);
    let strict = table(&fake, "strict") + "close_on_key_removal = true\n";
    let gateway = Gateway::with(&Setup {
        issuer: "shared_users = true",
        tables: &(strict + &table(&fake, "mild")),
        ..Setup::default()
    });
    until_ready(&gateway).await;
    let mut thief = gateway.client_with(&of(&leaked, "strict", "alice")).await;
    let mut idle = gateway.client_with(&of(&leaked, "strict", "bob")).await;
    let mut stays = gateway.client_with(&of(&other, "strict", "carol")).await;
    let mut unasked = gateway.client_with(&of(&leaked, "mild", "dave")).await;
    for client in [&mut thief, &mut stays, &mut unasked] {
        client.subscribe("chat:a").await;
    }

    let new = Key::new("new");
    for path in ["/strict", "/mild"] {
        fake.publish(path, &[&other, &new]);
        // A token that names a new key has the set fetched.
        gateway
            .client_with(&of(&new, path.trim_start_matches('/'), "erin"))
            .await;
    }
    stays.publish("chat:a", json!(1)).await;
    let expired = Closed {
        code: 3005,
        reason: "connection expired".to_owned(),
    };
    assert_eq!(thief.closed().await, expired);
    assert_eq!(idle.closed().await, expired);
    for client in [&mut stays, &mut unasked] {
        assert_eq!(client.publication("chat:a").await["data"], 1);
    }
}
