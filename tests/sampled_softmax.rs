//! Classifiers of many classes that learn from some of them in a step: against the whole softmax, on every device, and what
//! is refused. Its gradient is in `tests/gradients.rs`.

mod common;

use common::gpu;
use wgslearn::train::{Clip, Role};
use wgslearn::*;

const CLASSES: usize = 300;

/// Rows of ids of which two say the class, but of every fourth row; class 0 has a third of the others.
fn rows(count: usize, seed: usize) -> Dataset {
    let mut state = seed as u64 * 2 + 1;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut values, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let class = if draw(3) == 0 { 0 } else { draw(CLASSES) };
        let own = [2 + class % 20, 30 + class / 20];
        let noise = [45 + draw(15), 45 + draw(15)];
        values.extend([own[0], noise[0], own[1], noise[1]].map(|id| id as u32));
        targets.push(if draw(4) == 0 { draw(CLASSES) } else { class } as f32);
    }
    let inputs = Inputs::Ids { values, length: 4 };
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, "rows").expect("rows")
}

fn model(use_bias: bool) -> Model {
    let last = Dense::new(CLASSES, Activation::Softmax);
    let last = if use_bias { last } else { last.without_bias() };
    let layers = vec![Layer::embedding(60, 24), Layer::mean_pool(), last.into()];
    let input = Input::Ids { length: 4 };
    Model::new(input, layers, Loss::CategoricalCrossentropy, 3).expect("a model")
}

fn trainer(sampled_classes: Option<usize>) -> Trainer {
    let optimizer = Optimizer::adam(0.02);
    Trainer { epochs: 12, batch_size: 64, optimizer, sampled_classes, ..Trainer::default() }
}

fn bits(model: &Model) -> Vec<u32> {
    model.parameters().iter().flat_map(|p| &p.values).map(|value| value.to_bits()).collect()
}

#[test]
fn it_learns_what_the_whole_softmax_learns() {
    let (training, test) = (rows(6000, 1), rows(1500, 2));
    let device = Device::cpu();
    let figures = |sampled: Option<usize>| {
        let mut model = model(true);
        let trainer = Trainer { epochs: 3, ..trainer(sampled) };
        let history = trainer.fit(&mut model, &training, Some(&test), &device).expect("a run");
        // What is right among the candidates is not right among all.
        assert_eq!(history.accuracy.is_empty(), sampled.is_some());
        (history.val_loss[2], history.val_accuracy[2])
    };
    let (whole_loss, whole) = figures(None);
    assert!(whole > 0.7 && whole_loss < 2.6, "{whole}, {whole_loss}");
    for (drawn, off) in [(30, 0.06), (75, 0.04), (150, 0.02)] {
        let (loss, accuracy) = figures(Some(drawn));
        assert!(accuracy > whole - 0.03, "{drawn} classes: {accuracy}, all: {whole}");
        // Probabilities mean what they mean: without offsets they are off by up to ln(300 / 30).
        assert!(loss < whole_loss + off, "{drawn} classes: {loss}, all: {whole_loss}");
    }
}

#[test]
fn as_many_as_there_are_is_all() {
    let training = rows(640, 1);
    let fit = |sampled| {
        let mut model = model(true);
        let history = trainer(sampled).fit(&mut model, &training, None, &Device::cpu());
        (bits(&model), history.expect("a run"))
    };
    assert_eq!(fit(None), fit(Some(CLASSES)));
    assert_eq!(fit(None), fit(Some(usize::MAX)));
}

/// Ways in which a run may differ.
fn ways() -> Vec<(&'static str, Trainer, bool)> {
    let base = || Trainer { epochs: 2, ..trainer(Some(40)) };
    vec![
        ("adam", base(), true),
        ("without a bias", base(), false),
        ("sgd", Trainer { optimizer: Optimizer::sgd(0.5, 0.0), ..base() }, true),
        ("in parts", Trainer { micro_batch: Some(24), ..base() }, true),
        ("clipped", Trainer { clip: Some(Clip::Norm(0.05)), ..base() }, true),
        ("one class drawn", trainer(Some(1)), true),
        ("batches of one row", Trainer { batch_size: 1, epochs: 1, ..base() }, true),
        ("without fusions", Trainer { fusions: Fusions::NONE, ..base() }, true),
    ]
}

#[test]
fn the_adapter_learns_what_the_cpu_learns() {
    // A tail of 37 rows.
    let training = rows(293, 4);
    for (name, trainer, use_bias) in ways() {
        let weights = |device: &Device| {
            let fit = || {
                let mut model = model(use_bias);
                let history = trainer.fit(&mut model, &training, None, device);
                (model, history.expect("a run"))
            };
            let (once, again) = (fit(), fit());
            assert_eq!((bits(&once.0), &once.1), (bits(&again.0), &again.1), "{name}");
            let values = once.0.parameters().iter().flat_map(|p| p.values.clone());
            (values.collect::<Vec<f32>>(), once.1.loss)
        };
        let ((on_cpu, cpu_loss), (on_gpu, gpu_loss)) = (weights(&Device::cpu()), weights(gpu()));
        for (a, b) in cpu_loss.iter().zip(&gpu_loss) {
            assert!((a - b).abs() < 1e-3 * (1.0 + a), "{name}: {cpu_loss:?}, {gpu_loss:?}");
        }
        let fresh = model(use_bias);
        let fresh: Vec<f32> = fresh.parameters().iter().flat_map(|p| p.values.clone()).collect();
        let distance = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        };
        let (off, moved) = (distance(&on_cpu, &on_gpu), distance(&on_cpu, &fresh));
        assert!(moved > 0.1 && off < 0.02 * moved, "{name}: off by {off}, moved {moved}");
    }
}

#[test]
fn weights_in_pieces_and_rows_with_weights_are_the_same_run() {
    let training = rows(640, 5);
    let run = |max_binding: usize, dataset: &Dataset| {
        let mut session = Session::open(
            &model(true),
            &trainer(Some(40)),
            dataset,
            None,
            max_binding,
            |program| Ok(Box::new(backend::CpuExecutor::<f64>::new(program)?)),
        )
        .expect("a session");
        let metrics = session.train(0..2).expect("trained");
        let weights = session.read(Role::Weights).expect("weights");
        let values: Vec<f32> = weights.into_iter().flat_map(|weight| weight.values).collect();
        (metrics.iter().map(|metrics| metrics.loss).collect::<Vec<f64>>(), values)
    };
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    let whole = run(1 << 31, &training);
    // A binding of a third of the last layer's rows.
    let pieces = run(CLASSES * 9, &training);
    assert!(near(&whole.1, &pieces.1));
    // Weights of 1 change nothing; those of 0 take their rows away.
    let ones = training.clone().with_weights(vec![1.0; 640]).expect("weights");
    assert!(near(&whole.1, &run(1 << 31, &ones).1));
    let halves = (0..640).map(|row| (row % 2) as f32 * 2.0).collect();
    let halves = training.clone().with_weights(halves).expect("weights");
    let weighted = run(1 << 31, &halves);
    assert!(!near(&whole.1, &weighted.1) && weighted.0.iter().all(|loss| loss.is_finite()));
}

/// More than 10,000 labels are sampled unasked, fewer are not, and the embedding is as wide as the labels ask for.
#[test]
fn runs_of_very_many_labels_are_sampled_unasked() {
    use wgslearn::run::{RunKind, Settings};
    let folder = tempfile::tempdir().expect("a folder");
    let trained = |labels: usize, given: Option<usize>| {
        let path = folder.path().join("texts.txt");
        let line = |i: usize| format!("__label__{} a{} b{}\n", i % labels, i % 97, i % labels / 97);
        std::fs::write(&path, (0..2 * labels).map(line).collect::<String>()).expect("written");
        let mut settings = Settings::new(RunKind::Text, &path);
        settings.training.epochs = Some(1);
        settings.training.sampled_classes = given;
        settings.data.validation_split = Some(0.0);
        let mut config = settings.resolve().expect("a run");
        config.output.model = None;
        let outcome = run::train(&config, &Device::cpu(), &mut |_, _, _| Ok(()), &mut |_| {}, None);
        let outcome = outcome.expect("trained");
        let units = outcome.model.layers()[0].units().expect("an embedding");
        (outcome.history.accuracy.is_empty(), units)
    };
    assert_eq!(trained(10_001, None), (true, 64));
    assert_eq!(trained(41, Some(0)), (false, 48));
    assert_eq!(trained(41, None), (false, 48));
    assert_eq!(trained(41, Some(20)), (true, 48));
    assert_eq!(trained(3, None), (false, 16));
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let training = rows(64, 1);
    let refused = |trainer: Trainer, model: &mut Model, dataset: &Dataset, says: &str| {
        let error = trainer.fit(model, dataset, None, &Device::cpu()).expect_err(says).to_string();
        assert!(error.contains("sampled_classes") && error.contains(says), "{error}");
    };
    refused(trainer(Some(0)), &mut model(true), &training, "at least one");
    let smoothed = Trainer { label_smoothing: 0.1, ..trainer(Some(30)) };
    refused(smoothed, &mut model(true), &training, "label_smoothing");
    let layers =
        vec![Layer::embedding(60, 4), Layer::mean_pool(), Layer::dense(1, Activation::Linear)];
    let mut regression =
        Model::new(Input::Ids { length: 4 }, layers, Loss::Mse, 3).expect("a model");
    refused(trainer(Some(30)), &mut regression, &training, "mse");
    let values = (0..2 * CLASSES).map(|i| (i % CLASSES == 5) as u8 as f32).collect();
    let targets = Targets::Values { values, width: CLASSES };
    let inputs = Inputs::Ids { values: vec![3; 8], length: 4 };
    let distributions = Dataset::new(inputs, targets, "distributions").expect("rows");
    refused(trainer(Some(30)), &mut model(true), &distributions, "number of a class");
}
