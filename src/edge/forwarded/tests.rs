use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn read(header: ClientHeader, lines: &[&str]) -> Vec<Option<String>> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header.as_str(), HeaderValue::from_str(line).unwrap());
    }
    let entries = header.entries(&headers);
    entries.map(|entry| entry.map(|a| a.to_string())).collect()
}

fn known(addresses: &[&str]) -> Vec<Option<String>> {
    addresses.iter().map(|a| Some((*a).to_owned())).collect()
}

#[test]
fn proxy_2_an_address_in_every_spelling() {
    for (text, wanted) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
    ] {
        assert_eq!(address(text).unwrap().to_string(), wanted, "{text}");
    }
    for text in [
        "",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.07",
        "192.0.2.256",
        "192.0.2.7:",
        "0x7f.1",
        "192.0.2.7:99999",
        "[192.0.2.7]",
        "[2001:db8::7",
        "2001:db8::7]",
        "[2001:db8::7]x",
        "fe80::1%eth0",
        "192.0.2.7 ",
        "example.com",
        "١.2.3.4",
    ] {
        assert_eq!(address(text), None, "{text}");
    }
}

#[test]
fn proxy_2_entries_are_read_from_the_right_over_all_lines() {
    let read = |lines: &[&str]| read(ClientHeader::XForwardedFor, lines);
    assert_eq!(
        read(&["6.6.6.6, 192.0.2.7", "2001:db8::1 ,10.0.0.1"]),
        known(&["10.0.0.1", "2001:db8::1", "192.0.2.7", "6.6.6.6"])
    );
    assert_eq!(read(&[]), []);
    assert_eq!(read(&[""]), [None]);
    let broken = read(&["6.6.6.6, unknown,, 10.0.0.1"]);
    let wanted = [known(&["10.0.0.1"]), vec![None, None], known(&["6.6.6.6"])].concat();
    assert_eq!(broken, wanted);
}

#[test]
fn proxy_2_of_a_thousand_entries_sixteen_are_read() {
    let many: Vec<String> = (0..1000)
        .map(|n| format!("10.0.{}.{}", n / 250, n % 250))
        .collect();
    let line = many.join(", ");
    let read = read(ClientHeader::XForwardedFor, &[&line]);
    assert_eq!(read.len(), 16);
    assert_eq!(read[0].as_deref(), Some("10.0.3.249"));
    let elements: Vec<String> = many.iter().map(|a| format!("for={a}")).collect();
    let line = elements.join(",");
    assert_eq!(super::tests::read(ClientHeader::Forwarded, &[&line]), read);
}

#[test]
fn proxy_2_the_standard_header() {
    let read = |line: &str| read(ClientHeader::Forwarded, &[line]);
    for (line, wanted) in [
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            vec!["192.0.2.60"],
        ),
        (
            "for=192.0.2.43, for=198.51.100.17",
            vec!["198.51.100.17", "192.0.2.43"],
        ),
        (
            "For=\"[2001:db8:cafe::17]:4711\"",
            vec!["2001:db8:cafe::17"],
        ),
        (
            "proto=https;for=\"192.0.2.43:47011\";host=\"a, b; c\"",
            vec!["192.0.2.43"],
        ),
        ("for=\"192.0.\\2.43\"", vec!["192.0.2.43"]),
        (
            "for=192.0.2.43 ; by=x , for=192.0.2.44",
            vec!["192.0.2.44", "192.0.2.43"],
        ),
    ] {
        assert_eq!(read(line), known(&wanted), "{line}");
    }
    for line in [
        "",
        "for",
        "for=unknown",
        "for=_gazonk",
        "by=192.0.2.7",
        "for=",
        "for=\"192.0.2.7",
        "for=1.2.3.4;for=5.6.7.8",
        "for=\"1.2.3.4\"x",
        "for=1.2.3.4\"",
        "for=1.2.3.4 5.6.7.8",
        "for = 1.2.3.4",
        "for=1.2.3.4;",
        "for=1.2.3.4,",
        "for=1.2.3.4;by=\"x",
    ] {
        assert_eq!(read(line)[0], None, "{line}");
    }
    // What a client left open takes in nothing of what the proxy put behind it.
    assert_eq!(
        read("for=6.6.6.6;x=\", for=192.0.2.7;host=\"a\""),
        [known(&["192.0.2.7"]), vec![None]].concat()
    );
}

#[test]
fn proxy_2_bytes_that_are_no_text_end_it_where_they_stand() {
    let line = b"6.6.6.6, \xff, 192.0.2.7";
    let mut headers = HeaderMap::new();
    headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
    let entries: Vec<_> = ClientHeader::XForwardedFor.entries(&headers).collect();
    assert_eq!(entries[1], None);
    assert_eq!(entries[0].unwrap().to_string(), "192.0.2.7");
}

#[test]
fn proxy_2_the_bare_header() {
    assert_eq!(
        read(ClientHeader::XRealIp, &["192.0.2.7"]),
        known(&["192.0.2.7"])
    );
    assert_eq!(read(ClientHeader::XRealIp, &["6.6.6.6, 192.0.2.7"]), [None]);
}

#[test]
fn proxy_2_other_headers_are_not_read() {
    let mut headers = HeaderMap::new();
    headers.append("forwarded", HeaderValue::from_static("for=6.6.6.6"));
    headers.append("x-real-ip", HeaderValue::from_static("6.6.6.6"));
    assert_eq!(ClientHeader::XForwardedFor.entries(&headers).count(), 0);
}

proptest! {
    /// FUZZ-1 (6): whatever a client put in front, what the nearest proxy appended is read first.
    #[test]
    fn an_invention_does_not_hide_what_the_proxy_says(invention in "[ -~]{0,200}") {
        let line = format!("{invention}, 192.0.2.7");
        let first = read(ClientHeader::XForwardedFor, &[&line]);
        prop_assert_eq!(first[0].as_deref(), Some("192.0.2.7"));
        let lines = [invention.as_str(), "for=192.0.2.7"];
        let first = read(ClientHeader::Forwarded, &lines);
        prop_assert_eq!(first[0].as_deref(), Some("192.0.2.7"));
        prop_assert!(first.len() <= MOST_ENTRIES);
        let line = format!("{invention}, for=\"[2001:db8::7]:4711\";by=_x;host=\"a,b\"");
        let first = read(ClientHeader::Forwarded, &[&line]);
        prop_assert_eq!(first[0].as_deref(), Some("2001:db8::7"));
    }
}
