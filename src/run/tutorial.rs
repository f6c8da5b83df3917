//! The Keras tutorial that wgslearn began as, whole: eight documents, their labels, an embedding,
//! 50 epochs, and the report. `wgslearn demo` prints it; read it top to bottom.

use crate::backend::Device;
use crate::data::{Dataset, Inputs, Targets};
use crate::error::Result;
use crate::model::{Activation, Input, Layer, Loss, Model};
use crate::report::ClassificationReport;
use crate::text::{Side, pad, text_to_words};
use crate::train::{End, History, Metrics, Observer, Optimizer, Trainer};

/// The documents: remarks on somebody's work.
pub const DOCUMENTS: [&str; 8] = [
    "Well done!",
    "Good work",
    "Great effort",
    "Nicely written",
    "Poor effort!",
    "Not enough",
    "Good enough? Hardly, hardly.",
    "Could have been better",
];

/// Their labels: praise is 1.
pub const LABELS: [u32; 8] = [1, 1, 1, 1, 0, 0, 0, 0];

/// Ids that `one_hot` hashes words into.
pub const VOCABULARY: usize = 20;

/// Ids of a padded row.
pub const LENGTH: usize = 4;

/// The documents' words hashed into ids, as the tutorial printed them. Keras' `one_hot` used
/// Python's `hash`, which differs from process to process, so these are kept; words share ids, as
/// hashes do. (`wgslearn::text::one_hot` is the stable one.)
pub const ENCODED: [&[u32]; 8] =
    [&[10, 10], &[19, 15], &[1, 2], &[9, 9], &[1, 2], &[4, 11], &[19, 11, 7, 7], &[12, 13, 1, 5]];

/// What the tutorial shows, in its order.
#[derive(Clone, Debug)]
pub struct Tutorial {
    /// The words of each document.
    pub words: Vec<Vec<String>>,
    /// `[8, 4]` ids, padded at the end.
    pub padded: Vec<u32>,
    /// The trained model.
    pub model: Model,
    /// 50 epochs.
    pub history: History,
    /// Loss and accuracy after them.
    pub metrics: Metrics,
    /// Probability of praise, by document.
    pub predictions: Vec<f32>,
    /// Precision, recall, f1.
    pub report: ClassificationReport,
    /// How training ended.
    pub end: End,
}

/// Runs the tutorial on `device`, from weights and an order drawn by `seed`.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn tutorial(device: &Device, seed: u64) -> Result<Tutorial> {
    tutorial_observed(device, seed, &mut |_| {})
}

/// As [`tutorial`], watched by `observer`, which may end it early.
///
/// # Errors
/// As [`tutorial`].
pub fn tutorial_observed(
    device: &Device,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tutorial> {
    // Documents to words, words to ids, ids to rows of one length.
    let words = DOCUMENTS.iter().map(|document| text_to_words(document)).collect();
    let mut padded = Vec::new();
    for ids in ENCODED {
        pad(ids, LENGTH, Side::Post, Side::Post, &mut padded);
    }
    let inputs = Inputs::Ids { values: padded.clone(), length: LENGTH };
    let values = LABELS.iter().map(|&label| label as f32).collect();
    let dataset =
        Dataset::new(inputs, Targets::Values { values, width: 1 }, "the eight documents")?;

    // Embedding - Flatten - Dense(1, sigmoid).
    let mut model = Model::new(
        Input::Ids { length: LENGTH },
        vec![
            Layer::embedding(VOCABULARY, 8),
            Layer::flatten(),
            Layer::dense(1, Activation::Sigmoid),
        ],
        Loss::BinaryCrossentropy,
        seed,
    )?;
    model.labels = vec!["0".into(), "1".into()];

    // 50 epochs of Adam on binary cross-entropy.
    let trainer = Trainer {
        epochs: 50,
        batch_size: 32,
        seed,
        optimizer: Optimizer::adam(1e-3),
        ..Trainer::default()
    };
    let fitted = trainer.fit_to_end(&mut model, &dataset, None, device, observer)?;
    let (history, end) = (fitted.history, fitted.end);

    // Evaluate, predict, report.
    let metrics = model.evaluate(&dataset, device)?;
    let predictions = model.predict(dataset.inputs(), device)?;
    let answers: Vec<usize> = predictions.iter().map(|&p| (p > 0.5) as usize).collect();
    let report = ClassificationReport::new(&LABELS.map(|l| l as usize), &answers, &model.labels)?;
    Ok(Tutorial { words, padded, model, history, metrics, predictions, report, end })
}
