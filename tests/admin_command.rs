//! `gatepost admin`: what it does, says and exits with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::api::{self, ADMIN};
use support::client::Closed;
use support::{Gateway, SECRET, Setup, token, token_with};
use tokio::process::Command;

/// Runs it with the key in the environment, in a folder without development mode's.
async fn admin(gateway: &Gateway, arguments: &[&str]) -> Output {
    let url = format!("http://{}", gateway.admin);
    let mut command = command(gateway.folder.path(), arguments);
    command.env("GATEPOST_ADMIN_URL", url);
    command.env("GATEPOST_API_KEY", SECRET);
    command.output().await.unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var("GATEPOST_BIN").unwrap_or(env!("CARGO_BIN_EXE_gatepost").into());
    let mut command = Command::new(program);
    command.arg("admin").args(arguments).current_dir(folder);
    command.env_remove("GATEPOST_API_KEY");
    command.env_remove("GATEPOST_ADMIN_URL");
    command
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(&SECRET[..20]) && !error.contains(&SECRET[..20]));
    (output.status.code().unwrap(), out, error)
}

#[tokio::test]
async fn it_revokes_blocks_and_ends_and_says_how_many() {
    let gateway = api::start();
    let mut first = gateway.client("alice").await;
    let output = admin(&gateway, &["revoke", "token", "id-of-alice"]).await;
    let line = "the token is revoked: 1 connection ended on 1 node\n";
    assert_eq!(said(&output), (0, line.to_owned(), String::new()));
    assert_eq!(first.closed().await.code, 3500);

    let mut bob = gateway.client("bob").await;
    let output = admin(
        &gateway,
        &["disconnect", "bob", "--code", "4500", "--reason", "bye"],
    )
    .await;
    let line = "bob is told to go: 1 connection ended on 1 node\n";
    assert_eq!(said(&output).1, line);
    let bye = Closed {
        code: 4500,
        reason: "bye".to_owned(),
    };
    assert_eq!(bob.closed().await, bye);

    let mut tabs = [gateway.client("bob").await, gateway.client("bob").await];
    let output = admin(&gateway, &["block", "bob", "--for", "1h", "--json"]).await;
    let (code, out, _) = said(&output);
    let result: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, result), (0, json!({"ended": 2, "nodes": 1})));
    for tab in &mut tabs {
        assert_eq!(tab.closed().await.code, 3507);
    }
    let refused = gateway.open("/connection/websocket", &token("bob")).await;
    assert_eq!(refused.err(), Some((403, "user_blocked".to_owned())));
    for line in ["bob is no longer blocked\n", "bob was not blocked\n"] {
        let output = admin(&gateway, &["unblock", "bob"]).await;
        let (code, out, _) = said(&output);
        assert_eq!((code, out.as_str()), (0, line));
    }
    gateway.client("bob").await;

    let mut carol = gateway.client("carol").await;
    let output = admin(&gateway, &["revoke", "user", "carol"]).await;
    let line = "the tokens of carol are revoked: 1 connection ended on 1 node\n";
    assert_eq!(said(&output).1, line);
    assert_eq!(carol.closed().await.code, 3500);
}

#[tokio::test]
async fn a_no_is_exit_code_1_with_the_reason() {
    let gateway = api::start();
    let output = admin(&gateway, &["block", "alice,bob"]).await;
    let (code, out, error) = said(&output);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("107: bad request: user"), "{error}");

    let output = admin(&gateway, &["block", "alice,bob", "--json"]).await;
    let (code, out, _) = said(&output);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["error"]["code"]), (1, &json!("107")));

    let closed = Gateway::start();
    let output = admin(&closed, &["unblock", "alice"]).await;
    let (code, _, error) = said(&output);
    assert_eq!(code, 1);
    assert!(error.contains("401 Unauthorized, api_closed"), "{error}");
}

#[tokio::test]
async fn it_explains_what_a_live_connection_may_do() {
    let gateway = api::start();
    let red = token_with("bob", json!({"teams": ["red"]}));
    let mut bob = gateway.open("/connection/websocket", &red).await.unwrap();
    let id = bob.ok("connect", json!({})).await["client"].clone();
    let id = id.as_str().unwrap();
    let explain = async |words: &[&str]| {
        let asked = [&["explain", "--channel", "team:red"], words].concat();
        said(&admin(&gateway, &asked).await)
    };
    let (code, out, _) = explain(&["--client", id, "--permission", "publish"]).await;
    assert_eq!(code, 0);
    let head =
        format!("connection {id}\nallowed: publish on team:red for bob, by room.team.publish: ");
    assert!(out.starts_with(&head), "{out}");
    assert!(out.contains(" = [\"red\"]\n"), "{out}");

    let both = ["--user", "bob", "--permission", "presence", "--permission"];
    let both = [&both[..], &["publish"]].concat();
    let (code, out, _) = explain(&both).await;
    assert_eq!(code, 1, "one of them is denied");
    for line in ["\ndenied: presence ", "\nallowed: publish "] {
        assert!(out.contains(line), "{out}");
    }
    let (code, out, _) = explain(&[&both[..], &["--json"]].concat()).await;
    let result: Value = serde_json::from_str(&out).unwrap();
    let explanations = &result["connections"][id]["explanations"];
    assert_eq!((code, &explanations[1]["decision"]), (1, &json!("allow")));
    assert!(explanations[1].get("text").is_none());

    let (code, _, error) = explain(&["--user", "carol", "--permission", "publish"]).await;
    assert_eq!(code, 1);
    assert!(error.contains("104: not found: user"), "{error}");
}

#[tokio::test]
async fn the_key_and_the_address_come_from_a_file_or_the_configuration_too() {
    let tables = format!("{ADMIN}[session]\nmax_connections = 3\n");
    let gateway = Gateway::with(&Setup {
        tables: &tables,
        ..Setup::default()
    });
    let folder = gateway.folder.path();
    std::fs::write(folder.join("key"), format!("{SECRET}\n")).unwrap();
    let url = format!("http://{}/api/", gateway.admin);
    let by_file = ["unblock", "alice", "--url", &url, "--key-file", "key"];
    let output = command(folder, &by_file).output().await.unwrap();
    assert_eq!(said(&output).0, 0, "{output:?}");

    // Of the configuration, whose admin port is 0 here, only the key.
    let by_config = [
        "--config",
        "gatepost.toml",
        "--url",
        &url,
        "unblock",
        "alice",
    ];
    let mut with_config = command(folder, &by_config);
    let output = with_config
        .env("GATEPOST_TEST_SECRET", SECRET)
        .output()
        .await;
    assert_eq!(said(&output.unwrap()).0, 0);
    let output = command(folder, &by_config).output().await.unwrap();
    let (code, _, error) = said(&output);
    assert_eq!(code, 1);
    assert!(error.contains("the configuration is not valid"), "{error}");
}

#[tokio::test]
async fn without_a_key_or_a_gateway_it_says_what_is_missing() {
    let folder = tempfile::TempDir::new().unwrap();
    let output = command(folder.path(), &["unblock", "alice"]).output().await;
    let (code, _, error) = said(&output.unwrap());
    assert_eq!(code, 74);
    assert!(
        error.contains("there is no API key: give --key-file"),
        "{error}"
    );

    std::fs::write(folder.path().join("key"), SECRET).unwrap();
    for (url, expected) in [
        ("http://127.0.0.1:1", "does not answer"),
        ("http://10.0.0.1:9443", "must be https"),
        ("localhost:9443", "is not a URL"),
    ] {
        let arguments = ["unblock", "alice", "--url", url, "--key-file", "key"];
        let output = command(folder.path(), &arguments).output().await;
        let (code, _, error) = said(&output.unwrap());
        assert_eq!(code, 74, "{url}: {error}");
        assert!(error.contains(expected), "{url}: {error}");
    }
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2() {
    let folder = tempfile::TempDir::new().unwrap();
    for arguments in [
        &["block"][..],
        &["revoke", "alice"],
        &["block", "alice", "--until", "tomorrow"],
        &["block", "alice", "--until", "1", "--for", "1h"],
        &["disconnect", "alice", "--code", "3000", "--reason", "x"],
        &["disconnect", "alice", "--code", "4000"],
        &["explain", "--channel", "a:b", "--permission", "publish"],
        &[
            "explain",
            "--user",
            "a",
            "--client",
            "b",
            "--channel",
            "a:b",
        ],
        &[
            "explain",
            "--user",
            "a",
            "--channel",
            "a:b",
            "--permission",
            "fly",
        ],
    ] {
        let output = command(folder.path(), arguments).output().await;
        assert_eq!(said(&output.unwrap()).0, 2, "{arguments:?}");
    }
}
