//! An array among the columns of a wider one: `output[r, first + j] = input[r, j]`, or `+=`. Concatenation, sums,
//! and gradients of values that several layers read.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread};

kernel! {
    name: "place_columns",
    params: {
        /// Rows of the batch, or vectors in it.
        rows: u32,
        /// Columns of `input`.
        width: u32,
        /// Columns of the wider array.
        stride: u32,
        /// The first of them.
        first: u32,
        /// 1 to add to what is there.
        adds: u32,
    },
    bindings: {
        /// `[rows, width]`
        input: read f32,
        /// `[rows, stride]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("place_columns.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.width as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 7, 1024])],
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let (rows, width, stride) = (p.rows as usize, p.width as usize, p.stride as usize);
    let first = p.first as usize;
    for_rows(&mut output[..rows * stride], stride, |start, output| {
        let input = input[start * width..].chunks_exact(width);
        for (output, input) in output.chunks_exact_mut(stride).zip(input) {
            let output = &mut output[first..][..width];
            match p.adds {
                1 => output.iter_mut().zip(input).for_each(|(sum, &value)| *sum += value),
                _ => output.copy_from_slice(input),
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, width, behind, adds]: Sizes) -> Dispatch {
    c.moves(2 * rows * width);
    let (first, stride) = (adds, adds + width + behind % 7);
    let output = c.random(rows * stride, 1.0);
    c.expect(output, EXACT);
    let bindings = Bindings { input: c.random(rows * width, 1.0), output };
    let params = Params {
        rows: rows as u32,
        width: width as u32,
        stride: stride as u32,
        first: first as u32,
        adds: (adds % 2) as u32,
    };
    dispatch(params, bindings)
}
