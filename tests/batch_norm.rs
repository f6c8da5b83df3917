//! Batch normalisation's running statistics: which rows they are of, who reads them, and that nobody loses them.

mod common;

use common::gpu;
use wgslearn::train::Role;
use wgslearn::*;

const FEATURES: usize = 3;

/// Rows of three features of different scales, and one target.
fn rows(count: usize) -> Dataset {
    let value = |i: usize| ((i * i + 5 * i) as f32 * 0.37).sin();
    let scale = |i: usize| [1.0, 10.0, 0.1][i % FEATURES] * value(i) + (i % FEATURES) as f32;
    let inputs =
        Inputs::Matrix { values: (0..count * FEATURES).map(scale).collect(), features: FEATURES };
    let targets = Targets::Values { values: (0..count).map(value).collect(), width: 1 };
    Dataset::new(inputs, targets, "rows").expect("rows")
}

fn model() -> Model {
    let layers = vec![
        BatchNorm::default().with_momentum(0.9).into(),
        Layer::dense(4, Activation::Tanh),
        Layer::batch_norm(),
        Layer::dense(1, Activation::Linear),
    ];
    Model::new(Input::Matrix { features: FEATURES }, layers, Loss::Mse, 7).expect("a model")
}

fn trainer(epochs: usize) -> Trainer {
    Trainer { epochs, batch_size: 4, shuffle: false, ..Trainer::default() }
}

fn open<'a>(model: &Model, trainer: &Trainer, data: &'a Dataset, device: &Device) -> Session<'a> {
    Session::new(model, trainer, data, Some(data), device).expect("a session")
}

fn values<'a>(parameters: &'a [model::Parameter], name: &str) -> &'a [f32] {
    &parameters.iter().find(|parameter| parameter.name == name).expect(name).values
}

/// 11 rows in batches of 4, 4 and 3: the last has moments of its three rows.
#[test]
fn running_statistics_are_of_the_rows_that_a_batch_has() {
    let data = rows(11);
    let Inputs::Matrix { values: x, .. } = data.inputs() else { panic!("a matrix") };
    let (mut mean, mut variance) = ([0.0f64; FEATURES], [1.0f64; FEATURES]);
    for batch in x.chunks(4 * FEATURES) {
        let n = (batch.len() / FEATURES) as f64;
        for c in 0..FEATURES {
            let own = || batch.iter().skip(c).step_by(FEATURES).map(|&x| x as f64);
            let m = own().sum::<f64>() / n;
            let v = own().map(|x| (x - m) * (x - m)).sum::<f64>() / n;
            mean[c] = 0.9 * mean[c] + 0.1 * m;
            variance[c] = 0.9 * variance[c] + 0.1 * v;
        }
    }
    for device in [&Device::cpu(), gpu()] {
        let trainer = trainer(1);
        let mut session = open(&model(), &trainer, &data, device);
        session.train(0..1).expect("an epoch");
        let weights = session.read(Role::Weights).expect("weights");
        for (name, expected) in [("moving_mean", mean), ("moving_variance", variance)] {
            let found = values(&weights, &format!("batch_norm.{name}"));
            for (found, expected) in found.iter().zip(expected) {
                let off = (*found as f64 - expected).abs();
                assert!(off < 1e-5 * (1.0 + expected.abs()), "{name}: {found}, not {expected}");
            }
        }
        // An evaluation reads them and leaves them; no optimizer has moments of them.
        session.evaluate().expect("an evaluation");
        assert_eq!(session.read(Role::Weights).expect("weights"), weights);
        let moments = session.read(Role::FirstMoments).expect("moments");
        assert!(moments.iter().all(|moment| !moment.name.contains("moving")));
        assert_eq!(moments.len() + 4, weights.len());
    }
}

#[test]
fn a_prediction_does_not_depend_on_the_rows_beside_it() {
    let (data, mut model) = (rows(11), model());
    trainer(3).fit(&mut model, &data, None, &Device::cpu()).expect("a run");
    let Inputs::Matrix { values: x, features } = data.inputs() else { panic!("a matrix") };
    let together = model.predict(data.inputs(), &Device::cpu()).expect("outputs");
    let first = Inputs::Matrix { values: x[..FEATURES].to_vec(), features: *features };
    let alone = model.predict(&first, &Device::cpu()).expect("an output");
    assert_eq!(together[0].to_bits(), alone[0].to_bits());
    // By hand, from the running statistics.
    let of = |name: &str| values(model.parameters(), name);
    let norm = |layer: &str, x: &[f64]| -> Vec<f64> {
        let at = |role: &str, c: usize| of(&format!("{layer}.{role}"))[c] as f64;
        let one = |(c, x): (usize, &f64)| {
            let rstd = 1.0 / (at("moving_variance", c) + 1e-3).sqrt();
            at("gamma", c) * (x - at("moving_mean", c)) * rstd + at("beta", c)
        };
        x.iter().enumerate().map(one).collect()
    };
    let dense = |layer: &str, x: &[f64]| -> Vec<f64> {
        let (kernel, bias) = (of(&format!("{layer}.kernel")), of(&format!("{layer}.bias")));
        let unit = |u: usize| {
            let products = x.iter().zip(kernel[u..].iter().step_by(bias.len()));
            products.map(|(x, &w)| x * w as f64).sum::<f64>() + bias[u] as f64
        };
        (0..bias.len()).map(unit).collect()
    };
    let x: Vec<f64> = x[..FEATURES].iter().map(|&x| x as f64).collect();
    let hidden: Vec<f64> =
        dense("dense", &norm("batch_norm", &x)).iter().map(|z| z.tanh()).collect();
    let expected = dense("dense_1", &norm("batch_norm_1", &hidden))[0];
    assert!((alone[0] as f64 - expected).abs() < 1e-5, "{} is not {expected}", alone[0]);
}

#[test]
fn running_statistics_come_back_with_the_best_weights_a_checkpoint_and_a_file() {
    let data = rows(11);
    let stopping = Some(EarlyStopping { patience: 1 });
    let trainer = Trainer { early_stopping: stopping, ..trainer(6) };
    for device in [&Device::cpu(), gpu()] {
        let mut session = open(&model(), &trainer, &data, device);
        session.train(0..1).expect("an epoch");
        session.keep_best().expect("kept");
        let best = session.read(Role::Weights).expect("weights");
        assert_eq!(session.read(Role::BestWeights).expect("the best"), best);
        session.train(1..2).expect("an epoch");
        let state = session.state().expect("a state");
        session.train(2..4).expect("two epochs");
        let last = session.read(Role::Weights).expect("weights");
        assert!(values(&last, "batch_norm.moving_mean") != values(&best, "batch_norm.moving_mean"));
        session.restore_best().expect("restored");
        assert_eq!(session.read(Role::Weights).expect("weights"), best);

        let mut other = open(&model(), &trainer, &data, device);
        other.restore(&state).expect("a state of this run");
        other.train(2..4).expect("two epochs");
        assert_eq!(other.read(Role::Weights).expect("weights"), last);

        let mut saved = model();
        saved.set_parameters(last).expect("the same shapes");
        let path = std::env::temp_dir()
            .join(format!("wgslearn-batch-norm-{}.safetensors", std::process::id()));
        saved.save(&path).expect("written");
        let loaded = Model::load(&path).expect("read");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(loaded.parameters(), saved.parameters());
    }
}

#[test]
fn a_frozen_layer_takes_its_running_statistics_and_leaves_them() {
    let (data, before) = (rows(11), model());
    let trainer = Trainer { frozen_layers: 3, ..trainer(2) };
    for device in [&Device::cpu(), gpu()] {
        let mut session = open(&before, &trainer, &data, device);
        session.train(0..2).expect("two epochs");
        let after = session.read(Role::Weights).expect("weights");
        let same = before.parameters().iter().zip(&after).filter(|(a, b)| a == b).count();
        assert_eq!((same, after.len()), (10, 12), "the last layer alone learns");
        // With frozen moments, what a row gives does not depend on its batch: one step's loss is the evaluation's.
        let all: Vec<u32> = (0..11).collect();
        let trainer = Trainer { batch_size: 11, ..trainer.clone() };
        let mut session = open(&before, &trainer, &data, device);
        let evaluated = session.evaluate().expect("evaluated").expect("rows").loss;
        let trained = session.train_rows(&all).expect("a step").loss;
        assert!((evaluated - trained).abs() < 1e-6, "{evaluated} and {trained}");
    }
}

/// The variance of one row is 0: the layer gives beta, and what follows is finite.
#[test]
fn a_batch_of_one_row_gives_beta() {
    let data = rows(1);
    for device in [&Device::cpu(), gpu()] {
        let trainer = trainer(3);
        let mut session = open(&model(), &trainer, &data, device);
        let first = session.train(0..3).expect("three steps");
        assert!(first.iter().all(|metrics| metrics.loss.is_finite()));
        let gradients = session.read(Role::Gradients).expect("gradients");
        assert!(values(&gradients, "batch_norm.gamma").iter().all(|&g| g == 0.0));
    }
}

#[test]
fn a_summary_counts_running_statistics_apart() {
    let summary = model().summary();
    // 12 of the first normalisation, 16 dense, 16 of the second, 5 of the last: 49, of which 14 are statistics.
    assert!(summary.contains("Total params: 49 "), "{summary}");
    assert!(summary.contains("Trainable params: 35 "), "{summary}");
    assert!(summary.contains("Non-trainable params: 14 "), "{summary}");
    assert_eq!(model().trainable_count(), 35);
}
