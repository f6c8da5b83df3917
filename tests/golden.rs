//! Whole training runs against those of numpy in double precision (tests/fixtures/README.md):
//! from the same initial weights, on the adapter, on the CPU backend, and by the f64 references.

mod common;

use common::gpu;
use serde_json::Value;
use wgslearn::backend::CpuExecutor;
use wgslearn::model::Parameter;
use wgslearn::train::Role;
use wgslearn::*;

struct Golden {
    json: Value,
    model: Model,
    dataset: Dataset,
    trainer: Trainer,
}

/// All numbers of a nested array, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn load(name: &str) -> Golden {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let json: Value = serde_json::from_str(&text).expect("the fixture is JSON");
    let spec = &json["spec"];
    let layers: Vec<Layer> = spec["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| match layer[0].as_str().expect("a kind") {
            "embedding" => Layer::embedding(number(&layer[1]), number(&layer[2])),
            "flatten" => Layer::flatten(),
            "mean_pool" => Layer::mean_pool(),
            "dense" => Layer::dense(
                number(&layer[1]),
                serde_json::from_value(layer[2].clone()).expect("an activation"),
            ),
            other => panic!("the fixture has a layer {other}"),
        })
        .collect();
    let loss = serde_json::from_value(spec["loss"].clone()).expect("a loss");
    let x = flat(&json["x"]);
    let width = json["x"][0].as_array().expect("rows").len();
    let is_ids = matches!(layers[0], Layer::Embedding { .. });
    let (input, inputs) = match is_ids {
        true => (
            Input::Ids { length: width },
            Inputs::Ids { values: x.iter().map(|&v| v as u32).collect(), length: width },
        ),
        false => (
            Input::Matrix { features: width },
            Inputs::Matrix { values: x.iter().map(|&v| v as f32).collect(), features: width },
        ),
    };
    let y = flat(&json["y"]).into_iter().map(|v| v as f32).collect();
    let targets =
        Targets::Values { values: y, width: json["y"][0].as_array().expect("rows").len() };
    let mut model = Model::new(input, layers, loss, 0).expect("the fixture's model");
    let initial = named(&model, &json["initial_weights"]);
    model.set_parameters(initial).expect("the fixture's weights fit");
    let trainer = Trainer {
        epochs: number(&spec["epochs"]),
        batch_size: number(&spec["batch"]),
        shuffle: false,
        optimizer: Optimizer::adam(1e-3),
        ..Trainer::default()
    };
    Golden { dataset: Dataset::new(inputs, targets, name).expect("rows"), model, trainer, json }
}

/// A fixture's list of arrays as parameters of the model.
fn named(model: &Model, arrays: &Value) -> Vec<Parameter> {
    let arrays = arrays.as_array().expect("arrays");
    let pair = |(parameter, array): (&Parameter, &Value)| Parameter {
        values: flat(array).into_iter().map(|v| v as f32).collect(),
        ..parameter.clone()
    };
    model.parameters().iter().zip(arrays).map(pair).collect()
}

/// Largest difference between parameters and a fixture's arrays.
fn difference(parameters: &[Parameter], arrays: &Value) -> f64 {
    let mine = parameters.iter().flat_map(|parameter| &parameter.values);
    let truth = flat(arrays);
    assert_eq!(mine.clone().count(), truth.len());
    mine.zip(truth).map(|(a, b)| (*a as f64 - b).abs()).fold(0.0, f64::max)
}

/// As [`difference`], relative to the fixture's largest value.
fn relative_difference(parameters: &[Parameter], arrays: &Value) -> f64 {
    difference(parameters, arrays) / flat(arrays).iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

/// Losses by epoch, final weights, and gradients and moments of the first two steps.
/// Follows a run, by a dispatch for each kernel and, where the model is small, by one for many steps.
fn check(name: &str, open: &dyn Fn(&Golden) -> Session<'_>, loss_tolerance: f64, tolerance: f64) {
    for small_steps in [false, true] {
        follow(name, small_steps, open, loss_tolerance, tolerance);
    }
}

fn follow(
    name: &str,
    small_steps: bool,
    open: &dyn Fn(&Golden) -> Session<'_>,
    loss_tolerance: f64,
    tolerance: f64,
) {
    let mut golden = load(name);
    golden.trainer.fusions = golden.trainer.fusions.with_small_steps(small_steps);
    let truth = &golden.json["numpy_float64"];

    let mut session = open(&golden);
    let rows: Vec<u32> = (0..2 * golden.trainer.batch_size.min(golden.dataset.rows()) as u32)
        .map(|row| row % golden.dataset.rows() as u32)
        .collect();
    let (first, second) = rows.split_at(rows.len() / 2);
    session.train_rows(first).expect("the first step");
    let gradients = session.read(Role::Gradients).expect("gradients");
    let off = relative_difference(&gradients, &truth["first_gradients"]);
    assert!(off < 1e-6, "{name}: first gradients are off by {off:e}");
    for (step, batch) in [("step1", None), ("step2", Some(second))] {
        if let Some(batch) = batch {
            session.train_rows(batch).expect("the second step");
        }
        for (role, key) in [(Role::FirstMoments, "m"), (Role::SecondMoments, "v")] {
            let moments = session.read(role).expect("moments");
            let off = relative_difference(&moments, &truth[format!("adam_{key}_{step}")]);
            assert!(off < 1e-6, "{name}: {role:?} at {step} are off by {off:e}");
        }
    }

    let mut session = open(&golden);
    let metrics = session.train(0..golden.trainer.epochs).expect("the run");
    let losses = flat(&truth["loss"]);
    assert_eq!(metrics.len(), losses.len());
    for (epoch, (mine, loss)) in metrics.iter().zip(&losses).enumerate() {
        let off = (mine.loss - loss).abs();
        assert!(off < loss_tolerance, "{name}: the loss of epoch {epoch} is off by {off:e}");
    }
    if golden.model.loss().has_accuracy() {
        let accuracies = flat(&truth["accuracy"]);
        for (epoch, (mine, accuracy)) in metrics.iter().zip(&accuracies).enumerate() {
            let off = (mine.accuracy.expect("an accuracy") - accuracy).abs();
            assert!(off < 1e-9, "{name}: the accuracy of epoch {epoch} is off by {off:e}");
        }
    }
    let weights = session.read(Role::Weights).expect("weights");
    let off = difference(&weights, &truth["final_weights"]);
    assert!(off < tolerance, "{name}: final weights are off by {off:e}");

    let mut trained = golden.model.clone();
    trained.set_parameters(weights).expect("the same shapes");
    let outputs = trained.predict(golden.dataset.inputs(), &Device::cpu()).expect("predictions");
    let predictions = flat(&truth["final_prediction"]);
    let pairs = outputs.iter().zip(&predictions);
    let off = pairs.map(|(a, b)| (*a as f64 - b).abs()).fold(0.0, f64::max);
    assert!(off < tolerance, "{name}: predictions are off by {off:e}");
}

const NAMES: [&str; 3] = ["seed_classifier", "digits_autoencoder", "pooled_softmax"];

fn on<'g>(golden: &'g Golden, device: &Device) -> Session<'g> {
    Session::new(&golden.model, &golden.trainer, &golden.dataset, None, device).expect("a session")
}

#[test]
fn gpu_runs_follow_numpy() {
    for name in NAMES {
        check(name, &|golden| on(golden, gpu()), 1e-5, 1e-4);
    }
}

/// Weights, data and values between layers in many pieces: 64 KiB hold 16,384 numbers.
#[test]
fn gpu_runs_follow_numpy_in_small_bindings() {
    let device = Device::open_limited(64 << 10).expect("an adapter");
    for name in NAMES {
        check(name, &|golden| on(golden, &device), 1e-5, 1e-4);
    }
}

#[test]
fn cpu_runs_follow_numpy() {
    for name in NAMES {
        check(name, &|golden| on(golden, &Device::cpu()), 1e-5, 1e-4);
    }
}

#[test]
fn runs_in_double_precision_follow_numpy_closely() {
    for name in NAMES {
        fn open(golden: &Golden) -> Session<'_> {
            let prepare = |program: &program::Program| -> Result<Box<dyn backend::Executor>> {
                Ok(Box::new(CpuExecutor::<f64>::new(program)?))
            };
            let Golden { model, trainer, dataset, .. } = golden;
            Session::open(model, trainer, dataset, None, 1 << 31, prepare).expect("a session")
        }
        check(name, &open, 1e-7, 2e-6);
    }
}
