//! How much memory the node may have: the least of what its control groups and the machine give it.
//!
//! Both versions of control groups are asked, since a machine may have the memory in either. In a
//! container the path of the process is often one of the machine that is not to be seen from inside;
//! then the root of what is seen is the container's own.

use std::fs;
use std::path::Path;

const MOUNT: &str = "/sys/fs/cgroup";

/// In bytes; `None` where the system tells of no limit.
pub(super) fn of_node() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let limits = [of_groups(&groups, Path::new(MOUNT)), of_machine(&machine)];
    limits.into_iter().flatten().min()
}

/// The least limit of the groups that `/proc/self/cgroup` names and of those above them, which hold
/// for all below.
fn of_groups(groups: &str, mount: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        // hierarchy:controllers:path
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        if controllers.is_empty() {
            least(mount, path, "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            least(&mount.join("memory"), path, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// The least number that stands in the files of this name, from `path` up to the root of all groups.
/// `max`, which is no number, is no limit.
fn least(root: &Path, path: &str, name: &str) -> Option<u64> {
    let limit = |group: &Path| {
        fs::read_to_string(group.join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    groups.filter_map(|group| limit(&root.join(group))).min()
}

fn of_machine(meminfo: &str) -> Option<u64> {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn limit_3_the_least_limit_of_all_groups_above_counts() {
        let dir = folder(&[
            ("memory.max", "max\n"),
            ("system.slice/memory.max", "1073741824\n"),
            ("system.slice/gatepost.service/memory.max", "max\n"),
            ("other.slice/memory.max", "1\n"),
        ]);
        let of = |groups| of_groups(groups, dir.path());
        assert_eq!(of("0::/system.slice/gatepost.service\n"), Some(1 << 30));
        assert_eq!(of("0::/\n"), None);
        assert_eq!(of(""), None);
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn limit_3_a_container_sees_its_own_group_as_the_root() {
        let dir = folder(&[("memory.max", "536870912\n")]);
        assert_eq!(of_groups("0::/\n", dir.path()), Some(512 << 20));
        let machines = "0::/../../docker/4f5c\n";
        assert_eq!(of_groups(machines, dir.path()), Some(512 << 20));
        let dir = folder(&[("memory/memory.limit_in_bytes", "268435456\n")]);
        let groups = "9:name=systemd:/\n4:cpu,memory:/docker/4f5c\n0::/docker/4f5c\n";
        assert_eq!(of_groups(groups, dir.path()), Some(256 << 20));
    }

    #[test]
    fn limit_3_the_machine_has_memory_too() {
        let text = "MemFree:    1 kB\nMemTotal:       24576 kB\n";
        assert_eq!(of_machine(text), Some(24 << 20));
        assert_eq!(of_machine("MemTotal: much\n"), None);
        #[cfg(target_os = "linux")]
        assert!(of_node().is_some_and(|bytes| bytes > 1 << 20));
    }
}
