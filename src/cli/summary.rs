//! `wgslearn summary`: what a model file holds.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::model::Model;
use crate::printable::printable_field;

/// Show a model's layers, output shapes and numbers of parameters
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn summary model.safetensors")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    if options.json {
        return print(model.summary_json());
    }
    print(model.summary())?;
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
