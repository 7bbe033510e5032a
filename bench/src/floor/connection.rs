//! One connection of the floor. Who publishes writes straight to every member's socket.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;

use super::{Channels, Floor};
use crate::frame::{self, Kind};

const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

pub(super) struct Connection {
    tcp: TcpStream,
    tls: RefCell<ServerConnection>,
    /// What it is subscribed to.
    channels: RefCell<Vec<String>>,
    /// The beginning of a frame that is not whole yet.
    partial: RefCell<Vec<u8>>,
}

impl Connection {
    pub(super) fn new(tcp: TcpStream, mut tls: ServerConnection) -> Connection {
        // Nobody's slowness is bounded here: what a socket does not take waits in rustls.
        tls.set_buffer_limit(None);
        Connection {
            tcp,
            tls: RefCell::new(tls),
            channels: RefCell::default(),
            partial: RefCell::default(),
        }
    }

    /// Serves it to its end.
    pub(super) async fn live(self: Rc<Connection>, floor: Rc<Floor>) {
        while self.turn(&floor).await.is_ok() {}
        let mut channels = floor.channels.borrow_mut();
        for name in self.channels.borrow().iter() {
            if let Some(members) = channels.get_mut(name) {
                members.retain(|member| !Rc::ptr_eq(member, &self));
            }
        }
    }

    async fn turn(self: &Rc<Connection>, floor: &Floor) -> Result<()> {
        let interest = if self.tls.borrow().wants_write() {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let ready = self.tcp.ready(interest).await?;
        if ready.is_writable() {
            self.write_out()?;
        }
        if ready.is_readable() {
            self.read_in(floor)?;
        }
        Ok(())
    }

    fn read_in(self: &Rc<Connection>, floor: &Floor) -> Result<()> {
        match self.tls.borrow_mut().read_tls(&mut Socket(&self.tcp)) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof))?,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => Err(error)?,
        }
        self.tls.borrow_mut().process_new_packets()?;
        READ.with_borrow_mut(|buffer| {
            loop {
                let read = match self.tls.borrow_mut().reader().read(buffer) {
                    Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof))?,
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => Err(error)?,
                };
                self.take(&mut buffer[..read], floor)?;
            }
        })
    }

    fn take(self: &Rc<Connection>, read: &mut [u8], floor: &Floor) -> Result<()> {
        let mut partial = self.partial.take();
        if partial.is_empty() {
            let used = self.frames(read, floor)?;
            partial.extend_from_slice(&read[used..]);
        } else {
            partial.extend_from_slice(read);
            let used = self.frames(&mut partial, floor)?;
            partial.drain(..used);
        }
        // An idle connection keeps no buffer.
        if !partial.is_empty() {
            self.partial.replace(partial);
        }
        Ok(())
    }

    fn frames(self: &Rc<Connection>, bytes: &mut [u8], floor: &Floor) -> Result<usize> {
        let mut used = 0;
        while let Some(frame) = frame::read(&mut bytes[used..])? {
            match frame.kind {
                Kind::Text => self.command(frame.payload, &floor.channels)?,
                Kind::Close => Err(io::Error::from(io::ErrorKind::UnexpectedEof))?,
                _ => {}
            }
            used += frame.length;
        }
        Ok(used)
    }

    fn command(self: &Rc<Connection>, message: &[u8], channels: &Channels) -> Result<()> {
        let mut out = Vec::with_capacity(message.len() + 16);
        match message {
            [b'+', name @ ..] => {
                let name = std::str::from_utf8(name)?.to_owned();
                self.channels.borrow_mut().push(name.clone());
                channels
                    .borrow_mut()
                    .entry(name)
                    .or_default()
                    .push(self.clone());
                frame::write(&mut out, Kind::Text, message);
                self.send(&out)
            }
            [b'>', rest @ ..] => {
                let space = memchr::memchr(b' ', rest).context("no payload")?;
                let name = std::str::from_utf8(&rest[..space])?;
                let publication = [b"<", rest].concat();
                frame::write(&mut out, Kind::Text, &publication);
                for member in channels.borrow().get(name).into_iter().flatten() {
                    // One that fails learns of it by its own reading.
                    let _ = member.send(&out);
                }
                Ok(())
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidData))?,
        }
    }

    /// Seals a frame into one record, and writes it unless something waits already.
    fn send(&self, frame: &[u8]) -> Result<()> {
        let waits = self.tls.borrow().wants_write();
        self.tls.borrow_mut().writer().write_all(frame)?;
        if waits { Ok(()) } else { self.write_out() }
    }

    fn write_out(&self) -> Result<()> {
        let mut tls = self.tls.borrow_mut();
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => Err(error)?,
            }
        }
        Ok(())
    }
}

/// tokio's socket as rustls wants one: it reads and writes what is possible at once.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
