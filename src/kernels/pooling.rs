//! Geometry of windows over pictures, as `shaders/shared/window.wgsl` has it, and what the pools' references share.

use std::ops::Range;

#[cfg(feature = "unstable")]
use super::case::{Case, Sizes};

/// Vectors of `units` that a loop over channels takes side by side, so that few channels fill its lanes too.
pub fn side_by_side(units: usize) -> usize {
    256usize.div_ceil(units.max(1))
}

/// Windows along one axis: place p's window begins at `p stride - before` and has `size` rows.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Rows (or columns) of the picture.
    pub length: usize,
    /// Places of the window.
    pub places: usize,
    /// Rows of the window.
    pub size: usize,
    /// Rows between two places.
    pub stride: usize,
    /// Rows of padding before the first.
    pub before: usize,
}

impl Axis {
    /// From the numbers that kernels take.
    pub fn new(length: u32, places: u32, size: u32, stride: u32, before: u32) -> Axis {
        let [length, places, size, stride, before] =
            [length, places, size, stride, before].map(|n| n as usize);
        Axis { length, places, size, stride, before }
    }

    /// The rows that the window at `place` sees.
    pub fn rows(&self, place: usize) -> Range<usize> {
        let start = place * self.stride;
        start.max(self.before) - self.before..(start + self.size - self.before).min(self.length)
    }

    /// Whether no row is seen by two windows.
    pub fn is_apart(&self) -> bool {
        self.stride >= self.size
    }

    /// Whether each row is seen by a window.
    pub fn is_covered(&self) -> bool {
        self.stride <= self.size && self.rows(self.places - 1).end == self.length
    }

    /// An axis of `length` for a case: any window with any padding in tests, in a bench windows of 2 side by side.
    #[cfg(feature = "unstable")]
    pub fn of_case(c: &Case, length: usize, code: usize) -> Axis {
        if c.is_bench() {
            return Axis { length, places: length / 2, size: 2, stride: 2, before: 0 };
        }
        let (size, stride) = (1 + code % 4, 1 + code / 4 % 3);
        let places = length.div_ceil(stride);
        let before = ((places - 1) * stride + size).saturating_sub(length) / 2;
        match code % 2 {
            0 if size <= length => {
                Axis { length, places: (length - size) / stride + 1, size, stride, before: 0 }
            }
            _ => Axis { length, places, size, stride, before },
        }
    }
}

/// Calls `see(number, pixel)` for each pixel of a picture that the window at a place sees, line by line: which number of the
/// window it is, and which pixel of the picture.
#[inline(always)]
pub(super) fn for_window(
    [down, across]: &[Axis; 2],
    [y, x]: [usize; 2],
    mut see: impl FnMut(usize, usize),
) {
    let columns = across.rows(x);
    for row in down.rows(y) {
        let in_window = (row + down.before - y * down.stride) * across.size;
        for column in columns.clone() {
            let number = in_window + column + across.before - x * across.stride;
            see(number, row * across.length + column);
        }
    }
}

/// Declares the kernel of a pool: `kernel!` over rows of items, channels wide, with the geometry of the windows in front of
/// its own `params`. `a_row_is` a `place` of the window, or a `pixel` of the pictures, which the places that see it are
/// gathered for, or a `cell`: a place where no two see the same pixel, else a pixel.
macro_rules! pool_kernel {
    (
        name: $name:literal,
        params: { $($(#[$field_doc:meta])* $field:ident: $field_type:ident,)* },
        bindings: $bindings:tt,
        a_row_is: $row:ident,
        $(scalar: $scalar:expr, vec4: $vec4:expr,)?
        source: $source:tt,
        reference: $reference:path,
        case: $case:path,
    ) => {
        kernel! {
            name: $name,
            params: {
                /// Rows of the batch.
                rows: u32,
                /// Of the pictures that are read.
                height: u32,
                /// Of the pictures that are read.
                width: u32,
                /// Channels.
                channels: u32,
                /// Places of the window along the height.
                out_height: u32,
                /// Places of the window along the width.
                out_width: u32,
                /// Height of the window.
                pool_height: u32,
                /// Width of the window.
                pool_width: u32,
                /// Rows between two places.
                stride_height: u32,
                /// Columns between two places.
                stride_width: u32,
                /// Rows of padding before the first.
                before_height: u32,
                /// Columns of padding before the first.
                before_width: u32,
                $($(#[$field_doc])* $field: $field_type,)*
            },
            bindings: $bindings,
            items: {
                width: |p| p.channels,
                rows: |p| pool_kernel!(@rows $row p),
                $(scalar: $scalar, vec4: $vec4,)?
                source: $source,
            },
            loop_iterations: |p| pool_kernel!(@iterations $row p.axes()),
            reference: $reference,
            case: $case,
            benches: [("32 x 28 x 28 x 64", [28, 28, 64, 32])],
        }

        impl Params {
            /// Of windows along the height and the width over `rows` pictures of so many channels.
            pub fn new(
                rows: usize,
                [down, across]: [$crate::kernels::Axis; 2],
                channels: usize,
                $($field: $field_type,)*
            ) -> Params {
                Params {
                    rows: rows as u32,
                    height: down.length as u32,
                    width: across.length as u32,
                    channels: channels as u32,
                    out_height: down.places as u32,
                    out_width: across.places as u32,
                    pool_height: down.size as u32,
                    pool_width: across.size as u32,
                    stride_height: down.stride as u32,
                    stride_width: across.stride as u32,
                    before_height: down.before as u32,
                    before_width: across.before as u32,
                    $($field,)*
                }
            }

            /// The windows along the height and the width.
            fn axes(&self) -> [$crate::kernels::Axis; 2] {
                let p = self;
                let axis = $crate::kernels::Axis::new;
                [
                    axis(p.height, p.out_height, p.pool_height, p.stride_height, p.before_height),
                    axis(p.width, p.out_width, p.pool_width, p.stride_width, p.before_width),
                ]
            }
        }
    };
    (@rows place $p:ident) => { $p.rows as usize * $p.out_height as usize * $p.out_width as usize };
    (@rows cell $p:ident) => {
        match $p.axes().iter().all($crate::kernels::Axis::is_apart) {
            true => pool_kernel!(@rows place $p),
            false => pool_kernel!(@rows pixel $p),
        }
    };
    (@rows pixel $p:ident) => { $p.rows as usize * $p.height as usize * $p.width as usize };
    // Turns of the loops over what a window sees, or over the places that see a pixel.
    (@iterations place $axes:expr) => {{
        let [down, across] = $axes.map(|axis| axis.size as u64);
        1 + down * (1 + across)
    }};
    // Or over the pixels of a cell, which at the end reaches as far as the picture.
    (@iterations cell $axes:expr) => {{
        let axes = $axes;
        let [down, across] = axes.map(|axis| {
            1 + axis.length.min(axis.stride + axis.length.saturating_sub(axis.places * axis.stride)) as u64
        });
        pool_kernel!(@iterations pixel axes).max(1 + down * (1 + across))
    }};
    (@iterations pixel $axes:expr) => {{
        let [down, across] = $axes.map(|axis| 1 + axis.size.div_ceil(axis.stride) as u64);
        1 + down * (1 + across)
    }};
}
pub(crate) use pool_kernel;

/// What a case of a pool is made of: the axes of the picture, channels, rows of the batch.
#[cfg(feature = "unstable")]
pub fn axes_of_case(c: &Case, [height, width, channels, rows]: Sizes) -> ([Axis; 2], usize, usize) {
    // Small pictures show every edge, and channels what is wide.
    let [height, width] = match c.is_bench() {
        true => [height, width],
        false => [1 + height % 9, 1 + width % 11],
    };
    let axes = [
        Axis::of_case(c, height, channels + 3 * rows),
        Axis::of_case(c, width, height + channels / 2 + rows),
    ];
    (axes, channels, rows)
}
