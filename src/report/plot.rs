//! The history as a picture: a PNG, and a drawing for the terminal.

use image::ImageEncoder;
use plotters::prelude::*;
use plotters::style::register_font;
use textplots::{Chart, Plot, Shape};

use crate::error::{Error, Result};
use crate::train::History;

/// Width and height of the PNG in pixels.
const SIZE: (u32, u32) = (900, 360);

/// One curve: its name, its value by epoch.
type Curve<'h> = (&'static str, &'h [f64]);

/// The panels of a history's picture: loss, and accuracy where there is one.
fn panels(history: &History) -> Vec<(&'static str, Vec<Curve<'_>>)> {
    let curves = |training, validation| -> Vec<Curve<'_>> {
        let both = [("training", training), ("validation", validation)];
        both.into_iter().filter(|(_, values): &Curve<'_>| !values.is_empty()).collect()
    };
    let panels = vec![
        ("loss", curves(&history.loss[..], &history.val_loss[..])),
        ("accuracy", curves(&history.accuracy[..], &history.val_accuracy[..])),
    ];
    panels.into_iter().filter(|(_, curves)| !curves.is_empty()).collect()
}

/// Lowest and highest value of some curves, apart even where all are equal.
fn range(curves: &[Curve<'_>]) -> (f64, f64) {
    let values = || curves.iter().flat_map(|(_, values)| values.iter().copied());
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    let margin = ((high - low) * 0.05).max(1e-3);
    (low - margin, high + margin)
}

/// Loss and accuracy by epoch, side by side, as the bytes of a PNG.
///
/// # Errors
/// [`Error::Training`] when there is no epoch to draw.
pub fn history_png(history: &History) -> Result<Vec<u8>> {
    let failed = |message: String| Error::Training(format!("the plot cannot be drawn: {message}"));
    let panels = panels(history);
    if panels.is_empty() {
        return Err(failed("there is no epoch".into()));
    }
    load_font()?;
    let mut pixels = vec![255; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
        for (area, (title, curves)) in root.split_evenly((1, panels.len())).iter().zip(&panels) {
            draw(area, title, curves).map_err(failed)?;
        }
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    png_bytes(SIZE, &pixels)
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

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    curves: &[Curve<'_>],
) -> std::result::Result<(), String> {
    let text = |e: DrawingAreaErrorKind<B::ErrorType>| e.to_string();
    let epochs = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let (low, high) = range(curves);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(1f64..epochs.max(2) as f64, low..high)
        .map_err(text)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("epoch")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.2}"))
        .label_style(("sans-serif", 13))
        .draw()
        .map_err(text)?;
    let colours = [RGBColor(31, 119, 180), RGBColor(255, 127, 14)];
    for ((name, values), colour) in curves.iter().zip(colours) {
        let points = values.iter().enumerate().map(|(i, &value)| (i as f64 + 1.0, value));
        let line = LineSeries::new(points, colour.stroke_width(2));
        chart
            .draw_series(line)
            .map_err(text)?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(text)
}

/// Loss and accuracy by epoch, drawn with braille dots for the terminal; validation is named
/// beneath where there is one.
pub fn history_text(history: &History) -> String {
    let mut drawing = String::new();
    for (title, curves) in panels(history) {
        let (low, high) = range(&curves);
        let epochs = curves[0].1.len().max(2) as f32;
        let points: Vec<Vec<(f32, f32)>> = curves
            .iter()
            .map(|(_, values)| {
                values.iter().zip(1..).map(|(&value, epoch)| (epoch as f32, value as f32)).collect()
            })
            .collect();
        let mut chart = Chart::new_with_y_range(100, 36, 1.0, epochs, low as f32, high as f32);
        let shapes: Vec<Shape<'_>> = points.iter().map(|points| Shape::Lines(points)).collect();
        let chart = shapes.iter().fold(&mut chart, |chart, shape| chart.lineplot(shape));
        chart.axis();
        chart.figures();
        drawing += &format!("{title} by epoch\n{chart}");
        for (name, values) in &curves {
            if let (Some(first), Some(last)) = (values.first(), values.last()) {
                drawing += &format!("  {name} {title}: {first:.4} -> {last:.4}\n");
            }
        }
    }
    drawing
}
