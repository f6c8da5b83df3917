//! A checksum of what a safetensors file holds, at the end of the description in its metadata: one flipped bit of a
//! weight, a name, a shape or the description is found, and other readers of safetensors open the file as ever.

use xxhash_rust::xxh3::Xxh3;

/// An array as a file holds it.
pub(crate) struct Array<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
}

/// How a file stands to its checksum.
#[derive(Debug, PartialEq)]
pub(crate) enum Seal {
    /// It holds what it was written with.
    Whole,
    /// It has none: it was written before there were any.
    Missing,
    /// It was changed since.
    Broken,
}

const KEY: &str = ",\"checksum\":\"";

/// Puts the checksum behind the last key of a description, an object in JSON.
pub(crate) fn seal(json: &str, arrays: &mut [Array<'_>]) -> String {
    let sum = checksum(json, arrays);
    let open = json.strip_suffix('}').unwrap_or(json);
    format!("{open}{KEY}{sum}\"}}")
}

/// Holds a file against the checksum of its description.
pub(crate) fn check(json: &str, arrays: &mut [Array<'_>]) -> Seal {
    let Some((open, sum)) = json.rsplit_once(KEY) else { return Seal::Missing };
    match sum.strip_suffix("\"}") == Some(&checksum(&format!("{open}}}"), arrays)) {
        true => Seal::Whole,
        false => Seal::Broken,
    }
}

/// Of the description and the arrays in the order of their names.
fn checksum(json: &str, arrays: &mut [Array<'_>]) -> String {
    arrays.sort_by(|a, b| a.name.cmp(b.name));
    let mut hash = Xxh3::new();
    // Each with its length, so that no two files give the same bytes.
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(json.as_bytes());
    for array in arrays {
        add(array.name.as_bytes());
        let shape: Vec<u8> = array.shape.iter().flat_map(|&n| (n as u64).to_le_bytes()).collect();
        add(&shape);
        add(array.bytes);
    }
    format!("{:032x}", hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_breaks_the_seal() {
        let (json, bytes) = ("{\"a\":1}", [1u8, 2, 3, 4]);
        fn array(bytes: &[u8]) -> Array<'_> {
            Array { name: "w", shape: &[1], bytes }
        }
        let sealed = seal(json, &mut [array(&bytes)]);
        assert_eq!(check(&sealed, &mut [array(&bytes)]), Seal::Whole);
        assert_eq!(check(json, &mut [array(&bytes)]), Seal::Missing);
        for bit in 0..32 {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&sealed, &mut [array(&other)]), Seal::Broken);
        }
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone().into_bytes();
            other[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(other) else { continue };
            assert_ne!(check(&other, &mut [array(&bytes)]), Seal::Whole, "{other}");
        }
        let renamed = Array { name: "v", shape: &[1], bytes: &bytes };
        assert_eq!(check(&sealed, &mut [renamed]), Seal::Broken);
        let reshaped = Array { name: "w", shape: &[1, 1], bytes: &bytes };
        assert_eq!(check(&sealed, &mut [reshaped]), Seal::Broken);
    }
}
