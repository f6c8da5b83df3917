//! What is worth remembering from run to run: compiled pipelines and the fastest variants of kernels.
//! Files in the user's cache folder (`WGSLEARN_CACHE` names another; empty, nothing is kept). Losing
//! them costs time, never a result, so a file that cannot be read or written is as good as none.

use std::path::PathBuf;

use crate::files;

/// The folder, where there is one.
pub fn folder() -> Option<PathBuf> {
    match std::env::var_os("WGSLEARN_CACHE") {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(path.into()),
        None => user_cache().map(|folder| folder.join("wgslearn")),
    }
}

/// The user's folder for what can be made again, as each system has it; none where nobody says.
fn user_cache() -> Option<PathBuf> {
    let named = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    if cfg!(windows) {
        return named("LOCALAPPDATA");
    }
    if cfg!(target_os = "macos") {
        return Some(named("HOME")?.join("Library/Caches"));
    }
    named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))
}

/// Whether anything is kept.
pub(super) fn is_on() -> bool {
    folder().is_some()
}

/// A file's contents, if they are what [`write`] left: a cut or mended file counts as none.
pub(super) fn read(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(folder()?.join(name)).ok()?;
    let (sum, contents) = bytes.split_first_chunk::<8>()?;
    (u64::from_le_bytes(*sum) == xxhash_rust::xxh3::xxh3_64(contents)).then(|| contents.to_vec())
}

/// Writes a file whole, behind a checksum.
pub(super) fn write(name: &str, contents: &[u8]) {
    let attempt = || -> Option<()> {
        let folder = folder()?;
        std::fs::create_dir_all(&folder).ok()?;
        let sum = xxhash_rust::xxh3::xxh3_64(contents).to_le_bytes();
        files::write_lightly(&folder.join(name), &[&sum, contents].concat()).ok()
    };
    // Not kept: the next run does the work again.
    let _ = attempt();
}
