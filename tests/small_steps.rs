//! Small models take many steps in one dispatch. A software adapter leaves an invocation's loops
//! behind after a number of entries, without a word: what a dispatch takes must stay below it for
//! models of any shape, so runs on the adapter follow those of the CPU backend over many dispatches.

mod common;

use wgslearn::{Activation, Dataset, Input, Inputs, Layer, Loss, Model, Targets, Trainer};

/// One epoch a value: mean losses of a run over `rows` rows.
fn losses(input: Input, layers: &[Layer], batch: usize, device: &wgslearn::Device) -> Vec<f64> {
    let rows = 600;
    let width = input.width();
    let inputs = match input {
        Input::Ids { length } => Inputs::Ids {
            values: (0..rows * length).map(|i| (i * 7 + i / 5) as u32 % 30).collect(),
            length,
        },
        Input::Matrix { features } => Inputs::Matrix {
            values: (0..rows * width)
                .map(|i| ((i * 37 + i / 3) % 101) as f32 / 50.0 - 1.0)
                .collect(),
            features,
        },
    };
    let classes = 3;
    let values = (0..rows).map(|row| ((row * row) % classes) as f32).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values, width: 1 }, "made").expect("rows");
    let mut model =
        Model::new(input, layers.to_vec(), Loss::CategoricalCrossentropy, 7).expect("a model");
    let trainer = Trainer { epochs: 2, batch_size: batch, ..Trainer::default() };
    trainer.fit(&mut model, &dataset, None, device).expect("trained").loss
}

#[test]
fn no_step_is_left_out() {
    let adapter = common::gpu();
    let cpu = wgslearn::Device::cpu();
    let softmax = || Layer::dense(3, Activation::Softmax);
    let relu = |units| Layer::dense(units, Activation::Relu);
    let stacks: Vec<(Input, Vec<Layer>)> = vec![
        (Input::Matrix { features: 2 }, vec![softmax()]),
        (Input::Matrix { features: 1 }, vec![relu(1), relu(1), relu(1), relu(1), softmax()]),
        (Input::Matrix { features: 9 }, vec![relu(33), relu(5), relu(1), softmax()]),
        (Input::Matrix { features: 40 }, vec![relu(17), softmax()]),
        (
            Input::Ids { length: 3 },
            vec![Layer::embedding(30, 4), Layer::flatten(), relu(33), relu(5), relu(1), softmax()],
        ),
        (Input::Ids { length: 8 }, vec![Layer::embedding(30, 8), Layer::flatten(), softmax()]),
    ];
    for (input, layers) in stacks {
        for batch in [1, 2, 7, 32] {
            let wanted = losses(input, &layers, batch, &cpu);
            let found = losses(input, &layers, batch, adapter);
            for (wanted, found) in wanted.iter().zip(&found) {
                assert!(
                    (wanted - found).abs() < 1e-4 * (1.0 + wanted.abs()),
                    "{layers:?}, batches of {batch}: {found}, but the CPU backend has {wanted}"
                );
            }
        }
    }
}
