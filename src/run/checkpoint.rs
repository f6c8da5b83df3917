//! A run kept between epochs in one safetensors file, so that a killed run goes on to the same
//! bits: weights and moments as arrays named `ROLE/PARAMETER`, the rest in the metadata.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::config::{OutputConfig, RunConfig};
use super::load::Loaded;
use super::observer::RunObserver;
use crate::backend::Device;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::Parameter;
use crate::train::{
    Checkpoint, Divergence, EpochReport, History, Metrics, Next, Observer, Role, SessionState, Sums,
};

/// The metadata's key.
const KEY: &str = "wgslearn_checkpoint";

/// Least time between two writes, so that short epochs are not spent on writing.
const INTERVAL: Duration = Duration::from_secs(1);

/// Everything beside the arrays.
#[derive(Serialize, Deserialize)]
struct Description {
    /// What the run is: only a run of the same description goes on.
    run: String,
    epoch: usize,
    done: Sums,
    step: u64,
    learning_rate: f64,
    rollbacks: usize,
    history: History,
    best: Option<(usize, Metrics)>,
}

/// Reports epochs and keeps the run.
pub(super) struct CheckpointObserver<'a> {
    path: Option<PathBuf>,
    run: String,
    written: Instant,
    observer: &'a mut dyn RunObserver,
}

/// That a run went back for NaN, as a sentence.
pub(super) fn rolled_back(why: &Divergence, to: usize, learning_rate: f64) -> String {
    let place = match to {
        0 => "its start".to_owned(),
        epoch => format!("the end of epoch {epoch}"),
    };
    format!("{why}; the run goes on from {place} at the learning rate {learning_rate}")
}

impl<'a> CheckpointObserver<'a> {
    pub(super) fn new(
        config: &RunConfig,
        loaded: &Loaded,
        device: &Device,
        observer: &'a mut dyn RunObserver,
    ) -> Result<CheckpointObserver<'a>> {
        // Where results go does not change them; everything else does.
        let nowhere = OutputConfig { model: None, history: None, plot: None, checkpoint: None };
        let same = RunConfig { output: nowhere, ..config.clone() };
        let rows =
            [Some(&loaded.training), loaded.validation.as_ref()].map(|d| d.map(|d| d.rows()));
        let run = serde_json::to_string(&(same, rows, device.name()))
            .map_err(|e| Error::Training(format!("the run cannot be described: {e}")))?;
        let path = config.output.checkpoint.clone();
        Ok(CheckpointObserver { path, run, written: Instant::now(), observer })
    }

    /// Removes the checkpoint of a run that is done.
    pub(super) fn done(&self) -> Result<()> {
        match &self.path {
            Some(path) if path.exists() => {
                std::fs::remove_file(path).map_err(|e| Error::file("remove", path, e))
            }
            _ => Ok(()),
        }
    }
}

impl Observer for CheckpointObserver<'_> {
    fn epoch(&mut self, report: EpochReport) -> Next {
        self.observer.epoch(report);
        Next::Continue
    }

    fn interrupted(&mut self) -> bool {
        self.observer.interrupted()
    }

    fn rolled_back(&mut self, why: &Divergence, to: usize, learning_rate: f64) {
        self.observer.warn(&rolled_back(why, to, learning_rate));
    }

    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        let Some(path) = self.path.as_ref().filter(|path| path.exists()) else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        let broken = |message: String| {
            Error::data(
                path,
                format!("this is not a complete checkpoint ({message}); remove it to begin anew"),
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|map| map.get(KEY));
        let json = json.ok_or_else(|| broken("its metadata are missing".into()))?;
        let found: Description = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
        if found.run != self.run {
            return Err(Error::data(
                path,
                "this is the checkpoint of another run (other data, options or device); remove it to begin anew, or name another file",
            ));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let mut arrays = Vec::new();
        for role in Role::STATE {
            // Written in the model's order under a number, which the file does not keep by itself.
            let mut parameters: Vec<(usize, Parameter)> = Vec::new();
            for (name, view) in tensors.tensors() {
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
        Ok(Some(Checkpoint { epoch, done, history, best, learning_rate, rollbacks, state }))
    }

    fn checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.written.elapsed() < INTERVAL && path.exists() {
            return Ok(());
        }
        let Checkpoint { epoch, done, history, best, learning_rate, rollbacks, state } = take()?;
        let broken = |message: String| {
            Error::Training(format!("the checkpoint cannot be written: {message}"))
        };
        let run = self.run.clone();
        let step = state.step;
        let description =
            Description { run, epoch, done, step, learning_rate, rollbacks, history, best };
        let json = serde_json::to_string(&description).map_err(|e| broken(e.to_string()))?;
        let mut tensors = Vec::new();
        for (role, parameters) in &state.arrays {
            for (number, parameter) in parameters.iter().enumerate() {
                let bytes = bytemuck::cast_slice(&parameter.values);
                let view = TensorView::new(Dtype::F32, parameter.shape.clone(), bytes);
                let view = view.map_err(|e| broken(e.to_string()))?;
                tensors.push((format!("{}/{number}/{}", role.name(), parameter.name), view));
            }
        }
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes =
            safetensors::serialize(tensors, Some(metadata)).map_err(|e| broken(e.to_string()))?;
        write_whole(path, &bytes)?;
        self.written = Instant::now();
        Ok(())
    }
}
