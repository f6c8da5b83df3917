//! Curves over doubling sizes, both axes logarithmic: one panel a question.

use plotters::prelude::*;

use super::drawing::ScalingPanel;
use super::plot::{load_font, png_bytes};
use crate::error::{Error, Result};

/// Width and height of a panel in pixels.
const PANEL: (u32, u32) = (460, 330);

/// The panels, two in a row, as the bytes of a PNG.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn scaling_png(panels: &[ScalingPanel]) -> Result<Vec<u8>> {
    let failed = |message: String| Error::Training(format!("the plot cannot be drawn: {message}"));
    let has_points = |panel: &ScalingPanel| panel.curves.iter().any(|(_, curve)| !curve.is_empty());
    if panels.is_empty() || !panels.iter().all(has_points) {
        return Err(failed("there is no point".into()));
    }
    load_font()?;
    let rows = panels.len().div_ceil(2);
    let size = (PANEL.0 * 2, PANEL.1 * rows as u32);
    let mut pixels = vec![255; (size.0 * size.1 * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        root.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
        for (area, panel) in root.split_evenly((rows, 2)).iter().zip(panels) {
            draw(area, panel).map_err(failed)?;
        }
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    png_bytes(size, &pixels)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    panel: &ScalingPanel,
) -> std::result::Result<(), String> {
    let text = |e: DrawingAreaErrorKind<B::ErrorType>| e.to_string();
    let points = || panel.curves.iter().flat_map(|(_, points)| points);
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points()
            .map(of)
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        low * 0.8..high * 1.25
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(56)
        .build_cartesian_2d(bounds(|p| p.0).log_scale(), bounds(|p| p.1).log_scale())
        .map_err(text)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .y_desc("ms a step")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .label_style(("sans-serif", 12))
        .draw()
        .map_err(text)?;
    let colours = [(31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40)];
    for ((name, points), (r, g, b)) in panel.curves.iter().zip(colours) {
        let colour = RGBColor(r, g, b);
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)
            .map_err(text)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 12))
        .draw()
        .map_err(text)
}
