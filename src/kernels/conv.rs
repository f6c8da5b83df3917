//! Two-dimensional convolutions as implicit matrix products: what the three kernels `conv_forward`,
//! `conv_gradient_input` and `conv_gradient_weights` share.
//!
//! A convolution takes pictures `[pictures, height, width, channels]` to `[pictures, out height, out width, filters]`:
//!
//! ```text
//! out[y, x, f] = sum over ky, kx, c of in[y sy + ky dy - py, x sx + kx dx - px, c] kernel[ky, kx, c, f]
//! ```
//!
//! with zeros beyond the edges and, with groups, c over the channels of f's group alone. It is the product of a matrix
//! of patches, a row a place of the output and a column a term (ky, kx, c), and the kernel `[terms, filters]`.
//! No device holds that matrix: the products' load functions read a patch's element from the picture
//! (`shaders/shared/patches.wgsl`), and the CPU lays the lines that a block of places sees, with zeros beyond the edges, so
//! that an element lies where its place begins plus where its term lies (`Frame`). Rows are packed (`Patches::pack`) only
//! where the results of a place are so few that they are dot products of such rows.
//!
//! The gradient of the input is a convolution again, of the output's gradient by the kernel turned round. With a
//! stride s, places of the input that differ modulo s see different elements of the kernel: each such phase is a
//! launch of its own, so that nothing is multiplied by the zeros between. A transposed convolution is the same
//! thing as the gradient of a convolution's input, and so has no kernels of its own.

use std::ops::Range;

use super::gemm::{THIN, parts_of};
use super::product::MOST_TERMS;
use super::{
    Activation, Begin, Gathered, Panels, Product, Real, conv_forward, conv_gradient_input,
    conv_gradient_weights, team,
};

/// Places that one launch may have: fewer than 65,535 workgroups of the smallest tiles, and few enough for the
/// shader's quotients, which are exact below 2^20.
pub const MOST_PLACES: u32 = (1 << 19) - 64;

/// A convolution's sizes. Pairs are (along the height, along the width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Pictures of a batch.
    pub pictures: u32,
    /// What it reads.
    pub input: [u32; 2],
    /// Channels of that.
    pub channels: u32,
    /// What it gives.
    pub output: [u32; 2],
    /// Channels of that.
    pub filters: u32,
    /// Size of the kernel.
    pub kernel: [u32; 2],
    /// Steps between two places of the kernel.
    pub strides: [u32; 2],
    /// Steps between two elements of the kernel. More than 1 along an axis only where the stride is 1.
    pub dilation: [u32; 2],
    /// Zeros before the first row and column.
    pub before: [u32; 2],
    /// Groups of channels and of filters, each a convolution of its own.
    pub groups: u32,
}

/// Some places of pictures: lines of a few pictures, whole or a band of each.
#[derive(Clone, Copy, Debug)]
struct Places {
    first_picture: u32,
    pictures: u32,
    first_line: u32,
    lines: u32,
}

/// Cuts `[pictures, lines, columns]` places into those of launches with at most `most`: whole pictures where one fits.
fn cut(pictures: u32, [lines, columns]: [u32; 2], most: u32) -> Vec<Places> {
    let band = (most / columns.max(1)).clamp(1, lines.max(1));
    let some = (most / (band * columns).max(1)).clamp(1, pictures.max(1));
    let mut places = Vec::new();
    for first_picture in (0..pictures).step_by(some as usize) {
        for first_line in (0..lines).step_by(band as usize) {
            let pictures = some.min(pictures - first_picture);
            places.push(Places {
                first_picture,
                pictures,
                first_line,
                lines: band.min(lines - first_line),
            });
        }
    }
    places
}

/// The terms of launches that sum at most [`MOST_TERMS`] each, and a multiple of 4: first, count.
fn cut_terms(terms: u32, most: u32) -> impl Iterator<Item = [u32; 2]> {
    (0..terms.max(1)).step_by(most as usize).map(move |first| [first, most.min(terms - first)])
}

/// What a launch does to its sums.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// Adds the bias, where there is one, and applies this.
    Activate { activation: Activation, bias: bool },
    /// Multiplies by the derivative of this, at the values that it gave.
    Derivative(Activation),
}

impl Ending {
    /// Code, whether it is a derivative, and whether there is a bias.
    fn codes(self) -> [u32; 3] {
        match self {
            Ending::Activate { activation, bias } => [activation.code(), 0, bias as u32],
            Ending::Derivative(activation) => [activation.code(), 1, 0],
        }
    }
}

impl Conv {
    /// Channels and filters of a group.
    pub fn of_group(&self) -> [u32; 2] {
        [self.channels / self.groups, self.filters / self.groups]
    }

    /// Terms of an element of the output: rows of the kernel as a matrix `[terms, filters]`.
    pub fn terms(&self) -> u32 {
        self.kernel[0] * self.kernel[1] * self.of_group()[0]
    }

    /// The launches of the convolution itself.
    pub fn forward(&self, ending: Ending) -> Vec<conv_forward::Params> {
        self.forward_by(ending, MOST_PLACES, MOST_TERMS)
    }

    /// As [`Conv::forward`], in launches of fewer places and terms.
    pub(super) fn forward_by(
        &self,
        ending: Ending,
        most_places: u32,
        most_terms: u32,
    ) -> Vec<conv_forward::Params> {
        let [channels, units] = self.of_group();
        let [activation, derivative, bias] = ending.codes();
        let mut launches = Vec::new();
        for places in cut(self.pictures, self.output, most_places) {
            for [first_term, terms] in cut_terms(self.terms(), most_terms) {
                launches.push(conv_forward::Params {
                    source_height: self.input[0],
                    source_width: self.input[1],
                    source_channels: self.channels,
                    first_picture: places.first_picture,
                    pictures: places.pictures,
                    first_line: places.first_line,
                    lines: places.lines,
                    columns: self.output[1],
                    step_y: self.strides[0],
                    step_x: self.strides[1],
                    offset_y: self.before[0].wrapping_neg(),
                    offset_x: self.before[1].wrapping_neg(),
                    taps_y: self.kernel[0],
                    taps_x: self.kernel[1],
                    dilation_y: self.dilation[0],
                    dilation_x: self.dilation[1],
                    channels,
                    units,
                    groups: self.groups,
                    target_height: self.output[0],
                    first_term,
                    terms,
                    activation,
                    derivative,
                    bias,
                });
            }
        }
        launches
    }

    /// The launches of the input's gradient: of what a transposed convolution gives.
    pub fn gradient_input(&self, ending: Ending) -> Vec<conv_gradient_input::Params> {
        self.gradient_input_by(ending, MOST_PLACES, MOST_TERMS)
    }

    /// As [`Conv::gradient_input`], in launches of fewer places and terms.
    pub(super) fn gradient_input_by(
        &self,
        ending: Ending,
        most_places: u32,
        most_terms: u32,
    ) -> Vec<conv_gradient_input::Params> {
        let [units, channels] = self.of_group();
        let [activation, derivative, bias] = ending.codes();
        let mut launches = Vec::new();
        for phase in 0..self.strides[0] * self.strides[1] {
            let phase = [phase / self.strides[1], phase % self.strides[1]];
            let [y, x] = [self.phase(0, phase[0]), self.phase(1, phase[1])];
            if y.places == 0 || x.places == 0 {
                continue;
            }
            for places in cut(self.pictures, [y.places, x.places], most_places) {
                for [first_term, terms] in cut_terms(y.taps * x.taps * channels, most_terms) {
                    launches.push(conv_gradient_input::Params {
                        source_height: self.output[0],
                        source_width: self.output[1],
                        source_channels: self.filters,
                        first_picture: places.first_picture,
                        pictures: places.pictures,
                        first_line: places.first_line,
                        lines: places.lines,
                        columns: x.places,
                        step_y: 1,
                        step_x: 1,
                        offset_y: y.offset,
                        offset_x: x.offset,
                        taps_y: y.taps,
                        taps_x: x.taps,
                        dilation_y: self.dilation[0],
                        dilation_x: self.dilation[1],
                        channels,
                        units,
                        groups: self.groups,
                        kernel_height: self.kernel[0],
                        kernel_width: self.kernel[1],
                        last_tap_y: y.last_tap,
                        last_tap_x: x.last_tap,
                        tap_step_y: self.strides[0],
                        tap_step_x: self.strides[1],
                        target_height: self.input[0],
                        target_width: self.input[1],
                        target_first_y: phase[0],
                        target_first_x: phase[1],
                        target_step_y: self.strides[0],
                        target_step_x: self.strides[1],
                        first_term,
                        terms,
                        activation,
                        derivative,
                        bias,
                    });
                }
            }
        }
        launches
    }

    /// Along an axis, the places of the input that are `phase` modulo the stride s. Place j of them, i = s j + phase,
    /// is read by output o through element k of the kernel where s o + d k - p = i. Since either s or d is 1, those k are
    /// every s-th from the first on with k = i + p modulo s, and o = (i + p - d k) / s falls by d as k goes to the next.
    /// So they are taken from the last to the first: then o rises from `offset` + j on, as a convolution's does.
    fn phase(&self, axis: usize, phase: u32) -> Phase {
        let (s, d, p) = (self.strides[axis], self.dilation[axis], self.before[axis]);
        let places = self.input[axis].saturating_sub(phase).div_ceil(s);
        let first = (phase + p) % s;
        let taps = self.kernel[axis].saturating_sub(first).div_ceil(s);
        let last_tap = first + s * taps.saturating_sub(1);
        let offset = (phase as i64 + p as i64 - d as i64 * last_tap as i64) / s as i64;
        Phase { places, taps, last_tap, offset: offset as i32 as u32 }
    }

    /// The launches of the kernel's gradient over a batch, each giving parts of its own, and how many parts there are in
    /// all. `bias`: each part ends in that of the bias.
    pub fn gradient_weights(&self, bias: bool) -> (Vec<conv_gradient_weights::Params>, u32) {
        self.gradient_weights_by(bias, self.most_parts(bias), MOST_TERMS)
    }

    /// As [`Conv::gradient_weights`], in about so many parts, none of which sums more than so many terms.
    pub(super) fn gradient_weights_by(
        &self,
        bias: bool,
        parts: u32,
        most_terms: u32,
    ) -> (Vec<conv_gradient_weights::Params>, u32) {
        let [channels, units] = self.of_group();
        let [lines, columns] = self.output;
        let band = (most_terms / columns).clamp(1, lines);
        let most_pictures = (most_terms / (band * columns)).max(1);
        let part_pictures = self.pictures.div_ceil(parts.max(1)).clamp(1, most_pictures);
        let in_a_launch = self.pictures.div_ceil(part_pictures);
        let mut first_part = 0;
        let mut launches = Vec::new();
        for first_line in (0..lines).step_by(band as usize) {
            launches.push(conv_gradient_weights::Params {
                source_height: self.input[0],
                source_width: self.input[1],
                source_channels: self.channels,
                pictures: self.pictures,
                part_pictures,
                first_part,
                first_line,
                lines: band.min(lines - first_line),
                columns,
                step_y: self.strides[0],
                step_x: self.strides[1],
                offset_y: self.before[0].wrapping_neg(),
                offset_x: self.before[1].wrapping_neg(),
                taps_y: self.kernel[0],
                taps_x: self.kernel[1],
                dilation_y: self.dilation[0],
                dilation_x: self.dilation[1],
                channels,
                units,
                groups: self.groups,
                target_height: lines,
                bias: bias as u32,
            });
            first_part += in_a_launch;
        }
        (launches, first_part)
    }

    /// Elements of a part of the kernel's gradient.
    pub fn part_len(&self, bias: bool) -> usize {
        (self.terms() as usize + bias as usize) * self.filters as usize
    }

    /// Parts that the kernel's gradient is cut into where the places allow it (split-K): as many as make 256 blocks of
    /// 64 x 64 elements, each with at least 512 places to sum.
    fn most_parts(&self, bias: bool) -> u32 {
        let rows = self.terms() + bias as u32;
        let blocks = rows.div_ceil(64) * self.of_group()[1].div_ceil(64) * self.groups;
        let places = self.pictures as u64 * self.output[0] as u64 * self.output[1] as u64;
        (256 / blocks).min((places / 512).min(256) as u32).max(1)
    }

    /// Elements of all parts together over up to this batch: as much as smaller batches need at most.
    pub fn parts_len(&self, bias: bool) -> usize {
        let (launches, parts) = self.gradient_weights(bias);
        // A smaller batch may be cut into more parts, but never into more than it is asked for, or than it has pictures
        // where a part's are limited by its terms.
        let most =
            self.most_parts(bias).min(self.pictures).max(parts.div_ceil(launches.len() as u32));
        match most as usize * launches.len() {
            1 => 0,
            parts => parts * self.part_len(bias),
        }
    }
}

/// See [`Conv::phase`].
struct Phase {
    places: u32,
    taps: u32,
    last_tap: u32,
    offset: u32,
}

/// Rows of the matrix of patches of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches<'a, T> {
    /// `[.., height, width, source_channels]`
    pub source: &'a [T],
    pub size: [usize; 2],
    pub source_channels: usize,
    /// Channels from the first one of the group on, so many.
    pub first_channel: usize,
    pub channels: usize,
    pub first_picture: usize,
    pub first_line: usize,
    /// Lines and columns of the places of a picture.
    pub places: [usize; 2],
    pub step: [isize; 2],
    pub offset: [isize; 2],
    pub taps: [usize; 2],
    pub dilation: [isize; 2],
}

/// Makes [`Patches`] of a kernel's parameters, from a picture on.
macro_rules! patches {
    ($p:expr, $source:expr, $first_picture:expr, $group:expr) => {
        $crate::kernels::conv::Patches {
            source: $source,
            size: [$p.source_height as usize, $p.source_width as usize],
            source_channels: $p.source_channels as usize,
            first_channel: $group * $p.channels as usize,
            channels: $p.channels as usize,
            first_picture: $first_picture,
            first_line: $p.first_line as usize,
            places: [$p.lines as usize, $p.columns as usize],
            step: [$p.step_y as isize, $p.step_x as isize],
            offset: [$p.offset_y as i32 as isize, $p.offset_x as i32 as isize],
            taps: [$p.taps_y as usize, $p.taps_x as usize],
            dilation: [$p.dilation_y as isize, $p.dilation_x as isize],
        }
    };
}
pub(super) use patches;

/// Lines of pictures in which the patches of some places lie, those of all groups: element (place, term) of a group's
/// matrix of patches lies at `places[place] + terms[term]` of its values.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame<T> {
    /// The lines, unless `is_source`.
    values: Vec<T>,
    is_source: bool,
    pub places: Vec<usize>,
    pub terms: Vec<usize>,
}

impl<T> Frame<T> {
    /// The values of the group of some patches that it was laid for.
    pub fn values<'a>(&'a self, patches: &Patches<'a, T>) -> &'a [T] {
        let values = if self.is_source { patches.source } else { &self.values };
        &values[patches.first_channel.min(values.len())..]
    }
}

impl<T: Real> Patches<'_, T> {
    /// Terms of a row.
    pub fn terms(&self) -> usize {
        self.taps[0] * self.taps[1] * self.channels
    }

    /// Picture, line and column of a place.
    pub fn place(&self, place: usize) -> [usize; 3] {
        let [lines, columns] = self.places;
        let line = place / columns;
        [self.first_picture + line / lines, self.first_line + line % lines, place % columns]
    }

    /// Writes the rows of these places, `stride` elements apart; what lies between rows is left alone.
    pub fn pack(&self, places: Range<usize>, stride: usize, to: &mut [T]) {
        // A phase may see no element of the kernel.
        if self.terms() == 0 {
            return;
        }
        super::vectorised(
            #[inline(always)]
            || match self.channels == self.source_channels && self.dilation[1] == 1 {
                true => self.pack_lines(places, stride, to),
                false => self.pack_taps(places, stride, to),
            },
        );
    }

    /// Where a line of taps lies within the source: its first row's element, or none beyond the edge.
    #[inline(always)]
    fn line_of(&self, picture: usize, line: usize, tap: usize) -> Option<usize> {
        let y = line as isize * self.step[0] + self.offset[0] + tap as isize * self.dilation[0];
        (y >= 0 && y < self.size[0] as isize)
            .then(|| (picture * self.size[0] + y as usize) * self.size[1] * self.source_channels)
    }

    /// All channels, without dilation along the width: the taps of a line are neighbours.
    #[inline(always)]
    fn pack_lines(&self, places: Range<usize>, stride: usize, to: &mut [T]) {
        let channels = self.channels;
        let (taps, width) = (self.taps[1], self.size[1] as isize);
        let run = taps * channels;
        let [mut picture, mut line, mut column] = self.place(places.start);
        let mut starts: [Option<usize>; 32] = [None; 32];
        let held = self.taps[0] <= starts.len();
        let mut first = true;
        for row in to.chunks_mut(stride).take(places.len()) {
            if held && (first || column == 0) {
                for (tap, start) in starts[..self.taps[0]].iter_mut().enumerate() {
                    *start = self.line_of(picture, line, tap);
                }
                first = false;
            }
            let x = column as isize * self.step[1] + self.offset[1];
            // Taps within the source.
            let inside =
                (-x).clamp(0, taps as isize) as usize..(width - x).clamp(0, taps as isize) as usize;
            for (tap, row) in row.chunks_exact_mut(run).take(self.taps[0]).enumerate() {
                let start = if held { starts[tap] } else { self.line_of(picture, line, tap) };
                let Some(start) = start.filter(|_| inside.start < inside.end) else {
                    row.fill(T::ZERO);
                    continue;
                };
                let from = start + (x + inside.start as isize) as usize * channels;
                let source = &self.source[from..][..inside.len() * channels];
                if inside.len() < taps {
                    row[..inside.start * channels].fill(T::ZERO);
                    row[inside.end * channels..].fill(T::ZERO);
                }
                let row = &mut row[inside.start * channels..inside.end * channels];
                if run <= 16 {
                    row.iter_mut().zip(source).for_each(|(to, &from)| *to = from);
                } else {
                    row.copy_from_slice(source);
                }
            }
            column += 1;
            if column == self.places[1] {
                (column, line) = (0, line + 1);
                if line == self.first_line + self.places[0] {
                    (line, picture) = (self.first_line, picture + 1);
                }
            }
        }
    }

    /// Lays the lines that the patches of these places lie in, with zeros beyond the edges, unless none reaches beyond
    /// them: then they are read in the source.
    pub fn lay(&self, places: Range<usize>, frame: &mut Frame<T>) {
        let [height, width] = self.size;
        let channels = self.source_channels;
        let [first, last] = [places.start, places.end - 1].map(|place| self.place(place));
        let reach = |axis: usize, steps: usize| {
            let taps = self.taps[axis].saturating_sub(1) as isize * self.dilation[axis];
            (steps as isize * self.step[axis] + taps + 1) as usize
        };
        // From a line of places on to another: the first line of the source, and how many.
        let lines = |from: usize, to: usize| {
            (from as isize * self.step[0] + self.offset[0], reach(0, to - from))
        };
        let columns = reach(1, self.places[1] - 1);
        let all_lines = self.first_line..self.first_line + self.places[0];
        // The lines of places that the block has of a picture.
        let of_picture = |picture: usize| {
            let from = if picture == first[0] { first[1] } else { all_lines.start };
            let to = if picture == last[0] { last[1] } else { all_lines.end - 1 };
            (from, to)
        };
        let within =
            |start: isize, count: usize, size: usize| start >= 0 && start as usize + count <= size;
        frame.is_source = within(self.offset[1], columns, width)
            && (first[0]..=last[0]).all(|picture| {
                let (from, to) = of_picture(picture);
                let (y, count) = lines(from, to);
                within(y, count, height)
            });
        let pitch = if frame.is_source { width } else { columns } * channels;
        frame.places.clear();
        let mut at = 0;
        for picture in first[0]..=last[0] {
            let (from, to) = of_picture(picture);
            let (y, count) = lines(from, to);
            let start = if frame.is_source {
                ((picture * height + y as usize) * width + self.offset[1] as usize) * channels
            } else {
                if frame.values.len() < at + count * pitch {
                    frame.values.resize(at + count * pitch, T::ZERO);
                }
                // Columns of the frame that lie within the source.
                let inside = (-self.offset[1]).clamp(0, columns as isize) as usize;
                let inside = inside
                    ..(width as isize - self.offset[1]).clamp(inside as isize, columns as isize)
                        as usize;
                let rows = frame.values[at..][..count * pitch].chunks_exact_mut(pitch.max(1));
                for (y, row) in (y..).zip(rows) {
                    if y < 0 || y >= height as isize || inside.is_empty() {
                        row.fill(T::ZERO);
                        continue;
                    }
                    let x = (self.offset[1] + inside.start as isize) as usize;
                    let source =
                        &self.source[((picture * height + y as usize) * width + x) * channels..];
                    row[..inside.start * channels].fill(T::ZERO);
                    row[inside.start * channels..inside.end * channels]
                        .copy_from_slice(&source[..inside.len() * channels]);
                    row[inside.end * channels..].fill(T::ZERO);
                }
                at
            };
            for line in from..=to {
                let of_first = line == first[1] && picture == first[0];
                let of_last = line == last[1] && picture == last[0];
                let begin = if of_first { first[2] } else { 0 };
                let end = if of_last { last[2] + 1 } else { self.places[1] };
                let start = start + (line - from) * self.step[0] as usize * pitch;
                let step = self.step[1] as usize * channels;
                frame.places.extend((begin..end).map(|column| start + column * step));
            }
            at += count * pitch;
        }
        frame.terms.clear();
        for tap_y in 0..self.taps[0] {
            for tap_x in 0..self.taps[1] {
                let from = tap_y * self.dilation[0] as usize * pitch
                    + tap_x * self.dilation[1] as usize * channels;
                frame.terms.extend(from..from + self.channels);
            }
        }
    }

    /// Whether a place's patches are so short runs of the source that terms are better packed one by one.
    pub fn is_narrow(&self) -> bool {
        self.channels <= 4
    }

    /// Writes the columns of these places, a term behind another, `stride` elements apart: for few channels, of which a line
    /// of places makes longer runs than a place does.
    pub fn pack_terms(&self, places: Range<usize>, stride: usize, to: &mut [T]) {
        super::vectorised(
            #[inline(always)]
            || {
                let mut place = places.start;
                while place < places.end {
                    let [picture, line, column] = self.place(place);
                    let count = (self.places[1] - column).min(places.end - place);
                    self.pack_line(
                        [picture, line],
                        column..column + count,
                        stride,
                        &mut to[place - places.start..],
                    );
                    place += count;
                }
            },
        );
    }

    /// Columns of one line.
    #[inline(always)]
    fn pack_line(
        &self,
        [picture, line]: [usize; 2],
        columns: Range<usize>,
        stride: usize,
        to: &mut [T],
    ) {
        let step = self.step[1] as usize * self.source_channels;
        // The first column whose tap reads an element from `x` on.
        let reaches = |x: isize| {
            let column = (x + self.step[1] - 1).div_euclid(self.step[1]);
            column.clamp(columns.start as isize, columns.end as isize) as usize
        };
        for tap_y in 0..self.taps[0] {
            let start = self.line_of(picture, line, tap_y);
            for tap_x in 0..self.taps[1] {
                let offset = self.offset[1] + tap_x as isize * self.dilation[1];
                let inside = reaches(-offset)..reaches(self.size[1] as isize - offset);
                let tap = (tap_y * self.taps[1] + tap_x) * self.channels;
                for channel in 0..self.channels {
                    let to = &mut to[(tap + channel) * stride..][..columns.len()];
                    let Some(start) = start.filter(|_| inside.start < inside.end) else {
                        to.fill(T::ZERO);
                        continue;
                    };
                    let (before, rest) = to.split_at_mut(inside.start - columns.start);
                    let (to, behind) = rest.split_at_mut(inside.len());
                    before.fill(T::ZERO);
                    behind.fill(T::ZERO);
                    let x = inside.start as isize * self.step[1] + offset;
                    let from =
                        start + x as usize * self.source_channels + self.first_channel + channel;
                    if step == 1 {
                        to.copy_from_slice(&self.source[from..][..inside.len()]);
                    } else {
                        let source = self.source[from..].iter().step_by(step);
                        to.iter_mut().zip(source).for_each(|(to, &from)| *to = from);
                    }
                }
            }
        }
    }

    /// Tap by tap.
    #[inline(always)]
    fn pack_taps(&self, places: Range<usize>, stride: usize, to: &mut [T]) {
        for (place, row) in places.zip(to.chunks_mut(stride)) {
            let [picture, line, column] = self.place(place);
            for (i, row) in row[..self.terms()].chunks_exact_mut(self.channels).enumerate() {
                match self.element(picture, line, column, [i / self.taps[1], i % self.taps[1]]) {
                    Some(from) => row.copy_from_slice(&self.source[from..][..self.channels]),
                    None => row.fill(T::ZERO),
                }
            }
        }
    }

    /// The first channel of the group where a tap reads: none beyond the edges.
    #[inline(always)]
    pub fn element(
        &self,
        picture: usize,
        line: usize,
        column: usize,
        tap: [usize; 2],
    ) -> Option<usize> {
        let start = self.line_of(picture, line, tap[0])?;
        let x =
            column as isize * self.step[1] + self.offset[1] + tap[1] as isize * self.dilation[1];
        (x >= 0 && x < self.size[1] as isize)
            .then(|| start + x as usize * self.source_channels + self.first_channel)
    }
}

/// The product of patches and each group's kernel `[terms, units]`, over some of its terms: what a launch of the convolution
/// and of the gradient of its input sum, block by block of places.
pub(super) struct PatchProduct<'a, T> {
    /// Each group's kernel from the first of these terms on; none where products are too thin ([`depthwise`]).
    kernels: Vec<&'a [T]>,
    /// Elements from one of its rows to the next.
    stride: usize,
    units: usize,
    /// Those of a place's terms that are summed.
    terms: Range<usize>,
    /// The kernels as tiles read them; none where a place's results are dot products.
    panels: Vec<Panels<T>>,
    /// Places at once.
    pub block: usize,
}

/// What a thread keeps from block to block: lines of pictures or, for dot products, packed rows.
#[derive(Default)]
pub(super) struct PatchRoom<T> {
    frame: Frame<T>,
    rows: Vec<T>,
}

impl<'a, T: Real> PatchProduct<'a, T> {
    /// For results `[places, width]`, of which each group has `units`.
    pub fn new(
        patches: &Patches<'_, T>,
        kernels: impl Iterator<Item = &'a [T]>,
        [stride, units, width]: [usize; 3],
        terms: Range<usize>,
    ) -> Self {
        let kernels: Vec<&[T]> = kernels.collect();
        // Tiles would be too wide for so few results of a place, each a sum over a long row.
        let are_dots = units <= THIN && !patches.is_narrow();
        let panels_of = |kernel: &&[T]| {
            let mut panels = Panels::default();
            T::panels(kernel, [stride, 1], [terms.len(), units], &mut panels);
            panels
        };
        let panels = kernels.iter().filter(|_| !are_dots).map(panels_of).collect();
        let block = match are_dots {
            true => block_of::<T>(patches.terms(), width),
            false => {
                let [down, across] = patches.step.map(|step| step as usize);
                block_of::<T>(down * across * patches.source_channels, width)
            }
        };
        PatchProduct { kernels, stride, units, terms, panels, block }
    }

    /// `sums` `[places, width]`: each group begins with `begin` of it. `patches` are a group's.
    pub fn run<'p>(
        &self,
        patches: impl Fn(usize) -> Patches<'p, T>,
        places: Range<usize>,
        begin: impl Fn(usize) -> Begin<'p, T>,
        (sums, width): (&mut [T], usize),
        room: &mut PatchRoom<T>,
    ) {
        let PatchRoom { frame, rows } = room;
        if !self.panels.is_empty() {
            patches(0).lay(places.clone(), frame);
        }
        for (group, kernel) in self.kernels.iter().enumerate() {
            let (patches, begin) = (patches(group), begin(group));
            let sums = &mut sums[group * self.units..];
            if let Some(panels) = self.panels.get(group) {
                let a = Gathered {
                    values: frame.values(&patches),
                    rows: &frame.places,
                    columns: &frame.terms[self.terms.clone()],
                };
                T::product_gathered(&a, panels, begin, sums, width);
                continue;
            }
            let row = stride_of::<T>(patches.terms());
            rows.resize(places.len() * row, T::ZERO);
            patches.pack(places.clone(), row, rows);
            let product = Product {
                size: [places.len(), self.units, self.terms.len()],
                a: &rows[self.terms.start..],
                a_strides: [row, 1],
                b: kernel,
                b_strides: [self.stride, 1],
                begin,
            };
            T::product_block(&product, sums, width);
        }
    }
}

/// Places that are taken at once, of so many elements that are read for each: those that stay in the second cache with
/// their `width` results.
pub(super) fn block_of<T>(elements: usize, width: usize) -> usize {
    ((256 << 10) / (size_of::<T>() * (elements + width).max(1)) / 12 * 12).clamp(12, 504)
}

/// Elements from one packed row to the next: rows a multiple of 1 KiB apart would meet in the cache.
fn stride_of<T>(terms: usize) -> usize {
    match (terms * size_of::<T>()).is_multiple_of(1024) {
        true => terms + 16,
        false => terms,
    }
}

/// Runs `work(place, piece)` over `out` `[places, width]`, cut into pieces of whole rows, on all threads where it pays:
/// `place` is a piece's first. Pieces are whole blocks of `block` rows.
pub(super) fn for_blocks<T: Send>(
    out: &mut [T],
    width: usize,
    block: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    let rows = out.len() / width.max(1);
    // A few pieces a thread, for whoever is free.
    let piece = rows.div_ceil(4 * team::threads()).next_multiple_of(block);
    if rows * cost < 1 << 16 || piece >= rows {
        return work(0, out);
    }
    team::chunks(out, piece * width, |i, out| work(i * piece, out));
}

/// Ends complete sums `[.., bias.len()]`: bias and activation, or the derivative at `values`.
pub(super) fn end<T: Real>(
    activation: Activation,
    derivative: bool,
    bias: &[T],
    values: &[T],
    sums: &mut [T],
) {
    if derivative {
        return activation.scale_by_derivative(sums, &values[..sums.len()]);
    }
    if !bias.is_empty() {
        super::vectorised(
            #[inline(always)]
            || {
                for row in sums.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(sum, &bias)| *sum += bias);
                }
            },
        );
    }
    activation.apply_all(sums);
}

/// The sums of `count` rows of `to.len()` elements, `stride` apart, into `to`: in parts, as a product with a row of ones
/// gives them.
pub(super) fn sum_rows<T: Real>(rows: &[T], stride: usize, count: usize, adds: bool, to: &mut [T]) {
    /// Elements whose sums stay in registers.
    const BLOCK: usize = 32;
    super::vectorised(
        #[inline(always)]
        || {
            for (first, to) in (0..).step_by(BLOCK).zip(to.chunks_mut(BLOCK)) {
                for part in parts_of(count) {
                    let adds = adds || part.start > 0;
                    let mut sums = [T::ZERO; BLOCK];
                    for row in rows[part.start * stride + first..].chunks(stride).take(part.len()) {
                        if let (true, Some(row)) = (to.len() == BLOCK, row.first_chunk::<BLOCK>()) {
                            for i in 0..BLOCK {
                                sums[i] += row[i];
                            }
                        } else {
                            sums.iter_mut()
                                .zip(&row[..to.len()])
                                .for_each(|(sum, &value)| *sum += value);
                        }
                    }
                    for (to, sum) in to.iter_mut().zip(sums) {
                        *to = if adds { *to + sum } else { sum };
                    }
                }
            }
        },
    );
}

/// Of groups of one channel and one filter each, for which products are too thin: sums `[places, groups]` by kernel
/// `[elements, groups]`, over `terms` from a first one on. Beyond the first, the sums hold those before.
pub(super) fn depthwise<T: Real>(
    patches: &Patches<'_, T>,
    places: Range<usize>,
    kernel: &[T],
    element: impl Fn(usize) -> usize,
    (first, terms): (usize, usize),
    sums: &mut [T],
) {
    let width = patches.source_channels;
    if first == 0 {
        sums.fill(T::ZERO);
    }
    super::vectorised(
        #[inline(always)]
        || {
            for (place, sums) in places.zip(sums.chunks_exact_mut(width)) {
                let [picture, line, column] = patches.place(place);
                for tap in first..first + terms {
                    let at = [tap / patches.taps[1], tap % patches.taps[1]];
                    let Some(from) = patches.element(picture, line, column, at) else { continue };
                    let source = &patches.source[from..][..width];
                    let weights = &kernel[element(tap) * width..][..width];
                    for ((sum, &x), &w) in sums.iter_mut().zip(source).zip(weights) {
                        *sum += x * w;
                    }
                }
            }
        },
    );
}

/// The kernel's gradient of such groups `[taps + bias, groups]`, over `places` of which `whole` are a picture of `d_output`.
pub(super) fn depthwise_gradient<T: Real>(
    patches: &Patches<'_, T>,
    places: usize,
    whole: usize,
    d_output: &[T],
    bias: bool,
    gradient: &mut [T],
) {
    let width = patches.source_channels;
    gradient.fill(T::ZERO);
    super::vectorised(
        #[inline(always)]
        || {
            for place in 0..places {
                let [picture, line, column] = patches.place(place);
                let at = picture * whole + line * patches.places[1] + column;
                let d = &d_output[at * width..][..width];
                for tap in 0..patches.terms() {
                    let at = [tap / patches.taps[1], tap % patches.taps[1]];
                    let Some(from) = patches.element(picture, line, column, at) else { continue };
                    let source = &patches.source[from..][..width];
                    let sums = &mut gradient[tap * width..][..width];
                    for ((sum, &x), &d) in sums.iter_mut().zip(source).zip(d) {
                        *sum += x * d;
                    }
                }
                if bias {
                    let sums = &mut gradient[patches.terms() * width..][..width];
                    sums.iter_mut().zip(d).for_each(|(sum, &d)| *sum += d);
                }
            }
        },
    );
}

/// The launches of a case: whole, or cut into bands and terms; and whether they end in a derivative.
#[cfg(feature = "unstable")]
pub(super) fn launches<P>(
    c: &super::case::Case,
    [a, b, ..]: super::case::Sizes,
    activation: Activation,
    make: impl Fn(Ending, u32, u32) -> Vec<P>,
) -> (Vec<P>, bool) {
    if c.is_bench() {
        let ending = Ending::Activate { activation: Activation::Relu, bias: true };
        return (make(ending, MOST_PLACES, MOST_TERMS), false);
    }
    let derivative = a.is_multiple_of(2);
    let ending = match derivative {
        true => Ending::Derivative(activation),
        false => Ending::Activate { activation, bias: !a.is_multiple_of(5) },
    };
    let most_places = if a.is_multiple_of(3) { 10 } else { MOST_PLACES };
    let most_terms = if b.is_multiple_of(5) { 12 } else { MOST_TERMS };
    (make(ending, most_places, most_terms), derivative)
}

/// A convolution for tests and benches, of four sizes. A bench: pictures, their side, channels, and filters plus 1,000
/// for each step of the stride above 1; the kernel is 3 x 3, the padding "same". A test: places, channels and filters of
/// a group, and one of eight kinds.
#[cfg(feature = "unstable")]
pub(super) fn of_case(c: &super::case::Case, sizes: super::case::Sizes) -> Conv {
    let [a, b, filters, code] = sizes.map(|n| n as u32);
    if c.is_bench() {
        let (stride, filters) = (1 + code / 1000, code % 1000);
        let output = b.div_ceil(stride);
        let before = ((output - 1) * stride + 3).saturating_sub(b) / 2;
        return Conv {
            pictures: a,
            input: [b; 2],
            channels: sizes[2] as u32,
            output: [output; 2],
            filters,
            kernel: [3; 2],
            strides: [stride; 2],
            dilation: [1; 2],
            before: [before; 2],
            groups: 1,
        };
    }
    // Small enough for the slowest of the variants; what is a multiple of 4 stays one.
    let below = |n: u32| (n - 1) % 40 + 1;
    let (a, b, filters) = (below(a), below(b), below(filters));
    let pictures = 1 + a % 3;
    let height = 4 + a % 3;
    let width = (a / (pictures * height)).max(3);
    let (kernel, strides, dilation, is_same, groups) = match code % 8 {
        1 => ([3, 3], [1, 1], [1, 1], true, 1),
        2 => ([3, 3], [2, 2], [1, 1], true, 1),
        3 => ([2, 4], [1, 1], [1, 1], true, 1),
        4 => ([2, 3], [1, 1], [3, 1], false, 1),
        5 => ([3, 2], [1, 1], [1, 2], true, 2),
        6 => ([3, 3], [1, 2], [2, 1], true, b),
        7 => ([1, 1], [2, 3], [1, 1], true, 1),
        _ => ([3, 2], [2, 1], [1, 1], false, 3),
    };
    let (channels, filters) = match code % 8 {
        6 => (b, b),
        _ => (b * groups, filters * groups),
    };
    let input = [height, width];
    let (mut output, mut before) = ([0; 2], [0; 2]);
    for i in 0..2 {
        let size = (kernel[i] - 1) * dilation[i] + 1;
        output[i] = match is_same {
            true => input[i].div_ceil(strides[i]),
            false => (input[i] - size) / strides[i] + 1,
        };
        if is_same {
            before[i] = ((output[i] - 1) * strides[i] + size).saturating_sub(input[i]) / 2;
        }
    }
    Conv { pictures, input, channels, output, filters, kernel, strides, dilation, before, groups }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    /// Every element of the matrix of patches, of any places of pictures of any size, is where a frame says.
    #[test]
    fn frames_hold_the_patches_of_their_places() {
        let mut r = SmallRng::seed_from_u64(7);
        let mut frame = Frame::default();
        let mut of_the_source = 0;
        for _ in 0..2000 {
            let mut two = |range: Range<usize>| [0; 2].map(|_: i32| r.random_range(range.clone()));
            let (size, taps, step, dilation) = (two(1..9), two(1..4), two(1..4), two(1..3));
            let (before, places) = (two(0..3), two(1..8));
            let (groups, channels) = (r.random_range(1..3), r.random_range(1..4));
            let (pictures, first_line) = (r.random_range(1..4), r.random_range(0..2));
            let source_channels = groups * channels;
            let values: Vec<f32> = (1..=(pictures + 1) * size[0] * size[1] * source_channels)
                .map(|i| i as f32)
                .collect();
            let patches = |group: usize| Patches {
                source: &values,
                size,
                source_channels,
                first_channel: group * channels,
                channels,
                first_picture: 1,
                first_line,
                places,
                step: step.map(|n| n as isize),
                offset: before.map(|n| 1 - n as isize),
                taps,
                dilation: dilation.map(|n| n as isize),
            };
            let all = pictures * places[0] * places[1];
            let start = r.random_range(0..all);
            let range = start..r.random_range(start..all) + 1;
            patches(0).lay(range.clone(), &mut frame);
            of_the_source += frame.is_source as usize;
            for group in 0..groups {
                let patches = patches(group);
                let held = frame.values(&patches);
                for (i, place) in range.clone().enumerate() {
                    let [picture, line, column] = patches.place(place);
                    for term in 0..patches.terms() {
                        let tap = [term / channels / taps[1], term / channels % taps[1]];
                        let wanted = patches.element(picture, line, column, tap);
                        let wanted = wanted.map_or(0.0, |at| values[at + term % channels]);
                        assert_eq!(held[frame.places[i] + frame.terms[term]], wanted);
                    }
                }
            }
        }
        assert!(of_the_source > 20, "{of_the_source} read the source");
    }

    /// The bits of a row of ones in a product.
    #[test]
    fn rows_are_summed_as_a_product_sums_them() {
        let mut r = SmallRng::seed_from_u64(7);
        for (count, units, stride) in
            [(1, 1, 1), (7, 33, 40), (321, 64, 64), (700, 5, 9), (961, 32, 32)]
        {
            let rows: Vec<f32> = (0..count * stride).map(|_| r.random_range(-1.0..1.0)).collect();
            for adds in [false, true] {
                let mut sums: Vec<f32> = (0..units).map(|_| r.random_range(-1.0..1.0)).collect();
                let mut wanted = sums.clone();
                sum_rows(&rows, stride, count, adds, &mut sums);
                let product = Product {
                    size: [1, units, count],
                    a: &vec![1.0; count * 2],
                    a_strides: [1, 2],
                    b: &rows,
                    b_strides: [stride, 1],
                    begin: match adds {
                        true => Begin::Accumulate,
                        false => Begin::Zero,
                    },
                };
                f32::product_block(&product, &mut wanted, units);
                assert_eq!(sums, wanted, "{count} rows of {units}");
            }
        }
    }
}
