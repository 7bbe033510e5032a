//! What the kernel holds and counts, which belongs to no process: memory of sockets, overflows of
//! accept queues.

use std::fs;

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
    fn this_kernel_tells() {
        assert!(KernelMemory::now().unwrap().slab_kib > 0.0);
        assert!(AcceptQueue::now().is_ok());
    }
}
