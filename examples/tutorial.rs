//! The Keras tutorial through the library: documents to ids, a model, 50 epochs, a report.
//!
//! `cargo run --release --example tutorial`

use wgslearn::report::ClassificationReport;
use wgslearn::text::{Side, one_hot, pad};
use wgslearn::{
    Activation, Dataset, Device, Input, Inputs, Layer, Loss, Model, Result, Targets, Trainer,
};

fn main() -> Result<()> {
    let documents = ["Well done!", "Good work", "Great effort", "Poor effort!", "Not good", "Weak"];
    let labels = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0];

    // Words hashed into 50 ids, rows padded to four.
    let mut ids = Vec::new();
    for document in documents {
        pad(&one_hot(document, 50), 4, Side::Post, Side::Post, &mut ids);
    }
    let targets = Targets::Values { values: labels.to_vec(), width: 1 };
    let dataset = Dataset::new(Inputs::Ids { values: ids, length: 4 }, targets, "documents")?;

    let layers =
        vec![Layer::embedding(50, 8), Layer::flatten(), Layer::dense(1, Activation::Sigmoid)];
    let mut model = Model::new(Input::Ids { length: 4 }, layers, Loss::BinaryCrossentropy, 7)?;
    println!("{}", model.summary());

    let device = Device::open("auto")?;
    let trainer = Trainer { epochs: 50, ..Trainer::default() };
    let history = trainer.fit(&mut model, &dataset, None, &device)?;
    println!("loss {:.4} -> {:.4} on {}", history.loss[0], history.loss[49], device.name());

    let outputs = model.predict(dataset.inputs(), &device)?;
    let answers: Vec<usize> = outputs.iter().map(|&p| (p > 0.5) as usize).collect();
    let truth = labels.map(|label| label as usize);
    println!("{}", ClassificationReport::new(&truth, &answers, &["0".into(), "1".into()])?);
    Ok(())
}
