//! What every loss must do, whatever it computes.

use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::*;

/// A loss that does not advance the counters takes the same batch in every step.
#[test]
fn every_loss_takes_the_next_rows_in_the_next_step() {
    let values: Vec<f32> = (0..24).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect();
    for (loss, activation) in [
        (Loss::BinaryCrossentropy, Activation::Sigmoid),
        (Loss::CategoricalCrossentropy, Activation::Softmax),
        (Loss::Mse, Activation::Linear),
        (Loss::Mae, Activation::Linear),
        (Loss::huber(0.5), Activation::Tanh),
        (Loss::edges(0.5, 2, 1), Activation::Sigmoid),
        (Loss::ssim(0.5, 7, 1), Activation::Linear),
    ] {
        let inputs = Inputs::Matrix { values: values.clone(), features: 3 };
        // The smallest picture that has a window, where a loss is of pictures with such.
        let width = if loss.name() == "ssim" { 49 } else { 2 };
        let targets = (0..8 * width).map(|i| (i % 3 == 0) as u32 as f32).collect();
        let targets = Targets::Values { values: targets, width };
        let dataset = Dataset::new(inputs, targets, "waves").expect("rows");
        let layers = vec![Layer::dense(width, activation)];
        let model = Model::new(Input::Matrix { features: 3 }, layers, loss, 7).expect("a model");
        let trainer = Trainer {
            batch_size: 2,
            shuffle: false,
            optimizer: Optimizer::sgd(0.0, 0.0),
            fusions: Fusions::NONE,
            ..Trainer::default()
        };
        let prepare = |program: &program::Program| -> Result<Box<dyn Executor>> {
            Ok(Box::new(CpuExecutor::<f64>::new(program)?))
        };
        let mut session = Session::open(&model, &trainer, &dataset, None, 1 << 31, prepare);
        let session = session.as_mut().expect("a session");
        // One batch at a time, and then all: with a rate of 0 nothing else can differ.
        let mut sum = 0.0;
        let mut each = Vec::new();
        for rows in [[0, 1], [2, 3], [4, 5], [6, 7]] {
            let found = session.train_rows(&rows).expect("a step").loss;
            sum += found / 4.0;
            each.push(found);
        }
        each.dedup();
        assert!(each.len() > 1, "{}: the batches are told apart", loss.name());
        let rows: Vec<u32> = (0..8).collect();
        let all = session.train_rows(&rows).expect("four steps").loss;
        assert!((all - sum).abs() < 1e-6, "{}: {all} is not the mean {sum}", loss.name());
    }
}
