//! Issuers, each by itself and side by side (JWT-14, JWT-16, JWT-17).

use super::*;
use crate::identity::testing::TestIssuer;

fn prove(all: Vec<IssuerSettings>) -> Result<Vec<Issuer>, Vec<IssuerFault>> {
    super::prove(all, &DeclaredClaims::default())
}

fn settings(name: &str) -> IssuerSettings {
    let mut settings = TestIssuer::new(Algorithm::HS256).settings();
    settings.name = name.to_owned();
    settings.issuer = format!("https://{name}.example/");
    settings
}

fn prefixed(name: &str, prefix: &str) -> IssuerSettings {
    IssuerSettings {
        user_prefix: Some(prefix.to_owned()),
        ..settings(name)
    }
}

fn shared(name: &str) -> IssuerSettings {
    IssuerSettings {
        shared_users: true,
        ..settings(name)
    }
}

/// Issuer and option of each fault.
fn faults(all: Vec<IssuerSettings>) -> Vec<(String, &'static str)> {
    let faults = prove(all)
        .map(|_| ())
        .expect_err("these settings should not do");
    for fault in &faults {
        let text = fault.to_string();
        assert!(!text.ends_with('.') && fault.message.len() > 15, "{text}");
    }
    faults
        .into_iter()
        .map(|fault| (fault.issuer, fault.option))
        .collect()
}

#[test]
fn several_issuers_say_whose_users_are_whose() {
    assert!(prove(vec![settings("a")]).is_ok());
    assert!(prove(vec![shared("a")]).is_ok());
    assert!(prove(vec![prefixed("a", "a/")]).is_ok());
    assert!(prove(vec![shared("a"), shared("b")]).is_ok());
    assert!(prove(vec![shared("a"), prefixed("b", "b/"), prefixed("c", "c/")]).is_ok());
    assert_eq!(
        faults(vec![settings("a"), settings("b")]),
        [
            ("a".to_owned(), "user_prefix"),
            ("b".to_owned(), "user_prefix")
        ]
    );
    assert_eq!(
        faults(vec![shared("a"), settings("b")]),
        [("b".to_owned(), "user_prefix")]
    );
    let both = IssuerSettings {
        shared_users: true,
        ..prefixed("a", "a/")
    };
    assert_eq!(faults(vec![both]), [("a".to_owned(), "shared_users")]);
}

#[test]
fn no_prefix_begins_another() {
    for (first, second) in [
        ("a/", "a/"),
        ("a/", "a/b/"),
        ("a/b/", "a/"),
        ("p", "partner/"),
    ] {
        let faults = faults(vec![prefixed("x", first), prefixed("y", second)]);
        assert_eq!(
            faults,
            [("y".to_owned(), "user_prefix")],
            "{first} {second}"
        );
    }
    for (first, second) in [("a/", "b/"), ("a/", "A/"), ("ab/", "a/")] {
        assert!(prove(vec![prefixed("x", first), prefixed("y", second)]).is_ok());
    }
}

#[test]
fn jwt_17_a_prefix_is_of_the_characters_of_user_ids() {
    let long = "p".repeat(65);
    for prefix in ["", "a b", "a#", "a,", "\u{e9}/", "a\n", long.as_str()] {
        assert_eq!(
            faults(vec![prefixed("a", prefix)]),
            [("a".to_owned(), "user_prefix")]
        );
    }
    assert!(prove(vec![prefixed("a", &long[1..])]).is_ok());
}

#[test]
fn two_issuers_of_one_name_or_one_iss() {
    let mut second = shared("b");
    second.name = "a".to_owned();
    assert_eq!(
        faults(vec![shared("a"), second]),
        [("a".to_owned(), "name")]
    );
    let mut second = shared("b");
    second.issuer = "https://a.example/".to_owned();
    assert_eq!(
        faults(vec![shared("a"), second]),
        [("b".to_owned(), "issuer")]
    );
}

#[test]
fn all_faults_of_an_issuer_at_once() {
    let bad = IssuerSettings {
        name: String::new(),
        issuer: String::new(),
        audience: Audience::OneOf(Vec::new()),
        algorithms: Vec::new(),
        max_token_life: Duration::ZERO,
        leeway: Duration::from_secs(301),
        ..settings("a")
    };
    let options: Vec<_> = faults(vec![bad])
        .into_iter()
        .map(|(_, option)| option)
        .collect();
    assert_eq!(
        options,
        [
            "name",
            "issuer",
            "audience",
            "algorithms",
            "max_token_life",
            "leeway"
        ]
    );
    let twice = IssuerSettings {
        algorithms: vec![Algorithm::HS256, Algorithm::HS256],
        audience: Audience::OneOf(vec!["a".to_owned(), String::new()]),
        ..settings("a")
    };
    let options: Vec<_> = faults(vec![twice])
        .into_iter()
        .map(|(_, option)| option)
        .collect();
    assert_eq!(options, ["audience", "algorithms"]);
}

#[test]
fn log_1_an_issuer_prints_no_key() {
    let settings = settings("a");
    let printed = format!("{settings:?}{:?}", prove(vec![settings.clone()]).unwrap());
    assert!(
        !printed.contains("0123456789abcdef") && printed.contains("[redacted]"),
        "{printed}"
    );
}

#[test]
fn keys_for_subscriptions_may_stand_beside_those_for_connections() {
    let with = |settings: IssuerSettings, purpose| IssuerSettings {
        purpose,
        ..settings
    };
    let of_door = |name: &str| with(settings(name), Purpose::Connection);
    let of_channels = |name: &str| IssuerSettings {
        issuer: "https://a.example/".to_owned(),
        ..with(settings(name), Purpose::Subscription)
    };
    // One kind of users, so that nobody has to say whose they are.
    assert!(prove(vec![of_door("a"), of_channels("b")]).is_ok());
    for purpose in [Purpose::Both, Purpose::Subscription] {
        let overlapping = with(settings("a"), purpose);
        let found = faults(vec![overlapping, of_channels("b")]);
        assert!(found.contains(&("b".to_owned(), "issuer")), "{purpose:?}");
    }
    assert_eq!(
        faults(vec![of_channels("b")]),
        [("b".to_owned(), "purpose")]
    );
    // Whoever signs for the channels of users with a prefix has the same, and none that is alike.
    let alone = with(prefixed("a", "p/"), Purpose::Connection);
    let same = with(prefixed("b", "p/"), Purpose::Subscription);
    assert!(prove(vec![alone.clone(), same]).is_ok());
    let alike = with(prefixed("b", "p"), Purpose::Subscription);
    assert_eq!(
        faults(vec![alone, alike]),
        [("b".to_owned(), "user_prefix")]
    );
}
