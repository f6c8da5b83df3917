//! A training run: data, model, epochs, files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::baseline;
use super::checkpoint::{CheckpointObserver, Identity};
use super::config::{ModelConfig, Pool, RunConfig, TuneThreshold};
use super::evaluate::{Evaluation, evaluate_rows};
use super::folds::{Folds, Within};
use super::load::{Given, Loaded, Task, load_given};
use super::lock::take_outputs;
use super::networks::{self, Network};
use super::observer::{Closures, RunObserver};
use super::pretrained::Pretrained;
use super::repeats;
use super::room::{check_files, check_room};
use super::setting::RunKind;
use crate::backend::Device;
use crate::data::{Account, Data, Dataset, ImageEncoder, Inputs, Rows, file_and_array};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::{
    Activation, Input, Kind, Layer, Loss, Model, Noise, NoiseKind, Preprocessor, Source,
    read_weights,
};
use crate::optimizers::Schedule;
use crate::report::{self, PlotFormat};
use crate::train::{End, EpochReport, Fitted, History, Trainer};

/// What a run made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The trained model.
    pub model: Model,
    /// Loss and accuracy by epoch.
    pub history: History,
    /// Rows trained on.
    pub training_rows: usize,
    /// Rows validated on.
    pub validation_rows: usize,
    /// How it ended.
    pub end: End,
    /// The optimizer step that the model's weights are of; 0 where no step was good, and no file was written then.
    pub step: u64,
    /// The epoch of that step.
    pub epoch: usize,
    /// What the model answers on the test rows or, without any, on the validation rows; for classifiers of pictures.
    pub evaluation: Option<Evaluation>,
    /// What models trained on other rows answered to each fold, where folds were asked for.
    pub folds: Option<Folds>,
    /// Rows of the run that the model is of, where that is a second one on all rows; the rest tells of the first.
    pub refit_rows: Option<usize>,
    /// That the model tells hardly more than the same answer to every row, where it is so: a sentence.
    pub doubt: Option<String>,
}

/// Runs a training run on `device`: reads the data, trains, writes the files that it names.
/// `begin` is called with the model, its data and its trainer before the first epoch, `on_epoch` after each. Once `stop`
/// becomes true, the run ends behind its step, with its best weights.
///
/// # Errors
/// Whatever reading, training or writing meets; no file is written before training is done. After
/// [`Error::Diverged`] the files hold the best weights before it, if there are any.
pub fn train(
    config: &RunConfig,
    device: &Device,
    begin: &mut dyn FnMut(&Model, &Loaded, &Trainer) -> Result<()>,
    on_epoch: &mut dyn FnMut(EpochReport),
    stop: Option<Arc<AtomicBool>>,
) -> Result<Outcome> {
    let outcome = train_observed(
        config,
        device,
        &mut Closures { begin: Some(begin), begin_words: None, on_epoch, stop },
    )?;
    outcome.end.check()?;
    Ok(outcome)
}

/// As [`train`], watched by `observer`. A run that it interrupts, or whose numbers become NaN, is no error: its best
/// weights are written, and the outcome says how it ended.
///
/// # Errors
/// As [`train`], but for [`Error::Diverged`].
pub fn train_observed(
    config: &RunConfig,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Outcome> {
    config.check()?;
    check_files(config)?;
    let _locks = take_outputs(config.outputs().filter(|(name, _)| *name != "checkpoint"))?;
    if let Some(folds) = config.data.folds {
        return super::folds::train_folds(config, folds, device, observer);
    }
    let (mut loaded, model, frozen_layers, found) = match &config.model.from {
        Some(path) => {
            let (loaded, model) = load_for_model(config, path)?;
            (loaded, model, 0, None)
        }
        None => {
            let pretrained = config.model.encoder_from.as_deref().map(Model::load).transpose()?;
            let given = pretrained.as_ref().map_or(Given::Nothing, Given::Encoder);
            let loaded = load_given(config, given)?;
            let (model, frozen_layers, found) = build(config, &loaded, pretrained, device)?;
            (loaded, model, frozen_layers, found)
        }
    };
    let said: Vec<String> = found.into_iter().chain(repeats::said_of(&loaded)).collect();
    if let Some(account) = loaded.accounts.first_mut() {
        said.into_iter().for_each(|sentence| account.warn(sentence));
    }
    let outcome = train_loaded(config, loaded, model, frozen_layers, device, observer)?;
    outcome.doubt.iter().for_each(|doubt| observer.warn(doubt));
    match refits(config, &outcome) {
        true => refit(config, outcome, device, observer),
        false => Ok(outcome),
    }
}

/// Rows up to which a model is trained once more on all: of more, a tenth tells it little.
const MOST_REFITTED: usize = 50_000;

/// Whether a run that set rows apart, unasked, ends in one on all rows. What is no file can be read once alone.
fn refits(config: &RunConfig, outcome: &Outcome) -> bool {
    let rows = outcome.training_rows + outcome.validation_rows;
    let data = &config.data;
    config.training.refit
        && outcome.end == End::Done
        && outcome.step > 0
        && outcome.validation_rows > 0
        && data.validation.is_none()
        && rows <= MOST_REFITTED
        && file_and_array(&data.train).0.is_file()
}

/// Trains a model as `first` says on all rows, for as many epochs as its best weights had, and writes it.
///
/// # Errors
/// As [`train_observed`]. What `first` wrote stays where the run does not come to its end.
fn refit(
    config: &RunConfig,
    first: Outcome,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Outcome> {
    let mut whole = config.on_all_rows().for_epochs(first.epoch).without_files();
    whole.training.tune_threshold = TuneThreshold::No;
    let loaded = load_given(&whole, Given::Nothing)?;
    let second = train_fresh(&whole, loaded, device, &mut Within::new(observer))?;
    if second.end != End::Done || second.step == 0 {
        return Ok(Outcome { end: second.end, ..first });
    }
    let mut model = second.model;
    if config.training.tune_threshold != TuneThreshold::No {
        model.thresholds.clone_from(&first.model.thresholds);
    }
    if let Some(path) = &config.output.model {
        model.save(path)?;
    }
    observer.refitted(second.training_rows, first.epoch);
    Ok(Outcome { model, refit_rows: Some(second.training_rows), ..first })
}

/// Trains a model on data that were read for it, and writes the files that the run names.
fn train_loaded(
    config: &RunConfig,
    loaded: Loaded,
    mut model: Model,
    frozen_layers: usize,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Outcome> {
    let (rows, validates) = (loaded.training.rows(), loaded.validation.is_some());
    let augment = match (config.augment()?, &loaded.preprocessor) {
        (None, _) => None,
        (Some(augment), Preprocessor::Image(encoder)) => {
            let augment = augment.of_shape(encoder.input);
            match config.kind {
                RunKind::Translate => Some(augment.with_targets(encoder.output)),
                _ => Some(augment),
            }
        }
        (Some(_), _) => {
            return Err(Error::usage(
                "augment is given, but the data are no pictures; leave it out",
            ));
        }
    };
    let trainer = config.trainer(model.input(), rows, validates);
    let sampled_classes = config.sampled_classes(&model);
    let trainer = Trainer { frozen_layers, augment, sampled_classes, ..trainer };
    check_thresholds(config, &model, &loaded)?;
    observer.begin(&model, &loaded, &trainer)?;
    let validation = loaded.validation.as_ref();
    check_room(config, &model, &trainer, device)?;
    let mut keeper = CheckpointObserver::new(
        config,
        trainer.epochs,
        trainer.schedule != Schedule::Constant,
        || Identity::new(config, &loaded, &model, device),
        observer,
    )?;
    let fitted =
        trainer.fit_rows(&mut model, loaded.training.as_data(), validation, device, &mut keeper)?;
    let Fitted { history, end, step, epoch, .. } = fitted;
    if step > 0 {
        tune_thresholds(config, &mut model, validation, device)?;
        write_results(config, &model, &history)?;
    }
    if end == End::Done {
        keeper.done()?;
    }
    drop(keeper);
    let evaluation = match (step, config.kind) {
        (1.., RunKind::Images) => evaluated(config, &loaded, &model, device, observer)?,
        _ => None,
    };
    let doubt = baseline::doubt(&loaded, &model, &history, epoch).filter(|_| step > 0);
    Ok(Outcome {
        training_rows: loaded.training.rows(),
        validation_rows: validation.map_or(0, |dataset| dataset.rows()),
        model,
        history,
        end,
        step,
        epoch,
        evaluation,
        folds: None,
        refit_rows: None,
        doubt,
    })
}

/// What a trained classifier of pictures answers on the rows that it was not trained on, and a picture of its mistakes.
fn evaluated(
    config: &RunConfig,
    loaded: &Loaded,
    model: &Model,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Option<Evaluation>> {
    let found = match (&loaded.test, &loaded.validation) {
        (Some(test), _) => {
            evaluate_rows(model, &test.dataset, &test.names, test.account.clone(), device)?
        }
        (None, Some(validation)) => {
            let source = config.data.validation.as_ref().unwrap_or(&config.data.train);
            let account = Account::of_rows(source, validation.rows());
            evaluate_rows(model, validation, &[], account, device)?
        }
        (None, None) => return Ok(None),
    };
    if let Some(path) = &config.output.mistakes {
        match found.mistakes.is_empty() {
            true => observer.warn(&format!(
                "no picture was answered wrongly, so that {} is not written",
                path.display()
            )),
            false => write_whole(path, &found.mistakes_png(model)?)?,
        }
    }
    Ok(Some(found))
}

/// Trains a fresh model on data that were read.
pub(super) fn train_fresh(
    config: &RunConfig,
    loaded: Loaded,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Outcome> {
    let (model, frozen_layers, _) = build(config, &loaded, None, device)?;
    train_loaded(config, loaded, model, frozen_layers, device, observer)
}

/// Refuses what asks for labels, where a text has one.
fn check_thresholds(config: &RunConfig, model: &Model, loaded: &Loaded) -> Result<()> {
    let training = &config.training;
    let tunes = training.tune_threshold != TuneThreshold::No;
    if (tunes || training.threshold.is_some()) && model.kind() != Kind::MultiLabel {
        return Err(Error::usage(
            "a threshold is given or to be tuned, but each text has one label, which is the most probable; thresholds are for texts of several labels",
        ));
    }
    if tunes && loaded.validation.is_none() {
        return Err(Error::usage(
            "thresholds are to be tuned, but no rows are set apart to validate on; give a validation split or file",
        ));
    }
    Ok(())
}

/// Finds the thresholds of a model of several labels on the validation rows, where the run asks for it.
fn tune_thresholds(
    config: &RunConfig,
    model: &mut Model,
    validation: Option<&Dataset>,
    device: &Device,
) -> Result<()> {
    let (Some(validation), true) =
        (validation, config.training.tune_threshold != TuneThreshold::No)
    else {
        return Ok(());
    };
    let outputs = model.predict(validation.inputs(), device)?;
    let each = config.training.tune_threshold == TuneThreshold::Each;
    let (truth, labels) = (validation.target_values(), model.labels.len());
    model.thresholds = report::best_thresholds(&outputs, truth, labels, each, Model::THRESHOLD);
    Ok(())
}

/// Writes the files that a run names.
fn write_results(config: &RunConfig, model: &Model, history: &History) -> Result<()> {
    if let Some(path) = &config.output.model {
        model.save(path)?;
    }
    if let Some(path) = &config.output.history {
        let json = serde_json::to_string(history)
            .map_err(|e| Error::Training(format!("the history cannot be written: {e}")))?;
        write_whole(path, format!("{json}\n").as_bytes())?;
    }
    // Before the first epoch's end there is nothing to draw.
    if let Some(path) = config.output.plot.as_ref().filter(|_| !history.loss.is_empty()) {
        write_whole(path, &report::history_plot(history, PlotFormat::of(path))?)?;
    }
    Ok(())
}

/// A finished model that is trained on, and the run's data as it reads them.
fn load_for_model(config: &RunConfig, path: &Path) -> Result<(Loaded, Model)> {
    let mut model = Model::load(path)?;
    let loaded = load_given(config, Given::Whole(&model))?;
    let refuse = |why: String| {
        Err(Error::data(path, format!("{why}; train it on data like those that it was trained on")))
    };
    if model.preprocessor != loaded.preprocessor || model.input() != loaded.input() {
        return refuse(format!(
            "the model reads {} numbers a row by its own preprocessing, and the data do not go with it",
            model.input().width()
        ));
    }
    let is_own = loaded.training.are_given_back();
    if is_own != (model.kind() == Kind::Autoencoder) || model.kind() == Kind::WordVectors {
        return refuse(format!(
            "the model is of the kind {:?}, and the data are for another",
            model.kind()
        ));
    }
    if config.training.loss.is_some_and(|loss| loss != model.loss()) {
        return Err(Error::usage(format!(
            "the model was trained with the loss {}, and is trained on with it; leave loss out",
            model.loss().name()
        )));
    }
    if let Some(noise) = noise_for(config, &loaded)? {
        model.noise = Some(noise);
    }
    Ok((loaded, model))
}

/// The model that a run describes, for its data, how many of its layers stay as they are, and what there is to say of
/// pretrained vectors.
pub(super) fn build(
    config: &RunConfig,
    loaded: &Loaded,
    pretrained: Option<Model>,
    device: &Device,
) -> Result<(Model, usize, Option<String>)> {
    let given = match (&config.model.encoder_from, &pretrained) {
        (Some(path), Some(whole)) => Some(pretrained_encoder(path, whole, loaded)?),
        _ => None,
    };
    let pretrained_rows = match (&config.model.pretrained, &loaded.preprocessor) {
        (Some(path), Preprocessor::Text(encoder)) => Some(Pretrained::read(path, encoder)?),
        _ => None,
    };
    let mut latent_layer = None;
    let mut layers = match &config.model.layers {
        Some(layers) => layers.clone(),
        None if config.builds_autoencoder() => {
            let (layers, encoder_layers) = autoencoder_layers(config, loaded, given.as_ref())?;
            latent_layer = Some(encoder_layers);
            layers
        }
        None if config.is_autoencoder() && matches!(loaded.input(), Input::Ids { .. }) => {
            return Err(Error::usage(
                "hidden is of models of rows of numbers; an autoencoder of texts has the units of its encoder as layers",
            ));
        }
        None => match &loaded.preprocessor {
            Preprocessor::Image(encoder) if !loaded.labels.is_empty() => {
                let network = config.model.network.unwrap_or_else(|| Network::of(encoder.input));
                let (hidden, dropout) = (config.model.hidden.as_deref(), config.model.dropout);
                let mut layers = network.layers(encoder.input, hidden, dropout);
                layers.push(output_layer(loaded)?);
                layers
            }
            _ => {
                let units = pretrained_rows.as_ref().map(|p| p.units);
                default_layers(&config.model, loaded, units)?
            }
        },
    };
    for layer in &mut layers {
        // 0 rows are as many as the data need.
        if layer.table_rows() == Some(0) {
            *layer = layer.clone().with_table_rows(loaded.embedding_rows);
        }
    }
    let Some(last) = layers.last() else {
        return Err(Error::Model("a model needs at least one layer".into()));
    };
    let activation = last.activation();
    let units = Model::width_of(loaded.input(), &layers)?;
    let wanted = match (loaded.task, activation) {
        (Task::Binary, Activation::Sigmoid) => 1,
        (Task::Binary | Task::Classes | Task::Labels, _) => loaded.labels.len(),
        (Task::Regression, _) => loaded.training.target_width(),
        (Task::Given, _) => units,
    };
    let names_classes = !loaded.labels.is_empty();
    let several = loaded.task == Task::Labels;
    if units != wanted
        || several && activation != Activation::Sigmoid
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
                (true, _) if several => "sigmoid",
                (true, _) => "softmax",
                (false, _) => "linear",
            },
        )));
    }
    let default_loss = match (latent_layer, loaded.input()) {
        (Some(_), Input::Matrix { .. }) => Loss::Mse,
        _ => Loss::for_activation(activation),
    };
    let loss = config.training.loss.unwrap_or(default_loss);
    let loss = match (config.term_of_pictures(), &loaded.preprocessor) {
        (None, _) => loss,
        (Some((term, weight)), Preprocessor::Image(encoder)) => {
            term.loss(weight, encoder.output, loss == Loss::Mae)?
        }
        (Some((term, _)), _) => {
            return Err(Error::usage(format!(
                "{} is given, but the data are no pictures; leave it out",
                term.name()
            )));
        }
    };
    // Weights, their gradients, what the optimizer keeps beside them and the best weights, before any is drawn; where
    // the device's memory is the machine's, the model's own too.
    let weights = Model::count_parameters(loaded.input(), &layers, loss)?;
    let on_host = if device.shares_memory() { 1 } else { 0 };
    let arrays = 3 + config.training.optimizer.moments() as u64 + on_host;
    device.check_memory(weights.saturating_mul(4 * arrays))?;
    let mut model = Model::new(loaded.input(), layers, loss, config.training.seed)?;
    if loaded.training.are_given_back() && latent_layer.is_none() {
        latent_layer = narrowest_layer(&model);
    }
    model.latent_layer = latent_layer;
    model.noise = noise_for(config, loaded)?;
    let train = config.data.train.as_path();
    model.source = Some(Source {
        path: loaded.accounts.first().map_or(train, |account| account.place(train)).to_owned(),
        targets: config.data.targets.clone().filter(|path| *path != config.data.train),
        text_column: config.data.text_column.clone(),
        label_separator: config.data.label_separator.clone(),
    });
    model.labels = loaded.labels.clone();
    if several {
        model.set_kind(Kind::MultiLabel);
        model.thresholds =
            config.training.threshold.map(|threshold| threshold as f32).into_iter().collect();
    }
    model.preprocessor = loaded.preprocessor.clone();
    if let Preprocessor::Text(_) = loaded.preprocessor {
        zero_unseen_rows(&mut model, loaded.training.as_data())?;
    }
    if let (Some(pretrained), Some(path)) = (&pretrained_rows, &config.model.pretrained) {
        take_pretrained(&mut model, pretrained, path, config.model.freeze)?;
    }
    if let Some(path) = &config.model.initial_weights {
        let weights = read_weights(path)?;
        model.set_parameters(weights).map_err(|e| Error::data(path, e.to_string()))?;
    }
    // The standing encoder's layers come first, so that its weights have their names here too.
    let frozen = given.as_ref().filter(|_| config.model.freeze_encoder);
    let frozen = frozen.map_or(0, |encoder| encoder.layers().len());
    // The embedding, which comes first.
    let frozen = if config.model.freeze { 1 } else { frozen };
    if let Some(encoder) = given {
        model.set_parameters(encoder.parameters().to_vec())?;
    }
    Ok((
        model,
        frozen,
        pretrained_rows
            .zip(config.model.pretrained.as_ref())
            .map(|(found, path)| found.account(path)),
    ))
}

/// The encoder of a pretrained model, held against the data that it shall read.
fn pretrained_encoder(path: &Path, whole: &Model, loaded: &Loaded) -> Result<Model> {
    let encoder = whole.encoder_part().map_err(|e| Error::data(path, e.to_string()))?;
    if encoder.input() != loaded.input() {
        return Err(Error::data(
            path,
            format!(
                "the encoder reads rows of {}, but the data have {}; train on data of its size",
                encoder.input().width(),
                loaded.input().width()
            ),
        ));
    }
    Ok(encoder)
}

/// An autoencoder's layers: the encoder's (or those of a pretrained one), relu but for the latent layer, and
/// the decoder, which mirrors them; with the number of the encoder's.
fn autoencoder_layers(
    config: &RunConfig,
    loaded: &Loaded,
    given: Option<&Model>,
) -> Result<(Vec<Layer>, usize)> {
    if let Preprocessor::Image(encoder) = &loaded.preprocessor
        && let Some(found) = picture_layers(config, loaded, encoder, given)?
    {
        return Ok(found);
    }
    let undoes = config.training.noise.is_some() || config.kind == RunKind::Translate;
    let mut units = match (given, loaded.input(), &config.model.encoder[..]) {
        (None, Input::Ids { .. }, []) => RunConfig::TEXT_ENCODER.to_vec(),
        (None, Input::Matrix { .. }, []) if undoes => RunConfig::DENOISING_ENCODER.to_vec(),
        (None, Input::Matrix { .. }, []) => RunConfig::ENCODER.to_vec(),
        (_, _, units) => units.to_vec(),
    };
    match (config.model.latent, units.last_mut()) {
        (Some(0), _) => {
            return Err(Error::usage(
                "latent is 0, which is for pictures that are halved by convolutions; give the numbers that a row becomes",
            ));
        }
        (Some(latent), Some(last)) => *last = latent,
        _ => {}
    }
    let relu_until_last = |i: usize, last: usize| match i == last {
        true => Activation::Linear,
        false => Activation::Relu,
    };
    let mut layers: Vec<Layer> = match given {
        Some(encoder) => encoder.layers().to_vec(),
        None => (0..units.len())
            .map(|i| {
                let (units, activation) = (units[i], relu_until_last(i, units.len() - 1));
                match (i, loaded.input()) {
                    (0, Input::Ids { .. }) => {
                        let (rows, mode) = (loaded.embedding_rows, config.model.combine);
                        Layer::embedding_bag(rows, units, mode, activation)
                    }
                    _ => Layer::dense(units, activation),
                }
            })
            .collect(),
    };
    // What convolutions give is read as a vector.
    if given.is_some_and(|encoder| encoder.layer_shapes()[layers.len()].axes().len() > 1) {
        layers.push(Layer::flatten());
    }
    let encoder_layers = layers.len();
    let mirrored: Vec<usize> = match (given, units.is_empty()) {
        // A new decoder for a pretrained encoder may have units of its own.
        (Some(_), false) => units.iter().rev().copied().collect(),
        _ => {
            let widths: Vec<usize> = layers.iter().filter_map(Layer::units).collect();
            widths.iter().rev().skip(1).copied().collect()
        }
    };
    let relu = |units| Layer::dense(units, Activation::Relu);
    layers.extend(mirrored.into_iter().map(relu));
    layers.push(match loaded.input() {
        Input::Ids { .. } => {
            let activation = match config.training.loss {
                Some(Loss::BinaryCrossentropy) => Activation::Sigmoid,
                _ => Activation::Softmax,
            };
            Layer::dense(loaded.embedding_rows, activation)
        }
        Input::Matrix { .. } => {
            let activation = output_for(loaded)?;
            if config.training.loss == Some(Loss::BinaryCrossentropy)
                && activation != Activation::Sigmoid
            {
                return Err(beyond_one());
            }
            Layer::dense(loaded.training.target_width(), activation)
        }
    });
    Ok((layers, encoder_layers))
}

/// The convolutional layers of a model from pictures to pictures, with the number of the encoder's; none where dense ones
/// are asked for, or pictures are too small or change their size.
fn picture_layers(
    config: &RunConfig,
    loaded: &Loaded,
    encoder: &ImageEncoder,
    given: Option<&Model>,
) -> Result<Option<(Vec<Layer>, usize)>> {
    let (input, output) = (encoder.input, encoder.output);
    let keeps_size = (input.width, input.height) == (output.width, output.height);
    if config.model.dense || !config.model.encoder.is_empty() || !networks::convolves(input) {
        return Ok(None);
    }
    let activation = output_for(loaded)?;
    let is_bce = config.training.loss == Some(Loss::BinaryCrossentropy);
    if is_bce && activation != Activation::Sigmoid {
        return Err(beyond_one());
    }
    // By a squared error a sigmoid is driven to black by pictures that are mostly dark, and learns nothing from there.
    let activation = if is_bce { activation } else { Activation::Linear };
    if let Some(given) = given {
        // A decoder for an encoder as those here are.
        let latent =
            (given.layer_shapes()[given.layers().len()].axes().len() == 1).then(|| given.outputs());
        let (layers, count) = networks::autoencoder(input, latent, activation);
        let fits = input == output && layers[..count] == *given.layers();
        return Ok(fits.then_some((layers, count)));
    }
    // What is learned is what changes, or the noise: it is added to the picture.
    let adds_input = input == output && !is_bce;
    Ok(match (config.kind, config.model.latent) {
        (RunKind::Translate, _) => {
            keeps_size.then(|| networks::unet(input, output.channels, adds_input, activation))
        }
        (_, None) if config.training.noise.is_some() => {
            Some(networks::unet(input, output.channels, adds_input, activation))
        }
        (_, Some(0)) => Some(networks::autoencoder(input, None, activation)),
        (_, latent) => {
            let units = latent.unwrap_or(RunConfig::PICTURE_LATENT);
            Some(networks::autoencoder(input, Some(units), activation))
        }
    })
}

fn beyond_one() -> Error {
    Error::usage(
        "binary cross-entropy takes data from 0 to 1, but these go beyond; take the loss mse",
    )
}

/// The layer that gives the fewest values, as a number of layers from the first; none where that
/// is the last.
fn narrowest_layer(model: &Model) -> Option<usize> {
    let shapes = model.layer_shapes();
    let inner = 1..shapes.len() - 1;
    inner.rev().min_by_key(|&i| shapes[i].width())
}

/// The noise that a run asks for, in the range of its data.
fn noise_for(config: &RunConfig, loaded: &Loaded) -> Result<Option<Noise>> {
    let Some(noise) = config.noise()? else { return Ok(None) };
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    loaded.training.as_data().for_each_block(|block| match block.inputs() {
        Inputs::Matrix { values, .. } => {
            low = values.iter().copied().fold(low, f32::min);
            high = values.iter().copied().fold(high, f32::max);
            Ok(())
        }
        _ => Err(Error::usage("noise is for images and numbers; texts take dropout")),
    })?;
    Ok(Some(match (low >= 0.0 && high <= 1.0, noise.kind) {
        (true, _) => noise,
        (false, NoiseKind::Gaussian) => Noise { low: f32::MIN, high: f32::MAX, ..noise },
        (false, _) => Noise { low, high, ..noise },
    }))
}

/// Sets the embedding's rows to zero whose ids no training row has. No gradient reaches them,
/// so a fresh row would stay noise: what an unseen word or n-gram would add to a mean.
fn zero_unseen_rows(model: &mut Model, training: Data<'_>) -> Result<()> {
    let Some(rows) = model.embedding_rows() else { return Ok(()) };
    let mut seen = vec![false; rows];
    training.for_each_block(|block| {
        if let Rows::Ids(ids) = block.inputs().as_rows() {
            for &id in ids {
                if let Some(seen) = seen.get_mut(id as usize) {
                    *seen = true;
                }
            }
        }
        Ok(())
    })?;
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

/// Puts pretrained vectors into the embedding. Where they stay as they are, words without one have none: fresh ones
/// would be noise for ever.
fn take_pretrained(model: &mut Model, from: &Pretrained, path: &Path, freeze: bool) -> Result<()> {
    let is_embedding = model.layers().first().is_some_and(|layer| layer.kind() == "embedding");
    let units = model.layers().first().and_then(Layer::units).filter(|_| is_embedding);
    if units != Some(from.units) {
        return Err(Error::data(
            path,
            format!(
                "the vectors have {} elements, but the model's embedding {}; give it as many",
                from.units,
                units.map_or("is not there".into(), |units| units.to_string())
            ),
        ));
    }
    let Some(table) = model.parameters().first() else { return Ok(()) };
    let mut table = table.clone();
    if freeze {
        table.values.fill(0.0);
    }
    for (row, vector) in &from.rows {
        table.values[*row as usize * from.units..][..from.units].copy_from_slice(vector);
    }
    model.set_parameters(vec![table])
}

/// Width of an embedding for so many labels, where none is given: a classifier by the mean of its words can tell no more
/// labels apart by themselves than its embedding has numbers.
fn units_for(labels: usize) -> usize {
    const LEAST: usize = 16;
    const MOST: usize = 64;
    labels.next_multiple_of(8).clamp(LEAST, MOST)
}

/// Hidden layers of a table's model where none are given.
const TABLE_HIDDEN: [usize; 1] = [32];

/// Rows a feature from which on a regression has hidden layers unasked.
const ROWS_A_FEATURE: usize = 100;

/// The layers where none are given.
fn default_layers(
    config: &ModelConfig,
    loaded: &Loaded,
    pretrained_units: Option<usize>,
) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    if let Input::Ids { .. } = loaded.input() {
        let rows = loaded.embedding_rows;
        let given = config.embedding_units.filter(|&units| units > 0);
        let by_labels = || units_for(loaded.labels.len());
        let units = given.or(pretrained_units).unwrap_or_else(by_labels);
        layers.push(Layer::embedding(rows, units));
        layers.push(match config.pool {
            Pool::Mean => Layer::mean_pool(),
            Pool::Flatten => Layer::flatten(),
        });
    }
    let dropout = (config.dropout > 0.0).then(|| Layer::dropout(config.dropout));
    let features = loaded.input().width();
    let by_data = match (&loaded.preprocessor, loaded.task) {
        (Preprocessor::Table(_), Task::Binary | Task::Classes) => &TABLE_HIDDEN[..],
        // A linear model is what few rows hold up; more of them show what bends.
        (Preprocessor::Table(_), Task::Regression)
            if loaded.training.rows() >= ROWS_A_FEATURE * features =>
        {
            &TABLE_HIDDEN
        }
        _ => &[],
    };
    for &units in config.hidden.as_deref().unwrap_or(by_data) {
        layers.extend(dropout.clone().filter(|_| !layers.is_empty()));
        layers.push(Layer::dense(units, Activation::Relu));
    }
    layers.extend(dropout.filter(|_| !layers.is_empty()));
    layers.push(output_layer(loaded)?);
    Ok(layers)
}

/// The last layer, by what the data ask for.
fn output_layer(loaded: &Loaded) -> Result<Layer> {
    Ok(match loaded.task {
        Task::Binary => Layer::dense(1, Activation::Sigmoid),
        Task::Labels => Layer::dense(loaded.labels.len(), Activation::Sigmoid),
        Task::Classes => Layer::dense(loaded.labels.len(), Activation::Softmax),
        Task::Regression => Layer::dense(loaded.training.target_width(), Activation::Linear),
        Task::Given => Layer::dense(loaded.training.target_width(), output_for(loaded)?),
    })
}

/// The output for targets of unknown meaning: sigmoid where all lie between 0 and 1.
fn output_for(loaded: &Loaded) -> Result<Activation> {
    let is_within = |value: &f32| (0.0..=1.0).contains(value);
    let mut within = true;
    loaded.training.as_data().for_each_block(|block| {
        within &= block.target_values().iter().all(is_within);
        Ok(())
    })?;
    Ok(match (within, &loaded.preprocessor) {
        (true, Preprocessor::None | Preprocessor::Image(_)) => Activation::Sigmoid,
        _ => Activation::Linear,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    #[test]
    fn rows_of_ids_that_no_training_row_has_are_zero() {
        let layers =
            vec![Layer::embedding(6, 3), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
        let input = Input::Ids { length: 2 };
        let mut model = Model::new(input, layers, Loss::BinaryCrossentropy, 7).expect("a model");
        let fresh = model.parameters()[0].values.clone();
        let inputs = Inputs::Ids { values: vec![1, 4, 4, 0], length: 2 };
        let rows = Dataset::new(inputs, Targets::Inputs, "two rows").expect("rows");
        zero_unseen_rows(&mut model, Data::Held(&rows)).expect("a table");
        let table = &model.parameters()[0].values;
        for (row, (now, before)) in table.chunks(3).zip(fresh.chunks(3)).enumerate() {
            match [0, 1, 4].contains(&row) {
                true => assert_eq!(now, before, "row {row} was seen"),
                false => assert_eq!(now, [0.0; 3], "row {row} was not"),
            }
        }
    }
}
