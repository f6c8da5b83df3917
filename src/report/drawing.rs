//! What is drawn, apart from how: also in a build that draws nothing.

use crate::data::ImageShape;

/// Images of one kind, one a column.
#[derive(Clone, Debug)]
pub struct GridRow<'a> {
    /// What they are, in a word or two.
    pub name: &'static str,
    /// Their size.
    pub shape: ImageShape,
    /// One image a column.
    pub images: Vec<&'a [f32]>,
}

/// Columns under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridGroup {
    /// The heading.
    pub name: &'static str,
    /// Number of columns.
    pub columns: usize,
}

/// Points of one panel.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The title.
    pub title: String,
    /// One point a row.
    pub points: Vec<[f64; 2]>,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct ScalingPanel {
    /// What grows.
    pub title: String,
    /// Name of each curve, and its points (size, milliseconds).
    pub curves: Vec<(String, Vec<(f64, f64)>)>,
}
