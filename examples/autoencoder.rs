//! An autoencoder through the library: points on a circle in 16 dimensions, coded in two numbers.
//!
//! `cargo run --release --example autoencoder`

use wgslearn::{
    Activation, Dataset, Device, Input, Inputs, Layer, Loss, Model, Optimizer, Result, Targets,
    Trainer,
};

fn main() -> Result<()> {
    let (rows, features) = (512, 16);
    let feature = |i: usize| {
        let angle = (i / features) as f32 * 0.0123 * std::f32::consts::TAU;
        ((i % features) as f32 * 0.4 + angle).cos()
    };
    let values = (0..rows * features).map(feature).collect();
    let dataset = Dataset::new(Inputs::Matrix { values, features }, Targets::Inputs, "circle")?;

    let dense = |units, activation| Layer::dense(units, activation);
    let layers = vec![
        dense(12, Activation::Tanh),
        dense(2, Activation::Linear),
        dense(12, Activation::Tanh),
        dense(features, Activation::Linear),
    ];
    let mut model = Model::new(Input::Matrix { features }, layers, Loss::Mse, 7)?;

    let device = Device::open("auto")?;
    let trainer = Trainer { epochs: 100, optimizer: Optimizer::adam(5e-3), ..Trainer::default() };
    let mut report = |epoch: wgslearn::train::EpochReport| {
        if epoch.epoch.is_multiple_of(20) {
            println!("epoch {:>3}: mean squared error {:.5}", epoch.epoch, epoch.training.loss);
        }
    };
    trainer.fit_with(&mut model, &dataset, None, &device, &mut report)?;
    Ok(())
}
