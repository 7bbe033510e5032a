//! A client that costs little: it shares the cores with the server that it measures.
//!
//! Its frames are its own, it reads into a buffer of the thread, and a connection that waits has no
//! buffer but what rustls keeps.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::dialect::pusher::Session;
use crate::dialect::{Dialect, Incoming, Outgoing};
use crate::frame::{self, Kind};
use crate::target::{Guest, Target};

/// How long anything but the end of a storm may take.
const PATIENCE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 64 * 1024;
const HEAD_BYTES: usize = 4096;

thread_local! {
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// An open WebSocket.
pub struct Client {
    stream: TlsStream<TcpStream>,
    dialect: Dialect,
    /// The beginning of a frame that is not whole yet.
    partial: Vec<u8>,
    /// Frames that are not written yet.
    outgoing: Vec<u8>,
    last_id: u32,
    /// Of the dialect that has a state.
    session: Option<Box<Session>>,
}

impl Client {
    /// Connects, upgrades, and where the token is part of the first command says that too: until
    /// the server has let the client in.
    pub async fn admit(target: &Target, guest: &Guest) -> Result<Client> {
        timeout(PATIENCE, async {
            let mut client = Client::upgrade(target, guest).await?;
            if !target.dialect.token_in_upgrade() {
                client.greet(target, guest).await?;
            }
            Ok(client)
        })
        .await
        .context("not admitted in time")?
    }

    /// Connects until commands can be sent.
    pub async fn connect(target: &Target, guest: &Guest) -> Result<Client> {
        let mut client = Client::admit(target, guest).await?;
        if target.dialect.token_in_upgrade() {
            client.greet(target, guest).await?;
        }
        Ok(client)
    }

    async fn upgrade(target: &Target, guest: &Guest) -> Result<Client> {
        let tcp = dial(target.address, guest).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = TlsConnector::from(target.credentials.client.clone())
            .connect(name, tcp)
            .await
            .context("TLS handshake")?;
        stream.write_all(request(target, guest).as_bytes()).await?;
        stream.flush().await?;
        let partial = answer(&mut stream).await?;
        Ok(Client {
            stream,
            dialect: target.dialect,
            partial,
            outgoing: Vec::new(),
            last_id: 0,
            session: None,
        })
    }

    /// Its own address, as the server sees it.
    pub fn local_address(&self) -> Result<SocketAddr> {
        Ok(self.stream.get_ref().0.local_addr()?)
    }

    async fn greet(&mut self, target: &Target, guest: &Guest) -> Result<()> {
        if self.dialect == Dialect::Pusher {
            return self.establish(target).await;
        }
        if !self.dialect.begins_with_connect() {
            return Ok(());
        }
        let token = (!self.dialect.token_in_upgrade()).then_some(&*guest.token);
        self.say(Outgoing::Connect(token));
        self.wait_for(&Incoming::Welcome, |_| {}).await
    }

    /// Waits until the server, which speaks first, has told the name of the socket.
    async fn establish(&mut self, target: &Target) -> Result<()> {
        let mut socket = None;
        // It may have come in one piece with the answer to the upgrade.
        let mut bytes = std::mem::take(&mut self.partial);
        let used = frames(
            self.dialect,
            &mut bytes,
            &mut self.outgoing,
            &mut |incoming| {
                name_of_socket(incoming, &mut socket);
            },
        )?;
        self.partial.extend_from_slice(&bytes[used..]);
        let socket = loop {
            if let Some(socket) = socket.take() {
                break socket;
            }
            self.read(|incoming| name_of_socket(incoming, &mut socket))
                .await?;
        };
        let session = Session::new(target.credentials.secret(), socket);
        self.session = Some(Box::new(session));
        Ok(())
    }

    /// Subscribes to a channel, and waits until that is so. What comes meanwhile, and what comes
    /// right behind the answer, is handed on.
    pub async fn subscribe(
        &mut self,
        channel: &str,
        on_publication: impl FnMut(&[u8]),
    ) -> Result<()> {
        self.say(Outgoing::Subscribe(channel));
        self.wait_for(&Incoming::Subscribed, on_publication)
            .await
            .with_context(|| format!("subscribe to {channel}"))
    }

    async fn wait_for(
        &mut self,
        awaited: &Incoming<'static>,
        mut on_publication: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut came = false;
        timeout(PATIENCE, async {
            while !came {
                self.read(|incoming| match incoming {
                    Incoming::Publication(data) => on_publication(data),
                    incoming => came |= incoming == *awaited,
                })
                .await?;
            }
            Ok(())
        })
        .await
        .with_context(|| format!("no {awaited:?} came in time"))?
    }

    /// Puts a publication behind what waits to be written; [`Client::flush`] or the next read
    /// writes it.
    pub fn publish(&mut self, channel: &str, payload: &[u8]) {
        self.say(Outgoing::Publish(channel, payload));
    }

    fn say(&mut self, outgoing: Outgoing<'_>) {
        self.last_id += 1;
        let message = match (&mut self.session, outgoing) {
            (Some(session), Outgoing::Subscribe(channel)) => session.subscribe(channel),
            (Some(session), Outgoing::Publish(channel, _)) => {
                if let Some(join) = session.join(channel) {
                    frame::write_masked(&mut self.outgoing, self.dialect.frames(), &join);
                }
                self.dialect.write(self.last_id, outgoing)
            }
            _ => self.dialect.write(self.last_id, outgoing),
        };
        frame::write_masked(&mut self.outgoing, self.dialect.frames(), &message);
    }

    /// Writes what waits. It can be dropped and called again.
    pub async fn flush(&mut self) -> Result<()> {
        while !self.outgoing.is_empty() {
            let written = self.stream.write(&self.outgoing).await?;
            self.outgoing.drain(..written);
        }
        Ok(self.stream.flush().await?)
    }

    /// Reads once, and hands over each message that is whole. It can be dropped and called again.
    pub async fn read(&mut self, mut on: impl FnMut(Incoming<'_>)) -> Result<()> {
        if !self.outgoing.is_empty() {
            self.flush().await?;
        }
        poll_fn(|context| READ.with_borrow_mut(|buffer| self.poll_read(context, buffer, &mut on)))
            .await
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        on: &mut impl FnMut(Incoming<'_>),
    ) -> Poll<Result<()>> {
        let kept = self.partial.len();
        if buffer.len() < kept + READ_BYTES {
            buffer.resize(kept + READ_BYTES, 0);
        }
        buffer[..kept].copy_from_slice(&self.partial);
        let mut space = ReadBuf::new(&mut buffer[kept..]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        let read = space.filled().len();
        if read == 0 {
            return Poll::Ready(Err(anyhow!("the server closed the connection")));
        }
        let bytes = &mut buffer[..kept + read];
        let used = frames(self.dialect, bytes, &mut self.outgoing, on)?;
        self.partial.clear();
        self.partial.extend_from_slice(&bytes[used..]);
        Poll::Ready(Ok(()))
    }
}

fn name_of_socket(incoming: Incoming<'_>, socket: &mut Option<String>) {
    if let Incoming::Established(name) = incoming {
        *socket = Some(String::from_utf8_lossy(name).into_owned());
    }
}

/// Reads all frames that are whole, and answers pings. Returns how many bytes they took.
fn frames(
    dialect: Dialect,
    bytes: &mut [u8],
    outgoing: &mut Vec<u8>,
    on: &mut impl FnMut(Incoming<'_>),
) -> Result<usize> {
    let mut used = 0;
    while let Some(frame) = frame::read(&mut bytes[used..])? {
        match frame.kind {
            Kind::Text | Kind::Binary => dialect.read(frame.payload, |incoming| {
                if incoming == Incoming::Ping {
                    let pong = dialect.write(0, Outgoing::Pong);
                    frame::write_masked(outgoing, dialect.frames(), &pong);
                }
                on(incoming);
            })?,
            Kind::Ping => frame::write_masked(outgoing, Kind::Pong, frame.payload),
            Kind::Pong => {}
            Kind::Close => bail!("the server closed: {}", closed(frame.payload)),
        }
        used += frame.length;
    }
    Ok(used)
}

fn closed(payload: &[u8]) -> String {
    match payload.split_first_chunk::<2>() {
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            format!("{code} {}", String::from_utf8_lossy(reason))
        }
        None => "without a code".to_owned(),
    }
}

async fn dial(address: SocketAddr, guest: &Guest) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(source) = guest.source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await.context("TCP connection")
}

fn request(target: &Target, guest: &Guest) -> String {
    let path = target.dialect.path(&guest.token);
    let address = target.address;
    let authorization = if target.dialect.token_in_upgrade() {
        format!("Authorization: Bearer {}\r\n", guest.token)
    } else {
        String::new()
    };
    // The key proves nothing over TLS to a server of ours, so it is always the same.
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {authorization}\r\n"
    )
}

/// Reads the head of the answer. Returns what is behind it: some peers speak first.
async fn answer(stream: &mut TlsStream<TcpStream>) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut head).await.context("upgrade")?;
        ensure!(read > 0, "the server closed during the upgrade");
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            let good = head.starts_with(b"HTTP/1.1 101 ");
            ensure!(
                good,
                "refused: {}",
                String::from_utf8_lossy(&head).trim_end()
            );
            return Ok(head.split_off(end + 4));
        }
        ensure!(
            head.len() < HEAD_BYTES,
            "the answer to the upgrade has no end"
        );
    }
}
