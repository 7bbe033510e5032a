//! Where an issuer publishes its keys, and the asking: its JWK Set, by URL or by discovery.
//!
//! With discovery (OpenID Connect Discovery 1.0) the issuer's own document names the URL of the
//! set; the document must name the very issuer that is configured, or whoever can serve it would
//! speak for that issuer (SECURITY.md JWKS-1). One answer is good or it is a fault; what to do then,
//! and when to ask again, `live` knows.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use hyper::{Response, StatusCode};
use serde_json::Value;

use super::jwks::{self, Remark, SetFault};
use super::named::NamedKeys;
use super::remote::{KeysAt, RemoteKeys};
use crate::fetch::{Bounds, FetchFault, Fetcher, Url, UrlFault};
use crate::identity::algorithm::Algorithm;
use crate::identity::json;

const BOUNDS: Bounds = Bounds {
    connect: Duration::from_secs(2),
    whole: Duration::from_secs(5),
    body: 256 * 1024,
};
/// Members over a discovery document; real ones have about a hundred.
const MAX_DISCOVERY_MEMBERS: usize = 4096;
/// A longer validator is not sent back.
const MAX_VALIDATOR_BYTES: usize = 1024;

/// What a good answer says.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The set is what it was.
    Same,
    /// A set, and what is to be said of it.
    Set(NamedKeys, Vec<Remark>),
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) fetched: Fetched,
    /// How long it says that it is fresh.
    pub(super) max_age: Option<Duration>,
}

/// Why there are no new keys; a sentence without capital and full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::identity) enum KeysFault {
    /// There was no answer.
    #[error("{0}")]
    Fetch(#[from] FetchFault),
    /// An answer, but none with keys.
    #[error("it answers with status {0}")]
    Status(u16),
    /// Somebody wants the gateway to ask somewhere else.
    #[error("it answers with a redirect ({0}), which is not followed: configure the URL itself")]
    Redirect(u16),
    /// A document, but no set.
    #[error("{0}")]
    Set(#[from] SetFault),
    /// The discovery document is none.
    #[error("the discovery document is not strict JSON with issuer and jwks_uri")]
    Discovery,
    /// It is the document of somebody else.
    #[error("the issuer in the discovery document is not the configured one, byte for byte")]
    OtherIssuer,
    /// It names what is no URL to fetch from.
    #[error("jwks_uri in the discovery document: {0}")]
    Url(#[from] UrlFault),
}

impl KeysFault {
    /// One word of a bounded set, for metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            KeysFault::Fetch(fault) => fault.label(),
            KeysFault::Status(_) => "status",
            KeysFault::Redirect(_) => "redirect",
            KeysFault::Set(SetFault::NoKeys) => "no_keys",
            KeysFault::Set(_) => "bad_set",
            KeysFault::Discovery => "bad_discovery",
            KeysFault::OtherIssuer => "other_issuer",
            KeysFault::Url(_) => "bad_url",
        }
    }
}

/// Asks one issuer for its keys.
#[derive(Debug)]
pub(super) struct Endpoint {
    fetcher: Fetcher,
    settings: RemoteKeys,
    /// The `iss` that a discovery document must name.
    issuer: String,
    algorithms: Vec<Algorithm>,
    /// What the discovery document named.
    discovered: Option<Url>,
    validators: HeaderMap,
    /// The last good document: the same bytes are the same keys, whatever the issuer's cache says.
    last: Option<Bytes>,
}

impl Endpoint {
    pub(super) fn new(
        settings: RemoteKeys,
        issuer: String,
        algorithms: Vec<Algorithm>,
    ) -> Endpoint {
        Endpoint {
            fetcher: Fetcher::new(settings.roots.clone()),
            settings,
            issuer,
            algorithms,
            discovered: None,
            validators: HeaderMap::new(),
            last: None,
        }
    }

    /// Asks for the set; where there is discovery, `afresh` asks first where it is.
    pub(super) async fn ask(&mut self, afresh: bool) -> Result<Answer, KeysFault> {
        let answer = match self.url(afresh).await {
            Ok(url) => self.fetch_set(&url).await,
            Err(fault) => Err(fault),
        };
        if answer.is_err() {
            // It may have moved.
            self.discovered = None;
        }
        answer
    }

    async fn url(&mut self, afresh: bool) -> Result<Url, KeysFault> {
        let document = match (&self.settings.at, &self.discovered) {
            (KeysAt::Jwks(url), _) => return Ok(url.clone()),
            (KeysAt::Discovery(_), Some(known)) if !afresh => return Ok(known.clone()),
            (KeysAt::Discovery(url), _) => url,
        };
        let answer = self.get(document, HeaderMap::new()).await?;
        let named = named_by(answer.body(), &self.issuer)?;
        let url = document.named_by(&named, self.settings.allow_private)?;
        if self.discovered.as_ref() != Some(&url) {
            // What another URL's cache knows says nothing of this one's.
            self.validators.clear();
        }
        self.discovered = Some(url.clone());
        Ok(url)
    }

    async fn fetch_set(&mut self, url: &Url) -> Result<Answer, KeysFault> {
        let answer = self.get(url, self.validators.clone()).await?;
        let max_age = max_age(answer.headers());
        if answer.status() == StatusCode::NOT_MODIFIED || self.last.as_ref() == Some(answer.body())
        {
            let fetched = Fetched::Same;
            return Ok(Answer { fetched, max_age });
        }
        let (keys, remarks) = jwks::parse(answer.body(), &self.algorithms)?;
        // Only now, or a document that is no good would be "not modified" the next time.
        self.validators = validators(answer.headers());
        self.last = Some(answer.into_body());
        let fetched = Fetched::Set(keys, remarks);
        Ok(Answer { fetched, max_age })
    }

    /// 200, or 304 where that was asked for.
    async fn get(&self, url: &Url, mut headers: HeaderMap) -> Result<Response<Bytes>, KeysFault> {
        let conditional = !headers.is_empty();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.fetcher.get(url, headers, BOUNDS).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_MODIFIED if conditional => Ok(answer),
            status if status.is_redirection() => Err(KeysFault::Redirect(status.as_u16())),
            status => Err(KeysFault::Status(status.as_u16())),
        }
    }
}

/// The URL of the set that a discovery document names, if it is the document of this issuer.
fn named_by(text: &[u8], issuer: &str) -> Result<String, KeysFault> {
    let document = json::object_within(text, MAX_DISCOVERY_MEMBERS);
    let document = document.map_err(|_| KeysFault::Discovery)?;
    let text = |name| document.get(name).and_then(Value::as_str);
    match (text("issuer"), text("jwks_uri")) {
        (Some(other), _) if other != issuer => Err(KeysFault::OtherIssuer),
        (Some(_), Some(url)) => Ok(url.to_owned()),
        _ => Err(KeysFault::Discovery),
    }
}

/// What the next request says of the version that is here: the ETag, or else the time.
fn validators(answer: &HeaderMap) -> HeaderMap {
    let pairs: [(HeaderName, HeaderName); 2] =
        [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    let mut headers = HeaderMap::new();
    for (given, asked) in pairs {
        match answer.get(given) {
            Some(value) if value.len() <= MAX_VALIDATOR_BYTES => {
                headers.insert(asked, value.clone());
                break;
            }
            _ => {}
        }
    }
    headers
}

/// `max-age` of `Cache-Control` (RFC 9111 §5.2.2.1), unless it must not be kept at all.
fn max_age(answer: &HeaderMap) -> Option<Duration> {
    let lines = answer.get_all(CACHE_CONTROL).into_iter();
    let directives: Vec<_> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|d| d == "no-store" || d == "no-cache")
    {
        return None;
    }
    let seconds = directives.iter().find_map(|d| d.strip_prefix("max-age="))?;
    seconds
        .trim_matches('"')
        .parse()
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let lines = lines.iter().cloned();
        lines
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn jwks_5_how_long_an_answer_is_fresh() {
        for (line, seconds) in [
            ("max-age=600", Some(600)),
            ("public, Max-Age=60, must-revalidate", Some(60)),
            ("max-age=\"5\"", Some(5)),
            ("s-maxage=600", None),
            ("max-age=-1", None),
            ("max-age=600, no-store", None),
            ("no-cache", None),
            ("", None),
        ] {
            let found = max_age(&headers(&[(CACHE_CONTROL, line)]));
            assert_eq!(found, seconds.map(Duration::from_secs), "{line}");
        }
    }

    #[test]
    fn jwks_5_what_makes_the_next_request_conditional() {
        let both = headers(&[(ETAG, "\"1\""), (LAST_MODIFIED, "yesterday")]);
        assert_eq!(validators(&both), headers(&[(IF_NONE_MATCH, "\"1\"")]));
        let time = headers(&[(LAST_MODIFIED, "yesterday")]);
        assert_eq!(
            validators(&time),
            headers(&[(IF_MODIFIED_SINCE, "yesterday")])
        );
        assert!(validators(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn jwks_1_the_document_must_be_of_the_configured_issuer() {
        let iss = "https://auth.example.com/";
        let good = r#"{"issuer":"https://auth.example.com/","jwks_uri":"https://k/","x":[{}]}"#;
        assert_eq!(named_by(good.as_bytes(), iss), Ok("https://k/".to_owned()));
        for other in [
            "https://auth.example.com",
            "https://AUTH.example.com/",
            "https://evil/",
        ] {
            let text = good.replacen(iss, other, 1);
            assert_eq!(
                named_by(text.as_bytes(), iss),
                Err(KeysFault::OtherIssuer),
                "{text}"
            );
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"issuer":"https://auth.example.com/"}"#,
            r#"{"issuer":"https://auth.example.com/","jwks_uri":7}"#,
            r#"{"jwks_uri":"https://k/"}"#,
            r#"{"issuer":["https://auth.example.com/"],"jwks_uri":"https://k/"}"#,
            r#"{"issuer":"https://auth.example.com/","jwks_uri":"https://k/","jwks_uri":"https://l/"}"#,
        ] {
            assert_eq!(
                named_by(text.as_bytes(), iss),
                Err(KeysFault::Discovery),
                "{text}"
            );
        }
    }
}
