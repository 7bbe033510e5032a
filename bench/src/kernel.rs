//! What the kernel knows and no process: memory of sockets, overflows of accept queues, open
//! connections.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

use crate::process::field;

/// Memory of the kernel, in KiB, of the whole machine.
#[derive(Clone, Copy, Debug)]
pub struct KernelMemory {
    /// Objects: sockets, inodes, epoll items.
    pub slab_kib: f64,
    /// What waits in buffers of TCP.
    pub tcp_kib: f64,
}

impl KernelMemory {
    /// As it is now.
    pub fn now() -> Result<KernelMemory> {
        let page_kib = sysconf(SysconfVar::PAGE_SIZE)?.unwrap_or(4096) as f64 / 1024.0;
        let slab = field(&read("/proc/meminfo")?, "Slab:").context("no Slab in /proc/meminfo")?;
        let sockets = read("/proc/net/sockstat")?;
        let pages = sockets
            .lines()
            .find(|line| line.starts_with("TCP:"))
            .and_then(|line| field(line.split_once(" mem")?.1, ""))
            .context("no TCP memory in /proc/net/sockstat")?;
        Ok(KernelMemory {
            slab_kib: slab,
            tcp_kib: pages * page_kib,
        })
    }
}

/// Connections that the kernel dropped because an accept queue was full.
#[derive(Clone, Copy, Debug)]
pub struct AcceptQueue {
    /// `ListenOverflows`.
    pub overflows: f64,
    /// `ListenDrops`, the overflows among them.
    pub drops: f64,
}

impl AcceptQueue {
    /// As counted since the machine was started.
    pub fn now() -> Result<AcceptQueue> {
        let text = read("/proc/net/netstat")?;
        let count = |name: &str| {
            extended(&text, name).with_context(|| format!("no {name} in /proc/net/netstat"))
        };
        Ok(AcceptQueue {
            overflows: count("ListenOverflows")?,
            drops: count("ListenDrops")?,
        })
    }
}

impl AcceptQueue {
    /// What was counted since that.
    pub fn since(self, before: AcceptQueue) -> AcceptQueue {
        AcceptQueue {
            overflows: self.overflows - before.overflows,
            drops: self.drops - before.drops,
        }
    }
}

/// The clients of the connections that a server of this machine has open.
pub fn open_connections(server: SocketAddr) -> Result<HashSet<SocketAddr>> {
    let text = read("/proc/net/tcp")?;
    let established = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        (state == "01" && address(local)? == server).then(|| address(remote))?
    });
    Ok(established.collect())
}

/// An address as `/proc/net/tcp` writes it: `0100007F:1F90` is `127.0.0.1:8080`.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddr::from((ip, port)))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// A figure of `netstat`, where a line of names stands over a line of values.
fn extended(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let position = names.split(' ').position(|found| found == name)?;
    values.split(' ').nth(position)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_name() {
        let text = "TcpExt: A ListenDrops B\nTcpExt: 1 2 3\nIpExt: A\nIpExt: 9\n";
        assert_eq!(extended(text, "ListenDrops"), Some(2.0));
        assert_eq!(extended(text, "C"), None);
    }

    #[test]
    fn an_open_connection_is_seen_until_the_server_closes_it() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(server).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let address = client.local_addr().unwrap();
        assert!(open_connections(server).unwrap().contains(&address));
        // Not dropped: a process that another test begins just now may still hold it too.
        accepted.shutdown(std::net::Shutdown::Both).unwrap();
        assert!(!open_connections(server).unwrap().contains(&address));
    }

    #[test]
    fn this_kernel_tells() {
        assert!(KernelMemory::now().unwrap().slab_kib > 0.0);
        assert!(AcceptQueue::now().is_ok());
    }
}
