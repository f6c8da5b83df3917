//! Dense layer, gradient of kernel and bias at once: `gradient = [input 1]^T d_output`.

use super::product::product_kernel;
use super::{Begin, Product, Real};

product_kernel! {
    name: "dense_gradient_weights",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Inputs of the layer.
        inputs: u32,
        /// Units of the layer.
        units: u32,
        /// Columns of `input`; those of a whole layer are `inputs`.
        stride: u32,
        /// First column that this piece of the layer reads; 0 for a whole layer.
        first: u32,
        /// 1: the gradient ends in the bias's.
        bias: u32,
    },
    bindings: {
        /// `[rows, stride]`
        input: read f32,
        /// `[rows, units]`, with respect to the pre-activation.
        d_output: read f32,
        /// `[inputs + bias, units]`; the last row is the bias's.
        gradient: write f32,
    },
    size: |p| [p.inputs + p.bias, p.units],
    terms: |p| p.rows,
    whole: |p| p.stride == p.inputs && p.bias == 1,
    source: [wgsl!("dense_gradient_weights.wgsl")],
    vec4: [wgsl!("vec4/dense_gradient_weights.wgsl")],
    column: {
        source: [wgsl!("column/dense_gradient_weights.wgsl")],
        workgroups: |p| [(p.inputs / 4 + 1).div_ceil(64), 1, 1],
    },
    twin: twin,
}

impl Params {
    /// A layer in one piece.
    pub fn whole(rows: u32, inputs: u32, units: u32) -> Params {
        Params { rows, inputs, units, stride: inputs, first: 0, bias: 1 }
    }
}

fn twin<T: Real>(p: &Params, input: &[T], d_output: &[T], gradient: &mut [T]) {
    let (rows, inputs, units) = (p.rows as usize, p.inputs as usize, p.units as usize);
    let gradient = &mut gradient[..(inputs + p.bias as usize) * units];
    let (kernel, bias) = gradient.split_at_mut(inputs * units);
    let d_output = &d_output[..rows * units];
    if inputs > 0 {
        T::product(
            &Product {
                size: [inputs, units, rows],
                a: &input[p.first as usize..],
                a_strides: [1, p.stride as usize],
                b: d_output,
                b_strides: [units, 1],
                begin: Begin::Zero,
            },
            kernel,
            units,
            &|_, _, _| {},
        );
    }
    if bias.is_empty() {
        return;
    }
    // Few columns are not worth threads.
    super::for_costly_rows(bias, 1, rows, |first, bias| {
        bias.fill(T::ZERO);
        for row in d_output.chunks_exact(units) {
            let row = &row[first..][..bias.len()];
            super::vectorised(
                #[inline(always)]
                || bias.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value),
            );
        }
    });
}
