//! Dense layer, gradient of kernel and bias at once: `gradient = [input 1]^T d_output`.

use super::Real;
use super::product::product_kernel;

product_kernel! {
    name: "dense_gradient_weights",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Inputs of the layer.
        inputs: u32,
        /// Units of the layer.
        units: u32,
    },
    bindings: {
        /// `[rows, inputs]`
        input: read f32,
        /// `[rows, units]`, with respect to the pre-activation.
        d_output: read f32,
        /// `[inputs + 1, units]`; the last row is the bias's.
        gradient: write f32,
    },
    size: |p| [p.inputs + 1, p.units],
    source: [wgsl!("dense_gradient_weights.wgsl")],
    vec4: [wgsl!("vec4/dense_gradient_weights.wgsl")],
    column: {
        source: [wgsl!("column/dense_gradient_weights.wgsl")],
        workgroups: |p| [(p.inputs / 4 + 1).div_ceil(64), 1, 1],
    },
    twin: twin,
}

fn twin<T: Real>(p: &Params, input: &[T], d_output: &[T], gradient: &mut [T]) {
    let (rows, inputs, units) = (p.rows as usize, p.inputs as usize, p.units as usize);
    let (kernel, bias) = gradient[..(inputs + 1) * units].split_at_mut(inputs * units);
    let d_output = &d_output[..rows * units];
    T::gemm(
        [inputs, units, rows],
        input,
        [1, inputs],
        d_output,
        [units, 1],
        kernel,
        [units, 1],
        false,
    );
    bias.fill(T::ZERO);
    for row in d_output.chunks_exact(units) {
        super::vectorised(|| bias.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value));
    }
}
