//! Revocation meets the session: nobody slips through between the door and the sessions, and whoever
//! is named hears nothing more (LIVE-3).

use super::*;
use crate::identity::revocations::{Revocation, Revoked, Until};

const SECOND: Duration = Duration::from_secs(1);

fn block(user: &str) -> Revocation {
    Revocation::Block {
        user: UserId::parse(user).unwrap(),
        until: Until::Forever,
    }
}

fn token(id: &str) -> Revocation {
    Revocation::Token {
        issuer: "main".into(),
        id: id.to_owned(),
        until: Until::Forever,
    }
}

/// What the server API does: the list first, then the connections. How many it ended.
async fn revoke(sessions: &Sessions, revocation: &Revocation) -> usize {
    let reason = match revocation {
        Revocation::Block { .. } => Revoked::User,
        _ => Revoked::Token,
    };
    let revocations = door(sessions).revocations.clone();
    let _ = revocations.take(revocation, NOW).await.unwrap();
    let farewell = Farewell::from(Disconnect::from(reason));
    let names = |identity: &Identity, _: &str| revocation.names(identity);
    sessions
        .end_matching(revocation.user(), &farewell, names)
        .await
}

impl super::Peer {
    fn on(pipe: DuplexStream) -> Peer {
        let messages = VecDeque::new();
        Peer { pipe, messages }
    }

    /// Sends a command that a short frame does not hold.
    async fn send_long(&mut self, command: &Value) {
        let text = command.to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.pipe.write_all(&frame).await.unwrap();
    }

    /// The next frame, which must be the close frame.
    async fn close_at_once(&mut self) -> (u16, String) {
        let (opcode, payload) = self.frame().await;
        assert_eq!(opcode, 8, "{}", String::from_utf8_lossy(&payload));
        let code = u16::from_be_bytes([payload[0], payload[1]]);
        (code, String::from_utf8(payload[2..].to_vec()).unwrap())
    }
}

fn identity(user: &str, id: &str) -> Identity {
    testing::identity(user, json!({ "jti": id }))
}

fn door(sessions: &Sessions) -> Arc<Door> {
    sessions.terms().door.clone()
}

fn a_node() -> Sessions {
    let clock = Clock::manual(NOW);
    node(memory(&clock), clock, SETTINGS)
}

// The connection has a good token and a place, and is not registered: the revocation does not find
// it, so it has to find the revocation, before anything of what it sent is looked at.
#[tokio::test]
async fn live_3_revoked_between_the_door_and_the_session() {
    for (revocation, code, reason) in [
        (token("id"), 3500, "token revoked"),
        (block("alice"), 3507, "user blocked"),
    ] {
        let sessions = a_node();
        let alice = identity("alice", "id");
        let door = door(&sessions);
        assert_eq!(door.revocations.check(&alice, NOW), Ok(()));
        let conversation = Conversation::Protocol(Format::Json);
        let reservation = sessions.admit(alice, facts(), conversation).await.unwrap();
        assert_eq!(revoke(&sessions, &revocation).await, 0);

        let (pipe, wire) = duplex(1 << 16);
        let mut peer = Peer::on(pipe);
        let mut early = vec![0x81, 0x80 | 23, 0, 0, 0, 0];
        early.extend_from_slice(br#"{"id":1,"connect":{}}  "#);
        reservation
            .start(|| Ok(Box::new(Pipe::new(wire))), early.into())
            .unwrap();
        assert_eq!(peer.close_at_once().await, (code, reason.to_owned()));
        let mut rest = Vec::new();
        peer.pipe.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        assert_eq!(sessions.node.metrics.connections.get(), 0);
    }
}

#[tokio::test]
async fn live_3_a_revocation_ends_those_that_it_names_and_no_others() {
    let sessions = a_node();
    let mut alice = Vec::new();
    for id in ["a", "b", "c"] {
        alice.push(Peer::connected(&sessions, identity("alice", id)).await);
    }
    let mut bob = Peer::connected(&sessions, identity("bob", "d")).await;
    assert_eq!(revoke(&sessions, &token("b")).await, 1);
    assert_eq!(alice[1].close_at_once().await.0, 3500);
    // Once more: it is gone, and nobody else has that token.
    assert_eq!(revoke(&sessions, &token("b")).await, 0);
    assert_eq!(revoke(&sessions, &block("alice")).await, 2);
    for tab in [0, 2] {
        assert_eq!(alice[tab].close_at_once().await.0, 3507);
    }
    bob.send(&json!({"id": 2, "presence_stats": {"channel": "chat:a"}}))
        .await;
    assert_eq!(bob.message().await["id"], 2);
}

// A newer token takes the place of the first: it is the one by which the connection is here.
#[tokio::test]
async fn live_3_after_a_newer_token_the_older_one_names_the_connection_no_more() {
    let sessions = a_node();
    let mut alice = Peer::open(&sessions, identity("alice", "old")).await;
    let newer = TestIssuer::new(Algorithm::HS256);
    let mut claims = testing::good_claims();
    claims["jti"] = json!("new");
    claims["exp"] = json!(NOW.0 + 7200);
    let connect = json!({"id": 1, "connect": {"token": newer.sign(&claims)}});
    alice.send_long(&connect).await;
    assert!(alice.message().await["connect"].is_object());
    assert_eq!(revoke(&sessions, &token("old")).await, 0);
    assert_eq!(revoke(&sessions, &token("new")).await, 1);
    assert_eq!(alice.close_at_once().await.0, 3500);
}

#[tokio::test]
async fn live_3_a_revoked_token_in_the_connect_command_ends_it() {
    for (revocation, code) in [(token("new"), 3500), (block("alice"), 3507)] {
        let sessions = a_node();
        let newer = TestIssuer::new(Algorithm::HS256);
        let mut claims = testing::good_claims();
        claims["jti"] = json!("new");
        claims["exp"] = json!(NOW.0 + 7200);
        let mut alice = Peer::open(&sessions, identity("alice", "old")).await;
        let revocations = door(&sessions).revocations.clone();
        let _ = revocations.take(&revocation, NOW).await.unwrap();
        let connect = json!({"id": 1, "connect": {"token": newer.sign(&claims)}});
        alice.send_long(&connect).await;
        assert_eq!(alice.close_at_once().await.0, code);
    }
}

// Who does not read, or does not answer the close frame, is gone within a second all the same, and
// gets nothing of what waited.
#[tokio::test(start_paused = true)]
async fn live_3_a_slow_reader_is_gone_within_a_second() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock, SETTINGS);
    let (pipe, wire) = duplex(4096);
    let admitted = sessions.admit(
        identity("alice", "a"),
        facts(),
        Conversation::Protocol(Format::Json),
    );
    let reservation = admitted.await.unwrap();
    reservation
        .start(|| Ok(Box::new(Pipe::new(wire))), Bytes::new())
        .unwrap();
    let mut alice = Peer::on(pipe);
    alice.send(&json!({"id": 1, "connect": {}})).await;
    assert!(alice.message().await["connect"].is_object());
    alice
        .send(&json!({"id": 2, "subscribe": {"channel": "chat:a"}}))
        .await;
    assert!(alice.message().await["subscribe"].is_object());
    let channel = ChannelName::parse("chat:a").unwrap();
    let data = Payload::parse(format!("{:?}", "x".repeat(4000)).as_bytes()).unwrap();
    for _ in 0..50 {
        let engine = &sessions.node.engine;
        engine
            .publish(&channel, data.clone(), None, None)
            .await
            .unwrap();
    }
    let began = Instant::now();
    assert_eq!(revoke(&sessions, &token("a")).await, 1);
    while sessions.node.metrics.connections.get() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    let mut rest = Vec::new();
    alice.pipe.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 3 * 4096, "{} bytes", rest.len());
}

#[tokio::test(start_paused = true)]
async fn live_3_a_peer_that_does_not_answer_the_close_is_gone_within_a_second() {
    let sessions = a_node();
    let mut alice = Peer::connected(&sessions, identity("alice", "a")).await;
    let began = Instant::now();
    assert_eq!(revoke(&sessions, &block("alice")).await, 1);
    assert_eq!(alice.close_at_once().await.0, 3507);
    let mut rest = Vec::new();
    alice.pipe.read_to_end(&mut rest).await.unwrap();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

// Many admissions, each with its revocation at the same moment, on several threads: whichever way
// they meet, nobody is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn live_3_under_stress_nobody_slips_through() {
    const USERS: usize = 1500;
    let sessions = a_node();
    let (mut by_door, mut by_list, mut by_session) = (0, 0, 0);
    for round in 0..USERS / 50 {
        let users = round * 50..(round + 1) * 50;
        let pairs = users.map(|user| {
            let (entering, leaving) = (sessions.clone(), sessions.clone());
            let enter = tokio::spawn(async move {
                let alice = identity(&format!("user{user}"), &format!("id{user}"));
                if door(&entering).revocations.check(&alice, NOW).is_err() {
                    return None;
                }
                for _ in 0..user % 3 {
                    tokio::task::yield_now().await;
                }
                Some(Peer::open(&entering, alice).await)
            });
            let leave = tokio::spawn(async move {
                for _ in 0..user % 5 {
                    tokio::task::yield_now().await;
                }
                let revocation = match user % 2 {
                    0 => token(&format!("id{user}")),
                    _ => block(&format!("user{user}")),
                };
                revoke(&leaving, &revocation).await
            });
            async move { (enter.await.unwrap(), leave.await.unwrap()) }
        });
        for (entered, ended) in futures_util::future::join_all(pairs).await {
            let Some(mut peer) = entered else {
                assert_eq!(ended, 0);
                by_door += 1;
                continue;
            };
            let (code, _) = peer.close_at_once().await;
            assert!([3500, 3507].contains(&code));
            match ended {
                0 => by_list += 1,
                _ => by_session += 1,
            }
        }
    }
    assert_eq!(by_door + by_list + by_session, USERS);
    let gone = async {
        while sessions.node.metrics.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone)
        .await
        .unwrap();
}
