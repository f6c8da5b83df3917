//! A model's table stored in fewer bits, and what that costs on data with known answers.

use std::path::Path;

use serde::Serialize;

use super::evaluate::{Evaluation, evaluate};
use super::outputs::{check_extension, check_output};
use crate::backend::Device;
use crate::data::{Account, TextColumns};
use crate::error::{Error, Result};
use crate::model::{Model, Storage};

/// How good a model is on a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Quality {
    /// Mean loss.
    pub loss: f64,
    /// Share of right answers: of labels in all rows for a model of several labels, none for what is no classifier.
    pub accuracy: Option<f64>,
}

impl From<&Evaluation> for Quality {
    fn from(found: &Evaluation) -> Quality {
        Quality { loss: found.metrics.loss, accuracy: found.metrics.accuracy }
    }
}

/// What a quantization did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Quantized {
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the new file.
    pub bytes: u64,
    /// Rows that it was compared on; 0 where no data were given.
    pub rows: usize,
    /// How good the model was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Quality>,
    /// How good the new one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Quality>,
    /// What became of the data's rows.
    #[serde(rename = "data", skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// Writes the model `from` to `to` with its table in `storage`, and compares both on `data` where they are given: the new
/// one as it is read from its file. `skip_unknown` leaves rows out as [`evaluate`] does.
///
/// # Errors
/// [`Error::Model`] when the model has no table; whatever reading, writing or running meets.
pub fn quantize(
    from: &Path,
    to: &Path,
    storage: Storage,
    data: Option<(&Path, &TextColumns)>,
    skip_unknown: bool,
    device: &Device,
) -> Result<Quantized> {
    check_extension(to, "a model", &["safetensors"])?;
    let inputs: Vec<&Path> = std::iter::once(from).chain(data.map(|(path, _)| path)).collect();
    check_output(to, &inputs)?;
    let model = Model::load(from)?;
    if model.layers().first().is_none_or(|layer| layer.table_rows().is_none()) {
        return Err(Error::Model(
            "the model reads no ids and has no table of vectors, which alone is stored in fewer bits".into(),
        ));
    }
    // What is wrong with the data is found before a file is written.
    let test = |model: &Model| {
        let of = |(path, columns)| evaluate(model, path, None, columns, skip_unknown, device);
        data.map(of).transpose()
    };
    let before = test(&model)?;
    model.save_as(to, storage)?;
    let after = test(&Model::load(to)?)?;
    let bytes = |path: &Path| {
        path.metadata().map(|file| file.len()).map_err(|e| Error::file("read", path, e))
    };
    Ok(Quantized {
        bytes_before: bytes(from)?,
        bytes: bytes(to)?,
        rows: before.as_ref().map_or(0, |found| found.rows),
        before: before.as_ref().map(Quality::from),
        after: after.as_ref().map(Quality::from),
        account: before.map(|found| found.account),
    })
}
