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

/// What a case of a pool is made of: the axes of the picture, channels, rows of the batch.
#[cfg(feature = "unstable")]
pub fn axes_of_case(
    c: &Case,
    [height, width, channels, rows]: Sizes,
) -> ([Axis; 2], usize, usize) {
    let axes = [
        Axis::of_case(c, height, channels + 3 * rows),
        Axis::of_case(c, width, height + channels / 2 + rows),
    ];
    (axes, channels, rows)
}
