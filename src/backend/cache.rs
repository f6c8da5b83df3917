//! What is worth remembering from run to run: compiled pipelines and the fastest variants of kernels.
//! Files in the user's cache folder (`WGSLEARN_CACHE` names another; empty, nothing is kept). Losing
//! them costs time, never a result, so a file that cannot be read or written is as good as none.

use std::io::Write;
use std::path::PathBuf;

/// The folder, where there is one.
fn folder() -> Option<PathBuf> {
    match std::env::var_os("WGSLEARN_CACHE") {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(path.into()),
        None => dirs::cache_dir().map(|folder| folder.join("wgslearn")),
    }
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
        let mut file = tempfile::NamedTempFile::new_in(&folder).ok()?;
        file.write_all(&xxhash_rust::xxh3::xxh3_64(contents).to_le_bytes()).ok()?;
        file.write_all(contents).ok()?;
        file.persist(folder.join(name)).ok()?;
        Some(())
    };
    // Not kept: the next run does the work again.
    let _ = attempt();
}
