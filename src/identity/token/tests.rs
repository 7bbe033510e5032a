//! Where a token is found (TOKEN-1, TOKEN-2, ORIGIN-2, HTTP-8).

use hyper::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};

use super::*;

const ALL: [&str; 4] = ["header", "subprotocol", "cookie", "query"];

fn sources(on: &[&str]) -> Sources {
    Sources {
        header: on.contains(&"header"),
        subprotocol: on.contains(&"subprotocol"),
        cookie: on.contains(&"cookie").then(|| "gatepost_token".to_owned()),
        query: on.contains(&"query"),
        ticket: on.contains(&"ticket"),
    }
}

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// What is found in a request: the token and where it was.
fn find_in(
    lines: &[(HeaderName, &str)],
    query: &str,
    on: &[&str],
) -> Result<(String, TokenSource), Refusal> {
    let headers = headers(lines);
    let offer = Offer::parse(&headers)?;
    let (credential, source) = find(&headers, Some(query), &offer, &sources(on))?;
    let text = match &credential {
        Credential::Token(token) => token.expose(),
        Credential::Ticket(ticket) => ticket.expose(),
    };
    Ok((text.to_owned(), source))
}

fn authorization(value: &str) -> Result<(String, TokenSource), Refusal> {
    find_in(&[(AUTHORIZATION, value)], "", &ALL)
}

fn cookie(value: &str) -> Result<(String, TokenSource), Refusal> {
    find_in(&[(COOKIE, value)], "", &ALL)
}

#[test]
fn token_2_the_scheme_is_bearer_in_any_case_then_one_space_and_nothing_after() {
    for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
        assert_eq!(
            authorization(good),
            Ok(("a.b.c".to_owned(), TokenSource::Header)),
            "{good}"
        );
    }
    for bad in [
        "Bearer",
        "Bearer  a.b.c",
        "Bearer\ta.b.c",
        "Bearer a.b.c d",
        "Bearer a.b.c ",
        "Bearer a.b.c, Basic Zm9v",
        "Bearer a.b.c,d.e.f",
        "Bearer a.b.\u{e9}",
    ] {
        assert_eq!(authorization(bad), Err(Refusal::BadAuthorization), "{bad}");
    }
}

#[test]
fn token_2_another_scheme_is_not_ours() {
    for other in [
        "Basic Zm9vOmJhcg==",
        "Bearerx a.b.c",
        "Bearer:a.b.c",
        "DPoP a.b.c",
        "",
    ] {
        assert_eq!(authorization(other), Err(Refusal::TokenMissing), "{other}");
    }
    let staging = [
        (AUTHORIZATION, "Basic Zm9vOmJhcg=="),
        (COOKIE, "gatepost_token=a.b.c"),
    ];
    assert_eq!(
        find_in(&staging, "", &ALL),
        Ok(("a.b.c".to_owned(), TokenSource::Cookie))
    );
}

#[test]
fn token_2_two_authorization_headers() {
    for second in ["Bearer a.b.c", "Bearer d.e.f", "Basic Zm9v"] {
        let lines = [(AUTHORIZATION, "Bearer a.b.c"), (AUTHORIZATION, second)];
        assert_eq!(
            find_in(&lines, "", &ALL),
            Err(Refusal::SeveralAuthorizations),
            "{second}"
        );
    }
}

#[test]
fn token_2_each_pair_of_sources_with_different_tokens_is_refused_and_with_one_token_taken() {
    let line = |source: &str, token: &str| match source {
        "header" => Some((AUTHORIZATION, format!("Bearer {token}"))),
        "subprotocol" => Some((
            SEC_WEBSOCKET_PROTOCOL,
            format!("centrifuge-json, bearer.{token}"),
        )),
        "cookie" => Some((COOKIE, format!("gatepost_token={token}"))),
        _ => None,
    };
    for first in ALL {
        for second in ALL.into_iter().filter(|second| *second != first) {
            for (token, expected) in [("a.b.c", Ok(())), ("d.e.f", Err(Refusal::SeveralTokens))] {
                let lines: Vec<_> = [line(first, "a.b.c"), line(second, token)]
                    .into_iter()
                    .flatten()
                    .collect();
                let lines: Vec<_> = lines.iter().map(|(n, v)| (n.clone(), v.as_str())).collect();
                let query = match (first, second) {
                    ("query", _) => "access_token=a.b.c".to_owned(),
                    (_, "query") => format!("access_token={token}"),
                    _ => String::new(),
                };
                let found = find_in(&lines, &query, &ALL).map(|_| ());
                assert_eq!(found, expected, "{first} and {second}");
            }
        }
    }
}

#[test]
fn token_2_a_source_that_is_off_is_not_read() {
    let lines = [
        (AUTHORIZATION, "Bearer  in.the.header"),
        (
            SEC_WEBSOCKET_PROTOCOL,
            "centrifuge-json, bearer.in.the.offer",
        ),
        (
            COOKIE,
            "gatepost_token=in.the.cookie; gatepost_token=another",
        ),
    ];
    assert_eq!(find_in(&lines, "", &[]), Err(Refusal::TokenMissing));
    assert_eq!(
        find_in(&lines, "", &["subprotocol"]),
        Ok(("in.the.offer".to_owned(), TokenSource::Subprotocol))
    );
    assert_eq!(
        find_in(&lines, "", &["header"]),
        Err(Refusal::BadAuthorization)
    );
    assert_eq!(
        find_in(&lines, "", &["cookie"]),
        Err(Refusal::SeveralCookies)
    );
}

#[test]
fn token_1_a_token_in_the_url_is_refused_with_a_reason_while_the_source_is_off() {
    let on = &["header", "subprotocol", "cookie"];
    for query in [
        "access_token=a.b.c",
        "access_token",
        "access_token=",
        "cf_protocol=json&access_token=a.b.c",
        "access%5Ftoken=a.b.c",
        "%61ccess_token=a.b.c",
    ] {
        assert_eq!(find_in(&[], query, on), Err(Refusal::TokenInUrl), "{query}");
    }
    for query in [
        "",
        "access_tokens=a",
        "Access_Token=a",
        "x=access_token",
        "%zz=a",
        "&&=",
    ] {
        assert_eq!(
            find_in(&[], query, on),
            Err(Refusal::TokenMissing),
            "{query}"
        );
    }
    let message = Refusal::TokenInUrl.to_string();
    assert!(
        message.contains("URL") && message.contains("Bearer"),
        "{message}"
    );
}

#[test]
fn token_1_the_query_is_percent_decoded_when_the_source_is_on() {
    let token = Ok(("a.b-c_d".to_owned(), TokenSource::Query));
    for query in [
        "access_token=a.b-c_d",
        "access_token=a%2eb%2Dc%5fd",
        "x=1&access_token=a.b-c_d&y=2",
        "access_token=a.b-c_d&access_token=a%2Eb-c_d",
    ] {
        assert_eq!(find_in(&[], query, &["query"]), token, "{query}");
    }
    let two = find_in(&[], "access_token=a&access_token=b", &["query"]);
    assert_eq!(two, Err(Refusal::SeveralTokens));
    for broken in ["%", "%4", "%zz", "%+1"] {
        let query = format!("access_token={broken}");
        // Kept as it is, so that the verifier finds it malformed.
        let found = find_in(&[], &query, &["query"]);
        assert_eq!(found, Ok((broken.to_owned(), TokenSource::Query)));
    }
    assert_eq!(
        find_in(&[], "access_token=", &["query"]),
        Err(Refusal::TokenMalformed)
    );
}

#[test]
fn origin_2_cookies_of_the_configured_name_over_all_lines() {
    let token = Ok(("a.b.c".to_owned(), TokenSource::Cookie));
    for good in [
        "gatepost_token=a.b.c",
        "theme=dark; gatepost_token=a.b.c; lang=de",
        "theme=dark;gatepost_token=a.b.c",
        "gatepost_token=\"a.b.c\"",
        "gatepost_token=a.b.c; gatepost_token=a.b.c",
        "gatepost_token=\"a.b.c\"; gatepost_token=a.b.c",
        "name=\u{e9}; gatepost_token=a.b.c",
    ] {
        assert_eq!(cookie(good), token, "{good}");
    }
    let lines = [(COOKIE, "a=1"), (COOKIE, "gatepost_token=a.b.c")];
    assert_eq!(find_in(&lines, "", &ALL), token);
    for none in [
        "Gatepost_Token=a",
        "gatepost_token2=a",
        "x=gatepost_token",
        "gatepost_token",
        "",
    ] {
        assert_eq!(cookie(none), Err(Refusal::TokenMissing), "{none}");
    }
}

#[test]
fn origin_2_two_cookies_of_the_name_with_different_values() {
    for tossed in [
        "gatepost_token=a.b.c; gatepost_token=d.e.f",
        "gatepost_token=a.b.c; gatepost_token=",
        "gatepost_token=a.b.c; gatepost_token =d.e.f",
    ] {
        assert_eq!(cookie(tossed), Err(Refusal::SeveralCookies), "{tossed}");
    }
    let lines = [
        (COOKIE, "gatepost_token=a.b.c"),
        (COOKIE, "gatepost_token=d.e.f"),
    ];
    assert_eq!(find_in(&lines, "", &ALL), Err(Refusal::SeveralCookies));
}

#[test]
fn jwt_11_a_token_is_8_kib_at_most_and_present_means_not_anonymous() {
    assert!(Token::parse(&"a".repeat(MAX_TOKEN_BYTES)).is_ok());
    let long = Token::parse(&"a".repeat(MAX_TOKEN_BYTES + 1));
    assert_eq!(long.map(|_| ()), Err(Refusal::TokenTooLarge));
    assert_eq!(cookie("gatepost_token="), Err(Refusal::TokenMalformed));
    assert_eq!(
        cookie("gatepost_token=\u{e9}"),
        Ok(("\u{e9}".to_owned(), TokenSource::Cookie))
    );
    assert_eq!(find_in(&[], "", &ALL), Err(Refusal::TokenMissing));
}

#[test]
fn log_1_a_token_is_not_printed() {
    assert_eq!(
        format!("{:?}", Token::parse("a.b.c").unwrap()),
        "Token([redacted])"
    );
}

/// A text in the form of a ticket.
const TICKET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

#[test]
fn ticket_1_a_ticket_stands_in_the_query_where_the_source_is_on() {
    let query = format!("x=1&ticket={TICKET}");
    let found = |lines: &[_], query: &str, on: &[&str]| find_in(lines, query, on);
    let ticket = Ok((TICKET.to_owned(), TokenSource::Ticket));
    assert_eq!(found(&[], &query, &["ticket"]), ticket);
    assert_eq!(found(&[], &query, &ALL), Err(Refusal::TokenMissing));
    let twice = format!("{query}&ticket={TICKET}");
    assert_eq!(found(&[], &twice, &["ticket"]), ticket);
    let escaped = format!("ticket=%41{}", &TICKET[1..]);
    assert_eq!(found(&[], &escaped, &["ticket"]), ticket);
    let two = format!("{query}&ticket={}A", &TICKET[..42]);
    let several = Err(Refusal::SeveralTokens);
    assert_eq!(found(&[], &two, &["ticket"]), several);
    let bearer = [(AUTHORIZATION, "Bearer a.b.c")];
    assert_eq!(found(&bearer, &query, &["ticket", "header"]), several);
    for bad in ["ticket=", "ticket=x", "ticket=a.b.c", "ticket=%4"] {
        let result = found(&[], bad, &["ticket"]);
        assert_eq!(result, Err(Refusal::TicketInvalid), "{bad}");
    }
}

#[test]
fn ticket_1_no_other_request_looks_at_a_ticket() {
    let headers = headers(&[(AUTHORIZATION, "Bearer a.b.c")]);
    let plain = |query: &str, on: &[&str]| {
        find_plain(&headers, Some(query), &sources(on)).map(|(_, source)| source)
    };
    let query = format!("ticket={TICKET}");
    assert_eq!(plain(&query, &["ticket"]), Err(Refusal::TicketNotTaken));
    assert_eq!(plain("ticket=x", &["ticket"]), Err(Refusal::TicketNotTaken));
    assert_eq!(plain(&query, &["header"]), Ok(TokenSource::Header));
    assert_eq!(plain("", &["ticket"]), Ok(TokenSource::Header));
}
