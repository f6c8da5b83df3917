//! Convolution, forward: `output = activation(patches(source) weights + bias)`, a matrix product whose left side lies nowhere
//! (`conv.rs`). With a derivative in place of bias and activation it is the gradient of a transposed convolution's input.

#[cfg(feature = "unstable")]
use super::case::*;
use super::conv::{self, PatchProduct, PatchRoom, for_blocks, patches};
use super::product::{Shape, product_kernel};
use super::{Activation, Begin, Real};

product_kernel! {
    name: "conv_forward",
    params: {
        /// Height of the pictures that it reads.
        source_height: u32,
        /// Their width.
        source_width: u32,
        /// Their channels, of all groups.
        source_channels: u32,
        /// First picture.
        first_picture: u32,
        /// Pictures.
        pictures: u32,
        /// First line of what it gives.
        first_line: u32,
        /// Lines of a picture that it gives.
        lines: u32,
        /// Columns of what it gives.
        columns: u32,
        /// Stride along the height.
        step_y: u32,
        /// Stride along the width.
        step_x: u32,
        /// Line of the source that the kernel's first element reads for line 0: minus the padding, modulo 2^32.
        offset_y: u32,
        /// The same of columns.
        offset_x: u32,
        /// Height of the kernel.
        taps_y: u32,
        /// Width of the kernel.
        taps_x: u32,
        /// Steps between elements of the kernel along the height.
        dilation_y: u32,
        /// The same along the width.
        dilation_x: u32,
        /// Channels of a group.
        channels: u32,
        /// Filters of a group.
        units: u32,
        /// Groups.
        groups: u32,
        /// Lines of a whole picture that it gives.
        target_height: u32,
        /// First term of the sums, a multiple of 4. From the second launch on `output` holds the sums before.
        first_term: u32,
        /// Terms that it sums; the launch with the last one ends them.
        terms: u32,
        /// [`Activation::code`].
        activation: u32,
        /// 1: the sums are multiplied by the activation's derivative at `values`; 0: it is applied to them.
        derivative: u32,
        /// 1: the weights end in the bias, which is added.
        bias: u32,
    },
    bindings: {
        /// `[.., source_height, source_width, source_channels]`
        source: read f32 as AlongInputs,
        /// `[taps_y * taps_x * channels + bias, groups * units]`; the last row is the bias.
        weights: read f32 as AlongUnits,
        /// As `output`; read for a derivative alone.
        values: read f32 as AlongUnits,
        /// `[.., target_height, columns, groups * units]`
        output: write f32 as AlongUnits,
    },
    shape: |p| Shape::of_patches([p.pictures * p.lines * p.columns, p.units], p.terms, p.groups, [p.channels, p.units]),
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/conv_forward_store.wgsl"), wgsl!("conv_forward.wgsl")],
    vec4: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("vec4/conv_forward.wgsl")],
    few_inputs: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/patch_f32.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("vec4/conv_forward.wgsl")],
    few_units: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("shared/conv_forward_store.wgsl"), wgsl!("few_units/conv_forward.wgsl")],
    reference: reference,
    case: case,
    benches: [
        ("3x3 64 to 64, 32 of 28x28", [32, 28, 64, 64]),
        ("3x3 1 to 32, 128 of 28x28", [128, 28, 1, 32]),
        ("3x3/2 16 to 32, 128 of 14x14", [128, 14, 16, 1032]),
    ],
}

fn reference<T: Real>(p: &Params, source: &[T], weights: &[T], values: &[T], output: &mut [T]) {
    let (filters, units) = ((p.groups * p.units) as usize, p.units as usize);
    let all = (p.taps_y * p.taps_x * p.channels) as usize;
    let [first_term, terms] = [p.first_term, p.terms].map(|n| n as usize);
    let (kernel, bias) = weights.split_at(all * filters);
    let bias = &bias[..p.bias as usize * filters];
    let is_last = first_term + terms == all;
    let activation = Activation::from_code(p.activation);
    let depthwise = p.groups > 1 && p.units == 1 && p.channels == 1;
    let groups = if depthwise { 0 } else { p.groups as usize };
    let product = PatchProduct::new(
        &patches!(p, source, 0, 0),
        (0..groups).map(|group| &kernel[first_term * filters + group * units..]),
        [filters, units, filters],
        first_term..first_term + terms,
    );
    // Places lie one behind the other, but for bands of pictures.
    let band = (p.lines * p.columns) as usize;
    let whole = (p.target_height * p.columns) as usize;
    let stretch = if band == whole { p.pictures as usize * band } else { band };
    for start in (0..p.pictures as usize * band).step_by(stretch) {
        let picture = p.first_picture as usize + start / band;
        let first = picture * whole + (p.first_line * p.columns) as usize;
        let output = &mut output[first * filters..][..stretch * filters];
        let values = if p.derivative == 1 { &values[first * filters..] } else { values };
        let block = product.block;
        for_blocks(output, filters, block, all * filters, |place, output| {
            let mut room = PatchRoom::default();
            for (i, output) in output.chunks_mut(block * filters).enumerate() {
                let places = place + i * block..place + i * block + output.len() / filters;
                if depthwise {
                    let patches = patches!(p, source, picture, 0);
                    conv::depthwise(
                        &patches,
                        places.clone(),
                        kernel,
                        |tap| tap,
                        (first_term, terms),
                        output,
                    );
                }
                let begin = |group: usize| match first_term {
                    0 if is_last && !bias.is_empty() => Begin::Row(&bias[group * units..]),
                    0 => Begin::Zero,
                    _ => Begin::Accumulate,
                };
                let patches = |group| patches!(p, source, picture, group);
                product.run(patches, places.clone(), begin, (&mut *output, filters), &mut room);
                if is_last {
                    let values =
                        if p.derivative == 1 { &values[places.start * filters..] } else { values };
                    let bias = if depthwise || first_term > 0 { bias } else { &[] };
                    conv::end(activation, p.derivative == 1, bias, values, output);
                }
            }
        });
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let conv = conv::of_case(c, sizes);
    let activation = Activation::from_code((sizes[3] % 4) as u32);
    let (launches, ending) = conv::launches(c, sizes, activation, |ending, places, terms| {
        conv.forward_by(ending, places, terms)
    });
    let params = launches[sizes[0] % launches.len()];
    let terms = conv.terms() as usize;
    let outputs = conv.pictures * conv.output[0] * conv.output[1] * conv.filters;
    let inputs = conv.pictures * conv.input[0] * conv.input[1] * conv.channels;
    c.computes(2 * outputs as usize * terms);
    let bindings = Bindings {
        source: c.random(inputs as usize, 1.0),
        weights: c.random((terms + params.bias as usize) * conv.filters as usize, 1.0),
        values: c.random(if ending { outputs as usize } else { 4 }, 1.0),
        output: c.random(outputs as usize, 1.0),
    };
    c.expect(bindings.output, summed(terms));
    dispatch(params, bindings)
}
