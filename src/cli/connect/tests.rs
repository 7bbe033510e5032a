//! The arguments, and the way in: over TLS with the development certificate, and to a refusal.

use std::sync::Arc;

use clap::Parser;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::clock::UnixSeconds;
use crate::dev::DevState;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ConnectArgs,
}

fn parse(words: &[&str]) -> Result<ConnectArgs, clap::Error> {
    Line::try_parse_from(["connect"].iter().chain(words)).map(|line| line.args)
}

fn state(dir: &Path) -> DevState {
    // The certificate is checked by the machine's clock, as a client does it.
    DevState::open(dir, Clock::system().now()).unwrap()
}

#[test]
fn the_arguments_agree_with_each_other() {
    use clap::CommandFactory as _;
    Line::command().debug_assert();
    for words in [
        &[][..],
        &["ws://gw.example.com"],
        &["gw.example.com"],
        &["wss://h", "--user", "a", "--token-file", "f"],
        &["wss://h", "--echo", "--channel", "c"],
    ] {
        assert!(
            parse(words).is_err_and(|fault| fault.exit_code() == 2),
            "{words:?}"
        );
    }
}

#[test]
fn a_token_comes_from_a_file_or_is_signed_or_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let clock = Clock::manual(UnixSeconds(1_790_000_000));
    let get = |words: &[&str]| {
        let words: Vec<_> = ["wss://h", "--state", folder]
            .iter()
            .chain(words)
            .copied()
            .collect();
        token(&parse(&words).unwrap(), &clock)
    };
    assert!(get(&[]).unwrap().is_none());
    let fault = get(&["--user", "alice"]).unwrap_err().to_string();
    assert!(
        fault.contains("gatepost dev"),
        "nothing is made for one who only connects: {fault}"
    );
    state(dir.path());
    let signed = get(&["--user", "alice"]).unwrap().unwrap();
    assert_eq!(signed.expose_secret().split('.').count(), 3);

    let file = dir.path().join("token");
    let words = ["--token-file", file.to_str().unwrap()];
    assert!(get(&words).is_err());
    fs::write(&file, " \n").unwrap();
    assert!(get(&words).is_err());
    fs::write(&file, "a.b.c\n").unwrap();
    assert_eq!(get(&words).unwrap().unwrap().expose_secret(), "a.b.c");
}

#[test]
fn the_development_certificate_is_trusted_on_loopback_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let ca = |url, more: &[&str]| {
        let words: Vec<_> = [url, "--state", folder]
            .iter()
            .chain(more)
            .copied()
            .collect();
        trusted(&parse(&words).unwrap())
    };
    assert_eq!(ca("wss://localhost", &[]), None, "there is none yet");
    let state = state(dir.path());
    let certificate = Some(state.certificate_path().to_owned());
    assert_eq!(ca("wss://localhost", &[]), certificate);
    assert_eq!(ca("wss://[::1]", &[]), certificate);
    assert_eq!(ca("wss://gw.example.com", &[]), None);
    assert_eq!(
        ca("wss://localhost", &["--ca", "own.pem"]),
        Some("own.pem".into())
    );
}

#[tokio::test]
async fn over_tls_the_door_gets_the_token_as_bearer() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(dir.path());
    let (listener, target) = listen("wss://localhost").await;
    let server = tokio::spawn(async move {
        let mut tls = accept_tls(&state, &listener).await.unwrap();
        let head = read_head(&mut tls).await;
        tls.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 52\r\n\r\n")
            .await
            .unwrap();
        // The body comes later, and in two parts.
        for part in [
            r#"{"error":{"code":"token_expired","#,
            r#""message":"late"}}"#,
        ] {
            tls.flush().await.unwrap();
            tokio::task::yield_now().await;
            tls.write_all(part.as_bytes()).await.unwrap();
        }
        tls.flush().await.unwrap();
        head
    });
    let ca = certificate_path(dir.path());
    let mut stream = upgrade::open(&target, Some(&ca)).await.unwrap();
    let token = SecretString::from("a.b.c");
    let refusal = upgrade::ask(&mut stream, &target, Some(&token))
        .await
        .unwrap()
        .err()
        .unwrap();
    let refusal = upgrade::read_refusal(&mut stream, *refusal).await;
    assert_eq!(
        refusal.to_string(),
        "refused: 401 Unauthorized, token_expired: late"
    );
    let head = server.await.unwrap().to_ascii_lowercase();
    assert!(
        head.starts_with("get /connection/websocket http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nauthorization: bearer a.b.c\r\n"),
        "{head}"
    );
    assert!(!head.contains("sec-websocket-protocol") && !head.contains("origin:"));
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (served, trusted) = (state(dir.path()), state(other.path()));
    let (listener, target) = listen("wss://localhost").await;
    let server = tokio::spawn(async move { accept_tls(&served, &listener).await.is_err() });
    let fault = upgrade::open(&target, Some(trusted.certificate_path()))
        .await
        .err()
        .unwrap();
    let said = format!("{fault:#}");
    let why = "no authority that is trusted here has signed its certificate (only ";
    assert!(
        said.starts_with("no TLS with wss://localhost") && said.contains(why),
        "{said}"
    );
    assert!(server.await.unwrap());
}

/// One sentence and what helps, and nothing of how the library writes its faults down.
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_with_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    let served = state(dir.path());
    let (listener, target) = listen("wss://localhost").await;
    let server = tokio::spawn(async move { accept_tls(&served, &listener).await.is_err() });
    let fault = upgrade::open(&target, None).await.err().unwrap();
    assert_eq!(
        format!("{fault:#}"),
        format!(
            "no TLS with {target}: no authority that is trusted here has signed its certificate \
             (a certificate of its own is trusted with --ca FILE)"
        )
    );
    assert!(server.await.unwrap());
}

#[tokio::test]
async fn a_server_that_is_no_gateway_is_an_error() {
    let (listener, target) = listen("ws://127.0.0.1").await;
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        read_head(&mut tcp).await;
        tcp.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await.unwrap();
    });
    let mut stream = upgrade::open(&target, None).await.unwrap();
    let fault = upgrade::ask(&mut stream, &target, None)
        .await
        .err()
        .unwrap();
    assert!(format!("{fault:#}").contains("does not answer like a gateway"));
    server.await.unwrap();
}

#[test]
fn a_file_without_certificates_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("empty.pem");
    assert!(trust::client_config(Some(&file)).is_err());
    fs::write(&file, "nothing\n").unwrap();
    let fault = trust::client_config(Some(&file)).unwrap_err();
    assert!(format!("{fault:#}").contains("empty.pem"));
}

/// A listener on loopback, and the target that reaches it by `url`'s scheme and host.
async fn listen(url: &str) -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (
        listener,
        Target::parse(&format!("{url}:{port}"))
            .unwrap()
            .with_default_path(false),
    )
}

async fn accept_tls(
    state: &DevState,
    listener: &TcpListener,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let certificate = CertificateDer::from_pem_file(state.certificate_path()).unwrap();
    let key = PrivateKeyDer::from_pem_file(state.key_path()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (tcp, _) = listener.accept().await?;
    TlsAcceptor::from(Arc::new(config)).accept(tcp).await
}

async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
