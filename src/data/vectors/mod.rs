//! Files of word vectors: word2vec's text and binary format, GloVe's and fastText's text format, and fastText's own
//! models. Only the words asked for are kept; sizes that a file tells are held against its own before memory is asked for.

mod fasttext;
mod stream;

use std::path::Path;

pub(crate) use fasttext::{
    Architecture, FasttextArguments, FasttextFile, FasttextLoss, fasttext_bytes, is_fasttext,
};
pub(crate) use stream::read_word_vectors;

use crate::error::{Error, Result};
use crate::files::write_whole;

/// Words with their vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordVectorTable {
    /// The words.
    pub words: Vec<String>,
    /// `[words, units]`
    pub values: Vec<f32>,
    /// Elements of a vector.
    pub units: usize,
}

impl WordVectorTable {
    /// The vectors, one by one.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.units.max(1))
    }
}

/// How word vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VectorFormat {
    /// word2vec's text format, which fastText's `.vec` is too: the numbers of words and of elements, then a line a word.
    Text,
    /// word2vec's binary format.
    Word2vecBinary,
    /// An array, and a file of the words beside it.
    Npy,
    /// A column for the words and one an element.
    Csv,
}

/// Writes word vectors. Numbers are written so that reading them gives the same bits.
///
/// # Errors
/// [`Error::File`]; [`Error::Data`] for a word that the format cannot hold.
pub fn write_word_vectors(
    path: &Path,
    table: &WordVectorTable,
    format: VectorFormat,
) -> Result<()> {
    let units = table.units;
    let header = format!("{} {units}\n", table.words.len());
    let odd = |word: &String| match format {
        VectorFormat::Csv => false,
        VectorFormat::Npy => word.contains('\n'),
        _ => word.is_empty() || word.contains([' ', '\n', '\t', '\r']),
    };
    if let Some(word) = table.words.iter().find(|word| odd(word)) {
        return Err(Error::data(
            path,
            format!(
                "the word {word:?} has white space, which this format has between words; write a .csv file"
            ),
        ));
    }
    let pairs = table.words.iter().zip(table.rows());
    match format {
        VectorFormat::Text => {
            let mut text = header;
            for (word, vector) in pairs {
                text += word;
                for value in vector {
                    text.push(' ');
                    text += &value.to_string();
                }
                text.push('\n');
            }
            write_whole(path, text.as_bytes())
        }
        VectorFormat::Word2vecBinary => {
            let mut bytes = header.into_bytes();
            for (word, vector) in pairs {
                bytes.extend(word.bytes());
                bytes.push(b' ');
                vector.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
                bytes.push(b'\n');
            }
            write_whole(path, &bytes)
        }
        VectorFormat::Npy => {
            write_whole(path, &super::npy_bytes(&table.values, &[table.words.len(), units])?)?;
            let mut words = table.words.join("\n");
            words.push('\n');
            write_whole(&words_beside(path), words.as_bytes())
        }
        VectorFormat::Csv => {
            let failed = |e: String| Error::data(path, format!("the table cannot be written: {e}"));
            let mut writer = csv::Writer::from_writer(Vec::new());
            let names = (0..units).map(|i| i.to_string());
            let header = std::iter::once("word".to_owned()).chain(names);
            writer.write_record(header).map_err(|e| failed(e.to_string()))?;
            for (word, vector) in pairs {
                let values = vector.iter().map(f32::to_string);
                let record = std::iter::once(word.clone()).chain(values);
                writer.write_record(record).map_err(|e| failed(e.to_string()))?;
            }
            write_whole(path, &writer.into_inner().map_err(|e| failed(e.to_string()))?)
        }
    }
}

/// The file of words beside an array of vectors: `vectors.words.txt` beside `vectors.npy`.
pub fn words_beside(path: &Path) -> std::path::PathBuf {
    path.with_extension("words.txt")
}
