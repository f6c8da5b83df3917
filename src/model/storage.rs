//! How a table of vectors lies in a model file. Rows that are zero throughout, such as those of hash buckets that no
//! training text fell into, are left out: a bit a row says which are there. Values are single precision, half precision,
//! or bytes with a scale for each row (the largest magnitude of the row over 127, as bfloat16).
//!
//! Arrays of a table `NAME` that does not lie as it is: `NAME` with the rows that are there, `NAME.rows` with the bits
//! (the lowest of a byte first), `NAME.scales`.

use std::borrow::Cow;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::Parameter;

/// How the values of a table are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// Single precision: as they are.
    #[default]
    F32,
    /// Half precision: eleven significant bits.
    F16,
    /// Whole numbers from -127 to 127 times a scale for each row.
    Int8,
}

/// A table that does not lie in the file as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredTable {
    /// Of the parameter.
    pub name: String,
    /// Rows, those that are left out included.
    pub rows: usize,
    pub storage: Storage,
}

/// An array as it is written.
pub(super) struct Stored<'p> {
    pub name: String,
    pub kind: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Cow<'p, [u8]>,
}

/// Rows from which on zero rows are looked for.
const LARGE: usize = 4096;

/// The arrays of a parameter that lies as it is.
pub(super) fn plain(parameter: &Parameter) -> Stored<'_> {
    Stored {
        name: parameter.name.clone(),
        kind: Dtype::F32,
        shape: parameter.shape.clone(),
        bytes: Cow::Borrowed(bytemuck::cast_slice(&parameter.values)),
    }
}

/// The arrays of a table, and what the description says of them; `None` where it shall lie as it is: in single precision,
/// and few rows are zero.
pub(super) fn pack(
    table: &Parameter,
    storage: Storage,
) -> Option<(StoredTable, Vec<Stored<'static>>)> {
    let rows = table.shape.first().copied().filter(|&rows| rows > 0)?;
    let units = table.values.len() / rows;
    let is_kept = |row: &&[f32]| row.iter().any(|value| value.to_bits() != 0);
    let kept: Vec<&[f32]> = table.values.chunks_exact(units.max(1)).filter(is_kept).collect();
    if storage == Storage::F32 && (rows < LARGE || kept.len() > rows / 4 * 3) {
        return None;
    }
    let mut bits = vec![0u8; rows.div_ceil(8)];
    for (row, values) in table.values.chunks_exact(units.max(1)).enumerate() {
        bits[row / 8] |= (is_kept(&values) as u8) << (row % 8);
    }
    let mut stored = Vec::new();
    let mut add = |name: String, kind: Dtype, shape: Vec<usize>, bytes: Vec<u8>| {
        stored.push(Stored { name, kind, shape, bytes: Cow::Owned(bytes) });
    };
    let shape = vec![kept.len(), units];
    let values = kept.iter().flat_map(|row| row.iter());
    match storage {
        Storage::F32 => {
            let bytes = values.flat_map(|value| value.to_le_bytes()).collect();
            add(table.name.clone(), Dtype::F32, shape, bytes);
        }
        Storage::F16 => {
            // What is beyond its range is its largest number.
            let value = |&value: &f32| f16::from_f32(value.clamp(-65504.0, 65504.0)).to_le_bytes();
            add(table.name.clone(), Dtype::F16, shape, values.flat_map(value).collect());
        }
        Storage::Int8 => {
            let scales: Vec<bf16> = kept.iter().map(|row| scale_of(row)).collect();
            let byte = |value: f32, scale: bf16| match scale.to_f32() {
                0.0 => 0u8,
                scale => (value / scale).round().clamp(-127.0, 127.0) as i8 as u8,
            };
            let rows = kept.iter().zip(&scales);
            let bytes = rows.flat_map(|(row, &scale)| row.iter().map(move |&v| byte(v, scale)));
            add(table.name.clone(), Dtype::I8, shape, bytes.collect());
            let bytes = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
            add(scales_of(&table.name), Dtype::BF16, vec![kept.len()], bytes);
        }
    }
    add(rows_of(&table.name), Dtype::U8, vec![bits.len()], bits);
    Some((StoredTable { name: table.name.clone(), rows, storage }, stored))
}

/// The step between the bytes of a row.
fn scale_of(row: &[f32]) -> bf16 {
    let largest = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    bf16::from_f32((largest / 127.0).min(bf16::MAX.to_f32()))
}

fn rows_of(name: &str) -> String {
    format!("{name}.rows")
}

fn scales_of(name: &str) -> String {
    format!("{name}.scales")
}

/// Names of the arrays beside a table's own.
pub(super) fn beside(table: &StoredTable) -> [String; 2] {
    [rows_of(&table.name), scales_of(&table.name)]
}

/// Puts a table together again; `array` finds an array of the file.
pub(super) fn unpack<'a>(
    table: &StoredTable,
    array: impl Fn(&str) -> Option<TensorView<'a>>,
) -> Result<Parameter, String> {
    let name = &table.name;
    let find = |name: &str, kind: Dtype| {
        let found = array(name).ok_or_else(|| format!("the array {name} is missing"))?;
        match found.dtype() == kind {
            true => Ok(found),
            false => {
                Err(format!("the array {name} has the type {:?}, not {kind:?}", found.dtype()))
            }
        }
    };
    let bits = find(&rows_of(name), Dtype::U8)?;
    let values = find(
        name,
        match table.storage {
            Storage::F32 => Dtype::F32,
            Storage::F16 => Dtype::F16,
            Storage::Int8 => Dtype::I8,
        },
    )?;
    let [kept, units] = *values.shape() else {
        return Err(format!("{name} has the shape {:?}, but a table has two axes", values.shape()));
    };
    let (bits, rows) = (bits.data(), table.rows);
    let is_there = |row: usize| bits[row / 8] >> (row % 8) & 1 == 1;
    let there: usize = bits.iter().map(|byte| byte.count_ones() as usize).sum();
    let beyond = rows.div_ceil(8) == bits.len() && (rows..8 * bits.len()).any(is_there);
    if rows == 0 || bits.len() != rows.div_ceil(8) || there != kept || beyond {
        return Err(format!(
            "{name} holds {kept} rows, but other rows are said to be there of {rows}"
        ));
    }
    let data = values.data();
    let decoded: Vec<f32> = match table.storage {
        Storage::F32 => bytemuck::pod_collect_to_vec(data),
        Storage::F16 => {
            data.chunks_exact(2).map(|two| f16::from_le_bytes([two[0], two[1]]).to_f32()).collect()
        }
        Storage::Int8 => {
            let scales = find(&scales_of(name), Dtype::BF16)?;
            if scales.shape() != [kept] {
                return Err(format!("{name} holds {kept} rows, but has other scales"));
            }
            let scales = scales.data().chunks_exact(2);
            let scales = scales.map(|two| bf16::from_le_bytes([two[0], two[1]]).to_f32());
            let rows = scales.zip(data.chunks_exact(units.max(1)));
            rows.flat_map(|(scale, row)| row.iter().map(move |&byte| byte as i8 as f32 * scale))
                .collect()
        }
    };
    let count = rows.checked_mul(units).ok_or("a table is larger than memory")?;
    let mut whole = Vec::new();
    whole.try_reserve_exact(count).map_err(|_| "a table is larger than memory".to_owned())?;
    let mut found = decoded.chunks_exact(units.max(1));
    for row in 0..rows {
        match is_there(row).then(|| found.next()).flatten() {
            Some(values) => whole.extend_from_slice(values),
            None => whole.resize(whole.len() + units, 0.0),
        }
    }
    Ok(Parameter { name: name.clone(), shape: vec![rows, units], values: whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every third row is not zero, and of all magnitudes.
    fn table(rows: usize) -> Parameter {
        let value = |row: usize, unit: usize| match row % 3 {
            0 => ((row * 7 + unit * 3 + 1) as f32 * 0.37).sin() * 10f32.powi(row as i32 % 9 - 6),
            _ => 0.0,
        };
        let values = (0..rows).flat_map(|row| (0..5).map(move |unit| value(row, unit))).collect();
        Parameter { name: "t".into(), shape: vec![rows, 5], values }
    }

    fn again(table: &Parameter, storage: Storage) -> Parameter {
        let (entry, stored) = pack(table, storage).expect("packed");
        unpack(&entry, |name| {
            let found = stored.iter().find(|array| array.name == name)?;
            TensorView::new(found.kind, found.shape.clone(), &found.bytes).ok()
        })
        .expect("unpacked")
    }

    #[test]
    fn a_table_comes_back() {
        let table = table(5001);
        assert_eq!(again(&table, Storage::F32), table);
        for (storage, most) in [(Storage::F16, 1.0 / 2048.0), (Storage::Int8, 0.5 / 127.0 * 1.01)] {
            let found = again(&table, storage);
            for (row, (a, b)) in found.values.chunks(5).zip(table.values.chunks(5)).enumerate() {
                let largest = b.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                for (a, b) in a.iter().zip(b) {
                    // Half precision has no smaller step than this.
                    assert!(
                        (a - b).abs() <= most * largest + 3.1e-8,
                        "{storage:?} row {row}: {a} {b}"
                    );
                }
            }
            // What was rounded once stays.
            assert_eq!(again(&found, storage), found);
        }
        // Few rows, or few of zeros, lie as they are.
        assert!(pack(&self::table(400), Storage::F32).is_none());
        let full = Parameter { values: vec![1.0; 25_005], ..table };
        assert!(pack(&full, Storage::F32).is_none());
        let of = |rows: usize, kept: usize| {
            let mut values = vec![0.0; rows];
            values[..kept].fill(-1.0);
            let table = Parameter { name: "t".into(), shape: vec![rows, 1], values };
            pack(&table, Storage::F32).is_some()
        };
        assert!(of(4096, 3072) && !of(4096, 3073) && !of(4095, 0));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let table = table(5001);
        let (entry, stored) = pack(&table, Storage::Int8).expect("packed");
        let refused = |entry: &StoredTable, change: &dyn Fn(&mut Stored<'static>), says: &str| {
            let (_, mut stored) = pack(&table, Storage::Int8).expect("packed");
            stored.iter_mut().for_each(change);
            let error = unpack(entry, |name| {
                let found = stored.iter().find(|array| array.name == name)?;
                TensorView::new(found.kind, found.shape.clone(), &found.bytes).ok()
            });
            let error = error.expect_err("refused");
            assert!(error.contains(says), "{error}");
        };
        assert_eq!(stored.len(), 3);
        for rows in [0, 5000, 4992, 5009, usize::MAX] {
            refused(&StoredTable { rows, ..entry.clone() }, &|_| {}, "other rows");
        }
        refused(&StoredTable { storage: Storage::F16, ..entry.clone() }, &|_| {}, "the type I8");
        refused(&entry, &|array| array.name += "x", "missing");
        let flip = |array: &mut Stored<'static>| {
            if array.name == "t.rows" {
                array.bytes.to_mut()[3] ^= 2;
            }
        };
        refused(&entry, &flip, "other rows");
        let one_axis = |array: &mut Stored<'static>| {
            if array.name == "t" {
                array.shape = vec![array.shape.iter().product()];
            }
        };
        refused(&entry, &one_axis, "two axes");
    }

    #[test]
    fn rows_behind_the_last_are_none() {
        let table = table(5001);
        let (entry, stored) = pack(&table, Storage::F16).expect("packed");
        assert_eq!(beside(&entry), ["t.rows", "t.scales"]);
        let names: Vec<&str> = stored.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names, ["t", "t.rows"]);
        // 5,001 rows in 626 bytes: one of them, as many in all, stands behind the last.
        let error = unpack(&entry, |name| {
            let found = stored.iter().find(|array| array.name == name)?;
            let mut bytes = found.bytes.to_vec();
            if name == "t.rows" {
                assert_eq!((bytes.len(), bytes[0] & 1), (626, 1));
                bytes[0] ^= 1;
                bytes[625] |= 0x80;
            }
            let bytes: &'static [u8] = bytes.leak();
            TensorView::new(found.kind, found.shape.clone(), bytes).ok()
        });
        assert!(error.expect_err("refused").contains("other rows"));
    }
}
