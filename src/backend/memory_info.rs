//! The machine's free memory, to say what does not fit before any work.
//!
//! Linux tells it in files: `/proc/meminfo` for the machine, and for a container the limits of its control groups, of
//! version 1 or 2. Elsewhere it is unknown: macOS and Windows tell it by calls that have no safe form without another
//! dependency, and what does not fit is then found when its buffers are made.

use std::path::Path;

/// Bytes of memory that this process can still take, where that can be told.
pub fn free_memory() -> Option<u64> {
    match cfg!(any(target_os = "linux", target_os = "android")) {
        true => free_below(Path::new("/")),
        false => None,
    }
}

/// As [`free_memory`], of a machine whose files lie below `root`.
fn free_below(root: &Path) -> Option<u64> {
    let available = available(&read(root, "proc/meminfo")?)?;
    let groups = read(root, "proc/self/cgroup").unwrap_or_default();
    let free = groups.lines().filter_map(|line| {
        // hierarchy:controllers:path; version 2 has no controllers there.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        match controllers {
            "" => free_of_groups(root, &V2, path),
            _ if controllers.split(',').any(|name| name == "memory") => {
                free_of_groups(root, &V1, path)
            }
            _ => None,
        }
    });
    Some(free.fold(available, u64::min))
}

/// Files of a control group.
struct Files {
    /// Where the groups lie.
    mount: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// The line of `memory.stat` with the bytes of files that the system gives up first.
    cached: &'static str,
}

const V1: Files = Files {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: "total_inactive_file",
};

const V2: Files = Files {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    cached: "inactive_file",
};

/// The least that a group or one above it leaves. A container sees its own group as the topmost, by whatever path.
fn free_of_groups(root: &Path, files: &Files, path: &str) -> Option<u64> {
    let mount = root.join(files.mount);
    let group = Path::new(path.trim_start_matches('/'));
    // A path that leads out of the mount is none.
    let is_plain = group.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let group = if is_plain { group } else { Path::new("") };
    let free = |group: &Path| {
        let folder = mount.join(group);
        let limit: u64 = read(&folder, files.limit)?.trim().parse().ok()?;
        let usage: u64 = read(&folder, files.usage)?.trim().parse().ok()?;
        let cached = read(&folder, "memory.stat").and_then(|stat| value(&stat, files.cached));
        Some(limit.saturating_sub(usage.saturating_sub(cached.unwrap_or(0))))
    };
    group.ancestors().filter_map(free).min()
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    value(meminfo, "MemAvailable:")?.checked_mul(1024)
}

/// The number behind a name that begins a line.
fn value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

fn read(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::{available, free_below};

    const MEMINFO: &str = "MemTotal:       24603392 kB\nMemFree:         1218244 kB\n\
        MemAvailable:    8000000 kB\nBuffers:          123456 kB\n";
    const MACHINE: u64 = 8_000_000 * 1024;

    /// What is free on a machine with these files.
    fn free(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        free_below(root.path())
    }

    #[test]
    fn meminfo_tells_what_is_available() {
        assert_eq!(available(MEMINFO), Some(MACHINE));
        for text in ["", "MemFree: 12 kB\n", "MemAvailable:\n", "MemAvailable: much kB\n"] {
            assert_eq!(available(text), None, "{text:?}");
        }
        assert_eq!(available(&format!("MemAvailable: {} kB\n", u64::MAX)), None);
    }

    #[test]
    fn without_limits_it_is_the_machines() {
        assert_eq!(free(&[]), None);
        assert_eq!(free(&[("proc/meminfo", MEMINFO)]), Some(MACHINE));
        let unlimited = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/user.slice/a b:c\n"),
            ("sys/fs/cgroup/user.slice/a b:c/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/a b:c/memory.current", "4096\n"),
        ];
        assert_eq!(free(&unlimited), Some(MACHINE));
        let unlimited = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n"),
        ];
        assert_eq!(free(&unlimited), Some(MACHINE));
    }

    #[test]
    fn a_group_of_version_2_and_those_above_it_limit() {
        let mut files = vec![
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "3000000\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "1000000\n"),
        ];
        assert_eq!(free(&files), Some(2_000_000));
        // Files that the system can give up are free.
        let stat = "anon 600000\nfile 400000\nactive_file 100000\ninactive_file 300000\n";
        files.push(("sys/fs/cgroup/outer/inner/memory.stat", stat));
        assert_eq!(free(&files), Some(2_300_000));
        files.push(("sys/fs/cgroup/outer/memory.max", "5000000\n"));
        files.push(("sys/fs/cgroup/outer/memory.current", "4900000\n"));
        assert_eq!(free(&files), Some(100_000));
        // More than its limit is nothing free, not a very large number.
        files.push(("sys/fs/cgroup/memory.max", "10\n"));
        files.push(("sys/fs/cgroup/memory.current", "20\n"));
        assert_eq!(free(&files), Some(0));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_topmost() {
        let files = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/docker/0123abcd\n"),
            ("sys/fs/cgroup/memory.max", "7000\n"),
            ("sys/fs/cgroup/memory.current", "5000\n"),
        ];
        assert_eq!(free(&files), Some(2000));
        // A path out of the namespace.
        let files = [files[0], ("proc/self/cgroup", "0::/../../other\n"), files[2], files[3]];
        assert_eq!(free(&files), Some(2000));
    }

    #[test]
    fn a_group_of_version_1_limits() {
        let files = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "12:cpu,cpuacct:/x\n9:hugetlb,memory:/docker/1\n0::/init.scope\n"),
            ("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "900\n"),
            ("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "800\n"),
            (
                "sys/fs/cgroup/memory/docker/1/memory.stat",
                "inactive_file 1\ntotal_inactive_file 50\n",
            ),
        ];
        assert_eq!(free(&files), Some(150));
    }

    #[test]
    fn this_machine_tells_something() {
        let free = super::free_memory();
        assert_eq!(free.is_some(), cfg!(any(target_os = "linux", target_os = "android")));
        assert!(free.is_none_or(|bytes| bytes > 1 << 20), "{free:?}");
    }
}
