//! One-time tickets (TICKET-1): a token is shown once over plain HTTP, and a ticket in its place
//! opens one WebSocket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use futures_util::future::join_all;
use serde_json::Value;
use support::answers::{assert_of_every_answer, assert_refused};
use support::plain::{as_plain, assert_not_shared, assert_shared, of_origin_and_token};
use support::refusals::refusals;
use support::request::Request;
use support::{Gateway, ORIGIN, Setup, door, now, token, token_with};

const PATH: &str = "/connection/ticket";
const OTHER: &str = "https://red.team.example";
const SOURCES: &str =
    "sources = [\"header\", \"subprotocol\", \"cookie\", \"ticket\"]\ncookie = \"gp_token\"";

fn gateway() -> Gateway {
    Gateway::with(&Setup {
        door: SOURCES,
        ..Setup::default()
    })
}

fn asks(token: &str) -> Request {
    Request::new("POST", PATH)
        .bearer(token)
        .and("Origin", ORIGIN)
}

/// A ticket for this token, asked for by the usual page.
async fn ticket(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.ask(&asks(token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["expires_in"], 30);
    body["ticket"].as_str().unwrap().to_owned()
}

fn upgrade(ticket: &str) -> Request {
    Request::upgrade()
        .and("Origin", ORIGIN)
        .target(&format!("/connection/websocket?ticket={ticket}"))
}

#[tokio::test]
async fn ticket_1_it_opens_the_door_once_for_its_user() {
    let gateway = gateway();
    let answer = gateway.ask(&asks(&token("alice"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_of_every_answer(&answer, "200");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let ticket = ticket(&gateway, &token("alice")).await;
    let mut socket = gateway.lets_in(&upgrade(&ticket)).await;
    assert_eq!(socket.connect().await, ["#alice"]);
    let again = gateway.ask(&upgrade(&ticket)).await;
    assert_refused(&again, "used", 401, "ticket_invalid");
    let never = gateway.ask(&upgrade(&"A".repeat(43))).await;
    assert_eq!(never.body, again.body, "used and unknown look alike");
    let malformed = gateway.ask(&upgrade("x")).await;
    assert_eq!(malformed.body, again.body);
    assert!(!gateway.logged().contains(&ticket), "it is in the log");
}

#[tokio::test]
async fn ticket_1_of_many_at_the_same_instant_one_wins() {
    let gateway = gateway();
    let ticket = ticket(&gateway, &token("alice")).await;
    let request = upgrade(&ticket);
    let answers = join_all((0..8).map(|_| gateway.ask(&request))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [101, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn ticket_1_another_page_cannot_use_it_and_uses_it_up() {
    let gateway = gateway();
    for elsewhere in [Some(OTHER), None] {
        let ticket = ticket(&gateway, &token("alice")).await;
        let request = upgrade(&ticket).without("Origin");
        let request = match elsewhere {
            Some(origin) => request.and("Origin", origin),
            None => request,
        };
        let answer = gateway.ask(&request).await;
        assert_refused(&answer, "elsewhere", 403, "ticket_of_another_origin");
        let late = gateway.ask(&upgrade(&ticket)).await;
        assert_refused(&late, "used up", 401, "ticket_invalid");
    }
    // What is refused before anybody looks at the ticket leaves it as it is.
    let ticket = ticket(&gateway, &token("alice")).await;
    let foreign = upgrade(&ticket).set("Origin", "https://evil.io");
    let answer = gateway.ask(&foreign).await;
    assert_refused(&answer, "foreign", 403, "origin_not_allowed");
    gateway.lets_in(&upgrade(&ticket)).await;
}

#[tokio::test]
async fn ticket_1_it_stands_beside_no_token_and_is_looked_at_nowhere_else() {
    let gateway = gateway();
    let ticket = ticket(&gateway, &token("alice")).await;
    let both = upgrade(&ticket).bearer(&token("alice"));
    let answer = gateway.ask(&both).await;
    assert_refused(&answer, "both", 400, "several_tokens");
    for path in [PATH, "/connection/check"] {
        let with_ticket = asks(&token("alice")).rename("POST", &format!("{path}?ticket={ticket}"));
        let answer = gateway.ask(&with_ticket).await;
        assert_refused(&answer, path, 400, "ticket_not_taken");
        assert_shared(&answer, ORIGIN, path);
    }
    gateway.lets_in(&upgrade(&ticket)).await;
}

#[tokio::test]
async fn ticket_1_a_program_without_origin_and_a_page_with_a_cookie_get_one_too() {
    let gateway = gateway();
    let program = Request::new("POST", PATH).bearer(&token("bob"));
    let answer = gateway.ask(&program).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let program = upgrade(body["ticket"].as_str().unwrap()).without("Origin");
    gateway.lets_in(&program).await;
    let cookie = format!("gp_token={}", token("carol"));
    let page = Request::new("POST", PATH).and("Cookie", &cookie);
    let answer = gateway.ask(&page).await;
    assert_refused(&answer, "a cookie without Origin", 403, "origin_required");
    let answer = gateway.ask(&page.and("Origin", ORIGIN)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_shared(&answer, ORIGIN, "a cookie");
}

#[tokio::test]
async fn ticket_1_a_user_has_ten() {
    let gateway = gateway();
    let mut last = String::new();
    for _ in 0..10 {
        last = ticket(&gateway, &token("alice")).await;
    }
    let answer = gateway.ask(&asks(&token("alice"))).await;
    assert_refused(&answer, "eleven", 429, "too_many_tickets");
    assert_shared(&answer, ORIGIN, "eleven");
    ticket(&gateway, &token("bob")).await;
    gateway.lets_in(&upgrade(&last)).await;
    ticket(&gateway, &token("alice")).await;
}

#[tokio::test]
async fn ticket_1_the_connection_ends_with_the_token_that_stands_behind_it() {
    let gateway = gateway();
    let expires = now() + 10;
    let short = token_with("alice", serde_json::json!({ "exp": expires }));
    let (first, second) = (
        ticket(&gateway, &short).await,
        ticket(&gateway, &short).await,
    );
    gateway.lets_in(&upgrade(&first)).await;
    while now() < expires {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let answer = gateway.ask(&upgrade(&second)).await;
    assert_refused(&answer, "expired meanwhile", 401, "token_expired");
}

#[tokio::test]
async fn ticket_1_every_refusal_is_that_of_the_upgrade_and_can_be_read() {
    let setup = Setup {
        door: SOURCES,
        ..door::setup()
    };
    let gateway = Gateway::with(&setup);
    let mut compared = 0;
    for case in refusals().iter().filter(|case| of_origin_and_token(case)) {
        let request = as_plain("POST", PATH, case);
        let with_page = !request.has("Origin") && case.code != "origin_required";
        let request = match with_page {
            true => request.and("Origin", ORIGIN),
            false => request,
        };
        let answer = gateway.ask(&request).await;
        assert_refused(&answer, &case.name, case.status, case.code);
        match case.code {
            "origin_not_allowed" | "several_origins" => assert_not_shared(&answer, &case.name),
            _ if with_page => assert_shared(&answer, ORIGIN, &case.name),
            _ => {}
        }
        compared += 1;
    }
    assert!(compared > 100, "only {compared}");
}

/// HTTP-11: exactly as `/connection/check`.
#[tokio::test]
async fn http_11_the_browser_asks_beforehand() {
    let gateway = gateway();
    let preflight = |path: &str| {
        Request::new("OPTIONS", path)
            .and("Access-Control-Request-Method", "POST")
            .and("Access-Control-Request-Headers", "authorization")
            .and("Origin", ORIGIN)
    };
    let ticket = gateway.ask(&preflight(PATH)).await;
    let check = gateway.ask(&preflight("/connection/check")).await;
    let of = |answer: &support::http::Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        (answer.status, headers)
    };
    assert_eq!(of(&ticket), of(&check));
    assert_shared(&ticket, ORIGIN, "preflight");
}

#[tokio::test]
async fn http_3_http_9_it_takes_post_without_a_body() {
    let gateway = gateway();
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let request = asks(&token("alice")).rename(method, PATH);
        let answer = gateway.ask(&request).await;
        assert_refused(&answer, "HEAD or another", 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        assert_shared(&answer, ORIGIN, method);
    }
    let body = asks(&token("alice"))
        .and("Content-Length", "2")
        .behind(b"{}");
    let answer = gateway.ask(&body).await;
    assert_refused(&answer, "a body", 400, "body_not_allowed");
    let empty = asks(&token("alice")).and("Content-Length", "0");
    assert_eq!(gateway.ask(&empty).await.status, 200);
}

#[tokio::test]
async fn where_the_source_is_off_there_are_no_tickets() {
    let gateway = Gateway::start();
    let answer = gateway.ask(&asks(&token("alice"))).await;
    assert_refused(&answer, "off", 404, "not_found");
    let answer = gateway.ask(&upgrade(&"A".repeat(43))).await;
    assert_refused(&answer, "not read", 401, "token_missing");
}

#[tokio::test]
async fn ticket_1_a_reload_keeps_those_that_were_given_out_and_judges_them_anew() {
    let gateway = gateway();
    let kept = ticket(&gateway, &token("alice")).await;
    let late = ticket(&gateway, &token("bob")).await;
    let teams = gateway
        .written()
        .replace("\nteams = []", "\nteams = []\nlevel = 1");
    assert!(gateway.reload(&teams).await);
    gateway.lets_in(&upgrade(&kept)).await;
    let audience = teams.replace("audience = [\"gatepost\"]", "audience = [\"other\"]");
    assert!(gateway.reload(&audience).await);
    let answer = gateway.ask(&upgrade(&late)).await;
    assert_refused(&answer, "another audience", 401, "token_audience_wrong");
}
