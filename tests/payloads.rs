//! What belongs to the application passes through as it came, byte for byte.

mod support;

use support::frames::{FIN, TEXT};
use support::tokens::sign_raw;
use support::{Gateway, SECRET, Setup, claims};

/// What stands behind `"data":` in a publication's frame, up to the `info` that follows.
fn data_of(frame: &str) -> &str {
    let start = frame.find(r#""data":"#).unwrap() + r#""data":"#.len();
    let end = frame.rfind(r#","info":"#).unwrap();
    &frame[start..end]
}

#[tokio::test]
async fn data_arrives_byte_for_byte() {
    let gateway = Gateway::start();
    let mut bob = gateway.raw_subscriber("bob").await;
    let mut alice = gateway.raw_client("alice").await;
    let deep = "[".repeat(29) + "1" + &"]".repeat(29);
    for data in [
        r#"{"n":1.50,"b": 1e400}"#,
        r#"{"z":1,"a":2,"z":3}"#,
        "123456789012345678901234567890.10",
        "-0",
        "-0.0e-00",
        "18446744073709551616",
        "null",
        "false",
        "\"\"",
        "[]",
        "{}",
        r#""é \u00e9 \/ / \ud83d\ude00 😀 \u0000 \u2028""#,
        "\"\u{2028}\u{7f}\"",
        r#""\ud800""#,
        "{\r\t \"a\" :\t1 ,\r \"b\":2 }",
        &deep,
    ] {
        let command = format!(r#"{{"id":3,"publish":{{"channel":"chat:a","data":{data}}}}}"#);
        let reply = alice.ask(&command).await;
        assert_eq!(reply, r#"{"id":3,"publish":{}}"#, "{data}");
        let frame = bob.next().await;
        assert_eq!(frame.first, FIN | TEXT);
        assert_eq!(data_of(frame.text()), data);
    }
}

#[tokio::test]
async fn a_publication_has_the_shape_of_the_protocol() {
    let gateway = Gateway::start();
    let mut bob = gateway.raw_subscriber("bob").await;
    let mut alice = gateway.upgraded("alice").await;
    let client = alice.connect().await["client"].clone();
    alice
        .send(r#"{"id":3,"publish":{"channel":"chat:a","data":{"b":1,"a":2}}}"#)
        .await;
    let expected = format!(
        r#"{{"push":{{"channel":"chat:a","pub":{{"data":{{"b":1,"a":2}},"info":{{"user":"alice","client":{client}}},"offset":1}}}}}}"#
    );
    assert_eq!(bob.next().await.text(), expected);
}

// A raw newline separates messages, so it ends a command; within strings it is no JSON at all.
#[tokio::test]
async fn a_newline_inside_a_command_makes_two_broken_ones() {
    let gateway = Gateway::start();
    for data in ["{\n\"a\":1}", "\"a\nb\"", "[1,\n2]"] {
        let mut alice = gateway.raw_client("alice").await;
        let command = format!(r#"{{"id":3,"publish":{{"channel":"chat:a","data":{data}}}}}"#);
        alice.send(&command).await;
        assert_eq!(alice.closed().await, 3501, "{data:?}");
    }
}

// Newlines that come by another way, in the token's `info`, are taken out: a message is one line.
#[tokio::test]
async fn info_keeps_its_spelling_but_for_newlines() {
    let gateway = Gateway::start();
    let mut bob = gateway.raw_subscriber("bob").await;
    let claims = claims("alice").to_string();
    let info = "{\n  \"z\": 1.50,\r\n  \"a\": 12345678901234567890123\n}";
    let payload = format!("{},\n\"info\": {info}\n}}", &claims[..claims.len() - 1]);
    let token = sign_raw(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        &payload,
        SECRET.as_bytes(),
    );
    let mut alice = gateway.client_with(&token).await;
    alice.publish("chat:a", serde_json::json!(1)).await;
    let frame = bob.next().await;
    let shown = info.replace('\n', "");
    let expected = format!(r#""conn_info":{shown}"#);
    assert!(frame.text().contains(&expected), "{}", frame.text());
    assert!(!frame.text().contains('\n'));
}

#[tokio::test]
async fn what_is_no_data_is_refused() {
    let gateway = Gateway::start();
    let mut alice = gateway.raw_client("alice").await;
    let reply = alice
        .ask(r#"{"id":3,"publish":{"channel":"chat:a"}}"#)
        .await;
    assert!(
        reply.starts_with(r#"{"id":3,"error":{"code":107,"#),
        "{reply}"
    );
    for data in ["", "NaN", "1e", "'a'", "01", "{\"a\":1,}", "1 2", "\"\\x\""] {
        let mut alice = gateway.raw_client("alice").await;
        let command = format!(r#"{{"id":3,"publish":{{"channel":"chat:a","data":{data}}}}}"#);
        alice.send(&command).await;
        assert_eq!(alice.closed().await, 3501, "{data}");
    }
}

// RES-1: 64 KiB of data in one publication, also where messages may be longer.
#[tokio::test]
async fn data_is_at_most_64_kib() {
    let gateway = Gateway::with(&Setup {
        tables: "[limits]\nmax_message = \"256KiB\"",
        ..Setup::default()
    });
    let mut alice = gateway.raw_client("alice").await;
    let publish = |length: usize| {
        let data = "x".repeat(length - 2);
        format!(r#"{{"id":3,"publish":{{"channel":"chat:a","data":"{data}"}}}}"#)
    };
    assert_eq!(
        alice.ask(&publish(64 * 1024)).await,
        r#"{"id":3,"publish":{}}"#
    );
    let reply = alice.ask(&publish(64 * 1024 + 1)).await;
    assert!(
        reply.starts_with(r#"{"id":3,"error":{"code":107,"#),
        "{reply}"
    );
}
