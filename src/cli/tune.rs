//! `wgslearn tune`: a search for the settings of a text classifier.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::signals::Signals;
use super::train::{given_flags, settings_of_flags, with_flags};
use super::{DeviceOption, note, print};
use crate::error::Error;
use crate::files::write_whole;
use crate::run::{
    Effort, RunKind, Settings, Trial, TuneObserver, check_extension, check_output, tune,
};

/// `wgslearn tune` as it was called.
#[derive(Debug)]
pub(super) struct Options {
    flags: Vec<(&'static str, String)>,
    search: SearchOptions,
}

#[derive(Debug, Args)]
struct SearchOptions {
    /// So many candidates: the same search gives the same model
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "minutes",
        required_unless_present = "minutes",
        help_heading = "Search"
    )]
    trials: Option<usize>,
    /// As many candidates as there is time for; the last training of all comes on top
    #[arg(long, value_name = "M", help_heading = "Search")]
    minutes: Option<f64>,
    /// Where to write the TOML file that trains the best again; the model's name with .toml unless given
    #[arg(long, value_name = "FILE", help_heading = "Search")]
    toml: Option<PathBuf>,
    /// A TOML file that describes the run; flags lie over it, and what either gives is not searched
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    config: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Show no table of trials
    #[arg(long, help_heading = "Output")]
    quiet: bool,
}

const ABOUT: &str = "Search the settings of a text classifier, and train the best on all rows";

impl Args for Options {
    fn augment_args(command: Command) -> Command {
        let text = Command::new("text").about(ABOUT).long_about(
            "Search width, learning rate, word n-grams, buckets, dropout and subwords of a text classifier by successive halving: many candidates train for a few epochs, the best third anew for three times as many, and so on. All are held against the same validation rows, or by --folds K each against all rows; the best is then trained on all rows of the file. What is given by a flag or a file is not searched.",
        ).after_help(
            "Examples:
  wgslearn tune text reviews.csv --trials 27 -o best.safetensors
  wgslearn tune text reviews.csv --minutes 5 --word-ngrams 2
Then: wgslearn train --config best.toml",
        );
        // Behind what is flattened into it, whose own words would stand in place of these.
        let text = SearchOptions::augment_args(with_flags(text, Some(RunKind::Text))).about(ABOUT);
        command.about(ABOUT).subcommand_required(true).arg_required_else_help(true).subcommand(text)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args(command)
    }
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Options, clap::Error> {
        let own = matches.subcommand().map_or(matches, |(_, own)| own);
        let flags = given_flags(own, Some(RunKind::Text));
        Ok(Options { flags, search: SearchOptions::from_arg_matches(own)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Options::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Prints the table of trials on standard error.
struct Table {
    quiet: bool,
    is_begun: bool,
    signals: Signals,
}

impl TuneObserver for Table {
    fn trial(&mut self, trial: &Trial, metric: &str) {
        if self.quiet {
            return;
        }
        if !std::mem::replace(&mut self.is_begun, true) {
            note(format_args!(
                "round  candidate  epochs  {metric:>9}  val_loss  width     rate  ngrams  buckets  dropout  subwords"
            ));
        }
        let choice = &trial.choice;
        note(format_args!(
            "{:>5}  {:>9}  {:>6}  {:>9.4}  {:>8.4}  {:>5}  {:>7}  {:>6}  {:>7}  {:>7}  {:>8}",
            trial.round,
            trial.candidate,
            trial.epochs,
            trial.score,
            trial.loss,
            choice.embedding_units,
            choice.learning_rate,
            choice.word_ngrams,
            choice.ngram_buckets,
            choice.dropout,
            choice.subwords.map_or("-".into(), String::from)
        ));
    }

    fn interrupted(&mut self) -> bool {
        self.signals.asked().is_some()
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let search = &options.search;
    let mut settings = match &search.config {
        Some(path) => Settings::read(path)?,
        None => Settings::default(),
    };
    if settings.kind.is_some_and(|kind| kind != RunKind::Text) {
        return Err(Error::usage(
            "the file describes a run of another kind; a search is for texts",
        )
        .into());
    }
    settings.kind = Some(RunKind::Text);
    settings.overlay(settings_of_flags(&options.flags, RunKind::Text)?);
    let config = settings.resolve()?;
    let toml = match (&search.toml, &config.output.model) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(model)) => Some(model.with_extension("toml")),
        (None, None) => None,
    };
    if let Some(path) = &toml {
        check_extension(path, "a run", &["toml"])?;
        let model = config.output.model.as_deref();
        let inputs: Vec<_> = [Some(config.data.train.as_path()), search.config.as_deref(), model]
            .into_iter()
            .flatten()
            .collect();
        check_output(path, &inputs)?;
    }
    let effort = match (search.trials, search.minutes) {
        (Some(trials), _) => Effort::Trials(trials),
        (None, Some(minutes)) if minutes > 0.0 && minutes <= 1e5 => {
            Effort::Time(Duration::from_secs_f64(60.0 * minutes))
        }
        (None, minutes) => {
            return Err(Error::usage(format!(
                "minutes are {}, but must be above 0 and at most 100,000",
                minutes.unwrap_or_default()
            ))
            .into());
        }
    };
    let device = search.device.open()?;
    let mut table = Table { quiet: search.quiet, is_begun: false, signals: Signals::default() };
    if let Err(error) = table.signals.watch() {
        note(format_args!("warning: a signal will end the search at once: {error}"));
    }
    let found = tune(&settings, effort, &device, &mut table)?;
    found.outcome.end.check()?;
    if let Some(path) = &toml {
        write_whole(path, found.config.to_toml_at(path)?.as_bytes())?;
    }
    let best = &found.best;
    if search.json {
        return print(serde_json::json!({
            "metric": found.metric,
            "trials": found.trials,
            "best": best,
            "model": found.config.output.model,
            "toml": toml,
            "training_rows": found.outcome.training_rows,
        }));
    }
    let compared = match settings.data.folds {
        Some(folds) => format!("in the mean of {folds} folds"),
        None => "on the validation rows".into(),
    };
    print(format_args!(
        "best: candidate {}, {} {:.4} {compared}; trained on all {} rows for {} epochs",
        best.candidate, found.metric, best.score, found.outcome.training_rows, best.best_epoch
    ))?;
    if let (Some(model), Some(toml)) = (&found.config.output.model, &toml) {
        print(format_args!("model {}, run {}", model.display(), toml.display()))?;
    }
    Ok(())
}
