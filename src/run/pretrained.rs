//! Vectors that were trained before, for the words of a run: of which rows of its table they are the first values.

use std::path::Path;

use super::lexicon::is_model;
use crate::data::{FasttextFile, is_fasttext, read_word_vectors};
use crate::error::{Error, Result};
use crate::model::fasttext::encoder_of;
use crate::model::{Layer, Model, Preprocessor};
use crate::text::{TextEncoder, Words};

/// Vectors for rows of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Pretrained {
    /// Elements of a vector.
    pub units: usize,
    /// Row and vector.
    pub rows: Vec<(u32, Vec<f32>)>,
    /// Words of the run that have one.
    pub found: usize,
    /// Words of the run.
    pub words: usize,
}

impl Pretrained {
    /// Reads those of `path` that `encoder` has rows for: of the words, and of the n-grams where both have the same.
    ///
    /// # Errors
    /// Whatever reading meets; [`Error::Usage`] where words are hashed, or made of other n-grams there.
    pub fn read(path: &Path, encoder: &TextEncoder) -> Result<Pretrained> {
        let Words::Vocabulary(words) = encoder.words() else {
            return Err(Error::usage(
                "pretrained vectors are of words by name; leave out hash_size",
            ));
        };
        let first = encoder.first_word();
        let mut found = Pretrained { words: words.len(), ..Pretrained::default() };
        if is_fasttext(path) {
            let mut file = FasttextFile::open(path)?;
            found.units = file.arguments.dim;
            let (other, units) = (encoder_of(&file), found.units);
            let mut row = |row: u32| {
                let mut values = Vec::with_capacity(units);
                file.read_rows((row - other.first_word()) as usize, 1, &mut values)?;
                Ok(values)
            };
            found.take(path, encoder, &other, &mut row)?;
        } else if is_model(path) {
            let model = Model::load(path)?;
            let (Preprocessor::Text(other), Some(units), Some(table)) = (
                &model.preprocessor,
                model.layers().first().and_then(Layer::units),
                model.parameters().first(),
            ) else {
                return Err(Error::data(
                    path,
                    "the model reads no texts, so it has no vectors of words",
                ));
            };
            found.units = units;
            let mut row = |row: u32| Ok(table.values[row as usize * units..][..units].to_vec());
            found.take(path, encoder, other, &mut row)?;
        } else {
            if encoder.subwords().is_some() {
                return Err(Self::other_ngrams(path));
            }
            let wanted: std::collections::HashMap<&str, u32, foldhash::fast::FixedState> =
                words.iter().zip(first..).map(|(word, id)| (word.as_str(), id)).collect();
            let table = read_word_vectors(path, &mut |word| wanted.contains_key(word))?;
            found.units = table.units;
            for (word, vector) in table.words.iter().zip(table.rows()) {
                found.rows.push((wanted[word.as_str()], vector.to_vec()));
            }
            found.found = found.rows.len();
        }
        if found.found == 0 {
            return Err(Error::data(
                path,
                format!(
                    "none of the {} words of the texts has a vector here; are they in the same language, and lowered?",
                    words.len()
                ),
            ));
        }
        Ok(found)
    }

    fn other_ngrams(path: &Path) -> Error {
        Error::usage(format!(
            "the words of {} are not made of the n-grams that subwords and ngram_buckets tell; give those of its training, or leave subwords out",
            path.display()
        ))
    }

    /// Takes the rows of another encoder's table.
    fn take(
        &mut self,
        path: &Path,
        encoder: &TextEncoder,
        other: &TextEncoder,
        row: &mut dyn FnMut(u32) -> Result<Vec<f32>>,
    ) -> Result<()> {
        let Words::Vocabulary(words) = encoder.words() else { return Ok(()) };
        let first = encoder.first_word();
        if encoder.subwords().is_none() {
            for (word, id) in words.iter().zip(first..) {
                let theirs = other.rows_of_word(word);
                if theirs.is_empty() {
                    continue;
                }
                let mut sum = vec![0.0f32; self.units];
                for &their in &theirs {
                    sum.iter_mut().zip(row(their)?).for_each(|(sum, value)| *sum += value);
                }
                let scale = 1.0 / theirs.len() as f32;
                sum.iter_mut().for_each(|sum| *sum *= scale);
                self.rows.push((id, sum));
                self.found += 1;
            }
            return Ok(());
        }
        if other.subwords() != encoder.subwords() || other.buckets() != encoder.buckets() {
            return Err(Self::other_ngrams(path));
        }
        for (word, id) in words.iter().zip(first..) {
            if let Some(their) = other.own_row(word) {
                self.rows.push((id, row(their)?));
                self.found += 1;
            }
        }
        for bucket in encoder.used_buckets() {
            self.rows.push((encoder.bucket_row(bucket), row(other.bucket_row(bucket))?));
        }
        Ok(())
    }

    /// How many words were found.
    pub fn account(&self, path: &Path) -> String {
        format!(
            "{} of {} words have a pretrained vector in {}",
            self.found,
            self.words,
            path.display()
        )
    }
}
