//! Dense layer, gradient of kernel and bias at once: `gradient = [input 1]^T d_output`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::product::{MOST_TERMS, Shape, product_kernel, vec4_aligned};
use super::{Begin, Product, Real, sum_rows};

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
        /// Rows that one part of the gradient sums ([`Params::in_parts`]); all, for a gradient in one part.
        part_rows: u32,
    },
    bindings: {
        /// `[rows, stride]`
        input: read f32 as AlongInputs,
        /// `[rows, units]`, with respect to the pre-activation.
        d_output: read f32 as AlongUnits,
        /// `[parts, inputs + bias, units]`; the last row of a part is the bias's.
        gradient: write f32 as AlongUnits,
    },
    shape: |p| Shape {
        size: [p.inputs + p.bias, p.units],
        terms: p.part_rows,
        parts: p.parts(),
        vec4: vec4_aligned([p.inputs, p.units, p.stride, p.first]),
        column: p.units == 1 && p.inputs.is_multiple_of(4) && p.stride == p.inputs && p.bias == 1,
        ..Shape::default()
    },
    source: [wgsl!("dense_gradient_weights.wgsl")],
    vec4: [wgsl!("vec4/dense_gradient_weights.wgsl")],
    column: {
        source: [wgsl!("column/dense_gradient_weights.wgsl")],
        workgroups: |p| [(p.inputs / 4 + 1).div_ceil(64), p.parts(), 1],
        beside: [],
    },
    reference: reference,
    case: case,
    benches: [
        // A narrow layer over many rows, in parts.
        ("64x65536 65536x32 in 128 parts", [65_536, 64, 32, 2]),
        ("784x256 256x128", [256, 784, 128, 0]),
        ("8192x256 256x1", [256, 8192, 1, 0]),
        ("1024x1024 1024x1024", [1024, 1024, 1024, 0]),
    ],
}

impl Params {
    /// A layer in one piece.
    pub fn whole(rows: u32, inputs: u32, units: u32) -> Params {
        Params { rows, inputs, units, stride: inputs, first: 0, bias: 1, part_rows: rows }
    }

    /// Parts of the gradient.
    pub fn parts(&self) -> u32 {
        self.rows.div_ceil(self.part_rows)
    }

    /// Elements of one part.
    pub fn part_len(&self) -> usize {
        (self.inputs + self.bias) as usize * self.units as usize
    }

    /// Most parts that a card has use for (split-K): as many as make 256 blocks of 64 x 64 elements, each
    /// with at least 512 rows to sum; and enough that none sums more than [`MOST_TERMS`]. It grows with
    /// the rows.
    pub fn most_parts(&self) -> u32 {
        let blocks = (self.inputs + self.bias).div_ceil(64) * self.units.div_ceil(64);
        (256 / blocks.max(1)).min(self.rows / 512).max(self.rows.div_ceil(MOST_TERMS)).max(1)
    }

    /// The same in up to [`Params::most_parts`] parts.
    pub fn in_parts(self) -> Params {
        let part_rows = self.rows.div_ceil(self.most_parts()).next_multiple_of(16);
        Params { part_rows: part_rows.min(self.rows), ..self }
    }
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], gradient: &mut [T]) {
    let (stride, units, part_rows) = (p.stride as usize, p.units as usize, p.part_rows as usize);
    let gradients = gradient.chunks_exact_mut(p.part_len());
    for (part, gradient) in gradients.take(p.parts() as usize).enumerate() {
        let first = part * part_rows;
        let rows = part_rows.min(p.rows as usize - first);
        let input = if p.inputs > 0 { &input[first * stride..] } else { input };
        sum_part(p, input, &d_output[first * units..][..rows * units], gradient);
    }
}

/// The gradient over the rows of `d_output`.
fn sum_part<T: Real>(p: &Params, input: &[T], d_output: &[T], gradient: &mut [T]) {
    let (inputs, units) = (p.inputs as usize, p.units as usize);
    let rows = d_output.len() / units;
    let (kernel, bias) = gradient.split_at_mut(inputs * units);
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
    if !bias.is_empty() {
        sum_rows(d_output, bias);
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, inputs, units, code]: Sizes) -> Dispatch {
    c.computes(2 * rows * inputs * units);
    let [before, behind] = c.margins(code);
    let stride = before + inputs + behind;
    let bias = (behind == 0) as usize;
    // In one part, or in several, the last one ragged.
    let part_rows = match c.is_bench() {
        true if code == 2 => {
            Params::whole(rows as u32, inputs as u32, units as u32).in_parts().part_rows as usize
        }
        false if rows % 2 == 0 => rows.div_ceil(3).next_multiple_of(16).min(rows),
        _ => rows,
    };
    let bindings = Bindings {
        input: c.random(rows * stride, 1.0),
        d_output: c.random(rows * units, 1.0),
        gradient: c.output(rows.div_ceil(part_rows) * (inputs + bias) * units, summed(rows)),
    };
    let params = Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        stride: stride as u32,
        first: before as u32,
        bias: bias as u32,
        part_rows: part_rows as u32,
    };
    dispatch(params, bindings)
}
