//! Curves over doubling sizes, both axes logarithmic: one panel a question.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{COLOURS, Drawing, LEGEND, Mark, Scale, draw_legend, render};
use super::drawing::{PlotFormat, ScalingPanel};
use crate::error::{Error, Result};

/// Width and height of a panel.
const PANEL: (u32, u32) = (420, 330);

struct ScalingPlot<'p>(&'p [ScalingPanel]);

/// The panels, two in a row, as the bytes of a file.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn scaling_plot(panels: &[ScalingPanel], format: PlotFormat) -> Result<Vec<u8>> {
    let has_points = |panel: &ScalingPanel| panel.curves.iter().any(|(_, curve)| !curve.is_empty());
    if panels.is_empty() || !panels.iter().all(has_points) {
        return Err(Error::Training("the plot cannot be drawn: there is no point".into()));
    }
    render(&ScalingPlot(panels), format)
}

/// The colour of a panel's curve.
fn colour(curve: usize) -> RGBColor {
    COLOURS[curve % COLOURS.len()]
}

impl Drawing for ScalingPlot<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = self.0.len().div_ceil(2) as u32;
        ((PANEL.0 + LEGEND) * 2, PANEL.1 * rows)
    }

    fn draw<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, Shift>,
        scale: Scale,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let rows = self.0.len().div_ceil(2);
        for (area, panel) in root.split_evenly((rows, 2)).iter().zip(self.0) {
            let (plot, legend) = area.split_horizontally(scale.of(PANEL.0));
            draw_panel(&plot, panel, scale)?;
            let names = panel.curves.iter().enumerate();
            let entries: Vec<_> =
                names.map(|(i, (name, _))| (name.clone(), colour(i), Mark::Line)).collect();
            draw_legend(&legend, &entries, scale)?;
        }
        Ok(())
    }
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    panel: &ScalingPanel,
    scale: Scale,
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let points = || panel.curves.iter().flat_map(|(_, points)| points);
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points()
            .map(of)
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        low * 0.8..high * 1.25
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, scale.font(16))
        .margin(scale.of(10))
        .x_label_area_size(scale.of(30))
        .y_label_area_size(scale.of(60))
        .build_cartesian_2d(bounds(|p| p.0).log_scale(), bounds(|p| p.1).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .y_desc("ms a step")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .axis_desc_style(scale.font(13))
        .label_style(scale.font(12))
        .draw()?;
    for (i, (_, points)) in panel.curves.iter().enumerate() {
        let style = scale.line(colour(i), 2);
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        let dot = |&point: &(f64, f64)| Circle::new(point, scale.of(3), colour(i).filled());
        chart.draw_series(points.iter().map(dot))?;
    }
    Ok(())
}
