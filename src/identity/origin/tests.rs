//! The allow list of origins (ORIGIN-1).

use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn origins(entries: &[&str]) -> Origins {
    Origins::parse(
        &entries
            .iter()
            .map(|entry| (*entry).to_owned())
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

fn check(origins: &Origins, lines: &[&str]) -> Result<Option<String>, Refusal> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(ORIGIN, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    origins.check(&headers)
}

#[test]
fn origin_1_the_list_of_spellings() {
    let origins = origins(&[
        "https://app.example.com",
        "https://xn--bcher-kva.example:8443",
    ]);
    for (header, canonical) in [
        ("https://app.example.com", "https://app.example.com"),
        ("https://APP.Example.COM", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        (
            "https://xn--bcher-kva.example:8443",
            "https://xn--bcher-kva.example:8443",
        ),
    ] {
        assert_eq!(
            check(&origins, &[header]),
            Ok(Some(canonical.to_owned())),
            "{header}"
        );
        assert!(origins.find(header).is_some());
    }
    for header in [
        "https://app.example.com.evil.io",
        "https://evilapp.example.com",
        "https://evil.io/app.example.com",
        "https://evil.io#app.example.com",
        "https://evil.io?https://app.example.com",
        "https://app.example.com@evil.io",
        "https://user@app.example.com",
        "https://app.example.com\\@evil.io",
        "https://sub.app.example.com",
        "https://example.com",
        "http://app.example.com",
        "wss://app.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:80",
        "https://app.example.com:0443",
        "https://app.example.com:+443",
        "https://app.example.com:",
        "https://app.example.com:443443",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com.",
        "https://app..example.com",
        "https://.app.example.com",
        "https://app.example.com https://evil.io",
        "https://evil.io, https://app.example.com",
        "https://app%2Eexample.com",
        "https://b\u{fc}cher.example:8443",
        "https://xn--bcher-kva.example",
        "https://\u{ff41}pp.example.com",
        "app.example.com",
        "//app.example.com",
        "https:app.example.com",
        "https://",
        "file://",
        "null",
        "NULL",
        "*",
        "",
    ] {
        assert_eq!(
            check(&origins, &[header]),
            Err(Refusal::OriginNotAllowed),
            "{header}"
        );
        assert!(origins.find(header).is_none(), "{header}");
    }
}

#[test]
fn origin_1_missing_is_not_judged_here_and_two_are_refused() {
    let origins = origins(&["https://app.example.com"]);
    assert_eq!(check(&origins, &[]), Ok(None));
    for second in ["https://app.example.com", "https://evil.io", ""] {
        let two = check(&origins, &["https://app.example.com", second]);
        assert_eq!(two, Err(Refusal::SeveralOrigins), "{second}");
    }
    assert_eq!(
        check(&Origins::default(), &["https://app.example.com"]),
        Err(Refusal::OriginNotAllowed)
    );
}

#[test]
fn origin_1_a_star_is_one_whole_label() {
    let origins = origins(&["https://*.example.com", "http://*.localhost:3000"]);
    for good in [
        "https://app.example.com",
        "https://X-1.example.com:443",
        "http://a.localhost:3000",
    ] {
        assert!(origins.find(good).is_some(), "{good}");
    }
    for bad in [
        "https://example.com",
        "https://.example.com",
        "https://a.b.example.com",
        "https://app.example.com.evil.io",
        "https://appexample.com",
        "https://app-example.com",
        "https://*.example.com",
        "https://app.example.com.",
        "http://app.example.com",
        "https://app.example.com:444",
        "http://a.localhost",
    ] {
        assert!(origins.find(bad).is_none(), "{bad}");
    }
}

#[test]
fn origin_1_null_only_when_listed() {
    let origins = origins(&["null"]);
    assert_eq!(check(&origins, &["null"]), Ok(Some("null".to_owned())));
    assert_eq!(
        check(&origins, &["https://app.example.com"]),
        Err(Refusal::OriginNotAllowed)
    );
}

#[test]
fn origin_1_addresses_other_schemes_and_a_trailing_dot_that_is_listed() {
    let origins = origins(&[
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "capacitor://localhost",
        "https://dot.example.",
        "HTTPS://example.com".to_lowercase().as_str(),
    ]);
    for good in [
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "http://[0:0:0:0:0:0:0:1]:3000",
        "capacitor://localhost",
        "https://dot.example.",
    ] {
        assert!(origins.find(good).is_some(), "{good}");
    }
    for bad in [
        "http://[::1]",
        "http://[::1]:3000]",
        "http://[::1",
        "https://dot.example",
    ] {
        assert!(origins.find(bad).is_none(), "{bad}");
    }
}

#[test]
fn origin_1_entries_that_are_refused_all_at_once() {
    let bad = [
        "*",
        "https://*",
        "https://*.com",
        "https://*.*.example.com",
        "https://app.*.com",
        "https://a*.example.com",
        "https://app.example.com/",
        "https://app.example.com/chat",
        "https://user@app.example.com",
        "https://app.example.com:0",
        "https://app.example.com:65536",
        "app.example.com",
        "HTTPS://app.example.com",
        "https://b\u{fc}cher.example",
        "https://",
        "https://[::g]",
        "",
    ];
    let mut entries: Vec<String> = bad.iter().map(|entry| (*entry).to_owned()).collect();
    entries.insert(0, "https://app.example.com".to_owned());
    let faults = Origins::parse(&entries).unwrap_err();
    let indices: Vec<_> = faults.iter().map(|fault| fault.index).collect();
    assert_eq!(indices, (1..=bad.len()).collect::<Vec<_>>());
    for fault in faults {
        let text = fault.to_string();
        assert!(
            text.starts_with("the origin \"") && !text.ends_with('.'),
            "{text}"
        );
    }
}

proptest! {
    /// ORIGIN-1: whatever is before or behind a listed origin makes it another one.
    #[test]
    fn origin_1_no_prefix_or_suffix_passes(before in "[ -~]{0,6}", behind in "[ -~]{0,6}") {
        let origins = origins(&["https://app.example.com"]);
        let text = format!("{before}https://app.example.com{behind}");
        let same = before.is_empty() && (behind.is_empty() || behind == ":443");
        prop_assert_eq!(origins.find(&text).is_some(), same, "{}", text);
    }
}
