//! What plots are drawn on: pixels at twice the size that they are thought of in, or SVG.

use image::ImageEncoder;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

use super::drawing::PlotFormat;
use crate::error::{Error, Result};
use crate::printable::shortened;

/// Colours of curves and labels, one after the other.
pub(super) const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

/// Pixels for each unit of a size, so that text is sharp on screens of today.
const PIXELS: u32 = 2;

/// Something that is drawn, in units of which there are `scale` pixels each.
pub(super) trait Drawing {
    /// Width and height in units.
    fn size(&self) -> (u32, u32);

    fn draw<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, Shift>,
        scale: Scale,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>>;
}

/// Units to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale(u32);

impl Scale {
    pub(super) fn of(self, units: u32) -> i32 {
        (units * self.0) as i32
    }

    /// A font of so many units.
    pub(super) fn font(self, units: u32) -> (&'static str, i32) {
        ("sans-serif", self.of(units))
    }

    /// A line of so many units.
    pub(super) fn line(self, colour: RGBColor, units: u32) -> ShapeStyle {
        colour.stroke_width(units * self.0)
    }
}

/// Draws on white, as the bytes of a file.
pub(super) fn render(drawing: &impl Drawing, format: PlotFormat) -> Result<Vec<u8>> {
    fn failed(message: impl std::fmt::Display) -> Error {
        Error::Training(format!("the plot cannot be drawn: {message}"))
    }
    load_font()?;
    let (width, height) = drawing.size();
    if format == PlotFormat::Svg {
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
            root.fill(&WHITE).map_err(failed)?;
            drawing.draw(&root, Scale(1)).map_err(failed)?;
            root.present().map_err(failed)?;
        }
        // XML has no control characters, not even written as numbers.
        text.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        return Ok(text.into_bytes());
    }
    let size = (width * PIXELS, height * PIXELS);
    let mut pixels = vec![255; size.0 as usize * size.1 as usize * 3];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        drawing.draw(&root, Scale(PIXELS)).map_err(failed)?;
        root.present().map_err(failed)?;
    }
    png_bytes(size, &pixels)
}

/// The bytes of a PNG of red, green, blue pixels.
pub(super) fn png_bytes((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|e| Error::Training(format!("the plot cannot be drawn: {e}")))?;
    Ok(bytes)
}

/// Makes the font known that is in the binary: plots look the same everywhere and need no system
/// library.
pub(super) fn load_font() -> Result<()> {
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| Error::Training("the plot's font is broken".into()))
}

/// How an entry of a legend is marked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Line,
    Dashes,
    Dot,
}

/// Characters of a legend's names at most.
const NAME: usize = 18;

/// A legend's width in units.
pub(super) const LEGEND: u32 = 170;

/// Names with their marks, one beneath the other: beside the data, so that it covers none.
pub(super) fn draw_legend<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    entries: &[(String, RGBColor, Mark)],
    scale: Scale,
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    for ((name, colour, mark), i) in entries.iter().zip(0..) {
        let y = scale.of(48 + 20 * i);
        let (left, right) = (scale.of(8), scale.of(28));
        let line = scale.line(*colour, 2);
        match mark {
            Mark::Line => area.draw(&PathElement::new([(left, y), (right, y)], line))?,
            Mark::Dashes => {
                for dash in [8, 16, 24] {
                    let ends = [(scale.of(dash), y), (scale.of(dash + 4), y)];
                    area.draw(&PathElement::new(ends, line))?;
                }
            }
            Mark::Dot => {
                area.draw(&Circle::new((scale.of(18), y), scale.of(4), colour.filled()))?;
            }
        }
        let style = TextStyle::from(scale.font(13).into_font()).color(&BLACK);
        area.draw_text(&shortened(name, NAME), &style, (scale.of(34), y - scale.of(7)))?;
    }
    Ok(())
}
