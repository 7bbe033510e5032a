//! The state machine of the Centrifuge client protocol: what may come when, and what it is
//! answered with.

mod support;

use serde_json::{Value, json};
use support::client::{Client, Closed};
use support::{Gateway, Setup, token};

async fn open(gateway: &Gateway) -> Client {
    gateway
        .open("/connection/websocket", &token("alice"))
        .await
        .unwrap()
}

fn bad_request() -> Closed {
    Closed {
        code: 3501,
        reason: "bad request".to_owned(),
    }
}

/// The messages that are on their way, in order, up to the one with this id.
async fn replies(client: &mut Client, last: u64) -> Vec<Value> {
    let mut replies = Vec::new();
    for id in 1..=last {
        replies.push(client.wait_for(|message| message["id"] == id).await);
    }
    replies
}

#[tokio::test]
async fn nothing_comes_before_connect() {
    let gateway = Gateway::start();
    for command in [
        r#"{"id":1,"subscribe":{"channel":"chat:a"}}"#,
        r#"{"id":1,"publish":{"channel":"chat:a","data":1}}"#,
        r#"{"id":1,"unsubscribe":{"channel":"chat:a"}}"#,
        r#"{"id":1,"presence":{"channel":"chat:a"}}"#,
        r#"{"id":1,"history":{"channel":"chat:a"}}"#,
        r#"{"id":1,"rpc":{"method":"x"}}"#,
        r#"{"id":1,"refresh":{"token":"x"}}"#,
        r#"{"send":{"data":1}}"#,
        "{}",
    ] {
        let mut client = open(&gateway).await;
        // The connect behind it is too late.
        let frame = format!("{command}\n{{\"id\":2,\"connect\":{{}}}}");
        client.send_text(&frame).await;
        assert_eq!(client.closed().await, bad_request(), "{command}");
    }
    gateway.until_metric("gatepost_connections", 0.0).await;
    assert_eq!(gateway.metric("gatepost_publications_total").await, 0.0);
}

#[tokio::test]
async fn the_connect_reply_says_who_and_how() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nping_interval = \"25s\"",
        ..Setup::default()
    });
    let mut ids = Vec::new();
    for connect in [
        json!({}),
        json!({"token": ""}),
        json!({"token": null, "data": null}),
        json!({"name": "js", "version": "1.2", "data": {"any": "thing"}}),
        json!({"name": "x".repeat(10_000), "flag": 3, "dict": "d", "profile": "p"}),
    ] {
        let mut client = open(&gateway).await;
        let reply = client.ok("connect", connect).await;
        let version = format!("Gatepost {}", env!("CARGO_PKG_VERSION"));
        let id = reply["client"].as_str().unwrap().to_owned();
        // Nothing else: no `expires` and `ttl` for who cannot refresh.
        let expected = json!({"client": id, "version": version, "subs": {"#alice": {}},
            "ping": 25, "pong": true});
        assert_eq!(reply, expected);
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each connection has an id of its own");
}

#[tokio::test]
async fn a_second_connect_is_a_violation() {
    let gateway = Gateway::start();
    let mut client = gateway.client("alice").await;
    client.send("connect", json!({})).await;
    assert_eq!(client.closed().await, bad_request());
    // In one frame with the first, which is answered.
    let mut raw = gateway.upgraded("alice").await;
    raw.send("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"connect\":{}}")
        .await;
    assert!(
        raw.next()
            .await
            .text()
            .starts_with(r#"{"id":1,"connect":{"#)
    );
    assert_eq!(raw.closed().await, 3501);
}

#[tokio::test]
async fn what_is_no_command_is_a_violation() {
    let gateway = Gateway::start();
    for frame in [
        "",
        "\n",
        " ",
        "\n{\"id\":2,\"rpc\":{}}",
        "{\"id\":2,\"rpc\":{}}\n\n",
        "not JSON",
        "[]",
        "1",
        "null",
        "\"{}\"",
        "{\"id\":2,\"rpc\":{}",
        "{\"id\":2,\"rpc\":{}} {}",
        r#"{"id":2}"#,
        r#"{"id":2,"unknown":{}}"#,
        r#"{"id":2,"method":7,"params":{}}"#,
        r#"{"id":2,"ping":{}}"#,
        r#"{"rpc":{}}"#,
        r#"{"id":0,"rpc":{}}"#,
        r#"{"id":-1,"rpc":{}}"#,
        r#"{"id":1.5,"rpc":{}}"#,
        r#"{"id":"2","rpc":{}}"#,
        r#"{"id":4294967296,"rpc":{}}"#,
        r#"{"id":2,"rpc":{},"history":{"channel":"chat:a"}}"#,
        r#"{"id":2,"id":3,"rpc":{}}"#,
        r#"{"id":2,"rpc":[]}"#,
        r#"{"id":2,"subscribe":{}}"#,
        r#"{"id":2,"subscribe":{"channel":""}}"#,
        r#"{"id":2,"unsubscribe":{"channel":""}}"#,
        r#"{"id":2,"publish":{"data":1}}"#,
        r#"{"id":2,"publish":{"channel":7,"data":1}}"#,
        r#"{"id":2,"subscribe":{"channel":"chat:a","delta":"xor"}}"#,
        &format!(r#"{{"id":2,"rpc":{{"data":{}}}}}"#, "[".repeat(40)),
    ] {
        let mut client = gateway.client("alice").await;
        client.send_text(frame).await;
        assert_eq!(client.closed().await, bad_request(), "{frame:?}");
    }
}

#[tokio::test]
async fn what_stands_before_a_broken_line_is_carried_out_and_nothing_behind_it() {
    let gateway = Gateway::start();
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    let mut raw = gateway.upgraded("alice").await;
    let publish =
        |id: u32| format!(r#"{{"id":{id},"publish":{{"channel":"chat:a","data":{id}}}}}"#);
    let frame = [
        r#"{"id":1,"connect":{}}"#,
        &publish(2),
        "broken",
        &publish(3),
    ];
    raw.send(&frame.join("\n")).await;
    assert_eq!(raw.closed().await, 3501);
    assert_eq!(bob.publication("chat:a").await["data"], 2);
    gateway.until_metric("gatepost_connections", 1.0).await;
    assert_eq!(bob.rest().await, Vec::<Value>::new());
}

// The JavaScript SDK sends connect and its subscribes together, without waiting.
#[tokio::test]
async fn a_frame_holds_many_commands_answered_in_order() {
    let gateway = Gateway::start();
    let mut raw = gateway.upgraded("alice").await;
    let frame = [
        r#"{"connect":{"name":"js"},"id":1}"#,
        r#"{"subscribe":{"channel":"chat:a","flag":1},"id":2}"#,
        r#"{"subscribe":{"channel":"nope:a","flag":1},"id":3}"#,
        r#"{"subscribe":{"channel":"chat:b","flag":1},"id":4}"#,
        r#"{"publish":{"channel":"chat:c","data":1},"id":5}"#,
        r#"{"unsubscribe":{"channel":"chat:b"},"id":6}"#,
    ];
    // One newline may end the frame.
    raw.send(&(frame.join("\n") + "\n")).await;
    let mut lines = Vec::new();
    while lines.len() < 6 {
        let text = raw.next().await.text().to_owned();
        lines.extend(text.split('\n').map(str::to_owned));
    }
    assert!(lines[0].starts_with(r#"{"id":1,"connect":{"#), "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            r#"{"id":2,"subscribe":{}}"#,
            r#"{"id":3,"error":{"code":102,"message":"unknown channel"}}"#,
            r#"{"id":4,"subscribe":{}}"#,
            r#"{"id":5,"publish":{}}"#,
            r#"{"id":6,"unsubscribe":{}}"#,
        ]
    );
}

// WS-11: one for each channel, and 64 more.
#[tokio::test]
async fn a_message_holds_so_many_commands_and_no_more() {
    let gateway = Gateway::with(&Setup {
        tables: "[session]\nmax_channels = 2",
        ..Setup::default()
    });
    let commands = |count: usize| {
        (1..=count)
            .map(|id| format!(r#"{{"id":{id},"rpc":{{}}}}"#))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut client = gateway.client("alice").await;
    client.send_text(&commands(66)).await;
    for reply in replies(&mut client, 66).await {
        assert_eq!(reply["error"]["code"], 108);
    }
    client.send_text(&commands(67)).await;
    assert_eq!(client.closed().await, bad_request());
}

#[tokio::test]
async fn a_pong_that_answers_no_ping_is_a_violation() {
    let gateway = Gateway::start();
    // Whatever has neither id nor request counts as one.
    for pong in ["{}", "{\"id\":0}", "{\"future\":1}"] {
        let mut client = gateway.client("alice").await;
        client.send_text(pong).await;
        assert_eq!(client.closed().await, bad_request(), "{pong}");
    }
}

#[tokio::test]
async fn what_nobody_is_behind_is_not_available() {
    let gateway = Gateway::start();
    let mut client = gateway.client("alice").await;
    let not_available = json!({"code": 108, "message": "not available"});
    for (name, request) in [
        ("rpc", json!({})),
        ("rpc", json!({"method": "x", "data": {"a": 1}})),
        // Maps and the like.
        ("subscribe", json!({"channel": "chat:a", "type": 1})),
        ("subscribe", json!({"channel": "chat:a", "type": -1})),
        (
            "publish",
            json!({"channel": "chat:a", "data": 1, "type": 1}),
        ),
    ] {
        let reply = client.command(name, request.clone()).await;
        assert_eq!(reply["error"], not_available, "{name} {request}");
    }
    let filter = json!({"channel": "chat:a", "tf": {"op": "eq", "key": "k", "val": "v"}});
    assert_eq!(client.error("subscribe", filter).await, 107);
    client.send("refresh", json!({})).await;
    assert_eq!(client.closed().await, bad_request());

    let mut client = gateway.client("alice").await;
    client.send_text(r#"{"send":{"data":1}}"#).await;
    let expected = Closed {
        code: 3508,
        reason: "not available".to_owned(),
    };
    assert_eq!(client.closed().await, expected);
}

#[tokio::test]
async fn a_binary_frame_is_closed() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;
    let gateway = Gateway::start();
    let mut client = gateway.client("alice").await;
    let command = Message::binary(&b"{\"id\":2,\"rpc\":{}}"[..]);
    client.socket.send(command).await.unwrap();
    assert_eq!(client.closed().await.code, 1003);
}

// The connect command must come within ten seconds. This one waits for real.
#[tokio::test]
async fn a_connection_that_never_connects_is_stale() {
    let gateway = Gateway::start();
    let mut silent = open(&gateway).await;
    // One that was refused does not live longer: its token is for nobody.
    let mut refused = open(&gateway).await;
    let expired = support::token_with("alice", json!({"exp": support::now() - 10}));
    let code = refused.error("connect", json!({"token": expired})).await;
    assert_eq!(code, 109);
    let stale = |closed: Closed| assert_eq!((closed.code, &closed.reason[..]), (3502, "stale"));
    stale(silent.closed().await);
    stale(refused.closed().await);
}
