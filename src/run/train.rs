//! A training run: data, model, epochs, files.

use super::checkpoint::Keeper;
use super::config::{ModelConfig, Pool, RunConfig};
use super::load::{Loaded, Task, load};
use crate::backend::Device;
use crate::data::Inputs;
use crate::error::{Error, Result};
use crate::model::{Activation, Encoder, Input, Layer, Loss, Model, read_weights, write_whole};
use crate::report;
use crate::train::{EpochReport, History};

/// What a run made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The trained model.
    pub model: Model,
    /// Loss and accuracy by epoch.
    pub history: History,
    /// Rows trained on.
    pub training_rows: usize,
    /// Rows validated on.
    pub validation_rows: usize,
}

/// Runs a training run on `device`: reads the data, trains, writes the files that it names.
/// `begin` is called with the model before the first epoch, `on_epoch` after each.
///
/// # Errors
/// Whatever reading, training or writing meets; no file is written before training is done.
pub fn train(
    config: &RunConfig,
    device: &Device,
    begin: &mut dyn FnMut(&Model, &Loaded),
    on_epoch: &mut dyn FnMut(EpochReport),
) -> Result<Outcome> {
    config.check()?;
    let loaded = load(config)?;
    let mut model = build(config, &loaded)?;
    begin(&model, &loaded);
    let trainer = config.trainer();
    let validation = loaded.validation.as_ref();
    let mut keeper = Keeper::new(config, &loaded, device, on_epoch)?;
    let history =
        trainer.fit_with(&mut model, &loaded.training, validation, device, &mut keeper)?;
    if let Some(path) = &config.output.model {
        model.save(path)?;
    }
    if let Some(path) = &config.output.history {
        let json = serde_json::to_string(&history)
            .map_err(|e| Error::Training(format!("the history cannot be written: {e}")))?;
        write_whole(path, format!("{json}\n").as_bytes())?;
    }
    if let Some(path) = &config.output.plot {
        write_whole(path, &report::history_png(&history)?)?;
    }
    keeper.done()?;
    Ok(Outcome {
        training_rows: loaded.training.rows(),
        validation_rows: validation.map_or(0, |dataset| dataset.rows()),
        model,
        history,
    })
}

/// The model that a run describes, for its data.
fn build(config: &RunConfig, loaded: &Loaded) -> Result<Model> {
    let mut layers = match &config.model.layers {
        Some(layers) => layers.clone(),
        None => usual_layers(&config.model, loaded)?,
    };
    for layer in &mut layers {
        if let Layer::Embedding { rows, .. } = layer
            && *rows == 0
        {
            *rows = loaded.embedding_rows;
        }
    }
    let Some(&Layer::Dense { units, activation }) = layers.last() else {
        return Err(Error::Model("the last layer must be dense: the model's output".into()));
    };
    let wanted = match (loaded.task, activation) {
        (Task::Binary, Activation::Sigmoid) => 1,
        (Task::Binary | Task::Classes, _) => loaded.labels.len(),
        (Task::Regression, _) => 1,
        (Task::Given, _) => units,
    };
    let names_classes = !loaded.labels.is_empty();
    if units != wanted
        || names_classes && !matches!(activation, Activation::Sigmoid | Activation::Softmax)
    {
        return Err(Error::Model(format!(
            "the data have {}, but the last layer has {units} units with {activation:?}; give it {wanted} units with {}",
            match names_classes {
                true => format!("{} labels", loaded.labels.len()),
                false => "one target".into(),
            },
            match (names_classes, wanted) {
                (true, 1) => "sigmoid",
                (true, _) => "softmax",
                (false, _) => "linear",
            },
        )));
    }
    let loss = config.training.loss.unwrap_or(Loss::for_activation(activation));
    let mut model = Model::new(loaded.input(), layers, loss, config.training.seed)?;
    model.labels = loaded.labels.clone();
    model.encoder = loaded.encoder.clone();
    if let Encoder::Text(_) = loaded.encoder {
        silence_unseen(&mut model, loaded.training.inputs())?;
    }
    if let Some(path) = &config.model.initial_weights {
        let weights = read_weights(path)?;
        model.set_parameters(weights).map_err(|e| Error::data(path, e.to_string()))?;
    }
    Ok(model)
}

/// Sets the embedding's rows to zero whose ids stand in no training row. No gradient reaches them,
/// so a fresh row would stay noise: what an unseen word or n-gram would add to a mean.
fn silence_unseen(model: &mut Model, inputs: &Inputs) -> Result<()> {
    let (Inputs::Ids { values: ids, .. }, Some(rows)) = (inputs, model.embedding_rows()) else {
        return Ok(());
    };
    let mut seen = vec![false; rows];
    for &id in ids {
        if let Some(seen) = seen.get_mut(id as usize) {
            *seen = true;
        }
    }
    let Some(table) = model.parameters().first() else { return Ok(()) };
    let mut table = table.clone();
    let width = table.values.len() / rows;
    for (row, seen) in table.values.chunks_exact_mut(width).zip(seen) {
        if !seen {
            row.fill(0.0);
        }
    }
    model.set_parameters(vec![table])
}

/// The layers where none are given.
fn usual_layers(config: &ModelConfig, loaded: &Loaded) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    if let Input::Ids { .. } = loaded.input() {
        let rows = loaded.embedding_rows;
        layers.push(Layer::Embedding { rows, units: config.embedding_units });
        layers.push(match config.pool {
            Pool::Mean => Layer::MeanPool {},
            Pool::Flatten => Layer::Flatten {},
        });
    }
    let dropout = (config.dropout > 0.0).then_some(Layer::Dropout { rate: config.dropout });
    for &units in &config.hidden {
        layers.extend(dropout.filter(|_| !layers.is_empty()));
        layers.push(Layer::Dense { units, activation: Activation::Relu });
    }
    layers.extend(dropout.filter(|_| !layers.is_empty()));
    layers.push(match loaded.task {
        Task::Binary => Layer::Dense { units: 1, activation: Activation::Sigmoid },
        Task::Classes => {
            Layer::Dense { units: loaded.labels.len(), activation: Activation::Softmax }
        }
        Task::Regression => Layer::Dense { units: 1, activation: Activation::Linear },
        Task::Given => {
            Layer::Dense { units: loaded.training.target_width(), activation: output_for(loaded) }
        }
    });
    Ok(layers)
}

/// The output for targets of unknown meaning: sigmoid where all lie between 0 and 1.
fn output_for(loaded: &Loaded) -> Activation {
    let within = loaded.training.target_values().iter().all(|value| (0.0..=1.0).contains(value));
    match (within, &loaded.encoder) {
        (true, Encoder::None) => Activation::Sigmoid,
        _ => Activation::Linear,
    }
}
