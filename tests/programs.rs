//! Whole training runs of layers, losses and optimizers against programs in double precision that were written
//! apart (tests/fixtures/programs/make.py), or by Keras (make_layers.py): on the adapter, on the CPU backend, and by the f64 references.

mod common;

use common::gpu;
use serde_json::Value;
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::model::Parameter;
use wgslearn::train::Role;
use wgslearn::*;

/// Runs, by the name of their fixture. A new layer, loss or optimizer adds one, and its run to make.py.
const NAMES: &[&str] = &[
    "adagrad",
    "adamw",
    "add",
    "batch_norm",
    "clip_norm",
    "clip_value",
    "concat",
    "conv_autoencoder",
    "conv_classes",
    "gelu",
    "huber",
    "layer_norm",
    "picture_layers",
    "rmsprop",
    "smooth_binary",
    "smooth_classes",
    "unet",
];

struct Run {
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

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn width(rows: &Value) -> usize {
    rows[0].as_array().expect("rows").len()
}

fn load(name: &str) -> Run {
    let path = format!("{}/tests/fixtures/programs/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let json: Value = serde_json::from_str(&text).expect("the fixture is JSON");
    let spec = &json["spec"];
    let single = |values: &Value| flat(values).into_iter().map(|v| v as f32).collect();
    let features = width(&json["x"]);
    let inputs = Inputs::Matrix { values: single(&json["x"]), features };
    let targets = Targets::Values { values: single(&json["y"]), width: width(&json["y"]) };
    let input = Input::Matrix { features };
    let mut model =
        Model::new(input, parse(&spec["layers"]), parse(&spec["loss"]), 0).expect("a model");
    let arrays = json["initial_weights"].as_array().expect("arrays");
    let initial = model.parameters().iter().zip(arrays);
    let initial = initial.map(|(p, array)| Parameter { values: single(array), ..p.clone() });
    let initial = initial.collect();
    model.set_parameters(initial).expect("the fixture's weights fit");
    let trainer = Trainer {
        epochs: parse(&spec["epochs"]),
        batch_size: parse(&spec["batch_size"]),
        optimizer: parse(&spec["optimizer"]),
        clip: serde_json::from_value(spec["clip"].clone()).ok(),
        label_smoothing: parse(&spec["label_smoothing"]),
        shuffle: false,
        ..Trainer::default()
    };
    let dataset = Dataset::new(inputs, targets, name).expect("rows");
    Run { json, model, dataset, trainer }
}

/// Follows each run, by a dispatch for each kernel and, where a model is small, by one for many steps.
fn follow(open: &dyn Fn(&Run) -> Session<'_>, loss_tolerance: f64, tolerance: f64) {
    for (name, small) in NAMES.iter().flat_map(|name| [(name, false), (name, true)]) {
        let mut run = load(name);
        run.trainer.fusions = run.trainer.fusions.with_small_steps(small);
        let mut session = open(&run);
        let metrics = session.train(0..run.trainer.epochs).expect("the run");
        let losses = flat(&run.json["loss"]);
        assert_eq!(metrics.len(), losses.len());
        for (epoch, (mine, loss)) in metrics.iter().zip(&losses).enumerate() {
            let off = (mine.loss - loss).abs();
            assert!(off < loss_tolerance, "{name}: the loss of epoch {epoch} is off by {off:e}");
        }
        for (role, key) in [
            (Role::Weights, "final_weights"),
            (Role::FirstMoments, "first_moments"),
            (Role::SecondMoments, "second_moments"),
        ] {
            // SGD keeps one array.
            let Ok(mine) = session.read(role) else { continue };
            let mine = mine.iter().flat_map(|parameter| &parameter.values);
            let truth = flat(&run.json[key]);
            assert_eq!(mine.clone().count(), truth.len());
            let off = mine.zip(truth).map(|(a, b)| (*a as f64 - b).abs()).fold(0.0, f64::max);
            assert!(off < tolerance, "{name}: {key} are off by {off:e}");
        }
    }
}

fn on<'r>(run: &'r Run, device: &Device) -> Session<'r> {
    Session::new(&run.model, &run.trainer, &run.dataset, None, device).expect("a session")
}

/// What each trained model gives for its rows, where the fixture has it: running statistics in place of the batch's.
#[test]
fn trained_models_predict_what_their_programs_do() {
    for name in NAMES {
        let mut run = load(name);
        if run.json["prediction"].is_null() {
            continue;
        }
        let truth = flat(&run.json["prediction"]);
        run.trainer.fit(&mut run.model, &run.dataset, None, &Device::cpu()).expect("the run");
        for device in [&Device::cpu(), gpu()] {
            let mine = run.model.predict(run.dataset.inputs(), device).expect("outputs");
            assert_eq!(mine.len(), truth.len());
            let off = mine.iter().zip(&truth).map(|(a, b)| (*a as f64 - b).abs());
            let off = off.fold(0.0, f64::max);
            assert!(off < 1e-4, "{name}: predictions are off by {off:e}");
        }
    }
}

#[test]
fn gpu_runs_follow_their_programs() {
    follow(&|run| on(run, gpu()), 1e-5, 1e-4);
}

#[test]
fn cpu_runs_follow_their_programs() {
    follow(&|run| on(run, &Device::cpu()), 1e-5, 1e-4);
}

#[test]
fn runs_in_double_precision_follow_their_programs_closely() {
    fn open(run: &Run) -> Session<'_> {
        let prepare = |program: &program::Program| -> Result<Box<dyn Executor>> {
            Ok(Box::new(CpuExecutor::<f64>::new(program)?))
        };
        let Run { model, trainer, dataset, .. } = run;
        Session::open(model, trainer, dataset, None, 1 << 31, prepare).expect("a session")
    }
    // What is read comes in single precision.
    follow(&open, 1e-6, 1e-5);
}
