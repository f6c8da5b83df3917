//! The model file: safetensors with the weights by name and, in its metadata, everything that is
//! needed to use them, with a checksum of both. Written to a temporary file beside and renamed, so that a file is whole
//! or not there.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::seal::{Array, Seal, check, seal};
use super::storage::{Stored, StoredTable, beside, pack, plain, unpack};
use super::{Input, Kind, Model, Noise, Parameter, Preprocessor, Source, Storage};
use crate::data::is_fasttext;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::layers::Layer;
use crate::losses::Loss;

/// The metadata's key. One key holds all, so that the file's bytes do not depend on a map's order.
const KEY: &str = "wgslearn";

/// Version of the description; a reader takes its own and older ones. A model that an older reader understands is
/// written as it was then.
const VERSION: u32 = 3;
/// That of models that give each row one answer, and whose arrays lie as they are.
const BEFORE: u32 = 2;

/// Everything beside the weights.
#[derive(Serialize, Deserialize)]
// So that a changed key of what may be left out is found.
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    input: Input,
    layers: Vec<Layer>,
    loss: Loss,
    labels: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<f32>,
    #[serde(rename = "encoder")]
    preprocessor: Preprocessor,
    /// Tables that do not lie as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tables: Vec<StoredTable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Noise>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    /// Put behind the rest by [`seal`]; older files have none.
    #[serde(default, skip_serializing)]
    #[allow(dead_code)]
    checksum: Option<String>,
}

/// Only the version, readable whatever else a later description holds.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Model {
    /// Writes the model.
    ///
    /// # Errors
    /// [`Error::Model`] when its parts do not go together ([`Model::validate`]) or a weight is NaN or infinite, [`Error::File`] when the file cannot be
    /// written; one that was there stays as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_as(path, Storage::F32)
    }

    /// Writes the model with the table of its first layer, if it has one, stored in another precision: see [`Storage`].
    /// What is read again has that precision's values.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save_as(&self, path: impl AsRef<Path>, storage: Storage) -> Result<()> {
        let path = path.as_ref();
        self.validate()?;
        for parameter in &self.parameters {
            if let Some(i) = parameter.values.iter().position(|value| !value.is_finite()) {
                return Err(Error::Model(format!(
                    "the model is not written: {} holds {} at {i}; train it again at a smaller learning rate",
                    parameter.name, parameter.values[i]
                )));
            }
        }
        let has_table = self.layers.first().is_some_and(|layer| layer.table_rows().is_some());
        let table = self.parameters.first().filter(|_| has_table);
        let packed = table.and_then(|table| pack(table, storage));
        let description = Description {
            version: match (self.kind(), &packed) {
                (Kind::MultiLabel, _) | (_, Some(_)) => VERSION,
                _ => BEFORE,
            },
            tables: packed.iter().map(|(table, _)| table.clone()).collect(),
            kind: Some(self.kind()),
            input: self.input,
            layers: self.layers.clone(),
            loss: self.loss,
            labels: self.labels.clone(),
            thresholds: self.thresholds.clone(),
            preprocessor: self.preprocessor.clone(),
            code: self.latent_layer,
            noise: self.noise,
            source: self.source.clone(),
            checksum: None,
        };
        let broken =
            |message: String| Error::Model(format!("the model cannot be written: {message}"));
        let json = serde_json::to_string(&description).map_err(|e| broken(e.to_string()))?;
        let as_they_are = &self.parameters[packed.is_some() as usize..];
        let mut stored: Vec<Stored<'_>> =
            packed.into_iter().flat_map(|(_, stored)| stored).collect();
        stored.extend(as_they_are.iter().map(plain));
        let mut arrays: Vec<Array<'_>> = stored
            .iter()
            .map(|array| Array { name: &array.name, shape: &array.shape, bytes: &array.bytes })
            .collect();
        let json = seal(&json, &mut arrays);
        let mut tensors = Vec::new();
        for array in &stored {
            let view = TensorView::new(array.kind, array.shape.clone(), &array.bytes);
            tensors.push((array.name.as_str(), view.map_err(|e| broken(e.to_string()))?));
        }
        // Which map it is depends on the features that the whole program's crates ask of safetensors.
        let metadata = std::iter::once((KEY.to_owned(), json)).collect();
        let bytes =
            safetensors::serialize(tensors, Some(metadata)).map_err(|e| broken(e.to_string()))?;
        write_whole(path, &bytes)
    }

    /// Reads a model; one of fastText's (`.bin`) too.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, [`Error::Data`] when it is cut short, is no
    /// model of wgslearn, or comes from a later version.
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        if is_fasttext(path) {
            return super::fasttext::import(path);
        }
        let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        let broken = |message: &str| {
            Error::data(
                path,
                format!(
                    "this is not a complete model file ({message}); train it again, or copy it again if it was cut short"
                ),
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(&e.to_string()))?;
        let Some(json) = header.metadata().as_ref().and_then(|map| map.get(KEY)) else {
            return Err(Error::data(
                path,
                "this safetensors file holds weights but no wgslearn model; give it as initial_weights, or a file that wgslearn train wrote",
            ));
        };
        let version = serde_json::from_str::<Version>(json);
        if let Ok(version) = &version
            && version.version > VERSION
        {
            return Err(Error::data(
                path,
                format!(
                    "the model has version {}, and this wgslearn reads up to {VERSION}; update wgslearn",
                    version.version
                ),
            ));
        }
        // First whether it is as it was written, then what it says.
        let weights = read_tensors(path, &bytes)?;
        let description: Description =
            serde_json::from_str(json).map_err(|e| broken(&e.to_string()))?;
        let Description { kind, input, layers, loss, labels, preprocessor, .. } = description;
        let Description { code, noise, source, thresholds, .. } = description;
        let mut model = Model::with_parameters(input, layers, loss, weights)
            .map_err(|e| broken(&e.to_string()))?;
        (model.labels, model.preprocessor) = (labels, preprocessor);
        model.thresholds = thresholds;
        (model.latent_layer, model.noise, model.source) = (code, noise, source);
        // Older files do not say it.
        model.kind = Some(kind.unwrap_or_else(|| model.inferred_kind()));
        model.validate().map_err(|e| broken(&e.to_string()))?;
        Ok(model)
    }
}

/// Reads every f32 array of a safetensors file.
///
/// # Errors
/// [`Error::File`] when it cannot be read, [`Error::Data`] when it is broken or holds other types.
pub fn read_weights(path: &Path) -> Result<Vec<Parameter>> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    read_tensors(path, &bytes)
}

fn read_tensors(path: &Path, bytes: &[u8]) -> Result<Vec<Parameter>> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
        Error::data(
            path,
            format!("this is not a complete safetensors file ({e}); it may have been cut short"),
        )
    })?;
    let metadata = SafeTensors::read_metadata(bytes).ok();
    let json = metadata.as_ref().and_then(|(_, header)| header.metadata().as_ref()?.get(KEY));
    if let Some(json) = json {
        let views = tensors.tensors();
        let mut arrays: Vec<Array<'_>> = views
            .iter()
            .map(|(name, view)| Array { name, shape: view.shape(), bytes: view.data() })
            .collect();
        if check(json, &mut arrays) == Seal::Broken {
            return Err(Error::data(
                path,
                "this model file is not as it was written: its checksum is wrong, so that at least one bit of it was changed; copy it again, or train the model again",
            ));
        }
    }
    let tables: Vec<StoredTable> = json
        .and_then(|json| serde_json::from_str::<Tables>(json).ok())
        .map_or_else(Vec::new, |described| described.tables);
    let mut parameters = Vec::new();
    for table in &tables {
        let unpacked = unpack(table, |name| tensors.tensor(name).ok());
        parameters.push(unpacked.map_err(|message| Error::data(path, message))?);
    }
    for (name, view) in tensors.tensors() {
        if tables.iter().any(|table| table.name == name || beside(table).contains(&name)) {
            continue;
        }
        if view.dtype() != Dtype::F32 {
            return Err(Error::data(
                path,
                format!("{name} has the type {:?}; save weights as float32", view.dtype()),
            ));
        }
        let (shape, values) = (view.shape().to_vec(), bytemuck::pod_collect_to_vec(view.data()));
        parameters.push(Parameter { name, shape, values });
    }
    for Parameter { name, values, .. } in &parameters {
        if let Some(i) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(path, format!("{name} holds {} at {i}", values[i])));
        }
    }
    Ok(parameters)
}

/// Only the tables of a description.
#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    tables: Vec<StoredTable>,
}
