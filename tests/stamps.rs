//! Who somebody is comes from the token, never from what they send; and what is forbidden looks
//! the same whether it is used or not.

mod support;

use serde_json::{Value, json};
use support::{Gateway, token, token_with};

// CHAN-6: byte for byte, for every command.
#[tokio::test]
async fn a_forbidden_channel_in_use_looks_like_one_that_nobody_uses() {
    let gateway = Gateway::start();
    let red = token_with("alice", json!({"teams": ["red"]}));
    let mut alice = gateway.client_with(&red).await;
    for used in ["team:red", "dm:#alice,carol"] {
        alice.subscribe(used).await;
        alice.publish(used, json!("secret")).await;
    }
    let mut mallory = gateway.raw_client("mallory").await;
    for (used, unused) in [
        ("team:red", "team:ros"),
        ("dm:#alice,carol", "dm:#alice,cyril"),
        ("dm:#alice,carol", "dm:#nobody,nowhere"),
        ("dm:#alice,carol", "dm:general"),
        ("#alice", "#never"),
    ] {
        for body in [
            r#""subscribe":{"channel":"C"}"#,
            r#""subscribe":{"channel":"C","recover":true,"offset":1,"flag":3}"#,
            r#""subscribe":{"channel":"C","join_leave":true,"delta":"fossil"}"#,
            r#""publish":{"channel":"C","data":1}"#,
            r#""history":{"channel":"C","limit":10}"#,
            r#""history":{"channel":"C","since":{"offset":1,"epoch":"e"},"limit":10}"#,
            r#""history":{"channel":"C","since":{"offset":1},"reverse":true}"#,
            r#""presence":{"channel":"C"}"#,
            r#""presence_stats":{"channel":"C"}"#,
            r#""unsubscribe":{"channel":"C"}"#,
            r#""sub_refresh":{"channel":"C","token":"t"}"#,
        ] {
            let ask = |channel: &str| format!(r#"{{"id":7,{}}}"#, body.replace('C', channel));
            let of_used = mallory.ask(&ask(used)).await;
            let of_unused = mallory.ask(&ask(unused)).await;
            assert_eq!(of_used, of_unused, "{body} {used} {unused}");
        }
    }
}

// LIVE-5
#[tokio::test]
async fn who_somebody_claims_to_be_is_not_believed() {
    let gateway = Gateway::start();
    let mut witness = gateway.client("witness").await;
    let ask = json!({"channel": "chat:a", "join_leave": true});
    witness.ok("subscribe", ask).await;
    witness.wait_for(|m| m["push"].get("join").is_some()).await;

    let claimed = json!({"user": "bob", "client": "c", "conn_info": {"name": "Bob"},
        "chan_info": {"name": "Bob"}});
    let mut mallory = gateway
        .open("/connection/websocket", &token("mallory"))
        .await
        .unwrap();
    let connect = json!({
        "data": {"user": "bob", "info": claimed}, "user": "bob", "info": claimed, "name": "bob",
        "client": "c", "headers": {"authorization": "Bearer x", "x-user": "bob"}, "session": "s",
    });
    let reply = mallory.ok("connect", connect).await;
    let client = reply["client"].clone();
    assert_eq!(reply["subs"], json!({"#mallory": {}}));
    let genuine = json!({"user": "mallory", "client": client});

    let subscribe = json!({"channel": "chat:a", "data": {"user": "bob"}, "info": claimed,
        "user": "bob"});
    mallory.ok("subscribe", subscribe).await;
    let join = witness.wait_for(|m| m["push"].get("join").is_some()).await;
    assert_eq!(join["push"]["join"]["info"], genuine);

    let publish = json!({"channel": "chat:a", "data": {"user": "bob"}, "info": claimed,
        "user": "bob", "client": "c", "offset": 99, "tags": {"user": "bob"}, "key": "k"});
    mallory.ok("publish", publish).await;
    let publication = witness.publication("chat:a").await;
    let expected = json!({"data": {"user": "bob"}, "info": genuine, "offset": 1});
    assert_eq!(publication, expected);

    let channel = json!({"channel": "chat:a"});
    let presence = witness.ok("presence", channel.clone()).await;
    assert_eq!(presence["presence"][client.as_str().unwrap()], genuine);
    let history = witness
        .ok("history", json!({"channel": "chat:a", "limit": 1}))
        .await;
    assert_eq!(history["publications"], json!([expected]));

    mallory.ok("unsubscribe", channel).await;
    let leave = witness.wait_for(|m| m["push"].get("leave").is_some()).await;
    assert_eq!(leave["push"]["leave"]["info"], genuine);
}

// LIVE-6: users are compared byte by byte.
#[tokio::test]
async fn names_that_look_alike_are_different_users() {
    let gateway = Gateway::start();
    let users = [
        "alice", "Alice", "ALICE", "alice.", "alice%20", "a.lice", "alice/",
    ];
    let friend = json!({"teams": ["friend"]});
    let mut clients = Vec::new();
    for user in users {
        let token = token_with(user, friend.clone());
        let mut client = gateway.open("/connection/websocket", &token).await.unwrap();
        let reply = client.ok("connect", json!({})).await;
        assert_eq!(reply["subs"], json!({format!("#{user}"): {}}));
        client.subscribe("chat:a").await;
        clients.push(client);
    }
    assert_eq!(
        gateway.metric("gatepost_sessions").await,
        users.len() as f64
    );
    let stats = clients[0]
        .ok("presence_stats", json!({"channel": "chat:a"}))
        .await;
    assert_eq!(stats["num_users"], users.len());
    for (index, user) in users.iter().enumerate() {
        let channel = format!("#{user}");
        clients[0].publish(&channel, json!(user)).await;
        assert_eq!(clients[index].publication(&channel).await["data"], *user);
        for (other, client) in users.iter().zip(&mut clients) {
            if other != user {
                assert_eq!(
                    client.rest().await,
                    Vec::<Value>::new(),
                    "{other} {channel}"
                );
                let request = json!({"channel": format!("dm:#{user}")});
                assert_eq!(client.error("subscribe", request).await, 103);
            }
        }
    }
    // Sorted by byte: the upper case is first.
    clients[0].subscribe("dm:#Alice,alice").await;
    clients[1].subscribe("dm:#Alice,alice").await;
    let third = json!({"channel": "dm:#Alice,alice"});
    assert_eq!(clients[2].error("subscribe", third).await, 103);
}
