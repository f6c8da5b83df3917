//! Training on the adapter: the same bits again, streamed data, validation, early stopping.

mod common;

use common::gpu;
use wgslearn::data::ImageShape;
use wgslearn::train::{Augment, Role};
use wgslearn::*;

fn ids(rows: usize, length: usize, below: usize) -> Dataset {
    let values = (0..rows * length).map(|i| ((i * i + i / 3) % below) as u32).collect();
    let targets = (0..rows).map(|i| ((i * 7) % 3) as f32).collect();
    let inputs = Inputs::Ids { values, length };
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, "ids").expect("rows")
}

fn classifier(rows: usize, length: usize) -> Model {
    let layers = vec![
        Layer::embedding(rows, 6),
        Layer::mean_pool(),
        Layer::dropout(0.3),
        Layer::dense(9, Activation::Relu),
        Layer::dropout(0.2),
        Layer::dense(3, Activation::Softmax),
    ];
    let input = Input::Ids { length };
    Model::new(input, layers, Loss::CategoricalCrossentropy, 5).expect("a model")
}

/// Grey pictures of 6 x 5 pixels in three classes.
fn pictures(rows: usize) -> Dataset {
    let values = (0..rows * 30).map(|i| 0.5 + 0.5 * ((i * i) as f32 * 0.13).sin()).collect();
    let targets = (0..rows).map(|i| ((i * 7) % 3) as f32).collect();
    let inputs = Inputs::Matrix { values, features: 30 };
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, "pictures").expect("rows")
}

/// All that a step over [`pictures`] can draw at random or keep beside its weights: noise, dropout, moving averages.
fn picture_classifier() -> Model {
    let layers = vec![
        Layer::reshape(&[5, 6, 1]),
        Layer::conv2d(4, 3, Activation::Relu),
        Layer::batch_norm(),
        Layer::max_pool(2),
        Layer::dropout(0.3),
        Layer::flatten(),
        Layer::dense(3, Activation::Softmax),
    ];
    let input = Input::Matrix { features: 30 };
    let mut model = Model::new(input, layers, Loss::CategoricalCrossentropy, 5).expect("a model");
    model.noise = Some("gaussian:0.1".parse().expect("a noise"));
    model
}

fn trainer() -> Trainer {
    let early_stopping = Some(EarlyStopping { patience: 2 });
    Trainer { epochs: 6, batch_size: 16, early_stopping, ..Trainer::default() }
}

fn bits(model: &Model) -> Vec<u32> {
    model.parameters().iter().flat_map(|p| &p.values).map(|value| value.to_bits()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    // Sorted gradients (700 ids) and direct ones (13), with dropout, shuffling and a ragged batch.
    for rows in [700, 13] {
        let (training, validation) = (ids(203, 20, rows), ids(50, 20, rows));
        for device in [gpu(), &Device::cpu()] {
            let fit = || {
                let mut model = classifier(rows, 20);
                let history = trainer().fit(&mut model, &training, Some(&validation), device);
                (bits(&model), history.expect("a run"))
            };
            assert_eq!(fit(), fit(), "on {}", device.name());
        }
    }
}

#[test]
fn the_adapter_and_the_cpu_agree() {
    let (training, validation) = (ids(203, 20, 700), ids(50, 20, 700));
    let fit = |device: &Device| {
        let mut model = classifier(700, 20);
        trainer().fit(&mut model, &training, Some(&validation), device).expect("a run")
    };
    let (on_gpu, on_cpu) = (fit(gpu()), fit(&Device::cpu()));
    assert_eq!(on_gpu.loss.len(), on_cpu.loss.len());
    for (a, b) in on_gpu.loss.iter().zip(&on_cpu.loss) {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }
}

/// A data set larger than a binding is streamed, with the same result to the bit.
#[test]
fn streamed_data_give_the_same_bits() {
    let (training, validation) = (ids(203, 20, 300), ids(150, 20, 300));
    let (model, trainer) = (classifier(300, 20), trainer());
    let run = |max_binding: usize| {
        let device = Device::cpu();
        let prepare = |program: &program::Program| device.prepare(program);
        let mut session =
            Session::open(&model, &trainer, &training, Some(&validation), max_binding, prepare)
                .expect("a session");
        let streams = session.epochs_at_once() == 0;
        let losses = session.train(0..3).expect("epochs");
        let validated = session.evaluate().expect("an evaluation");
        (streams, losses, validated, session.read(Role::Weights).expect("weights"))
    };
    // The table of 300 x 6 fits in 2,000 elements; 203 rows of 20 ids do not.
    let (whole, streamed) = (run(1 << 20), run(2_000));
    assert!(!whole.0 && streamed.0, "the second run streams");
    assert_eq!((whole.1, whole.2), (streamed.1, streamed.2));
    assert_eq!(whole.3, streamed.3);
}

#[test]
fn validation_stops_early_and_keeps_the_best_weights() {
    // Targets that nothing predicts: validation gets worse, so the best epoch is an early one.
    let (training, validation) = (ids(64, 20, 700), ids(64, 20, 690));
    let mut model = classifier(700, 20);
    let trainer = Trainer {
        epochs: 200,
        optimizer: Optimizer::adam(3e-2),
        early_stopping: Some(EarlyStopping { patience: 3 }),
        ..trainer()
    };
    for device in [gpu(), &Device::cpu()] {
        let history = trainer.fit(&mut model, &training, Some(&validation), device).expect("a run");
        let best = history.best_epoch.expect("a best epoch");
        assert_eq!(history.val_loss.len(), best + 3, "three epochs of patience");
        let lowest = history.val_loss.iter().copied().fold(f64::MAX, f64::min);
        assert_eq!(lowest, history.val_loss[best - 1]);
        let found = model.evaluate(&validation, device).expect("an evaluation");
        assert!((found.loss - lowest).abs() < 1e-6, "the best epoch's weights were kept");
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let inputs = Inputs::Matrix { values: vec![1e19, -1e19, 3e18, 1.0], features: 2 };
    let targets = Targets::Values { values: vec![0.0, 1.0], width: 1 };
    let dataset = Dataset::new(inputs, targets, "huge").expect("rows");
    let layers = vec![Layer::dense(1, Activation::Linear)];
    let model = Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 1).expect("a model");
    let trainer = Trainer { optimizer: Optimizer::sgd(1.0, 0.9), ..Trainer::default() };
    for device in [gpu(), &Device::cpu()] {
        let error = trainer.fit(&mut model.clone(), &dataset, None, device).expect_err("diverges");
        assert!(error.to_string().contains("learning rate"), "{error}");
    }
}

#[test]
fn sgd_with_momentum_follows_its_formula() {
    // One weight, one row, no bias needed: the gradient of (w x - y)^2 is 2 x (w x - y).
    let inputs = Inputs::Matrix { values: vec![0.5], features: 1 };
    let targets = Targets::Values { values: vec![2.0], width: 1 };
    let dataset = Dataset::new(inputs, targets, "one row").expect("a row");
    let layers = vec![Layer::dense(1, Activation::Linear)];
    let start = Model::new(Input::Matrix { features: 1 }, layers, Loss::Mse, 1).expect("a model");
    let (rate, momentum) = (0.1, 0.9);
    let (mut w, mut b) = (start.parameters()[0].values[0] as f64, 0.0);
    let (mut vw, mut vb) = (0.0, 0.0);
    for _ in 0..20 {
        let slope = 2.0 * (w * 0.5 + b - 2.0);
        vw = momentum * vw - rate * slope * 0.5;
        vb = momentum * vb - rate * slope;
        (w, b) = (w + vw, b + vb);
    }
    let trainer =
        Trainer { epochs: 20, optimizer: Optimizer::sgd(rate, momentum), ..Trainer::default() };
    for device in [gpu(), &Device::cpu()] {
        let mut model = start.clone();
        trainer.fit(&mut model, &dataset, None, device).expect("a run");
        let got = [model.parameters()[0].values[0] as f64, model.parameters()[1].values[0] as f64];
        assert!((got[0] - w).abs() < 1e-5 && (got[1] - b).abs() < 1e-5, "{got:?}, not {w}, {b}");
    }
}

#[test]
fn predictions_do_not_depend_on_chunks() {
    let dataset = ids(5_001, 20, 700);
    let model = classifier(700, 20);
    for device in [gpu(), &Device::cpu()] {
        let all = model.predict(dataset.inputs(), device).expect("predictions");
        assert_eq!(all.len(), 5_001 * 3);
        let last = dataset.rows_of(&[5_000]).expect("a row");
        let one = model.predict(last.inputs(), device).expect("a prediction");
        assert_eq!(one, all[15_000..]);
        for row in all.chunks_exact(3) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "probabilities sum to 1");
        }
    }
}

/// Ends the run after some epochs, keeping the last checkpoint, or goes on from one.
#[derive(Default)]
struct Interrupted {
    after: Option<usize>,
    kept: Option<train::Checkpoint>,
}

impl train::Observer for Interrupted {
    fn resume(&mut self) -> Result<Option<train::Checkpoint>> {
        Ok(self.kept.clone())
    }

    fn checkpoint(&mut self, take: &mut dyn FnMut() -> Result<train::Checkpoint>) -> Result<()> {
        let checkpoint = take()?;
        let stops = self.after.is_some_and(|after| checkpoint.epoch >= after);
        self.kept = Some(checkpoint);
        if stops { Err(Error::Training("killed".into())) } else { Ok(()) }
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
    let (training, validation) = (ids(203, 20, 700), ids(50, 20, 700));
    let optimizers = [Optimizer::adam(1e-2), Optimizer::sgd(0.5, 0.9)];
    for (device, optimizer) in [gpu(), &Device::cpu()].into_iter().zip(optimizers) {
        for validates in [true, false] {
            let validation = validates.then_some(&validation);
            let early_stopping = validates.then_some(EarlyStopping { patience: 4 });
            let schedule = Schedule::Cosine;
            let trainer = Trainer { epochs: 9, optimizer, schedule, early_stopping, ..trainer() };
            let mut whole = classifier(700, 20);
            let history = trainer.fit(&mut whole, &training, validation, device).expect("a run");

            let mut observer = Interrupted { after: Some(2), kept: None };
            let mut model = classifier(700, 20);
            trainer
                .fit_with(&mut model, &training, validation, device, &mut observer)
                .expect_err("the run is killed");
            assert_eq!(bits(&model), bits(&classifier(700, 20)), "the model keeps its weights");
            observer.after = None;
            let resumed = trainer
                .fit_with(&mut model, &training, validation, device, &mut observer)
                .expect("a run");
            assert_eq!((bits(&model), resumed), (bits(&whole), history), "on {}", device.name());
        }
    }
}

/// Layers and tables larger than a binding are computed in pieces, to the same result: with one
/// update for all weights or one a piece, and with a bias that does not fit beside its kernel.
#[test]
fn layers_larger_than_a_binding_are_split() {
    let dense = |units, activation| Layer::dense(units, activation);
    let bag = |activation| Layer::embedding_bag(300, 12, BagMode::SqrtN, activation);
    let embedding = Layer::embedding(300, 12);
    let stacks = [
        vec![dense(24, Activation::Relu), dense(150, Activation::Sigmoid)],
        vec![bag(Activation::Tanh), dense(300, Activation::Softmax)],
        vec![embedding.clone(), Layer::mean_pool(), dense(300, Activation::Softmax)],
        vec![embedding, Layer::dropout(0.2), Layer::mean_pool(), dense(3, Activation::Softmax)],
    ];
    let waves = (0..90 * 150).map(|i| 0.5 + 0.5 * ((i * i % 977) as f32).sin()).collect();
    let matrix = Inputs::Matrix { values: waves, features: 150 };
    for (n, layers) in stacks.into_iter().enumerate() {
        let dataset = match n {
            0 => Dataset::new(matrix.clone(), Targets::Inputs, "matrix").expect("rows"),
            3 => ids(90, 20, 300),
            _ => Dataset::new(ids(90, 20, 300).inputs().clone(), Targets::Inputs, "ids")
                .expect("rows"),
        };
        let (input, loss) = match n {
            0 => (Input::Matrix { features: 150 }, Loss::Mse),
            _ => (Input::Ids { length: 20 }, Loss::CategoricalCrossentropy),
        };
        let model = Model::new(input, layers, loss, 5).expect("a model");
        let trainer = Trainer { epochs: 2, batch_size: 6, ..Trainer::default() };
        let run = |device: &Device, max_binding: usize| {
            let prepare = |program: &program::Program| device.prepare(program);
            let mut session =
                Session::open(&model, &trainer, &dataset, Some(&dataset), max_binding, prepare)
                    .expect("a session");
            let metrics = session.train(0..2).expect("epochs");
            let validated = session.evaluate().expect("an evaluation").expect("rows");
            let moments = session.read(Role::FirstMoments).expect("moments");
            (metrics, validated, session.read(Role::Weights).expect("weights"), moments)
        };
        for device in [gpu(), &Device::cpu()] {
            let whole = run(device, 1 << 22);
            // 1,856 elements hold 77 of 151 rows of 24 units; 1,792 hold 11 rows of 150, so that
            // the bias of 24 rows stands behind the kernel, and 5 rows of 300.
            for limit in [1856, 1792] {
                let pieces = run(device, limit);
                for (a, b) in
                    whole.0.iter().chain([&whole.1]).zip(pieces.0.iter().chain([&pieces.1]))
                {
                    assert!((a.loss - b.loss).abs() < 1e-5, "stack {n}: {} and {}", a.loss, b.loss);
                }
                let arrays = whole.2.iter().chain(&whole.3).zip(pieces.2.iter().chain(&pieces.3));
                for (a, b) in arrays {
                    assert_eq!((&a.name, &a.shape), (&b.name, &b.shape));
                    let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
                    let worst = off.fold(0.0, f32::max);
                    assert!(worst < 2e-4, "stack {n}, {} of {limit}: {worst}", a.name);
                }
            }
        }
    }
}

#[test]
fn a_bag_is_a_dense_layer_over_counts() {
    let (rows, length, units) = (50, 9, 7);
    let ids = ids(11, length, rows);
    let Inputs::Ids { values, .. } = ids.inputs() else { panic!("ids") };
    let mut counts = vec![0.0; 11 * rows];
    for (i, &id) in values.iter().enumerate().filter(|(_, id)| **id != 0) {
        counts[i / length * rows + id as usize] += 1.0;
    }
    let bag = Layer::embedding_bag(rows, units, BagMode::Sum, Activation::Tanh);
    let input = Input::Ids { length };
    let mut bag = Model::new(input, vec![bag], Loss::Mse, 3).expect("a model");
    let dense = Layer::dense(units, Activation::Tanh);
    let input = Input::Matrix { features: rows };
    let mut dense = Model::new(input, vec![dense], Loss::Mse, 3).expect("a model");
    let draw = |count: usize| (0..count).map(|i| ((i * i) as f32 * 0.37).sin()).collect::<Vec<_>>();
    for (model, name) in [(&mut bag, "bag"), (&mut dense, "dense")] {
        let parameter = |part: &str, shape: Vec<usize>| model::Parameter {
            name: format!("{name}.{part}"),
            values: draw(shape.iter().product()),
            shape,
        };
        let weights = vec![parameter("kernel", vec![rows, units]), parameter("bias", vec![units])];
        model.set_parameters(weights).expect("the same shapes");
    }
    let counts = Inputs::Matrix { values: counts, features: rows };
    for device in [gpu(), &Device::cpu()] {
        let from_ids = bag.predict(ids.inputs(), device).expect("answers");
        let from_counts = dense.predict(&counts, device).expect("answers");
        for (a, b) in from_ids.iter().zip(&from_counts) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }
}

/// What early stopping keeps and a checkpoint brings back, where gradients share a buffer.
#[test]
fn large_models_stop_early_and_resume_to_the_same_bits() {
    struct Keep(Option<train::Checkpoint>, Option<train::Checkpoint>);
    impl train::Observer for Keep {
        fn resume(&mut self) -> Result<Option<train::Checkpoint>> {
            Ok(self.0.take())
        }
        fn checkpoint(
            &mut self,
            take: &mut dyn FnMut() -> Result<train::Checkpoint>,
        ) -> Result<()> {
            let checkpoint = take()?;
            if checkpoint.epoch == 2 {
                self.1 = Some(checkpoint);
            }
            Ok(())
        }
    }
    // 33 million weights and a few: the smallest model that is large.
    let layers = vec![
        Layer::embedding_bag((1 << 22) + 100, 8, BagMode::Sum, Activation::Relu),
        Layer::dense(3, Activation::Softmax),
    ];
    let input = Input::Ids { length: 20 };
    let start = Model::new(input, layers, Loss::CategoricalCrossentropy, 5).expect("a model");
    let (training, validation) = (ids(64, 20, 700), ids(64, 20, 690));
    let trainer = Trainer {
        epochs: 30,
        optimizer: Optimizer::adam(3e-2),
        early_stopping: Some(EarlyStopping { patience: 2 }),
        ..trainer()
    };
    let device = Device::cpu();
    let run = |from: Option<train::Checkpoint>| {
        let (mut model, mut keep) = (start.clone(), Keep(from, None));
        let history = trainer
            .fit_with(&mut model, &training, Some(&validation), &device, &mut keep)
            .expect("a run");
        (history, model, keep.1)
    };
    let (history, model, checkpoint) = run(None);
    let best = history.best_epoch.expect("a best epoch");
    assert_eq!(history.val_loss.len(), best + 2);
    let found = model.evaluate(&validation, &device).expect("an evaluation");
    assert!((found.loss - history.val_loss[best - 1]).abs() < 1e-6);
    let (again, resumed, _) = run(Some(checkpoint.expect("a checkpoint")));
    assert_eq!(again, history);
    assert!(resumed.parameters() == model.parameters(), "the same bits");
}

#[test]
fn frozen_layers_keep_their_weights() {
    let start = classifier(700, 20);
    let training = ids(203, 20, 700);
    for device in [gpu(), &Device::cpu()] {
        let mut model = start.clone();
        // The embedding, its pool, dropout and the first dense layer.
        let trainer = Trainer { frozen_layers: 4, ..trainer() };
        let history = trainer.fit(&mut model, &training, Some(&training), device).expect("a run");
        assert!(history.loss[5] < history.loss[0]);
        assert_eq!(start.parameters()[..3], model.parameters()[..3]);
        assert_ne!(start.parameters()[3], model.parameters()[3]);
    }
}

/// A row's noise in an evaluation is its own: the same as `Noise::apply`'s, streamed or not.
#[test]
fn evaluations_of_noisy_rows_are_reproducible() {
    let values: Vec<f32> = (0..700 * 10).map(|i| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect();
    let clean = Inputs::Matrix { values: values.clone(), features: 10 };
    let layers = vec![Layer::dense(10, Activation::Sigmoid)];
    let mut model =
        Model::new(Input::Matrix { features: 10 }, layers, Loss::Mse, 3).expect("a model");
    for text in ["gaussian:0.3", "salt-pepper:0.1", "mask:0.25"] {
        let noise: Noise = text.parse().expect("a noise");
        let noisy = Inputs::Matrix { values: noise.apply(&values, 10, 7), features: 10 };
        let targets = Targets::Values { values: values.clone(), width: 10 };
        let by_hand = Dataset::new(noisy, targets, "noisy").expect("rows");
        let dataset = Dataset::new(clean.clone(), Targets::Inputs, "clean").expect("rows");
        for device in [gpu(), &Device::cpu()] {
            model.noise = None;
            let expected = model.evaluate(&by_hand, device).expect("an evaluation").loss;
            model.noise = Some(noise);
            for max_binding in [1 << 20, 2_600] {
                let prepare = |program: &program::Program| device.prepare(program);
                let trainer = Trainer { batch_size: 256, ..Trainer::default() };
                let mut session =
                    Session::open(&model, &trainer, &dataset, Some(&dataset), max_binding, prepare)
                        .expect("a session");
                let found = session.evaluate().expect("an evaluation").expect("rows").loss;
                assert!((found - expected).abs() < 1e-6, "{text}: {found} and {expected}");
            }
        }
    }
}

/// Where training rows are streamed and those of an evaluation are not, their noise does not follow the training's.
#[test]
fn noise_of_an_evaluation_does_not_depend_on_training() {
    let rows = |count: usize| {
        let values = (0..count * 10).map(|i| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect();
        Dataset::new(Inputs::Matrix { values, features: 10 }, Targets::Inputs, "rows")
            .expect("rows")
    };
    let (training, validation) = (rows(700), rows(100));
    let layers = vec![Layer::dense(10, Activation::Sigmoid)];
    let mut model =
        Model::new(Input::Matrix { features: 10 }, layers, Loss::Mse, 3).expect("a model");
    model.noise = Some("gaussian:0.3".parse().expect("a noise"));
    let trainer = Trainer { batch_size: 64, ..Trainer::default() };
    for device in [gpu(), &Device::cpu()] {
        let run = |max_binding: usize| {
            let prepare = |program: &program::Program| device.prepare(program);
            let mut session =
                Session::open(&model, &trainer, &training, Some(&validation), max_binding, prepare)
                    .expect("a session");
            let streams = session.epochs_at_once() == 0;
            let trained = session.train(0..2).expect("epochs");
            (streams, trained, session.evaluate().expect("an evaluation"))
        };
        // 100 rows of 10 values fit in 2,600 elements; 700 do not.
        let (whole, streamed) = (run(1 << 20), run(2_600));
        assert!(!whole.0 && streamed.0, "the second run streams");
        assert_eq!((whole.1, whole.2), (streamed.1, streamed.2));
    }
}

/// Rows that a batch does not name are not touched, and come out as if they had been at every step:
/// with validation after every epoch, with rows that come up once in a run, and with a table cut
/// into pieces.
#[test]
fn lazy_updates_give_the_bits_of_dense_ones() {
    let (rows, length) = (2_000, 20);
    let zipf = |count: usize| {
        let rank = |i: usize| (((i * 7_919) % 10_007) as f64 / 10_007.0).powi(4);
        let values = (0..count * length).map(|i| (rank(i) * rows as f64) as u32).collect();
        let targets = (0..count).map(|i| ((i * 7) % 3) as f32).collect();
        let targets = Targets::Values { values: targets, width: 1 };
        Dataset::new(Inputs::Ids { values, length }, targets, "zipf").expect("rows")
    };
    let (training, validation) = (zipf(333), zipf(50));
    let bag = |rows| {
        let layers = vec![
            Layer::embedding_bag(rows, 8, BagMode::SqrtN, Activation::Relu),
            Layer::dense(3, Activation::Softmax),
        ];
        Model::new(Input::Ids { length }, layers, Loss::CategoricalCrossentropy, 5)
            .expect("a model")
    };
    let adagrad = Optimizer::adagrad(0.1, 0.0);
    for device in [gpu(), &Device::cpu()] {
        let column = {
            let layers = vec![
                Layer::embedding(rows, 8),
                Layer::flatten(),
                Layer::dense(1, Activation::Sigmoid),
            ];
            Model::new(Input::Ids { length }, layers, Loss::Mse, 5).expect("a model")
        };
        for (start, max_binding) in [
            (classifier(rows, length), 1 << 20),
            (column, 1 << 20),
            (bag(rows), 1 << 20),
            (bag(rows), 6_400),
        ] {
            let run = |optimizer: Optimizer, lazy_updates: bool, validated: bool| {
                let schedule = Schedule::Cosine;
                let fusions = Fusions::ALL.with_lazy_rows(lazy_updates);
                let early_stopping = trainer().early_stopping.filter(|_| validated);
                let trainer = Trainer { optimizer, fusions, schedule, early_stopping, ..trainer() };
                let validation = validated.then_some(&validation);
                let prepare = |program: &program::Program| device.prepare(program);
                let mut session =
                    Session::open(&start, &trainer, &training, validation, max_binding, prepare)
                        .expect("a session");
                let mut losses = Vec::new();
                for epoch in 0..6 {
                    losses.extend(session.train(epoch..epoch + 1).expect("an epoch"));
                    losses.extend(session.evaluate().expect("an evaluation"));
                }
                let mut bits: Vec<u32> = Vec::new();
                for role in [Role::Weights, Role::FirstMoments, Role::SecondMoments] {
                    if role == Role::SecondMoments && optimizer == adagrad {
                        continue;
                    }
                    for parameter in session.read(role).expect("a role") {
                        bits.extend(parameter.values.iter().map(|value| value.to_bits()));
                    }
                }
                (losses, bits)
            };
            for (optimizer, validated) in
                [(Optimizer::adam(1e-3), true), (Optimizer::adam(1e-3), false), (adagrad, true)]
            {
                let (lazy, dense) =
                    (run(optimizer, true, validated), run(optimizer, false, validated));
                assert_eq!(lazy.0, dense.0, "losses on {}, {optimizer:?}", device.name());
                let same = lazy.1 == dense.1;
                assert!(same, "weights and moments on {}, {optimizer:?}", device.name());
            }
        }
    }
}

/// Small models do many steps in a dispatch: shuffled epochs with a ragged batch, validation between
/// them, and every loss.
#[test]
fn small_steps_follow_the_general_path() {
    let dense = |units, activation| Layer::dense(units, activation);
    let matrix = |targets: Targets| {
        let values: Vec<f32> = (0..45 * 6).map(|i| 0.5 + 0.5 * (i as f32 * 0.7).sin()).collect();
        let inputs = Inputs::Matrix { values, features: 6 };
        (Input::Matrix { features: 6 }, Dataset::new(inputs, targets, "matrix").expect("rows"))
    };
    let classes = (0..45).map(|row| (row % 3) as f32).collect();
    let (features, autoencoded) = matrix(Targets::Inputs);
    let (_, classified) = matrix(Targets::Values { values: classes, width: 1 });
    let binary = |rows: usize| {
        let values = (0..rows * 4).map(|i| ((i * i + i / 3) % 12) as u32).collect();
        let targets = (0..rows).map(|i| ((i * 7) % 2) as f32).collect();
        let targets = Targets::Values { values: targets, width: 1 };
        Dataset::new(Inputs::Ids { values, length: 4 }, targets, "binary").expect("rows")
    };
    let runs = [
        (
            Input::Ids { length: 4 },
            binary(45),
            Loss::BinaryCrossentropy,
            vec![
                Layer::embedding(12, 5),
                Layer::flatten(),
                dense(4, Activation::Tanh),
                dense(1, Activation::Sigmoid),
            ],
        ),
        (
            features,
            autoencoded,
            Loss::Mse,
            vec![dense(3, Activation::Relu), dense(6, Activation::Sigmoid)],
        ),
        (
            features,
            classified,
            Loss::CategoricalCrossentropy,
            vec![dense(5, Activation::Relu), dense(3, Activation::Softmax)],
        ),
    ];
    for (input, dataset, loss, layers) in runs {
        let start = Model::new(input, layers, loss, 3).expect("a model");
        for optimizer in [Optimizer::adam(1e-2), Optimizer::sgd(0.1, 0.9)] {
            for device in [gpu(), &Device::cpu()] {
                let fit = |small_steps: bool| {
                    let mut model = start.clone();
                    let fusions = Fusions::ALL.with_small_steps(small_steps);
                    let trainer = Trainer { fusions, optimizer, ..trainer() };
                    let history =
                        trainer.fit(&mut model, &dataset, Some(&dataset), device).expect("a run");
                    (history, model)
                };
                let ((small, model), (general, other)) = (fit(true), fit(false));
                assert_eq!(small.loss.len(), general.loss.len());
                for (a, b) in small.loss.iter().zip(&general.loss) {
                    assert!((a - b).abs() < 2e-5, "{loss:?} on {}: {a}, {b}", device.name());
                }
                for (a, b) in small.val_loss.iter().zip(&general.val_loss) {
                    assert!((a - b).abs() < 2e-5, "{loss:?} on {}: {a}, {b}", device.name());
                }
                for (a, b) in model.parameters().iter().zip(other.parameters()) {
                    for (a, b) in a.values.iter().zip(&b.values) {
                        assert!((a - b).abs() < 1e-4, "{loss:?} on {}: {a}, {b}", device.name());
                    }
                }
                // The same bits again.
                assert!(fit(true).1.parameters() == model.parameters());
            }
        }
    }
}

/// Software adapters leave an invocation's loops behind after 65,535 turns of all of them together, with
/// a wrong result and no word: sums, replays and runs that are longer must be cut.
#[test]
fn nothing_is_too_long_for_an_adapter() {
    let losses = |model: &Model, trainer: &Trainer, dataset: &Dataset, device: &Device| {
        let prepare = |program: &program::Program| device.prepare(program);
        let mut session = Session::open(model, trainer, dataset, Some(dataset), 1 << 22, prepare)
            .expect("a session");
        let mut losses: Vec<f64> = Vec::new();
        for epoch in 0..trainer.epochs {
            let trained = session.train(epoch..epoch + 1).expect("an epoch");
            losses.extend(trained.iter().map(|metrics| metrics.loss));
            losses.push(session.evaluate().expect("an evaluation").expect("rows").loss);
        }
        losses
    };
    let agree = |a: &[f64], b: &[f64], what: &str| {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{what}: {a} and {b}");
        }
    };
    let dense = |units, activation| Layer::dense(units, activation);
    let matrix = |rows: usize, features: usize| {
        let values = (0..rows * features).map(|i| ((i * i % 977) as f32 * 0.1).sin()).collect();
        Dataset::new(Inputs::Matrix { values, features }, Targets::Inputs, "waves").expect("rows")
    };
    // Wide layers, by vec4 and not: forward, both gradients, and a wide softmax loss.
    for features in [70_003, 131_072] {
        let dataset = matrix(4, features);
        let layers = vec![dense(4, Activation::Tanh), dense(features, Activation::Linear)];
        let model = Model::new(Input::Matrix { features }, layers, Loss::Mse, 3).expect("a model");
        let trainer = Trainer { batch_size: 4, epochs: 3, ..trainer() };
        let [gpu, cpu] = [gpu(), &Device::cpu()].map(|on| losses(&model, &trainer, &dataset, on));
        agree(&gpu, &cpu, "wide layers");
    }
    // One batch of many rows.
    let dataset = matrix(70_000, 5);
    let layers = vec![dense(3, Activation::Relu), dense(5, Activation::Linear)];
    let model = Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 3).expect("a model");
    let long = Trainer { batch_size: 70_000, epochs: 3, ..trainer() };
    let [many, cpu] = [gpu(), &Device::cpu()].map(|on| losses(&model, &long, &dataset, on));
    agree(&many, &cpu, "many rows");
    // Gradients in parts, those of a bag's bias alone, and a ragged batch.
    let (mode, activation) = (BagMode::SqrtN, Activation::Tanh);
    let layers = vec![Layer::embedding_bag(50, 1, mode, activation)];
    let model = Model::new(Input::Ids { length: 5 }, layers, Loss::Mse, 3).expect("a model");
    let long = Trainer { batch_size: 2_100, epochs: 3, ..trainer() };
    let dataset = ids(5_000, 5, 50);
    let [many, cpu] = [gpu(), &Device::cpu()].map(|on| losses(&model, &long, &dataset, on));
    agree(&many, &cpu, "many bags");
    // Small models whose steps take many turns each.
    let dataset = matrix(600, 12);
    let layers = vec![dense(16, Activation::Tanh), dense(12, Activation::Linear)];
    let model = Model::new(Input::Matrix { features: 12 }, layers, Loss::Mse, 3).expect("a model");
    let small = Trainer { batch_size: 2, epochs: 2, ..trainer() };
    let apart = Trainer { fusions: Fusions::ALL.with_small_steps(false), ..small.clone() };
    let [together, apart] = [&small, &apart].map(|by| losses(&model, by, &dataset, gpu()));
    agree(&together, &apart, "small steps");
    // Rows of a table that come up after more than a thousand steps.
    let (rows, length) = (300, 4);
    let values = (0..3_000 * length as usize).map(|i| if i < 1_200 { i as u32 % rows } else { 3 });
    let inputs = Inputs::Ids { values: values.collect(), length: length as usize };
    let values = (0..3_000).map(|i| (i % 2) as f32).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values, width: 1 }, "rare").expect("rows");
    let layers = vec![
        Layer::embedding(rows as usize, 64),
        Layer::mean_pool(),
        dense(1, Activation::Sigmoid),
    ];
    let input = Input::Ids { length: length as usize };
    let model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
    let lazy = Trainer { batch_size: 2, epochs: 2, shuffle: false, ..trainer() };
    let eager = Trainer { fusions: Fusions::ALL.with_lazy_rows(false), ..lazy.clone() };
    let [lazy, eager] = [&lazy, &eager].map(|by| losses(&model, by, &dataset, gpu()));
    assert_eq!(lazy, eager, "rare rows");
}

/// What cannot be cut is refused with a sentence.
#[test]
fn a_text_too_long_for_an_adapter_is_refused() {
    let length = 40_000;
    let layers = vec![
        Layer::embedding_bag(9, 1, BagMode::Sum, Activation::Linear),
        Layer::dense(1, Activation::Sigmoid),
    ];
    let input = Input::Ids { length };
    let model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
    let prepare = |program: &program::Program| gpu().prepare(program);
    let trainer = Trainer { early_stopping: None, ..trainer() };
    let opened =
        Session::open(&model, &trainer, &ids(2, length, 9), None, 1 << 22, prepare).map(drop);
    match opened {
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("embedding_bag") && told.contains("device cpu"), "{told}");
        }
        Ok(()) => assert!(!gpu().name().contains("llvmpipe"), "it would be wrong"),
    }
}

/// What a run keeps whose numbers become infinite, without rows to validate on: the weights of the last good epoch.
#[test]
fn a_run_that_diverges_keeps_the_last_good_epoch() {
    let values: Vec<f32> = (0..200).map(|i| ((i * i % 91) as f32 / 9.0) - 5.0).collect();
    let inputs = Inputs::Matrix { values, features: 2 };
    let targets = Targets::Values { values: (0..100).map(|i| i as f32).collect(), width: 1 };
    let dataset = Dataset::new(inputs, targets, "rows").expect("rows");
    let layers = vec![Layer::dense(1, Activation::Linear)];
    let start = Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 7).expect("a model");
    // Four epochs learn; then each multiplies the weights by more than a thousand.
    let optimizer = Optimizer::sgd(0.01, 0.0);
    for device in [gpu(), &Device::cpu()] {
        let trainer = Trainer { epochs: 60, batch_size: 50, optimizer, ..Trainer::default() };
        let mut model = start.clone();
        // Each epoch is reported, so that each is looked at by itself.
        struct Epochs;
        impl train::Observer for Epochs {
            fn follow(&self) -> train::Follow {
                train::Follow::Epochs
            }
            fn epoch(&mut self, report: train::EpochReport) -> train::Next {
                match report.epoch {
                    4 => train::Next::LearningRate(100.0),
                    _ => train::Next::Continue,
                }
            }
        }
        let fitted =
            trainer.fit_to_end(&mut model, &dataset, None, device, &mut Epochs).expect("an end");
        let train::End::Diverged(why) = &fitted.end else { panic!("{:?}", fitted.end) };
        assert_eq!((fitted.epoch, fitted.step), (4, 8), "the epoch of the lowest loss");
        assert!(why.epoch > fitted.epoch && why.step > fitted.step, "{why:?}, {fitted:?}");
        // The same as a run that was asked for so many epochs.
        let mut shorter = start.clone();
        let trainer = Trainer { epochs: fitted.epoch, ..trainer };
        trainer.fit(&mut shorter, &dataset, None, device).expect("a run");
        assert_eq!(bits(&model), bits(&shorter), "on {}", device.name());
        assert!(model.parameters().iter().flat_map(|p| &p.values).all(|v| v.is_finite()));

        // What is worse than the first weights from the first epoch on is not worth keeping.
        let optimizer = Optimizer::sgd(100.0, 0.0);
        let wild = Trainer { epochs: 60, optimizer, ..trainer };
        let mut model = start.clone();
        let fitted = wild.fit_to_end(&mut model, &dataset, None, device, &mut Epochs);
        assert_eq!(fitted.expect("an end").step, 0);
        assert_eq!(bits(&model), bits(&start));
        let error = wild.fit(&mut start.clone(), &dataset, None, device).expect_err("NaN");
        assert!(matches!(error, Error::Diverged(_)), "{error}");
    }
}

/// A run that is stopped within an epoch and goes on from there has the bits and the losses of one that was not.
#[test]
fn a_run_interrupted_within_an_epoch_resumes_to_the_same_bits() {
    #[derive(Default)]
    struct Within {
        asked: usize,
        at: usize,
        kept: Option<train::Checkpoint>,
    }
    impl train::Observer for Within {
        fn interrupted(&mut self) -> bool {
            self.asked += 1;
            self.asked == self.at
        }
        fn resume(&mut self) -> Result<Option<train::Checkpoint>> {
            Ok(self.kept.take())
        }
        fn last_checkpoint(
            &mut self,
            take: &mut dyn FnMut() -> Result<train::Checkpoint>,
        ) -> Result<()> {
            self.kept = Some(take()?);
            Ok(())
        }
    }
    let training = [ids(203, 20, 700), pictures(83)];
    let validation = [ids(50, 20, 700), pictures(20)];
    let models: [&dyn Fn() -> Model; 2] = [&|| classifier(700, 20), &picture_classifier];
    let shape = ImageShape { width: 6, height: 5, channels: 1 };
    let augment = Augment::parse(&["flip", "shift:1", "rotate:15", "crop:0.8"]).expect("moves");
    let augments = [None, Some(augment.of_shape(shape))];
    let stopping = [Some(EarlyStopping { patience: 9 }), None];
    let places = [gpu().clone(), Device::cpu()];
    for (device, early_stopping) in places.iter().flat_map(|d| stopping.map(|s| (d, s))) {
        for (((model, augment), training), validation) in
            models.iter().zip(augments).zip(&training).zip(&validation)
        {
            let trainer =
                Trainer { epochs: 4, batch_size: 4, early_stopping, augment, ..trainer() };
            let mut whole = model();
            let history =
                trainer.fit(&mut whole, training, Some(validation), device).expect("a run");
            let mut observer = Within::default();
            let mut within = 0;
            // Stopped at every place in turn: each run goes on from the one before.
            let (model, end) = loop {
                (observer.asked, observer.at) = (0, 2);
                let mut model = model();
                let fitted = trainer
                    .fit_to_end(&mut model, training, Some(validation), device, &mut observer)
                    .expect("an end");
                if let Some(kept) = &observer.kept {
                    within += (kept.done.rows > 0) as usize;
                }
                if fitted.end == train::End::Done {
                    break (model, fitted);
                }
                assert_eq!(fitted.end, train::End::Interrupted);
            };
            assert!(within >= 2, "stopped within an epoch {within} times");
            assert_eq!(
                (bits(&model), end.history),
                (bits(&whole), history),
                "on {}",
                device.name()
            );
        }
    }
}

/// The moves of pictures reach the weights, so that what resumes to the same bits has moved them in the same way.
#[test]
fn moved_pictures_train_to_other_bits() {
    let shape = ImageShape { width: 6, height: 5, channels: 1 };
    for device in [gpu(), &Device::cpu()] {
        let train = |moves: &[&str], seed: u64| {
            let augment = Augment::parse(moves).expect("moves").of_shape(shape);
            let (augment, early_stopping) = (Some(augment), None);
            let trainer = Trainer { epochs: 2, augment, early_stopping, seed, ..trainer() };
            let mut model = picture_classifier();
            trainer.fit(&mut model, &pictures(83), None, device).expect("a run");
            bits(&model)
        };
        let still = train(&["shift:0"], 3);
        for moves in ["flip", "flip-vertical", "shift:1", "rotate:15", "crop:0.8"] {
            assert_eq!(train(&[moves], 3), train(&[moves], 3), "{moves}");
            assert_ne!(train(&[moves], 3), still, "{moves}");
        }
    }
}

/// Targets that are pictures are moved with those that they belong to: those that are the inputs train to an autoencoder's
/// bits. And a batch that is taken in parts moves its pictures as a whole one does.
#[test]
fn targets_are_moved_with_their_pictures_and_parts_of_a_batch_as_all_of_it() {
    let shape = ImageShape { width: 6, height: 5, channels: 1 };
    let moves = ["flip", "shift:1", "rotate:15", "crop:0.8"];
    let own = Augment::parse(&moves).expect("moves").of_shape(shape);
    let inputs = pictures(50).inputs().clone();
    let Inputs::Matrix { values, features } = inputs.clone() else { panic!("a matrix") };
    let coder = Dataset::new(inputs.clone(), Targets::Inputs, "a coder's").expect("rows");
    let pairs = Targets::Values { values, width: features };
    let pairs = Dataset::new(inputs, pairs, "pairs").expect("rows");
    let layers = || {
        vec![
            Layer::reshape(&[5, 6, 1]),
            Layer::conv2d(4, 3, Activation::Relu),
            Layer::flatten(),
            Layer::dense(30, Activation::Linear),
        ]
    };
    for device in [gpu(), &Device::cpu()] {
        let train = |data: &Dataset, augment: Augment, micro_batch: Option<usize>| {
            let input = Input::Matrix { features };
            let mut model = Model::new(input, layers(), Loss::Mse, 5).expect("a model");
            let (augment, early_stopping) = (Some(augment), None);
            let trainer = Trainer { epochs: 2, augment, early_stopping, micro_batch, ..trainer() };
            trainer.fit(&mut model, data, None, device).map(|_| model)
        };
        let coder = train(&coder, own, None).expect("a model");
        let moved = train(&pairs, own.with_targets(shape), None).expect("a model");
        assert_eq!(bits(&moved), bits(&coder));
        let still = train(&pairs, own, None).expect("a model");
        assert_ne!(bits(&still), bits(&coder));
        let parts = train(&pairs, own.with_targets(shape), Some(5)).expect("a model");
        let values = |model: &Model| -> Vec<f32> {
            model.parameters().iter().flat_map(|p| p.values.clone()).collect()
        };
        for (part, whole) in values(&parts).iter().zip(values(&moved)) {
            assert!((part - whole).abs() < 1e-4, "{part} for {whole}");
        }
        let other = ImageShape { width: 5, height: 6, channels: 1 };
        let refused = train(&pairs, own.with_targets(other), None).expect_err("refused");
        assert!(refused.to_string().contains("height and width"), "{refused}");
    }
}

/// The same rows of ids, padded and each as long as it is: one in twenty is much longer than the others.
fn padded_and_ragged(rows: usize, below: usize) -> [Inputs; 2] {
    let length = 90;
    let (mut padded, mut values, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let words = if row % 20 == 3 { length - row % 11 } else { row % 7 };
        let ids = (0..words).map(|i| (1 + (row * row + 3 * i * i + i) % (below - 1)) as u32);
        values.extend(ids.clone());
        padded.extend(ids);
        padded.resize((row + 1) * length, 0);
        ends.push(values.len());
    }
    [Inputs::Ids { values: padded, length }, Inputs::Ragged { values, ends, length }]
}

#[test]
fn rows_of_different_lengths_train_as_padded_ones_do() {
    let adam = Trainer { epochs: 3, batch_size: 16, ..Trainer::default() };
    let sgd = Trainer { optimizer: Optimizer::sgd(0.1, 0.9), ..adam.clone() };
    let classes = Layer::dense(3, Activation::Softmax);
    let runs = [
        // Sorted with lazy rows, sorted whole, and what is summed directly where it is padded.
        (vec![Layer::embedding(900, 6), Layer::mean_pool(), classes.clone()], 900, &adam),
        (vec![Layer::embedding(900, 6), Layer::mean_pool(), classes.clone()], 900, &sgd),
        (
            vec![
                Layer::embedding_bag(40, 5, BagMode::SqrtN, Activation::Tanh),
                Layer::dropout(0.3),
                classes,
            ],
            40,
            &adam,
        ),
        // The ids themselves are the targets.
        (
            vec![
                Layer::embedding_bag(40, 5, BagMode::Sum, Activation::Linear),
                Layer::dense(40, Activation::Softmax),
            ],
            40,
            &adam,
        ),
    ];
    for (layers, below, trainer) in runs {
        let of = |inputs: &Inputs| {
            let targets = match layers.len() {
                2 => Targets::Inputs,
                _ => {
                    let classes = (0..inputs.rows()).map(|row| (row % 3) as f32).collect();
                    Targets::Values { values: classes, width: 1 }
                }
            };
            Dataset::new(inputs.clone(), targets, "rows").expect("rows")
        };
        let data = padded_and_ragged(203, below).map(|inputs| of(&inputs));
        for device in [gpu(), &Device::cpu()] {
            let fit = |data: &Dataset| {
                let input = Input::Ids { length: 90 };
                let loss = Loss::CategoricalCrossentropy;
                let mut model = Model::new(input, layers.clone(), loss, 5).expect("a model");
                let stops = EarlyStopping { patience: 9 };
                let trainer = Trainer { early_stopping: Some(stops), ..trainer.clone() };
                let history = trainer.fit(&mut model, data, Some(data), device).expect("a run");
                (model, history)
            };
            let ([padded, ragged], again) = (data.each_ref().map(fit), fit(&data[1]));
            assert_eq!((bits(&ragged.0), &ragged.1), (bits(&again.0), &again.1));
            for (a, b) in padded.1.val_loss.iter().zip(&ragged.1.val_loss) {
                assert!((a - b).abs() < 1e-5, "{a} and {b} on {}, {layers:?}", device.name());
            }
            let values = |model: &Model| -> Vec<f32> {
                model.parameters().iter().flat_map(|p| p.values.clone()).collect()
            };
            for (a, b) in values(&padded.0).iter().zip(values(&ragged.0)) {
                assert!((a - b).abs() < 1e-4, "{a} and {b} on {}, {layers:?}", device.name());
            }
            // One model answers both alike, to the bit.
            let [a, b] = data.each_ref().map(|data| {
                (
                    padded.0.predict(data.inputs(), device).expect("outputs"),
                    padded.0.evaluate(data, device),
                )
            });
            assert_eq!(a.0, b.0, "on {}", device.name());
            let [a, b] = [a.1, b.1].map(|metrics| metrics.expect("a loss").loss);
            assert!((a - b).abs() < 1e-6, "{a} and {b}");
        }
    }
}

#[test]
fn rows_of_different_lengths_are_checked() {
    let [_, ragged] = padded_and_ragged(20, 40);
    let Inputs::Ragged { values, mut ends, length } = ragged else { panic!("ragged") };
    let dataset = |values: Vec<u32>, ends: Vec<usize>| {
        Dataset::new(Inputs::Ragged { values, ends, length }, Targets::Inputs, "rows")
    };
    let flat =
        vec![Layer::embedding(40, 4), Layer::flatten(), Layer::dense(40, Activation::Softmax)];
    let model = Model::new(Input::Ids { length }, flat, Loss::CategoricalCrossentropy, 1);
    let rows = dataset(values.clone(), ends.clone()).expect("rows");
    let error = model.expect("a model").evaluate(&rows, &Device::cpu()).expect_err("one length");
    assert!(error.to_string().contains("rows of one"), "{error}");
    let mut wrong = values.clone();
    wrong[ends[4]] = 99;
    let wrong = dataset(wrong, ends.clone()).expect("rows").check_ids(40).expect_err("outside");
    assert!(wrong.to_string().contains("row 6, position 1"), "{wrong}");
    ends[3] = values.len() + 1;
    assert!(dataset(values, ends).is_err());
}
