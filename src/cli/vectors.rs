//! `wgslearn neighbours`, `wgslearn similar` and `wgslearn export`: vectors of words and texts.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, note, print};
use crate::model::Model;
use crate::printable::printable_field;
use crate::run::{Neighbour, check_extension, check_output, export_word2vec, neighbours, similar};

/// Find the words nearest to a word, by the model's embedding
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn neighbours words.safetensors film")]
pub(super) struct NeighboursOptions {
    /// A model of texts: of words, a classifier or an autoencoder
    model: PathBuf,
    /// The word
    word: String,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    count: usize,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run_neighbours(options: &NeighboursOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    show(&neighbours(&model, &options.word, options.count)?, options.json)
}

/// Find the documents nearest to a text, by the model's codes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn similar autoencoder.safetensors 'a warm and funny film'
  wgslearn similar autoencoder.safetensors 'oil prices' --documents news.csv -n 5")]
pub(super) struct SimilarOptions {
    /// An autoencoder of texts, or a model of words
    model: PathBuf,
    /// The text
    text: String,
    /// Documents to search; those that the model was trained on unless given
    #[arg(long, value_name = "FILE")]
    documents: Option<PathBuf>,
    /// Column or key of their text; that of the training unless given
    #[arg(long)]
    text_column: Option<String>,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    count: usize,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run_similar(options: &SimilarOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let (documents, column) = (options.documents.as_deref(), options.text_column.as_deref());
    let found = similar(&model, &options.text, documents, column, options.count, &device)?;
    show(&found, options.json)
}

fn show(found: &[Neighbour], json: bool) -> anyhow::Result<()> {
    if json {
        return print(serde_json::to_string(found)?);
    }
    for Neighbour { text, similarity, line } in found {
        let text = printable_field(text);
        match line {
            Some(line) => print(format_args!("{similarity:.4}\tline {line}\t{text}"))?,
            None => print(format_args!("{similarity:.4}\t{text}"))?,
        }
    }
    Ok(())
}

/// Export a model's vectors of words in word2vec's text format
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn export words.safetensors -o vectors.txt")]
pub(super) struct ExportOptions {
    /// A model of texts
    model: PathBuf,
    /// Where to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run_export(options: &ExportOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    check_output(&options.output, &[&options.model])?;
    check_extension(&options.output, "word vectors in word2vec's text format", &["txt", "vec"])?;
    let words = export_word2vec(&model, &options.output)?;
    note(format_args!("{words} words are in {}.", options.output.display()));
    Ok(())
}
