//! Words with their vectors, from whatever holds them: a model of texts, one of fastText's, or a file of vectors.
//! For a few words only their rows are read.

use std::collections::HashMap;
use std::path::Path;

use foldhash::fast::FixedState;

use crate::data::{FasttextFile, WordVectorTable, is_fasttext, read_word_vectors};
use crate::error::{Error, Result, did_you_mean};
use crate::kernels::dot;
use crate::model::fasttext::encoder_of;
use crate::model::{Layer, Model, Preprocessor};
use crate::text::{TextEncoder, Words};

/// All words of a model or file, and the vectors of those that were asked for.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// All of them.
    pub table: WordVectorTable,
    /// Of the words asked for: the word as it is known, and its vector.
    pub asked: Vec<Asked>,
}

/// A word that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Its place in the table; none where its vector comes of its n-grams alone.
    pub place: Option<usize>,
    pub vector: Vec<f32>,
}

/// Whether a file is a model of this program's (or, by its magic bytes, of fastText's), else one of vectors.
pub(super) fn is_model(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 9];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    // A safetensors file is eight bytes of a length, then JSON.
    read.is_ok() && start[8] == b'{' && start[4..8] == [0; 4]
}

/// The vectors of words in a model's table.
struct Rows<'m> {
    encoder: &'m TextEncoder,
    words: &'m [String],
    table: &'m [f32],
    units: usize,
}

impl<'m> Rows<'m> {
    fn of(model: &'m Model) -> Result<Rows<'m>> {
        let Preprocessor::Text(encoder) = &model.preprocessor else {
            return Err(Error::Model(
                "the model reads no texts, so it has no vectors of words; train one with `wgslearn train words`".into(),
            ));
        };
        let Words::Vocabulary(words) = encoder.words() else {
            return Err(Error::Model(
                "the model hashes its words, so their names are not known; train it with a hash_size of 0".into(),
            ));
        };
        let table = model.layers().first().filter(|layer| layer.table_rows().is_some());
        let Some(units) = table.and_then(Layer::units) else {
            return Err(Error::Model("the model has no embedding".into()));
        };
        let table = model.parameters().first().map_or(&[][..], |table| &table.values);
        Ok(Rows { encoder, words, table, units })
    }

    /// The vector of a word; none where nothing is known of it.
    fn vector(&self, word: &str) -> Option<Vec<f32>> {
        let rows = self.encoder.rows_of_word(word);
        (!rows.is_empty())
            .then(|| mean(&rows, self.units, |row| &self.table[row * self.units..][..self.units]))
    }

    fn table(&self) -> WordVectorTable {
        let (units, words) = (self.units, self.words.to_vec());
        let values = match self.encoder.subwords() {
            Some(_) => {
                self.words.iter().flat_map(|word| self.vector(word).unwrap_or_default()).collect()
            }
            None => {
                let first = self.encoder.first_word() as usize * units;
                self.table[first..first + words.len() * units].to_vec()
            }
        };
        WordVectorTable { words, values, units }
    }
}

/// The mean of rows.
fn mean<'t>(rows: &[u32], units: usize, row: impl Fn(usize) -> &'t [f32]) -> Vec<f32> {
    let mut sum = vec![0.0f32; units];
    for &at in rows {
        sum.iter_mut().zip(row(at as usize)).for_each(|(sum, value)| *sum += value);
    }
    let scale = 1.0 / rows.len().max(1) as f32;
    sum.iter_mut().for_each(|sum| *sum *= scale);
    if sum.iter().all(|value| value.is_finite()) {
        return sum;
    }
    // The sum is larger than single precision reaches; the mean is not.
    let mut sum = vec![0.0f64; units];
    for &at in rows {
        sum.iter_mut().zip(row(at as usize)).for_each(|(sum, &value)| *sum += value as f64);
    }
    sum.iter().map(|sum| (sum / rows.len().max(1) as f64) as f32).collect()
}

/// A vector in the direction of another, of length 1; zeros stay.
pub(super) fn unit(vector: &[f32]) -> Vec<f32> {
    let squares = dot(vector, vector);
    if squares.is_normal() {
        let scale = 1.0 / squares.sqrt();
        return vector.iter().map(|value| value * scale).collect();
    }
    // So large or so small that single precision has no number for its squares.
    let most = vector.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    if most == 0.0 {
        return vec![0.0; vector.len()];
    }
    let scaled: Vec<f32> = vector.iter().map(|value| value / most).collect();
    let length = dot(&scaled, &scaled).sqrt();
    scaled.iter().map(|value| value / length).collect()
}

/// The cosine of the angle between two vectors; none where one of them is zeros.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    let product = dot(a, a).sqrt() * dot(b, b).sqrt();
    if product.is_normal() {
        return Some(dot(a, b) / product);
    }
    let is_zero = |vector: &[f32]| vector.iter().all(|&value| value == 0.0);
    (!is_zero(a) && !is_zero(b)).then(|| dot(&unit(a), &unit(b)))
}

/// The words with their vectors of a model.
pub(super) fn table_of(model: &Model) -> Result<WordVectorTable> {
    Ok(Rows::of(model)?.table())
}

impl Lexicon {
    /// All words of `path`, and the vectors of `asked`: as they are written, else in lower case.
    ///
    /// # Errors
    /// Whatever reading meets; [`Error::Usage`] with what may have been meant for a word that is not known.
    pub fn open(path: &Path, asked: &[&str]) -> Result<Lexicon> {
        if !is_model(path) && !is_fasttext(path) {
            let table = read_word_vectors(path, &mut |_| true)?;
            return Lexicon::of(table, asked, |_| None);
        }
        Lexicon::of_model(&Model::load(path)?, asked)
    }

    /// Those of a model.
    pub fn of_model(model: &Model, asked: &[&str]) -> Result<Lexicon> {
        let rows = Rows::of(model)?;
        let has_subwords = rows.encoder.subwords().is_some();
        Lexicon::of(rows.table(), asked, |word| rows.vector(word).filter(|_| has_subwords))
    }

    fn of(
        table: WordVectorTable,
        asked: &[&str],
        other: impl Fn(&str) -> Option<Vec<f32>>,
    ) -> Result<Lexicon> {
        let known = |word: &str| table.words.iter().position(|known| known == word);
        let find = |&word: &&str| {
            let found = known(word).or_else(|| known(&word.to_lowercase()));
            let vector = match found {
                Some(place) => Some(table.values[place * table.units..][..table.units].to_vec()),
                None => other(word),
            };
            match vector {
                Some(vector) => Ok(Asked { place: found, vector }),
                None => Err(unknown_word(word, &table.words)),
            }
        };
        let asked = asked.iter().map(find).collect::<Result<_>>()?;
        Ok(Lexicon { table, asked })
    }

    /// Their cosines to `to`, by row; none for rows of zeros.
    pub fn cosines<'l>(&'l self, to: &'l [f32]) -> impl Iterator<Item = (usize, f32)> + 'l {
        self.table.rows().enumerate().filter_map(move |(i, row)| Some((i, cosine(row, to)?)))
    }
}

/// Says that a word is not known, and what may have been meant.
fn unknown_word(word: &str, words: &[String]) -> Error {
    Error::usage(format!(
        "the model does not know the word \"{word}\" (it knows {} words){}; take one of its training texts",
        words.len(),
        did_you_mean(word, words.iter().map(String::as_str))
    ))
}

/// The vectors of a few words, without reading those of the others.
///
/// # Errors
/// As [`Lexicon::open`].
pub(super) fn vectors_of(path: &Path, asked: &[&str]) -> Result<Vec<Vec<f32>>> {
    if is_fasttext(path) {
        let mut file = FasttextFile::open(path)?;
        let encoder = encoder_of(&file);
        let units = file.arguments.dim;
        let mut find = |&word: &&str| -> Result<Vec<f32>> {
            let lowered = word.to_lowercase();
            let is_word = |word: &str| file.words.iter().any(|known| known == word);
            let name = if !is_word(word) && is_word(&lowered) { &lowered } else { word };
            let rows = encoder.rows_of_word(name);
            if rows.is_empty() {
                return Err(unknown_word(word, &file.words));
            }
            let mut values = Vec::new();
            for &row in &rows {
                file.read_rows((row - encoder.first_word()) as usize, 1, &mut values)?;
            }
            let places: Vec<u32> = (0..rows.len() as u32).collect();
            Ok(mean(&places, units, |at| &values[at * units..][..units]))
        };
        return asked.iter().map(&mut find).collect();
    }
    if is_model(path) {
        let lexicon = Lexicon::open(path, asked)?;
        return Ok(lexicon.asked.into_iter().map(|asked| asked.vector).collect());
    }
    let lowered: Vec<String> = asked.iter().map(|word| word.to_lowercase()).collect();
    let table = read_word_vectors(path, &mut |word| {
        asked.contains(&word) || lowered.iter().any(|lowered| lowered == word)
    })?;
    let places: HashMap<&str, usize, FixedState> =
        table.words.iter().zip(0..).map(|(word, i)| (word.as_str(), i)).collect();
    let mut found = Vec::new();
    for (&word, lowered) in asked.iter().zip(&lowered) {
        let Some(place) = places.get(word).or_else(|| places.get(lowered.as_str())) else {
            // Which words there are is read only now, for the message.
            let all = read_word_vectors(path, &mut |_| true)?;
            return Err(unknown_word(word, &all.words));
        };
        found.push(table.values[place * table.units..][..table.units].to_vec());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_any_size_have_a_direction() {
        let (a, b) = ([3.0f32, 4.0, 0.0], [4.0f32, 3.0, 0.0]);
        for (of_a, of_b) in [(1.0, 1.0), (1e30, 1e30), (1e-30, 1e-30), (1e30, 1e-30), (6e37, 1e-38)]
        {
            let (a, b) = (a.map(|value| value * of_a), b.map(|value| value * of_b));
            let found = cosine(&a, &b).expect("an angle");
            assert!((found - 0.96).abs() < 1e-6, "{found} of {a:?} and {b:?}");
            let length: f32 = unit(&a).iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-6, "{length}");
        }
        assert_eq!(cosine(&a, &[0.0; 3]), None);
        assert_eq!(unit(&[0.0; 3]), [0.0; 3]);
        let rows = [[3e38f32, 1.0], [3e38, 3.0], [-3e38, 5.0]];
        assert_eq!(mean(&[0, 1, 2], 2, |row| &rows[row]), [1e38, 3.0]);
    }
}
