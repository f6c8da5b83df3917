//! Dense layer, gradient of its input, carried through the activation that produced that input:
//! `d_input = (d_output W^T) * activation'(input)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::product::{Shape, product_kernel, splits, vec4_aligned};
use super::{Activation, Begin, Product, Real};

product_kernel! {
    name: "dense_gradient_input",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Inputs of the layer.
        inputs: u32,
        /// Units of the layer.
        units: u32,
        /// [`Activation::code`] of the layer that produced `input`; linear where none did.
        activation: u32,
        /// Columns of `input` and `d_input`; those of a whole layer are `inputs`.
        stride: u32,
        /// First column that this piece of the layer gives; 0 for a whole layer.
        first: u32,
        /// First unit that this dispatch sums, a multiple of 4. From the second dispatch on `d_input`
        /// holds the sums before.
        first_unit: u32,
        /// Units that it sums; the dispatch with the last one applies the derivative.
        terms: u32,
    },
    bindings: {
        /// `[rows, stride]`: the values of that activation.
        input: read f32 as AlongInputs,
        /// `[inputs, units]`; a last row, the bias, plays no part.
        weights: read f32 as AlongUnits,
        /// `[rows, units]`, with respect to this layer's pre-activation.
        d_output: read f32 as AlongUnits,
        /// `[rows, stride]`, with respect to the pre-activation of the layer before.
        d_input: write f32 as AlongInputs,
    },
    shape: |p| Shape {
        size: [p.rows, p.inputs],
        terms: p.terms,
        parts: 1,
        vec4: vec4_aligned([p.inputs, p.units, p.stride, p.first]),
        column: p.units == 1 && p.inputs.is_multiple_of(4) && p.stride == p.inputs,
        linear: p.activation == Activation::Linear.code(),
        splits: splits(p.terms, p.inputs),
        ..Shape::default()
    },
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("dense_gradient_input.wgsl")],
    vec4: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("vec4/dense_gradient_input.wgsl")],
    column: {
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("column/dense_gradient_input.wgsl")],
        workgroups: |p| [(p.inputs / 4).div_ceil(64), p.rows.div_ceil(8), 1],
        beside: ["column_linear", "split"],
    },
    reference: reference,
    case: case,
    benches: [
        ("256x128 128x784", [256, 784, 128, 0]),
        ("256x1000 1000x64", [256, 64, 1000, 0]),
        ("256x1 1x8192", [256, 8192, 1, 0]),
        ("1024x1024 1024x1024", [1024, 1024, 1024, 0]),
    ],
}

impl Params {
    /// A layer in one piece.
    pub fn whole(rows: u32, inputs: u32, units: u32, activation: Activation) -> Params {
        let activation = activation.code();
        Params {
            rows,
            inputs,
            units,
            activation,
            stride: inputs,
            first: 0,
            first_unit: 0,
            terms: units,
        }
    }
}

fn reference<T: Real>(p: &Params, input: &[T], weights: &[T], d_output: &[T], d_input: &mut [T]) {
    let (rows, inputs, units) = (p.rows as usize, p.inputs as usize, p.units as usize);
    let (first, stride) = (p.first as usize, p.stride as usize);
    let first_unit = p.first_unit as usize;
    let is_last = p.first_unit + p.terms == p.units;
    let d_input = &mut d_input[..rows * stride];
    let activation = Activation::from_code(p.activation);
    if units == 1 && stride == inputs {
        // An outer product, for which a blocked product is no help.
        super::for_rows(d_input, inputs, |first, rows| {
            for (row, &d) in rows.chunks_exact_mut(inputs).zip(&d_output[first..]) {
                super::vectorised(
                    #[inline(always)]
                    || row.iter_mut().zip(weights).for_each(|(to, &w)| *to = d * w),
                );
            }
        });
        if activation != Activation::Linear {
            super::for_rows(d_input, 1, |first, gradients| {
                activation.scale_by_derivative(gradients, &input[first..][..gradients.len()]);
            });
        }
        return;
    }
    T::product(
        &Product {
            size: [rows, inputs, p.terms as usize],
            a: &d_output[first_unit..],
            a_strides: [units, 1],
            b: &weights[first_unit..],
            b_strides: [1, units],
            begin: if first_unit > 0 { Begin::Accumulate } else { Begin::Zero },
        },
        &mut d_input[first..],
        stride,
        &|row, column, gradients| {
            if is_last {
                let ys = &input[row * stride + first + column..][..gradients.len()];
                activation.scale_by_derivative(gradients, ys);
            }
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, inputs, units, code]: Sizes) -> Dispatch {
    c.computes(2 * rows * inputs * units);
    let [before, behind] = c.margins(code);
    let stride = before + inputs + behind;
    let bindings = Bindings {
        input: c.random(rows * stride, 1.0),
        weights: c.random((inputs + 1) * units, 1.0),
        d_output: c.random(rows * units, 1.0),
        d_input: c.random(rows * stride, 1.0),
    };
    c.expect(bindings.d_input, summed(units));
    // All units in one dispatch, or the first, the middle or the last of several.
    let part = units / 12 * 4;
    let [first_unit, left] = match rows % 4 {
        1 => [0, part],
        2 => [part, part],
        3 => [part, 0],
        _ => [0, 0],
    };
    // A linear one where there are no margins, for the variant that reads no activation.
    let activation = match code % 8 {
        _ if c.is_bench() => Activation::Relu,
        5 => Activation::ALL[4],
        code => Activation::ALL[code % 4],
    };
    let params = Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        activation: activation.code(),
        stride: stride as u32,
        first: before as u32,
        first_unit: first_unit as u32,
        terms: (units - first_unit - left) as u32,
    };
    dispatch(params, bindings)
}
