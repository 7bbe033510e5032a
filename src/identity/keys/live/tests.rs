//! A key set over hours of a clock that the test moves (JWKS-4, JWKS-5).

use std::collections::VecDeque;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::KeysAt;
use super::super::jwks::{self, SetFault};
use super::waiting::{MOST_WAITING, PATIENCE};
use super::*;
use crate::fetch::{FetchFault, Url};
use crate::identity::testing::{ISS, TestIssuer};
use crate::identity::{Audience, KeySource};

const ES256: Algorithm = Algorithm::ES256;
const DOWN: KeysFault = KeysFault::Fetch(FetchFault::TimedOut);

/// An issuer that answers by the test's word, and keeps account of when it was asked.
#[derive(Clone)]
struct Fake(Arc<Mutex<Account>>);

struct Account {
    asked: VecDeque<(Instant, bool)>,
    kids: Vec<&'static str>,
    max_age: Option<Duration>,
    fault: Option<KeysFault>,
    takes: Duration,
    is_same: bool,
}

impl Source for Fake {
    async fn ask(&mut self, afresh: bool) -> Result<Answer, KeysFault> {
        let takes = {
            let mut account = self.0.lock();
            account.asked.push_back((Instant::now(), afresh));
            account.takes
        };
        sleep(takes).await;
        let account = self.0.lock();
        if let Some(fault) = &account.fault {
            return Err(fault.clone());
        }
        let max_age = account.max_age;
        if account.is_same {
            let fetched = Fetched::Same;
            return Ok(Answer { fetched, max_age });
        }
        let named = account
            .kids
            .iter()
            .map(|kid| TestIssuer::new(ES256).named(kid));
        let text = json!({ "keys": named.collect::<Vec<_>>() }).to_string();
        let (keys, remarks) = jwks::parse(text.as_bytes(), &[ES256])?;
        let fetched = Fetched::Set(keys, remarks);
        Ok(Answer { fetched, max_age })
    }
}

impl Fake {
    fn set(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.0.lock());
    }

    fn asked(&self) -> usize {
        self.0.lock().asked.len()
    }

    /// Between the last two times that it was asked.
    fn pause(&self) -> Duration {
        let account = self.0.lock();
        let last = account.asked.len() - 1;
        account.asked[last].0 - account.asked[last - 1].0
    }
}

/// A key set that is being kept, from an issuer with the key `a`.
struct Kept {
    keys: Arc<KeySet>,
    fake: Fake,
    keeper: JoinHandle<()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Kept {
    async fn begin(change: impl FnOnce(&mut Account)) -> Kept {
        let url = Url::configured("https://auth.example.com/jwks", false).unwrap();
        let remote = RemoteKeys::new(KeysAt::Jwks(url));
        let source = KeySource::Remote(remote.clone());
        let issuer = IssuerSettings::new("main", ISS, Audience::Any, vec![ES256], source);
        let mut account = Account {
            asked: VecDeque::new(),
            kids: vec!["a"],
            max_age: None,
            fault: None,
            takes: Duration::from_millis(10),
            is_same: false,
        };
        change(&mut account);
        let keys = KeySet::new(&issuer, remote);
        let fake = Fake(Arc::new(Mutex::new(account)));
        let (kept, source) = (keys.clone(), fake.clone());
        let keeper =
            tokio::spawn(
                async move { kept.keep_from(source, Metrics::new(), &Notify::new()).await },
            );
        // Real signatures are made for the fake's keys, which takes no time of this clock.
        sleep(Duration::from_millis(100)).await;
        Kept { keys, fake, keeper }
    }

    fn has(&self, kid: &str) -> bool {
        let current = self.keys.current();
        current.is_ok_and(|keys| keys.find(Some(kid), ES256).is_ok())
    }

    async fn look_for(&self, kid: &str) -> Result<(), Refusal> {
        self.keys.look_for(Some(kid), ES256).await
    }

    fn state(&self) -> &'static str {
        self.keys.report().state
    }
}

fn is_unavailable(result: Result<(), Refusal>) -> bool {
    matches!(result, Err(Refusal::IssuerKeysUnavailable { retry_after })
        if (1..=40).contains(&retry_after.as_secs()))
}

/// For how long a token is sent away whose key could not be looked for yet.
fn put_off(result: &Result<(), Refusal>) -> Duration {
    match result {
        Err(Refusal::TokenKeyNotYetKnown { retry_after }) => *retry_after,
        _ => panic!("{result:?}"),
    }
}

async fn minutes(number: u64) {
    sleep(Duration::from_secs(60 * number)).await;
}

fn within_a_tenth(found: Duration, wanted: Duration) -> bool {
    let slack = Duration::from_millis(50);
    found >= wanted.mul_f64(0.9) && found <= wanted.mul_f64(1.1) + slack
}

#[tokio::test(start_paused = true)]
async fn jwks_5_keys_are_fetched_in_the_background() {
    let kept = Kept::begin(|_| {}).await;
    assert!(kept.has("a"));
    kept.fake.set(|fake| fake.kids = vec!["b"]);
    minutes(6).await;
    assert_eq!(
        (kept.fake.asked(), kept.has("a"), kept.has("b")),
        (2, false, true)
    );
    assert!(within_a_tenth(kept.fake.pause(), Duration::from_secs(300)));
    assert!(kept.fake.0.lock().asked.iter().all(|(_, afresh)| *afresh));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_max_age_counts_between_a_minute_and_an_hour() {
    for (max_age, wanted) in [(0, 60), (600, 600), (86_400, 3600)] {
        let max_age = Some(Duration::from_secs(max_age));
        let kept = Kept::begin(|fake| fake.max_age = max_age).await;
        sleep(Duration::from_secs(wanted * 3 / 2)).await;
        assert_eq!(kept.fake.asked(), 2);
        let wanted = Duration::from_secs(wanted);
        assert!(within_a_tenth(kept.fake.pause(), wanted), "{wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn jwks_5_no_set_yet_is_no_fault_of_a_token() {
    let kept = Kept::begin(|fake| fake.fault = Some(DOWN)).await;
    assert!(is_unavailable(kept.keys.current().map(|_| ())));
    assert_eq!(
        (kept.state(), kept.keys.is_good_enough()),
        ("waiting", false)
    );
    kept.fake.set(|fake| fake.fault = None);
    minutes(1).await;
    assert!(kept.has("a"));
    assert_eq!((kept.state(), kept.keys.is_good_enough()), ("good", true));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_the_last_good_set_stays_for_a_day_and_not_longer() {
    let kept = Kept::begin(|_| {}).await;
    for fault in [
        DOWN,
        KeysFault::Status(500),
        KeysFault::Set(SetFault::Malformed),
        KeysFault::Set(SetFault::NoKeys),
    ] {
        kept.fake.set(|fake| fake.fault = Some(fault));
        minutes(5 * 60).await;
        assert_eq!((kept.state(), kept.has("a")), ("stale", true));
    }
    minutes(4 * 60).await;
    assert_eq!((kept.state(), kept.has("a")), ("down", false));
    assert!(is_unavailable(kept.keys.current().map(|_| ())));
    assert!(!kept.keys.is_good_enough());
    // The issuer is back, and says that nothing has changed.
    kept.fake
        .set(|fake| (fake.fault, fake.is_same) = (None, true));
    minutes(6).await;
    assert_eq!((kept.state(), kept.has("a")), ("good", true));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_what_is_confirmed_does_not_grow_old() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.is_same = true);
    minutes(3 * 24 * 60).await;
    assert_eq!((kept.state(), kept.has("a")), ("good", true));
    assert!(kept.keys.report().age.unwrap() < Duration::from_secs(400));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_waits_grow_from_a_second_to_five_minutes() {
    let kept = Kept::begin(|fake| fake.fault = Some(DOWN)).await;
    let mut wanted = RETRY_MIN;
    for fetches in 2..14 {
        while kept.fake.asked() < fetches {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(within_a_tenth(kept.fake.pause(), wanted), "{wanted:?}");
        wanted = (wanted * 2).min(RETRY_MAX);
    }
    assert_eq!(wanted, RETRY_MAX);
}

#[tokio::test(start_paused = true)]
async fn jwks_4_all_who_name_a_new_key_wait_for_one_fetch() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| {
        fake.kids = vec!["a", "b"];
        fake.takes = Duration::from_millis(900);
    });
    let looks = (0..500).map(|_| kept.look_for("b"));
    let results = futures_util::future::join_all(looks).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(kept.fake.asked(), 2);
    assert!(
        !kept.fake.0.lock().asked[1].1,
        "discovery is not asked again for a token"
    );
}

#[tokio::test(start_paused = true)]
async fn jwks_4_nobody_waits_longer_than_a_second() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.takes = Duration::from_secs(5));
    let began = Instant::now();
    assert!(is_unavailable(kept.look_for("b").await));
    assert!(began.elapsed() <= PATIENCE + Duration::from_millis(10));
    // The room for those who wait is given back.
    assert_eq!(kept.keys.state.lock().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn jwks_4_more_than_can_wait_are_told_to_come_again() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.kids = vec!["a", "b"]);
    let looks = (0..MOST_WAITING + 100).map(|_| kept.look_for("b"));
    let results = futures_util::future::join_all(looks).await;
    let good = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(good, MOST_WAITING);
    assert!(
        results
            .into_iter()
            .filter(Result::is_err)
            .all(is_unavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn jwks_4_a_key_that_is_nowhere_is_asked_for_once_a_minute() {
    let kept = Kept::begin(|_| {}).await;
    for _ in 0..600 {
        assert_eq!(kept.look_for("x").await, Err(Refusal::TokenKeyUnknown));
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        (2..=3).contains(&kept.fake.asked()),
        "{}",
        kept.fake.asked()
    );
}

#[tokio::test(start_paused = true)]
async fn jwks_4_10_000_unknown_keys_a_second_cost_two_fetches_a_minute() {
    let kept = Kept::begin(|_| {}).await;
    let begun = Instant::now();
    let mut kid = 0_u64;
    while begun.elapsed() < Duration::from_secs(125) {
        // A second's worth, in ten parts.
        for _ in 0..1000 {
            kid += 1;
            let kid = kid.to_string();
            let refusal = kept.look_for(&kid).await.unwrap_err();
            // LIMIT-1: whoever sends them is charged, whatever they are told.
            assert!(refusal.is_failed_attempt(), "{kid}: {refusal:?}");
            let remembered = kept.keys.state.lock().search.remembered();
            assert!(remembered <= 2 * 1024, "{remembered}");
        }
        sleep(Duration::from_millis(100)).await;
    }
    let account = kept.fake.0.lock();
    let times: Vec<_> = account.asked.iter().map(|(at, _)| *at).collect();
    assert!(
        times.len() >= 5,
        "the issuer is still asked: {}",
        times.len()
    );
    let apart = times.windows(3).map(|three| three[2] - three[0]);
    assert!(apart.min().unwrap() >= Duration::from_secs(60));
    assert!(kept.has("a"));
}

#[tokio::test(start_paused = true)]
async fn jwks_4_a_flood_does_not_hide_a_new_key_for_long() {
    let kept = Kept::begin(|_| {}).await;
    for kid in 0..5000 {
        let _ = kept.look_for(&kid.to_string()).await;
    }
    kept.fake.set(|fake| fake.kids = vec!["a", "b"]);
    sleep(put_off(&kept.look_for("b").await)).await;
    assert_eq!(kept.look_for("b").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_one_token_of_nobody_does_not_make_a_rotation_final() {
    let kept = Kept::begin(|_| {}).await;
    assert_eq!(kept.look_for("x").await, Err(Refusal::TokenKeyUnknown));
    kept.fake.set(|fake| fake.kids = vec!["b"]);
    let began = Instant::now();
    let waits: Vec<_> = {
        let looks = (0..100).map(|_| kept.look_for("b"));
        let results = futures_util::future::join_all(looks).await;
        results.iter().map(put_off).collect()
    };
    let allowed = Duration::from_secs(59);
    for wait in &waits {
        let spread = allowed..=allowed + Duration::from_secs(11);
        assert!(spread.contains(wait), "{wait:?}");
    }
    assert_eq!(kept.fake.asked(), 2);
    sleep(*waits.iter().min().unwrap()).await;
    assert!(kept.has("b"), "it was looked for before they came again");
    assert_eq!(kept.fake.asked(), 3);
    assert!(
        kept.fake.pause() >= Duration::from_secs(59),
        "no third in a minute"
    );
    assert_eq!(kept.look_for("b").await, Ok(()));
    assert!(began.elapsed() <= Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn jwks_5_who_was_put_off_is_refused_when_the_key_is_not_there_then() {
    let kept = Kept::begin(|_| {}).await;
    assert_eq!(kept.look_for("x").await, Err(Refusal::TokenKeyUnknown));
    let wait = put_off(&kept.look_for("y").await);
    assert!(put_off(&kept.look_for("y").await) > Duration::ZERO);
    sleep(wait).await;
    assert_eq!(kept.look_for("y").await, Err(Refusal::TokenKeyUnknown));
    assert_eq!(kept.fake.asked(), 3, "one for both");
}

#[tokio::test(start_paused = true)]
async fn jwks_5_a_fetch_that_began_before_tells_nothing_of_a_key() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake
        .set(|fake| fake.takes = Duration::from_millis(500));
    let late = async {
        sleep(Duration::from_millis(100)).await;
        kept.look_for("b").await
    };
    let (first, late) = tokio::join!(kept.look_for("x"), late);
    assert_eq!(first, Err(Refusal::TokenKeyUnknown));
    let wait = put_off(&late);
    kept.fake.set(|fake| fake.kids = vec!["a", "b"]);
    sleep(wait).await;
    assert_eq!(kept.look_for("b").await, Ok(()));
    assert_eq!(kept.fake.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn jwks_5_a_key_that_left_is_known_to_be_gone() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.kids = vec!["b"]);
    assert_eq!(kept.look_for("b").await, Ok(()));
    assert_eq!(kept.look_for("a").await, Err(Refusal::TokenKeyUnknown));
    assert_eq!(kept.fake.asked(), 2);
}

/// Who still has a token of the old key is to get a newer one, and would not by a 503.
#[tokio::test(start_paused = true)]
async fn jwks_5_no_flood_hides_that_a_key_is_gone() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.kids = vec!["b"]);
    assert_eq!(kept.look_for("b").await, Ok(()));
    let begun = Instant::now();
    let mut kid = 0_u64;
    while begun.elapsed() < Duration::from_secs(200) {
        for _ in 0..2000 {
            kid += 1;
            let _ = kept.look_for(&kid.to_string()).await;
        }
        assert_eq!(kept.look_for("a").await, Err(Refusal::TokenKeyUnknown));
        sleep(Duration::from_secs(1)).await;
    }
    // It is gone only as long as the issuer says so.
    kept.fake.set(|fake| fake.kids = vec!["a", "b"]);
    minutes(1).await;
    let _ = kept.look_for("another").await;
    assert_eq!(kept.look_for("a").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn jwks_4_an_unknown_key_while_the_issuer_is_down_is_no_fault_of_the_token() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake.set(|fake| fake.fault = Some(DOWN));
    for _ in 0..50 {
        assert!(is_unavailable(kept.look_for("b").await));
    }
    assert!(kept.has("a"));
    kept.fake
        .set(|fake| (fake.fault, fake.kids) = (None, vec!["a", "b"]));
    minutes(6).await;
    assert!(kept.has("b"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_leaves_nothing_behind() {
    let kept = Kept::begin(|_| {}).await;
    kept.fake
        .set(|fake| fake.takes = Duration::from_millis(500));
    for kid in ["x", "y"] {
        let look = timeout(Duration::from_millis(100), kept.look_for(kid));
        assert!(look.await.is_err());
    }
    assert_eq!(kept.keys.state.lock().waiting, 0);
    sleep(Duration::from_secs(1)).await;
    assert!(!kept.keys.state.lock().search.is_fetching());
    assert_eq!(kept.fake.asked(), 2);
}
