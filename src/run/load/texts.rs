//! Texts: a run's, where vocabulary and labels are learned, and a model's.

use std::path::Path;

use super::labels::{class_targets, class_task, classes};
use super::{Loaded, Task};
use crate::data::{Dataset, Examples, Inputs, Targets, TextColumns, read_examples};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;
use crate::text::TextEncoder;

pub(super) fn load_texts(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    // An autoencoder's texts need no labels.
    let label = (!config.is_autoencoder()).then(|| data.label_column.clone());
    let columns = TextColumns { text: data.text_column.clone(), label };
    let examples = read_examples(&data.train, &columns)?;
    let labels = match config.is_autoencoder() {
        true => Vec::new(),
        false => classes(&data.train, &examples.labels, &examples.lines, data)?,
    };
    let encoder = TextEncoder::fit(&examples.texts, &config.text)?;
    let training = encode_texts(&encoder, &labels, examples, &data.train, data.skip_unknown)?;
    let validation = match &data.validation {
        None => None,
        Some(path) => {
            let examples = read_examples(path, &columns)?;
            Some(encode_texts(&encoder, &labels, examples, path, data.skip_unknown)?)
        }
    };
    Ok(Loaded {
        training,
        validation,
        task: if labels.is_empty() { Task::Given } else { class_task(&labels) },
        // Rows that an autoencoder gives back, one an id, are read four at a time.
        embedding_rows: match config.is_autoencoder() {
            true => encoder.rows().next_multiple_of(4),
            false => encoder.rows(),
        },
        preprocessor: Preprocessor::Text(encoder),
        labels,
    })
}

pub(super) fn encode_texts(
    encoder: &TextEncoder,
    labels: &[String],
    mut examples: Examples,
    path: &Path,
    skip_unknown: bool,
) -> Result<Dataset> {
    let width = encoder.width();
    let (mut values, encoded) = encoder.encode_all(&examples.texts);
    let kept: Vec<bool> = encoded.iter().map(|encoded| encoded.known > 0).collect();
    for ((text, &line), &known) in examples.texts.iter().zip(&examples.lines).zip(&kept) {
        if !known && !skip_unknown {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::line(
                path,
                line,
                format!(
                    "the text \"{shown}\" has no known word; correct or remove it, or set skip_unknown to leave such rows out"
                ),
            ));
        }
    }
    if kept.contains(&false) {
        let rows = values.chunks_exact(width).zip(&kept).filter(|(_, kept)| **kept);
        values = rows.flat_map(|(row, _)| row).copied().collect();
    }
    let inputs = Inputs::Ids { values, length: width };
    let source = path.display().to_string();
    if labels.is_empty() {
        return Dataset::new(inputs, Targets::Inputs, source);
    }
    let mut keep = kept.iter();
    examples.labels.retain(|_| *keep.next().unwrap_or(&true));
    let mut keep = kept.iter();
    examples.lines.retain(|_| *keep.next().unwrap_or(&true));
    let targets = class_targets(path, &examples.labels, &examples.lines, labels)?;
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, source)
}
