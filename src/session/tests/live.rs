//! A connection for as long as its identity is true, and what it hears for as long as it may.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::limits::CLOCK_INTERVAL;

const WITHDRAWN: (u16, &str) = (2100, "permission withdrawn");

/// A token of the issuer that [`terms`] know.
pub(super) fn token(user: &str, claims: Value) -> String {
    let mut all = testing::good_claims();
    all["sub"] = json!(user);
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    TestIssuer::new(Algorithm::HS256).sign(&all)
}

pub(super) fn house() -> (Clock, Sessions) {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    (clock, sessions)
}

/// With the task that watches the clocks.
fn watched() -> (Clock, Sessions) {
    let (clock, sessions) = house();
    let watch = sessions.clone();
    tokio::spawn(async move { watch.watch_clock(CancellationToken::new()).await });
    (clock, sessions)
}

pub(super) async fn member(
    sessions: &Sessions,
    user: &str,
    claims: Value,
    channels: &[&str],
) -> Peer {
    let mut peer = Peer::connected(sessions, testing::identity(user, claims)).await;
    for channel in channels {
        let (reply, _) = peer.ask("subscribe", json!({"channel": channel})).await;
        assert!(reply["subscribe"].is_object(), "{reply}");
    }
    peer
}

fn is_withdrawn(push: &Value, channel: &str) -> bool {
    let (code, reason) = WITHDRAWN;
    *push == json!({"push": {"channel": channel, "unsubscribe": {"code": code, "reason": reason}}})
}

async fn publish(sessions: &Sessions, channel: &str, data: &str) {
    let channel = ChannelName::parse(channel).unwrap();
    let data = Payload::parse(data.as_bytes()).unwrap();
    let published = sessions.node.engine.publish(&channel, data, None, None);
    published.await.unwrap();
}

// LIVE-1: in the grace it hears but does nothing new, then 3005, which comes back.
#[tokio::test(start_paused = true)]
async fn live_1_an_identity_ends_25_seconds_after_exp() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let identity = testing::identity("alice", json!({"exp": NOW.0 + 60}));
    let mut alice = Peer::connected(&sessions, identity).await;
    alice
        .send(&json!({"id": 2, "subscribe": {"channel": "chat:a"}}))
        .await;
    assert!(alice.message().await["subscribe"].is_object());

    clock.advance(Duration::from_secs(60));
    for command in ["subscribe", "publish"] {
        alice
            .send(&json!({"id": 3, command: {"channel": "chat:b", "data": 1}}))
            .await;
        let error = alice.message().await["error"].clone();
        assert_eq!(
            error,
            json!({"code": 110, "message": "expired", "temporary": true})
        );
    }
    let mut bob = Peer::connected(&sessions, testing::identity("bob", json!({}))).await;
    bob.send(&json!({"id": 2, "publish": {"channel": "chat:a", "data": "late"}}))
        .await;
    assert_eq!(alice.message().await["push"]["pub"]["data"], "late");

    let began = Instant::now();
    assert_eq!(alice.close_code(true).await, 3005);
    assert_eq!(began.elapsed().as_secs(), 60 + 25);
}

// LIVE-1: who reads a little now and then, with much still to be answered, stays no longer.
#[tokio::test(start_paused = true)]
async fn live_1_a_slow_reader_does_not_put_off_its_end() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut bob = Peer::connected(&sessions, testing::identity("bob", json!({}))).await;
    let channel = ChannelName::parse("chat:a").unwrap();
    let data = Payload::parse(format!("{:?}", "x".repeat(4000)).as_bytes()).unwrap();
    let limits = Some(HistoryLimits {
        size: 100,
        ttl: Duration::from_secs(3600),
    });
    for _ in 0..60 {
        sessions
            .node
            .engine
            .publish(&channel, data.clone(), None, limits)
            .await
            .unwrap();
    }
    let history = json!({"id": 2, "history": {"channel": "chat:a", "limit": -1}});
    bob.send(&history).await;
    assert_eq!(bob.frame().await.0, 1);

    let identity = testing::identity("alice", json!({"exp": NOW.0 + 60}));
    let mut alice = Peer::connected(&sessions, identity).await;
    let began = Instant::now();
    // Some 10 MB of answers, of which she reads 20 KB a second: that would take eight minutes.
    for _ in 0..40 {
        alice.send(&history).await;
    }
    let mut piece = [0; 2048];
    while alice.pipe.read(&mut piece).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let lived = began.elapsed().as_secs();
    let most = 60 + 25 + 10 + 10;
    assert!((60 + 25..=most).contains(&lived), "{lived} s");
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_read_the_time_is_taken_again() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock.clone(), SETTINGS);
    let mut alice = Peer::connected(&sessions, testing::identity("alice", json!({}))).await;
    alice
        .send(&json!({"id": 2, "subscribe": {"channel": "early:bird"}}))
        .await;
    assert!(alice.message().await["subscribe"].is_object());
    clock.advance(Duration::from_secs(120));
    let withdrawn = json!({"code": 2100, "reason": "permission withdrawn"});
    assert_eq!(alice.message().await["push"]["unsubscribe"], withdrawn);
    alice
        .send(&json!({"id": 3, "subscribe": {"channel": "early:bird"}}))
        .await;
    assert_eq!(alice.message().await["error"]["code"], 103);
}

// LIVE-1: while the machine slept, or its clock was behind, the deadlines stood still. Nobody stays.
#[tokio::test(start_paused = true)]
async fn live_1_a_machine_that_slept_lets_nobody_stay() {
    let (clock, sessions) = watched();
    let lives = |seconds: u64| json!({"exp": NOW.0 + seconds});
    let mut alice = member(&sessions, "alice", lives(1800), &["chat:a"]).await;
    let mut bob = member(&sessions, "bob", lives(7200), &[]).await;
    let (pipe, wire) = duplex(1 << 16);
    let identity = testing::identity("carol", lives(1800));
    let admitted = sessions.admit(identity, facts(), Conversation::Echo).await;
    let reservation = admitted.unwrap();
    reservation
        .start(|| Ok(Box::new(Pipe::new(wire))), Bytes::new())
        .unwrap();
    let mut echo = Peer::at(pipe);

    let began = Instant::now();
    clock.advance(Duration::from_secs(3600));
    // At once for what it does, and for what it hears as soon as it is noticed.
    let (refused, _) = alice.ask("subscribe", json!({"channel": "chat:b"})).await;
    assert_eq!(refused["error"]["code"], 110);
    assert_eq!(alice.close_code(true).await, 3005);
    assert_eq!(echo.close_code(true).await, 3005);
    // The grace is over too: the token expired half an hour ago.
    let lived = began.elapsed();
    assert!(lived.as_secs() <= CLOCK_INTERVAL.as_secs(), "{lived:?}");

    assert_eq!(bob.close_code(true).await, 3005);
    let lived = began.elapsed().as_secs();
    // The clock of the test stands still until it is noticed, so that much later.
    let most = 3600 + 25 + CLOCK_INTERVAL.as_secs();
    assert!(lived <= most, "bob's end moved with the clock: {lived} s");
    assert!(lived >= 3600, "{lived} s");
}

// LIVE-1: a clock that is set back makes no token live longer.
#[tokio::test(start_paused = true)]
async fn live_1_a_clock_that_is_set_back_extends_nothing() {
    let (clock, sessions) = watched();
    let exp = json!({"exp": NOW.0 + 600});
    let mut alice = member(&sessions, "alice", exp, &["chat:a"]).await;
    let began = Instant::now();
    clock.set_back(Duration::from_secs(3600));
    assert_eq!(alice.close_code(true).await, 3005);
    assert_eq!(began.elapsed().as_secs(), 600 + 25);
}

// LIVE-1, LIVE-2: the newer token ends the grace, and its own end counts.
#[tokio::test(start_paused = true)]
async fn live_2_a_refresh_in_the_grace_heals() {
    let (clock, sessions) = house();
    let exp = json!({"exp": NOW.0 + 60});
    let mut alice = member(&sessions, "alice", exp, &["chat:a"]).await;
    let began = Instant::now();
    let pass = async |seconds| {
        clock.advance(Duration::from_secs(seconds));
        tokio::time::advance(Duration::from_secs(seconds)).await;
    };
    pass(70).await;
    let wish = json!({"channel": "chat:b"});
    let (refused, _) = alice.ask("subscribe", wish.clone()).await;
    assert_eq!(refused["error"]["code"], 110);

    let newer = token("alice", json!({"iat": NOW.0 + 70, "exp": NOW.0 + 370}));
    let (reply, _) = alice.ask("refresh", json!({"token": newer})).await;
    let result = &reply["refresh"];
    assert_eq!(result["expires"], true);
    assert_eq!(result["ttl"], 300 - 30, "{reply}");
    assert!(alice.ask("subscribe", wish).await.0["subscribe"].is_object());
    assert_eq!(alice.close_code(true).await, 3005);
    assert_eq!(began.elapsed().as_secs(), 370 + 25);
}

// LIVE-2: one in five seconds, however good; a refused one costs nothing but time.
#[tokio::test(start_paused = true)]
async fn live_2_more_than_one_refresh_in_5_seconds_is_111() {
    let (_, sessions) = house();
    let mut alice = member(&sessions, "alice", json!({}), &[]).await;
    let newer = json!({"token": token("alice", json!({}))});
    assert!(alice.ask("refresh", newer.clone()).await.0["refresh"].is_object());
    for _ in 0..3 {
        let (reply, _) = alice.ask("refresh", newer.clone()).await;
        assert_eq!(reply["error"]["code"], 111);
        assert_eq!(reply["error"]["temporary"], true);
    }
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(alice.ask("refresh", newer).await.0["refresh"].is_object());
}

// LIVE-2: never wider in silence. What is lost is told, before the answer.
#[tokio::test]
async fn live_2_a_refresh_to_fewer_rights_ends_what_they_allowed() {
    let (_, sessions) = house();
    let teams = |teams: Value| json!({"teams": teams, "info": {"teams": teams}});
    let channels = ["team:red", "team:blue", "chat:a"];
    let mut alice = member(&sessions, "alice", teams(json!(["red", "blue"])), &channels).await;
    let fewer = token("alice", teams(json!(["blue"])));
    let (reply, before) = alice.ask("refresh", json!({"token": fewer})).await;
    assert!(reply["refresh"].is_object());
    assert_eq!(before.len(), 1, "{before:?}");
    assert!(is_withdrawn(&before[0], "team:red"), "{before:?}");

    for channel in channels {
        publish(&sessions, channel, "1").await;
    }
    for channel in ["team:blue", "chat:a"] {
        let push = alice.message().await;
        assert_eq!(push["push"]["channel"], channel, "{push}");
        assert_eq!(push["push"]["pub"]["data"], 1);
    }
    let (reply, _) = alice.ask("subscribe", json!({"channel": "team:red"})).await;
    assert_eq!(reply["error"]["code"], 103);
    // Others see of her what the newer token says.
    let wish = json!({"channel": "chat:a", "data": 2});
    let (_, heard) = alice.ask("publish", wish).await;
    let shown = &heard[0]["push"]["pub"]["info"]["conn_info"];
    assert_eq!(*shown, json!({"teams": ["blue"]}));
}

// CHAN-5: what was published before the decision is taken again waits for it, and goes out in order
// where it may still be heard; where not, nothing follows the unsubscribe.
#[tokio::test]
async fn chan_5_under_newer_terms_nothing_is_heard_before_it_was_decided_again() {
    let (_, sessions) = house();
    let red = json!({"teams": ["red"]});
    let mut alice = member(&sessions, "alice", red, &["chat:a", "team:red"]).await;
    sessions.node.terms.replace(terms(&["team"], SETTINGS));
    // The task of the connection has no turn meanwhile: nothing here waits.
    for number in ["1", "2", "3"] {
        publish(&sessions, "chat:a", number).await;
        publish(&sessions, "team:red", number).await;
    }
    let mut heard = Vec::new();
    let mut withdrawn = 0;
    while heard.len() < 3 {
        let message = alice.message().await;
        match message["push"]["pub"]["data"].as_u64() {
            Some(number) => {
                assert_eq!(message["push"]["channel"], "team:red");
                heard.push(number);
            }
            None => {
                assert!(is_withdrawn(&message, "chat:a"), "{message}");
                withdrawn += 1;
            }
        }
    }
    assert_eq!(heard, [1, 2, 3]);
    publish(&sessions, "chat:a", "4").await;
    let (_, rest) = alice.ask("rpc", json!({"method": "barrier"})).await;
    withdrawn += rest.len();
    assert_eq!(withdrawn, 1, "{rest:?}");
}

// A node with many connections must not decide for all of them at once; nor may one be forgotten
// because nothing is said to it.
#[tokio::test(start_paused = true)]
async fn chan_5_who_hears_nothing_is_decided_again_over_a_while() {
    let (_, sessions) = house();
    let mut peers = Vec::new();
    for number in 0..130 {
        let user = format!("user-{number}");
        peers.push(member(&sessions, &user, json!({}), &["chat:a"]).await);
    }
    sessions.replace_terms(terms(&["team"], SETTINGS));
    let began = Instant::now();
    let told = peers.iter_mut().map(async |peer| {
        let message = peer.message().await;
        assert!(is_withdrawn(&message, "chat:a"), "{message}");
        began.elapsed().as_secs()
    });
    let window = Duration::from_secs(9);
    let (mut told, ()) = tokio::join!(
        futures_util::future::join_all(told),
        sessions.decide_again(window)
    );
    told.sort_unstable();
    let at = |second| told.iter().filter(|told| **told == second).count();
    assert_eq!([at(0), at(3), at(6)], [64, 64, 2], "{told:?}");
}
