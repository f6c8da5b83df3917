//! What is drawn, apart from how: also in a build that draws nothing.

use std::path::Path;

use crate::data::ImageShape;

/// How a plot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotFormat {
    /// Pixels, two for each unit of the plot's size.
    Png,
    /// Lines and text.
    Svg,
}

impl PlotFormat {
    /// The format that a file's extension names, in any case of letters: SVG for `.svg`, else PNG.
    pub fn of(path: &Path) -> PlotFormat {
        let is_svg =
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
        if is_svg { PlotFormat::Svg } else { PlotFormat::Png }
    }
}

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

/// An image with lines of text beneath.
#[derive(Clone, Debug)]
pub struct Tile<'a> {
    /// Its values.
    pub image: &'a [f32],
    /// The text.
    pub lines: [String; 3],
}

/// Points of one panel.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The title.
    pub title: String,
    /// What the axes are, across and up.
    pub axes: [&'static str; 2],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_names_the_format() {
        let of = |name: &str| PlotFormat::of(Path::new(name));
        assert_eq!(of("a.svg"), PlotFormat::Svg);
        assert_eq!(of("a.b/c.SVG"), PlotFormat::Svg);
        assert_eq!(of("svg"), PlotFormat::Png);
        assert_eq!(of("a.svg.png"), PlotFormat::Png);
    }
}
