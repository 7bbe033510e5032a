//! What a client may offer (HTTP-8).

use hyper::header::HeaderValue;
use secrecy::ExposeSecret;

use super::*;

fn parse(lines: &[&str]) -> Result<Offer, Refusal> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    Offer::parse(&headers)
}

#[test]
fn http_8_names_and_token_over_all_lines() {
    for (lines, protocol, bearer) in [
        (&[][..], None, None),
        (&[""], None, None),
        (&["centrifuge-json"], Some("centrifuge-json"), None),
        (&["centrifuge-protobuf"], Some("centrifuge-protobuf"), None),
        (&["chat, centrifuge-json"], Some("centrifuge-json"), None),
        (
            &["centrifuge-protobuf, centrifuge-json"],
            Some("centrifuge-protobuf"),
            None,
        ),
        (&["chat", "graphql-ws"], None, None),
        (
            &["centrifuge-json, bearer.a.b-c_.d"],
            Some("centrifuge-json"),
            Some("a.b-c_.d"),
        ),
        (
            &["bearer.a.b.c,centrifuge-json"],
            Some("centrifuge-json"),
            Some("a.b.c"),
        ),
        (
            &["bearer.a.b.c", "\t, ,centrifuge-json ,"],
            Some("centrifuge-json"),
            Some("a.b.c"),
        ),
        (&["Centrifuge-JSON"], None, None),
        (&["bearer", "Bearer.a.b.c"], None, None),
    ] {
        let offer = parse(lines).unwrap();
        assert_eq!(offer.protocol(), protocol, "{lines:?}");
        assert_eq!(
            offer.bearer().map(|token| token.expose_secret()),
            bearer,
            "{lines:?}"
        );
    }
}

#[test]
fn http_8_a_token_without_a_protocol_that_we_speak() {
    for lines in [
        &["bearer.a.b.c"][..],
        &["bearer.a.b.c, chat"],
        &["chat", "bearer.a.b.c"],
    ] {
        let refusal = parse(lines).map(|_| ()).unwrap_err();
        assert_eq!(refusal, Refusal::BearerWithoutProtocol, "{lines:?}");
    }
}

#[test]
fn http_8_what_is_no_list_of_names_with_one_token() {
    for lines in [
        &["centrifuge-json, bearer."][..],
        &["centrifuge-json, bearer.a.b.c, bearer.a.b.c"],
        &["centrifuge-json, bearer.a.b.c", "bearer.d.e.f"],
        &["centrifuge-json, bearer.a.b.c="],
        &["centrifuge-json, bearer.a/b.c"],
        &["centrifuge-json, bearer.a b.c"],
        &["centrifuge-json; q=1"],
        &["centrifuge json"],
        &["\"centrifuge-json\""],
        &["centrifuge-json, bearer.\u{e9}"],
        &["caf\u{e9}"],
    ] {
        assert_eq!(
            parse(lines).map(|_| ()),
            Err(Refusal::BadSubprotocol),
            "{lines:?}"
        );
    }
}

#[test]
fn http_8_the_names_are_without_the_token_and_debug_without_both() {
    let offer = parse(&["chat, bearer.a.b.c, centrifuge-json"]).unwrap();
    assert_eq!(offer.names, ["chat", "centrifuge-json"]);
    assert_eq!(format!("{offer:?}"), "Offer { names: 2, bearer: true }");
}
