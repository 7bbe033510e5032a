//! Fetching from a server of the test that answers by literal bytes (JWKS-1, JWKS-2).

use hyper::StatusCode;
use hyper::header::{IF_NONE_MATCH, LOCATION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;

const BOUNDS: Bounds = Bounds {
    connect: Duration::from_secs(20),
    whole: Duration::from_secs(50),
    body: 1024,
};

/// Reads a request's head, then writes this and closes; gives what it read.
async fn serve<S: Stream>(mut stream: S, answer: &[u8]) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    // The other side may have had enough.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
    String::from_utf8(head).unwrap()
}

async fn fetch_with(
    answer: &[u8],
    headers: HeaderMap,
) -> (Result<Response<Bytes>, FetchFault>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
    let url = Url::configured(&url, false).unwrap();
    let fetcher = Fetcher::new(Roots::System);
    let server = async { serve(listener.accept().await.unwrap().0, answer).await };
    tokio::join!(fetcher.get(&url, headers, BOUNDS), server)
}

async fn fetch(answer: &str) -> Result<Response<Bytes>, FetchFault> {
    fetch_with(answer.as_bytes(), HeaderMap::new()).await.0
}

#[tokio::test]
async fn an_answer_and_what_was_asked() {
    let mut headers = HeaderMap::new();
    headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"7\""));
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let (answer, asked) = fetch_with(answer, headers).await;
    assert_eq!(answer.unwrap().into_body(), "{}");
    let asked = asked.to_lowercase();
    assert!(asked.starts_with("get /keys?a=b http/1.1\r\n"), "{asked}");
    for line in [
        "host: 127.0.0.1:",
        "if-none-match: \"7\"",
        "accept-encoding: identity",
    ] {
        assert!(asked.contains(line), "{asked}");
    }
}

#[tokio::test]
async fn jwks_1_a_redirect_is_an_answer_and_nothing_else() {
    let answer =
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
    let answer = fetch(answer).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert!(answer.headers().contains_key(LOCATION));
}

#[tokio::test]
async fn jwks_2_a_body_is_bounded_whatever_is_announced() {
    let (just, over) = ("x".repeat(1024), "x".repeat(1025));
    let chunked = |body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        )
    };
    let until_close = |body: &str| format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    for form in [&chunked as &dyn Fn(&str) -> String, &until_close] {
        assert_eq!(fetch(&form(&just)).await.unwrap().body().len(), 1024);
        assert_eq!(
            fetch(&form(&over)).await.unwrap_err(),
            FetchFault::TooLarge(1024)
        );
    }
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n{}";
    assert_eq!(
        fetch(announced).await.unwrap_err(),
        FetchFault::TooLarge(1024)
    );
    let compressed = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(fetch(compressed).await.unwrap_err(), FetchFault::Compressed);
}

#[tokio::test]
async fn what_breaks_off_or_is_not_http() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        head.as_str(),
    ] {
        assert_eq!(fetch(answer).await.unwrap_err(), FetchFault::Broken);
    }
}

#[tokio::test(start_paused = true)]
async fn jwks_2_a_slow_answer_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::configured(
        &format!("http://{}/", listener.local_addr().unwrap()),
        false,
    );
    let (fetcher, began) = (Fetcher::new(Roots::System), Instant::now());
    let server = async {
        let mut stream = listener.accept().await.unwrap().0;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let url = url.unwrap();
    let answer = async { fetcher.get(&url, HeaderMap::new(), BOUNDS).await };
    tokio::select! {
        answer = answer => assert_eq!(answer.unwrap_err(), FetchFault::TimedOut),
        () = server => panic!("the fetch ended the connection before its time"),
    }
    assert!(began.elapsed() <= BOUNDS.whole + Duration::from_millis(10));
}

#[test]
fn jwks_1_the_addresses_of_a_name_are_judged_one_by_one() {
    let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 443);
    let (public, private, metadata) = (at("93.184.216.34"), at("10.0.0.1"), at("169.254.169.254"));
    let mixed = [private, public, metadata];
    assert_eq!(allowed(&mixed, Reach::Internet), Ok(vec![public]));
    assert_eq!(allowed(&mixed, Reach::Inside), Ok(vec![private, public]));
    assert_eq!(
        allowed(&mixed, Reach::Loopback),
        Err(FetchFault::NotPublic(private.ip()))
    );
    let mapped = at("::ffff:127.0.0.1");
    assert_eq!(
        allowed(&[mapped], Reach::Internet),
        Err(FetchFault::NotPublic(mapped.ip()))
    );
    assert_eq!(
        allowed(&[metadata], Reach::Inside),
        Err(FetchFault::NotAllowed(metadata.ip()))
    );
    assert_eq!(allowed(&[], Reach::Internet), Err(FetchFault::Unresolved));
}

#[tokio::test]
async fn an_address_that_refuses_gives_way_to_the_next() {
    let (closed, open) = (
        TcpListener::bind("127.0.0.1:0"),
        TcpListener::bind("127.0.0.1:0"),
    );
    let (closed, open) = (closed.await.unwrap(), open.await.unwrap());
    let addresses = [closed.local_addr().unwrap(), open.local_addr().unwrap()];
    drop(closed);
    let end = Instant::now() + BOUNDS.connect;
    assert!(dial(&addresses, end).await.is_ok());
    let refused = dial(&addresses[..1], end).await.unwrap_err();
    assert_eq!(
        refused,
        FetchFault::Unreachable(io::ErrorKind::ConnectionRefused)
    );
}

/// Fetches by TLS from a server with a certificate for this name.
async fn fetch_by_tls(name: &str, trusted: bool) -> Result<Response<Bytes>, FetchFault> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = Url::configured(&format!("https://localhost:{port}/"), false).unwrap();
    let pem = if trusted {
        made.cert.pem()
    } else {
        other.cert.pem()
    };
    let fetcher = Fetcher::new(Roots::of_pem(pem.as_bytes()).unwrap());
    let server = async {
        let tcp = listener.accept().await.unwrap().0;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        if let Ok(stream) = acceptor.accept(tcp).await {
            serve(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        }
    };
    tokio::join!(fetcher.get(&url, HeaderMap::new(), BOUNDS), server).0
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_vouched_for_and_names_the_host() {
    assert_eq!(
        fetch_by_tls("localhost", true).await.unwrap().into_body(),
        "{}"
    );
    for (name, trusted) in [("localhost", false), ("auth.example.com", true)] {
        let fault = fetch_by_tls(name, trusted).await.unwrap_err();
        assert!(matches!(fault, FetchFault::Tls(_)), "{fault:?}");
    }
}

#[test]
fn a_file_without_certificates_vouches_for_nobody() {
    for text in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(Roots::of_pem(text.as_bytes()).is_err(), "{text}");
    }
}
