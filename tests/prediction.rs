//! Predictions: what an answer does not depend on.

mod common;

use wgslearn::{Activation, Device, Input, Inputs, Layer, Loss, Model, Predictor, Rows};

const ROWS: usize = 300;

fn models() -> Vec<Model> {
    let ids = Input::Ids { length: 13 };
    let values = Input::Matrix { features: 700 };
    let softmax = || Layer::dense(11, Activation::Softmax);
    let relu = |units| Layer::dense(units, Activation::Relu);
    let classes = Loss::CategoricalCrossentropy;
    [
        (ids, vec![Layer::embedding(90, 24), Layer::mean_pool(), relu(33), softmax()], classes),
        (ids, vec![Layer::embedding(90, 61), Layer::flatten(), relu(330), softmax()], classes),
        (values, vec![relu(341), Layer::layer_norm(), relu(9), relu(700)], Loss::Mse),
        (values, vec![Layer::dense(1, Activation::Sigmoid)], Loss::BinaryCrossentropy),
    ]
    .into_iter()
    .map(|(input, layers, loss)| Model::new(input, layers, loss, 7).expect("a model"))
    .collect()
}

/// The outputs of the first `ROWS` rows, asked for `at_once` at a time.
fn outputs(model: &Model, device: &Device, at_once: usize) -> Vec<f32> {
    let predictor = Predictor::new(model, device).expect("a predictor");
    answered(predictor, model, at_once)
}

/// The same by a predictor that is there.
fn answered(mut predictor: Predictor, model: &Model, at_once: usize) -> Vec<f32> {
    let width = model.input().width();
    let ids: Vec<u32> = (0..ROWS * width).map(|i| (i * 7919 / 3 % 90) as u32).collect();
    let values: Vec<f32> = ids.iter().map(|&id| id as f32 / 45.0 - 1.0).collect();
    let mut outputs = vec![0.0; ROWS * model.outputs()];
    for (i, outputs) in outputs.chunks_mut(at_once * model.outputs()).enumerate() {
        let first = i * at_once * width;
        let end = first + outputs.len() / model.outputs() * width;
        let rows = match model.input() {
            Input::Ids { .. } => Rows::Ids(&ids[first..end]),
            Input::Matrix { .. } => Rows::Matrix(&values[first..end]),
        };
        predictor.predict_into(rows, outputs).expect("answered");
    }
    outputs
}

/// One row, a few and a batch are routines of their own, and products of few rows a loop of their own.
#[test]
fn an_answer_has_the_same_bits_however_many_rows_are_asked_for() {
    for (n, model) in models().iter().enumerate() {
        let whole = outputs(model, &Device::cpu(), ROWS);
        for at_once in [1, 2, 3, 7, 8, 9, 100, 264] {
            let some = outputs(model, &Device::cpu(), at_once);
            let differs = (0..whole.len()).find(|&i| some[i].to_bits() != whole[i].to_bits());
            assert_eq!(differs, None, "model {n}, {at_once} rows at once");
        }
    }
}

/// Predictors of several threads read one copy of the weights, also when that which they come from is gone.
#[test]
fn predictors_that_share_weights_answer_the_same() {
    for device in [&Device::cpu(), common::gpu()] {
        for model in models() {
            let whole = outputs(&model, device, ROWS);
            let first = Predictor::new(&model, device).expect("a predictor");
            let others: Vec<Predictor> =
                (0..3).map(|_| first.another().expect("another")).collect();
            let of_others = others[0].another().expect("another");
            drop(first);
            std::thread::scope(|scope| {
                for (n, predictor) in others.into_iter().chain([of_others]).enumerate() {
                    let (model, whole) = (&model, &whole);
                    scope.spawn(move || {
                        let found = answered(predictor, model, [ROWS, 9, 64, 1][n]);
                        assert_eq!(found.len(), whole.len());
                        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
                        assert!(found.iter().zip(whole).all(near), "predictor {n}");
                    });
                }
            });
        }
    }
}

#[test]
fn an_adapter_answers_as_the_cpu_does() {
    for model in models() {
        let (wanted, found) =
            (outputs(&model, &Device::cpu(), ROWS), outputs(&model, common::gpu(), 9));
        let differs = (0..wanted.len())
            .find(|&i| (wanted[i] - found[i]).abs() > 2e-5 * (1.0 + wanted[i].abs()));
        assert_eq!(differs, None);
    }
}

/// A model of many outputs gives those of some rows at a time, in order, and the same as all at once.
#[test]
fn outputs_come_in_blocks() {
    let layers = vec![
        Layer::embedding(90, 6),
        Layer::mean_pool(),
        Layer::dense(270_001, Activation::Softmax),
    ];
    let input = Input::Ids { length: 5 };
    let model = Model::new(input, layers, Loss::CategoricalCrossentropy, 7).expect("a model");
    let values: Vec<u32> = (0..ROWS * 5).map(|i| (i * 7919 / 3 % 89 + 1) as u32).collect();
    let ends: Vec<usize> = (1..=ROWS).map(|row| row * 5).collect();
    let padded = Inputs::Ids { values: values.clone(), length: 5 };
    let ragged = Inputs::Ragged { values, ends, length: 5 };
    for inputs in [padded, ragged] {
        let whole = model.predict(&inputs, &Device::cpu()).expect("answered");
        let (mut next, mut blocks) = (0, 0);
        model
            .predict_in_blocks(&inputs, &Device::cpu(), &mut |first, outputs| {
                assert_eq!(first, next);
                assert_eq!(outputs, &whole[first * 270_001..][..outputs.len()]);
                next += outputs.len() / 270_001;
                blocks += 1;
                Ok(())
            })
            .expect("answered");
        assert_eq!(next, ROWS);
        assert!(blocks > 1, "{blocks} blocks");
    }
}
