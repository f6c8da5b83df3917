//! Texts: a run's, where vocabulary and labels are learned from the training rows, and a model's.

use std::borrow::Cow;
use std::path::Path;

use super::labels::{Places, class_targets, class_task, classes, set_labels, set_targets};
use super::split::{Fold, Split};
use super::weights::weigh;
use super::{Given, Loaded, Task};
use crate::data::{
    Account, ByteSource, Dataset, Examples, Inputs, Targets, TextColumns, lines_as_words,
    read_examples, read_examples_of,
};
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::model::Preprocessor;
use crate::run::config::{Pool, RunConfig};
use crate::text::{Encoded, Room, TextEncoder, TextOptions, Tokens};
use crate::train::reads_bags;

/// What becomes of texts of which no word is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are refused: nothing can be learned from them.
    Refused,
    /// They are left out, and counted.
    LeftOut,
    /// They stay, and it is said that the answer to them rests on the bias alone.
    Kept,
    /// They stay, also where no other does: rows of a fold, whose vocabulary is that of the others.
    HeldOut,
}

/// How rows of ids lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum Layout {
    /// Each as wide as the encoder's rows, with padding.
    Padded,
    /// Each as long as its text: a step costs what its words cost. For models that read any length.
    Ragged {
        /// Ids of a row as the model's input says them.
        width: usize,
    },
}

/// Padded rows of at most so many times their words stay padded. Few are wasted, and what is trained on them has the
/// bits that it always had.
const MOST_PADDING: usize = 4;

impl Layout {
    /// The layout of texts for a model that reads any length, through this encoder.
    pub fn of<T: AsRef<str> + Sync>(encoder: &TextEncoder, texts: &[T]) -> Layout {
        let (largest, words) = encoder.measure(texts);
        Layout::of_measured(encoder, texts.len(), largest, words)
    }

    /// What reads texts in this layout: without a limit of words where rows have any length and the run asks for none.
    pub(super) fn reader<'e>(
        self,
        encoder: &'e TextEncoder,
        config: &RunConfig,
    ) -> Cow<'e, TextEncoder> {
        match self != Layout::Padded && config.text.max_length == 0 {
            true => Cow::Owned(encoder.without_limit()),
            false => Cow::Borrowed(encoder),
        }
    }

    /// The layout of so many texts, the largest of which needs so much room, and which have so many words (with subwords,
    /// ids) together.
    pub(super) fn of_measured(
        encoder: &TextEncoder,
        texts: usize,
        largest: Room,
        words: usize,
    ) -> Layout {
        let width = if encoder.subwords().is_some() { encoder.width() } else { encoder.length() };
        let padded = width.saturating_mul(texts);
        match !encoder.room().holds(largest) || padded > words.saturating_mul(MOST_PADDING) {
            true => Layout::Ragged { width: encoder.width() },
            false => Layout::Padded,
        }
    }
}

/// Whether the model that a run makes or trains on reads texts of any length: a bag or a mean pool, behind which nothing
/// remembers places.
pub(super) fn reads_any_length(config: &RunConfig, given: Given) -> bool {
    if let Given::Whole(model) | Given::Encoder(model) = given {
        return reads_bags(model);
    }
    let model = &config.model;
    match &model.layers {
        None => config.builds_autoencoder() || model.pool == Pool::Mean,
        Some(layers) => {
            let by_name = layers.iter().any(|layer| layer.from().is_some());
            let starts = matches!(
                &layers[..],
                [Layer::EmbeddingBag(_), ..] | [Layer::Embedding(_), Layer::MeanPool(_), ..]
            );
            starts && !by_name
        }
    }
}

pub(super) fn load_texts(
    config: &RunConfig,
    source: &ByteSource,
    given: Given,
    fold: Option<Fold>,
) -> Result<Loaded> {
    let data = &config.data;
    let path = &data.train;
    // An autoencoder's texts need no labels.
    let mut columns = data.texts(!config.is_autoencoder());
    columns.multi_label |= given.is_multi_label();
    let examples = read_examples_of(source, &columns)?;
    let mut account = examples.account.clone();
    let known = match given.preprocessor() {
        Some(Preprocessor::Text(encoder)) => Some(encoder),
        _ => None,
    };
    let known_labels = known.and(given.labels());
    if known_labels.is_some() && !given.is_multi_label() {
        refuse_several(path, &examples)?;
    }
    let several = !examples.label_sets.is_empty();
    let labels = match (config.is_autoencoder(), several, known_labels) {
        (true, ..) => Vec::new(),
        (false, false, known) => {
            let places = Places::Lines(&examples.lines);
            classes(path, &examples.labels, places, data, known, &mut account)?
        }
        (false, true, Some(known)) => known.to_vec(),
        (false, true, None) => set_labels(path, &examples.label_sets, &mut account)?,
    };
    columns.multi_label |= several;
    let classes = match labels.is_empty() || several {
        true => None,
        false => {
            Some(class_targets(path, &examples.labels, Places::Lines(&examples.lines), &labels)?)
        }
    };
    let rows = examples.texts.len();
    let split = Split::draw_without(fold, config, rows, classes.as_deref(), &mut account)?;
    let training_texts = split.training_of(&examples.texts);
    let encoder = match known {
        Some(encoder) => encoder.clone(),
        None => {
            let encoder = TextEncoder::fit(&training_texts, &config.text)?;
            // A bucket that no text fills has nothing to learn, and n-grams that training never met nothing to say.
            // Where places count they stay, so that none of those behind them moves.
            // (An autoencoder would have an output for each.)
            match config.is_autoencoder() || reads_any_length(config, given) {
                true => encoder.with_filled_buckets(&training_texts),
                false => encoder,
            }
        }
    };
    if known.is_none() {
        warn_of_tokens(&config.text, &encoder, &mut account);
    }
    // A bag and a mean have no length: texts are read whole, unless a length is asked for.
    let layout = match reads_any_length(config, given) {
        true => Layout::of(&encoder, &training_texts),
        false => Layout::Padded,
    };
    let reader = &*layout.reader(&encoder, config);
    drop(training_texts);
    let unknown = if data.skip_unknown { Unknown::LeftOut } else { Unknown::Refused };
    let [training, validation, held_out] = part(examples, &split);
    let (training, kept) =
        encode_texts(reader, layout, &labels, training, path, unknown, &mut account)?;
    let class_weight = config.training.class_weight.as_deref();
    let training = weigh(training, kept.weights, class_weight, &labels, several)?;
    let mut accounts = vec![account];
    let unknown = if data.skip_unknown { Unknown::LeftOut } else { Unknown::Kept };
    let validation = match &data.validation {
        None if validation.texts.is_empty() => None,
        None => Some(
            encode_texts(reader, layout, &labels, validation, path, unknown, &mut accounts[0])?.0,
        ),
        Some(path) => {
            let (dataset, account) =
                validation_texts(path, columns, reader, layout, &labels, unknown)?;
            accounts.push(account);
            Some(dataset)
        }
    };
    let held_out = match held_out.texts.is_empty() {
        true => None,
        false => {
            let (unknown, account) = (Unknown::HeldOut, &mut Account::default());
            Some(encode_texts(reader, layout, &labels, held_out, path, unknown, account)?.0)
        }
    };
    Ok(Loaded {
        training: training.into(),
        validation,
        test: None,
        held_out,
        task: match labels.is_empty() {
            true => Task::Given,
            false if several => Task::Labels,
            false => class_task(&labels),
        },
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

/// Texts to validate on, as the run reads its own by `columns`.
pub(super) fn validation_texts(
    path: &Path,
    columns: TextColumns,
    reader: &TextEncoder,
    layout: Layout,
    labels: &[String],
    unknown: Unknown,
) -> Result<(Dataset, Account)> {
    // An evaluation does not weigh.
    let examples = read_examples(path, &TextColumns { weight: None, ..columns })?;
    let mut account = examples.account.clone();
    let (dataset, _) = encode_texts(reader, layout, labels, examples, path, unknown, &mut account)?;
    Ok((dataset, account))
}

/// The parts of examples that are trained on, validated on, and held out.
fn part(examples: Examples, split: &Split) -> [Examples; 3] {
    if split.is_whole() {
        return [examples, Examples::default(), Examples::default()];
    }
    let mut place = vec![0; examples.texts.len()];
    split.validation.iter().for_each(|&row| place[row] = 1);
    split.held_out.iter().for_each(|&row| place[row] = 2);
    examples.part(place)
}

/// Texts as rows of ids with their targets, and those of them that are kept.
pub(super) fn encode_texts(
    encoder: &TextEncoder,
    layout: Layout,
    labels: &[String],
    examples: Examples,
    path: &Path,
    unknown: Unknown,
    account: &mut Account,
) -> Result<(Dataset, Examples)> {
    let rows = examples.texts.len();
    let coded = Coded::of(encoder, layout, examples, unknown == Unknown::LeftOut, account);
    warn_of_cut(encoder, &coded.cut, account);
    coded.unknown.judge(unknown, rows, path, account)?;
    coded.dataset(labels, path, account)
}

/// Texts as rows of ids.
#[derive(Debug)]
pub(super) struct Coded {
    inputs: Inputs,
    /// The texts that are kept.
    pub examples: Examples,
    /// Those of which no word is known.
    pub unknown: UnknownTexts,
    /// Lines of those that are longer than the encoder's rows.
    pub cut: Vec<u64>,
}

/// Texts of which no word is known.
#[derive(Debug, Default)]
pub(super) struct UnknownTexts {
    /// Their lines.
    lines: Vec<u64>,
    /// The beginning of the first.
    first: String,
}

impl Coded {
    /// Encodes texts. Those of which no word is known stay, or are left out, which the account says.
    pub fn of(
        encoder: &TextEncoder,
        layout: Layout,
        mut examples: Examples,
        leave_out: bool,
        account: &mut Account,
    ) -> Coded {
        let (mut inputs, encoded) = encode_rows(encoder, layout, &examples.texts);
        let is_unknown: Vec<bool> = encoded.iter().map(|encoded| encoded.known == 0).collect();
        let lines = lines_of(&encoded, &examples.lines, |encoded| encoded.known == 0);
        let cut = lines_of(&encoded, &examples.lines, |encoded| encoded.cut > 0);
        let first = is_unknown.iter().position(|&is| is);
        let first =
            first.map_or(String::new(), |row| examples.texts[row].chars().take(40).collect());
        if leave_out && !lines.is_empty() {
            let kept: Vec<usize> = (0..is_unknown.len()).filter(|&row| !is_unknown[row]).collect();
            inputs = inputs.take(&kept);
            lines.iter().for_each(|&line| account.without("no known word", line));
            examples.leave_out(&is_unknown);
        }
        Coded { inputs, examples, unknown: UnknownTexts { lines, first }, cut }
    }

    /// The rows with their targets, and the texts.
    pub fn dataset(
        self,
        labels: &[String],
        path: &Path,
        account: &mut Account,
    ) -> Result<(Dataset, Examples)> {
        let Coded { inputs, examples, .. } = self;
        let source = path.display().to_string();
        if labels.is_empty() {
            return Ok((Dataset::new(inputs, Targets::Inputs, source)?, examples));
        }
        let Examples { label_sets, lines, .. } = &examples;
        let (values, width) = match label_sets.is_empty() {
            true => (class_targets(path, &examples.labels, Places::Lines(lines), labels)?, 1),
            false => (set_targets(label_sets, lines, labels, account), labels.len()),
        };
        let dataset = Dataset::new(inputs, Targets::Values { values, width }, source)?;
        Ok((dataset, examples))
    }
}

impl UnknownTexts {
    /// Takes those of further rows to these.
    pub fn join(&mut self, other: UnknownTexts) {
        if self.lines.is_empty() {
            self.first = other.first;
        }
        self.lines.extend(other.lines);
    }

    /// Refuses them, of so many rows, or says of them what a person should know.
    pub fn judge(
        &self,
        unknown: Unknown,
        rows: usize,
        path: &Path,
        account: &mut Account,
    ) -> Result<()> {
        let UnknownTexts { lines, first } = self;
        match unknown {
            _ if lines.is_empty() => Ok(()),
            Unknown::LeftOut | Unknown::HeldOut => Ok(()),
            Unknown::Refused => Err(Error::line(
                path,
                lines[0],
                format!(
                    "the text \"{first}\" has no known word ({} of {rows} rows have none); correct or remove it, or set skip_unknown to leave such rows out",
                    lines.len(),
                ),
            )),
            Unknown::Kept if lines.len() == rows => Err(Error::data(
                path,
                "no row has a known word: is it in the language, and the column, that the model was trained on? Texts without spaces are parted into words by tokens = unicode, in training",
            )),
            Unknown::Kept => {
                account.warn(unknown_rows(lines, lines.len()));
                Ok(())
            }
        }
    }
}

/// Refuses texts of several labels, or of none, for a model that answers one.
pub(super) fn refuse_several(path: &Path, examples: &Examples) -> Result<()> {
    let sets = examples.label_sets.iter().zip(&examples.lines);
    match sets.into_iter().find(|(set, _)| set.len() != 1) {
        None => Ok(()),
        Some((set, &line)) => Err(Error::line(
            path,
            line,
            format!(
                "the row has {} labels, but the model gives each text one; train a model on such rows, or give each one label",
                set.len()
            ),
        )),
    }
}

/// Says which tokens were chosen where none were asked for and these are not the usual ones.
pub(crate) fn warn_of_tokens(options: &TextOptions, encoder: &TextEncoder, account: &mut Account) {
    if options.tokens.is_none() && encoder.tokens() == Tokens::Unicode {
        account.warn(
            "much of it is written without spaces, so tokens are words and characters by Unicode's rules (tokens = unicode); word_ngrams of 2 takes pairs of them too",
        );
    }
}

/// The rows of texts, and what became of each one's words.
pub(in crate::run) fn encode_rows<T: AsRef<str> + Sync>(
    encoder: &TextEncoder,
    layout: Layout,
    texts: &[T],
) -> (Inputs, Vec<Encoded>) {
    match layout {
        Layout::Padded => {
            let (values, encoded) = encoder.encode_all(texts);
            (Inputs::Ids { values, length: encoder.width() }, encoded)
        }
        Layout::Ragged { width } => {
            let (values, ends, encoded) = encoder.encode_ragged(texts);
            (Inputs::Ragged { values, ends, length: width }, encoded)
        }
    }
}

/// The lines of those texts of which this is so.
pub(super) fn lines_of(encoded: &[Encoded], lines: &[u64], is: fn(&Encoded) -> bool) -> Vec<u64> {
    let found = lines.iter().zip(encoded).filter(|(_, encoded)| is(encoded));
    found.map(|(line, _)| *line).collect()
}

/// Says of texts, by their lines, that they are longer than the rows that an encoder makes.
pub(super) fn warn_of_cut(encoder: &TextEncoder, lines: &[u64], account: &mut Account) {
    if !lines.is_empty() {
        account.warn(cut_texts(encoder.length(), lines, lines.len()));
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
        "{having} no known word ({}): what the model answers there rests on the bias alone. Texts without spaces are parted into words by tokens = unicode, in training",
        lines_as_words(lines, rows)
    )
}
