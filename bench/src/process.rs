//! What a process and all that it started have used, as the kernel tells.

use std::fs;

use anyhow::{Context, Result};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde::Serialize;

/// CPU time, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cpu {
    /// All of it, to the nanosecond.
    #[serde(rename = "cpu_us")]
    pub total_us: f64,
    /// In user space, in ticks of the kernel.
    #[serde(rename = "cpu_user_us")]
    pub user_us: f64,
    /// In the kernel, likewise.
    #[serde(rename = "cpu_system_us")]
    pub system_us: f64,
}

impl Cpu {
    /// What the process and its descendants have used since each began.
    pub fn of(pid: Pid) -> Result<Cpu> {
        let tick_us = 1e6 / sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as f64;
        let mut cpu = Cpu::default();
        for pid in family(pid)? {
            // `/proc/PID/stat` counts in ticks of 10 ms; the clock of the process is exact, and
            // knows of threads that have ended.
            let clock: ClockId = clock_getcpuclockid(pid)?;
            cpu.total_us += clock.now()?.num_nanoseconds() as f64 / 1000.0;
            let stat = Stat::of(pid).with_context(|| format!("process {pid} is gone"))?;
            cpu.user_us += stat.user as f64 * tick_us;
            cpu.system_us += stat.system as f64 * tick_us;
        }
        Ok(cpu)
    }

    /// What was used since that.
    pub fn since(self, before: Cpu) -> Cpu {
        Cpu {
            total_us: self.total_us - before.total_us,
            user_us: self.user_us - before.user_us,
            system_us: self.system_us - before.system_us,
        }
    }
}

/// Proportional set size of the process and its descendants, in KiB.
pub fn pss_kib(pid: Pid) -> Result<f64> {
    let mut sum = 0.0;
    for pid in family(pid)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        sum += field(&text, "Pss:").with_context(|| format!("no Pss in {path}"))?;
    }
    Ok(sum)
}

/// The first number behind a name at the beginning of a line.
pub fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

struct Stat {
    parent: Pid,
    user: u64,
    system: u64,
}

impl Stat {
    fn of(pid: Pid) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Stat::parse(&text)
    }

    fn parse(text: &str) -> Option<Stat> {
        // The name of the program is in parentheses, and may hold any others.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Stat {
            parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
            user: fields.get(11)?.parse().ok()?,
            system: fields.get(12)?.parse().ok()?,
        })
    }
}

/// The process and its descendants.
fn family(first: Pid) -> Result<Vec<Pid>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(Ok(pid)) = name.to_str().map(str::parse) else {
            continue;
        };
        let pid = Pid::from_raw(pid);
        // One that has ended since is nobody's child.
        parents.extend(Stat::of(pid).map(|stat| (pid, stat.parent)));
    }
    let mut family = vec![first];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "7 (a) b (c)) S 3 7 7 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 1 0 5 1 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent.as_raw(), stat.user, stat.system), (3, 12, 34));
    }

    #[test]
    fn a_child_belongs_to_the_family() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let family = family(Pid::this()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(family.contains(&pid) && family.contains(&Pid::this()));
    }

    #[test]
    fn this_process_has_used_something() {
        assert!(Cpu::of(Pid::this()).unwrap().total_us > 0.0);
        assert!(pss_kib(Pid::this()).unwrap() > 100.0);
    }
}
