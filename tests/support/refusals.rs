//! The table of the door: requests that must be refused, each with one fault.

use serde_json::json;

use super::answers::assert_refused;
use super::request::{KEY, PATH, Request};
use super::tokens::bad_tokens;
use super::{Gateway, ORIGIN, http::Answer, token, token_with};

/// A request and what it must be answered with, by the gateway of [`super::door`].
pub struct Case {
    pub name: String,
    pub request: Request,
    pub status: u16,
    pub code: &'static str,
}

/// All of them.
pub fn refusals() -> Vec<Case> {
    let mut all = Vec::new();
    for rows in [
        paths(),
        sizes(),
        form(),
        keys(),
        subprotocols(),
        origins(),
        places(),
    ] {
        for (name, request, status, code) in rows {
            all.push(Case {
                name: name.to_owned(),
                request,
                status,
                code,
            });
        }
    }
    all.extend(bad_tokens().into_iter().map(|bad| Case {
        name: bad.name.to_owned(),
        request: Request::upgrade_with(&bad.token),
        status: 401,
        code: bad.code,
    }));
    all
}

type Row = (&'static str, Request, u16, &'static str);

fn good() -> Request {
    Request::upgrade_with(&token("mallory"))
}

fn paths() -> Vec<Row> {
    let to = |target: &str| good().target(target);
    let not_found = |name, request| (name, request, 404, "not_found");
    let method = |name, line: &str| (name, good().line(line), 405, "method_not_allowed");
    let host = |name, host: &str| (name, good().set("Host", host), 421, "host_not_served");
    let bad_host = |name, request| (name, request, 400, "bad_host");
    vec![
        not_found("HTTP-9 the root", to("/")),
        not_found("HTTP-9 a slash behind", to("/connection/websocket/")),
        not_found("HTTP-9 two slashes", to("//connection/websocket")),
        not_found("HTTP-9 two slashes inside", to("/connection//websocket")),
        not_found("HTTP-9 an escaped slash", to("/connection%2fwebsocket")),
        not_found("HTTP-9 an escaped letter", to("/connection/%77ebsocket")),
        not_found("HTTP-9 a dot", to("/connection/./websocket")),
        not_found("HTTP-9 two dots", to("/x/../connection/websocket")),
        not_found("HTTP-9 upper case", to("/connection/WebSocket")),
        not_found("HTTP-9 a parameter", to("/connection/websocket;x=1")),
        not_found("HTTP-9 metrics are not here", to("/metrics")),
        not_found("echo is off", to("/connection/echo")),
        method("HTTP-9 POST", "POST /connection/websocket HTTP/1.1"),
        method("HTTP-9 HEAD", "HEAD /connection/websocket HTTP/1.1"),
        method("HTTP-9 OPTIONS", "OPTIONS /connection/websocket HTTP/1.1"),
        method("HTTP-9 TRACE", "TRACE /connection/websocket HTTP/1.1"),
        method(
            "HTTP-9 CONNECT to the path",
            "CONNECT /connection/websocket HTTP/1.1",
        ),
        method(
            "HTTP-9 a method in lower case",
            "get /connection/websocket HTTP/1.1",
        ),
        host("TLS-4 a host that is not served", "evil.test"),
        host("TLS-4 a host below", "x.gw.example.com"),
        host("TLS-4 a host above", "example.com"),
        host("TLS-4 an address", "127.0.0.1"),
        bad_host("TLS-4 no host", good().without("Host")),
        bad_host("TLS-4 two hosts", good().and("Host", "localhost")),
        bad_host("TLS-4 an empty host", good().set("Host", "")),
        bad_host(
            "TLS-4 a user before the host",
            good().set("Host", "evil@localhost"),
        ),
        bad_host(
            "TLS-4 a path behind the host",
            good().set("Host", "localhost/x"),
        ),
    ]
}

fn sizes() -> Vec<Row> {
    let long = format!("{PATH}?{}", "q".repeat(4096 - PATH.len()));
    let many = (0..60).fold(good(), |request, n| request.and(&format!("X-{n}"), "1"));
    let too_large = "header_fields_too_large";
    let body = |name, request| (name, request, 400, "body_not_allowed");
    let chunked = good().and("Transfer-Encoding", "chunked");
    vec![
        (
            "HTTP-1 a URI over 4 KiB",
            good().target(&long),
            414,
            "uri_too_long",
        ),
        (
            "HTTP-1 a header over 9 KiB",
            good().and("X", &"x".repeat(9217)),
            431,
            too_large,
        ),
        ("HTTP-1 more than 64 headers", many, 431, too_large),
        body(
            "HTTP-3 a length",
            good().and("Content-Length", "5").behind(b"hello"),
        ),
        body("HTTP-3 chunks", chunked.behind(b"5\r\nhello\r\n0\r\n\r\n")),
        body(
            "HTTP-3 a length and nothing yet",
            good().and("Content-Length", "5"),
        ),
    ]
}

fn form() -> Vec<Row> {
    let required = |name, request| (name, request, 426, "upgrade_required");
    let connection = |name, request| (name, request, 400, "bad_connection_header");
    let version = |version| good().set("Sec-WebSocket-Version", version);
    let plain = Request::new("GET", PATH).bearer(&token("mallory"));
    let old = good().line("GET /connection/websocket HTTP/1.0");
    vec![
        required("HTTP-6 no upgrade at all", plain),
        required("HTTP-6 no Upgrade", good().without("Upgrade")),
        required("HTTP-6 another Upgrade", good().set("Upgrade", "h2c")),
        required(
            "HTTP-6 nearly websocket",
            good().set("Upgrade", "websockets"),
        ),
        required("HTTP-6 no version", good().without("Sec-WebSocket-Version")),
        required("HTTP-6 an old version", version("8")),
        required("HTTP-6 a version with a zero", version("013")),
        required("HTTP-6 a list of versions", version("13, 8")),
        required("HTTP-5 version 777", version("777")),
        required(
            "HTTP-6 two versions",
            good().and("Sec-WebSocket-Version", "13"),
        ),
        connection("HTTP-6 no Connection", good().without("Connection")),
        connection(
            "HTTP-6 Connection: close",
            good().set("Connection", "close"),
        ),
        connection(
            "HTTP-6 nearly upgrade",
            good().set("Connection", "upgrades"),
        ),
        ("HTTP-4 HTTP/1.0", old, 400, "bad_http_version"),
    ]
}

fn keys() -> Vec<Row> {
    let wrong = [
        ("HTTP-6 an empty key", ""),
        ("HTTP-6 a key of 15 bytes", "AAAAAAAAAAAAAAAAAAAA"),
        ("HTTP-6 a key of 17 bytes", "AAAAAAAAAAAAAAAAAAAAAAA="),
        ("HTTP-6 a key without padding", "dGhlIHNhbXBsZSBub25jZQ"),
        (
            "HTTP-6 a key with bits left over",
            "dGhlIHNhbXBsZSBub25jZR==",
        ),
        ("HTTP-6 a key in base64url", "-_-_-_-_-_-_-_-_-_-_-g=="),
        ("HTTP-6 a key with a space", "dGhlIHNhbXBsZSBub25j ZQ=="),
        (
            "HTTP-6 a list of keys",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        ),
    ];
    let name = "Sec-WebSocket-Key";
    let mut rows: Vec<Row> = vec![
        ("HTTP-6 no key", good().without(name), 400, "bad_key"),
        ("HTTP-6 two keys", good().and(name, KEY), 400, "bad_key"),
    ];
    rows.extend(wrong.map(|(what, key)| (what, good().set(name, key), 400, "bad_key")));
    rows
}

fn subprotocols() -> Vec<Row> {
    let token = token("mallory");
    let offer = |offer: &str| Request::upgrade().and("Sec-WebSocket-Protocol", offer);
    let bad = |name, request| (name, request, 400, "bad_subprotocol");
    let alone = |name, request| (name, request, 400, "bearer_without_protocol");
    let twice = format!("centrifuge-json, bearer.{token}, bearer.{token}");
    vec![
        bad("HTTP-8 two tokens", offer(&twice)),
        bad("HTTP-8 an empty token", offer("centrifuge-json, bearer.")),
        bad(
            "HTTP-8 a character of no token",
            offer("centrifuge-json, bearer.a~b"),
        ),
        bad("HTTP-8 a name with a space", offer("centrifuge json")),
        bad("HTTP-8 a name in quotes", offer("\"centrifuge-json\"")),
        alone("HTTP-8 a token alone", offer(&format!("bearer.{token}"))),
        alone(
            "HTTP-8 a token beside an unknown",
            offer(&format!("mqtt, bearer.{token}")),
        ),
    ]
}

fn origins() -> Vec<Row> {
    let not_allowed = [
        ("ORIGIN-1 a suffix", "https://app.example.com.evil.io"),
        ("ORIGIN-1 a prefix", "https://evilapp.example.com"),
        ("ORIGIN-1 http", "http://app.example.com"),
        ("ORIGIN-1 another port", "https://app.example.com:8443"),
        ("ORIGIN-1 null", "null"),
        ("ORIGIN-1 empty", ""),
        ("ORIGIN-1 a trailing dot", "https://app.example.com."),
        ("ORIGIN-1 a path", "https://app.example.com/"),
        ("ORIGIN-1 a user", "https://app.example.com@evil.io"),
        ("ORIGIN-1 a list", "https://app.example.com https://evil.io"),
        ("ORIGIN-1 the wildcard's own host", "https://team.example"),
        ("ORIGIN-1 two labels below", "https://a.b.team.example"),
        ("ORIGIN-1 an empty label", "https://.team.example"),
        ("ORIGIN-1 part of a label", "https://evilteam.example"),
        ("ORIGIN-1 Unicode", "https://äpp.example.com"),
        ("ORIGIN-1 punycode", "https://xn--pp-uia.example.com"),
    ];
    let cookie = format!("gp_token={}", token("mallory"));
    let cookie = Request::upgrade().and("Cookie", &cookie);
    let both = good().and("Origin", ORIGIN).and("Origin", ORIGIN);
    let foreign = cookie.clone().and("Origin", "https://evil.io");
    let mut rows: Vec<Row> = not_allowed
        .map(|(name, origin)| {
            (
                name,
                good().and("Origin", origin),
                403,
                "origin_not_allowed",
            )
        })
        .to_vec();
    rows.extend([
        ("ORIGIN-1 two origins", both, 400, "several_origins"),
        (
            "ORIGIN-1 a cookie without origin",
            cookie,
            403,
            "origin_required",
        ),
        (
            "ORIGIN-1 a cookie by a foreign page",
            foreign,
            403,
            "origin_not_allowed",
        ),
    ]);
    rows
}

fn places() -> Vec<Row> {
    let (one, other) = (token("mallory"), token_with("mallory", json!({"jti": "2"})));
    let authorization = |value: &str| Request::upgrade().and("Authorization", value);
    let bad = |name, value: &str| (name, authorization(value), 400, "bad_authorization");
    let page = || Request::upgrade().and("Origin", ORIGIN);
    let cookie = |value: &str| page().and("Cookie", &format!("gp_token={value}"));
    let offer = format!("centrifuge-json, bearer.{other}");
    let several = |name, request| (name, request, 400, "several_tokens");
    let cookies = |name, request| (name, request, 400, "several_cookies");
    let in_url = format!("{PATH}?access_token={one}");
    let missing = |name, request| (name, request, 401, "token_missing");
    vec![
        several("TOKEN-2 header and cookie", cookie(&one).bearer(&other)),
        several(
            "TOKEN-2 header and subprotocol",
            good().and("Sec-WebSocket-Protocol", &offer),
        ),
        several("TOKEN-2 a good and a bad one", cookie(&one).bearer("bad")),
        (
            "TOKEN-2 two Authorizations",
            good().bearer(&one),
            400,
            "several_authorizations",
        ),
        cookies(
            "ORIGIN-2 two cookies",
            cookie(&one).and("Cookie", &format!("gp_token={other}")),
        ),
        cookies(
            "ORIGIN-2 two in one line",
            cookie(&format!("{one}; gp_token={other}")),
        ),
        bad("TOKEN-2 two spaces", &format!("Bearer  {one}")),
        bad("TOKEN-2 a tab", &format!("Bearer\t{one}")),
        bad("TOKEN-2 something behind", &format!("Bearer {one} x")),
        bad("TOKEN-2 a list", &format!("Bearer {one}, Basic eDp5")),
        bad("TOKEN-2 a bare scheme", "Bearer"),
        (
            "TOKEN-1 in the URL",
            Request::upgrade().target(&in_url),
            400,
            "token_in_url",
        ),
        (
            "TOKEN-1 in the URL too",
            good().target(&in_url),
            400,
            "token_in_url",
        ),
        missing("no token", Request::upgrade()),
        missing("another scheme", authorization("Basic eDp5")),
        missing(
            "another cookie",
            page().and("Cookie", &format!("gp_tokens={one}")),
        ),
        missing(
            "a cookie's name in another case",
            page().and("Cookie", &format!("GP_TOKEN={one}")),
        ),
        ("an empty cookie", cookie(""), 401, "token_malformed"),
    ]
}

impl Gateway {
    /// Sends the request of a case, and holds the answer against it.
    pub async fn refuses(&self, case: &Case) -> Answer {
        let answer = self.ask(&case.request).await;
        assert_refused(&answer, &case.name, case.status, case.code);
        answer
    }
}
