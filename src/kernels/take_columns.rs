//! Columns of a wider array's gradient, carried through the activation of the values that they are of:
//! `d_input[r, j] = d_output[r, first + j] activation'(input[r, j])`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, spread};

kernel! {
    name: "take_columns",
    params: {
        /// Rows of the batch, or vectors in it.
        rows: u32,
        /// Columns of `input`.
        width: u32,
        /// Columns of the wider array.
        stride: u32,
        /// The first of them.
        first: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[rows, width]`
        input: read f32,
        /// `[rows, stride]`
        d_output: read f32,
        /// `[rows, width]`
        d_input: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("take_columns.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.width as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 7, 1024])],
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    let (rows, width, stride) = (p.rows as usize, p.width as usize, p.stride as usize);
    let (first, activation) = (p.first as usize, Activation::from_code(p.activation));
    for_rows(&mut d_input[..rows * width], width, |start, d_input| {
        let d_output = d_output[start * stride..].chunks_exact(stride);
        for (d_input, d_output) in d_input.chunks_exact_mut(width).zip(d_output) {
            d_input.copy_from_slice(&d_output[first..][..width]);
        }
        let values = &input[start * width..][..d_input.len()];
        activation.scale_by_derivative(d_input, values);
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, width, behind, code]: Sizes) -> Dispatch {
    c.moves(3 * rows * width);
    let (first, stride) = (code, code + width + behind % 7);
    let bindings = Bindings {
        input: c.random(rows * width, 1.0),
        d_output: c.random(rows * stride, 1.0),
        d_input: c.output(rows * width, EXACT),
    };
    let params = Params {
        rows: rows as u32,
        width: width as u32,
        stride: stride as u32,
        first: first as u32,
        activation: Activation::ALL[code % 5].code(),
    };
    dispatch(params, bindings)
}
