//! `explain` of the server API: why a live connection, or whoever has such claims, may or may not do
//! something, by the rules that are in force.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::process::{Command, Output};

use serde_json::{Value, json};
use support::api::{self, ADMIN, ask, request};
use support::client::Client;
use support::{Gateway, ISSUER, OTHER_ISSUER, RULES, Setup, claims, sign, token, token_with};

const PATH: &str = "/connection/websocket";

/// A client that has connected, and its id.
async fn known(mut client: Client) -> (Client, String) {
    let connected = client.ok("connect", json!({})).await;
    (client, connected["client"].as_str().unwrap().to_owned())
}

async fn bob(gateway: &Gateway) -> (Client, String) {
    let token = token_with("bob", json!({"teams": ["red"]}));
    known(gateway.open(PATH, &token).await.unwrap()).await
}

/// The explanations of the connection of this id, in an answer.
fn of<'a>(result: &'a Value, client: &str) -> &'a Value {
    &result["connections"][client]["explanations"]
}

impl Gateway {
    async fn explained(&self, body: Value) -> Value {
        let answer = self.call("explain", &body).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }
}

#[tokio::test]
async fn what_is_explained_is_what_the_next_command_comes_to() {
    let gateway = api::start();
    let (mut client, id) = bob(&gateway).await;
    let asked = json!({"client": id, "channel": "team:blue", "permission": "subscribe"});
    let result = gateway.explained(asked).await;
    let why = &of(&result, &id)[0];
    assert_eq!(why["decision"], "deny");
    assert_eq!(why["decided_by"], "room.team.subscribe");
    assert_eq!(why["user"], "bob");
    let rule = why["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(rule["step"], "rule");
    assert_eq!(rule["result"], "deny");
    let line = gateway
        .written()
        .lines()
        .position(|line| line == "[room.team]");
    assert_eq!(rule["line"], line.unwrap() + 2);
    assert!(rule["file"].as_str().unwrap().ends_with("gatepost.toml"));
    let values = rule["values"].as_array().unwrap();
    let teams = values.iter().find(|part| part["text"] == "claims.teams");
    assert_eq!(teams.unwrap()["value"], json!(["red"]));
    assert!(why.get("text").is_none());
    assert_eq!(result["truncated"], false);
    assert_eq!(result["connections"][&id]["expired"], false);
    let wish = json!({"channel": "team:blue"});
    assert_eq!(client.error("subscribe", wish).await, 103);

    let several = json!({"client": id, "channel": "team:red", "text": true,
        "permission": ["publish", "subscribe", "presence"]});
    let result = gateway.explained(several).await;
    let decisions: Vec<_> = of(&result, &id).as_array().unwrap().iter().collect();
    let decided = |number: usize| {
        [
            &decisions[number]["permission"],
            &decisions[number]["decision"],
        ]
    };
    assert_eq!(decided(0), ["publish", "allow"]);
    assert_eq!(decided(1), ["subscribe", "allow"]);
    assert_eq!(decided(2), ["presence", "deny"]);
    let text = decisions[0]["text"].as_str().unwrap();
    assert!(text.starts_with("allowed: publish on team:red for bob, by room.team.publish"));
    client.subscribe("team:red").await;

    // LOG-1, LOG-3: who was asked about is in the log, and what their token says is not.
    let log = gateway.logged();
    let call = log.lines().find(|line| line.contains("\"explain\""));
    assert!(call.unwrap().contains("\"user\":\"bob\""), "{log}");
    assert!(!call.unwrap().contains("red"), "{log}");
}

#[tokio::test]
async fn after_a_reload_it_tells_the_new_rule() {
    let gateway = api::start();
    let (_client, id) = bob(&gateway).await;
    let asked = json!({"client": id, "channel": "chat:a", "permission": "publish", "text": true});
    let before = gateway.explained(asked.clone()).await;
    assert_eq!(of(&before, &id)[0]["decision"], "allow");
    let stricter = "!claims.muted && 'blue' in claims.teams";
    let text = gateway
        .written()
        .replace("\"!claims.muted\"", &format!("\"{stricter}\""));
    assert!(gateway.reload(&text).await);
    let after = gateway.explained(asked.clone()).await;
    let why = &of(&after, &id)[0];
    assert_eq!(why["decision"], "deny");
    assert!(why["text"].as_str().unwrap().contains(stricter), "{why}");
    assert_eq!(
        why["otherwise"],
        json!(["room.chat.publish would have to be true, with `'blue' in claims.teams` true"])
    );
    let by_claims = json!({"claims": {"sub": "eve", "teams": ["blue"]},
        "channel": "chat:a", "permission": "publish"});
    let result = gateway.explained(by_claims).await;
    assert_eq!(result["explanations"][0]["decision"], "allow");

    // One that is not taken over changes nothing here either.
    assert!(!gateway.reload(&text.replace(stricter, "nonsense")).await);
    assert_eq!(gateway.explained(asked).await, after);
}

#[tokio::test]
async fn each_connection_of_a_user_has_its_own_answer() {
    let rule = "connection.address == '127.0.0.1' && claims.level > 1";
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[room.here]\nsubscribe = \"{rule}\"\n"),
        rules: Some(&RULES.replace("[claims]", "[claims]\nlevel = 0")),
        ..Setup::default()
    });
    let high = token_with("bob", json!({"level": 2}));
    let (_good, good) = known(gateway.open(PATH, &high).await.unwrap()).await;
    let far = gateway.open_from([127, 0, 0, 2].into(), PATH, &high).await;
    let (_far, far) = known(far.unwrap()).await;
    let (_low, low) = known(gateway.open(PATH, &token("bob")).await.unwrap()).await;
    let _other = gateway.client("alice").await;
    let asked = json!({"user": "bob", "channel": "here:a", "permission": "subscribe"});
    let result = gateway.explained(asked).await;
    assert_eq!(result["connections"].as_object().unwrap().len(), 3);
    let otherwise = |id: &str| of(&result, id)[0]["otherwise"].to_string();
    assert_eq!(of(&result, &good)[0]["decision"], "allow");
    for (id, reason) in [(&far, "connection.address"), (&low, "claims.level > 1")] {
        assert_eq!(of(&result, id)[0]["decision"], "deny");
        assert!(otherwise(id).contains(reason), "{}", otherwise(id));
    }
}

// What a newer token says is what counts, and what the token of a subscription gives counts too.
#[tokio::test]
async fn it_is_about_the_tokens_that_the_connection_has_now() {
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[room.vault]\n"),
        ..Setup::default()
    });
    let (mut client, id) = bob(&gateway).await;
    let asked =
        |channel: &str| json!({"client": id, "channel": channel, "permission": "subscribe"});
    let decided = async |channel: &str| {
        let result = gateway.explained(asked(channel)).await;
        let why = &of(&result, &id)[0];
        format!("{} {}", why["decision"], why["decided_by"]).replace('"', "")
    };
    assert_eq!(decided("team:blue").await, "deny room.team.subscribe");
    let blue = token_with(
        "bob",
        json!({"teams": ["blue"], "exp": support::now() + 900}),
    );
    client.ok("refresh", json!({ "token": blue })).await;
    assert_eq!(decided("team:blue").await, "allow room.team.subscribe");
    assert_eq!(decided("team:red").await, "deny room.team.subscribe");

    assert_eq!(decided("vault:a").await, "deny rule");
    let mut all = claims("bob");
    all["channel"] = "vault:a".into();
    let wish = json!({"channel": "vault:a", "token": sign(&all)});
    client.ok("subscribe", wish).await;
    assert_eq!(decided("vault:a").await, "allow subscription_token");
    let gone = json!({"channel": "vault:a"});
    client.ok("unsubscribe", gone).await;
    assert_eq!(decided("vault:a").await, "deny rule");
}

/// `gatepost explain` with the configuration that the gateway has.
fn by_file(gateway: &Gateway, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(["explain", "--config"])
        .arg(gateway.folder.path().join("gatepost.toml"))
        .args(more)
        .output()
        .unwrap()
}

/// What the door would not grant is not said to be granted.
#[tokio::test]
async fn by_claims_the_issuer_decides_whether_they_grant() {
    let gateway = Gateway::with(&Setup {
        issuer: "shared_users = true\ngrants = false",
        tables: &format!("{ADMIN}{OTHER_ISSUER}"),
        ..Setup::default()
    });
    let other = "https://other.example.com/";
    let caps = json!({"caps": [{"channels": ["team:x"], "allow": ["sub"]}]});
    let question =
        |claims: &Value| json!({"claims": claims, "channel": "team:x", "permission": "subscribe"});
    for (iss, decision) in [(ISSUER, "deny"), (other, "allow")] {
        let mut claims = caps.clone();
        (claims["sub"], claims["iss"]) = ("bob".into(), iss.into());
        let mut client = gateway
            .client_with(&token_with("bob", claims.clone()))
            .await;
        let subscribed = client
            .command("subscribe", json!({"channel": "team:x"}))
            .await;
        assert_eq!(subscribed["error"].is_null(), decision == "allow", "{iss}");
        let result = gateway.explained(question(&claims)).await;
        assert_eq!(result["explanations"][0]["decision"], decision, "{iss}");
    }
    let mut nobodys = caps;
    nobodys["sub"] = "bob".into();
    let (code, message) = gateway.call_error("explain", &question(&nobodys)).await;
    assert_eq!(code, 107);
    assert!(message.contains("by `iss` in the claims"), "{message}");
    let mut named = question(&nobodys);
    named["issuer"] = "main".into();
    let result = gateway.explained(named).await;
    assert_eq!(result["explanations"][0]["decision"], "deny");
}

#[tokio::test]
async fn by_claims_it_says_what_gatepost_explain_says() {
    let night = "[room.night]\nsubscribe = \"now.getHours() < 6 && connection.origin == ''\"\n";
    let other = OTHER_ISSUER.replace("shared_users = true", "user_prefix = \"o/\"");
    let gateway = Gateway::with(&Setup {
        issuer: "user_prefix = \"m/\"",
        tables: &format!("{ADMIN}{night}{other}"),
        ..Setup::default()
    });
    let bob = json!({"sub": "bob", "teams": ["red"], "muted": true, "other": {"a": [1.5, null]}});
    let page =
        json!({"address": "192.0.2.7", "origin": "https://a.example", "protocol": "protobuf"});
    let (early, late) = ("2026-03-04T05:00:00Z", "2026-03-04T06:00:00Z");
    for (channel, permission, connection, now) in [
        ("team:red", "publish", None, early),
        ("team:blue", "subscribe", None, early),
        ("chat:a", "publish", Some(&page), early),
        ("chat:a", "history", None, late),
        ("night:a", "subscribe", None, early),
        ("night:a", "subscribe", None, late),
        ("night:a", "subscribe", Some(&page), early),
        ("night:a", "presence", None, early),
        ("#o/bob", "subscribe", None, early),
        ("#bob", "publish", None, early),
        ("nowhere:a", "subscribe", None, early),
    ] {
        let mut body = json!({"claims": bob, "issuer": "other", "channel": channel,
            "permission": permission, "now": now, "text": true});
        let claims = bob.to_string();
        let facts = connection.map(Value::to_string);
        let mut words = vec![
            "--claims",
            &claims,
            "--issuer",
            "other",
            "--channel",
            channel,
        ];
        words.extend(["--permission", permission, "--now", now]);
        if let (Some(connection), Some(facts)) = (connection, &facts) {
            body["connection"] = connection.clone();
            words.extend(["--connection", facts]);
        }
        let mut result = gateway.explained(body).await;
        let explanations = result["explanations"].as_array_mut().unwrap();
        assert_eq!(explanations.len(), 1);
        let text = explanations[0].as_object_mut().unwrap().remove("text");
        let shown = by_file(&gateway, &words).stdout;
        let printed = format!("{}\n", text.unwrap().as_str().unwrap());
        assert_eq!(printed, String::from_utf8(shown).unwrap());
        words.push("--json");
        let json: Value = serde_json::from_slice(&by_file(&gateway, &words).stdout).unwrap();
        assert_eq!(explanations[0], json, "{channel} {permission}");
    }
    let seconds = json!({"claims": bob, "channel": "night:a", "permission": "subscribe",
        "now": 1_772_600_400});
    let result = gateway.explained(seconds).await;
    assert_eq!(result["explanations"][0]["decision"], "allow");
    assert!(!gateway.logged().contains("muted"), "{}", gateway.logged());
}

#[tokio::test]
async fn calls_that_are_none_say_what_is_wrong() {
    let gateway = api::start();
    let (_client, id) = bob(&gateway).await;
    let bob = json!({"sub": "bob"});
    let large = json!({"sub": "bob", "x": "x".repeat(6 * 1024)});
    let one_of = "give one of `client`, `user` and `claims`";
    for (whom, code, expected) in [
        (json!({}), 107, one_of),
        (json!({"client": ""}), 107, one_of),
        (json!({"client": id, "claims": bob}), 107, one_of),
        (json!({"client": id, "user": "bob"}), 107, one_of),
        (json!({"user": "bob", "claims": bob}), 107, one_of),
        (json!({"client": "nobody"}), 104, "not found: client"),
        (json!({"user": "carol"}), 104, "not found: user"),
        (json!({"user": "carol "}), 107, "user: "),
        (json!({"user": "bob", "now": 1}), 107, "go with `claims`"),
        (
            json!({"client": id, "issuer": "main"}),
            107,
            "go with `claims`",
        ),
        (
            json!({"client": id, "connection": {}}),
            107,
            "go with `claims`",
        ),
        (
            json!({"claims": {}}),
            107,
            "claims: the claims need a `sub`",
        ),
        (
            json!({"claims": {"sub": "a,b"}}),
            107,
            "claims: the claim `sub` is no user",
        ),
        (
            json!({"claims": {"sub": "bob", "teams": "red"}}),
            107,
            "claims: the door would refuse this token",
        ),
        (json!({"claims": large}), 107, "claims: no token holds"),
        (json!({"claims": bob, "issuer": "none"}), 107, "issuer: "),
        (json!({"claims": bob, "now": "noon"}), 107, "now: "),
        (json!({"claims": bob, "now": -1}), 107, "now is no time"),
        (
            json!({"claims": bob, "connection": {"port": "7"}}),
            107,
            "connection: a connection has no `port`",
        ),
    ] {
        let mut body = json!({"channel": "chat:a", "permission": "publish"});
        body.as_object_mut()
            .unwrap()
            .extend(whom.as_object().unwrap().clone());
        let (found, message) = gateway.call_error("explain", &body).await;
        assert_eq!(found, code, "{body}: {message}");
        assert!(message.contains(expected), "{message}");
    }
    let asked = json!({"client": id, "channel": "", "permission": "publish"});
    let (code, message) = gateway.call_error("explain", &asked).await;
    assert!(code == 107 && message.contains("channel: "), "{message}");
    for body in [
        json!({"client": id, "channel": "chat:a", "permission": "publish", "session": "x"}),
        json!({"client": id, "channel": "chat:a", "permission": 1}),
        json!({"claims": [], "channel": "chat:a", "permission": "publish"}),
    ] {
        let answer = ask(gateway.admin, &request("explain", &body.to_string())).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    let body = json!({"client": "nobody", "channel": "chat:a", "permission": "publish"});
    let by_status = request("explain", &body.to_string());
    let by_status = by_status.and("X-Centrifugo-Error-Mode", "transport");
    assert_eq!(ask(gateway.admin, &by_status).await.status, 404);
}

// ADMIN-3: of many connections some are told, and that there are more.
#[tokio::test]
async fn admin_3_an_answer_is_bounded_and_says_so() {
    let gateway = Gateway::with(&Setup {
        tables: &format!("{ADMIN}[session]\nmax_connections = 200\n"),
        ..Setup::default()
    });
    let mut clients = Vec::new();
    let asked = json!({"user": "bob", "channel": "chat:a", "permission": "publish"});
    for (count, told, truncated) in [(100, 100, false), (101, 100, true)] {
        while clients.len() < count {
            clients.push(gateway.client("bob").await);
        }
        let result = gateway.explained(asked.clone()).await;
        assert_eq!(result["connections"].as_object().unwrap().len(), told);
        assert_eq!(result["truncated"], truncated);
    }
}
