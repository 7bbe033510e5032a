//! How Gatepost asks others over HTTPS: one request, one bounded answer.
//!
//! For whoever needs something from another service while it runs, such as an issuer's keys. A URL
//! comes from the configuration, or from an answer to one that did; what it may lead to is judged
//! on the very address that is then connected to. Redirects are not followed, no answer is
//! decompressed, and bytes and time are bounded whatever the other side announces
//! (SECURITY.md JWKS-1, JWKS-2). No proxy of the environment is used.
//!
//! Each request has a connection of its own, since there are few and they are minutes apart. All of
//! it happens in the caller's task: whoever stops waiting has ended it.

mod address;
mod trust;
mod url;

#[cfg(test)]
mod tests;

pub use address::Reach;
pub use trust::{Roots, why_no_tls};
pub use url::{Url, UrlFault};
pub(crate) use url::{host_and_port, is_this_machine};

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HOST, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::limits::REQUEST_HEAD_BYTES;

/// Addresses of a name that are tried, one after the other within the time to connect.
const ADDRESSES: usize = 4;

/// What an answer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the name to the end of the TLS handshake.
    pub connect: Duration,
    /// From the name to the last byte of the answer.
    pub whole: Duration,
    /// Bytes of the body.
    pub body: usize,
}

/// Why there is no answer; a sentence without capital and full stop, and without anything that the
/// other side could word, but for the names in its certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// No address, or none in time.
    #[error("its name cannot be resolved")]
    Unresolved,
    /// Every address is one that may not be connected to.
    #[error("its name leads to {0}, and only allow_private = true lets it lead there")]
    NotPublic(IpAddr),
    /// The same, whatever is allowed.
    #[error("its name leads to {0}, which is never connected to")]
    NotAllowed(IpAddr),
    /// Nobody answers at any address.
    #[error("no connection: {0}")]
    Unreachable(io::ErrorKind),
    /// No TLS with whoever answers.
    #[error("no TLS: {0}")]
    Tls(String),
    /// It took too long.
    #[error("no whole answer in time")]
    TimedOut,
    /// What came is not HTTP, or breaks off.
    #[error("the answer is not HTTP, or breaks off")]
    Broken,
    /// The body is larger than it may be.
    #[error("the answer is larger than {} KiB", .0 >> 10)]
    TooLarge(usize),
    /// The body is compressed, which nobody asked for.
    #[error("the answer is compressed, which was not asked for")]
    Compressed,
}

impl FetchFault {
    /// One word of a bounded set, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            FetchFault::Unresolved => "unresolved",
            FetchFault::NotPublic(_) | FetchFault::NotAllowed(_) => "address_not_allowed",
            FetchFault::Unreachable(_) => "unreachable",
            FetchFault::Tls(_) => "tls",
            FetchFault::TimedOut => "timed_out",
            FetchFault::Broken => "broken",
            FetchFault::TooLarge(_) => "too_large",
            FetchFault::Compressed => "compressed",
        }
    }
}

/// Asks others; keeps nothing but whom it trusts.
pub struct Fetcher {
    roots: Roots,
    /// Made for the first `https` URL: it reads the system's certificates, some hundred files.
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Fetcher {
    /// One that accepts the certificates that these vouch for.
    pub fn new(roots: Roots) -> Fetcher {
        Fetcher {
            roots,
            tls: OnceLock::new(),
        }
    }

    /// GETs a URL. Every status is an answer, redirects too.
    ///
    /// # Errors
    /// When there is no whole answer within the bounds.
    pub async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, FetchFault> {
        let request = request(url, Method::GET, headers, Bytes::new())?;
        self.ask(url, request, bounds).await
    }

    /// POSTs a body to a URL. Every status is an answer, redirects too.
    ///
    /// # Errors
    /// When there is no whole answer within the bounds.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, FetchFault> {
        let request = request(url, Method::POST, headers, body)?;
        self.ask(url, request, bounds).await
    }

    async fn ask(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, FetchFault> {
        let exchange = async {
            let end = Instant::now() + bounds.connect;
            let connected = timeout_at(end, self.connect(url, end));
            let stream = connected.await.map_err(|_| FetchFault::TimedOut)??;
            exchange(stream, request, bounds.body).await
        };
        let answer = timeout(bounds.whole, exchange).await;
        answer.map_err(|_| FetchFault::TimedOut)?
    }

    async fn connect(&self, url: &Url, end: Instant) -> Result<Box<dyn Stream>, FetchFault> {
        let found = tokio::net::lookup_host((url.host(), url.port())).await;
        let addresses: Vec<_> = found.map_err(|_| FetchFault::Unresolved)?.collect();
        let tcp = dial(&allowed(&addresses, url.reach())?, end).await?;
        if !url.is_tls() {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(url.host().to_owned());
        let name = name.map_err(|_| FetchFault::Tls("its host is no name".to_owned()))?;
        let tls = self.tls()?.connect(name, tcp).await;
        Ok(Box::new(
            tls.map_err(|why| FetchFault::Tls(why_no_tls(&why)))?,
        ))
    }

    fn tls(&self) -> Result<&TlsConnector, FetchFault> {
        let make = || {
            self.roots
                .client_config()
                .map(|c| TlsConnector::from(Arc::new(c)))
        };
        let made = self.tls.get_or_init(make).as_ref();
        made.map_err(|why| FetchFault::Tls(why.clone()))
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fetcher").field(&self.roots).finish()
    }
}

/// TCP, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Those of a name's addresses that may be connected to. These very ones are then connected to: the
/// name is not looked up again.
fn allowed(addresses: &[SocketAddr], reach: Reach) -> Result<Vec<SocketAddr>, FetchFault> {
    let good = addresses
        .iter()
        .filter(|address| reach.allows(address.ip()));
    let good: Vec<_> = good.take(ADDRESSES).copied().collect();
    match (good.is_empty(), addresses.first()) {
        (false, _) => Ok(good),
        (true, None) => Err(FetchFault::Unresolved),
        (true, Some(address)) if Reach::Inside.allows(address.ip()) => {
            Err(FetchFault::NotPublic(address.ip()))
        }
        (true, Some(address)) => Err(FetchFault::NotAllowed(address.ip())),
    }
}

/// Tries one address after the other; each has its share of the time that is left.
async fn dial(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, FetchFault> {
    let mut fault = FetchFault::Unresolved;
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(why)) => fault = FetchFault::Unreachable(why.kind()),
            Err(_) => fault = FetchFault::TimedOut,
        }
    }
    Err(fault)
}

fn request(
    url: &Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, FetchFault> {
    let path = url.uri().path_and_query().map_or("/", |path| path.as_str());
    let authority = url.uri().authority().map_or("", |host| host.as_str());
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|_| FetchFault::Broken)?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(authority).map_err(|_| FetchFault::Broken)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
    Ok(request)
}

const NAME: &str = concat!("gatepost/", env!("CARGO_PKG_VERSION"));

/// Sends the request and reads the whole answer. The connection is driven here and ends with it.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Response<Bytes>, FetchFault> {
    let connected = http1::Builder::new()
        .max_buf_size(REQUEST_HEAD_BYTES)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = connected.await.map_err(|_| FetchFault::Broken)?;
    let answer = async {
        let answer = sender.send_request(request).await;
        read(answer.map_err(|_| FetchFault::Broken)?, most).await
    };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        _ = &mut connection => {}
    }
    // It has ended, and what it had read is still on its way to the answer.
    answer.await
}

async fn read<B>(answer: Response<B>, most: usize) -> Result<Response<Bytes>, FetchFault>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = answer.into_parts();
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !head.headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(FetchFault::Compressed);
    }
    // What is announced is believed where it is too much, and counted where it is not.
    if body.size_hint().lower() > most as u64 {
        return Err(FetchFault::TooLarge(most));
    }
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(why) if why.is::<LengthLimitError>() => Err(FetchFault::TooLarge(most)),
        Err(_) => Err(FetchFault::Broken),
    }
}
