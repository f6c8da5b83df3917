//! A run kept between steps in one safetensors file, so that a killed run goes on to the same bits: weights and moments
//! as arrays named `ROLE/NUMBER/PARAMETER`, the rest in the metadata, with a checksum. The one before is kept too, as
//! `NAME.previous`, and `.NAME.lock` is locked as long as a run uses them. A thread writes the file while the run goes
//! on; the last is waited for.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::config::{OutputConfig, RunConfig};
use super::load::Loaded;
use super::lock::{Lock, Taken};
use super::observer::RunObserver;
use crate::backend::{Device, DeviceKind};
use crate::data::{self, Data, Inputs, Targets};
use crate::error::{DeviceFault, Error, Result};
use crate::files::write_whole;
use crate::model::seal::{Array, Seal, check, seal};
use crate::model::{Model, Parameter};
use crate::train::{
    Checkpoint, Divergence, EpochReport, History, Metrics, Next, Observer, OnNan, Recovered, Role,
    SessionState, Sums, WordStream,
};

/// The metadata's key.
const KEY: &str = "wgslearn_checkpoint";

/// Version of the description, and of what a step computes and draws: a run that goes on with other sums or other random
/// bits than it began with would not end with the unbroken run's.
const VERSION: u32 = 3;

/// Least time between two writes where none is asked for: at an epoch's end, so that short epochs are not spent on
/// writing, and within an epoch.
const AT_END: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(60);

/// What a run is, as far as its bits depend on it: only the same run goes on from a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The settings, but those that change no bit: where files lie and what is written, and the number of epochs.
    settings: Value,
    training: Rows,
    validation: Option<Rows>,
    /// A hash of the weights that the run began with.
    first_weights: String,
    device: String,
}

/// Rows with a hash of all that they hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rows {
    rows: usize,
    hash: String,
}

/// Everything beside the arrays.
#[derive(Serialize, Deserialize)]
struct Description {
    version: u32,
    /// Of wgslearn.
    made_by: String,
    run: Identity,
    /// Epochs that the run was asked for.
    epochs: usize,
    epoch: usize,
    done: Sums,
    step: u64,
    learning_rate: f64,
    rollbacks: usize,
    #[serde(default)]
    micro_batch: Option<usize>,
    history: History,
    best: Option<(usize, Metrics)>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: u32,
}

/// Reports epochs and keeps the run.
pub(super) struct CheckpointObserver<'a> {
    /// Where the run is kept, and what it is.
    files: Option<(Files, Identity)>,
    /// What writes the last checkpoint, and when it was begun.
    writer: Option<JoinHandle<(Result<()>, Duration)>>,
    /// Whether one was begun.
    has_begun: bool,
    epochs: usize,
    /// Whether the learning rate depends on how many epochs there are.
    has_schedule: bool,
    /// The time between writes that was asked for.
    every: Option<Duration>,
    written: Instant,
    /// How long it took to take and write one.
    cost: Duration,
    /// Whether an epoch ended since the last offer of a checkpoint.
    at_end: bool,
    /// What the last write met, so that it is said once.
    failure: Option<String>,
    observer: &'a mut dyn RunObserver,
}

/// A checkpoint's files.
struct Files {
    path: PathBuf,
    previous: PathBuf,
    /// Held while the run goes on; none where the file system has no locks.
    _lock: Option<Lock>,
}

impl Files {
    /// Takes the files for this process.
    fn open(path: &Path) -> Result<Files> {
        let name = path.file_name().unwrap_or_default();
        let with = |before: &str, behind: &str| {
            let mut other = OsString::from(before);
            other.push(name);
            other.push(behind);
            path.with_file_name(other)
        };
        let (previous, lock) = (with("", ".previous"), with(".", ".lock"));
        let lock = match Lock::take(lock) {
            Taken::Own(lock) => Some(lock),
            Taken::Busy => {
                return Err(Error::usage(format!(
                    "another run is using the checkpoint {}; wait for its end, or name another file",
                    path.display()
                )));
            }
            // A folder that cannot be written to is said when a checkpoint is.
            Taken::Unknown => None,
        };
        // What is no checkpoint is not replaced by one.
        if previous.exists() && !is_checkpoint(&previous) {
            return Err(Error::usage(format!(
                "the checkpoint before the last is kept as {}, but that file is something else; name another file for the checkpoint",
                previous.display()
            )));
        }
        Ok(Files { path: path.to_owned(), previous, _lock: lock })
    }
}

/// Whether a file says of itself that it is a checkpoint, whole or not.
fn is_checkpoint(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut head));
    read.is_ok() && head.windows(KEY.len()).any(|word| word == KEY.as_bytes())
}

/// That a run went back for NaN, as a sentence.
pub(super) fn rolled_back(why: &Divergence, to: usize, learning_rate: f64) -> String {
    let place = match to {
        0 => "its start".to_owned(),
        epoch => format!("the end of epoch {epoch}"),
    };
    format!("{why}; the run goes on from {place} at the learning rate {learning_rate}")
}

impl Identity {
    /// Of a run that trains a model.
    pub(super) fn new(
        config: &RunConfig,
        loaded: &Loaded,
        model: &Model,
        device: &Device,
    ) -> Result<Identity> {
        let mut hash = Xxh3::new();
        for parameter in model.parameters() {
            hash.update(bytemuck::cast_slice(&parameter.values));
        }
        let validation = loaded.validation.as_ref().map(Data::Held);
        Ok(Identity {
            settings: without_words(Identity::settings(config)?),
            training: Rows::of(loaded.training.as_data())?,
            validation: validation.map(Rows::of).transpose()?,
            first_weights: format!("{:032x}", hash.digest128()),
            device: Identity::device(device),
        })
    }

    /// Of a run of word vectors, whose first ones the seed says.
    pub(super) fn of_words(
        config: &RunConfig,
        stream: &WordStream,
        device: &Device,
    ) -> Result<Identity> {
        let mut hash = Xxh3::new();
        hash.update(bytemuck::cast_slice(&stream.tokens));
        hash.update(bytemuck::cast_slice(&stream.counts));
        Ok(Identity {
            settings: Identity::settings(config)?,
            training: Rows {
                rows: stream.tokens.len(),
                hash: format!("{:032x}", hash.digest128()),
            },
            validation: None,
            first_weights: String::new(),
            device: Identity::device(device),
        })
    }

    /// The bits do not depend on how many threads compute them.
    fn device(device: &Device) -> String {
        match device.kind() {
            DeviceKind::Cpu => "the CPU backend".into(),
            DeviceKind::Gpu => device.name(),
        }
    }

    /// The settings that bits depend on.
    fn settings(config: &RunConfig) -> Result<Value> {
        let mut same = config.clone();
        // Where files lie changes no bit; what they hold is hashed.
        same.output = OutputConfig {
            mistakes: None,
            model: None,
            history: None,
            plot: None,
            checkpoint: None,
            checkpoint_every: None,
        };
        same.data.train = PathBuf::new();
        (same.data.targets, same.data.validation, same.data.validation_targets) =
            (None, None, None);
        // How much of the rows is in memory changes none either.
        same.data.memory = None;
        (same.data.test, same.data.test_labels) = (None, None);
        (same.data.labels, same.data.validation_labels) = (None, None);
        (same.model.encoder_from, same.model.initial_weights, same.model.from) = (None, None, None);
        // More epochs can be asked for, and what happens at NaN has not happened.
        (same.training.epochs, same.training.min_steps) = (0, 0);
        same.training.on_nan = OnNan::Stop;
        serde_json::to_value(&same)
            .map_err(|e| Error::Training(format!("the run cannot be described: {e}")))
    }

    /// In what this run differs from that of a checkpoint, as words; nothing where it does not.
    fn differences(&self, other: &Identity) -> Vec<String> {
        let mut found = Vec::new();
        let other_settings = match self.settings.get("words") {
            Some(_) => other.settings.clone(),
            None => without_words(other.settings.clone()),
        };
        differences("", &self.settings, &other_settings, &mut found);
        let mut rows = |name: &str, own: Option<&Rows>, other: Option<&Rows>| {
            let count = |rows: Option<&Rows>| rows.map_or(0, |rows| rows.rows);
            match (own == other, count(own), count(other)) {
                (true, ..) => {}
                (_, own, other) if own == other => {
                    found.push(format!("its {own} {name} rows hold other data"));
                }
                (_, own, other) => {
                    found.push(format!("it has {other} {name} rows, and this run {own}"));
                }
            }
        };
        rows("training", Some(&self.training), Some(&other.training));
        rows("validation", self.validation.as_ref(), other.validation.as_ref());
        if self.device != other.device {
            found.push(format!(
                "it was made on {}, and this run is on {}",
                other.device, self.device
            ));
        }
        if found.is_empty() && self.first_weights != other.first_weights {
            found.push("it began with other weights".into());
        }
        found
    }
}

/// The settings without those of word vectors, which no other run reads.
fn without_words(mut settings: Value) -> Value {
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("words");
    }
    settings
}

/// Whether a setting asks for nothing.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(&text[..], "" | "no"),
        Value::Array(list) => list.is_empty(),
        Value::Bool(true) | Value::Object(_) => false,
    }
}

/// The leaves of two values that differ, by their names.
fn differences(name: &str, own: &Value, other: &Value, found: &mut Vec<String>) {
    match (own, other) {
        (Value::Object(own), Value::Object(other)) => {
            let keys = own.keys().chain(other.keys().filter(|key| !own.contains_key(*key)));
            for key in keys {
                let value = |of: &serde_json::Map<String, Value>| {
                    of.get(key).cloned().unwrap_or(Value::Null)
                };
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                differences(&name, &value(own), &value(other), found);
            }
        }
        _ if own == other => {}
        // A setting that the checkpoint's version did not have, and that this run leaves alone.
        (own, Value::Null) if is_off(own) => {}
        _ => found.push(format!("its {name} is {other}, and this run's {own}")),
    }
}

impl Rows {
    /// A hash of all rows: their inputs, then their targets, then their weights. It is the same whether they are in memory or
    /// in a file, which is read for each.
    fn of(rows: Data<'_>) -> Result<Rows> {
        let mut hash = Xxh3::new();
        let width = |width: usize| (width as u64).to_le_bytes();
        hash.update(&width(rows.sample().inputs().width()));
        if rows.sample().inputs().is_ragged() {
            let mut before = 0;
            rows.for_each_block(|block| {
                if let Inputs::Ragged { ends, .. } = block.inputs() {
                    ends.iter().for_each(|&end| hash.update(&width(before + end)));
                    before += ends.last().copied().unwrap_or(0);
                }
                Ok(())
            })?;
        }
        rows.for_each_block(|block| {
            match block.inputs().as_rows() {
                data::Rows::Ids(values) => hash.update(bytemuck::cast_slice(values)),
                data::Rows::Matrix(values) => hash.update(bytemuck::cast_slice(values)),
            }
            Ok(())
        })?;
        if let Targets::Values { width: targets, .. } = rows.sample().targets() {
            hash.update(&width(*targets));
            rows.for_each_block(|block| {
                hash.update(bytemuck::cast_slice(block.target_values()));
                Ok(())
            })?;
        }
        if !rows.sample().weights().is_empty() {
            rows.for_each_block(|block| {
                hash.update(bytemuck::cast_slice(block.weights()));
                Ok(())
            })?;
        }
        Ok(Rows { rows: rows.rows(), hash: format!("{:032x}", hash.digest128()) })
    }
}

impl<'a> CheckpointObserver<'a> {
    /// For a run of `epochs` epochs, whose learning rate may depend on how many there are. `identity` is asked for where
    /// a checkpoint is.
    pub(super) fn new(
        config: &RunConfig,
        epochs: usize,
        has_schedule: bool,
        identity: impl FnOnce() -> Result<Identity>,
        observer: &'a mut dyn RunObserver,
    ) -> Result<CheckpointObserver<'a>> {
        let path = config.output.checkpoint.as_deref();
        Ok(CheckpointObserver {
            files: match path {
                Some(path) => Some((Files::open(path)?, identity()?)),
                None => None,
            },
            writer: None,
            has_begun: false,
            epochs,
            has_schedule,
            every: config.output.checkpoint_every.map(Into::into),
            written: Instant::now(),
            cost: Duration::ZERO,
            at_end: false,
            failure: None,
            observer,
        })
    }

    /// Removes the checkpoint of a run that is done.
    pub(super) fn done(&mut self) -> Result<()> {
        self.wait();
        let Some((files, _)) = &self.files else { return Ok(()) };
        for path in [&files.path, &files.previous] {
            if path.exists() {
                std::fs::remove_file(path).map_err(|e| Error::file("remove", path, e))?;
            }
        }
        Ok(())
    }

    /// Says why the run is another from here on, which keeps no checkpoints.
    pub(super) fn give_up(&mut self, why: &str) -> Result<()> {
        self.done()?;
        self.files = None;
        self.observer.warn(why);
        Ok(())
    }

    /// Reads a checkpoint of this run; what is left to say of it beside.
    fn read(&self, run: &Identity, path: &Path) -> Result<(Checkpoint, Option<String>)> {
        let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        // A file that says so may be begun anew; of another nothing is known, and it may be dear to somebody.
        let is_one = is_checkpoint(path);
        let refuse = |message: String| {
            let way_out = match is_one {
                true => "remove it to begin anew, or name another file",
                false => {
                    "name another file for the checkpoint: this one may be no checkpoint at all"
                }
            };
            Error::data(path, format!("{message}; {way_out}"))
        };
        let broken = |why: String| refuse(format!("this is not a complete checkpoint ({why})"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|map| map.get(KEY));
        let json = json.ok_or_else(|| broken("its metadata are missing".into()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let version: Version = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
        if version.version != VERSION {
            return Err(refuse(format!(
                "this checkpoint has the format {}, and this wgslearn reads {VERSION}: it goes on with the wgslearn that made it",
                version.version
            )));
        }
        let names: Vec<(String, TensorView<'_>)> = tensors.tensors();
        let mut arrays: Vec<Array<'_>> = names
            .iter()
            .map(|(name, view)| Array { name, shape: view.shape(), bytes: view.data() })
            .collect();
        if check(json, &mut arrays) != Seal::Whole {
            return Err(broken("its checksum is wrong: a bit of it was changed".into()));
        }
        let found: Description = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
        let mut differences = run.differences(&found.run);
        if found.epochs > self.epochs {
            differences.push(format!(
                "it was asked for {} epochs, and this run for {}; more may be asked for, not fewer",
                found.epochs, self.epochs
            ));
        }
        if !differences.is_empty() {
            differences.truncate(4);
            return Err(refuse(format!(
                "this is the checkpoint of another run: {}",
                differences.join("; ")
            )));
        }
        let mut said = Vec::new();
        if found.made_by != env!("CARGO_PKG_VERSION") {
            said.push(format!(
                "wgslearn {} made it, and this is {}: bits may differ from those of one run",
                found.made_by,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if found.epochs < self.epochs && self.has_schedule {
            said.push(format!(
                "its learning rate followed a schedule of {} epochs so far, and follows one of {} from here",
                found.epochs, self.epochs
            ));
        }
        let said = (!said.is_empty()).then(|| format!("{}: {}", path.display(), said.join("; ")));
        let mut arrays = Vec::new();
        for role in Role::STATE {
            // Written in the model's order under a number, which the file does not keep by itself.
            let mut parameters: Vec<(usize, Parameter)> = Vec::new();
            for (name, view) in &names {
                let Some(rest) = name.strip_prefix(&format!("{}/", role.name())) else { continue };
                let (number, name) = rest.split_once('/').unwrap_or(("0", rest));
                let number = number.parse().map_err(|_| broken(format!("an array {name}")))?;
                let values = bytemuck::pod_collect_to_vec(view.data());
                let shape = view.shape().to_vec();
                parameters.push((number, Parameter { name: name.to_owned(), shape, values }));
            }
            parameters.sort_by_key(|(number, _)| *number);
            if !parameters.is_empty() {
                arrays.push((role, parameters.into_iter().map(|(_, p)| p).collect()));
            }
        }
        let state = SessionState { step: found.step, arrays };
        let Description { epoch, done, history, best, learning_rate, rollbacks, .. } = found;
        let micro_batch = found.micro_batch;
        let checkpoint =
            Checkpoint { epoch, done, history, best, learning_rate, rollbacks, micro_batch, state };
        Ok((checkpoint, said))
    }

    /// Waits for what is being written, and says where it failed.
    fn wait(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let written = writer.join().unwrap_or_else(|_| {
            let failed = Error::Training("the thread that writes checkpoints failed".into());
            (Err(failed), Duration::ZERO)
        });
        self.cost += written.1;
        match written.0 {
            Ok(()) => self.failure = None,
            Err(error) => {
                let message = error.to_string();
                if self.failure.as_ref() != Some(&message) {
                    self.observer.warn(&format!(
                        "no checkpoint is written: {message}; the run goes on, and the next is tried later"
                    ));
                }
                self.failure = Some(message);
            }
        }
    }

    /// Takes a checkpoint and has it written, while the run goes on.
    fn keep(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.wait();
        let Some((files, run)) = &self.files else { return Ok(()) };
        let started = Instant::now();
        let checkpoint = take()?;
        self.cost = started.elapsed();
        let (path, previous) = (files.path.clone(), files.previous.clone());
        let (run, epochs) = (run.clone(), self.epochs);
        let work = move || {
            let started = Instant::now();
            let written = write(&path, &previous, &run, epochs, checkpoint);
            (written, started.elapsed())
        };
        // Where there is no thread to be had, the run waits.
        self.writer = std::thread::Builder::new().name("checkpoint".into()).spawn(work).ok();
        self.has_begun = true;
        self.written = Instant::now();
        Ok(())
    }
}

impl Drop for CheckpointObserver<'_> {
    // A run that ends by an error has its last checkpoint whole.
    fn drop(&mut self) {
        self.wait();
    }
}

/// Writes a checkpoint over the one before the last.
fn write(
    path: &Path,
    previous: &Path,
    run: &Identity,
    epochs: usize,
    checkpoint: Checkpoint,
) -> Result<()> {
    let Checkpoint { epoch, done, history, best, learning_rate, rollbacks, micro_batch, state } =
        checkpoint;
    let broken = |message: String| Error::Training(message);
    let description = Description {
        version: VERSION,
        made_by: env!("CARGO_PKG_VERSION").into(),
        run: run.clone(),
        epochs,
        epoch,
        done,
        step: state.step,
        learning_rate,
        rollbacks,
        micro_batch,
        history,
        best,
    };
    let json = serde_json::to_string(&description).map_err(|e| broken(e.to_string()))?;
    let mut named = Vec::new();
    for (role, parameters) in &state.arrays {
        for (number, parameter) in parameters.iter().enumerate() {
            let name = format!("{}/{number}/{}", role.name(), parameter.name);
            named.push((name, parameter));
        }
    }
    let mut arrays: Vec<Array<'_>> = named
        .iter()
        .map(|(name, parameter)| Array {
            name,
            shape: &parameter.shape,
            bytes: bytemuck::cast_slice(&parameter.values),
        })
        .collect();
    let json = seal(&json, &mut arrays);
    let mut tensors = Vec::new();
    for (name, parameter) in &named {
        let bytes = bytemuck::cast_slice(&parameter.values);
        let view = TensorView::new(Dtype::F32, parameter.shape.clone(), bytes);
        tensors.push((name, view.map_err(|e| broken(e.to_string()))?));
    }
    // Which map it is depends on the features that the whole program's crates ask of safetensors.
    let metadata = std::iter::once((KEY.to_owned(), json)).collect();
    let bytes =
        safetensors::serialize(tensors, Some(metadata)).map_err(|e| broken(e.to_string()))?;
    // A run that is killed between the two finds the one before.
    if path.is_file() {
        std::fs::rename(path, previous).map_err(|e| Error::file("rename", path, e))?;
    }
    write_whole(path, &bytes)
}

impl Observer for CheckpointObserver<'_> {
    fn epoch(&mut self, report: EpochReport) -> Next {
        self.at_end = true;
        self.observer.epoch(report);
        Next::Continue
    }

    fn interrupted(&mut self) -> bool {
        self.observer.interrupted()
    }

    fn rolled_back(&mut self, why: &Divergence, to: usize, learning_rate: f64) {
        self.observer.warn(&rolled_back(why, to, learning_rate));
    }

    fn device_failed(&mut self, why: &DeviceFault, answer: Recovered) {
        self.observer.warn(&format!("{}; {answer}", why.what()));
    }

    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        let Some((files, run)) = &self.files else { return Ok(None) };
        let found = match (files.path.exists(), files.previous.exists()) {
            (false, false) => return Ok(None),
            (true, false) => self.read(run, &files.path)?,
            (false, true) => self.read(run, &files.previous)?,
            (true, true) => match self.read(run, &files.path) {
                Ok(found) => found,
                // The last may be damaged; one of another run is refused by both.
                Err(error) => match self.read(run, &files.previous) {
                    Ok((checkpoint, _)) => {
                        let said = format!("{error}. Going on from {}", files.previous.display());
                        (checkpoint, Some(said))
                    }
                    Err(_) => return Err(error),
                },
            },
        };
        let (checkpoint, said) = found;
        if let Some(said) = said {
            self.observer.warn(&said);
        }
        Ok(Some(checkpoint))
    }

    fn checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        let at_end = std::mem::take(&mut self.at_end);
        let Some((files, _)) = &self.files else { return Ok(()) };
        let least = match (self.every, at_end) {
            (Some(every), _) => every,
            // At most a twentieth of the time goes into writing.
            (None, true) => AT_END.max(20 * self.cost),
            (None, false) => WITHIN.max(20 * self.cost),
        };
        let is_first = at_end && !self.has_begun && !files.path.exists();
        let is_due = self.written.elapsed() >= least || is_first;
        match is_due && self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            true => self.keep(take),
            false => Ok(()),
        }
    }

    fn last_checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.keep(take)?;
        self.wait();
        Ok(())
    }
}
