//! Every answer of the door other than 101, in one table.
//!
//! `edge` and this module refuse; both take status, code, sentence, metric label and headers from
//! here, so that a client, a log line and a metric name one fault by one word. A refusal holds
//! nothing of the request: what it says was written here or in the configuration, so it can be
//! logged and sent as it is (SECURITY.md JWT-20, LOG-1).

mod charged;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;

/// Declares the table: a variant, its status, its code and its sentence, each written once, so
/// that none of them can be forgotten for a new refusal.
macro_rules! refusals {
    ($(
        $name:ident $({ $detail:ident: $type:ty = $example:expr })?
            => $status:ident, $code:literal, $message:literal;
    )*) => {
        /// Why a request was not let through the door.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $(
                #[doc = concat!("`", $code, "`: `", $message, "`.")]
                $name $({
                    /// The detail that goes with it.
                    $detail: $type
                })?,
            )*
        }

        impl Refusal {
            /// One of each, with made-up details: for tests and documentation that walk the table.
            pub const ALL: &[Refusal] = &[$( Refusal::$name $({ $detail: $example })? ),*];

            fn row(&self) -> Row {
                match self {
                    $( Refusal::$name $({ $detail: _ })? => Row {
                        status: StatusCode::$status,
                        code: $code,
                        message: $message,
                    }, )*
                }
            }
        }
    };
}

struct Row {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

refusals! {
    // The node.
    Draining { retry_after: Duration = Duration::from_secs(1) }
        => SERVICE_UNAVAILABLE, "draining",
        "this node is stopping; connect again after the time that Retry-After says";
    NodeFull { retry_after: Duration = Duration::from_secs(1) }
        => SERVICE_UNAVAILABLE, "node_full",
        "this node has as many connections as it can hold; connect again after the time that \
         Retry-After says, perhaps to another";
    AddressConnectsTooOften { retry_after: Duration = Duration::from_secs(1) }
        => TOO_MANY_REQUESTS, "address_connects_too_often",
        "too many connections come from this address; connect again after the time that \
         Retry-After says";
    AddressFailsTooOften { retry_after: Duration = Duration::from_secs(1) }
        => TOO_MANY_REQUESTS, "address_fails_too_often",
        "too many requests of this address were malformed or had no good token; mend them, and \
         try again after the time that Retry-After says";
    UserConnectsTooOften { retry_after: Duration = Duration::from_secs(1) }
        => TOO_MANY_REQUESTS, "user_connects_too_often",
        "this user opens connections too often; keep the one that is open, or connect again after \
         the time that Retry-After says";
    TooManyConnections { retry_after: Duration = Duration::from_secs(1) }
        => TOO_MANY_REQUESTS, "too_many_connections",
        "this user has as many connections as one may have; close one, or try again later";

    IssuerKeysUnavailable { retry_after: Duration = Duration::from_secs(1) }
        => SERVICE_UNAVAILABLE, "issuer_keys_unavailable",
        "the keys of the token's issuer cannot be had at the moment, so nobody can tell whether it \
         is good; try again after the time that Retry-After says";

    TokenKeyNotYetKnown { retry_after: Duration = Duration::from_secs(1) }
        => SERVICE_UNAVAILABLE, "token_key_not_yet_known",
        "the token's kid names no key that the gateway has seen, and it may ask the issuer for new \
         ones only now and then; try again with the same token after the time that Retry-After says";

    // The HTTP request.
    NotFound => NOT_FOUND, "not_found",
        "there is nothing at this path; the gateway's WebSocket is at /connection/websocket";
    MethodNotAllowed => METHOD_NOT_ALLOWED, "method_not_allowed",
        "this path does not take this method; the header Allow lists those that it takes";
    UnknownHost => MISDIRECTED_REQUEST, "host_not_served",
        "the gateway does not serve the name in the header Host; use one of its configured hosts";
    UriTooLong => URI_TOO_LONG, "uri_too_long",
        "the path and query are too long; shorten the query to what the gateway reads";
    HeaderFieldsTooLarge => REQUEST_HEADER_FIELDS_TOO_LARGE, "header_fields_too_large",
        "the headers are too many or too large; send fewer or smaller cookies and headers";
    BodyTooLarge => PAYLOAD_TOO_LARGE, "body_too_large",
        "the body of the request is larger than this path takes; send less";
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
        "the body of the request is of another type than this path takes; set Content-Type to it";
    BodyNotAllowed => BAD_REQUEST, "body_not_allowed",
        "this request must have no body; leave out Content-Length and Transfer-Encoding";

    // The upgrade.
    UpgradeRequired => UPGRADE_REQUIRED, "upgrade_required",
        "this path is a WebSocket; send Upgrade: websocket and Sec-WebSocket-Version: 13";
    BadHttpVersion => BAD_REQUEST, "bad_http_version",
        "a WebSocket is opened over HTTP/1.1; no other version of HTTP is taken here";
    BadHost => BAD_REQUEST, "bad_host",
        "the header Host must be there exactly once and name a host";
    BadConnectionHeader => BAD_REQUEST, "bad_connection_header",
        "the header Connection must list upgrade; a proxy in between may have removed it";
    BadKey => BAD_REQUEST, "bad_key",
        "the header Sec-WebSocket-Key must be there exactly once, 16 bytes in base64";
    BadSubprotocol => BAD_REQUEST, "bad_subprotocol",
        "the header Sec-WebSocket-Protocol must be a list of names with at most one bearer.TOKEN";
    BearerWithoutProtocol => BAD_REQUEST, "bearer_without_protocol",
        "a token was offered as a subprotocol with none that the gateway can answer with; \
         offer centrifuge-json or centrifuge-protobuf beside bearer.TOKEN";

    // The origin.
    SeveralOrigins => BAD_REQUEST, "several_origins",
        "the header Origin must be there at most once";
    OriginNotAllowed => FORBIDDEN, "origin_not_allowed",
        "pages of this origin may not connect; add it to origins under [door] if they should";
    OriginRequired => FORBIDDEN, "origin_required",
        "the header Origin is missing; with a cookie it is always needed, and without one too \
         where the gateway is configured with allow_missing_origin = false";

    // Where the token is.
    SeveralTokens => BAD_REQUEST, "several_tokens",
        "the request carries more than one token; send one, in one place";
    SeveralAuthorizations => BAD_REQUEST, "several_authorizations",
        "the header Authorization must be there at most once";
    SeveralCookies => BAD_REQUEST, "several_cookies",
        "the request has several token cookies with different values; another host or path of \
         the site may have set one";
    BadAuthorization => BAD_REQUEST, "bad_authorization",
        "the header Authorization must be the word Bearer, one space and the token";
    TokenInUrl => BAD_REQUEST, "token_in_url",
        "a token in the URL ends up in logs and is not read; send it as Authorization: Bearer, \
         as a cookie or as the subprotocol bearer.TOKEN";
    TokenMissing => UNAUTHORIZED, "token_missing",
        "the request carries no token in any of the places that the gateway reads";
    TicketNotTaken => BAD_REQUEST, "ticket_not_taken",
        "a ticket opens one WebSocket and is not looked at here; present the token, as \
         Authorization: Bearer or as the cookie";

    // The ticket in its place.
    TicketInvalid => UNAUTHORIZED, "ticket_invalid",
        "the ticket is unknown, was used, or is older than 30 seconds; ask /connection/ticket for \
         a new one before each attempt";
    TicketOfAnotherOrigin => FORBIDDEN, "ticket_of_another_origin",
        "the ticket was given to a page of another origin; ask for one from the page that connects";
    TooManyTickets { retry_after: Duration = Duration::from_secs(1) }
        => TOO_MANY_REQUESTS, "too_many_tickets",
        "this user has 10 tickets that were not used yet; ask for one only when it is needed";
    TicketsFull { retry_after: Duration = Duration::from_secs(1) }
        => SERVICE_UNAVAILABLE, "tickets_full",
        "this node keeps as many tickets as it may; try again after the time that Retry-After says";

    // The form of the token.
    TokenTooLarge => UNAUTHORIZED, "token_too_large",
        "the token is larger than 8 KiB, or its header than 2 KiB; put less into it";
    TokenMalformed => UNAUTHORIZED, "token_malformed",
        "the token is not a signed JWT in compact form: three parts of base64url without padding, \
         the first two of them JSON objects";
    TokenEncrypted => UNAUTHORIZED, "token_encrypted",
        "encrypted tokens are not supported; present a signed one";
    TokenHeaderNotSupported => UNAUTHORIZED, "token_header_not_supported",
        "the token's header has crit, b64, zip or enc, which are not supported; leave them out";
    TokenTypeNotAllowed => UNAUTHORIZED, "token_type_not_allowed",
        "the token's typ is not one that opens a connection; use JWT, at+jwt or what typ under \
         [[issuer]] lists";
    TokenMemberRepeated => UNAUTHORIZED, "token_member_repeated",
        "the token has a JSON object with two members of one name; leave one of them out";
    TokenTooComplex => UNAUTHORIZED, "token_too_complex",
        "the token's claims are nested deeper than 16 levels or have more than 256 members";

    // Who signed it.
    TokenIssuerUnknown => UNAUTHORIZED, "token_issuer_unknown",
        "the token's iss is not the issuer of any [[issuer]], byte for byte";
    TokenAlgorithmNotAllowed => UNAUTHORIZED, "token_algorithm_not_allowed",
        "the token's alg is not in the list of algorithms of its issuer, or not one of the key \
         that its kid names";
    TokenKeyUnknown => UNAUTHORIZED, "token_key_unknown",
        "the token's kid names no key of its issuer, or it has none where several keys could have \
         signed it; the keys may have been rotated";
    TokenSignatureInvalid => UNAUTHORIZED, "token_signature_invalid",
        "no key of the token's issuer verifies its signature; the keys may have been rotated";

    // What it says, judged only when the signature is good.
    TokenExpired => UNAUTHORIZED, "token_expired",
        "the token has expired; get a new one and connect again";
    TokenNotYetValid => UNAUTHORIZED, "token_not_yet_valid",
        "the token is not valid yet by its nbf; the clocks of issuer and gateway may differ";
    TokenIssuedInFuture => UNAUTHORIZED, "token_issued_in_future",
        "the token's iat is in the future; the clocks of issuer and gateway may differ";
    TokenTimesInvalid => UNAUTHORIZED, "token_times_invalid",
        "the token must have exp, and its exp, nbf, iat and expire_at must be numbers of seconds \
         from 0 to 2^53";
    TokenLivesTooLong => UNAUTHORIZED, "token_lives_too_long",
        "the token has no iat, or lives from iat to exp longer than max_token_life of its issuer";
    TokenAudienceWrong => UNAUTHORIZED, "token_audience_wrong",
        "the token's aud does not name this gateway; its issuer must put in one that does";
    TokenUserUnusable => UNAUTHORIZED, "token_user_unusable",
        "the token's sub must be a string that is, with the user_prefix of its issuer, 1 to 128 \
         characters of printable ASCII without space, # and comma";
    TokenUserReserved => UNAUTHORIZED, "token_user_reserved",
        "the token's sub begins with the user_prefix of another issuer";
    TokenIsForSubscription => UNAUTHORIZED, "token_is_for_subscription",
        "this is a subscription token (it has a channel, or its issuer signs no others); present a \
         connection token";
    TokenIsIdToken => UNAUTHORIZED, "token_is_id_token",
        "this is an id token (it has nonce, at_hash or c_hash); present an access token";
    TokenNeedsProof => UNAUTHORIZED, "token_needs_proof",
        "the token is bound to a proof (it has cnf), which the gateway cannot check";
    TokenClaimMissing { claim: Cow<'static, str> = Cow::Borrowed("teams") }
        => UNAUTHORIZED, "token_claim_missing",
        "the token lacks a claim that required_claims of its issuer names";
    TokenClaimMismatch { reason: Cow<'static, str> = Cow::Borrowed("teams must be a list") }
        => UNAUTHORIZED, "token_claim_mismatch",
        "a claim of the token is of another type than [claims] declares";
    TokenGrantsMalformed { reason: Cow<'static, str> = Cow::Borrowed("caps must be a list") }
        => UNAUTHORIZED, "token_grants_malformed",
        "the token's channels, subs or caps is not what it must be; write grants = false under its \
         [[issuer]] if these claims are of another kind";

    // Whether it was taken back since.
    TokenRevoked => UNAUTHORIZED, "token_revoked",
        "the token was revoked; sign in again to get a new one";
    UserBlocked => FORBIDDEN, "user_blocked",
        "this user is blocked; no token helps until the block is taken back or ends";

    // The admin listener and the server API.
    NotOnAdmin => NOT_FOUND, "not_on_admin",
        "there is nothing at this path of the admin listener; it has /metrics, /health/live, \
         /health/ready and the methods of the server API under /api/, and the WebSocket is on the \
         other one";
    ApiMethodUnknown => NOT_FOUND, "api_method_unknown",
        "the server API has no such method; it has revoke_token, invalidate_user_tokens, \
         block_user, unblock_user, disconnect and explain";
    ApiClosed => UNAUTHORIZED, "api_closed",
        "the server API is closed, since no key is configured; write api_key_env or api_key_file \
         under [admin] to open it";
    ApiKeyWrong => UNAUTHORIZED, "api_key_wrong",
        "the server API takes one key, one of those under [admin], as X-API-Key or as \
         Authorization: apikey KEY";
}

impl Refusal {
    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// The stable name that clients, logs and metrics use: one of a bounded set (SECURITY.md LOG-4).
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    /// One sentence that a person can act on, without capital and full stop.
    pub fn message(&self) -> Cow<'static, str> {
        let message = self.row().message;
        match self {
            Refusal::TokenClaimMissing { claim } => format!("{message}: {claim}").into(),
            Refusal::TokenClaimMismatch { reason } | Refusal::TokenGrantsMalformed { reason } => {
                format!("{message}: {reason}").into()
            }
            _ => message.into(),
        }
    }

    /// Its page below `docs/`, without the ending: what it means, why it happens, what to do.
    pub fn docs(&self) -> String {
        format!("errors/{}", self.code())
    }

    /// The body of the answer: `{"error":{"code":"…","docs":"errors/…","message":"…"}}`.
    pub fn json_body(&self) -> String {
        let (code, docs, message) = (self.code(), self.docs(), self.message());
        json!({ "error": { "code": code, "docs": docs, "message": message } }).to_string()
    }

    /// The header `WWW-Authenticate`, which goes with every 401 (RFC 6750 §3).
    ///
    /// A request without any token gets the bare scheme: there is no fault to name yet.
    pub fn www_authenticate(&self) -> Option<String> {
        if self.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        match self {
            Refusal::TokenMissing => return Some("Bearer".to_owned()),
            Refusal::ApiClosed | Refusal::ApiKeyWrong => return Some("apikey".to_owned()),
            _ => {}
        }
        let description = self.error_description();
        Some(format!(
            r#"Bearer error="invalid_token", error_description="{description}""#
        ))
    }

    /// The fixed list of JWT-20. What it has no words for is `malformed` there; the body says more.
    fn error_description(&self) -> &'static str {
        match self {
            Refusal::TokenExpired => "expired",
            Refusal::TokenRevoked => "revoked",
            Refusal::TokenNotYetValid | Refusal::TokenIssuedInFuture => "not yet valid",
            Refusal::TokenIssuerUnknown => "wrong issuer",
            Refusal::TokenAudienceWrong => "wrong audience",
            Refusal::TokenAlgorithmNotAllowed | Refusal::TokenKeyUnknown => "unknown key",
            Refusal::TokenSignatureInvalid => "bad signature",
            _ => "malformed",
        }
    }

    /// Whether the fault is nobody's at the door: the same token may be good a moment later.
    pub fn is_passing(&self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }

    /// The header `Retry-After`: after how long another attempt may succeed.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Draining { retry_after }
            | Refusal::NodeFull { retry_after }
            | Refusal::AddressConnectsTooOften { retry_after }
            | Refusal::AddressFailsTooOften { retry_after }
            | Refusal::UserConnectsTooOften { retry_after }
            | Refusal::TooManyConnections { retry_after }
            | Refusal::TooManyTickets { retry_after }
            | Refusal::TicketsFull { retry_after }
            | Refusal::IssuerKeysUnavailable { retry_after }
            | Refusal::TokenKeyNotYetKnown { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
