use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn taken(bucket: &mut Bucket, rate: &Rate, now: u64, tries: usize) -> usize {
    (0..tries)
        .filter(|_| bucket.take(rate, now).is_ok())
        .count()
}

#[test]
fn a_burst_then_the_rate() {
    let (rate, mut bucket) = (Rate::per_second(10, 20), Bucket::default());
    assert_eq!(taken(&mut bucket, &rate, 0, 100), 20);
    assert_eq!(taken(&mut bucket, &rate, SECOND, 100), 10);
    assert_eq!(taken(&mut bucket, &rate, 100 * SECOND, 100), 20);
    bucket.fill();
    assert_eq!(taken(&mut bucket, &rate, 100 * SECOND, 100), 20);
}

#[test]
fn the_wait_is_as_long_as_it_takes() {
    let (rate, mut bucket) = (Rate::per_minute(30), Bucket::default());
    assert_eq!(taken(&mut bucket, &rate, 0, 100), 30);
    let wait = bucket.take(&rate, SECOND / 2).unwrap_err();
    assert_eq!(wait, Duration::from_millis(1500));
    assert_eq!(bucket.peek(&rate, 2 * SECOND), Ok(()));
    assert_eq!(taken(&mut bucket, &rate, 2 * SECOND, 100), 1);
}

#[test]
fn for_several_together_and_in_part() {
    let rate = Rate::per_second(5, 8);
    let (mut several, mut part) = (Bucket::default(), Bucket::default());
    let (four, tenth) = (rate.times(4), rate.fraction(10));
    assert_eq!(taken(&mut several, &four, 0, 100), 32);
    assert_eq!(taken(&mut several, &four, SECOND, 100), 20);
    assert_eq!(taken(&mut part, &tenth, 0, 100), 1);
    assert_eq!(taken(&mut part, &tenth, SECOND, 100), 0);
    assert_eq!(taken(&mut part, &tenth, 2 * SECOND, 100), 1);
}

#[test]
fn a_shared_one_gives_no_more_than_it_has() {
    let (rate, bucket) = (Rate::per_second(1, 1000), SharedBucket::default());
    let given: usize = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..500).filter(|_| bucket.take(&rate, 0).is_ok()).count()))
            .collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).sum()
    });
    assert_eq!(given, 1000);
}

#[test]
fn it_is_read_as_it_is_written() {
    for text in [
        "100/s burst 1000",
        "30/min",
        "1/h burst 1000000",
        "2/s burst 20",
    ] {
        let rate: Rate = text.parse().unwrap();
        assert_eq!(rate.to_string(), text);
    }
    assert_eq!("30/min".parse(), Ok(Rate::per_minute(30)));
    assert_eq!("30/min burst 30".parse(), Ok(Rate::per_minute(30)));
    for text in [
        "",
        "100",
        "100/",
        "/s",
        "0/s",
        "-1/s",
        "1/day",
        "1000001/s",
        "1/s burst",
        "1/s burst 0",
        "1/s  burst 2",
        "1/s burst 2 3",
        "1/s bursts 2",
        "1.5/s",
        "١/s",
    ] {
        assert_eq!(text.parse::<Rate>(), Err(NotARate), "{text:?}");
    }
}

proptest! {
    /// Whatever comes when: in any time there are no more than the burst and what the rate gives,
    /// and after the wait that was told there is one.
    #[test]
    fn never_more_than_the_rate(
        count in 1..=Rate::MAX,
        burst in 1..=Rate::MAX,
        steps in proptest::collection::vec(0..2 * SECOND, 1..200),
    ) {
        let rate = Rate::per_second(count, burst);
        let (mut bucket, mut now, mut given) = (Bucket::default(), 0, 0_u64);
        for step in steps {
            now += step;
            match bucket.take(&rate, now) {
                Ok(()) => given += 1,
                Err(wait) => {
                    let then = now + u64::try_from(wait.as_nanos()).unwrap();
                    prop_assert!(bucket.peek(&rate, then - 1).is_err());
                    prop_assert_eq!(bucket.peek(&rate, then), Ok(()));
                }
            }
            // The interval is cut to whole nanoseconds.
            let most = u64::from(burst) + now / (SECOND / u64::from(count));
            prop_assert!(given <= most, "{} of {}", given, most);
        }
    }
}
