//! TLS on the public listener: what it speaks, how long it waits, and where it may be off.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use support::answers::assert_of_every_answer;
use support::http::{connect, read_answer};
use support::request::Request;
use support::tls_client::{Pieces, alert, client, client_hello, provider_with, with_provider};
use support::wire::{Raw, tcp_from, tls_over, until_closed};
use support::{Gateway, PATIENCE, Setup, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion, crypto, version,
};

const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;
const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn good() -> Request {
    Request::upgrade_with(&token("alice"))
}

async fn tcp(gateway: &Gateway) -> TcpStream {
    tcp_from(Ipv4Addr::LOCALHOST, gateway.public).await
}

/// A WebSocket over this stream works.
async fn serves<S>(stream: S)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut raw = Raw::begin(stream, &good().bytes()).await;
    assert_eq!(raw.connect().await, ["#alice"]);
}

/// What the server answers to a ClientHello: the code of its fatal alert, after which it closes.
async fn refused_hello(gateway: &Gateway, version: u16, suites: &[u16]) -> u8 {
    let mut stream = tcp(gateway).await;
    stream
        .write_all(&client_hello(version, suites))
        .await
        .unwrap();
    alert(&until_closed(&mut stream).await)
}

#[tokio::test]
async fn tls_1_only_1_2_and_1_3_with_good_suites() {
    let gateway = Gateway::start();
    let ecdhe_gcm = &[0xc02b, 0xc02f];
    for old in [0x0300, 0x0301, 0x0302] {
        assert_eq!(
            refused_hello(&gateway, old, ecdhe_gcm).await,
            PROTOCOL_VERSION
        );
    }
    // Static RSA, CBC, RC4, 3DES, DHE.
    for weak in [0x009c, 0x002f, 0xc009, 0xc013, 0x0005, 0x000a, 0x009e] {
        assert_eq!(
            refused_hello(&gateway, 0x0303, &[weak]).await,
            HANDSHAKE_FAILURE
        );
    }
    gateway
        .until_metric("gatepost_handshakes_total{result=\"failed\"}", 10.0)
        .await;
    for (only, spoken) in [
        (&version::TLS12, ProtocolVersion::TLSv1_2),
        (&version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let stream = connect(gateway.public, &client(&gateway, &[only])).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        serves(stream).await;
    }
    let stream = connect(gateway.public, &gateway.tls).await;
    let spoken = stream.get_ref().1.protocol_version();
    assert_eq!(spoken, Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn tls_1_only_1_3_where_that_is_configured() {
    let gateway = Gateway::with(&Setup {
        tls: Some("certificate = \"server.pem\"\nkey = \"server.key\"\nmin_version = \"1.3\""),
        ..Setup::default()
    });
    let refused = refused_hello(&gateway, 0x0303, &[0xc02b, 0xc02f]).await;
    assert_eq!(refused, PROTOCOL_VERSION);
    let old = client(&gateway, &[&version::TLS12]);
    assert!(tls_over(tcp(&gateway).await, &old).await.is_err());
    serves(connect(gateway.public, &gateway.tls).await).await;
}

#[tokio::test]
async fn tls_2_a_client_hello_in_pieces() {
    let gateway = Gateway::start();
    // The hybrid key makes it longer than one segment of the internet.
    let hybrid = provider_with(&[crypto::aws_lc_rs::kx_group::X25519MLKEM768]);
    let hybrid = with_provider(&gateway, hybrid);
    for tls in [&gateway.tls, &hybrid] {
        for piece in [1, 700] {
            let pieces = Pieces::new(tcp(&gateway).await, piece);
            serves(tls_over(pieces, tls).await.unwrap()).await;
        }
    }
    // Half of it, and the rest only when the server has long had the first half.
    let mut halves = Pieces::new(tcp(&gateway).await, usize::MAX);
    let (resume, held) = halves.hold_after(300);
    let shake = tls_over(halves, &hybrid);
    let later = async {
        held.await.unwrap();
        gateway.client("bob").await;
        resume.send(()).unwrap();
    };
    let (stream, ()) = tokio::join!(shake, later);
    serves(stream.unwrap()).await;
}

#[tokio::test]
async fn tls_2_the_hybrid_key_exchange_comes_first() {
    let gateway = Gateway::start();
    use crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    // The client offers both keys, and would rather have the first.
    for (groups, wanted) in [
        (vec![X25519MLKEM768, X25519], NamedGroup::X25519MLKEM768),
        (vec![X25519, SECP256R1], NamedGroup::X25519),
        (vec![SECP256R1], NamedGroup::secp256r1),
        (vec![SECP384R1], NamedGroup::secp384r1),
    ] {
        let tls = with_provider(&gateway, provider_with(&groups));
        let stream = connect(gateway.public, &tls).await;
        let used = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
        assert_eq!(used.name(), wanted);
    }
}

#[tokio::test]
async fn tls_3_http_1_1_and_nothing_else() {
    let gateway = Gateway::start();
    let offering = |protocols: &[&str]| {
        let mut config = ClientConfig::clone(&gateway.tls);
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    for (offer, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = connect(gateway.public, &offering(offer)).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
        serves(stream).await;
    }
    let refused = tls_over(tcp(&gateway).await, &offering(&["h2"])).await;
    let error = format!("{:?}", refused.unwrap_err());
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    let mut stream = connect(gateway.public, &gateway.tls).await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let text = String::from_utf8(until_closed(&mut stream).await).unwrap();
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 400"),
        "{text}"
    );
}

/// One request over a new connection, and the connection's handshake.
async fn handshake(gateway: &Gateway, tls: &Arc<ClientConfig>) -> (HandshakeKind, usize) {
    let mut stream = connect(gateway.public, tls).await;
    stream.write_all(LIVE).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    let connection = stream.get_ref().1;
    let tickets = usize::try_from(connection.tls13_tickets_received()).unwrap();
    (connection.handshake_kind().unwrap(), tickets)
}

#[tokio::test]
async fn tls_6_nothing_is_resumed() {
    let gateway = Gateway::start();
    for only in [&version::TLS12, &version::TLS13] {
        let tls = client(&gateway, &[only]);
        for _ in 0..3 {
            assert_eq!(handshake(&gateway, &tls).await, (HandshakeKind::Full, 0));
        }
    }
}

#[tokio::test]
async fn tls_7_no_early_data() {
    let gateway = Gateway::start();
    let mut config = ClientConfig::clone(&gateway.tls);
    config.enable_early_data = true;
    let connector = TlsConnector::from(Arc::new(config));
    for _ in 0..3 {
        let name = ServerName::try_from("localhost").unwrap();
        let socket = tcp(&gateway).await;
        // Without a ticket that allows it there is no early data to send.
        let shake = connector.connect_with(name, socket, |connection| {
            assert!(connection.early_data().is_none());
        });
        let mut stream = shake.await.unwrap();
        stream.write_all(LIVE).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.status, 200);
        assert!(!stream.get_ref().1.is_early_data_accepted());
    }
}

/// Waits until a connection ends, of which nothing may come but alerts.
async fn ends(mut stream: TcpStream) {
    let read = until_closed(&mut stream).await;
    assert!(read.is_empty() || read[0] == 0x15, "{read:?}");
}

#[tokio::test]
async fn tls_10_a_handshake_has_one_deadline() {
    let gateway = Gateway::with(&Setup {
        tables: "[limits]\nhandshake_timeout = \"6s\"",
        ..Setup::default()
    });
    let hello = client_hello(0x0303, &[0xc02b, 0xc02f]);
    let silent = async { ends(tcp(&gateway).await).await };
    let half = async {
        let mut stream = tcp(&gateway).await;
        stream.write_all(&hello[..hello.len() / 2]).await.unwrap();
        ends(stream).await;
    };
    // The server answers; the client says no more.
    let whole = async {
        let mut stream = tcp(&gateway).await;
        stream.write_all(&hello).await.unwrap();
        let read = until_closed(&mut stream).await;
        assert_eq!(read[0], 0x16, "no ServerHello");
    };
    let dripping = async {
        let (mut read, mut write) = tcp(&gateway).await.into_split();
        let drip = async {
            let mut pause = tokio::time::interval(Duration::from_millis(200));
            for byte in &hello {
                pause.tick().await;
                if write.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = drip => {}
            read = until_closed(&mut read) => assert!(read.is_empty()),
        }
    };
    let real = async {
        serves(connect(gateway.public, &gateway.tls).await).await;
    };
    tokio::join!(silent, half, whole, dripping, real);
    let late = "gatepost_handshakes_total{result=\"timed_out\"}";
    gateway.until_metric(late, 4.0).await;
}

#[tokio::test]
async fn tls_10_of_too_many_silent_sockets_the_oldest_go_first() {
    let gateway = Gateway::with(&Setup {
        tables: "[limits]\nhandshake_timeout = \"60s\"\nsilent_sockets_per_address = 64",
        ..Setup::default()
    });
    let dropped = "gatepost_handshakes_total{result=\"dropped\"}";
    let silent = async |from: Ipv4Addr, count: usize| {
        let mut sockets = Vec::new();
        for _ in 0..count {
            sockets.push(tcp_from(from, gateway.public).await);
        }
        // A handshake from elsewhere that ended: those before it have been looked at.
        let real = tcp_from(Ipv4Addr::new(127, 0, 0, 9), gateway.public).await;
        serves(tls_over(real, &gateway.tls).await.unwrap()).await;
        sockets
    };
    let (here, there) = (Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2));
    let oldest = silent(here, 32).await;
    let mut younger = silent(here, 32).await;
    let mut others = silent(there, 64).await;
    assert_eq!(gateway.metric(dropped).await, 0.0);
    let mut youngest = silent(here, 32).await;
    for socket in oldest {
        ends(socket).await;
    }
    gateway.until_metric(dropped, 32.0).await;
    for socket in younger.iter_mut().chain(&mut youngest).chain(&mut others) {
        let mut byte = [0];
        let error = socket.try_read(&mut byte).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
    // Those that stayed can still speak.
    let last = youngest.pop().unwrap();
    serves(tls_over(last, &gateway.tls).await.unwrap()).await;
}

#[tokio::test]
async fn tls_11_http_to_the_tls_port_gets_a_close() {
    let gateway = Gateway::start();
    for request in [LIVE.to_vec(), good().bytes(), b"SSH-2.0-x\r\n".to_vec()] {
        let mut stream = tcp(&gateway).await;
        stream.write_all(&request).await.unwrap();
        ends(stream).await;
    }
    gateway
        .until_metric("gatepost_handshakes_total{result=\"failed\"}", 3.0)
        .await;
}

#[tokio::test]
async fn tls_11_clear_text_on_loopback() {
    let gateway = Gateway::with(&Setup {
        tls: Some("mode = \"off\""),
        ..Setup::default()
    });
    serves(tcp(&gateway).await).await;
    let mut stream = tcp(&gateway).await;
    stream.write_all(LIVE).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 200);
    // RFC 6797 §7.2: not said in the clear.
    assert_eq!(answer.header("strict-transport-security"), None);
    // TLS is not understood there.
    let tls = tokio::time::timeout(PATIENCE, tls_over(tcp(&gateway).await, &gateway.tls)).await;
    assert!(tls.unwrap().is_err());
}

#[tokio::test]
async fn tls_11_clear_text_from_trusted_proxies_alone() {
    let gateway = Gateway::with(&Setup {
        tls: Some("mode = \"off\"\nbehind_tls_proxy = true\ntrusted_proxies = [\"127.0.0.2/32\"]"),
        ..Setup::default()
    });
    let proxy = Ipv4Addr::new(127, 0, 0, 2);
    serves(tcp_from(proxy, gateway.public).await).await;
    for other in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 3)] {
        let mut stream = tcp_from(other, gateway.public).await;
        let _ = stream.write_all(&good().bytes()).await;
        assert!(until_closed(&mut stream).await.is_empty());
    }
    assert_eq!(gateway.metric("gatepost_admitted_total").await, 1.0);
}

#[tokio::test]
async fn tls_11_answers_over_tls_say_to_stay_with_it() {
    let gateway = Gateway::start();
    let answer = gateway.get("/health/live", "Connection: close\r\n").await;
    assert_of_every_answer(&answer, "over TLS");
    let mut rest = Vec::new();
    let mut stream = connect(gateway.public, &gateway.tls).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    // RFC 8446 §6.1: it says goodbye, so that nobody can cut an answer short.
    stream
        .read_to_end(&mut rest)
        .await
        .expect("no close_notify");
}

/// TLS-10: who sends a whole hello and stops holds up nobody, however many do: what is bounded is
/// the computing of handshakes, not the waiting for their clients.
#[tokio::test]
async fn tls_10_half_handshakes_do_not_hold_up_the_others() {
    let gateway = Gateway::with(&Setup {
        tables: "[limits]\nhandshakes_per_turn = 1\nhandshake_timeout = \"60s\"",
        ..Setup::default()
    });
    let name = ServerName::try_from("localhost").unwrap();
    let mut stopped = Vec::new();
    for _ in 0..100 {
        let mut client = ClientConnection::new(gateway.tls.clone(), name.clone()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut socket = tcp(&gateway).await;
        socket.write_all(&hello).await.unwrap();
        // The server's part has come, so its turn is over; the client's never comes.
        socket.read_u8().await.unwrap();
        stopped.push(socket);
    }
    let honest = tokio::time::timeout(PATIENCE, connect(gateway.public, &gateway.tls)).await;
    assert!(
        honest.is_ok(),
        "an honest client waits for those who stopped"
    );
}
