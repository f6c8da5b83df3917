//! Weighted rows and classes, as Keras 3 has them: the loss is the sum of weighted losses over the number of rows
//! (`sum_over_batch_size`), whatever they weigh, and evaluations do not weigh.

mod common;

use common::cli::{Folder, json, text};
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::train::Role;
use wgslearn::*;

const ROWS: usize = 12;
const FEATURES: usize = 3;
const RATE: f64 = 0.3;
const STEPS: usize = 20;

/// Numbers between -1 and 1 that look random.
fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect()
}

fn weights() -> Vec<f32> {
    [2.0, 0.0, 0.5, 1.0, 3.0, 1.5].repeat(2)
}

fn dataset(outputs: usize, values: Vec<f32>) -> Dataset {
    let inputs = Inputs::Matrix { values: wave(ROWS * FEATURES), features: FEATURES };
    let width = values.len() / ROWS;
    assert!(width == 1 || width == outputs);
    Dataset::new(inputs, Targets::Values { values, width }, "waves").expect("rows")
}

fn model(outputs: usize, activation: Activation, loss: Loss) -> Model {
    let layers = vec![Layer::dense(outputs, activation)];
    Model::new(Input::Matrix { features: FEATURES }, layers, loss, 7).expect("a model")
}

fn trainer(batch_size: usize) -> Trainer {
    Trainer {
        batch_size,
        shuffle: false,
        optimizer: Optimizer::sgd(RATE, 0.0),
        ..Trainer::default()
    }
}

/// Gradient descent in double precision, from the definition: losses of the steps, and the last kernel and bias.
fn golden(model: &Model, y: &[f64], loss: Loss) -> (Vec<f64>, Vec<f64>) {
    let outputs = model.outputs();
    let x: Vec<f64> = wave(ROWS * FEATURES).into_iter().map(f64::from).collect();
    let weights: Vec<f64> = weights().into_iter().map(f64::from).collect();
    let mut parameters: Vec<f64> = model
        .parameters()
        .iter()
        .flat_map(|p| p.values.iter().map(|&value| value as f64))
        .collect();
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; parameters.len()];
        let mut total = 0.0;
        for row in 0..ROWS {
            let x = &x[row * FEATURES..][..FEATURES];
            let z: Vec<f64> = (0..outputs)
                .map(|j| {
                    let products = (0..FEATURES).map(|i| x[i] * parameters[i * outputs + j]);
                    products.sum::<f64>() + parameters[FEATURES * outputs + j]
                })
                .collect();
            let y = &y[row * outputs..][..outputs];
            let exps: Vec<f64> = z.iter().map(|z| z.exp()).collect();
            let (own, slopes): (f64, Vec<f64>) = match loss {
                Loss::BinaryCrossentropy => {
                    let p: Vec<f64> = z.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
                    let terms =
                        p.iter().zip(y).map(|(p, y)| -y * p.ln() - (1.0 - y) * (1.0 - p).ln());
                    let slopes = p.iter().zip(y).map(|(p, y)| (p - y) / outputs as f64);
                    (terms.sum::<f64>() / outputs as f64, slopes.collect())
                }
                Loss::CategoricalCrossentropy => {
                    let sum: f64 = exps.iter().sum();
                    let p: Vec<f64> = exps.iter().map(|e| e / sum).collect();
                    let terms = p.iter().zip(y).map(|(p, y)| -y * p.ln());
                    (terms.sum(), p.iter().zip(y).map(|(p, y)| p - y).collect())
                }
                _ => {
                    let terms = z.iter().zip(y).map(|(z, y)| (z - y) * (z - y) / outputs as f64);
                    let slopes = z.iter().zip(y).map(|(z, y)| 2.0 * (z - y) / outputs as f64);
                    (terms.sum(), slopes.collect())
                }
            };
            let share = weights[row] / ROWS as f64;
            total += own * share;
            for (j, slope) in slopes.iter().enumerate() {
                for i in 0..FEATURES {
                    gradient[i * outputs + j] += x[i] * slope * share;
                }
                gradient[FEATURES * outputs + j] += slope * share;
            }
        }
        losses.push(total);
        parameters.iter_mut().zip(&gradient).for_each(|(p, g)| *p -= RATE * g);
    }
    (losses, parameters)
}

#[test]
fn weighted_runs_follow_double_precision() {
    let classes: Vec<f32> = (0..ROWS).map(|row| (row % 3) as f32).collect();
    let labels: Vec<f32> = (0..3 * ROWS).map(|i| (i % 5 < 2) as u8 as f32).collect();
    let one_hot: Vec<f32> = classes
        .iter()
        .flat_map(|&class| (0..3).map(move |j| (j as f32 == class) as u8 as f32))
        .collect();
    for (name, activation, loss, targets, y) in [
        (
            "binary",
            Activation::Sigmoid,
            Loss::BinaryCrossentropy,
            labels[..ROWS].to_vec(),
            &labels[..ROWS],
        ),
        ("labels", Activation::Sigmoid, Loss::BinaryCrossentropy, labels.clone(), &labels[..]),
        ("classes", Activation::Softmax, Loss::CategoricalCrossentropy, classes, &one_hot[..]),
        (
            "distributions",
            Activation::Softmax,
            Loss::CategoricalCrossentropy,
            one_hot.clone(),
            &one_hot[..],
        ),
        ("values", Activation::Linear, Loss::Mse, wave(3 * ROWS), &wave(3 * ROWS)[..]),
    ] {
        let outputs = y.len() / ROWS;
        let model = model(outputs, activation, loss);
        let dataset = dataset(outputs, targets).with_weights(weights()).expect("weights");
        let y: Vec<f64> = y.iter().map(|&y| y as f64).collect();
        let (losses, last) = golden(&model, &y, loss);
        let prepare = |program: &program::Program| -> Result<Box<dyn Executor>> {
            Ok(Box::new(CpuExecutor::<f64>::new(program)?))
        };
        let trainer = trainer(ROWS);
        let mut session =
            Session::open(&model, &trainer, &dataset, None, 1 << 31, prepare).expect("a session");
        for (step, expected) in losses.iter().enumerate() {
            let rows: Vec<u32> = (0..ROWS as u32).collect();
            let found = session.train_rows(&rows).expect("a step").loss;
            assert!((found - expected).abs() < 1e-6, "{name}, step {step}: {found} {expected}");
        }
        let found = session.read(Role::Weights).expect("weights");
        let found = found.iter().flat_map(|p| &p.values);
        for (found, expected) in found.zip(&last) {
            assert!((*found as f64 - expected).abs() < 1e-5, "{name}: {found} {expected}");
        }
        // The same on the CPU's single precision.
        let mut single = model.clone();
        let run = Trainer { epochs: STEPS, ..trainer };
        let history = run.fit(&mut single, &dataset, None, &Device::cpu()).expect("a run");
        let off = history.loss.last().expect("a loss") - losses.last().expect("a loss");
        assert!(off.abs() < 1e-5, "{name}: {off}");
        // An evaluation does not weigh: it is that of the rows alone.
        let plain = Dataset::new(dataset.inputs().clone(), dataset.targets().clone(), "plain")
            .expect("rows");
        let [weighed, plain] =
            [&dataset, &plain].map(|d| single.evaluate(d, &Device::cpu()).expect("metrics"));
        assert_eq!((weighed.loss, weighed.accuracy), (plain.loss, plain.accuracy), "{name}");
    }
}

/// Weights of 1 are no weights, up to rounding, with label smoothing too.
#[test]
fn weights_of_one_change_nothing() {
    let classes: Vec<f32> = (0..ROWS).map(|row| (row % 3) as f32).collect();
    let plain = dataset(3, classes);
    let ones = plain.clone().with_weights(vec![1.0; ROWS]).expect("weights");
    for label_smoothing in [0.0, 0.2] {
        let losses = [&plain, &ones].map(|dataset| {
            let mut model = model(3, Activation::Softmax, Loss::CategoricalCrossentropy);
            let trainer = Trainer { epochs: 5, label_smoothing, ..trainer(5) };
            trainer.fit(&mut model, dataset, None, &Device::cpu()).expect("a run")
        });
        let [plain, ones] = losses;
        assert_eq!(plain.accuracy, ones.accuracy);
        for (a, b) in plain.loss.iter().zip(&ones.loss) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn weights_that_mean_nothing_are_refused() {
    let of = |weights: Vec<f32>| {
        dataset(1, vec![0.0; ROWS]).with_weights(weights).expect_err("refused").to_string()
    };
    assert!(of(vec![1.0; 3]).contains("3 weights for 12 rows"));
    assert!(of(vec![0.0; ROWS]).contains("every row weighs 0"));
    assert!(of([vec![-1.0], vec![1.0; ROWS - 1]].concat()).contains("row 1 is -1"));
    assert!(of([vec![1.0; ROWS - 1], vec![f32::NAN]].concat()).contains("row 12"));
}

#[test]
fn classes_and_columns_weigh_from_the_command_line() {
    let folder = Folder::new();
    // The same text is of both classes, three times as often of one: what it is answered hangs on the weights.
    let mut csv = String::from("label,text,times\n");
    for i in 0..80 {
        let label = if i % 4 == 0 { "rare" } else { "common" };
        csv += &format!("{label},the same words,{}\n", if label == "rare" { 3 } else { 1 });
    }
    folder.write("t.csv", &csv);
    let probability = |more: &[&str]| {
        let mut arguments = vec![
            "train",
            "text",
            "t.csv",
            "-o",
            "m.safetensors",
            "--device",
            "cpu",
            "--epochs",
            "150",
            "--dropout",
            "0",
        ];
        arguments.extend(more);
        folder.ok(&arguments);
        let predict = ["predict", "m.safetensors", "-", "--json", "--device", "cpu"];
        let answer = json(&text(&folder.run_with(&predict, "the same words\n").stdout));
        answer["outputs"][1].as_f64().expect("a probability")
    };
    let near =
        |found: f64, expected: f64| assert!((found - expected).abs() < 0.03, "{found} {expected}");
    near(probability(&[]), 0.25);
    near(probability(&["--class-weight", "balanced"]), 0.5);
    near(probability(&["--class-weight", "rare=9"]), 0.75);
    near(probability(&["--weight-column", "times"]), 0.5);
    near(probability(&["--weight-column", "times", "--class-weight", "rare=3,common=1"]), 0.75);
    let fails = |more: &[&str], code: i32, says: &[&str]| {
        let mut arguments =
            vec!["train", "text", "t.csv", "-o", "m.safetensors", "--device", "cpu"];
        arguments.extend(more);
        folder.fails(code, &arguments, says);
    };
    fails(&["--class-weight", "rar=2"], 2, &["rar", "did you mean \"rare\""]);
    fails(&["--class-weight", "rare"], 2, &["no weight"]);
    fails(&["--weight-column", "text"], 1, &["line 2", "number from 0 on"]);
    // Of a table, the column is no feature.
    let rows: String = (0..40).map(|i| format!("{i},{},{}\n", i % 2, i % 3)).collect();
    folder.write("w.csv", format!("x,y,w\n{rows}"));
    folder.ok(&[
        "train",
        "table",
        "w.csv",
        "--target",
        "y",
        "--task",
        "classes",
        "--weight-column",
        "w",
        "--class-weight",
        "balanced",
        "-o",
        "w.safetensors",
        "--epochs",
        "2",
        "--device",
        "cpu",
    ]);
    folder.write("x.csv", "x\n1\n2\n");
    assert_eq!(folder.ok(&["predict", "w.safetensors", "x.csv"]).lines().count(), 2);
}
