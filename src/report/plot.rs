//! The history as a picture: a PNG or SVG, and a drawing for the terminal.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

use super::axis::Axis;
use super::braille;
use super::canvas::{COLOURS, Drawing, LEGEND, Mark, Scale, draw_legend, render};
use super::drawing::PlotFormat;
use crate::error::{Error, Result};
use crate::train::History;

/// Width and height of a panel.
const PANEL: (u32, u32) = (450, 360);

/// One curve: its name, its value by epoch.
type Curve<'h> = (&'static str, &'h [f64]);

/// The panels of a history's picture: loss, accuracy where there is one, and what was watched.
fn panels(history: &History) -> Vec<(&str, Vec<Curve<'_>>)> {
    let curves = |training, validation| -> Vec<Curve<'_>> {
        let both = [("training", training), ("validation", validation)];
        both.into_iter().filter(|(_, values): &Curve<'_>| !values.is_empty()).collect()
    };
    let mut panels = vec![
        ("loss", curves(&history.loss[..], &history.val_loss[..])),
        ("accuracy", curves(&history.accuracy[..], &history.val_accuracy[..])),
    ];
    let watched = history.val_metrics.iter();
    panels.extend(watched.map(|(name, values)| (name.as_str(), curves(&[][..], &values[..]))));
    panels.into_iter().filter(|(_, curves)| !curves.is_empty()).collect()
}

/// A curve's colour: training's or validation's, whatever else there is.
fn colour(name: &str) -> RGBColor {
    COLOURS[(name == "validation") as usize]
}

/// Grey, for the line of the best epoch.
const BEST: RGBColor = RGBColor(110, 110, 110);

struct HistoryPlot<'h> {
    panels: Vec<(&'h str, Vec<Curve<'h>>)>,
    best_epoch: Option<usize>,
}

/// Loss and accuracy by epoch, and the metric that was watched, side by side, as the bytes of a file; the epoch
/// whose weights were kept is marked.
///
/// # Errors
/// [`Error::Training`] when there is no epoch to draw.
pub fn history_plot(history: &History, format: PlotFormat) -> Result<Vec<u8>> {
    let panels = panels(history);
    if panels.is_empty() {
        return Err(Error::Training("the plot cannot be drawn: there is no epoch".into()));
    }
    render(&HistoryPlot { panels, best_epoch: history.best_epoch }, format)
}

impl Drawing for HistoryPlot<'_> {
    fn size(&self) -> (u32, u32) {
        (PANEL.0 * self.panels.len() as u32 + LEGEND, PANEL.1)
    }

    fn draw<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, Shift>,
        scale: Scale,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let panels = PANEL.0 * self.panels.len() as u32;
        let (plots, legend) = root.split_horizontally(scale.of(panels));
        for (area, panel) in plots.split_evenly((1, self.panels.len())).iter().zip(&self.panels) {
            self.draw_panel(area, panel, scale)?;
        }
        let has = |name: &&str| {
            self.panels.iter().any(|(_, curves)| curves.iter().any(|(curve, _)| curve == name))
        };
        let names = ["training", "validation"].into_iter().filter(has);
        let mut entries: Vec<_> =
            names.map(|name| (name.to_owned(), colour(name), Mark::Line)).collect();
        if let Some(best) = self.best_epoch {
            entries.push((format!("best epoch, {best}"), BEST, Mark::Dashes));
        }
        draw_legend(&legend, &entries, scale)
    }
}

impl HistoryPlot<'_> {
    fn draw_panel<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        (title, curves): &(&str, Vec<Curve<'_>>),
        scale: Scale,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let epochs = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let values = Axis::of_values(curves.iter().flat_map(|(_, values)| values.iter().copied()));
        let Range { start: low, end: high } = values.range();
        let mut chart = ChartBuilder::on(area)
            .caption(title, scale.font(18))
            .margin(scale.of(12))
            .x_label_area_size(scale.of(38))
            .y_label_area_size(scale.of(30 + 8 * values.longest_label() as u32))
            .build_cartesian_2d(Axis::of_epochs(epochs), values)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("epoch")
            .y_desc(*title)
            .axis_desc_style(scale.font(14))
            .label_style(scale.font(13))
            .draw()?;
        if let Some(best) = self.best_epoch {
            let ends = [(best as f64, low), (best as f64, high)];
            let style = scale.line(BEST, 1);
            let dashes = DashedLineSeries::new(ends, scale.of(6), scale.of(4), style);
            chart.draw_series(dashes)?;
        }
        for (name, values) in curves {
            let points = || {
                let numbered = (1..).zip(values.iter());
                let points = numbered.map(|(epoch, &value)| (epoch as f64, value));
                points.filter(|(_, value)| value.is_finite())
            };
            let style = scale.line(colour(name), 2);
            chart.draw_series(LineSeries::new(points(), style))?;
            // A line of one point is none; of a few epochs, each is seen.
            let dots = points().filter(|_| values.len() <= 20);
            let dot = |point| Circle::new(point, scale.of(3), colour(name).filled());
            chart.draw_series(dots.map(dot))?;
            let best = points().filter(|(epoch, _)| Some(*epoch as usize) == self.best_epoch);
            let ring = |point| Circle::new(point, scale.of(5), style);
            chart.draw_series(best.map(ring))?;
        }
        Ok(())
    }
}

/// Loss and accuracy by epoch, drawn with braille dots for the terminal; validation is named
/// beneath where there is one.
pub fn history_text(history: &History) -> String {
    let mut drawing = String::new();
    for (title, curves) in panels(history) {
        let range = Axis::of_values(curves.iter().flat_map(|(_, values)| values.iter().copied()));
        let epochs = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let numbered = |values: &[f64]| (1..).map(f64::from).zip(values.iter().copied()).collect();
        let points: Vec<Vec<(f64, f64)>> =
            curves.iter().map(|(_, values)| numbered(values)).collect();
        let chart = braille::chart(&points, &Axis::of_epochs(epochs), &range);
        drawing += &format!("{title} by epoch\n{chart}");
        for (name, values) in &curves {
            if let (Some(first), Some(last)) = (values.first(), values.last()) {
                drawing += &format!("  {name} {title}: {first:.4} -> {last:.4}\n");
            }
        }
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History {
            loss: vec![0.6934, 0.6927, 0.6925, 0.6924, 0.6923],
            val_loss: vec![0.6932, 0.6929, 0.6928, 0.6934, 0.6935],
            best_epoch: Some(3),
            ..History::default()
        }
    }

    /// The texts of an SVG, with where each stands.
    fn texts(svg: &str) -> Vec<(i32, String)> {
        let begin = svg.match_indices("<text ").map(|(at, _)| &svg[at..]);
        let text = |element: &str| {
            let x = element.split("x=\"").nth(1).and_then(|rest| rest.split('"').next());
            let inner = element.split('>').nth(1).and_then(|rest| rest.split('<').next());
            (x.and_then(|x| x.parse().ok()).unwrap_or(-1), inner.unwrap_or("").trim().to_owned())
        };
        begin.map(text).collect()
    }

    #[test]
    fn a_plot_says_what_it_shows() {
        let mut history = history();
        history.val_metrics.insert("r2".into(), vec![0.1, 0.2, 0.3, 0.25, 0.2]);
        let svg = history_plot(&history, PlotFormat::Svg).expect("drawn");
        let texts = texts(std::str::from_utf8(&svg).expect("SVG is text"));
        let place = |wanted: &str| {
            let found: Vec<i32> =
                texts.iter().filter(|(_, text)| text == wanted).map(|(x, _)| *x).collect();
            assert!(!found.is_empty(), "no {wanted} in {texts:?}");
            found
        };
        // Titles, axes, whole epochs, ticks that differ.
        for text in ["loss", "r2", "epoch", "1", "2", "5", "0.6924", "0.6926"] {
            place(text);
        }
        assert!(texts.iter().all(|(_, text)| text != "1.5" && text != "0.69"), "{texts:?}");
        // The legend is beside both panels, and says which epoch was kept.
        for entry in ["training", "validation", "best epoch, 3"] {
            assert!(place(entry).iter().all(|&x| x > 2 * PANEL.0 as i32), "{entry}");
        }
        let plain = History { best_epoch: None, ..history.clone() };
        let svg = history_plot(&plain, PlotFormat::Svg).expect("drawn");
        assert!(!std::str::from_utf8(&svg).expect("SVG is text").contains("best epoch"));
    }

    #[test]
    fn pixels_are_two_for_each_unit() {
        let png = history_plot(&history(), PlotFormat::Png).expect("drawn");
        let picture = image::load_from_memory(&png).expect("a PNG");
        let size = (picture.width(), picture.height());
        assert_eq!(size, (2 * (PANEL.0 + LEGEND), 2 * PANEL.1));
        // Both curves are drawn, and the line of the best epoch.
        for colour in [COLOURS[0], COLOURS[1], BEST] {
            let wanted = image::Rgb([colour.0, colour.1, colour.2]);
            let found = picture.to_rgb8().pixels().filter(|&&pixel| pixel == wanted).count();
            assert!(found > 100, "{colour:?} has {found} pixels");
        }
    }

    #[test]
    fn histories_of_any_values_are_drawn() {
        for loss in [
            vec![0.0],
            vec![1e-30; 4],
            vec![f64::NAN, 1.0],
            vec![1e300, -1e300],
            vec![f64::INFINITY],
        ] {
            let history = History { loss, best_epoch: Some(1), ..History::default() };
            for format in [PlotFormat::Png, PlotFormat::Svg] {
                assert!(history_plot(&history, format).is_ok(), "{history:?}");
            }
            history_text(&history);
        }
        assert!(history_plot(&History::default(), PlotFormat::Png).is_err());
    }
}
