//! Files that one process uses at a time: a lock is a file beside or in place of them that the system locks, and frees
//! when the process ends, however that happens.

use std::fs::File;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::outputs::resolved;
use crate::error::{Error, Result};

/// A lock that this process holds.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Locked as long as it is open.
    _file: File,
}

/// What became of taking a lock.
pub(super) enum Taken {
    Own(Lock),
    /// Another process has it.
    Busy,
    /// The file system has no locks, or the file cannot be made.
    Unknown,
}

impl Lock {
    /// Takes the lock that is a file of this name.
    pub fn take(path: PathBuf) -> Taken {
        // A holder that ends removes the file; who locked what was removed tries again.
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let Ok(file) = File::options().create(true).append(true).open(&path) else {
                return Taken::Unknown;
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Taken::Own(Lock { path, _file: file }),
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => return Taken::Busy,
                Err(std::fs::TryLockError::Error(_)) => return Taken::Unknown,
            }
        }
        Taken::Busy
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether an open file is still the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |of: std::io::Result<std::fs::Metadata>| of.ok().map(|of| (of.dev(), of.ino()));
    id(file.metadata()) == id(path.metadata())
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Takes files that a run will write, so that no other run writes them meanwhile. The locks lie in the system's folder
/// for temporary files, so that nothing stands beside a user's.
///
/// # Errors
/// [`Error::Usage`] names the file that another run will write.
pub(super) fn take_outputs<'a>(
    outputs: impl Iterator<Item = (&'static str, &'a PathBuf)>,
) -> Result<Vec<Lock>> {
    let mut locks = Vec::new();
    for (name, path) in outputs {
        // Devices and pipes take what they are given.
        if path.exists() && !path.is_file() {
            continue;
        }
        let hash = xxh3_64(resolved(path).as_os_str().as_encoded_bytes());
        match Lock::take(std::env::temp_dir().join(format!("wgslearn-{hash:016x}.lock"))) {
            Taken::Own(lock) => locks.push(lock),
            Taken::Unknown => {}
            Taken::Busy => {
                return Err(Error::usage(format!(
                    "another run is going to write {}, the output {name}; wait for its end, or name another file",
                    path.display()
                )));
            }
        }
    }
    Ok(locks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_is_held_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m");
        let take = || take_outputs([("model", &path)].into_iter());
        let held = take().expect("free");
        assert_eq!(held.len(), 1);
        let error = take().expect_err("held").to_string();
        assert!(error.contains("another run is going to write"), "{error}");
        let lock = held[0].path.clone();
        drop(held);
        assert!(!lock.exists());
        take().expect("free again");
        // A folder that is not there cannot be locked in.
        assert!(matches!(Lock::take(folder.path().join("gone/lock")), Taken::Unknown));
    }
}
