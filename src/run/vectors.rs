//! Vectors of words and of texts: their nearest neighbours, and word2vec's text format.

use std::path::Path;

use serde::Serialize;

use super::load::{encode_rows, layout_for};
use crate::backend::Device;
use crate::data::{TextColumns, read_examples};
use crate::error::{Error, Result, did_you_mean};
use crate::files::write_whole;
use crate::kernels::dot;
use crate::model::{Layer, Model, Preprocessor};
use crate::text::{TextEncoder, Words};

/// Something near, and how near: the cosine of the angle between the two vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The word, or the text.
    pub text: String,
    /// From -1 to 1.
    pub similarity: f32,
    /// Where the text stands in its file, from 1; none for words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// The words of a model and their vectors.
struct WordVectors<'m> {
    encoder: &'m TextEncoder,
    words: &'m [String],
    /// `[rows, units]`, of which the words' rows follow padding and the unknown word.
    table: &'m [f32],
    units: usize,
}

impl<'m> WordVectors<'m> {
    fn of(model: &'m Model) -> Result<WordVectors<'m>> {
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
        Ok(WordVectors { encoder, words, table, units })
    }

    fn vector(&self, word: usize) -> &'m [f32] {
        let row = self.encoder.first_word() as usize + word;
        &self.table[row * self.units..][..self.units]
    }
}

/// The `count` rows of `[rows, width]` nearest to `to` by cosine, without the row `but`: (row,
/// cosine), nearest first. Rows of zeros are near to nothing.
fn nearest(
    rows: &[f32],
    width: usize,
    to: &[f32],
    count: usize,
    but: Option<usize>,
) -> Vec<(usize, f32)> {
    let length = dot(to, to).sqrt();
    let cosine = |(i, row): (usize, &[f32])| {
        let product = dot(row, row).sqrt() * length;
        (product > 0.0 && Some(i) != but).then(|| (i, dot(row, to) / product))
    };
    let mut found: Vec<(usize, f32)> =
        rows.chunks_exact(width).enumerate().filter_map(cosine).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(count);
    found
}

/// The words nearest to `word` in a model's embedding.
///
/// # Errors
/// [`Error::Model`] when the model has no words, [`Error::Usage`] when it does not know this one.
pub fn neighbours(model: &Model, word: &str, count: usize) -> Result<Vec<Neighbour>> {
    let vectors = WordVectors::of(model)?;
    let known = |word: &str| vectors.words.iter().position(|known| known == word);
    let lowered = word.to_lowercase();
    let Some(at) = known(word).or_else(|| known(&lowered)) else {
        return Err(Error::usage(format!(
            "the model does not know the word \"{word}\" (it knows {} words){}; take one of its training texts",
            vectors.words.len(),
            did_you_mean(word, vectors.words.iter().map(String::as_str))
        )));
    };
    let first = vectors.encoder.first_word() as usize * vectors.units;
    let rows = &vectors.table[first..first + vectors.words.len() * vectors.units];
    let found = nearest(rows, vectors.units, vectors.vector(at), count, Some(at));
    let neighbour = |(i, similarity): (usize, f32)| {
        let text = vectors.words[i].clone();
        Neighbour { text, similarity, line: None }
    };
    Ok(found.into_iter().map(neighbour).collect())
}

/// Writes a model's vectors of words in word2vec's text format: a line with the numbers of words
/// and of elements, then a line a word.
///
/// # Errors
/// [`Error::Model`] when the model has no words, [`Error::File`]. Returns the number of words.
pub fn export_word2vec(model: &Model, path: &Path) -> Result<usize> {
    let vectors = WordVectors::of(model)?;
    let mut text = format!("{} {}\n", vectors.words.len(), vectors.units);
    for (i, word) in vectors.words.iter().enumerate() {
        text += word;
        for value in vectors.vector(i) {
            text += &format!(" {value}");
        }
        text.push('\n');
    }
    write_whole(path, text.as_bytes())?;
    Ok(vectors.words.len())
}

/// The documents nearest to `text` by the codes that the model gives both: those of `documents`,
/// else of the file that the model was trained on.
///
/// # Errors
/// [`Error::Model`] when the model gives no codes of texts, [`Error::Usage`] when no word of the
/// text is known or the documents are not there.
pub fn similar(
    model: &Model,
    text: &str,
    documents: Option<&Path>,
    text_column: Option<&str>,
    count: usize,
    device: &Device,
) -> Result<Vec<Neighbour>> {
    let Preprocessor::Text(encoder) = &model.preprocessor else {
        return Err(Error::Model("the model reads no texts".into()));
    };
    model.latent_width()?;
    let mut ids = Vec::new();
    if encoder.encode(text, &mut ids).known == 0 {
        let words: &[String] = match encoder.words() {
            Words::Vocabulary(words) => words,
            _ => &[],
        };
        let near = |word| did_you_mean(word, words.iter().map(String::as_str));
        let found = text.split_whitespace().take(8).map(near).find(|found| !found.is_empty());
        return Err(Error::usage(format!(
            "no word of \"{text}\" is known to the model{}; ask with words of its training texts",
            found.unwrap_or_default()
        )));
    }
    let source = model.source.as_ref();
    let Some(path) = documents.or(source.map(|source| source.path.as_path())) else {
        return Err(Error::usage("name the documents to search"));
    };
    if !path.exists() {
        return Err(Error::usage(format!(
            "{} is not there; name the documents to search",
            path.display()
        )));
    }
    let column = text_column.or(source.map(|source| source.text_column.as_str())).unwrap_or("text");
    let columns = TextColumns::of_texts(column);
    let examples = read_examples(path, &columns)?;
    // Whole texts are read, the one asked with among them.
    let mut all: Vec<&str> = examples.texts.iter().map(String::as_str).collect();
    all.push(text);
    let whole = model.for_texts(&all);
    let Preprocessor::Text(encoder) = &whole.preprocessor else {
        return Err(Error::Model("the model reads no texts".into()));
    };
    let part = whole.encoder_part()?;
    let layout = layout_for(&part, encoder, &all);
    let (inputs, encoded) = encode_rows(encoder, layout, &all);
    let codes = part.predict(&inputs, device)?;
    let (codes, asked) = codes.split_at(examples.texts.len() * part.outputs());
    // The code of a text without a known word is the bias alone, near to whatever is near that.
    let known: Vec<usize> =
        (0..examples.texts.len()).filter(|&row| encoded[row].known > 0).collect();
    let width = part.outputs();
    let rows: Vec<f32> =
        known.iter().flat_map(|&row| &codes[row * width..][..width]).copied().collect();
    let found = nearest(&rows, width, asked, count, None);
    let neighbour = |(i, similarity): (usize, f32)| Neighbour {
        text: examples.texts[known[i]].clone(),
        similarity,
        line: Some(examples.lines[known[i]]),
    };
    Ok(found.into_iter().map(neighbour).collect())
}
