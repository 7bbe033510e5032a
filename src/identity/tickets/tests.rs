//! TICKET-1, without a network: the clock is an argument, and a store can be looked into.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Barrier;

use super::*;
use crate::identity::testing::{NOW, TestIssuer, good_claims, verify_by, with};
use crate::identity::{Algorithm, IssuerSettings};
use crate::limits::{TICKET_BYTES as STORE_BYTES, TICKET_LIFE, TICKETS, TICKETS_OF_A_USER};
use crate::policy::{DeclaredClaims, UserId};

const APP: &str = "https://app.example.com";

/// Somebody with a token, and the gateway's side.
struct Scene {
    tickets: Tickets,
    verifier: Verifier,
    token: Token,
}

impl Scene {
    fn new() -> Scene {
        Scene::of(Tickets::in_memory(), &good_claims(), |_| {})
    }

    fn of(
        tickets: Tickets,
        claims: &serde_json::Value,
        change: impl FnOnce(&mut IssuerSettings),
    ) -> Scene {
        let issuer = TestIssuer::new(Algorithm::HS256);
        let mut settings = issuer.settings();
        change(&mut settings);
        let declared = DeclaredClaims::default().read_as_a_whole();
        Scene {
            tickets,
            verifier: Verifier::new(vec![settings], declared).unwrap(),
            token: Token::parse(&issuer.sign(claims)).unwrap(),
        }
    }

    fn identity(&self) -> Identity {
        verify_by(&self.verifier, &self.token, NOW).unwrap()
    }

    async fn issue_at(&self, origin: Option<&str>, now: UnixSeconds) -> Result<Ticket, Refusal> {
        let origin = origin.map(str::to_owned);
        self.tickets
            .issue(&self.token, &self.identity(), origin, now)
            .await
    }

    async fn issue(&self) -> Ticket {
        self.issue_at(Some(APP), NOW).await.unwrap()
    }

    async fn redeem_at(
        &self,
        ticket: &Ticket,
        origin: Option<&str>,
        now: UnixSeconds,
    ) -> Result<Identity, Refusal> {
        self.tickets
            .redeem(ticket, origin, &self.verifier, now)
            .await
    }

    async fn redeem(&self, ticket: &Ticket) -> Result<Identity, Refusal> {
        self.redeem_at(ticket, Some(APP), NOW).await
    }
}

fn after(seconds: u64) -> UnixSeconds {
    UnixSeconds(NOW.0 + seconds)
}

fn fault<T>(result: Result<T, Refusal>) -> Option<Refusal> {
    result.err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_1_of_two_at_the_same_instant_exactly_one_wins() {
    let scene = Arc::new(Scene::new());
    for _ in 0..1000 {
        let (ticket, start) = (scene.issue().await, Arc::new(Barrier::new(2)));
        let both = [0, 1].map(|_| {
            let (scene, ticket, start) = (scene.clone(), ticket.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                scene.redeem(&ticket).await
            })
        });
        let mut wins = 0;
        for task in both {
            match task.await.unwrap() {
                Ok(identity) => {
                    assert_eq!(identity.user().as_str(), "alice");
                    wins += 1;
                }
                Err(refusal) => assert_eq!(refusal, Refusal::TicketInvalid),
            }
        }
        assert_eq!(wins, 1);
    }
}

#[tokio::test]
async fn ticket_1_it_lives_30_seconds() {
    let scene = Scene::new();
    let (first, second) = (scene.issue().await, scene.issue().await);
    let at_the_end = scene.redeem_at(&first, Some(APP), after(30)).await;
    assert!(at_the_end.is_ok());
    let too_late = scene.redeem_at(&second, Some(APP), after(31)).await;
    assert_eq!(fault(too_late), Some(Refusal::TicketInvalid));
    assert!(format!("{:?}", scene.tickets).contains("live: 0"));
}

#[tokio::test]
async fn ticket_1_it_is_for_the_page_that_asked_and_used_up_by_any_other() {
    let scene = Scene::new();
    let other = Some("https://other.example.com");
    for (asked, presented) in [(Some(APP), other), (Some(APP), None), (None, Some(APP))] {
        let ticket = scene.issue_at(asked, NOW).await.unwrap();
        let elsewhere = scene.redeem_at(&ticket, presented, NOW).await;
        assert_eq!(fault(elsewhere), Some(Refusal::TicketOfAnotherOrigin));
        let too_late = scene.redeem_at(&ticket, asked, NOW).await;
        assert_eq!(fault(too_late), Some(Refusal::TicketInvalid));
    }
    let ticket = scene.issue_at(None, NOW).await.unwrap();
    assert!(scene.redeem_at(&ticket, None, NOW).await.is_ok());
}

#[tokio::test]
async fn ticket_1_the_tokens_own_end_holds() {
    let claims = with("exp", json!(NOW.0 + 10));
    let scene = Scene::of(Tickets::in_memory(), &claims, |_| {});
    let (first, second) = (scene.issue().await, scene.issue().await);
    let identity = scene.redeem_at(&first, Some(APP), after(9)).await.unwrap();
    assert_eq!(identity.expires_at(), after(10));
    let expired = scene.redeem_at(&second, Some(APP), after(10)).await;
    assert_eq!(fault(expired), Some(Refusal::TokenExpired));
}

#[tokio::test]
async fn ticket_1_it_gives_the_very_identity_that_the_token_proves() {
    let mut claims = with("jti", json!("id"));
    claims["info"] = json!({"name": "Alice \u{1f600}"});
    claims["teams"] = json!(["red"]);
    let scene = Scene::of(Tickets::in_memory(), &claims, |settings| {
        settings.user_prefix = Some("main/".to_owned());
    });
    let identity = scene.redeem(&scene.issue().await).await.unwrap();
    let proven = scene.identity();
    assert_eq!(identity.user().as_str(), "main/alice");
    assert_eq!(identity.user(), proven.user());
    assert_eq!(identity.issuer(), proven.issuer());
    assert_eq!(identity.token_id(), Some("id"));
    assert_eq!(identity.issued_at(), proven.issued_at());
    assert_eq!(identity.expires_at(), proven.expires_at());
    let text = |identity: &Identity| identity.info().map(|info| info.as_bytes().to_vec());
    assert_eq!(text(&identity), text(&proven));
    assert!(text(&identity).is_some());
    assert!(identity.claims().has("teams", &json!(["red"])));
    assert!(identity.claims().has("sub", &json!("main/alice")));
}

#[tokio::test]
async fn ticket_1_a_user_has_ten_that_are_live() {
    let scene = Scene::new();
    let mut tickets = Vec::new();
    for number in 0..TICKETS_OF_A_USER as u64 {
        tickets.push(scene.issue_at(Some(APP), after(number)).await.unwrap());
    }
    let one_more = scene.issue_at(Some(APP), after(20)).await;
    // The first of them was given out at 0, and is good for 30 seconds and the one that has begun.
    let retry_after = Duration::from_secs(11);
    assert_eq!(
        fault(one_more),
        Some(Refusal::TooManyTickets { retry_after })
    );
    let bob = Scene::of(scene.tickets.clone(), &with("sub", json!("bob")), |_| {});
    assert!(bob.issue_at(Some(APP), after(20)).await.is_ok());
    // One that is used, or too old, makes room.
    let last = tickets.pop().unwrap();
    assert!(
        scene
            .redeem_at(&last, Some("https://x.example"), after(20))
            .await
            .is_err()
    );
    assert!(scene.issue_at(Some(APP), after(20)).await.is_ok());
    assert!(scene.issue_at(Some(APP), after(20)).await.is_err());
    assert!(scene.issue_at(Some(APP), after(31)).await.is_ok());
}

#[tokio::test]
async fn ticket_1_the_store_is_bounded_in_number_and_in_bytes() {
    let store = MemoryTickets::default();
    for number in 0..TICKETS {
        put(&store, number, number, 8, NOW).await.unwrap();
        // Those that were used count until they would have ended.
        store.take(&key(number), NOW).await.unwrap().unwrap();
    }
    let one_more = put(&store, TICKETS, 0, 0, after(1)).await;
    let retry_after = TICKET_LIFE;
    assert_eq!(fault(one_more), Some(Refusal::TicketsFull { retry_after }));
    assert!(put(&store, TICKETS, 0, 0, after(31)).await.is_ok());

    let store = MemoryTickets::default();
    let large = STORE_BYTES / 4;
    for number in 0..4 {
        put(&store, number, number, large, NOW).await.unwrap();
    }
    let one_more = put(&store, 4, 4, 1, NOW).await;
    assert!(matches!(one_more, Err(Refusal::TicketsFull { .. })));
    store.take(&key(0), NOW).await.unwrap().unwrap();
    assert!(put(&store, 4, 4, large, NOW).await.is_ok());
}

fn key(number: usize) -> TicketKey {
    TicketKey(Sha256::digest(number.to_be_bytes()).into())
}

/// Keeps so many bytes for the ticket of this number.
async fn put(
    store: &MemoryTickets,
    number: usize,
    user: usize,
    bytes: usize,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    let user = UserId::parse(&format!("user-{user}")).unwrap();
    let kept = vec![0; bytes].into_boxed_slice();
    store.put(key(number), &user, kept, now).await
}

/// A store that shows what it is given.
#[derive(Debug, Default)]
struct Glass(Mutex<Vec<(TicketKey, Vec<u8>)>>);

#[async_trait]
impl TicketStore for Arc<Glass> {
    async fn put(
        &self,
        key: TicketKey,
        _: &UserId,
        kept: Box<[u8]>,
        _: UnixSeconds,
    ) -> Result<(), Refusal> {
        self.0.lock().push((key, kept.into()));
        Ok(())
    }

    async fn take(&self, key: &TicketKey, _: UnixSeconds) -> Result<Option<Box<[u8]>>, Refusal> {
        let kept = self.0.lock();
        let found = kept.iter().find(|(known, _)| known == key);
        Ok(found.map(|(_, kept)| kept.as_slice().into()))
    }
}

#[tokio::test]
async fn ticket_1_a_dump_of_the_store_is_no_list_of_tickets_or_tokens() {
    let glass = Arc::new(Glass::default());
    let scene = Scene::of(Tickets(Arc::new(glass.clone())), &good_claims(), |_| {});
    let ticket = scene.issue().await;
    let (key, kept) = glass.0.lock().pop().unwrap();
    assert_eq!(key.0, *Sha256::digest(ticket.expose()));
    let kept = String::from_utf8(kept).unwrap();
    assert!(!kept.contains(ticket.expose()), "{kept}");
    let signature = scene.token.expose().rsplit('.').next().unwrap();
    assert!(!kept.contains(signature), "{kept}");
    let printed = format!("{ticket:?}{:?}{key:?}", scene.tickets);
    assert!(!printed.contains(ticket.expose()), "{printed}");
}

#[tokio::test]
async fn ticket_1_what_a_store_gives_back_is_judged() {
    let glass = Arc::new(Glass::default());
    let scene = Scene::of(Tickets(Arc::new(glass.clone())), &good_claims(), |_| {});
    let ticket = scene.issue().await;
    let good = String::from_utf8(glass.0.lock()[0].1.clone()).unwrap();
    for (kept, refusal) in [
        (String::new(), Refusal::TicketInvalid),
        ("{}".to_owned(), Refusal::TicketInvalid),
        (
            good.replace(r#""issuer":"main""#, r#""issuer":"gone""#),
            Refusal::TokenIssuerUnknown,
        ),
        (
            good.replace(r#""sub":"alice""#, r#""sub":"a,b""#),
            Refusal::TokenUserUnusable,
        ),
        (
            good.replace(r#""aud":"gatepost""#, r#""aud":"other""#),
            Refusal::TokenAudienceWrong,
        ),
    ] {
        assert_ne!(kept, good);
        glass.0.lock()[0].1 = kept.clone().into_bytes();
        assert_eq!(fault(scene.redeem(&ticket).await), Some(refusal), "{kept}");
    }
}

#[test]
fn ticket_1_a_ticket_is_256_random_bits_in_base64url() {
    let (one, other) = (Ticket::random(), Ticket::random());
    assert_ne!(one.expose(), other.expose());
    assert_eq!(one.expose().len(), 43);
    assert_eq!(Ticket::parse(one.expose()).unwrap().key(), one.key());
    let cut = &one.expose()[1..];
    for bad in ["", "x", cut, &format!("{}=", one.expose()), "é"] {
        assert_eq!(fault(Ticket::parse(bad)), Some(Refusal::TicketInvalid));
    }
}
