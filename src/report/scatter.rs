//! Codes as points: two clouds side by side, coloured by label where there is one.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::drawing::Cloud;
use super::plot::{load_font, png_bytes};
use crate::error::{Error, Result};

const SIZE: (u32, u32) = (1200, 620);

/// Colours of up to ten labels; more labels take them in turn.
const COLOURS: [RGBColor; 10] = [
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

/// Draws clouds side by side, as the bytes of a PNG. `labels` has one a row, or none.
///
/// # Errors
/// [`Error::Training`] when there is nothing to draw.
pub fn scatter_png(clouds: &[Cloud], labels: &[String]) -> Result<Vec<u8>> {
    let failed = |message: String| Error::Training(format!("the plot cannot be drawn: {message}"));
    load_font()?;
    let known: BTreeMap<&str, usize> = {
        let mut names: Vec<&str> = labels.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().zip(0..).collect()
    };
    let colour = |row: usize| match labels.get(row) {
        Some(label) => COLOURS[known[label.as_str()] % COLOURS.len()],
        None => COLOURS[0],
    };
    let mut pixels = vec![255; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        for (area, cloud) in root.split_evenly((1, clouds.len().max(1))).iter().zip(clouds) {
            let [x, y] = [0, 1].map(|axis| range(cloud.points.iter().map(|point| point[axis])));
            let mut chart = ChartBuilder::on(area)
                .caption(&cloud.title, ("sans-serif", 18))
                .margin(12)
                .x_label_area_size(28)
                .y_label_area_size(48)
                .build_cartesian_2d(x, y)
                .map_err(|e| failed(e.to_string()))?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .label_style(("sans-serif", 12))
                .draw()
                .map_err(|e| failed(e.to_string()))?;
            let dots = cloud.points.iter().enumerate().map(|(row, point)| {
                Circle::new((point[0], point[1]), 2, colour(row).mix(0.6).filled())
            });
            chart.draw_series(dots).map_err(|e| failed(e.to_string()))?;
            if (2..=COLOURS.len()).contains(&known.len()) {
                for (name, i) in &known {
                    let colour = COLOURS[*i];
                    chart
                        .draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())
                        .map_err(|e| failed(e.to_string()))?
                        .label(*name)
                        .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
                }
                chart
                    .configure_series_labels()
                    .background_style(WHITE.mix(0.8))
                    .label_font(("sans-serif", 12))
                    .draw()
                    .map_err(|e| failed(e.to_string()))?;
            }
        }
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    png_bytes(SIZE, &pixels)
}

/// From the least to the largest value, with a margin.
fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let (low, high) = (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max));
    let margin = ((high - low) * 0.05).max(1e-6);
    low - margin..high + margin
}
