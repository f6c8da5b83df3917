//! Vectors of documents from vectors of words: smooth inverse frequency.
//!
//! Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings": a document's vector is the mean
//! of its words' vectors, each times a / (a + p), where p is the word's share of all words; then what all documents have
//! in common, their first singular direction, is taken from each. Frequent words, which stand in every document, count
//! little then, and two documents are near where they share what is rare.

use std::path::Path;

use rayon::prelude::*;

use super::codes::Codes;
use crate::data::{Account, TextColumns, read_examples};
use crate::error::{Error, Result};
use crate::model::{Layer, Model, Preprocessor};
use crate::report::first_direction;
use crate::text::{TextEncoder, Words};

/// How the words of a text are weighed in its vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weighting {
    /// As the model's layers have it: of word vectors the mean.
    #[default]
    Mean,
    /// By smooth inverse frequency, without what all texts have in common.
    Sif,
}

impl Weighting {
    /// Their names.
    pub const NAMES: [&str; 2] = ["mean", "sif"];

    /// The weighting of that name.
    pub fn of_name(name: &str) -> Option<Weighting> {
        match name {
            "mean" => Some(Weighting::Mean),
            "sif" => Some(Weighting::Sif),
            _ => None,
        }
    }
}

/// a of the paper, which found 1e-3 to 1e-4 equally good.
const SMOOTH: f64 = 1e-3;

/// Texts that a thread takes at once.
const STRETCH: usize = 256;

/// Vectors of texts.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    /// `[texts, width]`; zeros for a text without a known word.
    pub values: Vec<f32>,
    pub width: usize,
    /// Known words of each text.
    pub known: Vec<usize>,
    /// What should be known of how they were made.
    pub notes: Vec<String>,
}

/// The vectors of texts by a model's words. What the first `among` of them have in common is taken from all.
///
/// # Errors
/// [`Error::Model`] for a model that is not words' vectors.
pub(super) fn documents(model: &Model, texts: &[&str], among: usize) -> Result<Documents> {
    let (encoder, table, width) = parts(model)?;
    let mut notes = Vec::new();
    let mut counts: Vec<f64> = encoder.counts().iter().map(|&count| count as f64).collect();
    if counts.is_empty() {
        counts = counted(encoder, &texts[..among]);
        notes.push(
            "the model does not tell how frequent its words are, so that was counted in these texts"
                .into(),
        );
    }
    let total = counts.iter().sum::<f64>().max(1.0);
    let weight = |id: u32| {
        let place = id.checked_sub(encoder.first_word()).map(|place| place as usize);
        let count = place.and_then(|place| counts.get(place)).copied().unwrap_or(0.0);
        SMOOTH / (SMOOTH + count / total)
    };
    let has_subwords = encoder.subwords().is_some();
    // The sum over a text's words, and how many they are.
    let sum = |text: &str, lowered: &mut String, sum: &mut [f64]| {
        let mut words = 0;
        let mut add = |rows: &[u32], weight: f64| {
            let weight = weight / rows.len() as f64;
            for &row in rows {
                let row = &table[row as usize * width..][..width];
                sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += weight * x as f64);
            }
            words += 1;
        };
        match has_subwords {
            false => encoder.for_each_known(text, lowered, |id| add(&[id], weight(id))),
            true => encoder.for_each_token(text, lowered, |word| {
                let rows = encoder.rows_of_word(word);
                if !rows.is_empty() {
                    add(&rows, encoder.own_row(word).map_or(1.0, weight));
                }
            }),
        }
        words
    };
    let parts: Vec<(Vec<f32>, Vec<usize>)> = texts
        .par_chunks(STRETCH)
        .map(|texts| {
            let (mut lowered, mut values, mut known) = (String::new(), Vec::new(), Vec::new());
            for text in texts {
                let mut row = vec![0.0; width];
                let words = sum(text, &mut lowered, &mut row);
                values.extend(row.iter().map(|value| (value / words.max(1) as f64) as f32));
                known.push(words);
            }
            (values, known)
        })
        .collect();
    let (mut values, mut known) = (Vec::with_capacity(texts.len() * width), Vec::new());
    for (of_part, known_of_part) in parts {
        values.extend(of_part);
        known.extend(known_of_part);
    }
    match known[..among].iter().filter(|&&known| known > 0).count() {
        // One document has all in common with itself.
        0 | 1 => notes.push(
            "of fewer than two texts with known words nothing common is taken from their vectors"
                .into(),
        ),
        _ => {
            let common = first_direction(&values[..among * width], width);
            for row in values.chunks_exact_mut(width.max(1)) {
                let along: f64 = row.iter().zip(&common).map(|(&x, u)| x as f64 * u).sum();
                let each = row.iter_mut().zip(&common);
                each.for_each(|(x, u)| *x = (*x as f64 - along * u) as f32);
            }
        }
    }
    Ok(Documents { values, width, known, notes })
}

/// The words, their table and the width of a row, of a model that is words' vectors and nothing else.
fn parts(model: &Model) -> Result<(&TextEncoder, &[f32], usize)> {
    let refuse = || {
        Err(Error::Model(
            "only words' vectors are weighed by frequency; train some with `wgslearn train words`, or take the weighting mean"
                .into(),
        ))
    };
    let Preprocessor::Text(encoder) = &model.preprocessor else { return refuse() };
    let kinds: Vec<&str> = model.layers().iter().map(Layer::kind).collect();
    let (Words::Vocabulary(_), ["embedding", "mean_pool"]) = (encoder.words(), &kinds[..]) else {
        return refuse();
    };
    let width = model.layers()[0].units().unwrap_or(0);
    let table = model.parameters().first().map_or(&[][..], |table| &table.values);
    Ok((encoder, table, width))
}

/// How often texts have each word of a vocabulary.
fn counted(encoder: &TextEncoder, texts: &[&str]) -> Vec<f64> {
    let mut counts = vec![0.0; encoder.vocabulary().len()];
    let (mut lowered, first) = (String::new(), encoder.first_word());
    for text in texts {
        encoder.for_each_known(text, &mut lowered, |id| {
            if let Some(count) = counts.get_mut((id - first) as usize) {
                *count += 1.0;
            }
        });
    }
    counts
}

/// The vectors of a file's texts, weighed by smooth inverse frequency: each text's is that of its words that are known.
/// What is common to the file's texts is taken from all, so texts that are to be compared stand in one file.
///
/// # Errors
/// [`Error::Model`] for a model that is not words' vectors, and whatever reading meets.
pub fn encode_documents(model: &Model, path: &Path, text_column: &str) -> Result<(Codes, Account)> {
    parts(model)?;
    let examples = read_examples(path, &TextColumns::of_texts(text_column))?;
    let texts: Vec<&str> = examples.texts.iter().map(String::as_str).collect();
    let found = documents(model, &texts, texts.len())?;
    let mut account = examples.account;
    found.notes.into_iter().for_each(|note| account.warn(note));
    let unknown = found.known.iter().filter(|&&known| known == 0).count();
    if unknown > 0 {
        account.warn(format!(
            "{unknown} of {} texts have no known word; their vectors are zeros",
            texts.len()
        ));
    }
    Ok((
        Codes {
            values: found.values,
            width: found.width,
            names: Vec::new(),
            unit: 1.0,
            image: None,
        },
        account,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Input, Loss};
    use crate::text::TextOptions;

    /// Words with vectors by hand; "the" stands in every text.
    fn model(texts: &[&str], options: TextOptions) -> Model {
        let encoder = TextEncoder::fit(texts, &options).expect("an encoder");
        let layers = vec![Layer::embedding(encoder.rows(), 3), Layer::mean_pool()];
        let input = Input::Ids { length: encoder.width() };
        let mut model = Model::new(input, layers, Loss::NegativeSampling, 1).expect("a model");
        let values = &mut model.parameters_mut()[0].values;
        values.iter_mut().zip(0..).for_each(|(value, i)| *value = ((i * 7) % 11) as f32 - 4.0);
        model.latent_layer = Some(2);
        model.preprocessor = Preprocessor::Text(encoder);
        model
    }

    const TEXTS: [&str; 4] = ["the good film", "the bad film the", "the plot", "nothing known?"];

    #[test]
    fn vectors_are_those_of_the_formula() {
        let mut model = model(&TEXTS[..3], TextOptions::default());
        let Preprocessor::Text(encoder) = &mut model.preprocessor else { panic!("texts") };
        // the, film, then by first appearance.
        assert_eq!(encoder.vocabulary(), ["the", "film", "good", "bad", "plot"]);
        let counts = [40.0, 20.0, 10.0, 10.0, 20.0];
        encoder.set_counts(counts.map(|count| count as u64).to_vec());
        let found = documents(&model, &TEXTS, 4).expect("vectors");
        assert_eq!((found.width, &found.known[..]), (3, &[3, 4, 2, 0][..]));
        assert!(found.notes.is_empty(), "{:?}", found.notes);
        let table = &model.parameters()[0].values;
        let word = |id: usize| -> Vec<f64> {
            let weight = 1e-3 / (1e-3 + counts[id] / 100.0);
            table[(id + 2) * 3..][..3].iter().map(|&x| weight * x as f64).collect()
        };
        let mean = |ids: &[usize]| -> Vec<f64> {
            (0..3)
                .map(|i| ids.iter().map(|&id| word(id)[i]).sum::<f64>() / ids.len() as f64)
                .collect()
        };
        let plain = [mean(&[0, 2, 1]), mean(&[0, 3, 1, 0]), mean(&[0, 4])];
        // The first direction by the power method.
        let mut common = vec![0.3, 0.5, 0.7];
        for _ in 0..10_000 {
            let mut next = [0.0; 3];
            for row in &plain {
                let along: f64 = row.iter().zip(&common).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
            let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt();
            common = next.iter().map(|x| x / norm).collect();
        }
        for (row, plain) in found.values.chunks_exact(3).zip(&plain) {
            let along: f64 = plain.iter().zip(&common).map(|(a, b)| a * b).sum();
            for ((&x, plain), u) in row.iter().zip(plain).zip(&common) {
                assert!((x as f64 - (plain - along * u)).abs() < 1e-7, "{row:?}");
            }
        }
        assert_eq!(found.values[9..], [0.0; 3]);
        // A text that is asked with has no part in what the others have in common.
        let asked =
            documents(&model, &[&TEXTS[..3], &["film plot bad"]].concat(), 3).expect("vectors");
        assert_eq!(asked.values[..9], found.values[..9]);
    }

    #[test]
    fn what_a_model_does_not_tell_is_counted_and_said() {
        let model = model(&TEXTS[..3], TextOptions::default());
        let found = documents(&model, &TEXTS, 4).expect("vectors");
        assert!(found.notes[0].contains("how frequent"), "{:?}", found.notes);
        let one = documents(&model, &TEXTS[..1], 1).expect("vectors");
        assert!(one.notes.iter().any(|note| note.contains("fewer than two")), "{:?}", one.notes);
        assert!(one.values.iter().any(|&x| x != 0.0));
        assert!(documents(&model, &[], 0).expect("none").values.is_empty());
        // Words of which only n-grams are known have vectors with subwords.
        let options = TextOptions {
            subwords: Some("3-4".parse().expect("lengths")),
            ngram_buckets: 1 << 20,
            ..TextOptions::default()
        };
        let model = self::model(&TEXTS[..3], options);
        let found = documents(&model, &["films", "xyzzy quux"], 2).expect("vectors");
        assert_eq!(found.known, [1, 0]);
    }

    #[test]
    fn other_models_are_refused() {
        let mut model = model(&TEXTS[..3], TextOptions::default());
        model.preprocessor = Preprocessor::None;
        let error = documents(&model, &TEXTS, 4).expect_err("refused").to_string();
        assert!(error.contains("train words"), "{error}");
    }
}
