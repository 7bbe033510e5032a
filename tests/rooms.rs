//! Rooms: who hears, who speaks, and what everybody sees of it.

mod support;

use serde_json::json;
use support::{Gateway, token_with};

#[tokio::test]
async fn what_one_says_everybody_in_the_room_hears_with_the_verified_sender() {
    let gateway = Gateway::start();
    let mut alice = gateway
        .client_with(&token_with("alice", json!({"info": {"name": "Alice"}})))
        .await;
    let mut bob = gateway.client("bob").await;
    alice.subscribe("chat:general").await;
    bob.subscribe("chat:general").await;
    alice.publish("chat:general", json!({"text": "hi"})).await;
    for client in [&mut alice, &mut bob] {
        let publication = client.publication("chat:general").await;
        assert_eq!(publication["data"], json!({"text": "hi"}));
        assert_eq!(publication["info"]["user"], "alice");
        assert_eq!(publication["info"]["conn_info"], json!({"name": "Alice"}));
        assert_eq!(publication["offset"], 1);
    }
}
