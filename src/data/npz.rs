//! NumPy's `.npz` files: a zip archive of one `.npy` file for each array, `x.npy` for the array `x`, stored as
//! they are (`numpy.savez`) or deflated (`numpy.savez_compressed`).

use std::io::Read;

use super::npy::Parsed;
use crate::error::did_you_mean;

/// What one packed byte may become, and what any array may.
const MOST_UNPACKED: u64 = 200;
const ALWAYS_UNPACKED: u64 = 16 << 20;

fn broken(e: impl std::fmt::Display) -> String {
    format!("this is not a complete .npz file ({e}); write it again with numpy.savez")
}

/// The arrays of an archive, in its order: their names and where they are.
type Members = Vec<(String, rawzip::ZipArchiveEntryWayfinder, rawzip::CompressionMethod)>;

fn archive(bytes: &[u8]) -> Parsed<(rawzip::ZipSliceArchive<&[u8]>, Members)> {
    let archive = rawzip::ZipArchive::from_slice(bytes).map_err(broken)?;
    let (mut members, mut found, mut entries) = (Members::new(), 0, archive.entries());
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        found += 1;
        let path = entry.file_path();
        let path = std::str::from_utf8(path.as_ref()).map_err(broken)?;
        let Some(name) = path.strip_suffix(".npy").map(str::to_owned) else { continue };
        if members.iter().any(|(known, ..)| *known == name) {
            return Err(broken(format!("the array {name} is there twice")));
        }
        if entry.flags().is_encrypted() {
            return Err(format!("the array {name} is encrypted; write it again with numpy.savez"));
        }
        members.push((name, entry.wayfinder(), entry.compression_method()));
    }
    match found == archive.entries_hint() {
        true => Ok((archive, members)),
        false => Err(broken(format!("{found} of its {} files are there", archive.entries_hint()))),
    }
}

/// The names of an archive's arrays, in its order.
pub(super) fn names(bytes: &[u8]) -> Parsed<Vec<String>> {
    Ok(archive(bytes)?.1.into_iter().map(|(name, ..)| name).collect())
}

/// The bytes of the `.npy` file of one array; of the only one without a name.
pub(super) fn member(bytes: &[u8], name: Option<&str>) -> Parsed<Vec<u8>> {
    let (archive, members) = archive(bytes)?;
    let names: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
    let shown = names.join(", ");
    let (wanted, place, method) = match (name, &members[..]) {
        (_, []) => return Err("this archive holds no .npy array".into()),
        (None, [only]) => only,
        (None, _) => {
            return Err(format!(
                "this file holds several arrays ({shown}); name one behind the file: FILE/{}",
                names[0]
            ));
        }
        (Some(name), _) => members.iter().find(|(known, ..)| known == name).ok_or_else(|| {
            let near = did_you_mean(name, names.iter().copied());
            format!("there is no array \"{name}\"{near}; the file holds {shown}")
        })?,
    };
    let entry = archive.get_entry(*place).map_err(broken)?;
    let reader: Box<dyn Read> = match *method {
        rawzip::CompressionMethod::STORE => Box::new(entry.data()),
        rawzip::CompressionMethod::DEFLATE => {
            Box::new(flate2::bufread::DeflateDecoder::new(entry.data()))
        }
        other => {
            let method = format!("the array {wanted} is packed in another way ({other:?})");
            return Err(format!("{method}; write it again with numpy.savez_compressed"));
        }
    };
    // Its length and checksum are those that the archive says, or reading fails.
    let reader = entry.verifying_reader(reader);
    let most = (bytes.len() as u64).saturating_mul(MOST_UNPACKED).max(ALWAYS_UNPACKED);
    let mut plain = Vec::new();
    reader.take(most + 1).read_to_end(&mut plain).map_err(broken)?;
    match plain.len() as u64 > most {
        true => {
            Err(format!("the array {wanted} unpacks to more than {most} bytes; save it as .npy"))
        }
        false => Ok(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{
        Array, ByteSource, Content, array_names, array_path, content, file_and_array, npy_bytes,
        read_array, read_npy,
    };
    use crate::error::{Error, Result};
    use rawzip::CompressionMethod;
    use std::io::Write;

    fn write<W: Write>(mut to: W, bytes: &[u8]) -> W {
        to.write_all(bytes).expect("written");
        to
    }

    /// An archive of these files, packed in this way.
    fn packed(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
        for (name, bytes) in files {
            let file = archive.new_file(*name).compression_method(method);
            let (mut entry, config) = file.start().expect("a member");
            let descriptor = match method {
                CompressionMethod::DEFLATE => {
                    let level = flate2::Compression::best();
                    let encoder = flate2::write::DeflateEncoder::new(&mut entry, level);
                    let (encoder, descriptor) =
                        write(config.wrap(encoder), bytes).finish().expect("written");
                    encoder.finish().expect("written");
                    descriptor
                }
                _ => write(config.wrap(&mut entry), bytes).finish().expect("written").1,
            };
            entry.finish(descriptor).expect("written");
        }
        archive.finish().expect("an archive")
    }

    #[test]
    fn arrays_are_found_by_name_stored_and_deflated() {
        for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
            let two =
                packed(&[("x.npy", b"first"), ("note.txt", b"-"), ("y.npy", b"second")], method);
            assert_eq!(names(&two).expect("names"), ["x", "y"]);
            assert_eq!(member(&two, Some("y")).expect("y"), b"second");
            assert!(member(&two, None).expect_err("several").contains("x, y"));
            assert!(member(&two, Some("z")).expect_err("none").contains("\"z\""));
            let one = packed(&[("x.npy", b"first")], method);
            assert_eq!(member(&one, None).expect("the only one"), b"first");
        }
        let none = packed(&[("note.txt", b"-")], CompressionMethod::STORE);
        assert!(member(&none, None).expect_err("none").contains("no .npy array"));
    }

    #[test]
    fn what_is_broken_is_said() {
        for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
            let whole = packed(&[("x.npy", &[b'x'; 999])], method);
            for end in 0..whole.len() {
                assert!(member(&whole[..end], None).is_err(), "{end} of {} bytes", whole.len());
            }
            // A bit of the data: the checksum tells.
            let mut other = whole.clone();
            let data = other.windows(5).position(|bytes| bytes == b"x.npy").expect("its name") + 5;
            other[data] ^= 4;
            assert!(member(&other, None).is_err(), "{method:?}");
        }
        let twice = packed(&[("x.npy", b"1"), ("x.npy", b"2")], CompressionMethod::STORE);
        assert!(names(&twice).expect_err("twice").contains("twice"));
        let other = packed(&[("x.npy", b"1")], CompressionMethod::LZMA);
        assert!(member(&other, None).expect_err("LZMA").contains("savez_compressed"));
    }

    #[test]
    fn what_unpacks_to_far_more_is_refused() {
        let zeros = vec![0; ALWAYS_UNPACKED as usize + 1];
        let bomb = packed(&[("x.npy", &zeros)], CompressionMethod::DEFLATE);
        assert!((bomb.len() as u64) < ALWAYS_UNPACKED / MOST_UNPACKED);
        assert!(member(&bomb, None).expect_err("a bomb").contains("save it as .npy"));
    }

    #[test]
    fn an_array_of_an_archive_has_a_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.npz");
        let [x, y] =
            [[1.0, 2.0], [3.0, 4.0]].map(|values| npy_bytes(&values, &[2]).expect("bytes"));
        let archive = packed(&[("x.npy", &x), ("deep/y.npy", &y)], CompressionMethod::STORE);
        std::fs::write(&path, archive).expect("written");
        let of = |name: &str| file_and_array(&path.join(name)).1;
        assert_eq!((of("x"), of("deep/y")), (Some("x".into()), Some("deep/y".into())));
        assert_eq!(file_and_array(&path.join("x")).0, path);
        assert_eq!(file_and_array(&path), (&*path, None));
        let other = folder.path().join("no.npz/x");
        assert_eq!(file_and_array(&other), (&*other, None));
        assert_eq!(array_names(&path).expect("an archive"), ["x", "deep/y"]);
        for (named, expected) in [("x", [1.0, 2.0]), ("deep/y", [3.0, 4.0])] {
            assert_eq!(read_npy(&path.join(named)).expect("an array").into_reals(), expected);
            assert_eq!(read_array(&path, Some(named)).expect("an array").into_reals(), expected);
            assert_eq!(array_path(&path, Some(named)), path.join(named));
            assert_eq!(content(&path.join(named)), Content::Array);
        }
        assert_eq!(array_path(&path, None), path);
        assert_eq!(ByteSource::read(&path.join("x")).expect("an array").extension, "npy");
        assert_eq!(array_path(&path.join("x"), Some("deep/y")), path.join("x"));
        let told = |result: Result<Array>| result.expect_err("no array").to_string();
        assert!(told(read_npy(&path)).contains("x, deep/y"));
        assert!(matches!(read_npy(&path.join("z")), Err(Error::Data { .. })));
        std::fs::write(&path, "no archive").expect("written");
        assert!(told(read_npy(&path.join("x"))).contains("a.npz"));
    }
}
