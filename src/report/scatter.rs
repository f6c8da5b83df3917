//! Codes as points: two clouds side by side, coloured by label where there is one.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{COLOURS, Drawing, LEGEND, Mark, Scale, draw_legend, render};
use super::drawing::{Cloud, PlotFormat};
use crate::error::{Error, Result};
use crate::printable::printable;

/// Width and height of a panel.
const PANEL: (u32, u32) = (600, 620);

/// Points of labels that have no colour of their own.
const OTHERS: RGBColor = RGBColor(200, 200, 200);

struct ScatterPlot<'c> {
    clouds: &'c [Cloud],
    /// Colour by row; empty where there are no labels.
    colours: Vec<RGBColor>,
    legend: Vec<(String, RGBColor, Mark)>,
    /// Written beside the points of the first cloud.
    names: &'c [String],
}

/// Draws clouds side by side, as the bytes of a file. `labels` has one a row, or none. Ten labels have colours: of
/// more, those of most rows; the others are grey.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn scatter_plot(clouds: &[Cloud], labels: &[String], format: PlotFormat) -> Result<Vec<u8>> {
    if clouds.is_empty() {
        return Err(Error::Training("the plot cannot be drawn: there is no cloud".into()));
    }
    let (colours, legend) = coloured(labels);
    render(&ScatterPlot { clouds, colours, legend, names: &[] }, format)
}

/// Draws a cloud with a name beside every point, as the bytes of a file.
///
/// # Errors
/// [`Error::Training`] when it cannot be drawn.
pub fn named_plot(cloud: &Cloud, names: &[String], format: PlotFormat) -> Result<Vec<u8>> {
    let clouds = std::slice::from_ref(cloud);
    render(&ScatterPlot { clouds, colours: Vec::new(), legend: Vec::new(), names }, format)
}

/// The colour of each row, and a legend of the colours where there are several.
fn coloured(labels: &[String]) -> (Vec<RGBColor>, Vec<(String, RGBColor, Mark)>) {
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    labels.iter().for_each(|label| *rows.entry(label).or_default() += 1);
    let mut names: Vec<&str> = rows.keys().copied().collect();
    if names.len() > COLOURS.len() {
        names.sort_by_key(|name| std::cmp::Reverse(rows[name]));
        names.truncate(COLOURS.len());
        names.sort_unstable();
    }
    let known: BTreeMap<&str, RGBColor> = names.iter().copied().zip(COLOURS).collect();
    let colour = |label: &String| known.get(label.as_str()).copied().unwrap_or(OTHERS);
    let mut legend: Vec<_> =
        names.iter().map(|&name| (name.to_owned(), known[name], Mark::Dot)).collect();
    if rows.len() > names.len() {
        legend.push((format!("{} others", rows.len() - names.len()), OTHERS, Mark::Dot));
    }
    if rows.len() < 2 {
        legend.clear();
    }
    (labels.iter().map(colour).collect(), legend)
}

impl Drawing for ScatterPlot<'_> {
    fn size(&self) -> (u32, u32) {
        let legend = if self.legend.is_empty() { 0 } else { LEGEND };
        (PANEL.0 * self.clouds.len() as u32 + legend, PANEL.1)
    }

    fn draw<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, Shift>,
        scale: Scale,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let (plots, legend) = root.split_horizontally(scale.of(PANEL.0 * self.clouds.len() as u32));
        for (area, cloud) in plots.split_evenly((1, self.clouds.len())).iter().zip(self.clouds) {
            let [x, y] = [0, 1]
                .map(|axis| Axis::of_values(cloud.points.iter().map(move |point| point[axis])));
            let mut chart = ChartBuilder::on(area)
                .caption(&cloud.title, scale.font(18))
                .margin(scale.of(12))
                .x_label_area_size(scale.of(38))
                .y_label_area_size(scale.of(30 + 8 * y.longest_label() as u32))
                .build_cartesian_2d(x, y)?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .x_desc(cloud.axes[0])
                .y_desc(cloud.axes[1])
                .axis_desc_style(scale.font(13))
                .label_style(scale.font(12))
                .draw()?;
            let points = cloud.points.iter().enumerate();
            let finite = points.filter(|(_, point)| point.iter().all(|value| value.is_finite()));
            chart.draw_series(finite.map(|(row, point)| {
                let colour = self.colours.get(row).copied().unwrap_or(COLOURS[0]);
                Circle::new((point[0], point[1]), scale.of(2), colour.mix(0.6).filled())
            }))?;
            let named = cloud.points.iter().zip(self.names);
            let finite = named.filter(|(point, _)| point.iter().all(|value| value.is_finite()));
            chart.draw_series(finite.map(|(point, name)| {
                Text::new(printable(name).into_owned(), (point[0], point[1]), scale.font(11))
            }))?;
        }
        draw_legend(&legend, &self.legend, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(counts: &[(&str, usize)]) -> Vec<String> {
        let rows = counts.iter().flat_map(|&(label, rows)| std::iter::repeat_n(label, rows));
        rows.map(str::to_owned).collect()
    }

    #[test]
    fn each_label_has_its_colour() {
        let (colours, legend) = coloured(&labels(&[("b", 1), ("a", 2)]));
        assert_eq!(colours, [COLOURS[1], COLOURS[0], COLOURS[0]]);
        let names: Vec<&str> = legend.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(coloured(&[]).1.len() + coloured(&labels(&[("a", 3)])).1.len(), 0);
    }

    #[test]
    fn of_many_labels_no_colour_is_used_twice() {
        let names: Vec<String> = (0..13).map(|i| format!("label {i:02}")).collect();
        let counts: Vec<(&str, usize)> =
            names.iter().zip(1..).map(|(name, rows)| (name.as_str(), rows)).collect();
        let (colours, legend) = coloured(&labels(&counts));
        assert_eq!(legend.len(), 11);
        assert_eq!((legend[0].0.as_str(), legend[10].0.as_str()), ("label 03", "3 others"));
        // Of 1, 2 and 3 rows.
        assert!(colours[..6].iter().all(|colour| *colour == OTHERS) && colours[6] == COLOURS[0]);
    }
}
