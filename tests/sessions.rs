//! One user, several connections: what they share, what they do not, and how many there may be.

mod support;

use futures_util::future::join_all;
use serde_json::{Value, json};
use support::client::{Client, Closed};
use support::{Gateway, PATIENCE, Setup, claims, sign, token, token_with};
use tokio::time::timeout;

fn with_session(session: &str) -> Gateway {
    Gateway::with(&Setup {
        tables: &format!("[session]\n{session}"),
        ..Setup::default()
    })
}

type Opened = Result<Client, (u16, String)>;

async fn open(gateway: &Gateway, user: &str) -> Opened {
    gateway.open("/connection/websocket", &token(user)).await
}

fn full() -> (u16, String) {
    (429, "too_many_connections".to_owned())
}

/// Opens as soon as there is room.
async fn open_in_time(gateway: &Gateway, user: &str) -> Client {
    let attempts = async {
        loop {
            match open(gateway, user).await {
                Ok(client) => return client,
                Err(refusal) => assert_eq!(refusal, full()),
            }
        }
    };
    timeout(PATIENCE, attempts)
        .await
        .expect("no place was freed")
}

#[tokio::test]
async fn what_is_sent_to_a_user_reaches_each_of_their_connections() {
    let gateway = Gateway::start();
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(gateway.client("alice").await);
    }
    assert_eq!(gateway.metric("gatepost_connections").await, 5.0);
    assert_eq!(gateway.metric("gatepost_sessions").await, 1.0);
    let friend = token_with("bob", json!({"teams": ["friend"]}));
    let mut bob = gateway.client_with(&friend).await;
    bob.publish("#alice", json!("hi")).await;
    for tab in &mut tabs {
        assert_eq!(tab.publication("#alice").await["data"], "hi");
        assert_eq!(tab.rest().await, Vec::<Value>::new(), "once each");
    }
}

#[tokio::test]
async fn connections_of_one_user_have_subscriptions_and_ends_of_their_own() {
    let gateway = Gateway::start();
    let mut first = gateway.client("alice").await;
    let mut second = gateway.client("alice").await;
    first.subscribe("chat:a").await;
    second.publish("chat:a", json!(1)).await;
    assert_eq!(first.publication("chat:a").await["data"], 1);
    assert_eq!(second.rest().await, Vec::<Value>::new());
    // Not already subscribed: that was the other.
    second.subscribe("chat:a").await;
    first.send_text("not JSON").await;
    assert_eq!(first.closed().await.code, 3501);
    second.publish("chat:a", json!(2)).await;
    assert_eq!(second.publication("chat:a").await["data"], 2);
}

#[tokio::test]
async fn sessions_of_different_users_do_not_touch() {
    let gateway = with_session("max_connections = 1");
    let mut alice = gateway.client("alice").await;
    let mut bob = gateway.client("bob").await;
    assert_eq!(open(&gateway, "alice").await.err(), Some(full()));
    alice.send_text("not JSON").await;
    assert_eq!(alice.closed().await.code, 3501);
    bob.ok("presence_stats", json!({"channel": "chat:a"})).await;
}

// LIMIT-2: of seventeen that come at once sixteen get in.
#[tokio::test]
async fn sixteen_connections_of_a_user_and_no_more() {
    let gateway = Gateway::start();
    let enter = async || {
        let mut client = open(&gateway, "alice").await?;
        client.ok("connect", json!({})).await;
        Ok(client)
    };
    let opened = join_all((0..17).map(|_| enter())).await;
    let (mut inside, refused): (Vec<Opened>, Vec<Opened>) =
        opened.into_iter().partition(Result::is_ok);
    assert_eq!((inside.len(), refused.len()), (16, 1));
    let refusals: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
    assert_eq!(refusals, [full()]);
    assert_eq!(open(&gateway, "alice").await.err(), Some(full()));
    let mut bob = open(&gateway, "bob").await.unwrap();
    bob.ok("connect", json!({})).await;

    drop(inside.pop());
    let mut next = open_in_time(&gateway, "alice").await;
    next.ok("connect", json!({})).await;
    assert_eq!(open(&gateway, "alice").await.err(), Some(full()));
    // Refused ones have cost no place: all go, and all can come back.
    drop((inside, next));
    gateway.until_metric("gatepost_connections", 1.0).await;
    let mut again = Vec::new();
    for _ in 0..16 {
        again.push(open_in_time(&gateway, "alice").await);
    }
}

// LIMIT-2: the refusal says when to come back.
#[tokio::test]
async fn a_full_session_is_429_with_retry_after() {
    let gateway = with_session("max_connections = 1");
    let _inside = gateway.client("alice").await;
    let bearer = format!("Authorization: Bearer {}\r\n", token("alice"));
    let headers = format!("{}{bearer}", support::http::UPGRADE);
    let answer = gateway.get("/connection/websocket", &headers).await;
    assert_eq!((answer.status, answer.code()), full());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1);
    assert!(answer.closed);
}

#[tokio::test]
async fn when_full_is_close_the_oldest_goes_for_good() {
    let gateway = with_session("max_connections = 2\nwhen_full = \"close\"");
    let mut first = gateway.client("alice").await;
    let mut second = gateway.client("alice").await;
    let mut third = gateway.client("alice").await;
    let expected = |code, reason: &str| Closed {
        code,
        reason: reason.to_owned(),
    };
    assert_eq!(first.closed().await, expected(3504, "connection limit"));
    let mut fourth = gateway.client("alice").await;
    assert_eq!(second.closed().await, expected(3504, "connection limit"));
    for client in [&mut third, &mut fourth] {
        client.subscribe("chat:a").await;
    }
    let stats = third
        .ok("presence_stats", json!({"channel": "chat:a"}))
        .await;
    assert_eq!(stats, json!({"num_clients": 2, "num_users": 1}));
}

// LIVE-4: whoever replays a token is seen by who has it, since one of the two is closed.
#[tokio::test]
async fn a_token_keeps_its_newest_connection_where_that_is_configured() {
    let gateway = with_session("one_connection_per_token = true");
    let of = |jti: &str| token_with("alice", json!({"jti": jti}));
    let mut other = gateway.client_with(&of("another")).await;
    let mut unnamed = claims("alice");
    unnamed.as_object_mut().unwrap().remove("jti");
    let unnamed = sign(&unnamed);
    let mut without = [
        gateway.client_with(&unnamed).await,
        gateway.client_with(&unnamed).await,
    ];
    let stranger = token_with("bob", json!({"jti": "stolen"}));
    let mut bob = gateway.client_with(&stranger).await;
    let mut first = gateway.client_with(&of("stolen")).await;
    for _ in 0..3 {
        let second = gateway.client_with(&of("stolen")).await;
        assert_eq!(first.closed().await.code, 3504);
        first = second;
    }
    let [one, two] = &mut without;
    for client in [&mut other, one, two, &mut bob, &mut first] {
        client.subscribe("chat:still-here").await;
    }

    let gateway = Gateway::start();
    let mut first = gateway.client_with(&of("shared")).await;
    let mut second = gateway.client_with(&of("shared")).await;
    for tab in [&mut first, &mut second] {
        tab.subscribe("chat:both-here").await;
    }
}

// CHAN-9: the server's own subscription counts, an unsubscribe frees.
#[tokio::test]
async fn channels_of_a_connection_are_counted() {
    let gateway = with_session("max_channels = 3");
    let mut alice = gateway.client("alice").await;
    let channel = |name: &str| json!({"channel": name});
    alice.subscribe("chat:1").await;
    alice.subscribe("chat:2").await;
    assert_eq!(alice.error("subscribe", channel("chat:3")).await, 106);
    // One that is there already is told so, and one that is forbidden too.
    assert_eq!(alice.error("subscribe", channel("chat:2")).await, 105);
    assert_eq!(alice.error("subscribe", channel("team:red")).await, 103);
    alice.ok("unsubscribe", channel("chat:1")).await;
    alice.subscribe("chat:3").await;
    assert_eq!(alice.error("subscribe", channel("chat:4")).await, 106);
    // Denied and failed ones cost nothing; what was freed twice counts once.
    alice.ok("unsubscribe", channel("chat:3")).await;
    alice.ok("unsubscribe", channel("chat:3")).await;
    alice.subscribe("chat:5").await;
    assert_eq!(alice.error("subscribe", channel("chat:6")).await, 106);
    // Its limit is its own.
    gateway.client("bob").await.subscribe("chat:6").await;
}

// CHAN-9: four times as many for the whole session.
#[tokio::test]
async fn channels_of_a_session_are_counted_together() {
    let gateway = with_session("max_channels = 3");
    let mut tabs = Vec::new();
    for number in 0..5 {
        tabs.push(gateway.client("alice").await);
        if number < 3 {
            tabs[number].subscribe("chat:1").await;
            tabs[number].subscribe("chat:2").await;
        }
    }
    // 3 tabs with 3 channels and 2 with 1 are 11 of 12.
    let channel = |name: &str| json!({"channel": name});
    tabs[3].subscribe("chat:1").await;
    assert_eq!(tabs[3].error("subscribe", channel("chat:2")).await, 106);
    assert_eq!(tabs[4].error("subscribe", channel("chat:1")).await, 106);
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:1").await;
    // A tab that is gone frees what it held.
    drop(tabs.remove(0));
    let freed = async {
        loop {
            let reply = tabs[3].command("subscribe", channel("chat:1")).await;
            if reply.get("error").is_none() {
                return;
            }
            assert_eq!(reply["error"]["code"], 106);
        }
    };
    timeout(PATIENCE, freed).await.expect("nothing was freed");
}

// CHAN-9: too many channels is never a reason to turn a connection away, or an SDK that gets an
// error for connect stays away for good.
#[tokio::test]
async fn a_session_without_room_for_channels_still_connects() {
    let gateway = with_session("max_channels = 1");
    let mut tabs = Vec::new();
    for number in 0..6 {
        let mut tab = open(&gateway, "alice").await.unwrap();
        let reply = tab.command("connect", json!({})).await;
        assert_eq!(reply.get("error"), None, "tab {number}");
        tabs.push(tab);
    }
}

#[tokio::test]
async fn a_connection_that_dies_is_nowhere_present() {
    let gateway = Gateway::start();
    let mut witness = gateway.client("witness").await;
    let ask = json!({"channel": "chat:a", "join_leave": true});
    witness.ok("subscribe", ask).await;
    let mut alive = gateway.client("alice").await;
    alive.subscribe("chat:a").await;
    let mut dying = gateway.client("alice").await;
    for channel in ["chat:a", "chat:b", "chat:c", "dm:#alice,bob"] {
        dying.subscribe(channel).await;
    }
    drop(dying);
    witness.wait_for(|m| m["push"].get("leave").is_some()).await;
    gateway.until_metric("gatepost_connections", 2.0).await;
    for (channel, clients) in [("chat:a", 2), ("chat:b", 0), ("chat:c", 0)] {
        let stats = json!({"channel": channel});
        let stats = witness.ok("presence_stats", stats).await;
        assert_eq!(stats["num_clients"], clients, "{channel}");
    }
    // chat:a and the two personal channels.
    assert_eq!(gateway.metric("gatepost_channels").await, 3.0);
}
