//! Whole runs as an observer sees them: stopped between two steps and gone on with, gone back for NaN, ended by what is
//! validated, and told of once.

use std::time::Duration;

use super::trainer::Reported;
use super::*;
use crate::data::{Dataset, Inputs, Targets};
use crate::error::{Divergence, Result};
use crate::{Activation, Device, Input, Layer, Loss, Model};

/// Stops a run when it is asked for the n-th time, and keeps what it was given.
#[derive(Default)]
struct Script {
    follow: Option<Follow>,
    /// Asks that are answered by going on, before one that is not; none: never.
    left: Option<usize>,
    from: Option<Checkpoint>,
    kept: Option<Checkpoint>,
    /// Calls of `last_checkpoint`, and all of both.
    last: usize,
    offered: usize,
    epochs: Vec<EpochReport>,
    batches: Vec<BatchReport>,
    answers: Vec<Next>,
    back: Vec<(usize, f64)>,
}

impl Observer for Script {
    fn follow(&self) -> Follow {
        self.follow.unwrap_or(Follow::Epochs)
    }

    fn batch(&mut self, report: BatchReport) {
        self.batches.push(report);
    }

    fn epoch(&mut self, report: EpochReport) -> Next {
        self.epochs.push(report);
        self.answers.get(report.epoch - 1).copied().unwrap_or(Next::Continue)
    }

    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        Ok(self.from.take())
    }

    fn checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.offered += 1;
        self.kept = Some(take()?);
        Ok(())
    }

    fn interrupted(&mut self) -> bool {
        match &mut self.left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn last_checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.last += 1;
        self.checkpoint(take)
    }

    fn rolled_back(&mut self, _why: &Divergence, to: usize, learning_rate: f64) {
        self.back.push((to, learning_rate));
    }
}

/// Rows of two waves and a target that hangs on both.
fn waves(count: usize) -> Dataset {
    let values: Vec<f32> = (0..2 * count).map(|i| (i as f32 * 0.7).sin()).collect();
    let targets = values.chunks(2).map(|row| row[0] - 0.5 * row[1] * row[1]).collect();
    let inputs = Inputs::Matrix { features: 2, values };
    Dataset::new(inputs, Targets::Values { width: 1, values: targets }, "waves").expect("rows")
}

fn model() -> Model {
    let layers = vec![Layer::dense(4, Activation::Tanh), Layer::dense(1, Activation::Linear)];
    Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 3).expect("a model")
}

/// A run of 3 epochs of 11 steps: the weights, how it ended, and what was seen.
fn run(trainer: &Trainer, validates: bool, mut script: Script) -> (Model, Fitted, Script) {
    let (mut model, training, validation) = (model(), waves(42), waves(10));
    let validation = validates.then_some(&validation);
    let fitted = trainer.fit_to_end(&mut model, &training, validation, &Device::cpu(), &mut script);
    (model, fitted.expect("it ends in order"), script)
}

#[test]
fn a_run_that_is_stopped_anywhere_goes_on_to_the_same_bits() {
    let plain = Trainer { epochs: 3, batch_size: 4, ..Trainer::default() };
    let early = Some(EarlyStopping { patience: 2 });
    let trainers = [
        (plain.clone(), false),
        (Trainer { schedule: Schedule::Cosine, ..plain.clone() }, true),
        (Trainer { early_stopping: early, ..plain.clone() }, true),
        (Trainer { micro_batch: Some(3), on_nan: OnNan::Rollback, ..plain }, false),
    ];
    for (trainer, validates) in trainers {
        let (whole, end, _) = run(&trainer, validates, Script::default());
        assert_eq!((&end.end, end.history.loss.len()), (&End::Done, 3));
        let mut stops = 0;
        for left in 0.. {
            let script = Script { left: Some(left), ..Script::default() };
            let (_, fitted, script) = run(&trainer, validates, script);
            if fitted.end == End::Done {
                assert_eq!((script.last, fitted), (0, Fitted { copying: Duration::ZERO, ..end }));
                break;
            }
            stops += 1;
            assert_eq!((&fitted.end, script.last), (&End::Interrupted, 1));
            let kept = script.kept.expect("a checkpoint");
            assert_eq!(script.epochs.len(), kept.epoch);
            assert_eq!(kept.state.step, 11 * kept.epoch as u64 + kept.done.rows as u64 / 4);
            if trainer.early_stopping.is_none() {
                let epoch = kept.epoch + (kept.done.rows > 0) as usize;
                assert_eq!((fitted.step, fitted.epoch), (kept.state.step, epoch));
            }
            let script = Script { from: Some(kept), ..Script::default() };
            let (found, fitted, script) = run(&trainer, validates, script);
            assert!(found.parameters() == whole.parameters(), "stopped at ask {left}");
            assert_eq!((fitted.history, fitted.end), (end.history.clone(), End::Done));
            assert_eq!((fitted.step, fitted.epoch), (end.step, end.epoch));
            assert_eq!(script.epochs.last().map(|report| report.epoch), Some(3));
        }
        assert!(stops >= 5, "{stops}");
    }
}

#[test]
fn an_observer_is_told_of_each_batch_and_epoch_and_says_what_is_next() {
    let trainer = Trainer { epochs: 5, batch_size: 4, ..Trainer::default() };
    let answers =
        vec![Next::Continue, Next::LearningRate(0.0), Next::Continue, Next::Stop, Next::Continue];
    let script = Script { follow: Some(Follow::Batches), answers, ..Script::default() };
    let (found, fitted, script) = run(&trainer, true, script);
    assert_eq!((&fitted.end, fitted.step, fitted.epoch), (&End::Done, 44, 4));
    let epochs: Vec<usize> = script.epochs.iter().map(|report| report.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4]);
    let steps: Vec<u64> = script.batches.iter().map(|batch| batch.step).collect();
    assert_eq!(steps, (1..=44).collect::<Vec<u64>>());
    assert!(script.batches.iter().all(|b| b.rows == if b.step % 11 == 0 { 2 } else { 4 }));
    for report in &script.epochs {
        assert_eq!((report.epochs, report.monitored), (5, None));
        assert!(report.samples_per_second > 42.0);
        let batches =
            script.batches.iter().filter(|b| (b.step - 1) / 11 == report.epoch as u64 - 1);
        let mean = batches.map(|b| b.rows as f64 * b.loss).sum::<f64>() / 42.0;
        assert!((report.training.loss - mean).abs() < 1e-9);
    }
    // Nothing moved from the third epoch on.
    let losses = |at: usize| script.epochs[at].validation.expect("validated").loss;
    assert!(losses(0) != losses(1) && losses(1) == losses(2) && losses(2) == losses(3));
    // Without early stopping the weights are the last, whatever was validated.
    let two = Trainer { epochs: 2, ..trainer };
    assert!(found.parameters() == run(&two, true, Script::default()).0.parameters());
    assert_eq!((fitted.history.best_epoch, script.offered), (None, 4));
}

/// Of epochs that are as good as each other the first is best.
#[test]
fn a_run_ends_when_its_patience_does() {
    let optimizer = Optimizer::default().with_learning_rate(0.0);
    let still = Trainer { epochs: 9, batch_size: 4, optimizer, ..Trainer::default() };
    for (patience, epochs) in [(1, 2), (3, 4), (20, 9)] {
        let early_stopping = Some(EarlyStopping { patience });
        let trainer = Trainer { early_stopping, ..still.clone() };
        let (found, fitted, script) = run(&trainer, true, Script::default());
        assert_eq!((script.epochs.len(), fitted.history.best_epoch), (epochs, Some(1)));
        assert_eq!((fitted.step, fitted.epoch), (11, 1));
        assert!(found.parameters() == model().parameters());
    }
    // Without rows to validate on, the weights of the lowest loss are known to be good, but the last are taken.
    let (_, fitted, _) = run(&still, false, Script::default());
    assert_eq!((fitted.step, fitted.epoch), (99, 9));
}

#[test]
fn a_run_goes_back_at_half_the_rate_three_times() {
    let on_nan = OnNan::Rollback;
    let optimizer = crate::optimizers::Sgd { learning_rate: 999.0, momentum: 0.0 }.into();
    let trainer = Trainer { epochs: 2, batch_size: 4, optimizer, on_nan, ..Trainer::default() };
    let (found, fitted, script) = run(&trainer, false, Script::default());
    assert!(matches!(fitted.end, End::Diverged(_)));
    assert_eq!(script.back, [(0, 499.5), (0, 249.75), (0, 124.875)]);
    assert!(found.parameters() == model().parameters(), "no epoch was good");
    assert_eq!((fitted.step, fitted.epoch), (0, 0));
}

/// A run that becomes NaN behind good epochs goes back to the last of them, and ends with the best.
#[test]
fn a_run_goes_back_to_the_last_good_epoch_and_keeps_the_best() {
    let optimizer = crate::optimizers::Sgd { learning_rate: 0.05, momentum: 0.0 }.into();
    let trainer = Trainer {
        epochs: 6,
        batch_size: 4,
        optimizer,
        on_nan: OnNan::Rollback,
        early_stopping: Some(EarlyStopping { patience: 9 }),
        ..Trainer::default()
    };
    let answers = vec![Next::Continue, Next::LearningRate(999.0)];
    let (found, fitted, script) = run(&trainer, true, Script { answers, ..Script::default() });
    assert!(matches!(fitted.end, End::Diverged(_)));
    assert_eq!(script.back, [(2, 499.5), (2, 249.75), (2, 124.875)]);
    let losses: Vec<f64> =
        script.epochs.iter().filter_map(|report| Some(report.validation?.loss)).collect();
    assert_eq!(losses.len(), 2);
    let best = if losses[1] < losses[0] { 2 } else { 1 };
    assert_eq!((fitted.epoch, fitted.step), (best, 11 * best as u64));
    let two = Trainer { epochs: 2, ..trainer };
    let (expected, _, _) = run(&two, true, Script::default());
    assert!(found.parameters() == expected.parameters());
}

/// An observer that says nothing of an interrupted run's last checkpoint is given it as any other.
#[test]
fn the_last_checkpoint_is_one() {
    struct Plain(usize, Option<u64>);
    impl Observer for Plain {
        fn interrupted(&mut self) -> bool {
            self.0 += 1;
            self.0 > 2
        }
        fn checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
            self.1 = Some(take()?.state.step);
            Ok(())
        }
    }
    let trainer = Trainer { batch_size: 4, ..Trainer::default() };
    let mut plain = Plain(0, None);
    let fitted = trainer.fit_to_end(&mut model(), &waves(42), None, &Device::cpu(), &mut plain);
    assert_eq!(plain.1, Some(fitted.expect("it ends in order").step));
}

#[test]
fn what_was_done_about_a_device_is_said_in_words() {
    let said = |recovered: Recovered| recovered.to_string();
    assert!(said(Recovered::NewDevice { step: 0 }).contains("begins again"));
    assert!(said(Recovered::NewDevice { step: 7 }).contains("from step 7"));
    assert!(said(Recovered::MicroBatch { rows: 8 }).contains("with 8 rows of a batch"));
}

#[test]
fn what_was_reported_is_not_again() {
    let report = |epoch: usize| EpochReport {
        epoch,
        epochs: 4,
        training: Metrics { loss: 1.0, accuracy: None },
        validation: None,
        monitored: None,
        samples_per_second: 1.0,
    };
    let answers = vec![Next::Continue, Next::LearningRate(0.5), Next::Continue, Next::Stop];
    let mut script = Script { answers, ..Script::default() };
    let mut reported = Reported::default();
    let epochs = |reported: &mut Reported, script: &mut Script| {
        (1..=3).map(|epoch| reported.epoch(report(epoch), script)).collect::<Vec<_>>()
    };
    let first = epochs(&mut reported, &mut script);
    assert_eq!(first, [Next::Continue, Next::LearningRate(0.5), Next::Continue]);
    // Done again, the epochs have the answers that they had.
    assert_eq!(epochs(&mut reported, &mut script), first);
    assert_eq!(script.epochs.len(), 3);
    // A copy of the state holds what was answered before.
    reported.forget(1);
    assert_eq!(reported.answers, [(2, Next::LearningRate(0.5)), (3, Next::Continue)]);
    reported.forget(2);
    assert_eq!(reported.epoch(report(2), &mut script), Next::Continue);
    assert_eq!(reported.epoch(report(4), &mut script), Next::Stop);
    let batch = |step| BatchReport { step, rows: 4, loss: 1.0 };
    reported.batches(vec![batch(1), batch(2)], &mut script);
    reported.batches(vec![batch(2), batch(3)], &mut script);
    assert_eq!(script.batches, [batch(1), batch(2), batch(3)]);
}

/// Sentences of ten words of twelve.
fn words() -> WordStream {
    let tokens: Vec<u32> =
        (0..440).map(|i| if i % 11 == 10 { 0 } else { 2 + (i * i + i / 5) % 12 }).collect();
    let mut counts = vec![0; 14];
    tokens.iter().for_each(|&id| counts[id as usize] += 1);
    WordStream { tokens, counts, first_word: 2, ..WordStream::default() }
}

#[test]
fn word_vectors_that_are_stopped_anywhere_go_on_to_the_same_bits() {
    let stream = words();
    for (method, on_nan) in
        [(WordMethod::Skipgram, OnNan::Stop), (WordMethod::Cbow, OnNan::Rollback)]
    {
        let trainer = WordTrainer {
            method,
            on_nan,
            units: 4,
            subsample: 0.0,
            epochs: 3,
            words_per_step: 32,
            ..WordTrainer::default()
        };
        let run = |mut script: Script| {
            let (table, fitted) =
                trainer.fit_to_end(&stream, &Device::cpu(), &mut script).expect("it ends");
            (table, fitted, script)
        };
        let (whole, end, script) = run(Script::default());
        // 440 words in steps of 32.
        assert_eq!((&end.end, end.step, end.epoch), (&End::Done, 42, 3));
        let epochs: Vec<usize> = script.epochs.iter().map(|report| report.epoch).collect();
        assert_eq!((epochs, script.offered), (vec![1, 2, 3], 3));
        assert!(script.epochs.iter().all(|report| report.samples_per_second > 440.0));
        let losses = &end.history.loss;
        assert!(losses.len() == 3 && losses.iter().all(|loss| (0.1..10.0).contains(loss)));
        assert_eq!(whole.len(), 14 * 4);
        assert!(whole[..8].iter().all(|&value| value == 0.0), "ids that are no words");
        let mut stops = 0;
        for left in 0.. {
            let (_, fitted, script) = run(Script { left: Some(left), ..Script::default() });
            if fitted.end == End::Done {
                assert_eq!(script.last, 0);
                break;
            }
            stops += 1;
            assert_eq!((&fitted.end, script.last), (&End::Interrupted, 1));
            let kept = script.kept.expect("a checkpoint");
            assert_eq!(kept.state.step, 14 * kept.epoch as u64 + kept.done.rows as u64);
            assert_eq!(fitted.step, kept.state.step);
            assert_eq!(fitted.epoch, kept.epoch + (kept.done.rows > 0) as usize);
            let (found, fitted, script) = run(Script { from: Some(kept), ..Script::default() });
            assert!(found == whole, "stopped at ask {left}");
            assert_eq!((fitted.history, fitted.step), (end.history.clone(), 42));
            assert_eq!(script.epochs.last().map(|report| report.epoch), Some(3));
        }
        assert!(stops > 6, "{stops}");
    }
}

#[test]
fn word_vectors_go_on_from_their_own_checkpoints_alone() {
    let trainer = WordTrainer { units: 4, subsample: 0.0, epochs: 2, ..WordTrainer::default() };
    let goes_on = |trainer: &WordTrainer, from: Checkpoint| {
        let mut script = Script { from: Some(from), ..Script::default() };
        trainer.fit_to_end(&words(), &Device::cpu(), &mut script).map(|(table, _)| table)
    };
    let mut script = Script::default();
    trainer.fit_to_end(&words(), &Device::cpu(), &mut script).expect("it ends");
    let kept = script.kept.expect("a checkpoint");
    goes_on(&trainer, kept.clone()).expect("its own");
    let refused = |trainer: &WordTrainer, from: Checkpoint| {
        let error = goes_on(trainer, from).expect_err("another run's").to_string();
        assert!(error.contains("those of another run"), "{error}");
    };
    refused(&WordTrainer { units: 5, ..trainer }, kept.clone());
    let change = |change: &dyn Fn(&mut SessionState)| {
        let mut kept = kept.clone();
        change(&mut kept.state);
        kept
    };
    refused(&trainer, change(&|state| state.arrays[1].1.truncate(1)));
    refused(&trainer, change(&|state| state.arrays[0].1[0].name += "x"));
    refused(&trainer, change(&|state| state.arrays[0].1[0].values.truncate(3)));
    refused(&trainer, change(&|state| state.arrays[0].0 = Role::Gradients));
}

#[test]
fn word_vectors_go_back_three_times_and_are_those_of_the_start() {
    let mut stream = words();
    stream.initial = (2..14).map(|word| (word, vec![3e38; 4])).collect();
    let trainer = WordTrainer {
        units: 4,
        subsample: 0.0,
        words_per_step: 32,
        on_nan: OnNan::Rollback,
        ..WordTrainer::default()
    };
    let mut script = Script::default();
    let (_, fitted) =
        trainer.fit_to_end(&stream, &Device::cpu(), &mut script).expect("it ends in order");
    assert!(matches!(fitted.end, End::Diverged(_)), "{:?}", fitted.end);
    assert_eq!(script.back, [(0, 0.075), (0, 0.0375), (0, 0.01875)]);
    let stop = WordTrainer { on_nan: OnNan::Stop, ..trainer };
    let mut script = Script::default();
    let (_, fitted) = stop.fit_to_end(&stream, &Device::cpu(), &mut script).expect("it ends");
    assert!(matches!(fitted.end, End::Diverged(_)) && script.back.is_empty());
}

/// Nothing that is dropped whole is learned from, and that is no model.
#[test]
fn words_that_are_all_dropped_leave_nothing_to_train_on() {
    let trainer = WordTrainer { units: 4, subsample: 1e-30, epochs: 2, ..WordTrainer::default() };
    let mut told = 0;
    let error = trainer.fit(&words(), &Device::cpu(), &mut |_| told += 1);
    let error = error.expect_err("nothing is left");
    assert_eq!(told, 1, "the next epoch draws others");
    assert!(error.to_string().contains("no pair of words was left to train on in 2 epochs"));
    let kept = WordTrainer { subsample: 1e3, ..trainer };
    kept.fit(&words(), &Device::cpu(), &mut |_| ()).expect("all are kept");
}
