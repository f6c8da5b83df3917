//! Convolution, gradient of its input, carried through the activation that produced that input; with bias and activation
//! in place of that derivative, what a transposed convolution gives. A product of patches of `source`, which is the
//! gradient of the output, and the kernel turned round, one phase of the stride a launch (`conv.rs`).

#[cfg(feature = "unstable")]
use super::case::*;
use super::conv::{self, PatchProduct, PatchRoom, patches};
use super::product::{Shape, product_kernel};
use super::{Activation, Begin, Real, team};

product_kernel! {
    name: "conv_gradient_input",
    params: {
        /// Height of the pictures that it reads: of the convolution's output.
        source_height: u32,
        /// Their width.
        source_width: u32,
        /// Their channels, of all groups.
        source_channels: u32,
        /// First picture.
        first_picture: u32,
        /// Pictures.
        pictures: u32,
        /// First line of the phase that it gives.
        first_line: u32,
        /// Lines of a picture's phase that it gives.
        lines: u32,
        /// Columns of the phase.
        columns: u32,
        /// 1: neighbours of a phase read neighbours of the source.
        step_y: u32,
        /// As above.
        step_x: u32,
        /// Line of the source that tap 0 reads for the phase's line 0, modulo 2^32.
        offset_y: u32,
        /// The same of columns.
        offset_x: u32,
        /// Elements of the kernel that the phase sees along the height.
        taps_y: u32,
        /// The same along the width.
        taps_x: u32,
        /// Lines of the source between taps.
        dilation_y: u32,
        /// Columns of the source between taps.
        dilation_x: u32,
        /// Channels of a group of the source.
        channels: u32,
        /// Channels of a group of what it gives.
        units: u32,
        /// Groups.
        groups: u32,
        /// Height of the kernel.
        kernel_height: u32,
        /// Width of the kernel.
        kernel_width: u32,
        /// The kernel's line that is tap 0.
        last_tap_y: u32,
        /// The same of columns.
        last_tap_x: u32,
        /// Lines of the kernel from a tap back to the next.
        tap_step_y: u32,
        /// The same of columns.
        tap_step_x: u32,
        /// Height of the pictures that it gives.
        target_height: u32,
        /// Their width.
        target_width: u32,
        /// First line of the phase in those.
        target_first_y: u32,
        /// First column of the phase.
        target_first_x: u32,
        /// Lines from one of the phase to the next.
        target_step_y: u32,
        /// The same of columns.
        target_step_x: u32,
        /// First term of the sums, a multiple of 4. From the second launch on `output` holds the sums before.
        first_term: u32,
        /// Terms that it sums; the launch with the last one ends them.
        terms: u32,
        /// [`Activation::code`].
        activation: u32,
        /// 1: the sums are multiplied by the activation's derivative at `values`; 0: it is applied to them.
        derivative: u32,
        /// 1: `values` is the bias, which is added.
        bias: u32,
    },
    bindings: {
        /// `[.., source_height, source_width, source_channels]`
        source: read f32 as AlongInputs,
        /// `[kernel_height * kernel_width * units, source_channels]`; what lies behind plays no part.
        weights: read f32 as AlongInputs,
        /// For a derivative as `output`; else the bias `[groups * units]`, where there is one.
        values: read f32 as AlongUnits,
        /// `[.., target_height, target_width, groups * units]`
        output: write f32 as AlongUnits,
    },
    shape: |p| Shape::of_patches([p.pictures * p.lines * p.columns, p.units], p.terms, p.groups, [p.channels, p.units]),
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/turned.wgsl"), wgsl!("shared/conv_gradient_input_store.wgsl"), wgsl!("conv_gradient_input.wgsl")],
    vec4: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/turned.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("shared/turned_vec4.wgsl"), wgsl!("vec4/conv_gradient_input.wgsl")],
    few_inputs: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/turned.wgsl"), wgsl!("shared/patch_f32.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("shared/turned_f32.wgsl"), wgsl!("vec4/conv_gradient_input.wgsl")],
    few_units: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/patches.wgsl"), wgsl!("shared/patch_product.wgsl"), wgsl!("shared/turned.wgsl"), wgsl!("shared/patch_vec4.wgsl"), wgsl!("shared/patch_rows.wgsl"), wgsl!("shared/turned_vec4.wgsl"), wgsl!("shared/conv_gradient_input_store.wgsl")],
    reference: reference,
    case: case,
    benches: [
        ("3x3 64 to 64, 32 of 28x28", [32, 28, 64, 64]),
        ("3x3 32 to 64, 128 of 14x14", [128, 14, 32, 64]),
        ("3x3/2 16 to 32, 128 of 14x14", [128, 14, 16, 1032]),
    ],
}

impl Params {
    /// The kernel's element that a tap is.
    fn element(&self, tap: usize) -> usize {
        let (taps_x, tap) = (self.taps_x, tap as u32);
        let y = self.last_tap_y - tap / taps_x * self.tap_step_y;
        let x = self.last_tap_x - tap % taps_x * self.tap_step_x;
        (y * self.kernel_width + x) as usize
    }
}

fn reference<T: Real>(p: &Params, source: &[T], weights: &[T], values: &[T], output: &mut [T]) {
    let [groups, units, channels] = [p.groups, p.units, p.channels].map(|n| n as usize);
    let (width, source_width) = (groups * units, groups * channels);
    let taps = (p.taps_y * p.taps_x) as usize;
    let all = taps * channels;
    let [first_term, terms] = [p.first_term, p.terms].map(|n| n as usize);
    let kernel = &weights[..(p.kernel_height * p.kernel_width) as usize * units * source_width];
    let bias = &values[..p.bias as usize * width];
    let is_last = first_term + terms == all;
    let activation = Activation::from_code(p.activation);
    let depthwise = groups > 1 && units == 1 && channels == 1;
    // The kernel turned round, `[terms, units]` of each group.
    let mut turned = vec![T::ZERO; if depthwise { 0 } else { all * width }];
    if !turned.is_empty() {
        for (group, turned) in turned.chunks_exact_mut(all * units).enumerate() {
            for (tap, turned) in turned.chunks_exact_mut(channels * units).enumerate() {
                let from = p.element(tap) * units * source_width + group * channels;
                for unit in 0..units {
                    let row = &kernel[from + unit * source_width..][..channels];
                    row.iter()
                        .zip(turned[unit..].iter_mut().step_by(units))
                        .for_each(|(&w, to)| *to = w);
                }
            }
        }
    }
    let picture_len = p.target_height as usize * p.target_width as usize * width;
    let picture_values =
        |n: usize| if p.derivative == 1 { &values[n * picture_len..] } else { values };
    let kernels = 0..if depthwise { 0 } else { groups };
    let product = PatchProduct::new(
        &patches!(p, source, 0, 0),
        kernels.map(|group| &turned[(group * all + first_term) * units..]),
        [units, units, width],
        first_term..first_term + terms,
    );
    let block = product.block;
    let [lines, columns] = [p.lines, p.columns].map(|n| n as usize);
    let is_dense = p.target_step_y == 1 && p.target_step_x == 1;
    // Some lines of the phase, in what begins with the first of them in a picture.
    let work = |first_picture: usize,
                first_line: usize,
                places: usize,
                lines: usize,
                values: &[T],
                output: &mut [T]| {
        let mut p = *p;
        (p.first_line, p.lines) = (first_line as u32, lines as u32);
        let patches = |group| patches!(p, source, first_picture, group);
        let some = block.min(places);
        let mut room = PatchRoom::default();
        let mut sums = vec![T::ZERO; if is_dense { 0 } else { some * width }];
        for start in (0..places).step_by(block) {
            let block = start..places.min(start + block);
            // Where the output's places of the block lie, from the first of them on.
            let at = |place: usize| {
                let [picture, line, column] = patches(0).place(place);
                let y = (line - first_line) * p.target_step_y as usize;
                let x = p.target_first_x as usize + column * p.target_step_x as usize;
                (picture - first_picture) * picture_len + (y * p.target_width as usize + x) * width
            };
            if !is_dense && first_term > 0 {
                for (place, sums) in block.clone().zip(sums.chunks_exact_mut(width)) {
                    sums.copy_from_slice(&output[at(place)..][..width]);
                }
            }
            let whole = if is_dense {
                &mut output[start * width..block.end * width]
            } else {
                &mut sums[..block.len() * width]
            };
            if depthwise {
                conv::depthwise(
                    &patches(0),
                    block.clone(),
                    kernel,
                    |tap| p.element(tap),
                    (first_term, terms),
                    whole,
                );
            }
            let begin = |_| if first_term > 0 { Begin::Accumulate } else { Begin::Zero };
            product.run(patches, block.clone(), begin, (&mut *whole, width), &mut room);
            if is_dense {
                if is_last {
                    let values = if p.derivative == 1 { &values[start * width..] } else { values };
                    conv::end(activation, p.derivative == 1, bias, values, whole);
                }
                continue;
            }
            if is_last && p.derivative == 0 {
                conv::end(activation, false, bias, values, whole);
            }
            for (place, sums) in block.zip(sums.chunks_exact_mut(width)) {
                let at = at(place);
                if is_last && p.derivative == 1 {
                    activation.scale_by_derivative(sums, &values[at..][..width]);
                }
                output[at..][..width].copy_from_slice(sums);
            }
        }
    };
    let first = p.first_picture as usize;
    let pictures = p.pictures as usize;
    let output = &mut output[first * picture_len..][..pictures * picture_len];
    let line_len = p.target_width as usize * width;
    let threads = team::threads();
    let cost = pictures * lines * columns * all * width;
    let whole_pictures = !is_dense || lines == p.target_height as usize;
    if p.first_line == 0 && pictures >= 2 * threads && whole_pictures {
        let some = pictures.div_ceil(4 * threads);
        let run = |(i, output): (usize, &mut [T])| {
            let picture = first + i * some;
            let count = output.len() / picture_len;
            // From the phase's first line on.
            let skipped = p.target_first_y as usize * line_len;
            let values = picture_values(picture);
            let values = if p.derivative == 1 { &values[skipped..] } else { values };
            work(picture, 0, count * lines * columns, lines, values, &mut output[skipped..]);
        };
        let pieces = output.chunks_mut(some * picture_len).enumerate();
        return team::each_where(cost >= 1 << 16, pieces, run);
    }
    for (i, output) in output.chunks_mut(picture_len).enumerate() {
        let picture = first + i;
        // Bands of some lines of the phase each.
        let some = lines.div_ceil(4 * threads).max(block.div_ceil(columns)).min(lines);
        let step = p.target_step_y as usize * line_len;
        let skipped = p.target_first_y as usize * line_len + p.first_line as usize * step;
        let end = output.len().min(skipped + lines * step);
        let values = picture_values(picture);
        let run = |(band, output): (usize, &mut [T])| {
            let first_line = p.first_line as usize + band * some;
            let count = some.min(lines - band * some);
            let values =
                if p.derivative == 1 { &values[skipped + band * some * step..] } else { values };
            work(picture, first_line, count * columns, count, values, output);
        };
        let bands = output[skipped..end].chunks_mut(some * step).enumerate();
        team::each_where(cost >= 1 << 16, bands, run);
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let conv = conv::of_case(c, sizes);
    let activation = Activation::from_code((sizes[3] % 4) as u32);
    let (launches, ending) = conv::launches(c, sizes, activation, |ending, places, terms| {
        conv.gradient_input_by(ending, places, terms)
    });
    let params = launches[sizes[0] % launches.len()];
    let outputs = (conv.pictures * conv.output[0] * conv.output[1] * conv.filters) as usize;
    let inputs = (conv.pictures * conv.input[0] * conv.input[1] * conv.channels) as usize;
    let rows = params.pictures * params.lines * params.columns;
    c.computes((2 * rows * params.groups * params.units * params.terms) as usize);
    let kernel = conv.terms() as usize * conv.filters as usize;
    let bindings = Bindings {
        source: c.random(outputs, 1.0),
        weights: c.random(kernel, 1.0),
        values: c.random(if ending { inputs } else { conv.channels as usize }, 1.0),
        output: c.random(inputs, 1.0),
    };
    c.expect(bindings.output, summed(params.terms as usize));
    dispatch(params, bindings)
}
