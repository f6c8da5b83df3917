//! Vectors of words and of texts: their nearest neighbours, analogies, pictures, and files of them.

use std::path::Path;

use serde::Serialize;

use super::documents::{Weighting, documents};
use super::lexicon::{Asked, Lexicon, cosine, table_of, unit, vectors_of};
use super::load::{encode_rows, layout_for};
use crate::backend::Device;
use crate::data::{TextColumns, VectorFormat, read_examples, write_word_vectors};
use crate::error::{Error, Result, did_you_mean};
use crate::files::write_whole;
use crate::kernels::dot;
use crate::model::{Model, Preprocessor};
use crate::report::{Cloud, Pca, PlotFormat, named_plot};
use crate::text::Words;

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

/// The `count` rows nearest to a vector by cosine, nearest first, without the rows `but`. Rows of zeros are near to
/// nothing.
fn nearest(
    cosines: impl Iterator<Item = (usize, f32)>,
    count: usize,
    but: &[usize],
) -> Vec<(usize, f32)> {
    let mut found: Vec<(usize, f32)> = cosines.filter(|(row, _)| !but.contains(row)).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(count);
    found
}

fn words_near(lexicon: &Lexicon, to: &[f32], count: usize, but: &[usize]) -> Vec<Neighbour> {
    let neighbour = |(i, similarity): (usize, f32)| {
        let text = lexicon.table.words[i].clone();
        Neighbour { text, similarity, line: None }
    };
    nearest(lexicon.cosines(to), count, but).into_iter().map(neighbour).collect()
}

/// The words nearest to `word` in a model's embedding. Of a model with subwords, `word` may be one that training never
/// met.
///
/// # Errors
/// [`Error::Model`] when the model has no words, [`Error::Usage`] when it does not know this one.
pub fn neighbours(model: &Model, word: &str, count: usize) -> Result<Vec<Neighbour>> {
    near(&Lexicon::of_model(model, &[word])?, count)
}

/// [`neighbours`] in a file: a model of this program's or of fastText's, or a file of vectors.
///
/// # Errors
/// As [`neighbours`], and whatever reading meets.
pub fn neighbours_in(path: &Path, word: &str, count: usize) -> Result<Vec<Neighbour>> {
    near(&Lexicon::open(path, &[word])?, count)
}

fn near(lexicon: &Lexicon, count: usize) -> Result<Vec<Neighbour>> {
    let Some(Asked { place, vector }) = lexicon.asked.first() else { return Ok(Vec::new()) };
    Ok(words_near(lexicon, vector, count, place.as_slice()))
}

/// The words that are to `c` as `b` is to `a`: nearest to b - a + c, of vectors of length 1 (Mikolov et al. 2013,
/// gensim's `most_similar`). The three are no answers.
///
/// # Errors
/// As [`neighbours_in`].
pub fn analogy(path: &Path, [a, b, c]: [&str; 3], count: usize) -> Result<Vec<Neighbour>> {
    let lexicon = Lexicon::open(path, &[a, b, c])?;
    let units: Vec<Vec<f32>> = lexicon.asked.iter().map(|asked| unit(&asked.vector)).collect();
    let [a, b, c] = &units[..] else { return Ok(Vec::new()) };
    let wanted: Vec<f32> = a.iter().zip(b).zip(c).map(|((a, b), c)| b - a + c).collect();
    let but: Vec<usize> = lexicon.asked.iter().filter_map(|asked| asked.place).collect();
    Ok(words_near(&lexicon, &wanted, count, &but))
}

/// The cosine of the angle between the vectors of two words, of which alone the rows are read.
///
/// # Errors
/// As [`neighbours_in`]; [`Error::Data`] for a word whose vector is zero.
pub fn similarity(path: &Path, a: &str, b: &str) -> Result<f32> {
    let found = vectors_of(path, &[a, b])?;
    let units: Vec<Vec<f32>> = found.iter().map(|vector| unit(vector)).collect();
    for (word, unit) in [a, b].iter().zip(&units) {
        if unit.iter().all(|&value| value == 0.0) {
            return Err(Error::data(
                path,
                format!("the vector of \"{word}\" is zero: near to nothing"),
            ));
        }
    }
    Ok(dot(&units[0], &units[1]))
}

/// The word that goes least with the others, and how far each goes with their mean, least first (gensim's
/// `doesnt_match`).
///
/// # Errors
/// As [`neighbours_in`]; [`Error::Usage`] for fewer than three words.
pub fn odd_one_out(path: &Path, words: &[&str]) -> Result<Vec<Neighbour>> {
    if words.len() < 3 {
        return Err(Error::usage("of fewer than three words none is the odd one; give more"));
    }
    let units: Vec<Vec<f32>> = vectors_of(path, words)?.iter().map(|vector| unit(vector)).collect();
    let mut sum = vec![0.0; units[0].len()];
    units.iter().for_each(|unit| sum.iter_mut().zip(unit).for_each(|(sum, value)| *sum += value));
    let mean = unit(&sum);
    let neighbour = |(word, unit): (&&str, &Vec<f32>)| Neighbour {
        text: (*word).to_owned(),
        similarity: dot(unit, &mean),
        line: None,
    };
    let mut found: Vec<Neighbour> = words.iter().zip(&units).map(neighbour).collect();
    found.sort_by(|a, b| a.similarity.total_cmp(&b.similarity));
    Ok(found)
}

/// A picture of words as points, by the first two principal components of their vectors: of `words`, or of the first
/// `count` of the file.
///
/// # Errors
/// As [`neighbours_in`]; [`Error::Usage`] for fewer than three words.
pub fn plot_words(
    path: &Path,
    words: &[&str],
    count: usize,
    format: PlotFormat,
) -> Result<Vec<u8>> {
    let (names, vectors): (Vec<String>, Vec<Vec<f32>>) = match words.is_empty() {
        true => {
            let table = Lexicon::open(path, &[])?.table;
            let rows = table.rows().map(<[f32]>::to_vec).take(count).collect();
            (table.words.into_iter().take(count).collect(), rows)
        }
        false => (words.iter().map(|&word| word.to_owned()).collect(), vectors_of(path, words)?),
    };
    if names.len() < 3 {
        return Err(Error::usage("a picture is of three words and more; name more"));
    }
    // Directions are what vectors of words tell.
    let units: Vec<f32> = vectors.iter().flat_map(|vector| unit(vector)).collect();
    let points = Pca::fit(&units, vectors[0].len(), 2)?.encode(&units);
    let cloud = Cloud {
        title: format!("{} words", names.len()),
        axes: ["first principal component", "second principal component"],
        points: points.chunks_exact(2).map(|point| [point[0], point[1]]).collect(),
    };
    named_plot(&cloud, &names, format)
}

/// How vectors are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A file of words and vectors.
    Vectors(VectorFormat),
    /// A model of fastText's.
    Fasttext,
}

impl ExportFormat {
    /// Their names.
    pub const NAMES: [&str; 5] = ["text", "word2vec-binary", "fasttext", "npy", "csv"];

    /// The format of that name.
    pub fn of_name(name: &str) -> Option<ExportFormat> {
        Some(match name {
            "text" => ExportFormat::Vectors(VectorFormat::Text),
            "word2vec-binary" => ExportFormat::Vectors(VectorFormat::Word2vecBinary),
            "fasttext" => ExportFormat::Fasttext,
            "npy" => ExportFormat::Vectors(VectorFormat::Npy),
            "csv" => ExportFormat::Vectors(VectorFormat::Csv),
            _ => return None,
        })
    }

    /// What a file's extension names: `.txt` and `.vec` text, `.bin` fastText's, `.npy`, `.csv`.
    pub fn of_path(path: &Path) -> Option<ExportFormat> {
        let extension = path.extension()?.to_string_lossy().to_lowercase();
        ExportFormat::of_name(match extension.as_str() {
            "txt" | "vec" => "text",
            "bin" => "fasttext",
            other => other,
        })
        .filter(|_| !["text", "fasttext", "word2vec-binary"].contains(&extension.as_str()))
    }

    /// The extensions of its files.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            ExportFormat::Vectors(VectorFormat::Text) => &["txt", "vec"],
            ExportFormat::Vectors(VectorFormat::Npy) => &["npy"],
            ExportFormat::Vectors(VectorFormat::Csv) => &["csv"],
            ExportFormat::Vectors(VectorFormat::Word2vecBinary) | ExportFormat::Fasttext => {
                &["bin"]
            }
        }
    }
}

/// Writes the words of a model with their vectors, or the model as one of fastText's; returns the number of words. Words
/// of an array stand beside it ([`words_beside`](crate::data::words_beside)).
///
/// # Errors
/// [`Error::Model`] when the model has no words or fastText's file cannot hold it, [`Error::File`].
pub fn export_vectors(model: &Model, path: &Path, format: ExportFormat) -> Result<usize> {
    let table = table_of(model)?;
    match format {
        ExportFormat::Vectors(format) => write_word_vectors(path, &table, format)?,
        ExportFormat::Fasttext => write_whole(path, &model.to_fasttext()?)?,
    }
    Ok(table.words.len())
}

/// Writes a model's vectors of words in word2vec's text format: a line with the numbers of words
/// and of elements, then a line a word.
///
/// # Errors
/// [`Error::Model`] when the model has no words, [`Error::File`]. Returns the number of words.
pub fn export_word2vec(model: &Model, path: &Path) -> Result<usize> {
    export_vectors(model, path, ExportFormat::Vectors(VectorFormat::Text))
}

/// The codes that a model gives texts, however long, `[texts, width]`; the known words of each, and the width.
fn codes_of(
    model: &Model,
    texts: &[&str],
    device: &Device,
) -> Result<(Vec<f32>, Vec<usize>, usize)> {
    let whole = model.for_texts(texts);
    let Preprocessor::Text(encoder) = &whole.preprocessor else {
        return Err(Error::Model("the model reads no texts".into()));
    };
    let part = whole.encoder_part()?;
    let layout = layout_for(&part, encoder, texts);
    let (inputs, encoded) = encode_rows(encoder, layout, texts);
    let codes = part.predict(&inputs, device)?;
    Ok((codes, encoded.iter().map(|encoded| encoded.known).collect(), part.outputs()))
}

/// The documents nearest to `text` by the codes that the model gives both: those of the file `among`,
/// else of the file that the model was trained on. `weighting` says how the words of word vectors make a text's.
///
/// # Errors
/// [`Error::Model`] when the model gives no codes of texts, [`Error::Usage`] when no word of the
/// text is known or the documents are not there.
pub fn similar(
    model: &Model,
    text: &str,
    among: Option<&Path>,
    text_column: Option<&str>,
    weighting: Weighting,
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
    let Some(path) = among.or(source.map(|source| source.path.as_path())) else {
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
    let mut all: Vec<&str> = examples.texts.iter().map(String::as_str).collect();
    all.push(text);
    let (codes, words, width) = match weighting {
        Weighting::Sif => {
            let found = documents(model, &all, examples.texts.len())?;
            (found.values, found.known, found.width)
        }
        Weighting::Mean => codes_of(model, &all, device)?,
    };
    let (codes, asked) = codes.split_at(examples.texts.len() * width);
    // The code of a text without a known word is the bias alone, near to whatever is near that.
    let known: Vec<usize> = (0..examples.texts.len()).filter(|&row| words[row] > 0).collect();
    let rows: Vec<f32> =
        known.iter().flat_map(|&row| &codes[row * width..][..width]).copied().collect();
    let cosines = rows
        .chunks_exact(width.max(1))
        .enumerate()
        .filter_map(|(i, row)| Some((i, cosine(row, asked)?)));
    let found = nearest(cosines, count, &[]);
    let neighbour = |(i, similarity): (usize, f32)| Neighbour {
        text: examples.texts[known[i]].clone(),
        similarity,
        line: Some(examples.lines[known[i]]),
    };
    Ok(found.into_iter().map(neighbour).collect())
}
