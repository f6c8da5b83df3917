//! In place of what reads `.npz` files, in a build without the feature `compression`.

use super::npy::Parsed;

fn missing<T>() -> Parsed<T> {
    Err("this build cannot read .npz files; save the array as .npy".into())
}

pub(super) fn names(_: &[u8]) -> Parsed<Vec<String>> {
    missing()
}

pub(super) fn member(_: &[u8], _: Option<&str>) -> Parsed<Vec<u8>> {
    missing()
}
