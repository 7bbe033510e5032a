//! The stream against rustls' own client, over real sockets, with the bytes cut and broken as a
//! network and an attacker would.

use std::future::poll_fn;
use std::io::{Read as _, Write as _};

use rcgen::generate_simple_self_signed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::rustls::client::ClientConnection;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::*;

type Version = &'static SupportedProtocolVersion;

struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

fn configs(version: Version) -> Configs {
    let issued = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    server.send_tls13_tickets = 0;
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Configs {
        server: Arc::new(server),
        client: Arc::new(client),
    }
}

/// rustls' client, whose bytes go through our hands.
struct Client {
    tcp: TcpStream,
    tls: ClientConnection,
}

impl Client {
    /// The records that it wants to send.
    fn outgoing(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }

    async fn send(&mut self) {
        let records = self.outgoing();
        self.tcp.write_all(&records).await.unwrap();
    }

    /// Takes in what the server sent next; nothing more at its end.
    async fn receive(&mut self) -> Result<usize, tokio_rustls::rustls::Error> {
        let mut bytes = [0; 4096];
        let count = self.tcp.read(&mut bytes).await.unwrap();
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets()?;
        }
        Ok(count)
    }

    async fn say(&mut self, text: &[u8]) {
        self.tls.writer().write_all(text).unwrap();
        self.send().await;
    }

    async fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut heard = vec![0; count];
        let mut so_far = 0;
        while so_far < count {
            match self.tls.reader().read(&mut heard[so_far..]) {
                Ok(0) => break,
                Ok(read) => so_far += read,
                Err(_) => assert!(self.receive().await.unwrap() > 0, "the server left"),
            }
        }
        heard
    }

    async fn shake_hands(&mut self) {
        self.send().await;
        while self.tls.is_handshaking() {
            self.receive().await.unwrap();
            self.send().await;
        }
    }
}

async fn met(configs: &Configs) -> (TlsStream, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tcp, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(configs.client.clone(), name).unwrap();
    let tcp = tcp.unwrap();
    tcp.set_nodelay(true).unwrap();
    let server = TlsStream::new(configs.server.clone(), accepted.unwrap().0).unwrap();
    (server, Client { tcp, tls })
}

async fn accept(server: &mut TlsStream) -> io::Result<()> {
    poll_fn(|cx| server.poll_hello(cx)).await?;
    poll_fn(|cx| server.poll_handshake(cx)).await
}

async fn connected(version: Version) -> (TlsStream, Client) {
    let (mut server, mut client) = met(&configs(version)).await;
    let (accepted, ()) = tokio::join!(accept(&mut server), client.shake_hands());
    accepted.unwrap();
    (server, client)
}

async fn read(server: &mut TlsStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64];
    let count = server.read(&mut bytes).await?;
    bytes.truncate(count);
    Ok(bytes)
}

fn holds(server: &mut TlsStream) -> usize {
    server.incoming.capacity() + server.unread.capacity() + server.socket.unsent().capacity()
}

#[tokio::test]
async fn both_versions_talk_both_ways_and_hold_nothing_while_nothing_is_under_way() {
    for version in [&TLS13, &TLS12] {
        let (mut server, mut client) = connected(version).await;
        assert_eq!(holds(&mut server), 0, "after the handshake");
        for _ in 0..2 {
            client.say(b"to you").await;
            assert_eq!(read(&mut server).await.unwrap(), b"to you");
            assert_eq!(Wire::write(&mut server, b"and back").unwrap(), Written::All);
            assert_eq!(client.hear(8).await, b"and back");
            assert_eq!(holds(&mut server), 0, "after a conversation");
        }
    }
}

#[tokio::test]
async fn a_handshake_and_a_conversation_in_single_bytes() {
    for version in [&TLS13, &TLS12] {
        let (mut server, mut client) = met(&configs(version)).await;
        let shy = async {
            while client.tls.is_handshaking() {
                for byte in client.outgoing() {
                    client.tcp.write_all(&[byte]).await.unwrap();
                    tokio::task::yield_now().await;
                }
                client.receive().await.unwrap();
            }
            client.tls.writer().write_all(b"patience").unwrap();
            for byte in client.outgoing() {
                client.tcp.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let heard = async {
            accept(&mut server).await.unwrap();
            read(&mut server).await.unwrap()
        };
        assert_eq!(tokio::join!(shy, heard).1, b"patience");
    }
}

#[tokio::test]
async fn what_comes_with_the_last_message_of_the_handshake_is_not_lost() {
    let (mut server, mut client) = met(&configs(&TLS13)).await;
    client.send().await;
    let early = async {
        while client.tls.is_handshaking() {
            client.receive().await.unwrap();
        }
        client.say(b"GET / HTTP/1.1\r\n").await;
    };
    tokio::join!(accept(&mut server), early).0.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), b"GET / HTTP/1.1\r\n");
}

#[tokio::test]
async fn much_goes_both_ways_through_small_buffers_and_stays_in_order() {
    let (mut server, mut client) = connected(&TLS13).await;
    let text: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = text.clone();
    let there = tokio::spawn(async move {
        for part in sent.chunks(50_000) {
            client.say(part).await;
        }
        let heard = client.hear(sent.len()).await;
        assert!(heard == sent, "back again in order");
        client
    });
    let mut heard = vec![0; text.len()];
    for part in heard.chunks_mut(777) {
        server.read_exact(part).await.unwrap();
    }
    assert!(heard == text, "in order");
    server.write_all(&heard).await.unwrap();
    server.flush().await.unwrap();
    drop(there.await.unwrap());
    assert_eq!(holds(&mut server), 0);
}

// A wire takes all that it is given; what the socket does not take waits, and follows.
#[tokio::test]
async fn what_a_full_socket_does_not_take_follows_later() {
    let (mut server, mut client) = connected(&TLS13).await;
    let part = [7; 16 * 1024];
    let mut parts = 1;
    while Wire::write(&mut server, &part).unwrap() == Written::All {
        parts += 1;
    }
    assert!(holds(&mut server) <= 2 * part.len(), "a turn's write waits");
    let rest = poll_fn(|cx| match Wire::poll_flush(&mut server, cx).unwrap() {
        Flushed::All => Poll::Ready(()),
        Flushed::Partly { .. } => Poll::Pending,
    });
    let (heard, ()) = tokio::join!(client.hear(parts * part.len()), rest);
    assert!(heard.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn half_a_record_holds_what_came_of_it_and_no_more() {
    let (mut server, mut client) = connected(&TLS13).await;
    client.tls.writer().write_all(&[1; 100]).unwrap();
    let record = client.outgoing();
    client.tcp.write_all(&record[..30]).await.unwrap();
    let waits = poll_fn(|cx| {
        let read = Pin::new(&mut server).poll_read(cx, &mut ReadBuf::new(&mut [0; 64]));
        assert!(read.is_pending());
        match server.incoming.len() {
            30 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    });
    waits.await;
    assert!(holds(&mut server) < 64, "{}", holds(&mut server));
    // Whoever writes meanwhile does not disturb it.
    Wire::write(&mut server, b"still here").unwrap();
    assert_eq!(client.hear(10).await, b"still here");
    client.tcp.write_all(&record[30..]).await.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), [1; 64]);
    assert_eq!(read(&mut server).await.unwrap(), [1; 36]);
}

#[tokio::test]
async fn new_keys_are_taken_and_answered_with_new_keys() {
    let (mut server, mut client) = connected(&TLS13).await;
    for round in 0..3 {
        client.tls.refresh_traffic_keys().unwrap();
        client.say(b"with new keys").await;
        assert_eq!(
            read(&mut server).await.unwrap(),
            b"with new keys",
            "{round}"
        );
        Wire::write(&mut server, b"with mine").unwrap();
        assert_eq!(client.hear(9).await, b"with mine", "{round}");
    }
}

#[tokio::test]
async fn a_goodbye_ends_the_stream_and_its_absence_is_an_error() {
    let (mut server, mut client) = connected(&TLS13).await;
    client.tls.send_close_notify();
    client.send().await;
    assert_eq!(read(&mut server).await.unwrap(), b"");
    assert_eq!(read(&mut server).await.unwrap(), b"", "and so it stays");
    // Who has said goodbye may still listen (RFC 8446 §6.1).
    server.write_all(b"farewell").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(client.hear(8).await, b"farewell");
    client.receive().await.unwrap();
    assert_eq!(client.tls.reader().read(&mut [0]).unwrap(), 0, "a goodbye");

    let (mut server, client) = connected(&TLS13).await;
    drop(client);
    let cut = read(&mut server).await.unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_broken_record_is_an_error_and_the_peer_is_told() {
    let (mut server, mut client) = connected(&TLS13).await;
    client.tls.writer().write_all(b"forged").unwrap();
    let mut record = client.outgoing();
    *record.last_mut().unwrap() ^= 1;
    client.tcp.write_all(&record).await.unwrap();
    let error = read(&mut server).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(Wire::write(&mut server, b"too late").is_err());
    let told = client.receive().await.unwrap_err();
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[tokio::test]
async fn what_is_no_tls_and_what_nobody_shares_fails_with_an_alert() {
    let (mut server, mut client) = met(&configs(&TLS13)).await;
    let other = configs(&TLS12);
    let name = ServerName::try_from("localhost").unwrap();
    client.tls = ClientConnection::new(other.client, name).unwrap();
    client.send().await;
    assert!(accept(&mut server).await.is_err());
    let told = client.receive().await.unwrap_err();
    assert!(told.to_string().contains("ProtocolVersion"), "{told}");

    let (mut server, mut client) = met(&configs(&TLS13)).await;
    client
        .tcp
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert!(accept(&mut server).await.is_err());
}

// Each byte of a message in a record of its own: rustls would wait for 64 KiB of content.
#[tokio::test]
async fn a_message_that_does_not_end_is_bounded() {
    let (mut server, mut client) = met(&configs(&TLS13)).await;
    // A ClientHello of 65,535 bytes, if it ever came.
    let start = [22, 3, 1, 0, 4, 1, 0, 0xff, 0xff];
    client.tcp.write_all(&start).await.unwrap();
    let flood = tokio::spawn(async move {
        let drip = [22, 3, 1, 0, 1, 0].repeat(1000);
        while client.tcp.write_all(&drip).await.is_ok() {}
    });
    let error = accept(&mut server).await.unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
    assert!(server.incoming.capacity() <= TLS_MESSAGE_BYTES + TLS_READ_BYTES);
    drop(server);
    flood.await.unwrap();
}
