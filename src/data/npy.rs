//! NumPy's `.npy` files: ids or matrices of any plain number type, in C or Fortran order.

use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};

use crate::error::{Error, Result};

/// An array of a `.npy` file as a matrix: its first axis are rows, the others one row's elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Row by row; integers up to 2^53 are exact.
    pub values: Vec<f64>,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Lengths of all axes.
    pub shape: Vec<usize>,
    /// Whether the file's type is an integer's: ids rather than features.
    pub is_integer: bool,
}

/// Reads a `.npy` file.
///
/// # Errors
/// [`Error::File`] when it cannot be read, [`Error::Data`] when it is no array of numbers.
pub fn read_npy(path: &Path) -> Result<Array> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let broken = |e: std::io::Error| {
        Error::data(
            path,
            format!("this is no whole .npy file ({e}); write it again with numpy.save"),
        )
    };
    let file = NpyFile::new(&bytes[..]).map_err(broken)?;
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    let rows = shape.first().copied().unwrap_or(1);
    let width = shape.iter().skip(1).product::<usize>();
    if file.order() == Order::Fortran && shape.len() > 2 {
        return Err(Error::data(
            path,
            "a Fortran-ordered array of more than two axes; save it with numpy.ascontiguousarray",
        ));
    }
    let fortran = file.order() == Order::Fortran && shape.len() == 2;
    let DType::Plain(kind) = file.dtype() else {
        return Err(Error::data(path, "a structured array; save a plain array of numbers"));
    };
    let (letter, size) = (kind.type_char(), kind.size_field());
    macro_rules! read {
        ($type:ty) => {{
            let values = file.data::<$type>().map_err(|e| Error::data(path, e.to_string()))?;
            values
                .map(|v| v.map(|v| v as f64))
                .collect::<std::io::Result<Vec<f64>>>()
                .map_err(broken)?
        }};
    }
    let mut values = match (letter, size) {
        (TypeChar::Float, 4) => read!(f32),
        (TypeChar::Float, 8) => read!(f64),
        (TypeChar::Int, 1) => read!(i8),
        (TypeChar::Int, 2) => read!(i16),
        (TypeChar::Int, 4) => read!(i32),
        (TypeChar::Int, 8) => read!(i64),
        (TypeChar::Uint, 1) => read!(u8),
        (TypeChar::Uint, 2) => read!(u16),
        (TypeChar::Uint, 4) => read!(u32),
        (TypeChar::Uint, 8) => read!(u64),
        (TypeChar::Bool, 1) => {
            let values = file.data::<bool>().map_err(|e| Error::data(path, e.to_string()))?;
            let values = values.map(|v| v.map(|v| v as u8 as f64));
            values.collect::<std::io::Result<Vec<f64>>>().map_err(broken)?
        }
        _ => {
            return Err(Error::data(
                path,
                format!("numbers of type {kind} are not read; save them as float32 or int64"),
            ));
        }
    };
    if fortran {
        values = (0..rows * width).map(|i| values[i % width * rows + i / width]).collect();
    }
    let is_integer = matches!(letter, TypeChar::Int | TypeChar::Uint);
    Ok(Array { values, rows, width, shape, is_integer })
}

/// The bytes of a `.npy` file of float32 with these axes.
///
/// # Errors
/// [`Error::Model`] when the values are not as many as the axes say.
pub fn npy_bytes(values: &[f32], shape: &[usize]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let write = |bytes: &mut Vec<u8>| -> std::io::Result<()> {
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(bytes).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    };
    write(&mut bytes).map_err(|e| Error::Model(format!("the .npy file cannot be written: {e}")))?;
    Ok(bytes)
}

impl Array {
    /// The values as ids.
    ///
    /// # Errors
    /// [`Error::Data`] names the first value that is no id.
    pub fn into_ids(self, path: &Path) -> Result<Vec<u32>> {
        let width = self.width.max(1);
        let convert = |(i, value): (usize, f64)| {
            if value >= 0.0 && value <= u32::MAX as f64 && value.fract() == 0.0 {
                return Ok(value as u32);
            }
            Err(Error::Data {
                place: format!(
                    "{}, row {}, position {}",
                    path.display(),
                    i / width + 1,
                    i % width + 1
                ),
                message: format!("{value} is no id; ids are whole numbers from 0 on"),
            })
        };
        self.values.into_iter().enumerate().map(convert).collect()
    }

    /// The values in single precision.
    pub fn into_reals(self) -> Vec<f32> {
        self.values.into_iter().map(|value| value as f32).collect()
    }
}
