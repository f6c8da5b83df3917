//! Texts: a run's, where vocabulary and labels are learned from the training rows, and a model's.

use std::path::Path;

use super::labels::{Places, class_targets, class_task, classes};
use super::split::Split;
use super::{Given, Loaded, Task};
use crate::data::{
    Account, ByteSource, Dataset, Examples, Inputs, Targets, lines_as_words, read_examples,
    read_examples_of,
};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;
use crate::text::{Encoded, TextEncoder};

/// What becomes of texts of which no word is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are refused: nothing can be learned from them.
    Refused,
    /// They are left out, and counted.
    LeftOut,
    /// They stay, and it is said that the answer to them rests on the bias alone.
    Kept,
}

pub(super) fn load_texts(config: &RunConfig, source: &ByteSource, given: Given) -> Result<Loaded> {
    let data = &config.data;
    let path = &data.train;
    // An autoencoder's texts need no labels.
    let columns = data.texts(!config.is_autoencoder());
    let examples = read_examples_of(source, &columns)?;
    let mut account = examples.account.clone();
    let known = match given.preprocessor() {
        Some(Preprocessor::Text(encoder)) => Some(encoder),
        _ => None,
    };
    let labels = match config.is_autoencoder() {
        true => Vec::new(),
        false => {
            let known = known.and(given.labels());
            classes(path, &examples.labels, Places::Lines(&examples.lines), data, known)?
        }
    };
    let classes = match labels.is_empty() {
        true => None,
        false => {
            Some(class_targets(path, &examples.labels, Places::Lines(&examples.lines), &labels)?)
        }
    };
    let split = Split::draw(config, examples.texts.len(), classes.as_deref(), &mut account)?;
    let [training_texts, _] = split.of(&examples.texts);
    let encoder = match known {
        Some(encoder) => encoder.clone(),
        None => TextEncoder::fit(&training_texts, &config.text)?,
    };
    drop(training_texts);
    let unknown = if data.skip_unknown { Unknown::LeftOut } else { Unknown::Refused };
    let [training, validation] = part(examples, &split);
    let training = encode_texts(&encoder, &labels, training, path, unknown, &mut account)?;
    let mut accounts = vec![account];
    let unknown = if data.skip_unknown { Unknown::LeftOut } else { Unknown::Kept };
    let validation = match &data.validation {
        None if validation.texts.is_empty() => None,
        None => Some(encode_texts(&encoder, &labels, validation, path, unknown, &mut accounts[0])?),
        Some(path) => {
            let examples = read_examples(path, &columns)?;
            let mut account = examples.account.clone();
            let dataset = encode_texts(&encoder, &labels, examples, path, unknown, &mut account)?;
            accounts.push(account);
            Some(dataset)
        }
    };
    Ok(Loaded {
        training,
        validation,
        test: None,
        task: if labels.is_empty() { Task::Given } else { class_task(&labels) },
        // Rows that an autoencoder gives back, one an id, are read four at a time.
        embedding_rows: match config.is_autoencoder() {
            true => encoder.rows().next_multiple_of(4),
            false => encoder.rows(),
        },
        preprocessor: Preprocessor::Text(encoder),
        labels,
        accounts,
    })
}

/// The training and the validation part of examples.
fn part(examples: Examples, split: &Split) -> [Examples; 2] {
    if split.validation.is_empty() {
        return [examples, Examples::default()];
    }
    let mut is_validation = vec![false; examples.texts.len()];
    split.validation.iter().for_each(|&row| is_validation[row] = true);
    let mut parts = [Examples::default(), Examples::default()];
    let mut labels = examples.labels.into_iter();
    for ((text, line), at) in examples.texts.into_iter().zip(examples.lines).zip(is_validation) {
        let part = &mut parts[at as usize];
        part.texts.push(text);
        part.lines.push(line);
        part.labels.extend(labels.next());
    }
    parts
}

pub(super) fn encode_texts(
    encoder: &TextEncoder,
    labels: &[String],
    mut examples: Examples,
    path: &Path,
    unknown: Unknown,
    account: &mut Account,
) -> Result<Dataset> {
    let width = encoder.width();
    let (mut values, encoded) = encoder.encode_all(&examples.texts);
    let is_unknown: Vec<bool> = encoded.iter().map(|encoded| encoded.known == 0).collect();
    let lines: Vec<u64> = examples
        .lines
        .iter()
        .zip(&is_unknown)
        .filter(|(_, is)| **is)
        .map(|(line, _)| *line)
        .collect();
    warn_of_cut(encoder, &encoded, &examples.lines, account);
    match unknown {
        _ if lines.is_empty() => {}
        Unknown::Refused => {
            let row = is_unknown.iter().position(|&is| is).unwrap_or_default();
            let shown: String = examples.texts[row].chars().take(40).collect();
            return Err(Error::line(
                path,
                lines[0],
                format!(
                    "the text \"{shown}\" has no known word ({} of {} rows have none); correct or remove it, or set skip_unknown to leave such rows out",
                    lines.len(),
                    examples.texts.len()
                ),
            ));
        }
        Unknown::LeftOut => {
            let rows = values.chunks_exact(width).zip(&is_unknown).filter(|(_, is)| !**is);
            values = rows.flat_map(|(row, _)| row).copied().collect();
            lines.iter().for_each(|&line| account.without("no known word", line));
            keep(&mut examples.labels, &is_unknown);
            keep(&mut examples.lines, &is_unknown);
        }
        Unknown::Kept if lines.len() == examples.texts.len() => {
            return Err(Error::data(
                path,
                "no row has a known word: is it in the language, and the column, that the model was trained on? Texts written without spaces are one word each",
            ));
        }
        Unknown::Kept => account.warn(unknown_rows(&lines, lines.len())),
    }
    let inputs = Inputs::Ids { values, length: width };
    let source = path.display().to_string();
    if labels.is_empty() {
        return Dataset::new(inputs, Targets::Inputs, source);
    }
    let targets = class_targets(path, &examples.labels, Places::Lines(&examples.lines), labels)?;
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, source)
}

/// Says of the texts that are longer than the rows that an encoder makes.
pub(super) fn warn_of_cut(
    encoder: &TextEncoder,
    encoded: &[Encoded],
    lines: &[u64],
    account: &mut Account,
) {
    let is_cut = |(line, encoded): (&u64, &Encoded)| (encoded.cut > 0).then_some(*line);
    let cut: Vec<u64> = lines.iter().zip(encoded).filter_map(is_cut).collect();
    if !cut.is_empty() {
        account.warn(cut_texts(encoder.length(), &cut, cut.len()));
    }
}

/// Says which texts are longer than the words that a model reads: the first few `lines`, of `texts`.
pub(crate) fn cut_texts(length: usize, lines: &[u64], texts: usize) -> String {
    let are = match texts {
        1 => "1 text is cut, being".to_owned(),
        many => format!("{many} texts are cut, being"),
    };
    format!(
        "{are} longer than the {length} words that the model reads ({}); max_length, in training, sets how many it reads",
        lines_as_words(lines, texts)
    )
}

/// Says which rows have no known word: the first few `lines`, of `rows`.
pub(crate) fn unknown_rows(lines: &[u64], rows: usize) -> String {
    let having = if rows == 1 { "1 row has".into() } else { format!("{rows} rows have") };
    format!(
        "{having} no known word ({}): what the model answers there rests on the bias alone. Texts written without spaces are one word each",
        lines_as_words(lines, rows)
    )
}

/// Removes the items that are marked.
fn keep<T>(items: &mut Vec<T>, marked: &[bool]) {
    let mut marks = marked.iter();
    items.retain(|_| !marks.next().copied().unwrap_or_default());
}
