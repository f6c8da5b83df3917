//! A training run, described: from a TOML file, flags or a program to a complete [`RunConfig`], checked
//! before any file of it is read.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::defaults::Defaults;
use super::load::weights::ClassWeights;
use super::outputs::{check_extension, resolved};
use super::setting::{GivenOptimizer, Range, RunKind, Setting, SettingType};
pub use super::settings::{
    Bytes, DataConfig, Every, ImagesConfig, ModelConfig, OutputConfig, Pool, RunConfig, Settings,
    TrainingConfig, TuneThreshold, WordsConfig,
};
use super::settings::{OPTIMIZER, hyperparameters};
use crate::data::{ImageEncoder, ImageOptions, ImageShape, TextColumns, extension, file_and_array};
use crate::error::{Error, Result};
use crate::losses::{Loss, Ssim};
use crate::model::{Input, Model, Noise};
use crate::optimizers::{Clip, Optimizer};
use crate::train::{Augment, EarlyStopping, Fusions, Monitor, Trainer, WordTrainer};

/// Pixels of an image at most.
const MOST_PIXELS: usize = 1 << 26;

impl Settings {
    /// A run of this kind on this data, with everything else at its default.
    ///
    /// ```
    /// use wgslearn::run::{RunKind, Settings};
    ///
    /// let mut settings = Settings::new(RunKind::Text, "reviews.csv");
    /// settings.model.hidden = Some(vec![32]);
    /// let mut run = settings.resolve()?;
    /// assert_eq!((run.training.epochs, run.model.dropout), (50, 0.5));
    /// run.training.epochs = 5;
    /// run.check()?; // and then `wgslearn::run::train`
    /// # Ok::<(), wgslearn::Error>(())
    /// ```
    pub fn new(kind: RunKind, train: impl Into<PathBuf>) -> Settings {
        let mut settings = Settings { kind: Some(kind), ..Settings::default() };
        settings.data.train = Some(train.into());
        settings
    }

    /// Reads a TOML file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Data`] when it is no TOML or holds an
    /// unknown key or a wrong value, with the line.
    #[cfg(feature = "toml")]
    pub fn read(path: &Path) -> Result<Settings> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        let mut settings: Settings = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let message = match error.message() {
                // So a layer is told of that is no name with its settings behind it.
                message if message.starts_with("wanted exactly 1 element") => {
                    "a layer is one name with its settings behind it, as in layers = [{ dense = { units = 16 } }]"
                }
                message => message,
            };
            Error::line(path, line as u64, message)
        })?;
        settings.join(path.parent().unwrap_or(Path::new("")));
        Ok(settings)
    }

    /// The kind of run: as given, or as the data's settings tell.
    pub fn run_kind(&self) -> RunKind {
        let data = &self.data;
        let is_array = |path: &PathBuf| {
            matches!(extension(path).as_str(), "npy" | "npz") || file_and_array(path).1.is_some()
        };
        let has_units = self.model.encoder.as_ref().is_some_and(|units| !units.is_empty());
        let codes = has_units || self.model.encoder_from.is_some();
        match (self.kind, &data.train, &data.targets) {
            (Some(kind), ..) => kind,
            _ if data.target_column.is_some() => RunKind::Table,
            _ if data.labels.is_some() || self.model.network.is_some() => RunKind::Images,
            (_, train, Some(targets)) if train.as_ref() == Some(targets) => RunKind::Autoencoder,
            (_, Some(train), _) if is_array(train) && !codes => RunKind::Arrays,
            (_, _, Some(_)) => RunKind::Translate,
            (_, _, None) if self.words != Default::default() => RunKind::Words,
            _ => RunKind::Text,
        }
    }

    /// The complete run, with the defaults of its kind.
    ///
    /// # Errors
    /// [`Error::Usage`] when data are missing, or a setting is given that such a run does not read.
    pub fn resolve(&self) -> Result<RunConfig> {
        let kind = self.run_kind();
        if self.data.train.is_none() {
            return Err(Error::usage("the run has no data: name them by `train` in [data]"));
        }
        let defaults = Defaults::of(kind, self);
        let complete = |settings: &Settings| -> Result<RunConfig> {
            let mut settings = settings.clone();
            let optimizer = settings.training.optimizer.unwrap_or_default();
            let optimizer = optimizer.named(defaults.optimizer);
            let number = |optimizer: &str, name: &str| defaults.number(optimizer, name);
            settings.training.optimizer = Some(optimizer.complete(number)?);
            settings.with(&defaults)
        };
        let config = complete(self)?;
        // What is given and not read is refused, unless it says the default.
        let values = config.values();
        let usual = complete(&Settings::default())?.values();
        for row in self.given().into_iter().filter(|row| !row.is_for(kind)) {
            let value = |values: &[(&Setting, Value)]| {
                let found = values.iter().find(|(other, _)| std::ptr::eq(*other, row));
                found.map(|(_, value)| value.clone())
            };
            if value(&values) != value(&usual) {
                return Err(Error::usage(format!(
                    "{} is given, but only runs of these kinds read it: {}; this one is of the kind {}: leave it out",
                    row.name,
                    row.kinds(),
                    kind.name()
                )));
            }
        }
        Ok(config)
    }
}

/// A setting that a run of this kind reads, by its flag.
pub fn setting_by_flag(flag: &str, kind: RunKind) -> Option<&'static Setting> {
    Settings::all().chain(hyperparameters()).find(|row| row.spec.flag == flag && row.is_for(kind))
}

impl DataConfig {
    /// Where a run's texts are, with their labels or without.
    pub(super) fn texts(&self, labelled: bool) -> TextColumns {
        TextColumns {
            text: self.text_column.clone(),
            label: labelled.then(|| self.label_column.clone()),
            weight: self.weight_column.clone().filter(|_| labelled),
            format: self.format,
            no_header: self.no_header,
            multi_label: self.multi_label,
            label_separator: self.label_separator.clone(),
            keep_blank: false,
        }
    }
}

impl DataConfig {
    /// Where a list of pictures has their paths and labels.
    pub(super) fn pictures(&self) -> TextColumns {
        TextColumns {
            text: self.path_column.clone().unwrap_or_else(|| "path".into()),
            label: Some(self.label_column.clone()),
            format: self.format,
            no_header: self.no_header,
            keep_blank: false,
            ..TextColumns::default()
        }
    }
}

/// What can stand beside the error of pixels in the loss of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PictureTerm {
    /// [`crate::losses::Loss::Edges`]
    Edges,
    /// [`crate::losses::Loss::Ssim`]
    Ssim,
}

impl PictureTerm {
    /// The setting's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            PictureTerm::Edges => "edges",
            PictureTerm::Ssim => "ssim",
        }
    }

    /// The loss of pictures of this shape, with values from 0 to 1; `absolute`: errors of pixels count by their amounts.
    pub(super) fn loss(self, weight: f32, shape: ImageShape, absolute: bool) -> Result<Loss> {
        let (width, channels) = (shape.width as u32, shape.channels as u32);
        let loss = match self {
            PictureTerm::Edges => Loss::edges(weight, width, channels),
            PictureTerm::Ssim => Loss::ssim(weight, width, channels),
        };
        let window = Ssim::WINDOW;
        if self == PictureTerm::Ssim && shape.width.min(shape.height) < window {
            return Err(Error::usage(format!(
                "ssim compares windows of {window} x {window} pixels, but the pictures are {} x {}; leave ssim out",
                shape.width, shape.height
            )));
        }
        Ok(if absolute { loss.of_amounts() } else { loss })
    }
}

impl RunConfig {
    /// Units of an encoder of numbers where none are given.
    pub const ENCODER: [usize; 3] = [128, 64, 32];

    /// Numbers between a convolutional encoder and its decoder where none are given.
    pub const PICTURE_LATENT: usize = 32;

    /// Units of an encoder that undoes noise where none are given.
    pub const DENOISING_ENCODER: [usize; 2] = [512, 256];

    /// Units of an encoder of texts where none are given.
    pub const TEXT_ENCODER: [usize; 1] = [100];
    /// Rows of a step of a classifier of texts, where these are many.
    const TEXT_BATCH: usize = 64;
    /// The same where these are very many.
    const MOST_TEXT_BATCH: usize = 2048;
    /// Classes above which a step compares its rows' with some of them, and with how many.
    const VERY_MANY_CLASSES: usize = 10_000;
    const SAMPLED_CLASSES: usize = 1024;

    /// Reads a TOML file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// As [`Settings::read`] and [`Settings::resolve`].
    #[cfg(feature = "toml")]
    pub fn read(path: &Path) -> Result<RunConfig> {
        Settings::read(path)?.resolve()
    }

    /// A setting's default in runs of a kind, as text; none where there is none.
    pub fn default_of(row: &Setting, kind: RunKind) -> Option<String> {
        if row.group == OPTIMIZER {
            let defaults = Defaults::of(kind, &Settings::default());
            let complete = GivenOptimizer::default().named(defaults.optimizer);
            let complete = complete.complete(|optimizer, name| defaults.number(optimizer, name));
            return Some(toml_value(&Value::from(*complete.ok()?.numbers.get(row.name)?)));
        }
        // What must be given has none, and a run without targets has no default either.
        if ["train", "targets"].contains(&row.name) {
            return None;
        }
        let config = Settings::new(kind, "data").resolve().ok()?;
        let value = config.values().into_iter().find(|(other, _)| std::ptr::eq(*other, row))?.1;
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Array(items) if items.is_empty() => None,
            Value::Array(items) => Some(items.iter().map(toml_value).collect::<Vec<_>>().join(",")),
            Value::Object(named) => named.keys().next().cloned(),
            Value::String(text) => Some(text),
            value => Some(toml_value(&value)),
        }
    }

    /// Every setting with its value.
    fn values(&self) -> Vec<(&'static Setting, Value)> {
        let mut values = Vec::new();
        self.each(&mut |row, value| values.push((row, value.json())));
        values
    }

    /// As [`RunConfig::to_toml`], for a file at `path`: in another folder than the current one, paths are written whole,
    /// since those in a file are relative to it.
    ///
    /// # Errors
    /// [`Error::File`] when the current folder cannot be told.
    pub fn to_toml_at(&self, path: &Path) -> Result<String> {
        let mut config = self.clone();
        if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty()) {
            let data = &mut config.data;
            let output = &mut config.output;
            let optional =
                [&mut data.validation, &mut output.model, &mut output.history, &mut output.plot];
            for path in std::iter::once(&mut data.train).chain(optional.into_iter().flatten()) {
                let whole = std::path::absolute(&*path);
                *path = whole.map_err(|e| Error::file("find", &*path, e))?;
            }
        }
        Ok(config.to_toml())
    }

    /// The whole run as a TOML file, which gives the same run when it is read in the same folder.
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# A run of wgslearn, complete. Paths are relative to the folder of this file.\nkind = \"{}\"\n",
            self.kind.name()
        );
        let mut group = "";
        for (row, value) in self.values() {
            if !row.is_for(self.kind) {
                continue;
            }
            if row.group != group {
                group = row.group;
                text += &format!("\n[{group}]\n");
            }
            match value {
                Value::Null => text += &format!("# {} is not given\n", row.name),
                value => text += &format!("{} = {}\n", row.name, toml_value(&value)),
            }
        }
        text
    }

    /// Checks what can be checked before any file of the run is read.
    ///
    /// # Errors
    /// [`Error::Usage`] names the setting, its value, what it may be, and a way out.
    pub fn check(&self) -> Result<()> {
        let mut found = Ok(());
        self.each(&mut |row, value| {
            let outside = value.outside_of(&row.spec.range).filter(|_| row.is_for(self.kind));
            if let (Some(value), Ok(())) = (outside, &found) {
                found = Err(row.refuse(&value));
            }
        });
        found?;
        self.training.optimizer.check()?;
        self.check_data()?;
        self.check_model()?;
        self.check_sizes()?;
        self.check_outputs()
    }

    fn check_data(&self) -> Result<()> {
        let data = &self.data;
        let refuse = |message: &str| Err(Error::usage(message));
        match (self.kind, &data.targets) {
            (RunKind::Table, _) if data.target_column.is_none() => {
                return refuse("a table has a column to learn: name it by target_column");
            }
            (RunKind::Autoencoder, _) if !self.is_autoencoder() => {
                return refuse(
                    "an autoencoder's targets are its data: leave targets out, or make the run of the kind translate",
                );
            }
            (RunKind::Translate, None) => {
                return refuse(
                    "a translation has targets: name the images that it should give by targets",
                );
            }
            (RunKind::Arrays, None) => {
                return refuse(
                    "a .npy file needs targets: name their file, or the same one for an autoencoder",
                );
            }
            _ => {}
        }
        if data.validation.is_none() && data.validation_targets.is_some() {
            return refuse(
                "validation_targets are given without validation, the rows that they are for",
            );
        }
        for (labels, rows, name) in [
            (&data.validation_labels, &data.validation, "validation"),
            (&data.test_labels, &data.test, "test"),
        ] {
            if labels.is_some() && rows.is_none() {
                return Err(Error::usage(format!(
                    "{name}_labels are given without {name}, the pictures that they are of"
                )));
            }
        }
        let needs_targets = matches!(self.kind, RunKind::Translate | RunKind::Arrays);
        if data.validation.is_some() && data.validation_targets.is_none() && needs_targets {
            return refuse("the validation file needs validation_targets beside it");
        }
        if let (Some(_), Some(split @ f64::MIN_POSITIVE..)) =
            (&data.validation, data.validation_split)
        {
            return Err(Error::usage(format!(
                "validation_split is {split}, but the rows to validate on are those of validation; leave one of them out"
            )));
        }
        let has_validation = data.validation.is_some() || data.validation_split != Some(0.0);
        if let (Some(name), false) = (&self.training.monitor, has_validation) {
            return Err(Error::usage(format!(
                "{name} is to be watched, but there are no rows to validate on; give a validation split or file"
            )));
        }
        if let (Some(_), Some(_)) = (data.folds, &self.model.from) {
            return refuse(
                "folds are given, but a model that is trained on by from may know the rows that would be held out; leave one of them out",
            );
        }
        if let (Some(_), Some(_)) = (data.folds, data.memory) {
            return refuse(
                "memory is given, so that rows are read in blocks, but folds part all of them; leave one of them out",
            );
        }
        if self.training.tune_threshold != TuneThreshold::No {
            if self.training.threshold.is_some() {
                return refuse(
                    "threshold and tune_threshold are both given, but a threshold is either fixed or found on the validation rows; leave one of them out",
                );
            }
            if !has_validation {
                return refuse(
                    "thresholds are to be tuned, but there are no rows to validate on; give a validation split or file",
                );
            }
        }
        if let Some(weights) = &self.training.class_weight {
            ClassWeights::parse(weights)?;
        }
        if data.label_separator.as_deref() == Some("") {
            return refuse(
                "the label separator is empty, but something stands between labels; name it, such as ;",
            );
        }
        if self.training.patience > 0 && !has_validation {
            return Err(Error::usage(format!(
                "patience is {}, but early stopping needs rows to validate on; give validation or a validation_split above 0, or a patience of 0",
                self.training.patience
            )));
        }
        Ok(())
    }

    fn check_model(&self) -> Result<()> {
        let (model, gives_hidden) = (&self.model, self.gives_hidden());
        self.noise()?;
        self.augment()?;
        if model.freeze_encoder && model.encoder_from.is_none() {
            return Err(Error::usage(
                "freeze_encoder is given, but only an encoder that was trained before can be frozen; name its model by encoder_from",
            ));
        }
        if model.freeze && model.pretrained.is_none() {
            return Err(Error::usage(
                "freeze is given, but only vectors that were trained before can be frozen; name their file by pretrained",
            ));
        }
        let width = match self.kind {
            RunKind::Text | RunKind::Arrays => {
                model.embedding_units.map(|units| ("embedding_units", units, 1 << 16))
            }
            RunKind::Words => Some(("units", self.words.units, 4096)),
            _ => None,
        };
        if let (Some((name, 0, most)), None) = (width, &model.pretrained) {
            return Err(Error::usage(format!(
                "{name} is 0, but must be from 1 to {most}; leave it out for its default"
            )));
        }
        if self.training.loss == Some(Loss::NegativeSampling) {
            return Err(Error::usage(
                "the loss negative_sampling is for word vectors alone; leave loss out, or make the run of the kind words",
            ));
        }
        if model.from.is_some() {
            let given = [
                ("layers", model.layers.is_some()),
                ("network", model.network.is_some()),
                ("hidden", gives_hidden),
                ("encoder_from", model.encoder_from.is_some()),
                ("initial_weights", model.initial_weights.is_some()),
                ("pretrained", model.pretrained.is_some()),
                ("tokens", self.text.tokens.is_some()),
                ("subwords", self.text.subwords.is_some()),
                ("edges", self.training.edges.is_some()),
                ("ssim", self.training.ssim.is_some()),
            ];
            if let Some((name, _)) = given.iter().find(|(_, is)| *is) {
                return Err(Error::usage(format!(
                    "{name} is given, but the model that is trained on by from has its own layers, weights and loss; leave one of them out"
                )));
            }
        }
        self.monitor()?;
        if self.training.refit {
            let asks = [
                ("validation", self.data.validation.is_some()),
                ("folds", self.data.folds.is_some()),
                ("checkpoint", self.output.checkpoint.is_some()),
                ("from", self.model.from.is_some()),
            ];
            if let Some((name, _)) = asks.iter().find(|(_, is)| *is) {
                return Err(Error::usage(format!(
                    "refit is true, but {name} is given, with which a model is trained once; leave one of them out"
                )));
            }
        }
        if self.training.clip_norm.is_some() && self.training.clip_value.is_some() {
            return Err(Error::usage(
                "clip_norm and clip_value are both given, but gradients are clipped in one way; leave one of them out",
            ));
        }
        if let Some(loss) = &self.training.loss {
            loss.objective()
                .check()
                .map_err(|why| Error::usage(format!("the loss {}: {why}", loss.name())))?;
        }
        if self.training.edges.is_some() && self.training.ssim.is_some() {
            return Err(Error::usage(
                "edges and ssim are both given, but one of them goes beside the error of pixels; leave one out",
            ));
        }
        if let Some((term, _)) = self.term_of_pictures()
            && let Some(loss) =
                self.training.loss.filter(|loss| !matches!(loss, Loss::Mse | Loss::Mae))
        {
            return Err(Error::usage(format!(
                "{} is given with the loss {}, but it goes with mse and mae; leave one of them out",
                term.name(),
                loss.name()
            )));
        }
        // What the layers do not come from would be ignored.
        let ignored = |reason: &str, given: &[(&str, bool)]| match given.iter().find(|(_, is)| *is)
        {
            Some((name, _)) => Err(Error::usage(format!(
                "{name} is given, but {reason}, so that it would do nothing; leave it out"
            ))),
            None => Ok(()),
        };
        if model.layers.is_some() {
            return ignored(
                "the layers are given one by one",
                &[
                    ("latent", model.latent.is_some()),
                    ("dense", model.dense),
                    ("network", model.network.is_some()),
                    ("hidden", gives_hidden),
                    ("dropout", model.dropout > 0.0),
                    ("encoder", !model.encoder.is_empty()),
                    ("encoder_from", model.encoder_from.is_some()),
                    ("pool", model.pool != Pool::Mean),
                ],
            );
        }
        if self.builds_autoencoder() {
            if model.latent.is_some() && (!model.encoder.is_empty() || model.encoder_from.is_some())
            {
                return ignored(
                    "the encoder's units or layers are given, of which the last is the latent layer",
                    &[("latent", true)],
                );
            }
            return ignored(
                "the layers are an encoder and a decoder",
                &[("hidden", gives_hidden), ("dropout", model.dropout > 0.0)],
            );
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<()> {
        let images = &self.images;
        for (name, size) in [("size", images.size), ("target_size", images.target_size)] {
            if let Some((width, height)) = size
                && width.saturating_mul(height) > MOST_PIXELS
            {
                return Err(Error::usage(format!(
                    "{name} is {width}x{height}, but an image has at most {MOST_PIXELS} pixels; take a smaller one"
                )));
            }
        }
        if images.target_size.is_some() && images.size.is_none() {
            return Err(Error::usage(
                "target_size is given without size, that of the images that are read; give both",
            ));
        }
        let text = &self.text;
        if text.subwords.is_some() && text.hash_size > 0 {
            return Err(Error::usage(
                "subwords are given with a hash_size, but they need the words by name; leave one of them out",
            ));
        }
        if text.subwords.is_some() && self.kind == RunKind::Text && self.model.pool != Pool::Mean {
            return Err(Error::usage(
                "subwords are given with pool flatten, but they are for the mean of a text's vectors; leave one of them out",
            ));
        }
        let ids = text.max_length.saturating_mul(text.word_ngrams);
        if ids > 1 << 24 {
            return Err(Error::usage(format!(
                "a max_length of {} with word_ngrams of {} makes rows of {ids} ids, but a row has at most {}; take less of one",
                text.max_length,
                text.word_ngrams,
                1 << 24
            )));
        }
        Ok(())
    }

    /// Files that the run reads, by the names of their settings.
    fn inputs(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let (data, model) = (&self.data, &self.model);
        [
            ("train", Some(&data.train)),
            ("targets", data.targets.as_ref()),
            ("validation", data.validation.as_ref()),
            ("validation_targets", data.validation_targets.as_ref()),
            ("test", data.test.as_ref()),
            ("labels", data.labels.as_ref()),
            ("validation_labels", data.validation_labels.as_ref()),
            ("test_labels", data.test_labels.as_ref()),
            ("encoder_from", model.encoder_from.as_ref()),
            ("initial_weights", model.initial_weights.as_ref()),
            ("from", model.from.as_ref()),
            ("pretrained", model.pretrained.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?)))
    }

    /// Files that the run writes.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let output = &self.output;
        [
            ("model", &output.model),
            ("history", &output.history),
            ("plot", &output.plot),
            ("mistakes", &output.mistakes),
            ("checkpoint", &output.checkpoint),
        ]
        .into_iter()
        .filter_map(|(name, path)| Some((name, path.as_ref()?)))
    }

    fn check_outputs(&self) -> Result<()> {
        let mut known: Vec<(&str, PathBuf)> =
            self.inputs().map(|(name, path)| (name, resolved(file_and_array(path).0))).collect();
        for (name, path) in self.outputs() {
            let shown = path.display();
            let refuse = |why: String| {
                Err(Error::usage(format!(
                    "the output {name} is {shown}, but {why}; name another file"
                )))
            };
            if path.is_dir() {
                return refuse("that is a folder".into());
            }
            if let Err(error) = crate::files::check_name(path) {
                return refuse(error.to_string());
            }
            let place = resolved(path);
            if let Some((other, _)) = known.iter().find(|(_, known)| *known == place) {
                return refuse(format!("that is the file of {other}, which it would replace"));
            }
            match name {
                "history" => check_extension(path, "a history", &["json"])?,
                "plot" => check_extension(path, "a plot", &["png", "svg"])?,
                "mistakes" => check_extension(path, "pictures of mistakes", &["png"])?,
                _ => {}
            }
            let is_special = place.exists() && !place.is_file();
            if let Some(folder) = place.parent().filter(|_| !is_special) {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                if !folder.is_dir() {
                    return refuse("its folder does not exist: make it first".into());
                }
                // What a write would meet after hours of training.
                if let Err(error) = crate::files::check_writable(folder) {
                    return refuse(format!("its folder cannot be written to: {error}"));
                }
            }
            known.push((name, place));
        }
        if let Some(path) = &self.output.checkpoint {
            // The one before the last lies beside it.
            let mut previous = path.clone().into_os_string();
            previous.push(".previous");
            let place = resolved(Path::new(&previous));
            if let Some((other, _)) = known.iter().find(|(_, known)| *known == place) {
                return Err(Error::usage(format!(
                    "the checkpoint before the last is kept as {}, but that is the file of {other}; name another file for one of them",
                    place.display()
                )));
            }
        } else if self.output.checkpoint_every.is_some() {
            return Err(Error::usage(
                "checkpoint_every is given without checkpoint, the file to write; name it, or leave checkpoint_every out",
            ));
        }
        Ok(())
    }

    /// Refuses outputs that would replace `path`.
    ///
    /// # Errors
    /// [`Error::Usage`] names the output.
    pub fn check_keeps(&self, path: &Path) -> Result<()> {
        match self.outputs().find(|(_, output)| resolved(output) == resolved(path)) {
            Some((name, _)) => Err(Error::usage(format!(
                "the output {name} is {}, which describes the run; name another file",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    /// The noise that the run asks for.
    pub(super) fn noise(&self) -> Result<Option<Noise>> {
        self.training.noise.as_deref().map(str::parse).transpose()
    }

    /// How the run moves its pictures, but for their size.
    pub(super) fn augment(&self) -> Result<Option<Augment>> {
        let words = &self.training.augment;
        (!words.is_empty()).then(|| Augment::parse(words)).transpose()
    }

    /// Whether the layers are those of an encoder and its decoder.
    pub(super) fn builds_autoencoder(&self) -> bool {
        let model = &self.model;
        let asks = !model.encoder.is_empty() || model.encoder_from.is_some();
        let is_coder = self.is_autoencoder() || self.kind == RunKind::Translate;
        model.layers.is_none() && (asks || is_coder && !self.gives_hidden())
    }

    /// Whether hidden layers are asked for.
    fn gives_hidden(&self) -> bool {
        self.model.hidden.as_ref().is_some_and(|units| !units.is_empty())
    }

    /// Whether the targets are the inputs.
    pub(super) fn is_autoencoder(&self) -> bool {
        self.data.targets.as_ref() == Some(&self.data.train)
    }

    /// Rows of a step, of `rows`: of very many, so many that an epoch has about 1,000 steps, since each step brings rows of
    /// the table up to date, and more of them learn no more; of few, so many that it has 16 steps, where no steps are
    /// added for them.
    pub(super) fn batch_size(&self, rows: usize) -> usize {
        let by_rows = || {
            let usual = match self.training.min_steps {
                0 => (rows / 16).clamp(8, RunConfig::TEXT_BATCH),
                _ => RunConfig::TEXT_BATCH,
            };
            usual.max((rows / 1000).min(RunConfig::MOST_TEXT_BATCH))
        };
        self.training.batch_size.unwrap_or_else(by_rows).max(1)
    }

    /// The trainer that the run asks for, for `rows` rows that a model of `input` reads, with rows to validate on or
    /// without.
    pub(super) fn trainer(&self, input: Input, rows: usize, validates: bool) -> Trainer {
        let training = &self.training;
        let batch_size = self.batch_size(rows);
        let steps_of_epoch = rows.div_ceil(batch_size).max(1);
        let optimizer = match input {
            Input::Matrix { features } if training.adapt_learning_rate => {
                training.optimizer.scaled((784.0 / features.max(1) as f64).sqrt().min(1.0))
            }
            _ => training.optimizer,
        };
        let patience = if validates { training.patience } else { 0 };
        Trainer {
            epochs: training.epochs.max(training.min_steps.div_ceil(steps_of_epoch)),
            batch_size,
            micro_batch: training.micro_batch,
            recompute: training.recompute,
            shuffle: training.shuffle,
            seed: training.seed,
            optimizer,
            schedule: training.schedule,
            clip: match (training.clip_norm, training.clip_value) {
                (Some(norm), _) => Some(Clip::Norm(norm)),
                (None, value) => value.map(Clip::Value),
            },
            label_smoothing: training.label_smoothing,
            sampled_classes: None,
            augment: None,
            early_stopping: (patience > 0).then_some(EarlyStopping { patience }),
            // Checked before any file was read.
            monitor: self.monitor().ok().flatten().filter(|_| validates),
            frozen_layers: 0,
            fusions: Fusions::ALL,
            on_nan: training.on_nan,
        }
    }

    /// How many classes a step draws, where these are not all: as many as are given or, of very many, of which it is worth
    /// while.
    pub(super) fn sampled_classes(&self, model: &Model) -> Option<usize> {
        let can = self.kind != RunKind::Autoencoder
            && model.loss() == Loss::CategoricalCrossentropy
            && model.outputs() > RunConfig::VERY_MANY_CLASSES
            && self.training.label_smoothing == 0.0;
        let usual = can.then_some(RunConfig::SAMPLED_CLASSES);
        self.training.sampled_classes.or(usual).filter(|&drawn| drawn > 0)
    }

    /// The same run on all rows: none are set apart, so that none are watched.
    pub(super) fn on_all_rows(&self) -> RunConfig {
        let mut whole = self.clone();
        whole.data.validation_split = Some(0.0);
        whole.training.monitor = None;
        whole
    }

    /// The same run for so many epochs, however few steps they are.
    pub(super) fn for_epochs(mut self, epochs: usize) -> RunConfig {
        self.training.epochs = epochs;
        self.training.min_steps = 0;
        self
    }

    /// The same run, which writes no file.
    pub(super) fn without_files(mut self) -> RunConfig {
        self.output.model = None;
        self.output.history = None;
        self.output.plot = None;
        self.output.checkpoint = None;
        self
    }

    /// The term that stands beside the error of pixels, where one does, and what it weighs.
    pub(super) fn term_of_pictures(&self) -> Option<(PictureTerm, f32)> {
        let edges = self.training.edges.map(|weight| (PictureTerm::Edges, weight as f32));
        edges.or(self.training.ssim.map(|weight| (PictureTerm::Ssim, weight as f32)))
    }

    /// The metric that the run watches.
    fn monitor(&self) -> Result<Option<Monitor>> {
        let name = self.training.monitor.as_deref();
        name.map(|name| crate::metrics::by_name(name).map(Monitor::from)).transpose()
    }

    /// The trainer of word vectors that the run asks for.
    pub(super) fn word_trainer(&self) -> WordTrainer {
        let words = &self.words;
        WordTrainer {
            method: words.method,
            units: words.units,
            window: words.window,
            negatives: words.negatives,
            share_negatives: words.share_negatives,
            subsample: words.subsample,
            epochs: self.training.epochs,
            words_per_step: words.words_per_step,
            learning_rate: words.learning_rate,
            seed: self.training.seed,
            on_nan: self.training.on_nan,
        }
    }
}

/// A value as TOML writes it on one line.
fn toml_value(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        // Within a table: a key that is not given.
        Value::Null => String::new(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(toml_value).collect())),
        Value::Object(items) => {
            let given = items.iter().filter(|(_, value)| !value.is_null());
            let items: Vec<String> =
                given.map(|(key, value)| format!("{key} = {}", toml_value(value))).collect();
            match items.is_empty() {
                true => "{}".into(),
                false => format!("{{ {} }}", list(items)),
            }
        }
        // A TOML string is a JSON string, but for one character.
        Value::String(_) => value.to_string().replace('\u{7f}', "\\u007f"),
        _ => value.to_string(),
    }
}

/// The tables of `docs/config.md`: every setting with its flag, default, range and the kinds that read it.
pub fn documentation() -> String {
    let mut text = String::new();
    let every: Vec<(RunKind, Option<RunConfig>)> = RunKind::ALL
        .map(|kind| (kind, Settings::new(kind, "the data").resolve().ok()))
        .into_iter()
        .collect();
    let mut table = |name: &str, about: &str, rows: Vec<(&Setting, String)>| {
        text += &format!(
            "\n### `{name}`\n\n{about}\n\n| key | flag | default | values | what it is |\n"
        );
        text += "| --- | --- | --- | --- | --- |\n";
        for (row, default) in rows {
            let flag = match row.spec.flag {
                "" => String::new(),
                flag => format!("`--{flag}`"),
            };
            let values = match ((row.choices)(), row.spec.range) {
                ([], Range::Any) => String::new(),
                ([], range) => range.to_string(),
                (names, _) => names
                    .iter()
                    .filter(|name| !row.spec.withheld.contains(name))
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let is_for = match row.spec.kinds.len() == RunKind::ALL.len() {
                true => String::new(),
                false => format!(" ({})", row.kinds()),
            };
            text += &format!(
                "| `{}` | {flag} | {default} | {values} | {}{is_for} |\n",
                row.name,
                row.docs().replace('|', "\\|")
            );
        }
    };
    for (group, about) in Settings::groups() {
        let rows = Settings::all().filter(|row| row.group == group);
        let rows = rows.map(|row| {
            let value = |config: &RunConfig| {
                let values = config.values();
                let found = values.into_iter().find(|(other, _)| std::ptr::eq(*other, row));
                found.map_or(Value::Null, |(_, value)| value)
            };
            let defaults = every.iter().filter(|(kind, _)| row.is_for(*kind));
            let defaults =
                defaults.filter_map(|(kind, config)| Some((value(config.as_ref()?), kind.name())));
            let is_given = row.name == "train" || row.name == "optimizer";
            (
                row,
                if is_given {
                    String::new()
                } else {
                    by_kind(defaults.map(|(v, k)| (v, k.to_owned())))
                },
            )
        });
        table(&format!("[{group}]"), &about, rows.collect());
    }
    let rows = hyperparameters().iter().map(|row| {
        let mut defaults = Vec::new();
        for &optimizer in <Optimizer as SettingType>::choices() {
            for kind in RunKind::ALL.into_iter().filter(|kind| row.is_for(*kind)) {
                let given = <Optimizer as SettingType>::parse(optimizer).unwrap_or_default();
                let defaults_of = Defaults::of(kind, &Settings::default());
                let complete =
                    given.complete(|optimizer, name| defaults_of.number(optimizer, name));
                let number = complete.ok().and_then(|given| given.numbers.get(row.name).copied());
                defaults.extend(number.map(|number| {
                    (Value::from(number), format!("{optimizer} of {}", kind.name()))
                }));
            }
        }
        (row, by_kind(defaults.into_iter()))
    });
    table(
        &format!("training.{OPTIMIZER}"),
        "An optimizer's numbers, within its name: `optimizer = { adam = { learning_rate = 0.001 } }`.",
        rows.collect(),
    );
    text
}

/// Defaults as words: one value, or each with the kinds that have it.
fn by_kind(defaults: impl Iterator<Item = (Value, String)>) -> String {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (value, kind) in defaults {
        let shown = match &value {
            Value::Null => String::new(),
            Value::Array(items) if items.is_empty() => String::new(),
            value => format!("`{}`", toml_value(value)),
        };
        match found.iter_mut().find(|(known, _)| *known == shown) {
            Some((_, kinds)) => kinds.push(kind),
            None => found.push((shown, vec![kind])),
        }
    }
    match &found[..] {
        [(one, _)] => one.clone(),
        several => {
            let given = several.iter().filter(|(shown, _)| !shown.is_empty());
            given
                .map(|(shown, kinds)| format!("{shown} ({})", kinds.join(", ")))
                .collect::<Vec<_>>()
                .join("; ")
        }
    }
}

impl ImagesConfig {
    /// How images are read that a model is given.
    pub(super) fn of_inputs(&self) -> ImageOptions {
        ImageOptions { size: self.size, grey: self.grey }
    }

    /// How a model sees them that is trained as these say.
    pub(super) fn encoder(
        &self,
        [input, output]: [ImageShape; 2],
        [divisor, output_divisor]: [Option<f64>; 2],
    ) -> ImageEncoder {
        let (resize, made_grey) = (self.size.is_some(), self.grey);
        ImageEncoder { input, output, resize, made_grey, divisor, output_divisor }
    }

    /// How images are read that it is to give.
    pub(super) fn of_targets(&self) -> ImageOptions {
        ImageOptions { size: self.target_size.or(self.size), grey: self.grey }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_falls_with_the_root_of_the_features_beyond_784() {
        let settings = Settings::new(RunKind::Autoencoder, "x.npy");
        let config = settings.resolve().expect("a run");
        assert!(config.training.adapt_learning_rate);
        let rate = |features| {
            config.trainer(Input::Matrix { features }, 100, true).optimizer.learning_rate()
        };
        let base = config.training.optimizer.learning_rate();
        for (features, factor) in [(10, 1.0), (784, 1.0), (4 * 784, 0.5), (100 * 784, 0.1)] {
            assert!((rate(features) / base - factor).abs() < 1e-12, "{features} features");
        }
        let ids = config.trainer(Input::Ids { length: 4 * 784 }, 100, true);
        assert_eq!(ids.optimizer.learning_rate(), base);
    }
}
