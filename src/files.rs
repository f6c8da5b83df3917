//! Writing whole files: a file is what it was before, or all of what it shall be.
//!
//! The bytes go to a file beside it, `.NAME.PID-N.part`, which is then renamed. A symbolic link stays one and its
//! target is replaced; a file that was there keeps its permissions, and a new one has those that the umask leaves;
//! what is no regular file (a device, a pipe) is written to as it is. What a killed process left is removed by the
//! next that writes the same file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Links that lead to a file at most, as the kernels of systems have it.
const MOST_LINKS: usize = 40;

/// Writes `bytes` to `path`, as a whole.
///
/// # Errors
/// [`Error::File`] names the file; what was there stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, true).map_err(|e| Error::file("write", path, e))
}

/// As [`write_whole`], without waiting for the disk: for what may be lost.
pub(crate) fn write_lightly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, false)
}

/// Whether a file can be made in a folder, found by making one.
pub(crate) fn check_writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".wgslearn.{}-0.part", std::process::id()));
    OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
    fs::remove_file(&probe)
}

/// Refuses a path that no file can have: `-`, which is standard output to other programs and would be a file of that name
/// here, and names that the system does not take, as those that are too long.
pub(crate) fn check_name(path: &Path) -> io::Result<()> {
    if path == Path::new("-") {
        return Err(io::Error::other(
            "that is no file's name (/dev/stdout is standard output, ./- a file that is called so)",
        ));
    }
    match fs::symlink_metadata(target(path)?) {
        Err(error)
            if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// What a file's parts are called by: a name may be as long as names can be, and theirs are longer.
fn short(name: &str) -> &str {
    const MOST: usize = 200;
    let end = (0..=MOST.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    &name[..end.unwrap_or(0)]
}

fn write(path: &Path, bytes: &[u8], waits: bool) -> io::Result<()> {
    let path = &target(path)?;
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file() && !before.is_dir()) {
        let mut file = OpenOptions::new().write(true).open(path)?;
        return file.write_all(bytes);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy();
    if before.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let name = short(&name);
    remove_leftovers(folder, name);
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let part = folder.join(format!(".{name}.{}-{number}.part", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        if let Some(before) = &before {
            file.set_permissions(before.permissions())?;
        }
        file.write_all(bytes)?;
        if waits {
            file.sync_all()?;
        }
        fs::rename(&part, path)
    })();
    if written.is_err() {
        // The error that matters is the one above.
        let _ = fs::remove_file(&part);
    }
    written?;
    // The new name lies on the disk too, where folders can be synchronised.
    if let (true, Ok(folder)) = (waits, File::open(folder)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The file that a path leads to through symbolic links, whether it is there or not.
pub(crate) fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let to = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(to);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links lead from one to another"))
}

/// Removes what processes that are no more left beside a file.
fn remove_leftovers(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let process = found
            .to_str()
            .and_then(|found| found.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".part")?.split_once('-')?.0.parse::<u32>().ok());
        if process.is_some_and(|process| !is_running(process)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a process is running, as far as can be told: where it cannot, it is taken to be.
fn is_running(process: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        // What a process that was killed left; no process has this number.
        let left = folder.path().join(".model.4294967295-0.part");
        let other = folder.path().join(".model.txt");
        fs::write(&left, "half").expect("written");
        fs::write(&other, "another's").expect("written");
        write_whole(&path, b"one").expect("written");
        write_whole(&path, b"two").expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .expect("there")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, [".model.txt", "model"]);
        assert!(write_whole(folder.path(), b"x").is_err());
        assert!(write_whole(&folder.path().join("none/model"), b"x").is_err());
    }

    #[test]
    fn a_name_may_be_as_long_as_names_can_be() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["m".repeat(255), format!("m{}", "é".repeat(127))] {
            let path = folder.path().join(name);
            check_name(&path).expect("a name");
            write_whole(&path, b"one").expect("written");
            write_whole(&path, b"two").expect("written");
            assert_eq!(fs::read(&path).expect("there"), b"two");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2, "nothing else is left");
        assert!(check_name(&folder.path().join("m".repeat(256))).is_err());
        assert!(check_name(Path::new("-")).is_err());
        check_name(Path::new("./-")).expect("a name");
        check_name(&folder.path().join("none/model")).expect("a name in no folder");
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_permissions_too() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("model"), folder.path().join("link"));
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        symlink("model", &link).expect("a link");
        write_whole(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&path).expect("there"), b"new");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        // A link whose target is not there yet, and one that leads to itself.
        let ahead = folder.path().join("ahead");
        symlink("later", &ahead).expect("a link");
        write_whole(&ahead, b"now").expect("written");
        assert_eq!(fs::read(folder.path().join("later")).expect("there"), b"now");
        let round = folder.path().join("round");
        symlink("round", &round).expect("a link");
        assert!(write_whole(&round, b"x").is_err());
    }
}
