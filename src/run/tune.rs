//! A search for the settings of a text classifier by successive halving (Jamieson and Talwalkar 2016): many candidates
//! train for a few epochs, the best third of them anew for three times as many, and so on. The best is trained on all rows.
//!
//! Candidates are drawn by a seed, the first is the run as it was given; what is given stays. All are held against the same
//! validation rows, or each against all rows by the same folds. With a number of trials the same search gives the same
//! model, to the bit.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::config::{Pool, RunConfig, Settings, TuneThreshold};
use super::folds;
use super::load::{Fold, Given, Task, load_source};
use super::observer::RunObserver;
use super::setting::GivenOptimizer;
use super::setting::RunKind;
use super::train::{Outcome, train_fresh, train_observed};
use crate::backend::Device;
use crate::data::ByteSource;
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::text::Subwords;
use crate::train::End;

/// How long a search may be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effort {
    /// So many candidates.
    Trials(usize),
    /// As many as there is time for; the last training of all comes on top.
    Time(Duration),
}

/// A candidate that was trained for some epochs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trial {
    /// The candidate, from 1.
    pub candidate: usize,
    /// The round of the halving, from 1.
    pub round: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// The epoch that was best on the validation rows, or in the mean over the folds.
    pub best_epoch: usize,
    /// The metric there.
    pub score: f64,
    /// The loss of the validation rows there.
    pub loss: f64,
    /// What was tried.
    pub choice: Choice,
}

/// What is searched over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// Width of the embedding; 0 for what the run takes by itself, until it is trained.
    pub embedding_units: usize,
    /// Step size.
    pub learning_rate: f64,
    /// Words of the longest n-gram.
    pub word_ngrams: usize,
    /// Buckets of n-grams.
    pub ngram_buckets: usize,
    /// Rate of dropout.
    pub dropout: f64,
    /// Lengths of character n-grams, where there are any.
    pub subwords: Option<Subwords>,
}

/// What a search found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tuned {
    /// The metric that candidates were compared by.
    pub metric: &'static str,
    /// Every trial, in order.
    pub trials: Vec<Trial>,
    /// The best: of the last round, with the highest score and then the lowest loss.
    pub best: Trial,
    /// The run that trains it on all rows.
    pub config: RunConfig,
    /// What that run made.
    pub outcome: Outcome,
}

/// Watches a search.
pub trait TuneObserver {
    /// Called after every trial.
    fn trial(&mut self, trial: &Trial, metric: &str);

    /// Asked between steps: whether the search shall end.
    fn interrupted(&mut self) -> bool {
        false
    }
}

/// The part of candidates that a round keeps is one over this; each of them gets so many times the epochs.
const HALVING: usize = 3;
/// Rounds of a halving at most.
const MOST_ROUNDS: usize = 3;
/// Epochs of the last round at least, and steps.
const LAST_EPOCHS: usize = 27;
const LAST_STEPS: usize = 2000;
/// Candidates of one halving where time is given.
const TOGETHER: usize = 9;
/// Epochs without a better score before a trial stops: one in so many, and at least so many.
const PATIENT: usize = 5;
const LEAST_PATIENCE: usize = 3;
/// Part of the rows that candidates are compared on, where the run does not say it.
const PART: f64 = 0.1;

/// Searches the settings of the text classifier that `given` describes, and trains the best on all its rows: that run
/// writes what `given` asks for.
///
/// # Errors
/// [`Error::Usage`] when the run is of another kind, or asks for what a search cannot do; whatever a run meets.
pub fn tune(
    given: &Settings,
    effort: Effort,
    device: &Device,
    observer: &mut dyn TuneObserver,
) -> Result<Tuned> {
    let first = given.resolve()?;
    check(given, &first, effort)?;
    let mut search = Search { given, device, observer, trials: Vec::new(), seen: None };
    let started = Instant::now();
    let (mut finalists, mut drawn) = (Vec::new(), 0);
    loop {
        let count = match effort {
            Effort::Trials(trials) => trials,
            Effort::Time(_) => TOGETHER,
        };
        let begun = Instant::now();
        let deadline = match effort {
            Effort::Trials(_) => None,
            Effort::Time(time) => Some(started + time),
        };
        let candidates: Vec<(usize, Choice)> =
            (drawn..drawn + count).map(|i| (i + 1, choice(given, &first, i))).collect();
        drawn += count;
        finalists.extend(search.halve(candidates, deadline)?);
        let is_done = match effort {
            Effort::Trials(_) => true,
            // Another halving has room.
            Effort::Time(time) => started.elapsed() + begun.elapsed() > time,
        };
        if is_done {
            break;
        }
    }
    // The highest score; of equals the lowest loss, and of these the first.
    finalists.sort_by(better);
    let Some(best) = finalists.into_iter().next() else {
        return Err(Error::Training("no candidate was trained; give the search more time".into()));
    };
    let mut settings = with(given, &best.choice);
    settings.data.validation = None;
    settings.data.validation_split = Some(0.0);
    settings.data.folds = None;
    settings.training.epochs = Some(best.best_epoch);
    settings.training.patience = Some(0);
    settings.training.monitor = None;
    let config = settings.resolve()?;
    config.check()?;
    let metric = search.seen.map_or("accuracy", |seen| seen.metric);
    let Search { trials, observer, .. } = search;
    let outcome = train_observed(&config, device, &mut Quiet(observer))?;
    Ok(Tuned { metric, trials, best, config, outcome })
}

fn check(given: &Settings, first: &RunConfig, effort: Effort) -> Result<()> {
    let refuse = |message: &str| Err(Error::usage(message));
    if first.kind != RunKind::Text || first.model.layers.is_some() || first.model.from.is_some() {
        return refuse(
            "a search is over the settings of a text classifier: leave layers and from out",
        );
    }
    if first.data.train == std::path::Path::new("-") {
        return refuse(
            "a search reads its file many times; write what comes on standard input to a file",
        );
    }
    if first.training.tune_threshold != TuneThreshold::No {
        return refuse(
            "tune_threshold needs validation rows, and the best candidate is trained on all rows; give a threshold, or tune it by a run of its own",
        );
    }
    let sets_apart = first.data.validation.is_some() || given.data.validation_split.is_some();
    if first.data.folds.is_some() && sets_apart {
        return refuse(
            "folds are given, by which candidates are compared on all rows; leave the rows to validate on out",
        );
    }
    if first.data.memory.is_some() {
        return refuse(
            "a search holds its rows in memory; leave memory out, or search on a part of the file",
        );
    }
    if first.output.checkpoint.is_some() {
        return refuse("a search keeps no checkpoint; leave it out");
    }
    match effort {
        Effort::Trials(0) => refuse("0 trials are asked for, but a search has at least 1"),
        Effort::Trials(trials) if trials > 10_000 => {
            refuse("more than 10,000 trials are asked for; give fewer")
        }
        Effort::Time(time) if time.is_zero() => {
            refuse("a search needs some time; give minutes above 0")
        }
        _ => first.check(),
    }
}

/// The order of trials, the best first.
fn better(a: &Trial, b: &Trial) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.loss.total_cmp(&b.loss)).then(a.candidate.cmp(&b.candidate))
}

/// What candidate `number` tries; what is given stays as it is. The first is the run as it was given.
fn choice(given: &Settings, first: &RunConfig, number: usize) -> Choice {
    let mut choice = Choice {
        embedding_units: first.model.embedding_units.unwrap_or(0),
        learning_rate: first.training.optimizer.learning_rate(),
        word_ngrams: first.text.word_ngrams,
        ngram_buckets: first.text.ngram_buckets,
        dropout: first.model.dropout,
        subwords: first.text.subwords,
    };
    if number == 0 {
        return choice;
    }
    let mut generator = ChaCha8Rng::seed_from_u64(first.training.seed);
    generator.set_stream(number as u64);
    // 24 random bits make a number in [0, 1) exactly.
    let mut uniform = || (generator.next_u32() >> 8) as f64 / 16_777_216.0;
    let mut one_of = |values: &[f64]| values[(uniform() * values.len() as f64) as usize];
    // All are drawn, so that what is given changes no other.
    let units = one_of(&[8.0, 16.0, 32.0, 64.0]);
    let ngrams = one_of(&[1.0, 2.0, 2.0, 3.0]);
    let buckets = one_of(&[200_000.0, 500_000.0, 2_000_000.0]);
    let dropout = one_of(&[0.0, 0.2, 0.35, 0.5, 0.65]);
    // Around what such a run takes, with few digits in a file.
    let factor = one_of(&[0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0]);
    let rate = (factor * choice.learning_rate * 1e6).round() / 1e6;
    // The longest of n-grams of characters, from 3 on; 0 for none.
    let longest = one_of(&[0.0, 0.0, 0.0, 5.0, 6.0]) as usize;
    let optimizer = given.training.optimizer.as_ref();
    let gives_rate = optimizer.is_some_and(|of| of.numbers.contains_key("learning_rate"));
    if given.model.embedding_units.is_none() {
        choice.embedding_units = units as usize;
    }
    if given.text.word_ngrams.is_none() {
        choice.word_ngrams = ngrams as usize;
    }
    if given.text.ngram_buckets.is_none() {
        choice.ngram_buckets = buckets as usize;
    }
    if given.model.dropout.is_none() {
        choice.dropout = dropout;
    }
    if !gives_rate {
        choice.learning_rate = rate;
    }
    // They are of words that the model knows by name, and for the mean of their vectors.
    let takes_subwords = first.text.hash_size == 0 && first.model.pool == Pool::Mean;
    if given.text.subwords.is_none() && takes_subwords && longest > 0 {
        choice.subwords = Some(Subwords { min: 3, max: longest });
    }
    choice
}

/// The settings of a candidate.
fn with(given: &Settings, choice: &Choice) -> Settings {
    let mut settings = given.clone();
    settings.kind = Some(RunKind::Text);
    settings.model.embedding_units = Some(choice.embedding_units).filter(|&units| units > 0);
    settings.model.dropout = Some(choice.dropout);
    settings.text.word_ngrams = Some(choice.word_ngrams);
    settings.text.ngram_buckets = Some(choice.ngram_buckets);
    settings.text.subwords = choice.subwords;
    let optimizer: &mut GivenOptimizer = settings.training.optimizer.get_or_insert_default();
    optimizer.numbers.insert("learning_rate".into(), choice.learning_rate);
    settings
}

/// What is known of the data from the first trial on.
#[derive(Clone, Copy)]
struct Seen {
    /// What candidates are compared by.
    metric: &'static str,
    steps_of_epoch: usize,
}

struct Search<'a> {
    given: &'a Settings,
    device: &'a Device,
    observer: &'a mut dyn TuneObserver,
    trials: Vec<Trial>,
    seen: Option<Seen>,
}

impl Search<'_> {
    /// One halving; the trials of its last round.
    fn halve(
        &mut self,
        mut candidates: Vec<(usize, Choice)>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Trial>> {
        let seen = match self.seen {
            Some(seen) => seen,
            None => self.look()?,
        };
        self.seen = Some(seen);
        let last = LAST_EPOCHS.max(LAST_STEPS.div_ceil(seen.steps_of_epoch));
        let rounds = (1..MOST_ROUNDS).take_while(|&n| HALVING.pow(n as u32) <= candidates.len());
        let rounds = 1 + rounds.count();
        let mut done = Vec::new();
        for round in 1..=rounds {
            let epochs = (last / HALVING.pow((rounds - round) as u32)).max(1);
            done = Vec::new();
            for (candidate, choice) in &candidates {
                let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                if late && !(self.trials.is_empty() && done.is_empty()) {
                    continue;
                }
                let trial = self.train(*candidate, round, epochs, choice, seen)?;
                self.observer.trial(&trial, seen.metric);
                self.trials.push(trial.clone());
                done.push(trial);
            }
            if done.is_empty() {
                // Out of time: the best of the round before are what there is.
                let known = |trial: &&Trial| {
                    candidates.iter().any(|(number, _)| *number == trial.candidate)
                };
                return Ok(self.trials.iter().rev().filter(known).take(1).cloned().collect());
            }
            done.sort_by(better);
            let kept = candidates.len().div_ceil(HALVING).max(1);
            candidates =
                done.iter().take(kept).map(|trial| (trial.candidate, trial.choice)).collect();
        }
        Ok(done)
    }

    /// Rows and kind of the data, without training.
    fn look(&mut self) -> Result<Seen> {
        let config = self.config(&choice(self.given, &self.given.resolve()?, 0), 1, "accuracy")?;
        let mut loaded = super::load::load(&config)?;
        if let Some(folds) = self.given.data.folds {
            folds::check(folds, &mut loaded)?;
        } else if loaded.validation.is_none() {
            return Err(Error::usage(
                "there are too few rows to set some apart that candidates are compared on; give a validation file",
            ));
        }
        let metric = if loaded.task == Task::Labels { "f1_micro" } else { "accuracy" };
        let rows = loaded.training.rows();
        let steps_of_epoch = rows.div_ceil(config.batch_size(rows)).max(1);
        Ok(Seen { metric, steps_of_epoch })
    }

    fn config(&self, choice: &Choice, epochs: usize, metric: &str) -> Result<RunConfig> {
        let mut settings = with(self.given, choice);
        let part = if settings.data.folds.take().is_some() { 0.0 } else { PART };
        if settings.data.validation.is_none() && settings.data.validation_split.is_none() {
            settings.data.validation_split = Some(part);
        }
        settings.training.epochs = Some(epochs);
        settings.training.patience = Some(match self.given.data.folds {
            // All folds have the same epochs, whose means are compared.
            Some(_) => 0,
            None => (epochs / PATIENT).max(LEAST_PATIENCE),
        });
        let mut config = settings.resolve()?.without_files();
        config.check()?;
        // Behind the check: of folds, that which is held out is validated on.
        config.training.monitor = Some(metric.to_owned());
        Ok(config)
    }

    /// A run on the rows that are set apart, or one for each fold, validated on what it holds out.
    fn outcomes(&mut self, config: &RunConfig) -> Result<Vec<Outcome>> {
        let Some(folds) = self.given.data.folds else {
            return Ok(vec![train_observed(config, self.device, &mut Quiet(self.observer))?]);
        };
        let source = ByteSource::read(&config.data.train)?;
        let mut outcomes = Vec::with_capacity(folds);
        for index in 0..folds {
            let fold = Fold { index, of: folds };
            let mut loaded = load_source(config, &source, Given::Nothing, Some(fold))?;
            loaded.validation = loaded.held_out.take();
            let outcome = train_fresh(config, loaded, self.device, &mut Quiet(self.observer))?;
            let goes_on = outcome.end == End::Done;
            outcomes.push(outcome);
            if !goes_on {
                break;
            }
        }
        Ok(outcomes)
    }

    fn train(
        &mut self,
        candidate: usize,
        round: usize,
        epochs: usize,
        choice: &Choice,
        seen: Seen,
    ) -> Result<Trial> {
        let config = self.config(choice, epochs, seen.metric)?;
        let outcomes = self.outcomes(&config)?;
        if outcomes.iter().any(|outcome| matches!(outcome.end, End::Interrupted)) {
            return Err(Error::Training("the search was interrupted; no model was written".into()));
        }
        let epochs_done = epochs_of(&outcomes, seen.metric);
        // A candidate whose numbers became NaN is the worst there is.
        // Of equal scores the one of the lowest loss, the first of these.
        let is_better = |(score, loss): (f64, f64), than: (f64, f64)| {
            score > than.0 || score == than.0 && loss < than.1
        };
        let best = (0..epochs_done.len())
            .reduce(|best, i| if is_better(epochs_done[i], epochs_done[best]) { i } else { best });
        let diverged = outcomes.iter().any(|outcome| matches!(outcome.end, End::Diverged(_)));
        let (score, loss) = match best {
            Some(best) if !diverged => epochs_done[best],
            _ => (0.0, f64::MAX),
        };
        let best_epoch = best.map_or(1, |best| best + 1);
        let units = outcomes[0].model.layers().first().and_then(Layer::units);
        let embedding_units = units.unwrap_or(choice.embedding_units);
        let choice = Choice { embedding_units, ..*choice };
        Ok(Trial { candidate, round, epochs, best_epoch, score, loss, choice })
    }
}

/// Score and loss of the validation rows by epoch, in the mean over a trial's runs.
fn epochs_of(outcomes: &[Outcome], metric: &str) -> Vec<(f64, f64)> {
    let mean = |values: &dyn Fn(&Outcome) -> Option<f64>| -> Option<f64> {
        let values: Option<Vec<f64>> = outcomes.iter().map(values).collect();
        values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
    };
    let epoch = |i: usize| {
        let score = mean(&|outcome| outcome.history.val_metrics.get(metric)?.get(i).copied())?;
        let loss = mean(&|outcome| outcome.history.val_loss.get(i).copied());
        Some((score, loss.unwrap_or(f64::MAX)))
    };
    (0..).map_while(epoch).collect()
}

/// Passes on only that a run shall end.
struct Quiet<'a>(&'a mut dyn TuneObserver);

impl RunObserver for Quiet<'_> {
    fn interrupted(&mut self) -> bool {
        self.0.interrupted()
    }
}
