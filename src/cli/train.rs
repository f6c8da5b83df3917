//! `wgslearn train`: from files to a model. The flags are the settings of `run::settings`, laid over a TOML
//! file where there is one.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::progress::Progress;
use super::signals::{Interrupted, Signals};
use super::{DeviceOption, note, print, tell};
use crate::backend::Device;
use crate::data::Account;
use crate::error::Error;
use crate::model::Model;
use crate::run::{
    Arity, FoldFigures, Folds, HEADINGS, Loaded, Range, RunConfig, RunKind, RunObserver, Setting,
    Settings, Spread, hyperparameters, setting_by_flag, train_observed, train_words_observed,
};
use crate::train::{End, EpochReport, Profile, Session, Trainer};

/// `wgslearn train` as it was called.
#[derive(Debug)]
pub(super) struct Options {
    /// The kind that the command names: `train text`.
    kind: Option<RunKind>,
    /// Flags with their values, in the order of the table.
    flags: Vec<(&'static str, String)>,
    show: ShowOptions,
}

#[derive(Debug, Args)]
struct ShowOptions {
    /// A TOML file that describes the run; flags lie over it
    ///
    /// Paths in it are relative to it. docs/config.md has every key.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Data")]
    config: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object instead of a summary
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// Show no progress
    #[arg(long, global = true, help_heading = "Output")]
    quiet: bool,
    /// Print the run as a TOML file, complete with defaults, and train nothing
    ///
    /// The file, given back by --config, makes the same run.
    #[arg(long, global = true, help_heading = "Output")]
    print_config: bool,
    /// Before training, measure what a step costs by kernel and where the host waits
    #[arg(long, global = true, help_heading = "Device")]
    profile: bool,
}

/// A command for a kind of run.
struct Form {
    kind: RunKind,
    about: &'static str,
    /// What it takes without a flag, and what that is.
    positional: Option<(&'static str, &'static str)>,
    examples: &'static str,
}

const FORMS: [Form; 6] = [
    Form {
        kind: RunKind::Text,
        about: "A classifier of texts: CSV, TSV, JSON lines, or lines with __label__",
        positional: Some((
            "FILE",
            "The texts with their labels: .csv and .tsv with a header, .jsonl, or lines with __label__",
        )),
        examples: "Examples:
  wgslearn train text reviews.csv
  wgslearn train text tweets.jsonl --text-column body --label-column mood --word-ngrams 2
  wgslearn train text train.txt --validation-file valid.txt --hidden 32 --seed 1",
    },
    Form {
        kind: RunKind::Table,
        about: "A classifier or regression on a table of numbers: CSV or TSV with a header",
        positional: Some((
            "FILE",
            "The table: CSV or TSV with a header; every column but the target is a feature",
        )),
        examples: "Examples:
  wgslearn train table iris.csv --target species
  wgslearn train table houses.csv --target price --hidden 100,50,20 --epochs 200
  wgslearn train table iris.csv --target species --folds 5    how good, and how sure that is",
    },
    Form {
        kind: RunKind::Images,
        about: "A classifier of pictures: folders, IDX files, CSV files of paths, arrays",
        positional: Some((
            "DATA",
            "Pictures with labels: a folder of one folder a class, an IDX file with its labels beside it, a CSV file of paths and labels, an array (.npy, .npz)",
        )),
        examples: "Examples:
  wgslearn train images photos/ --size 64x64 --augment flip,shift:4
  wgslearn train images train-images-idx3-ubyte.gz --test t10k-images-idx3-ubyte.gz
  wgslearn train images x.npy --labels y.npy --mistakes mistakes.png
  wgslearn train images list.csv --path-column file --label-column species
Then: wgslearn predict model.safetensors new-photos/",
    },
    Form {
        kind: RunKind::Autoencoder,
        about: "An autoencoder of images, matrices or texts: codes, denoising, reconstruction",
        positional: Some((
            "DATA",
            "Images (an IDX file, a folder of PNG and JPEG files), a matrix (.npy, .csv), or texts (.csv and .tsv with a text column, .jsonl, .txt)",
        )),
        examples: "Examples:
  wgslearn train autoencoder train-images-idx3-ubyte.gz --layers 128,64,32
  wgslearn train autoencoder photos/ --size 64x64 --grey --noise gaussian:0.3
  wgslearn train autoencoder reviews.csv --layers 100       the text column's bags of words",
    },
    Form {
        kind: RunKind::Translate,
        about: "A model from images to images, paired by file name or row by row",
        positional: None,
        examples: "Examples:
  wgslearn train translate --input plain/ --target glasses/ --size 64x64 --grey
  wgslearn train translate --input x.npy --target y.npy --layers 256,64
  wgslearn train translate --input plain/ --target glasses/ \\
      --encoder-from autoencoder.safetensors --freeze-encoder",
    },
    Form {
        kind: RunKind::Words,
        about: "Word vectors by themselves: skip-gram or CBOW with negative sampling",
        positional: Some((
            "FILE",
            "Texts: a line each, or the text column of a .csv, .tsv or .jsonl file",
        )),
        examples: "Examples:
  wgslearn train words corpus.txt -o words.safetensors
  wgslearn train words reviews.csv --method cbow --dim 50 --epochs 20
Then: wgslearn neighbours words.safetensors film",
    },
];

const ABOUT: &str =
    "Train a model: a classifier, an autoencoder, a translation, or what a TOML file says";

/// The id of what a command takes without a flag.
const POSITIONAL: &str = "input";

/// The rows of the table that a command shows: those of its kind, or one of each flag.
fn rows(kind: Option<RunKind>) -> Vec<&'static Setting> {
    let mut rows: Vec<&'static Setting> = Vec::new();
    for row in Settings::all().chain(hyperparameters()) {
        let flag = row.spec.flag;
        let is_shown = kind.is_none_or(|kind| row.is_for(kind));
        if !flag.is_empty() && is_shown && rows.iter().all(|known| known.spec.flag != flag) {
            rows.push(row);
        }
    }
    rows
}

/// A flag of the table.
fn flag(row: &'static Setting, kind: Option<RunKind>) -> Arg {
    let spec = &row.spec;
    let docs = row.docs();
    let short = docs.trim_end_matches('.').split(". ").next().unwrap_or_default().to_owned();
    let default = kind.and_then(|kind| RunConfig::default_of(row, kind));
    let default = default.map_or(String::new(), |value| format!(" [default: {value}]"));
    let range = match spec.range {
        Range::Any => String::new(),
        range => format!(" [{range}]"),
    };
    let mut arg = Arg::new(spec.flag)
        .long(spec.flag)
        .help(format!("{short}{default}"))
        .long_help(format!("{docs}{default}{range}"))
        .help_heading(spec.heading);
    if let Some(short) = spec.short {
        arg = arg.short(short);
    }
    let choices = (row.choices)();
    arg = arg.value_name(match (spec.value_name, row.arity) {
        ("", Arity::Switch) => "true|false",
        ("", _) if choices.is_empty() => "NUMBER",
        ("", _) => "NAME",
        (name, _) => name,
    });
    match row.arity {
        Arity::Switch if spec.negated => arg.action(ArgAction::SetTrue),
        Arity::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true)
            .value_parser(["true", "false"]),
        _ if !choices.is_empty() => {
            let written = spec.spellings.iter().map(|(written, _)| *written);
            let choices = choices.iter().copied().filter(|name| !spec.withheld.contains(name));
            let shown = choices.chain(written);
            arg.value_parser(PossibleValuesParser::new(shown))
        }
        _ => arg.allow_negative_numbers(true),
    }
}

pub(super) fn with_flags(mut command: Command, kind: Option<RunKind>) -> Command {
    let rows = rows(kind);
    for heading in HEADINGS {
        for &row in rows.iter().filter(|row| row.spec.heading == heading) {
            // What is taken without a flag has none.
            let positional = FORMS.iter().find(|form| Some(form.kind) == kind);
            let positional = positional.and_then(|form| form.positional);
            match positional.filter(|_| row.name == "train") {
                Some((name, help)) => {
                    command = command.arg(
                        Arg::new(POSITIONAL)
                            .value_name(name)
                            .help(help)
                            .required_unless_present("config"),
                    );
                }
                None => command = command.arg(flag(row, kind)),
            }
        }
    }
    command
}

impl Args for Options {
    fn augment_args(command: Command) -> Command {
        let command = ShowOptions::augment_args(command)
            .about(ABOUT)
            .long_about(ABOUT)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .after_help(
                "Examples:
  wgslearn train text reviews.csv -o model.safetensors
  wgslearn train text reviews.csv --word-ngrams 2 --plot history.png
  wgslearn train table houses.csv --target price --hidden 100,50,20
  wgslearn train images photos/ --size 64x64
  wgslearn train autoencoder train-images-idx3-ubyte.gz --layers 128,64,32
  wgslearn train translate --input plain/ --target glasses/ --size 64x64
  wgslearn train --config run.toml --epochs 5 --device gpu
  wgslearn train text reviews.csv --print-config > run.toml",
            );
        let mut command = with_flags(command, None);
        for form in FORMS {
            let kind = Command::new(form.kind.name()).about(form.about).after_help(form.examples);
            command = command.subcommand(with_flags(kind, Some(form.kind)));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args(command)
    }
}

/// The flags that a command was given, with their values, in the order of the table.
pub(super) fn given_flags(own: &ArgMatches, kind: Option<RunKind>) -> Vec<(&'static str, String)> {
    let mut flags = Vec::new();
    for row in rows(kind) {
        let flag = row.spec.flag;
        if row.spec.negated {
            if own.get_flag(flag) {
                flags.push((flag, "false".to_owned()));
            }
        } else if let Some(value) = own.get_one::<String>(flag) {
            flags.push((flag, value.clone()));
        }
    }
    flags
}

/// Settings by flags, as they are given for a run of this kind.
pub(super) fn settings_of_flags(
    flags: &[(&'static str, String)],
    kind: RunKind,
) -> Result<Settings, Error> {
    let mut over = Settings::default();
    for (flag, text) in flags {
        let Some(row) = setting_by_flag(flag, kind) else {
            return Err(Error::usage(format!(
                "--{flag} is not for a run of the kind {}; leave it out",
                kind.name()
            )));
        };
        over.set(row, text).map_err(|wanted| {
            Error::usage(format!("--{flag} is \"{text}\", but takes {wanted}"))
        })?;
    }
    Ok(over)
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Options, clap::Error> {
        let (kind, own) = match matches.subcommand() {
            Some((name, own)) => {
                (FORMS.iter().map(|form| form.kind).find(|kind| kind.name() == name), own)
            }
            None => (None, matches),
        };
        let flags = given_flags(own, kind);
        // Options of every form are known above the kind, too.
        Ok(Options { kind, flags, show: ShowOptions::from_arg_matches(own)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Options::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Options {
    /// A message of settings, with the flag of the first where that has another name.
    fn with_flag_names(&self, error: Error, kind: RunKind) -> Error {
        let Error::Usage(message) = error else { return error };
        let named = self.flags.iter().filter_map(|(flag, _)| {
            let name = setting_by_flag(flag, kind)?.name;
            let is_other = name.replace('_', "-") != *flag;
            (is_other && message.starts_with(&format!("{name} is "))).then_some((flag, name))
        });
        match named.into_iter().next() {
            Some((flag, name)) => Error::usage(format!("{message} ({name} is --{flag} here)")),
            None => Error::Usage(message),
        }
    }

    /// The run that file and flags ask for.
    fn config(&self) -> anyhow::Result<RunConfig> {
        let mut settings = match &self.show.config {
            Some(path) => Settings::read(path)?,
            None if self.kind.is_some() => Settings::default(),
            None => {
                return Err(Error::usage(
                    "say what to train on: `wgslearn train text FILE`, `wgslearn train table FILE --target COLUMN`, `wgslearn train images DATA`, `wgslearn train autoencoder DATA`, `wgslearn train translate --input A --target B`, or `wgslearn train --config FILE`",
                )
                .into());
            }
        };
        if let (Some(asked), Some(named)) = (self.kind, settings.kind)
            && asked != named
        {
            return Err(Error::usage(format!(
                "the file describes a run of the kind {}, but the command is train {}; leave out the kind in one of them",
                named.name(),
                asked.name()
            ))
            .into());
        }
        settings.kind = self.kind.or(settings.kind);
        let kind = settings.run_kind();
        let over = settings_of_flags(&self.flags, kind)?;
        settings.overlay(over);
        let checked = || {
            let config = settings.resolve()?;
            config.check()?;
            if let Some(path) = &self.show.config {
                config.check_keeps(path)?;
            }
            Ok(config)
        };
        checked().map_err(|error| self.with_flag_names(error, kind).into())
    }
}

/// Shows a run on standard error.
struct Shown<'a> {
    show: &'a ShowOptions,
    device: &'a Device,
    progress: Progress,
    profile: Option<Profile>,
    accounts: Vec<Account>,
    /// Different words, and all.
    words: (usize, usize),
    signals: Signals,
}

impl<'a> Shown<'a> {
    fn new(config: &RunConfig, show: &'a ShowOptions, device: &'a Device) -> Shown<'a> {
        let progress = Progress::new(config.training.epochs, show.quiet);
        let (profile, accounts) = (None, Vec::new());
        let signals = Signals::default();
        Shown { show, device, progress, profile, accounts, words: (0, 0), signals }
    }

    /// From now on a signal ends the run in order.
    fn watch_signals(&self) {
        if let Err(error) = self.signals.watch() {
            note(format_args!("warning: a signal will end the run at once: {error}"));
        }
    }

    /// The error of a run that did not end as it was asked to; none for one that did.
    fn ended(&self, end: &End, config: &RunConfig, step: u64, epoch: usize) -> anyhow::Result<()> {
        let kept = || kept(end, config, step, epoch);
        match end {
            End::Diverged(why) => Err(anyhow::anyhow!("{why}. Training ended; {}", kept())),
            End::Interrupted => {
                let signal = self.signals.asked().unwrap_or_default();
                Err(Interrupted { signal, message: kept() }.into())
            }
            _ => Ok(()),
        }
    }
}

impl RunObserver for Shown<'_> {
    fn begin(&mut self, model: &Model, loaded: &Loaded, trainer: &Trainer) -> crate::Result<()> {
        let show = self.show;
        for account in &loaded.accounts {
            tell(account, show.quiet || show.json);
        }
        self.accounts = loaded.accounts.clone();
        if !show.quiet && !show.json {
            let rows = loaded.training.rows();
            note(format_args!("{}\n", model.summary()));
            note(format_args!("Training on {rows} rows, on {}.", self.device.name()));
        }
        if show.profile {
            // As in the run: without rows to validate on, a trainer that stops early is refused.
            let validation = loaded.validation.as_ref();
            let found =
                Session::of(model, trainer, loaded.training.as_data(), validation, self.device)?;
            let found = found.profile()?;
            if !show.json {
                note(&found);
            }
            self.profile = Some(found);
        }
        self.watch_signals();
        Ok(())
    }

    fn begin_words(&mut self, vocabulary: usize, words: usize, account: &Account) {
        self.words = (vocabulary, words);
        tell(account, self.show.quiet || self.show.json);
        self.accounts.push(account.clone());
        if !self.show.quiet && !self.show.json {
            note(format_args!(
                "Training vectors of {vocabulary} words on {words} words, on {}.",
                self.device.name()
            ));
        }
        self.watch_signals();
    }

    fn refitted(&mut self, rows: usize, epochs: usize) {
        if !self.show.quiet && !self.show.json {
            note(format_args!(
                "Trained once more, on all {rows} rows, for the {epochs} epochs that the rows set apart chose."
            ));
        }
    }

    fn fold(&mut self, number: usize, of: usize, found: &FoldFigures) {
        if !self.show.quiet && !self.show.json {
            self.progress.note(format_args!(
                "fold {number}/{of}  rows {}  {}",
                found.rows,
                figures_as_text(found.figures.iter().copied())
            ));
        }
    }

    fn interrupted(&mut self) -> bool {
        self.signals.asked().is_some()
    }

    fn epoch(&mut self, report: EpochReport) {
        self.progress.report(report);
    }

    fn warn(&mut self, message: &str) {
        self.progress.note(format_args!("warning: {message}"));
    }
}

/// Figures on one line.
fn figures_as_text(figures: impl Iterator<Item = (&'static str, f64)>) -> String {
    figures.map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join("  ")
}

/// What cross-validation found, as a table.
fn folds_as_text(folds: &Folds) -> String {
    let spreads = folds.spreads();
    let width = spreads.iter().map(|spread| spread.name.len()).max().unwrap_or_default();
    let mut text = format!("{:width$}  {:>10}  {:>10}", "", "mean", "deviation");
    for Spread { name, mean, deviation, .. } in spreads {
        text += &format!("\n{name:width$}  {mean:>10.4}  {deviation:>10.4}");
    }
    format!("{} folds\n\n{text}\n", folds.folds.len())
}

/// What cross-validation found, for programs.
fn folds_as_json(folds: &Folds) -> serde_json::Value {
    let object = |figures: &[(&'static str, f64)]| -> serde_json::Map<String, serde_json::Value> {
        figures.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    };
    let spreads = folds.spreads().into_iter().map(|spread| {
        let found = serde_json::json!({ "mean": spread.mean, "deviation": spread.deviation });
        (spread.name.to_owned(), found)
    });
    let each = folds.folds.iter().map(|fold| {
        serde_json::json!({
            "rows": fold.rows,
            "training_rows": fold.training_rows,
            "epoch": fold.epoch,
            "figures": object(&fold.figures),
        })
    });
    serde_json::json!({
        "figures": spreads.collect::<serde_json::Map<_, _>>(),
        "each": each.collect::<Vec<_>>(),
    })
}

/// What a run that ended early kept, where, and how to go on.
fn kept(end: &End, config: &RunConfig, step: u64, epoch: usize) -> String {
    let output = &config.output;
    let what = match (step, &output.model) {
        (0, _) => "no epoch was good before, so that no model is written".to_owned(),
        (_, None) => format!("the best weights are those of epoch {epoch} (step {step})"),
        (_, Some(path)) => {
            format!("the best weights, of epoch {epoch} (step {step}), are in {}", path.display())
        }
    };
    let is_words = config.kind == RunKind::Words;
    let resumed = output.checkpoint.as_ref().filter(|path| path.exists());
    let on = match (end, resumed) {
        (End::Diverged(_), _) if is_words => {
            "give --on-nan rollback, or a smaller --learning-rate".to_owned()
        }
        (End::Diverged(_), _) => {
            "give --on-nan rollback, a smaller --learning-rate, or --clip-norm 1".to_owned()
        }
        (_, Some(path)) => format!(
            "run the same command again: it goes on from {}, to the bits of a run that was not stopped",
            path.display()
        ),
        (_, None) if is_words => {
            "give the command --checkpoint FILE: it then goes on where it was stopped; without one, word vectors begin anew".to_owned()
        },
        (_, None) => match output.model.as_ref().filter(|_| step > 0) {
            Some(path) => format!(
                "train that model on: --from {} -o ANOTHER; with --checkpoint FILE a run goes on where it was stopped",
                path.display()
            ),
            None => "give the command --checkpoint FILE: it then keeps where it is".to_owned(),
        },
    };
    format!("{what}. To go on, {on}")
}

/// Why a run ended early, for programs.
fn failure(end: &End) -> Option<String> {
    match end {
        End::Diverged(why) => Some(why.to_string()),
        End::Interrupted => Some("interrupted".into()),
        _ => None,
    }
}

fn run_words(config: &RunConfig, show: &ShowOptions) -> anyhow::Result<()> {
    if show.profile {
        return Err(Error::usage(
            "word vectors are not profiled: leave out --profile, or see `wgslearn bench training`",
        )
        .into());
    }
    let device = show.device.open()?;
    let mut shown = Shown::new(config, show, &device);
    let outcome = train_words_observed(config, &device, &mut shown)?;
    shown.progress.finish();
    let ended = || shown.ended(&outcome.end, config, outcome.step, outcome.epoch);
    if outcome.step == 0 {
        return ended();
    }
    let (sizes, model, history) = (shown.words, &outcome.model, &outcome.history);
    if show.json {
        print(serde_json::json!({
            "device": device.name(),
            "backend": device.kind().name(),
            "model": config.output.model,
            "parameters": model.parameter_count(),
            "vocabulary": sizes.0,
            "words": sizes.1,
            "phrases": outcome.phrases,
            "data": shown.accounts,
            "epochs": history.loss.len(),
            "history": history,
            "failure": failure(&outcome.end),
            "kept_epoch": outcome.epoch,
        }))?;
        return ended();
    }
    // What ended early is told as that.
    ended()?;
    let loss = history.loss.last().copied().unwrap_or_default();
    let phrases = match outcome.phrases {
        0 => String::new(),
        count => format!("  phrases {count}"),
    };
    print(format_args!(
        "words {}{phrases}  epochs {}  loss {loss:.4}",
        sizes.0,
        history.loss.len()
    ))?;
    if let Some(path) = &config.output.model {
        note(format_args!("The vectors are in {}.", path.display()));
    }
    Ok(())
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config = options.config()?;
    if options.show.print_config {
        return print(config.to_toml().trim_end());
    }
    if config.kind == RunKind::Words {
        return run_words(&config, &options.show);
    }
    let show = &options.show;
    let device = show.device.open()?;
    let mut shown = Shown::new(&config, show, &device);
    let outcome = train_observed(&config, &device, &mut shown)?;
    shown.progress.finish();
    let ended = || shown.ended(&outcome.end, &config, outcome.step, outcome.epoch);
    if outcome.step == 0 {
        return ended();
    }
    let tests = config.data.test.is_some();
    let history = &outcome.history;
    let last = history.best_epoch.unwrap_or(history.loss.len()).saturating_sub(1);
    if show.json {
        print(serde_json::json!({
            "device": device.name(),
            "backend": device.kind().name(),
            "model": config.output.model,
            "parameters": outcome.model.parameter_count(),
            "training_rows": outcome.training_rows,
            "validation_rows": outcome.validation_rows,
            "refit_rows": outcome.refit_rows,
            "doubt": outcome.doubt,
            "data": shown.accounts,
            "epochs": history.loss.len(),
            "history": history,
            "profile": shown.profile.as_ref().map(Profile::json),
            "failure": failure(&outcome.end),
            "kept_epoch": outcome.epoch,
            "test": outcome.evaluation.as_ref().filter(|_| tests).map(super::evaluate::json),
            "validation": outcome.evaluation.as_ref().filter(|_| !tests).map(super::evaluate::json),
            "folds": outcome.folds.as_ref().map(folds_as_json),
        }))?;
        return ended();
    }
    // What ended early is told as that.
    ended()?;
    if let Some(folds) = &outcome.folds {
        print(folds_as_text(folds))?;
    }
    let mut text = format!("epochs {}", history.loss.len());
    if let Some(best) = history.best_epoch {
        text += &format!(" (best {best})");
    }
    let curves = [
        ("loss", &history.loss),
        ("accuracy", &history.accuracy),
        ("val_loss", &history.val_loss),
        ("val_accuracy", &history.val_accuracy),
    ];
    for (name, values) in curves {
        if let Some(value) = values.get(last) {
            text += &format!("  {name} {value:.4}");
        }
    }
    print(text)?;
    if let Some(found) = &outcome.evaluation {
        print(format_args!(
            "\n{} {}",
            if tests { "test" } else { "validation" },
            super::evaluate::text(found, &outcome.model)
        ))?;
    }
    let epochs = history.loss.len();
    if history.best_epoch == Some(epochs) {
        note(format_args!(
            "The best epoch is the last of {epochs}: it has not converged. More epochs, or a higher learning rate, may learn more."
        ));
    }
    let answers = matches!(config.kind, RunKind::Text | RunKind::Table | RunKind::Images);
    if answers
        && outcome.validation_rows == 0
        && outcome.evaluation.is_none()
        && outcome.folds.is_none()
    {
        note(format_args!(
            "These figures are of the rows that it was trained on: {} tells how it does on new ones.",
            match config.kind {
                RunKind::Images => "--validation-split 0.2",
                _ => "--folds 5, or --validation-split 0.2,",
            }
        ));
    }
    if let Some(path) = &config.output.model {
        note(format_args!("The model is in {}.", path.display()));
    }
    Ok(())
}
