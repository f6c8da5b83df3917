//! Convolution, gradient of kernel and bias at once: `gradient = [patches(source) 1]^T d_output`, in parts of a few pictures
//! each, which `sum_parts` adds (`conv.rs`).

#[cfg(feature = "unstable")]
use super::case::*;
use super::conv::{self, Frame, block_of, patches};
use super::gemm::THIN;
use super::product::{Shape, product_kernel};
use super::{Begin, Gathered, Panels, Product, Real, team};

product_kernel! {
    name: "conv_gradient_weights",
    params: {
        /// Height of the pictures that the convolution read.
        source_height: u32,
        /// Their width.
        source_width: u32,
        /// Their channels, of all groups.
        source_channels: u32,
        /// Pictures.
        pictures: u32,
        /// Pictures of a part; the last may have fewer.
        part_pictures: u32,
        /// The first part that it gives.
        first_part: u32,
        /// First line of what the convolution gave that it sums over.
        first_line: u32,
        /// Lines that it sums over.
        lines: u32,
        /// Columns of what the convolution gave.
        columns: u32,
        /// Stride along the height.
        step_y: u32,
        /// Stride along the width.
        step_x: u32,
        /// Line of the source that the kernel's first element read for line 0: minus the padding, modulo 2^32.
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
        /// Lines of a whole picture that the convolution gave.
        target_height: u32,
        /// 1: each part ends in the bias's.
        bias: u32,
    },
    bindings: {
        /// `[.., source_height, source_width, source_channels]`
        source: read f32 as AlongInputs,
        /// `[.., target_height, columns, groups * units]`, with respect to the pre-activation.
        d_output: read f32 as AlongUnits,
        /// `[parts, taps_y * taps_x * channels + bias, groups * units]`
        gradient: write f32 as AlongUnits,
    },
    shape: |p| Shape::of_patches(
        [p.taps_y * p.taps_x * p.channels + p.bias, p.units],
        p.part_pictures * p.lines * p.columns,
        p.parts() * p.groups,
        [p.channels, p.units],
    ),
    source: [wgsl!("shared/patches.wgsl"), wgsl!("shared/conv_gradient_weights_parts.wgsl"), wgsl!("shared/conv_gradient_weights_store.wgsl"), wgsl!("conv_gradient_weights.wgsl")],
    vec4: [wgsl!("shared/patches.wgsl"), wgsl!("shared/conv_gradient_weights_parts.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/conv_gradient_weights_rows.wgsl"), wgsl!("vec4/conv_gradient_weights.wgsl")],
    few_inputs: [wgsl!("shared/patches.wgsl"), wgsl!("shared/conv_gradient_weights_parts.wgsl"), wgsl!("shared/patch_f32.wgsl"), wgsl!("shared/conv_gradient_weights_rows.wgsl"), wgsl!("vec4/conv_gradient_weights.wgsl")],
    few_units: [wgsl!("shared/patches.wgsl"), wgsl!("shared/conv_gradient_weights_parts.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/conv_gradient_weights_rows.wgsl"), wgsl!("shared/conv_gradient_weights_store.wgsl"), wgsl!("few_units/conv_gradient_weights.wgsl")],
    reference: reference,
    case: case,
    benches: [
        ("3x3 64 to 64, 32 of 28x28", [32, 28, 64, 64]),
        ("3x3 1 to 32, 128 of 28x28", [128, 28, 1, 32]),
        ("3x3/2 16 to 32, 128 of 14x14", [128, 14, 16, 1032]),
    ],
}

impl Params {
    /// Parts that it gives.
    pub fn parts(&self) -> u32 {
        self.pictures.div_ceil(self.part_pictures)
    }
}

fn reference<T: Real>(p: &Params, source: &[T], d_output: &[T], gradient: &mut [T]) {
    let [groups, units, columns] = [p.groups, p.units, p.columns].map(|n| n as usize);
    let filters = groups * units;
    let terms = (p.taps_y * p.taps_x * p.channels) as usize;
    let part_len = (terms + p.bias as usize) * filters;
    let gradient =
        &mut gradient[p.first_part as usize * part_len..][..p.parts() as usize * part_len];
    let depthwise = groups > 1 && units == 1 && p.channels == 1;
    let size = terms + p.bias as usize;
    let block = block_of::<T>(size, units);
    // Few filters of few channels: dot products of lines of places.
    let is_thin = units <= THIN && patches!(p, source, 0, 0).is_narrow();
    let [whole, band] = [p.target_height, p.lines].map(|lines| lines as usize * columns);
    let part_pictures = p.part_pictures as usize;
    let sum = |(part, gradient): (usize, &mut [T])| {
        let first = part * part_pictures;
        let pictures = part_pictures.min(p.pictures as usize - first);
        if depthwise {
            let patches = patches!(p, source, first, 0);
            return conv::depthwise_gradient(
                &patches,
                pictures * band,
                whole,
                d_output,
                p.bias == 1,
                gradient,
            );
        }
        // The row of ones, behind the patches' terms, gives the bias's gradient.
        let mut rows = vec![T::ONE; if is_thin { block * size } else { 0 }];
        let (mut frame, mut panels) = (Frame::default(), Panels::default());
        // Places lie one behind the other, but for bands of pictures.
        let stretch = if band == whole { pictures * band } else { band };
        for start in (0..pictures * band).step_by(stretch) {
            let picture = first + start / band;
            let d_output =
                &d_output[(picture * whole + p.first_line as usize * columns) * filters..];
            for place in (0..stretch).step_by(block) {
                let places = place..stretch.min(place + block);
                let adds = start + place > 0;
                let begin = if adds { Begin::Accumulate } else { Begin::Zero };
                if !is_thin {
                    patches!(p, source, picture, 0).lay(places.clone(), &mut frame);
                }
                for group in 0..groups {
                    let patches = patches!(p, source, picture, group);
                    let gradient = &mut gradient[group * units..];
                    let b = &d_output[place * filters + group * units..];
                    if is_thin {
                        patches.pack_terms(places.clone(), block, &mut rows);
                        let product = Product {
                            size: [size, units, places.len()],
                            a: &rows,
                            a_strides: [block, 1],
                            b,
                            b_strides: [filters, 1],
                            begin,
                        };
                        T::product_block(&product, gradient, filters);
                        continue;
                    }
                    T::panels(b, [filters, 1], [places.len(), units], &mut panels);
                    let a = Gathered {
                        values: frame.values(&patches),
                        rows: &frame.terms,
                        columns: &frame.places,
                    };
                    T::product_gathered(&a, &panels, begin, gradient, filters);
                    if p.bias == 1 {
                        let sums = &mut gradient[terms * filters..][..units];
                        conv::sum_rows(b, filters, places.len(), adds, sums);
                    }
                }
            }
        }
    };
    let cost = p.pictures as usize * band * size * units * groups;
    let parts = gradient.chunks_exact_mut(part_len).enumerate();
    team::each_where(cost >= 1 << 16, parts, sum);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let conv = conv::of_case(c, sizes);
    // Whole pictures in a few parts, or bands of pictures, of which any launch.
    let bias = !sizes[1].is_multiple_of(3);
    let (launches, parts) = match c.is_bench() {
        true => conv.gradient_weights(true),
        false => {
            conv.gradient_weights_by(bias, 2, if sizes[0].is_multiple_of(2) { 20 } else { 1 << 16 })
        }
    };
    let params = launches[sizes[0] % launches.len()];
    let places = conv.pictures * conv.output[0] * conv.output[1];
    c.computes(2 * (places * conv.filters * conv.terms()) as usize);
    let inputs = conv.pictures * conv.input[0] * conv.input[1] * conv.channels;
    let bindings = Bindings {
        source: c.random(inputs as usize, 1.0),
        d_output: c.random((places * conv.filters) as usize, 1.0),
        gradient: c.random(parts as usize * conv.part_len(params.bias == 1), 1.0),
    };
    c.expect(
        bindings.gradient,
        summed((params.part_pictures * params.lines * params.columns) as usize),
    );
    dispatch(params, bindings)
}
