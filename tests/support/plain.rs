//! Questions to the door over plain HTTP: what of the table of refusals concerns them, and the
//! headers by which a page may read their answers (HTTP-11).

use super::http::Answer;
use super::refusals::Case;
use super::request::Request;

/// What of a refused upgrade concerns its origin and its token: the rest has no meaning here.
pub fn of_origin_and_token(case: &Case) -> bool {
    let codes = ["token_", "several_", "origin_", "bad_authorization"];
    let offers = case.request.has("Sec-WebSocket-Protocol");
    codes.iter().any(|code| case.code.starts_with(code)) && !offers
}

/// The same request for another path, without what makes it an upgrade.
pub fn as_plain(method: &str, path: &str, case: &Case) -> Request {
    let headers = [
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
    ];
    let plain = headers
        .iter()
        .fold(case.request.clone(), |r, name| r.without(name));
    plain.rename(method, &format!("{path}{}", case.request.query()))
}

/// HTTP-11: the headers by which a page may read the answer.
pub fn assert_shared(answer: &Answer, origin: &str, about: &str) {
    let header = |name: &str| answer.header(name).unwrap_or_default().to_ascii_lowercase();
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(origin),
        "{about}"
    );
    assert_eq!(
        header("access-control-allow-credentials"),
        "true",
        "{about}"
    );
    let exposed = header("access-control-expose-headers");
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    for name in ["retry-after", "www-authenticate"] {
        assert!(exposed.contains(&name), "{about}");
    }
    assert_eq!(header("vary"), "origin", "{about}");
}

pub fn assert_not_shared(answer: &Answer, about: &str) {
    let cors = |(name, _): &&(String, String)| name.starts_with("access-control-");
    assert!(
        answer.headers.iter().find(cors).is_none(),
        "{about}: {answer:?}"
    );
}
