//! Dense layer, forward: `output = activation(input W + bias)`.

use super::product::product_kernel;
use super::{Activation, Real};

product_kernel! {
    name: "dense_forward",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Inputs of the layer.
        inputs: u32,
        /// Units of the layer.
        units: u32,
        /// [`Activation::code`].
        activation: u32,
    },
    bindings: {
        /// `[rows, inputs]`
        input: read f32,
        /// `[inputs + 1, units]`; the last row is the bias.
        weights: read f32,
        /// `[rows, units]`
        output: write f32,
    },
    size: |p| [p.rows, p.units],
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("dense_forward.wgsl")],
    vec4: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("vec4/dense_forward.wgsl")],
    column: {
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("column/dense_forward.wgsl")],
        workgroups: |p| [p.rows.div_ceil(64), 1, 1],
    },
    twin: twin,
}

fn twin<T: Real>(p: &Params, input: &[T], weights: &[T], output: &mut [T]) {
    let (rows, inputs, units) = (p.rows as usize, p.inputs as usize, p.units as usize);
    let (kernel, bias) = weights[..(inputs + 1) * units].split_at(inputs * units);
    let output = &mut output[..rows * units];
    output.chunks_exact_mut(units).for_each(|row| row.copy_from_slice(bias));
    T::gemm(
        [rows, units, inputs],
        input,
        [inputs, 1],
        kernel,
        [units, 1],
        output,
        [units, 1],
        true,
    );
    let activation = Activation::from_code(p.activation);
    super::for_rows(output, 1, |_, values| activation.apply_all(values));
}
