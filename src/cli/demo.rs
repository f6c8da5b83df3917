//! `wgslearn demo`: the Keras tutorial, whole.

use std::path::PathBuf;

use clap::Args;

use super::signals::{Interrupted, Signals};
use super::{DeviceOption, note, print};
use crate::backend::{Device, DeviceKind};
use crate::files::write_whole;
use crate::report::{PlotFormat, history_plot, history_text};
use crate::run::check_extension;
use crate::run::tutorial::{
    DOCUMENTS, ENCODED, LABELS, LENGTH, Tutorial, VOCABULARY, tutorial_observed,
};
use crate::train::{End, Observer};

/// Run the Keras tutorial: eight documents, 50 epochs, a report
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn demo
  wgslearn demo --device cpu --quiet
  wgslearn demo --plot history.png --json")]
pub(super) struct Options {
    #[command(flatten)]
    device: DeviceOption,
    /// Seed of weights and order
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write the history as a PNG
    #[arg(long, value_name = "FILE", default_value = "history.png")]
    plot: PathBuf,
    /// Print only loss and accuracy, and write no plot
    #[arg(long)]
    quiet: bool,
    /// Print one JSON object, and write no plot
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// Ends the run where a signal asks for it.
struct Watching(Signals);

impl Observer for Watching {
    fn interrupted(&mut self) -> bool {
        self.0.asked().is_some()
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.quiet && !options.json {
        check_extension(&options.plot, "a plot", &["png", "svg"])?;
    }
    let device = options.device.open()?;
    let signals = Signals::default();
    signals.watch()?;
    let seen = tutorial_observed(&device, options.seed, &mut Watching(signals.clone()))?;
    show_and_write(options, &device, &seen)?;
    match (seen.end, signals.asked()) {
        (End::Interrupted, Some(signal)) => {
            let message = format!("{} of 50 epochs were done", seen.history.loss.len());
            Err(Interrupted { signal, message }.into())
        }
        _ => Ok(()),
    }
}

fn show_and_write(options: &Options, device: &Device, seen: &Tutorial) -> anyhow::Result<()> {
    let accuracy = seen.metrics.accuracy.unwrap_or_default();
    if options.json {
        return print(serde_json::json!({
            "device": device.name(),
            "backend": device.kind().name(),
            "summary": seen.model.summary_json(),
            "history": seen.history,
            "loss": seen.metrics.loss,
            "accuracy": accuracy,
            "predictions": seen.predictions,
            "report": seen.report,
        }));
    }
    if options.quiet {
        return print(format_args!("loss {:.4}  accuracy {accuracy:.4}", seen.metrics.loss));
    }
    show(seen)?;
    write_whole(&options.plot, &history_plot(&seen.history, PlotFormat::of(&options.plot))?)?;
    print(format_args!("Trained on {}.", device.name()))?;
    note(format_args!("The history's plot is in {}.", options.plot.display()));
    if device.kind() == DeviceKind::Cpu && options.device.device != "cpu" {
        note(crate::backend::no_gpu_note());
    }
    Ok(())
}

fn show(seen: &Tutorial) -> anyhow::Result<()> {
    print(format_args!(
        "Documents, labels, words, and their ids hashed into a vocabulary of {VOCABULARY}:"
    ))?;
    for i in 0..DOCUMENTS.len() {
        let (words, ids) = (seen.words[i].join(" "), format!("{:?}", ENCODED[i]));
        print(format_args!("  {}  {:<30} {words:<28} {ids}", LABELS[i], DOCUMENTS[i]))?;
    }
    print(format_args!("\nPadded to {LENGTH} ids:"))?;
    for row in seen.padded.chunks_exact(LENGTH) {
        let cells: Vec<String> = row.iter().map(|id| format!("{id:>2}")).collect();
        print(format_args!("  [{}]", cells.join(" ")))?;
    }
    print(format_args!("\n{}\n", seen.model.summary()))?;
    print(history_text(&seen.history))?;
    let accuracy = seen.metrics.accuracy.unwrap_or_default();
    print(format_args!("Accuracy: {:.2} %  (loss {:.4})\n", accuracy * 100.0, seen.metrics.loss))?;
    print("Predictions:")?;
    for (document, probability) in DOCUMENTS.iter().zip(&seen.predictions) {
        let class = (*probability > 0.5) as u32;
        print(format_args!("  {probability:.4}  {class}  {document}"))?;
    }
    print(format_args!("\n{}", seen.report))
}
