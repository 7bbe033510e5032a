//! The list, its lines and its file: what is named, for how long, and what a crash may lose.

mod file;

use serde_json::json;

use super::record::Record;
use super::*;
use crate::identity::testing::{self, NOW};

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn after(seconds: u64) -> UnixSeconds {
    UnixSeconds(NOW.0 + seconds)
}

fn token(id: &str, seconds: u64) -> Revocation {
    Revocation::Token {
        issuer: "main".into(),
        id: id.to_owned(),
        until: Until::Time(after(seconds)),
    }
}

fn tokens(name: &str, issued_before: UnixSeconds, seconds: u64) -> Revocation {
    Revocation::Tokens {
        user: user(name),
        issued_before,
        until: Until::Time(after(seconds)),
    }
}

fn block(name: &str, until: Until) -> Revocation {
    let user = user(name);
    Revocation::Block { user, until }
}

fn unblock(name: &str) -> Revocation {
    Revocation::Unblock { user: user(name) }
}

async fn list_of(revocations: &[Revocation]) -> Revocations {
    let list = Revocations::default();
    for revocation in revocations {
        list.take(revocation, NOW)
            .await
            .unwrap()
            .saved()
            .await
            .unwrap();
    }
    list
}

/// The identity of a user, with this `jti` and this `iat`.
fn identity(name: &str, id: &str, issued: u64) -> Identity {
    testing::identity(name, json!({"jti": id, "iat": issued}))
}

#[tokio::test]
async fn live_3_a_token_is_named_by_its_id_and_its_issuer_alone() {
    let list = list_of(&[token("a", 60)]).await;
    let named = identity("alice", "a", NOW.0);
    assert_eq!(list.check(&named, NOW), Err(Revoked::Token));
    assert!(token("a", 60).names(&named));
    // Another user with the same id is the same token for its issuer: ids are unique there.
    assert!(list.check(&identity("bob", "a", NOW.0), NOW).is_err());
    for other in ["A", "aa", "", "a "] {
        let other = identity("alice", other, NOW.0);
        assert_eq!(list.check(&other, NOW), Ok(()));
        assert!(!token("a", 60).names(&other));
    }
    let without = testing::identity("alice", json!({}));
    assert_eq!(list.check(&without, NOW), Ok(()));
    // A `jti` is that of its issuer.
    let elsewhere = Revocation::Token {
        issuer: "partner".into(),
        id: "a".to_owned(),
        until: Until::Forever,
    };
    let list = list_of(std::slice::from_ref(&elsewhere)).await;
    assert_eq!(list.check(&named, NOW), Ok(()));
    assert!(!elsewhere.names(&named));
}

#[tokio::test]
async fn live_3_tokens_of_a_user_are_named_by_when_they_were_issued() {
    let cut = tokens("alice", NOW, 60);
    let list = list_of(std::slice::from_ref(&cut)).await;
    for (issued, is_named) in [(NOW.0 - 1, true), (NOW.0, false), (NOW.0 + 1, false)] {
        let alice = identity("alice", "x", issued);
        assert_eq!(list.check(&alice, NOW).is_err(), is_named, "{issued}");
        assert_eq!(cut.names(&alice), is_named, "{issued}");
        let bob = identity("bob", "x", issued);
        assert_eq!(list.check(&bob, NOW), Ok(()));
        assert!(!cut.names(&bob));
    }
    // LIVE-6: ids are compared as bytes.
    let capital = identity("Alice", "x", NOW.0 - 1);
    assert_eq!(list.check(&capital, NOW), Ok(()));
}

#[tokio::test]
async fn live_3_an_earlier_cut_does_not_take_a_later_one_back() {
    let list = list_of(&[
        tokens("alice", after(0), 60),
        tokens("alice", UnixSeconds(7), 90),
    ])
    .await;
    assert!(list.check(&identity("alice", "x", NOW.0 - 1), NOW).is_err());
    assert_eq!(list.len(), 1);
}

#[tokio::test]
async fn live_3_a_blocked_user_comes_back_when_it_is_taken_back_or_over() {
    let alice = identity("alice", "x", NOW.0);
    let list = list_of(&[block("alice", Until::Time(after(60)))]).await;
    assert_eq!(list.check(&alice, NOW), Err(Revoked::User));
    assert_eq!(list.check(&alice, after(59)), Err(Revoked::User));
    assert_eq!(list.check(&alice, after(60)), Ok(()));

    let list = list_of(&[block("alice", Until::Forever), unblock("alice")]).await;
    assert_eq!(list.check(&alice, NOW), Ok(()));
    assert!(list.is_empty());

    // What was said last counts, also where it is shorter.
    let shorter = block("alice", Until::Time(after(10)));
    let list = list_of(&[block("alice", Until::Forever), shorter]).await;
    assert_eq!(list.check(&alice, after(10)), Ok(()));
}

#[tokio::test]
async fn live_3_unblocking_does_not_bring_revoked_tokens_back() {
    let list = list_of(&[token("a", 60), block("alice", Until::Forever)]).await;
    let alice = identity("alice", "a", NOW.0);
    // HTTP-6: a revoked token is told before a blocked user.
    assert_eq!(list.check(&alice, NOW), Err(Revoked::Token));
    let _ = list.take(&unblock("alice"), NOW).await.unwrap();
    assert_eq!(list.check(&alice, NOW), Err(Revoked::Token));
    assert_eq!(list.check(&identity("alice", "b", NOW.0), NOW), Ok(()));
}

#[tokio::test]
async fn live_3_a_full_list_forgets_what_is_over_and_nothing_else() {
    let list = Revocations {
        max_entries: 3,
        ..Revocations::default()
    };
    let take = async |revocation: Revocation, now| list.take(&revocation, now).await.map(drop);
    take(token("a", 10), NOW).await.unwrap();
    take(block("bob", Until::Forever), NOW).await.unwrap();
    take(tokens("carol", NOW, 60), NOW).await.unwrap();
    assert_eq!(take(token("b", 60), NOW).await, Err(NotTaken::Full));
    // What needs no room is taken: another end, another cut, the end of a block.
    take(token("a", 20), NOW).await.unwrap();
    take(tokens("carol", after(1), 90), NOW).await.unwrap();
    assert_eq!(take(token("b", 60), after(19)).await, Err(NotTaken::Full));
    take(token("b", 60), after(20)).await.unwrap();
    assert_eq!(list.len(), 3);
    assert!(list.check(&identity("bob", "x", NOW.0), after(20)).is_err());
    take(unblock("bob"), after(20)).await.unwrap();
    list.sweep(after(60));
    assert_eq!(list.len(), 1, "carol's");
    list.sweep(after(90));
    assert!(list.is_empty());
}

#[test]
fn a_line_says_what_it_was_made_of_and_any_change_of_it_nothing() {
    let all = [
        token("a", 60),
        tokens("alice", NOW, 60),
        block("urn:x:1", Until::Forever),
        block("bob", Until::Time(NOW)),
        unblock("\"quoted\\"),
    ];
    for revocation in &all {
        let record = Record::from(revocation);
        let line = record.line();
        let line = line.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n') && line.len() < 300, "{line}");
        assert_eq!(Record::parse(line).as_ref(), Some(&record));
        for at in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Record::parse(&changed), None, "{changed}");
            assert_eq!(Record::parse(&line[..at]), None);
        }
    }
    // No token id stands in the file.
    let line = Record::from(&token("a-token-id", 60)).line();
    assert!(!line.contains("a-token-id"), "{line}");
}
