//! The command line: one file a command. It parses, calls the library and prints; results go to
//! standard output, progress and notes to standard error.

mod bench;
mod compare_pca;
mod demo;
mod devices;
mod doctor;
mod encode;
mod errors;
mod evaluate;
mod explain;
mod predict;
mod progress;
mod quantize;
mod reconstruct;
mod signals;
mod summary;
mod train;
mod translate;
mod tune;
mod vectors;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::backend::Device;
use crate::data::{Account, Format};
use crate::error::Error;
use crate::model::Model;
use crate::printable::{printable, printable_field};
use crate::run::{SettingType, Weighting};

/// Train neural networks on any GPU, or on the CPU.
#[derive(Debug, Parser)]
#[command(name = "wgslearn", version, about, max_term_width = 100)]
#[command(after_help = "Examples:
  wgslearn demo                                   the Keras tutorial, whole
  wgslearn train text reviews.csv -o model.safetensors
  wgslearn evaluate model.safetensors test.csv
  echo 'a fine film' | wgslearn predict model.safetensors
  wgslearn train autoencoder images/ --size 64x64 -o autoencoder.safetensors
  wgslearn reconstruct autoencoder.safetensors images/ -o grid.png
  wgslearn train --config run.toml                any stack of layers
  wgslearn devices                                what it can run on
  wgslearn doctor                                 whether that computes right, and how fast

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 or 143 ended by Ctrl-C or termination: a training run\nthen ends behind its step and writes its best weights; a second signal ends it at once.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Options),
    Train(Box<train::Options>),
    Tune(Box<tune::Options>),
    Evaluate(evaluate::Options),
    Errors(errors::Options),
    Explain(explain::Options),
    Predict(predict::Options),
    Encode(encode::EncodeOptions),
    Decode(encode::DecodeOptions),
    Reconstruct(reconstruct::Options),
    ComparePca(compare_pca::Options),
    Translate(translate::Options),
    Similar(vectors::SimilarOptions),
    Neighbours(vectors::NeighboursOptions),
    Analogy(vectors::AnalogyOptions),
    Similarity(vectors::SimilarityOptions),
    OddOneOut(vectors::OddOneOutOptions),
    EvaluateVectors(vectors::EvaluateVectorsOptions),
    PlotWords(vectors::PlotWordsOptions),
    Export(vectors::ExportOptions),
    Quantize(quantize::Options),
    Summary(summary::Options),
    Devices(devices::Options),
    Doctor(doctor::Options),
    Bench(bench::Options),
}

/// Options of every command that runs something.
#[derive(Debug, Args)]
struct DeviceOption {
    /// Where to run: auto (a GPU, else the CPU), gpu (any adapter), cpu, an index of `wgslearn
    /// devices`, or part of an adapter's name
    #[arg(
        long,
        default_value = "auto",
        value_name = "DEVICE",
        global = true,
        help_heading = "Device"
    )]
    device: String,
}

impl DeviceOption {
    fn open(&self) -> crate::Result<Device> {
        let device = Device::open(&self.device)?;
        if let Some(warning) = device.warning() {
            note(format_args!("warning: {warning}"));
        }
        Ok(device)
    }
}

/// How a file of rows is written, where its name and content do not say it.
#[derive(Debug, Args)]
struct RowsOptions {
    /// How rows are written; told from the file's name and content unless given
    #[arg(long, value_parser = formats())]
    format: Option<Format>,
    /// The first line of a .csv or .tsv file is a row: columns are called 0, 1, 2
    #[arg(long)]
    no_header: bool,
}

/// How the words of a text are weighed in its vector.
#[derive(Debug, Args)]
struct WeightingOption {
    /// How word vectors make a text's: their mean, or by smooth inverse frequency without what all texts have in common
    /// (sif)
    #[arg(long, default_value = "mean", value_parser = PossibleValuesParser::new(Weighting::NAMES))]
    weighting: String,
}

impl WeightingOption {
    fn get(&self) -> Weighting {
        Weighting::of_name(&self.weighting).unwrap_or_default()
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    // Each name is one of its own choices.
    PossibleValuesParser::new(<Format as SettingType>::choices())
        .try_map(|name| <Format as SettingType>::parse(&name))
}

/// The unit of a model's errors, where it is not that of the data: behind what says them.
fn in_unit(model: &Model) -> &'static str {
    match model.gives_standardised() {
        true => "  (in standard deviations of the columns)",
        false => "",
    }
}

/// Says what became of a file's rows, on standard error: how many were read and left out, and what
/// should be known of how they were read.
fn tell(account: &Account, quiet: bool) {
    if !quiet {
        note(account);
    } else if account.rows_left_out() > 0 {
        note(format_args!("warning: {account}"));
    }
    for warning in &account.warnings {
        let (source, warning) = (printable_field(&account.source), printable_field(warning));
        note(format_args!("warning: {source}: {warning}"));
    }
}

/// Parses the arguments, runs the command, and reports its error.
pub fn main() -> ExitCode {
    // A decoder's panic on a damaged picture is caught and told as an error with the file's name, and wgpu's on a device that
    // is lost as that device's error.
    let print_panic = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::data::is_decoding() && !crate::backend::is_waiting() {
            print_panic(panic);
        }
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return tell_usage(&told),
    };
    let outcome = match cli.command {
        Command::Demo(options) => demo::run(&options),
        Command::Train(options) => train::run(&options),
        Command::Tune(options) => tune::run(&options),
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Errors(options) => errors::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Predict(options) => predict::run(&options),
        Command::Encode(options) => encode::run_encode(&options),
        Command::Decode(options) => encode::run_decode(&options),
        Command::Reconstruct(options) => reconstruct::run(&options),
        Command::ComparePca(options) => compare_pca::run(&options),
        Command::Translate(options) => translate::run(&options),
        Command::Similar(options) => vectors::run_similar(&options),
        Command::Neighbours(options) => vectors::run_neighbours(&options),
        Command::Analogy(options) => vectors::run_analogy(&options),
        Command::Similarity(options) => vectors::run_similarity(&options),
        Command::OddOneOut(options) => vectors::run_odd_one_out(&options),
        Command::EvaluateVectors(options) => vectors::run_evaluate_vectors(&options),
        Command::PlotWords(options) => vectors::run_plot_words(&options),
        Command::Export(options) => vectors::run_export(&options),
        Command::Quantize(options) => quantize::run(&options),
        Command::Summary(options) => summary::run(&options),
        Command::Devices(options) => devices::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    // A reader that has seen enough (`| head`) is no failure.
    let broken_pipe = error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
    if broken_pipe {
        return ExitCode::SUCCESS;
    }
    if let Some(interrupted) = error.downcast_ref::<signals::Interrupted>() {
        note(interrupted);
        return ExitCode::from(interrupted.exit_code());
    }
    // A closed standard error leaves nowhere to say it.
    let _ = writeln!(std::io::stderr(), "error: {}", printable(&format!("{error:#}")));
    let code = error.downcast_ref::<Error>().map_or(1, Error::exit_code);
    ExitCode::from(code)
}

/// Prints help, a version or what is wrong with the arguments. What asked for help and did not get it has failed.
fn tell_usage(told: &clap::Error) -> ExitCode {
    let printed = told.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::from(told.exit_code() as u8),
    }
}

/// Writes a result to standard output.
fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", printable(&text.to_string()))?;
    Ok(())
}

/// Writes a note to standard error; where that is closed, nobody wants it.
fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(&text.to_string()));
}
