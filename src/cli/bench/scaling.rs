//! How the time of a step grows with the batch, the width, the vocabulary and the depth.

use super::training::{seconds_per_step, table};
use crate::backend::Device;
use crate::data::{Dataset, Inputs, Targets};
use crate::error::Result;
use crate::model::{Activation, Input, Layer, Loss, Model};
use crate::report::ScalingPanel;
use crate::train::{Fusions, Trainer};

/// One measured step.
#[derive(Clone, Debug)]
pub struct ScalingPoint {
    /// What grows: batch, width, vocabulary, depth.
    pub over: &'static str,
    /// Which curve.
    pub curve: &'static str,
    /// The size.
    pub size: usize,
    /// Milliseconds of a step.
    pub milliseconds: f64,
}

/// Measures all points on a device, and hands each over.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails, or what `each` returns.
pub fn scaling(device: &Device, each: &mut dyn FnMut(&ScalingPoint) -> Result<()>) -> Result<()> {
    let mut add = |over, curve, size, seconds: f64| {
        each(&ScalingPoint { over, curve, size, milliseconds: seconds * 1e3 })
    };
    for batch in [1, 4, 16, 64, 256, 1024, 4096] {
        add("batch", "784-128-784", batch, dense(784, &[128], batch, device)?)?;
    }
    for width in [16, 32, 64, 128, 256, 512, 1024, 2048] {
        add("width", "256-w-256, batch 256", width, dense(256, &[width], 256, device)?)?;
    }
    for rows in [1_000, 10_000, 100_000, 1_000_000] {
        for (curve, lazy_updates) in [("lazy Adam", true), ("dense Adam", false)] {
            // A dense step of a million rows moves 1.8 GB.
            let (model, dataset) = table(rows, 64, 256, 32)?;
            let trainer = Trainer {
                batch_size: 256,
                fusions: Fusions::ALL.with_lazy_rows(lazy_updates),
                ..Trainer::default()
            };
            let seconds = seconds_per_step(&model, &dataset, &trainer, device)?;
            add("vocabulary", curve, rows, seconds)?;
        }
    }
    for depth in [1, 2, 4, 8, 16, 32] {
        add("depth", "128 units, batch 256", depth, dense(128, &vec![128; depth], 256, device)?)?;
    }
    Ok(())
}

/// The panels of a plot of these points.
pub fn scaling_panels(points: &[(String, ScalingPoint)]) -> Vec<ScalingPanel> {
    let titles = [
        ("batch", "batch (784-128-784)"),
        ("width", "hidden units (256-w-256, batch 256)"),
        ("vocabulary", "vocabulary (64 units, 256 x 32 ids)"),
        ("depth", "layers of 128 units (batch 256)"),
    ];
    let panel = |(over, title): (&str, &str)| {
        let mut curves: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
        for (device, point) in points.iter().filter(|(_, point)| point.over == over) {
            let name = match over {
                "vocabulary" => format!("{device}, {}", point.curve),
                _ => device.clone(),
            };
            let at = (point.size as f64, point.milliseconds);
            match curves.iter_mut().find(|(known, _)| *known == name) {
                Some((_, curve)) => curve.push(at),
                None => curves.push((name, vec![at])),
            }
        }
        ScalingPanel { title: title.into(), curves }
    };
    titles.into_iter().map(panel).collect()
}

/// Seconds of a step of an autoencoder of `features` with these hidden layers.
fn dense(features: usize, hidden: &[usize], batch: usize, device: &Device) -> Result<f64> {
    let rows = 2 * batch.max(64);
    let values = (0..rows * features).map(|i| (i % 251) as f32 / 251.0).collect();
    let inputs = Inputs::Matrix { values, features };
    let dataset = Dataset::new(inputs, Targets::Inputs, "scaling")?;
    let relu = |&units: &usize| Layer::dense(units, Activation::Relu);
    let mut layers: Vec<Layer> = hidden.iter().map(relu).collect();
    layers.push(Layer::dense(features, Activation::Sigmoid));
    let model = Model::new(Input::Matrix { features }, layers, Loss::Mse, 7)?;
    let trainer = Trainer { batch_size: batch, shuffle: false, ..Trainer::default() };
    seconds_per_step(&model, &dataset, &trainer, device)
}
