//! `wgslearn summary`: what a model file holds.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::model::Model;
use crate::printable::printable_field;
use crate::train::{Memory, Trainer};

/// Show a model's layers, output shapes and numbers of parameters
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn summary model.safetensors")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Rows of a batch that memory is told for
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// Tell the memory of a training that recomputes what is cheap, as with `train --recompute`
    #[arg(long)]
    recompute: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let batch = options.batch as usize;
    let trainer = Trainer { batch_size: batch, recompute: options.recompute, ..Trainer::default() };
    // Word vectors are not trained on a data set, so that there is nothing to tell of them.
    let training = Memory::of_training(&model, &trainer).ok();
    let prediction = Memory::of_prediction(&model, batch).ok();
    if options.json {
        let mut json = model.summary_json();
        let of = |memory: Option<Memory>| {
            memory
                .map(|memory| serde_json::json!({ "bytes": memory.bytes, "values": memory.values }))
        };
        json["memory"] = serde_json::json!({
            "batch": batch,
            "training": of(training),
            "prediction": of(prediction),
        });
        return print(json);
    }
    print(model.summary())?;
    for (what, memory) in [("training with Adam", training), ("prediction", prediction)] {
        let Some(memory) = memory else { continue };
        let mb = |bytes: u64| bytes as f64 / 1e6;
        print(format_args!(
            " Memory of a {what}, {batch} rows at a time: {:.1} MB, of which values between layers {:.1} MB; the data come on top",
            mb(memory.bytes),
            mb(memory.values)
        ))?;
    }
    print(format_args!(" Loss: {}", model.loss().name()))?;
    if let (Ok(width), Some(layers)) = (model.latent_width(), model.latent_layer) {
        print(format_args!(" Code: {width} elements, after layer {layers}"))?;
    }
    if let Some(noise) = model.noise {
        print(format_args!(" Noise: {noise}"))?;
    }
    if !model.labels.is_empty() {
        const SHOWN: usize = 20;
        let shown = model.labels.iter().take(SHOWN).map(|label| printable_field(label));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let others = match model.labels.len() {
            0..=SHOWN => String::new(),
            many => format!(" and {} more", many - SHOWN),
        };
        print(format_args!(" Labels: {shown}{others}"))?;
    }
    Ok(())
}
