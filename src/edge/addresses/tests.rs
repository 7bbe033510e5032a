use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const RATES: AddressRates = AddressRates {
    connections: Some(Rate::per_second(100, 1000)),
    failures: Some(Rate::per_second(2, 20)),
};

fn remote(address: IpAddr) -> Remote {
    Remote {
        address,
        is_client: true,
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How often this address, and then those that follow, may fail.
fn failures(addresses: &Addresses, of: impl Iterator<Item = IpAddr>) -> usize {
    of.filter(|address| {
        let may = addresses.check_failures(remote(*address)).is_ok();
        addresses.fail(remote(*address));
        may
    })
    .count()
}

#[tokio::test(start_paused = true)]
async fn limit_1_connections_have_a_burst_and_a_rate() {
    let addresses = Addresses::new(RATES);
    let office = ip("192.0.2.7");
    let arrivals =
        |count: usize| -> Vec<Arrival> { (0..count).map(|_| addresses.arrive(office)).collect() };
    let served = |arrivals: &[Arrival]| arrivals.iter().filter(|a| **a == Arrival::Served).count();
    let first = arrivals(1200);
    assert_eq!(served(&first), 1000);
    // A tenth of the limit is told, and when to come again; the others are not even answered.
    let told = |a: &&Arrival| matches!(a, Arrival::Told { .. });
    assert_eq!(first.iter().filter(told).count(), 100);
    let retry_after = Duration::from_millis(10);
    assert_eq!(first[1000], Arrival::Told { retry_after });
    assert_eq!(first[1199], Arrival::TurnedAway);
    assert_eq!(addresses.arrive(ip("192.0.2.8")), Arrival::Served);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(served(&arrivals(200)), 100);
}

#[tokio::test(start_paused = true)]
async fn limit_1_failures_are_few_and_cost_nobody_else() {
    let addresses = Addresses::new(RATES);
    let office = ip("192.0.2.7");
    assert_eq!(failures(&addresses, std::iter::repeat_n(office, 100)), 20);
    let refused = addresses.check_failures(remote(office)).unwrap_err();
    assert_eq!(refused.code(), "address_fails_too_often");
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(500)));
    assert!(addresses.check_failures(remote(ip("192.0.2.8"))).is_ok());
    assert_eq!(
        addresses.arrive(office),
        Arrival::Served,
        "a limit of its own"
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(failures(&addresses, std::iter::repeat_n(office, 100)), 2);
}

#[tokio::test(start_paused = true)]
async fn limit_1_an_ipv4_address_in_an_ipv6_one_is_that_address() {
    let addresses = Addresses::new(RATES);
    failures(&addresses, std::iter::repeat_n(ip("::ffff:192.0.2.7"), 20));
    assert!(addresses.check_failures(remote(ip("192.0.2.7"))).is_err());
}

#[tokio::test(start_paused = true)]
async fn limit_1_a_64_is_one_address() {
    let addresses = Addresses::new(RATES);
    let net = |n: u128| Ipv6Addr::from_bits(0x2001_0db8_0001_0002 << 64 | n);
    let all = (0..10_000).map(|n| IpAddr::V6(net(n * 0x0001_0000_0001)));
    assert_eq!(failures(&addresses, all), 20);
    // The next network of the site is another client.
    assert!(
        addresses
            .check_failures(remote(ip("2001:db8:1:3::1")))
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn limit_1_a_48_is_bounded_too() {
    let addresses = Addresses::new(RATES);
    let site = |n: u128| Ipv6Addr::from_bits(0x2001_0db8_0001 << 80 | n << 64 | 1);
    let all = (0..10_000).map(|n| IpAddr::V6(site(n)));
    assert_eq!(failures(&addresses, all), 20 * 16);
    assert!(
        addresses
            .check_failures(remote(ip("2001:db8:1:ffff::1")))
            .is_err()
    );
    assert!(
        addresses
            .check_failures(remote(ip("2001:db8:2::1")))
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn limit_1_a_proxy_that_named_nobody_is_not_limited() {
    let addresses = Addresses::new(RATES);
    let proxy = Remote {
        address: ip("10.0.0.1"),
        is_client: false,
    };
    for _ in 0..100 {
        addresses.fail(proxy);
    }
    assert!(addresses.check_failures(proxy).is_ok());
}

#[tokio::test(start_paused = true)]
async fn limit_1_each_may_be_off() {
    let addresses = Addresses::new(AddressRates {
        connections: None,
        failures: None,
    });
    let office = ip("192.0.2.7");
    assert!((0..5000).all(|_| addresses.arrive(office) == Arrival::Served));
    assert_eq!(
        failures(&addresses, std::iter::repeat_n(office, 5000)),
        5000
    );
}

// A million addresses, and the one that is over its limit stays so.
#[tokio::test(start_paused = true)]
async fn limit_1_nobody_is_forgotten_for_a_crowd() {
    let addresses = Addresses::new(RATES);
    let mallory = ip("192.0.2.7");
    failures(&addresses, std::iter::repeat_n(mallory, 100));
    for number in 0..1_000_000 {
        addresses.fail(remote(Ipv4Addr::from_bits(0x0a00_0000 + number).into()));
    }
    assert!(addresses.check_failures(remote(mallory)).is_err());
    assert!(addresses.table.keys() <= ADDRESSES_COUNTED);
}
