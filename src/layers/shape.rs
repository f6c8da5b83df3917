//! Shapes of what lies between layers, for one row of a batch.

/// Axes that a shape has at most.
const MAX_RANK: usize = 3;

/// The shape of a value, without the rows of a batch: `[length]` ids, a vector `[units]`, a sequence of
/// vectors `[length, units]`, a picture `[height, width, channels]`. Neighbours along the last axis are
/// neighbours in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    axes: [usize; MAX_RANK],
    rank: usize,
    is_ids: bool,
}

impl Shape {
    /// `[length]` ids.
    pub fn ids(length: usize) -> Shape {
        Shape { is_ids: true, ..Shape::vector(length) }
    }

    /// `[units]`.
    pub fn vector(units: usize) -> Shape {
        Shape { axes: [units, 1, 1], rank: 1, is_ids: false }
    }

    /// `[length, units]`.
    pub fn sequence(length: usize, units: usize) -> Shape {
        Shape { axes: [length, units, 1], rank: 2, is_ids: false }
    }

    /// `[height, width, channels]`.
    pub fn picture(height: usize, width: usize, channels: usize) -> Shape {
        Shape { axes: [height, width, channels], rank: 3, is_ids: false }
    }

    /// Lengths of the axes.
    pub fn axes(&self) -> &[usize] {
        &self.axes[..self.rank]
    }

    /// Whether the elements are ids, which only a table can read.
    pub fn is_ids(&self) -> bool {
        self.is_ids
    }

    /// Elements of a row of the batch.
    pub fn width(&self) -> usize {
        self.axes().iter().product()
    }

    /// Length of the last axis: what a layer that works on vectors sees as one.
    pub fn units(&self) -> usize {
        self.axes[self.rank - 1]
    }

    /// Vectors along the last axis in a row of the batch.
    pub fn vectors(&self) -> usize {
        self.axes[..self.rank - 1].iter().product()
    }

    /// The same with another length of the last axis.
    pub fn with_units(mut self, units: usize) -> Shape {
        self.axes[self.rank - 1] = units;
        self
    }
}

impl std::fmt::Display for Shape {
    /// As Keras prints it, with `None` for the rows of a batch.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(None")?;
        self.axes().iter().try_for_each(|length| write!(f, ", {length}"))?;
        write!(f, ")")
    }
}
