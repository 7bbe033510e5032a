//! A configuration that is read again on SIGHUP: all of it is in force at once, or nothing of it.

mod support;

use serde_json::{Value, json};
use support::client::{Client, Closed};
use support::{Gateway, OTHER_ISSUER, RULES, Setup, token, token_with};
use tokio::sync::watch;

const CHAT: &str = "[room.chat]\nsubscribe = \"true\"";

fn expired() -> Closed {
    Closed {
        code: 3005,
        reason: "connection expired".to_owned(),
    }
}

/// The next push to this client, whatever came before.
async fn unsubscribed(client: &mut Client) -> Value {
    let push = client.wait_for(|m| m["push"].get("unsubscribe").is_some());
    push.await["push"].clone()
}

// CHAN-5: the room closes to alice in the middle of a stream, and stays open to carol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chan_5_nothing_follows_the_unsubscribe_and_who_may_stay_misses_nothing() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    let red = token_with("carol", json!({"teams": ["red"]}));
    let mut carol = gateway.client_with(&red).await;
    for client in [&mut alice, &mut carol] {
        client.subscribe("chat:a").await;
    }
    let mut bob = gateway.client("bob").await;
    let (tells, mut said) = watch::channel(0);
    // Until nobody wants to know. Carol hears each before the next is said, so that she is never
    // slow, and then has nothing that was not said.
    let speaking = tokio::spawn(async move {
        for number in 1.. {
            bob.publish("chat:a", json!(number)).await;
            assert_eq!(carol.publication("chat:a").await["data"], number);
            if tells.send(number).is_err() {
                break;
            }
        }
        carol.rest().await
    });
    alice.publication("chat:a").await;
    let closed = gateway
        .written()
        .replace(CHAT, "[room.chat]\nsubscribe = \"'red' in claims.teams\"");
    let (is_taken_over, push) = tokio::join!(gateway.reload(&closed), unsubscribed(&mut alice));
    assert!(is_taken_over);
    let expected = json!({"channel": "chat:a",
        "unsubscribe": {"code": 2100, "reason": "permission withdrawn"}});
    assert_eq!(push, expected);
    // All that came before the push was read with it; from here on there is nothing more.
    alice.rest().await;
    let then = *said.borrow_and_update();
    said.wait_for(|said| *said >= then + 50).await.unwrap();
    drop(said);
    assert_eq!(speaking.await.unwrap(), Vec::<Value>::new());
    assert_eq!(alice.rest().await, Vec::<Value>::new());
    let wish = json!({"channel": "chat:a"});
    assert_eq!(alice.error("subscribe", wish).await, 103);
}

#[tokio::test]
async fn who_hears_nothing_is_decided_again_too() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:a").await;
    let without = RULES.split("[room.chat]").next().unwrap();
    let text = gateway.written().replace(RULES, without);
    assert!(gateway.reload(&text).await);
    assert_eq!(unsubscribed(&mut alice).await["channel"], "chat:a");
    let wish = json!({"channel": "chat:a"});
    assert_eq!(alice.error("subscribe", wish).await, 102);
}

#[tokio::test]
async fn one_that_is_not_good_changes_nothing_and_is_told() {
    let gateway = Gateway::start();
    let good = gateway.written();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:a").await;
    let half = &good[..good.len() / 2];
    let expectation = "[[expect]]\nclaims = { sub = \"bob\" }\nchannel = \"chat:a\"\n\
        permission = \"subscribe\"\ndecision = \"deny\"\n";
    for (fault, text) in [
        ("half of a file", half.to_owned()),
        (
            "an unknown option",
            format!("{good}\n[doors]\nopen = true\n"),
        ),
        ("an expectation", format!("{good}\n{expectation}")),
        (
            "a key",
            good.replace("GATEPOST_TEST_SECRET", "GATEPOST_NO_SECRET"),
        ),
        ("a certificate", good.replace("server.pem", "server.key")),
        ("nothing", String::new()),
    ] {
        assert!(!gateway.reload(&text).await, "{fault}");
        let told = gateway.not_reloaded().await["configuration"].clone();
        assert!(
            told.as_str().unwrap().contains("gatepost.toml"),
            "{fault}: {told}"
        );
        alice.publish("chat:a", json!(fault)).await;
        assert_eq!(alice.publication("chat:a").await["data"], fault);
        gateway.client("bob").await;
    }
    assert!(gateway.logged().contains("configuration not taken over"));
    assert_eq!(alice.rest().await, Vec::<Value>::new());
    assert!(gateway.reload(&good).await);
    assert_eq!(gateway.not_reloaded().await, json!({}));
}

// CEL-3: rules that overflow the parser's stack, or run for ever, end no node that is running.
#[tokio::test]
async fn cel_3_a_bad_rule_leaves_the_node_alive() {
    let gateway = Gateway::start();
    let good = gateway.written();
    let mut alice = gateway.client("alice").await;
    let repeat = |part: &str, n: usize| part.repeat(n);
    for rule in [
        format!("claims{}", repeat(".a", 5000)),
        format!("{}true{}", repeat("(", 5000), repeat(")", 5000)),
        format!("{}true{}", repeat("(", 20), repeat(")", 20)),
        format!("{}1 == 1", repeat("1+", 400)),
        repeat("{", 1024),
        "claims.teams.all(a, claims.teams.all(b, true))".to_owned(),
        "user".to_owned(),
        "nobody".to_owned(),
        String::new(),
    ] {
        let text = good.replace(CHAT, &format!("[room.chat]\nsubscribe = \"{rule}\""));
        assert!(!gateway.reload(&text).await, "{rule}");
    }
    alice.subscribe("chat:a").await;
    assert!(gateway.reload(&good).await);
}

#[tokio::test]
async fn what_takes_a_restart_is_refused_by_name_with_all_the_rest() {
    let gateway = Gateway::start();
    let good = gateway.written();
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:a").await;
    let closed = good.replace(CHAT, "[room.chat]");
    for (option, text) in [
        (
            "listen.admin",
            closed.replace("admin = \"127.0.0.1:0\"", "admin = \"127.0.0.2:0\""),
        ),
        (
            "listen.public",
            closed.replace("public = \"127.0.0.1:0\"", "public = \"127.0.0.2:0\""),
        ),
        (
            "engine.max_streams",
            format!("{closed}\n[engine]\nmax_streams = 5000\n"),
        ),
        (
            "tls.mode",
            closed.replace(
                "certificate = \"server.pem\"\nkey = \"server.key\"",
                "mode = \"off\"",
            ),
        ),
        ("door.echo", closed.replace("[door]", "[door]\necho = true")),
        (
            "session.ping_interval",
            closed.replace("ping_interval = \"10m\"", "ping_interval = \"30s\""),
        ),
    ] {
        assert_ne!(text, closed, "{option}");
        assert!(!gateway.reload(&text).await, "{option}");
        let told = gateway.not_reloaded().await["configuration"].clone();
        assert!(told.as_str().unwrap().contains(option), "{option}: {told}");
    }
    alice.publish("chat:a", json!(1)).await;
    assert_eq!(alice.publication("chat:a").await["data"], 1);
}

#[tokio::test]
async fn origins_and_limits_change_live() {
    let gateway = Gateway::start();
    let status = async |origin: &str| {
        let bearer = format!(
            "Authorization: Bearer {}\r\nOrigin: {origin}\r\n",
            token("bob")
        );
        gateway.get("/connection/check", &bearer).await.status
    };
    let (old, new) = (support::ORIGIN, "https://new.example.com");
    assert_eq!((status(old).await, status(new).await), (204, 403));
    let text = gateway.written().replace(old, new);
    let text = text.replace("[session]\n", "[session]\nmax_connections = 1\n");
    assert!(gateway.reload(&text).await);
    assert_eq!((status(old).await, status(new).await), (403, 204));
    let first = gateway.client("alice").await;
    let second = gateway.open("/connection/websocket", &token("alice")).await;
    assert_eq!(second.err().unwrap().0, 429);
    drop(first);
}

#[tokio::test]
async fn rates_change_live() {
    let gateway = Gateway::start();
    let mut alice = gateway.client("alice").await;
    for number in 0..3 {
        alice.publish("chat:a", json!(number)).await;
    }
    let mut text = gateway.written();
    for rate in ["publishes", "failures_per_address"] {
        let (off, slow) = (
            format!("{rate} = \"off\""),
            format!("{rate} = \"1/h burst 1\""),
        );
        assert!(text.contains(&off));
        text = text.replace(&off, &slow);
    }
    assert!(gateway.reload(&text).await);
    let publish = json!({"channel": "chat:a", "data": 1});
    alice.ok("publish", publish.clone()).await;
    assert_eq!(alice.error("publish", publish).await, 111);
    let bad = async || gateway.open("/connection/websocket", "bad").await;
    assert_eq!(bad().await.err().unwrap().0, 401);
    let (status, code) = bad().await.err().unwrap();
    assert_eq!((status, code.as_str()), (429, "address_fails_too_often"));
}

#[tokio::test]
async fn who_came_by_an_issuer_that_is_gone_goes_and_the_others_stay() {
    let gateway = Gateway::with(&Setup {
        issuer: "shared_users = true",
        tables: OTHER_ISSUER,
        door: "echo = true",
        ..Setup::default()
    });
    let of_other = token_with("bob", json!({"iss": "https://other.example.com/"}));
    let mut alice = gateway.client("alice").await;
    alice.subscribe("chat:a").await;
    let mut bob = gateway.client_with(&of_other).await;
    bob.subscribe("chat:a").await;
    let mut echo = gateway.open("/connection/echo", &of_other).await.unwrap();
    let text = gateway.written().replace(OTHER_ISSUER, "");
    assert!(gateway.reload(&text).await);
    assert_eq!(bob.closed().await, expired());
    assert_eq!(echo.closed().await, expired());
    alice.publish("chat:a", json!(1)).await;
    assert_eq!(alice.publication("chat:a").await["data"], 1);
    let refused = gateway.open("/connection/websocket", &of_other).await;
    assert_eq!(refused.err().unwrap().1, "token_issuer_unknown");
}

// What a token said of a claim that no rule read is not known any more: the door decides.
#[tokio::test]
async fn who_has_claims_that_no_longer_fit_goes_and_the_door_decides() {
    let gateway = Gateway::start();
    let level = token_with("alice", json!({"level": "high"}));
    let mut alice = gateway.client_with(&level).await;
    let mut bob = gateway.client("bob").await;
    let text = gateway.written().replace("[claims]", "[claims]\nlevel = 0");
    assert!(gateway.reload(&text).await);
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.closed().await, expired());
    }
    let refused = gateway.open("/connection/websocket", &level).await;
    assert_eq!(refused.err().unwrap().1, "token_claim_mismatch");
    gateway.client("bob").await;
}

// Even its first command after the reload is not carried out, before anybody has told its task.
#[tokio::test]
async fn a_command_after_the_reload_is_by_the_new_terms() {
    let gateway = Gateway::start();
    let mut clients = Vec::new();
    for number in 0..40 {
        clients.push(gateway.client(&format!("user-{number}")).await);
    }
    let closed = gateway
        .written()
        .replace("publish = \"!claims.muted\"", "publish = \"false\"");
    assert!(gateway.reload(&closed).await);
    for client in &mut clients {
        let wish = json!({"channel": "chat:a", "data": 1});
        assert_eq!(client.error("publish", wish).await, 103);
    }
}
