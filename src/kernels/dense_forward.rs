//! Dense layer, forward: `output = activation(input W + bias)`, of a whole layer or of a piece of
//! its weights' rows: a layer whose weights exceed a binding is several dispatches, each adding to
//! the sum of those before.

#[cfg(feature = "unstable")]
use super::case::*;
use super::product::{Shape, product_kernel, splits, vec4_aligned};
use super::{Activation, Begin, Product, Real, spread_by};

product_kernel! {
    name: "dense_forward",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Inputs of the layer.
        inputs: u32,
        /// Units of the layer.
        units: u32,
        /// [`Activation::code`]; linear for all pieces but the last.
        activation: u32,
        /// Columns of `input`; those of a whole layer are `inputs`.
        stride: u32,
        /// First column that this piece of the layer reads; 0 for a whole layer.
        first: u32,
        /// 1: `output` holds the sum of the pieces before.
        adds: u32,
        /// 1: the weights end in the bias.
        bias: u32,
    },
    bindings: {
        /// `[rows, stride]`
        input: read f32 as AlongInputs,
        /// `[inputs + bias, units]`; the last row is the bias.
        weights: read f32 as AlongUnits,
        /// `[rows, units]`
        output: write f32 as AlongUnits,
    },
    shape: |p| Shape {
        size: [p.rows, p.units],
        terms: p.inputs,
        parts: 1,
        vec4: vec4_aligned([p.inputs, p.units, p.stride, p.first]),
        column: p.units == 1 && p.inputs.is_multiple_of(4) && p.is_whole(),
        shares: p.inputs >= 256,
        splits: splits(p.inputs, p.units),
        ..Shape::default()
    },
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("dense_forward.wgsl")],
    vec4: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("vec4/dense_forward.wgsl")],
    column: {
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/index.wgsl"), wgsl!("column/dense_forward.wgsl")],
        workgroups: |p| spread_by(64, p.rows as usize),
        beside: ["column_shared", "split"],
    },
    reference: reference,
    case: case,
    benches: [
        ("256x784 784x128", [256, 784, 128, 0]),
        ("256x5000 5000x16", [256, 5000, 16, 0]),
        ("256x8192 8192x1", [256, 8192, 1, 0]),
        ("1024x1024 1024x1024", [1024, 1024, 1024, 0]),
    ],
}

impl Params {
    fn is_whole(&self) -> bool {
        self.stride == self.inputs && self.adds == 0 && self.bias == 1
    }

    /// A layer in one piece.
    pub fn whole(rows: u32, inputs: u32, units: u32, activation: Activation) -> Params {
        let activation = activation.code();
        Params { rows, inputs, units, activation, stride: inputs, first: 0, adds: 0, bias: 1 }
    }
}

fn reference<T: Real>(p: &Params, input: &[T], weights: &[T], output: &mut [T]) {
    let (rows, inputs, units) = (p.rows as usize, p.inputs as usize, p.units as usize);
    let (kernel, bias) = weights[..(inputs + p.bias as usize) * units].split_at(inputs * units);
    let output = &mut output[..rows * units];
    let activation = Activation::from_code(p.activation);
    let begin = match (p.adds, p.bias) {
        (0, 0) => Begin::Zero,
        (0, _) => Begin::Row(bias),
        (_, 0) => Begin::Accumulate,
        (_, _) => {
            output.chunks_exact_mut(units).for_each(|row| {
                row.iter_mut().zip(bias).for_each(|(sum, &bias)| *sum += bias);
            });
            Begin::Accumulate
        }
    };
    T::product(
        &Product {
            size: [rows, units, inputs],
            a: &input[p.first as usize..],
            a_strides: [p.stride as usize, 1],
            b: kernel,
            b_strides: [units, 1],
            begin,
        },
        output,
        units,
        &|_, _, values| activation.apply_all(values),
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, inputs, units, code]: Sizes) -> Dispatch {
    c.computes(2 * rows * inputs * units);
    let [before, behind] = c.margins(code);
    let stride = before + inputs + behind;
    let (adds, bias) = ((before > 0) as usize, (behind == 0) as usize);
    let bindings = Bindings {
        input: c.random(rows * stride, 1.0),
        weights: c.random((inputs + bias) * units, 1.0),
        output: c.random(rows * units, 1.0),
    };
    c.expect(bindings.output, summed(inputs));
    let params = Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        activation: Activation::ALL[code % 5].code(),
        stride: stride as u32,
        first: before as u32,
        adds: adds as u32,
        bias: bias as u32,
    };
    dispatch(params, bindings)
}
