//! `wgslearn neighbours`, `similar`, `export`, `analogy`, `similarity`, `odd-one-out`, `evaluate-vectors` and `plot-words`:
//! vectors of words and texts.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{DeviceOption, WeightingOption, note, print};
use crate::data::{VectorFormat, words_beside};
use crate::files::write_whole;
use crate::model::Model;
use crate::printable::printable_field;
use crate::report::PlotFormat;
use crate::run::{
    ExportFormat, Neighbour, WordTest, WordTestOptions, analogy, check_extension, check_output,
    evaluate_vectors, export_vectors, neighbours_in, odd_one_out, plot_words, similar, similarity,
};

/// Find the words nearest to a word, by the model's embedding
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn neighbours words.safetensors film")]
pub(super) struct NeighboursOptions {
    /// A model of texts (of words, a classifier, an autoencoder, one of fastText's), or a file of vectors
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
    show(&neighbours_in(&options.model, &options.word, options.count)?, options.json)
}

/// Find the documents nearest to a text, by the model's codes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn similar autoencoder.safetensors 'a warm and funny film'
  wgslearn similar autoencoder.safetensors 'oil prices' --documents news.csv -n 5
  wgslearn similar words.safetensors 'oil prices' --documents news.csv --weighting sif")]
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
    #[command(flatten)]
    weighting: WeightingOption,
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
    let weighting = options.weighting.get();
    let found =
        similar(&model, &options.text, documents, column, weighting, options.count, &device)?;
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

/// Export a model's vectors of words, or the model as one of fastText's
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn export words.safetensors -o vectors.vec     word2vec's text format, also .txt
  wgslearn export words.safetensors -o model.bin       fastText's model
  wgslearn export words.safetensors -o vectors.npy     and the words in vectors.words.txt
  wgslearn export words.safetensors -o vectors.csv
  wgslearn export words.safetensors -o vectors.bin --format word2vec-binary")]
pub(super) struct ExportOptions {
    /// A model of texts
    model: PathBuf,
    /// Where to write; its extension names the format: .vec, .txt, .bin, .npy or .csv
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The format, where the extension does not say it
    #[arg(long, value_parser = PossibleValuesParser::new(ExportFormat::NAMES))]
    format: Option<String>,
}

pub(super) fn run_export(options: &ExportOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let output = &options.output;
    check_output(output, &[&options.model])?;
    let named = options.format.as_deref().and_then(ExportFormat::of_name);
    let format = match named.or_else(|| ExportFormat::of_path(output)) {
        Some(format) => format,
        None => {
            check_extension(output, "word vectors", &["txt", "vec", "bin", "npy", "csv"])?;
            ExportFormat::Vectors(VectorFormat::Text)
        }
    };
    check_extension(output, "word vectors in this format", format.extensions())?;
    let is_array = format == ExportFormat::Vectors(VectorFormat::Npy);
    let beside = words_beside(output);
    if is_array {
        check_output(&beside, &[&options.model])?;
    }
    let words = export_vectors(&model, output, format)?;
    match is_array {
        true => note(format_args!(
            "The vectors of {words} words are in {}, the words in {}.",
            output.display(),
            beside.display()
        )),
        false => note(format_args!("{words} words are in {}.", output.display())),
    }
    Ok(())
}

/// Find the words that are to C as B is to A
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn analogy words.safetensors man king woman")]
pub(super) struct AnalogyOptions {
    /// A model of texts, or a file of vectors (.vec, .bin)
    model: PathBuf,
    /// A word
    a: String,
    /// What it leads to
    b: String,
    /// Another word
    c: String,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    count: usize,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run_analogy(options: &AnalogyOptions) -> anyhow::Result<()> {
    let words = [&options.a, &options.b, &options.c].map(String::as_str);
    show(&analogy(&options.model, words, options.count)?, options.json)
}

/// Say how near two words are: the cosine of the angle between their vectors
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn similarity words.safetensors film movie")]
pub(super) struct SimilarityOptions {
    /// A model of texts, or a file of vectors (.vec, .bin)
    model: PathBuf,
    /// A word
    a: String,
    /// Another
    b: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_similarity(options: &SimilarityOptions) -> anyhow::Result<()> {
    let found = similarity(&options.model, &options.a, &options.b)?;
    match options.json {
        true => print(serde_json::json!({ "a": options.a, "b": options.b, "similarity": found })),
        false => print(format_args!("{found:.4}")),
    }
}

/// Find the word that goes least with the others
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn odd-one-out words.safetensors breakfast cereal dinner lunch")]
pub(super) struct OddOneOutOptions {
    /// A model of texts, or a file of vectors (.vec, .bin)
    model: PathBuf,
    /// Three words and more
    #[arg(required = true, num_args = 3..)]
    words: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_odd_one_out(options: &OddOneOutOptions) -> anyhow::Result<()> {
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    let found = odd_one_out(&options.model, &words)?;
    match (options.json, found.first()) {
        (true, odd) => {
            print(serde_json::json!({ "odd": odd.map(|odd| &odd.text), "words": found }))
        }
        (false, Some(odd)) => print(printable_field(&odd.text)),
        (false, None) => Ok(()),
    }
}

/// Judge word vectors by lists of word pairs and of analogies, as gensim does
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn evaluate-vectors words.safetensors wordsim353.tsv simlex999.txt questions-words.txt")]
pub(super) struct EvaluateVectorsOptions {
    /// A model of texts, or a file of vectors (.vec, .bin)
    model: PathBuf,
    /// Pairs of words with a judgement, with tabs between; or analogies in sections, as questions-words.txt
    #[arg(required = true)]
    lists: Vec<PathBuf>,
    /// Only the first so many words count; 0 for all
    #[arg(long, default_value_t = WordTestOptions::default().restrict_vocab, value_name = "WORDS")]
    restrict_vocab: usize,
    /// Tell words apart by their letters' case
    #[arg(long)]
    case_sensitive: bool,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run_evaluate_vectors(options: &EvaluateVectorsOptions) -> anyhow::Result<()> {
    let EvaluateVectorsOptions { restrict_vocab, case_sensitive, .. } = *options;
    let how = WordTestOptions { restrict_vocab, case_sensitive };
    let found = evaluate_vectors(&options.model, &options.lists, how)?;
    if options.json {
        return print(serde_json::to_string(&found)?);
    }
    let figure =
        |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.4}"));
    let skip = |skipped: usize, what: &str| match skipped {
        0 => String::new(),
        skipped => format!(", {skipped} lines are {what}"),
    };
    for test in found {
        match test {
            WordTest::Pairs { file, spearman, pearson, pairs, unknown, skipped } => {
                print(format_args!(
                    "{}: Spearman {}  Pearson {}  ({pairs} pairs; {unknown} with an unknown word are left out{})",
                    file.display(),
                    figure(spearman),
                    figure(pearson),
                    skip(skipped, "no pair")
                ))?
            }
            WordTest::Analogies {
                file,
                accuracy,
                correct,
                questions,
                unknown,
                skipped,
                sections,
            } => {
                print(format_args!(
                    "{}: accuracy {}  ({correct} of {questions} questions; {unknown} with an unknown word are left out{})",
                    file.display(),
                    figure(accuracy),
                    skip(skipped, "no question")
                ))?;
                for section in sections.iter().filter(|section| section.questions > 0) {
                    let (correct, questions) = (section.correct, section.questions);
                    print(format_args!(
                        "  {}: {correct} of {questions}",
                        printable_field(&section.name)
                    ))?;
                }
            }
        }
    }
    Ok(())
}

/// Draw words as points, by the principal components of their vectors
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn plot-words words.safetensors -o words.png
  wgslearn plot-words vectors.vec one two three four cat dog -o words.svg")]
pub(super) struct PlotWordsOptions {
    /// A model of texts, or a file of vectors (.vec, .bin)
    model: PathBuf,
    /// The words; the first of the model, which are the most frequent, unless given
    words: Vec<String>,
    /// How many of the first
    #[arg(short = 'n', long, default_value_t = 200)]
    count: usize,
    /// Where to draw: a .png or .svg file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run_plot_words(options: &PlotWordsOptions) -> anyhow::Result<()> {
    check_output(&options.output, &[&options.model])?;
    check_extension(&options.output, "a picture", &["png", "svg"])?;
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    let format = PlotFormat::of(&options.output);
    let picture = plot_words(&options.model, &words, options.count, format)?;
    write_whole(&options.output, &picture)?;
    note(format_args!("The picture is in {}.", options.output.display()));
    Ok(())
}
