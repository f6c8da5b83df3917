//! What every target does: its reader over the fuzzer's bytes, as a file in a folder of this process's own.

#[path = "../tests/common/readers.rs"]
pub mod readers;

use std::path::PathBuf;
use std::sync::LazyLock;

pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    // The fuzzer ends at any panic; a decoder's is caught where it was called, and is no crash.
    std::panic::set_hook(Box::new(|panic| {
        if !wgslearn::data::is_decoding() {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
    readers::scratch()
});

macro_rules! fuzz {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            let folder = &*target::FOLDER;
            target::readers::Reader::named($name).read(folder, bytes);
        });
    };
}
pub(crate) use fuzz;
