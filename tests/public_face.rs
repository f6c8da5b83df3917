//! What a safe program must not be able to do with the public face: read outside a buffer, panic, or take NaN for an
//! answer. Each was possible once.
#![forbid(unsafe_code)]

mod common;

use common::gpu;
use wgslearn::model::Parameter;
use wgslearn::train::{BatchReport, EpochReport, Follow, Next, Observer, WordStream};
use wgslearn::*;

fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect()
}

fn rows(rows: usize) -> Dataset {
    let inputs = Inputs::Matrix { values: wave(2 * rows), features: 2 };
    let targets = (0..rows).map(|i| (i % 2) as f32).collect();
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, "waves").expect("rows")
}

fn model() -> Model {
    let layers = vec![Layer::dense(4, Activation::Relu), Layer::dense(1, Activation::Sigmoid)];
    Model::new(Input::Matrix { features: 2 }, layers, Loss::BinaryCrossentropy, 7).expect("a model")
}

/// The sentence of an error, which names all of `says`.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, says: &[&str]) {
    let error = result.expect_err("refused").to_string();
    assert!(says.iter().all(|part| error.contains(part)), "{error:?} does not say {says:?}");
}

#[test]
fn rows_that_are_not_there_are_refused_on_every_device() {
    let (model, dataset) = (model(), rows(10));
    for device in [&Device::cpu(), gpu()] {
        let trainer = Trainer { batch_size: 5, ..Trainer::default() };
        let mut session =
            Session::new(&model, &trainer, &dataset, None, device).expect("a session");
        refused(session.train_rows(&[0, 1, 2, 3, 50_000_000]), &["row 50000000", "0 to 9"]);
        refused(session.train_rows(&[10]), &["row 10"]);
        refused(session.train_rows(&[]), &["no rows"]);
        let metrics = session.train_rows(&[0, 1, 2, 3, 9]).expect("a step");
        assert!(metrics.loss.is_finite());
    }
    refused(dataset.rows_of(&[3, 10]), &["row 10", "0 to 9"]);
}

#[test]
fn batches_that_are_brought_train_as_the_sessions_own() {
    let (model, dataset) = (model(), rows(13));
    let trainer = Trainer { batch_size: 5, shuffle: false, ..Trainer::default() };
    for device in [&Device::cpu(), gpu()] {
        let session = || Session::new(&model, &trainer, &dataset, None, device).expect("a session");
        let mut own = session();
        let expected: f64 = own.train(0..2).expect("two epochs").iter().map(|of| of.loss).sum();
        let mut brought = session();
        let mut sum = 0.0;
        // The second epoch is of the session's own rows, which the brought ones took the place of.
        for batch in [&[0, 1, 2, 3, 4][..], &[5, 6, 7, 8, 9], &[10, 11, 12]] {
            let batch = dataset.rows_of(batch).expect("rows");
            sum +=
                brought.train_on_batch(&batch).expect("a step").loss * batch.rows() as f64 / 13.0;
        }
        sum += brought.train(1..2).expect("an epoch")[0].loss;
        let weights = |session: &mut Session<'_>| session.read(train::Role::Weights);
        assert_eq!(weights(&mut own).expect("weights"), weights(&mut brought).expect("weights"));
        assert!((sum - expected).abs() < 1e-6, "{sum} {expected}");

        let some = dataset.rows_of(&[0, 1]).expect("rows");
        refused(brought.train_on_batch(&some), &["batch of 2", "whole batches of 5"]);
        refused(brought.train_on_batch(&rows(4_000_000)), &["4000000 rows", "at once"]);
        let alike = Dataset::new(dataset.inputs().clone(), Targets::Inputs, "itself");
        refused(brought.train_on_batch(&alike.expect("rows")), &["itself"]);
        let wide = Inputs::Matrix { values: wave(15), features: 3 };
        let wide = Dataset::new(wide, Targets::Inputs, "three").expect("rows");
        refused(brought.train_on_batch(&wide), &["three", "3 elements", "reads 2"]);
    }
}

#[test]
fn a_predictor_takes_whole_rows_of_finite_numbers() {
    let mut predictor = Predictor::new(&model(), &Device::cpu()).expect("a predictor");
    let of = |values: &[f32]| Inputs::Matrix { values: values.to_vec(), features: 2 };
    refused(predictor.predict(&of(&[1.0, 2.0, 3.0]), "x"), &["3 values", "rows of 2"]);
    refused(predictor.predict(&of(&[1.0]), "x"), &["1 values"]);
    refused(predictor.predict(&of(&[1.0, f32::NAN]), "x"), &["row 1", "column 2", "NaN"]);
    refused(predictor.predict(&of(&[1.0, 2.0, f32::INFINITY, 0.0]), "x"), &["row 2", "inf"]);
    let wide = Inputs::Matrix { values: vec![0.0; 3], features: 3 };
    refused(predictor.predict(&wide, "x"), &["3 elements", "reads 2"]);
    let none = Inputs::Matrix { values: vec![0.0; 2], features: 0 };
    refused(predictor.predict(&none, "x"), &["0 elements"]);
    refused(predictor.predict(&Inputs::Ids { values: vec![1, 2], length: 2 }, "x"), &["ids"]);
    assert!(predictor.predict(&of(&[]), "x").expect("nothing").is_empty());

    let mut outputs = [0.0; 3];
    refused(predictor.predict_into(Rows::Matrix(&[1.0, 2.0]), &mut outputs), &["holds 3"]);
    let values = wave(6);
    predictor.predict_into(Rows::Matrix(&values), &mut outputs).expect("three rows");
    assert_eq!(outputs.to_vec(), predictor.predict(&of(&values), "x").expect("the same"));
}

#[test]
fn weights_that_are_no_numbers_are_no_answers() {
    let mut broken = model();
    let kernel = broken.parameters()[0].clone();
    let values = vec![f32::NAN; kernel.values.len()];
    broken.set_parameters(vec![Parameter { values, ..kernel }]).expect("the right shape");
    refused(Predictor::new(&broken, &Device::cpu()), &["dense.kernel", "NaN"]);
    refused(broken.evaluate(&rows(4), &Device::cpu()), &["dense.kernel", "NaN"]);
    refused(
        Trainer::default().fit(&mut broken, &rows(4), None, &Device::cpu()),
        &["dense.kernel", "NaN"],
    );
}

#[test]
fn parameters_have_as_many_values_as_their_shape() {
    let mut short = model();
    let kernel = short.parameters()[0].clone();
    let values = kernel.values[1..].to_vec();
    refused(
        short.set_parameters(vec![Parameter { values, ..kernel.clone() }]),
        &["dense.kernel", "[2, 4]", "7 values"],
    );
    assert_eq!(short.parameters()[0], kernel);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let (dataset, device) = (rows(8), Device::cpu());
    let fit = |trainer: Trainer| trainer.fit(&mut model(), &dataset, None, &device);
    refused(fit(Trainer { frozen_layers: 99, ..Trainer::default() }), &["99", "has 2"]);
    let early_stopping = Some(EarlyStopping { patience: 1 });
    refused(fit(Trainer { early_stopping, ..Trainer::default() }), &["validate"]);
    let monitor = Some(metrics::by_name("accuracy").expect("a metric").into());
    refused(fit(Trainer { monitor, ..Trainer::default() }), &["accuracy", "validate"]);
    refused(fit(Trainer { batch_size: 0, ..Trainer::default() }), &["batch size is 0"]);
    for rate in [f64::NAN, f64::INFINITY, -1.0] {
        let optimizer = Optimizer::adam(rate);
        refused(fit(Trainer { optimizer, ..Trainer::default() }), &["learning_rate"]);
    }
    refused(
        fit(Trainer { optimizer: Optimizer::sgd(0.1, 1.0), ..Trainer::default() }),
        &["momentum is 1"],
    );
    for clip in [Clip::Norm(0.0), Clip::Value(f64::NAN), Clip::Norm(-1.0)] {
        refused(fit(Trainer { clip: Some(clip), ..Trainer::default() }), &["clipping"]);
    }
    for label_smoothing in [1.0, -0.1, f64::NAN] {
        refused(fit(Trainer { label_smoothing, ..Trainer::default() }), &["label_smoothing"]);
    }
    let layers = vec![Layer::dense(1, Activation::Linear)];
    let mut regression =
        Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 7).expect("a model");
    let smoothing = Trainer { label_smoothing: 0.1, ..Trainer::default() };
    refused(smoothing.fit(&mut regression, &dataset, None, &device), &["label_smoothing", "mse"]);
}

#[test]
fn models_that_mean_nothing_are_refused() {
    let new = |input, layers, loss| Model::new(input, layers, loss, 7);
    let softmax = vec![Layer::dense(1, Activation::Softmax)];
    let two = Input::Matrix { features: 2 };
    refused(new(two, softmax, Loss::CategoricalCrossentropy), &["softmax of one unit"]);
    let sigmoid = || vec![Layer::dense(1, Activation::Sigmoid)];
    let none = Input::Matrix { features: 0 };
    refused(new(none, sigmoid(), Loss::BinaryCrossentropy), &["no elements"]);
    let none = Input::Ids { length: 0 };
    let layers =
        vec![Layer::embedding(9, 2), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
    refused(new(none, layers, Loss::BinaryCrossentropy), &["no elements"]);
    refused(new(two, vec![Layer::dropout(f64::NAN)], Loss::Mse), &["rate is NaN"]);
}

#[test]
fn classes_are_whole_numbers_in_range() {
    let layers = vec![Layer::dense(3, Activation::Softmax)];
    let input = Input::Matrix { features: 2 };
    let mut model = Model::new(input, layers, Loss::CategoricalCrossentropy, 7).expect("a model");
    for (class, row) in [(3.0, "row 2"), (-1.0, "row 2"), (0.5, "row 2")] {
        let inputs = Inputs::Matrix { values: wave(4), features: 2 };
        let targets = Targets::Values { values: vec![0.0, class], width: 1 };
        let dataset = Dataset::new(inputs, targets, "classes").expect("rows");
        let trained = Trainer::default().fit(&mut model, &dataset, None, &Device::cpu());
        refused(trained, &[row, "0 to 2"]);
    }
}

#[test]
fn words_that_are_not_counted_are_refused() {
    let stream = WordStream {
        tokens: vec![2, 3, 9],
        counts: vec![0, 0, 1, 1],
        first_word: 2,
        ..WordStream::default()
    };
    let fit = WordTrainer::default().fit(&stream, &Device::cpu(), &mut |_| {});
    refused(fit, &["place 2", "id 9"]);
}

#[test]
fn sessions_and_predictors_go_to_other_threads() {
    fn is_send<T: Send>() {}
    is_send::<Predictor>();
    is_send::<Session<'static>>();
    is_send::<Model>();
    fn is_sync<T: Sync>() {}
    is_sync::<Device>();
    is_sync::<Model>();
    let (model, values) = (model(), wave(2 * 300));
    let inputs = Inputs::Matrix { values, features: 2 };
    let expected = model.predict(&inputs, &Device::cpu()).expect("outputs");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut predictor = Predictor::new(&model, &Device::cpu()).expect("a predictor");
            let (inputs, expected) = (&inputs, &expected);
            scope.spawn(move || {
                assert_eq!(&predictor.predict(inputs, "x").expect("outputs"), expected);
            });
        }
    });
}

/// Stops after its epoch, sees every batch, and lowers the rate to nothing.
struct Watcher {
    batches: Vec<BatchReport>,
    losses: Vec<f64>,
}

impl Observer for Watcher {
    fn follow(&self) -> Follow {
        Follow::Batches
    }

    fn batch(&mut self, report: BatchReport) {
        self.batches.push(report);
    }

    fn epoch(&mut self, report: EpochReport) -> Next {
        self.losses.push(report.training.loss);
        match report.epoch {
            2 => Next::LearningRate(0.0),
            5 => Next::Stop,
            _ => Next::Continue,
        }
    }
}

#[test]
fn an_observer_sees_batches_changes_the_rate_and_stops_a_run() {
    let dataset = rows(10);
    // Small models do their steps in one dispatch; both ways report alike.
    for small in [false, true] {
        let trainer = Trainer {
            epochs: 50,
            batch_size: 4,
            shuffle: false,
            optimizer: Optimizer::sgd(0.5, 0.0),
            fusions: Fusions::ALL.with_small_steps(small),
            ..Trainer::default()
        };
        let mut watcher = Watcher { batches: Vec::new(), losses: Vec::new() };
        let mut model = model();
        let history = trainer
            .fit_with(&mut model, &dataset, None, &Device::cpu(), &mut watcher)
            .expect("a run");
        assert_eq!(history.loss.len(), 5);
        assert_eq!(history.loss, watcher.losses);
        let steps: Vec<(u64, usize)> = watcher.batches.iter().map(|b| (b.step, b.rows)).collect();
        let expected: Vec<(u64, usize)> =
            (0..15).map(|i| (i + 1, if i % 3 == 2 { 2 } else { 4 })).collect();
        assert_eq!(steps, expected);
        for (epoch, batches) in watcher.batches.chunks(3).enumerate() {
            let sum: f64 = batches.iter().map(|batch| batch.loss * batch.rows as f64).sum();
            assert!((sum / 10.0 - history.loss[epoch]).abs() < 1e-9);
        }
        // With a rate of 0 the loss stays as it is, and moved before.
        assert!(history.loss[0] != history.loss[2]);
        assert_eq!(history.loss[2], history.loss[3]);
        assert_eq!(history.loss[3], history.loss[4]);
    }
}

/// A metric of the program's own that is best at the second epoch, whatever the loss does.
#[derive(Debug)]
struct Calls(std::sync::atomic::AtomicUsize);

impl metrics::Metric for Calls {
    fn name(&self) -> String {
        "calls".into()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &metrics::Predictions<'_>) -> Result<f64> {
        assert_eq!(predictions.rows(), 6);
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok([1.0, 5.0, 4.0, 3.0, 2.0, 1.0][n.min(5)])
    }
}

#[test]
fn early_stopping_goes_by_the_metric_that_is_watched() {
    let (training, validation) = (rows(40), rows(6));
    for device in [&Device::cpu(), gpu()] {
        let trainer = Trainer {
            epochs: 30,
            early_stopping: Some(EarlyStopping { patience: 3 }),
            monitor: Some(Calls(Default::default()).into()),
            ..Trainer::default()
        };
        let mut model = model();
        let history = trainer.fit(&mut model, &training, Some(&validation), device).expect("a run");
        assert_eq!(history.best_epoch, Some(2));
        assert_eq!(history.val_metrics["calls"], [1.0, 5.0, 4.0, 3.0, 2.0]);
    }
    // A metric by its name, against the answers of the trained model.
    let accuracy = || metrics::by_name("accuracy").expect("a metric");
    let trainer = Trainer { epochs: 1, monitor: Some(accuracy().into()), ..Trainer::default() };
    let mut model = model();
    let history =
        trainer.fit(&mut model, &training, Some(&validation), &Device::cpu()).expect("a run");
    let outputs = model.predict(validation.inputs(), &Device::cpu()).expect("outputs");
    let predictions = metrics::Predictions::new(&outputs, 1, validation.target_values(), 1);
    let expected = accuracy().compute(&predictions.expect("rows")).expect("an accuracy");
    assert_eq!(history.val_metrics["accuracy"], [expected]);
    assert_eq!(history.val_accuracy, [expected]);
}
