//! The four reference workloads, the same that the peers are timed on:
//!
//! - `seed`: Embedding(20, 8) - Flatten - Dense(1, sigmoid), BCE, Adam 1e-3, 8 rows of 4 ids, full
//!   batch: milliseconds for a whole fit of 50 epochs, in a process that has trained once;
//! - `text`: Embedding(20000, 64) - Flatten(128 ids) - Dense(1), BCE, Adam over every row of the
//!   table, batch 256, random ids: steps a second;
//! - `ae`: 784-128-64-32-64-128-784, relu, sigmoid at the end, MSE, Adam, batch 256: samples a second;
//! - `cnn`: 28x28x1, conv 32 3x3, max pool 2, conv 64 3x3, max pool 2, dense 128, dense 10, relu, `same` padding; softmax
//!   cross-entropy, Adam, batch 128, random pictures: samples a second;
//! - `cae`: 28x28x1, conv 16 and 32 3x3 of stride 2, transposed conv 16 and 1 of stride 2, relu, sigmoid at the end; MSE,
//!   Adam, batch 128: samples a second;
//! - `mm`: C = A B, f32, 1024 x 1024: GFLOP/s;
//! - `lazy`: Embedding(1000000, 128) - MeanPool - Dense(1), Adam, batch 256 of 128 ids by Zipf's law
//!   (s = 1.1): steps a second where only the rows of a batch are updated;
//! - `dense`: the same, every row updated at every step. Not among those that run when none is named.

use std::time::Instant;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::backend::{Device, measure};
use crate::data::{Dataset, Inputs, Targets};
use crate::error::{Error, Result};
use crate::kernels::case::Case;
use crate::kernels::dense_forward;
use crate::layers::{Conv2d, Conv2dTranspose, Padding};
use crate::model::{Activation, Input, Layer, Loss, Model};
use crate::run::tutorial;
use crate::train::{Fusions, Optimizer, Profile, Session, Trainer};

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// The tutorial's model.
    Seed,
    /// A large embedding.
    Text,
    /// An autoencoder.
    Ae,
    /// A classifier of pictures with convolutions.
    Cnn,
    /// An autoencoder of pictures with convolutions.
    Cae,
    /// A matrix product.
    Mm,
    /// A table of a million rows, updated where a batch names them.
    Lazy,
    /// The same, updated as a whole.
    Dense,
}

impl Workload {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Seed => "seed",
            Workload::Text => "text",
            Workload::Ae => "ae",
            Workload::Cnn => "cnn",
            Workload::Cae => "cae",
            Workload::Mm => "mm",
            Workload::Lazy => "lazy",
            Workload::Dense => "dense",
        }
    }

    /// The unit of its value.
    pub fn unit(self) -> &'static str {
        match self {
            Workload::Seed => "ms",
            Workload::Text | Workload::Lazy | Workload::Dense => "steps/s",
            Workload::Ae | Workload::Cnn | Workload::Cae => "samples/s",
            Workload::Mm => "GFLOP/s",
        }
    }
}

impl std::str::FromStr for Workload {
    type Err = Error;

    fn from_str(name: &str) -> Result<Workload> {
        let few = [Workload::Seed, Workload::Text, Workload::Ae, Workload::Mm];
        let more = [Workload::Cnn, Workload::Cae, Workload::Lazy, Workload::Dense];
        let mut all = few.into_iter().chain(more);
        all.find(|workload| workload.name() == name).ok_or_else(|| {
            Error::usage(format!(
                "there is no workload \"{name}\"; there are seed, text, ae, mm, cnn, cae, lazy, dense"
            ))
        })
    }
}

/// What a step of a workload costs, by kernel; none for `mm`, which is one kernel.
///
/// # Errors
/// [`Error::Device`] when the device fails.
pub fn profile(workload: Workload, device: &Device) -> Result<Option<Profile>> {
    let (model, dataset, batch_size) = match workload {
        Workload::Seed => {
            let (model, dataset) = seed()?;
            (model, dataset, 8)
        }
        Workload::Text => {
            let (model, dataset) = text()?;
            (model, dataset, BATCH)
        }
        Workload::Ae => {
            let (model, dataset) = autoencoder(8 * BATCH)?;
            (model, dataset, BATCH)
        }
        Workload::Cnn | Workload::Cae => {
            let (model, dataset) = pictures(workload == Workload::Cnn)?;
            (model, dataset, PICTURES)
        }
        Workload::Lazy | Workload::Dense => {
            let (model, dataset) = table(1_000_000, 128, 256, 128)?;
            (model, dataset, BATCH)
        }
        Workload::Mm => return Ok(None),
    };
    let lazy_updates = workload != Workload::Dense;
    let trainer = Trainer {
        batch_size,
        shuffle: false,
        fusions: Fusions::ALL.with_lazy_rows(lazy_updates),
        ..Trainer::default()
    };
    Session::new(&model, &trainer, &dataset, None, device)?.profile().map(Some)
}

/// Runs that are timed; the median counts.
const ROUNDS: usize = 5;

/// Measures a workload on a device, after a warm-up: the median of five rounds.
///
/// # Errors
/// [`Error::Device`] when the device fails.
pub fn training(workload: Workload, device: &Device) -> Result<f64> {
    match workload {
        Workload::Seed => {
            tutorial::tutorial(device, 7)?;
            median(|| {
                let started = Instant::now();
                fit_seed(device)?;
                Ok(started.elapsed().as_secs_f64() * 1e3)
            })
        }
        Workload::Text => {
            let (model, dataset) = text()?;
            Ok(1.0 / seconds_per_step(&model, &dataset, &trainer(), device)?)
        }
        Workload::Lazy | Workload::Dense => {
            let (model, dataset) = table(1_000_000, 128, 256, 128)?;
            let lazy_updates = workload == Workload::Lazy;
            let trainer =
                Trainer { fusions: Fusions::ALL.with_lazy_rows(lazy_updates), ..trainer() };
            Ok(1.0 / seconds_per_step(&model, &dataset, &trainer, device)?)
        }
        Workload::Ae => {
            let (model, dataset) = autoencoder(8 * BATCH)?;
            Ok(BATCH as f64 / seconds_per_step(&model, &dataset, &trainer(), device)?)
        }
        Workload::Cnn | Workload::Cae => {
            let (model, dataset) = pictures(workload == Workload::Cnn)?;
            let trainer = Trainer { batch_size: PICTURES, ..trainer() };
            Ok(PICTURES as f64 / seconds_per_step(&model, &dataset, &trainer, device)?)
        }
        Workload::Mm => {
            let case = Case::of_bench(&dense_forward::KERNEL, [1024, 1024, 1024, 0]);
            let seconds = measure(&case, device)?;
            Ok(case.flops / seconds / 1e9)
        }
    }
}

const BATCH: usize = 256;

/// Pictures of a batch.
const PICTURES: usize = 128;

fn median(mut round: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut values = (0..ROUNDS).map(|_| round()).collect::<Result<Vec<f64>>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values[ROUNDS / 2])
}

fn seed() -> Result<(Model, Dataset)> {
    let values = tutorial::ENCODED.iter().flat_map(|ids| {
        let mut row = Vec::new();
        crate::text::pad(ids, 4, Default::default(), Default::default(), &mut row);
        row
    });
    let inputs = Inputs::Ids { values: values.collect(), length: 4 };
    let values = tutorial::LABELS.iter().map(|&label| label as f32).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values, width: 1 }, "seed")?;
    let model = Model::new(
        Input::Ids { length: 4 },
        vec![Layer::embedding(20, 8), Layer::flatten(), Layer::dense(1, Activation::Sigmoid)],
        Loss::BinaryCrossentropy,
        7,
    )?;
    Ok((model, dataset))
}

fn fit_seed(device: &Device) -> Result<()> {
    let (mut model, dataset) = seed()?;
    let optimizer = Optimizer::adam(1e-3);
    let trainer =
        Trainer { epochs: 50, batch_size: 8, shuffle: false, optimizer, ..Trainer::default() };
    trainer.fit(&mut model, &dataset, None, device)?;
    Ok(())
}

fn text() -> Result<(Model, Dataset)> {
    let (rows, units, length) = (20_000, 64, 128);
    let mut generator = ChaCha8Rng::seed_from_u64(0);
    let values = (0..4 * BATCH * length).map(|_| generator.next_u32() % rows as u32).collect();
    let targets = (0..4 * BATCH).map(|row| (row % 2) as f32).collect();
    let dataset = Dataset::new(
        Inputs::Ids { values, length },
        Targets::Values { values: targets, width: 1 },
        "text",
    )?;
    let layers =
        vec![Layer::embedding(rows, units), Layer::flatten(), Layer::dense(1, Activation::Sigmoid)];
    Ok((Model::new(Input::Ids { length }, layers, Loss::BinaryCrossentropy, 7)?, dataset))
}

pub(super) fn autoencoder(rows: usize) -> Result<(Model, Dataset)> {
    let mut generator = ChaCha8Rng::seed_from_u64(0);
    let values = (0..rows * 784).map(|_| (generator.next_u32() >> 8) as f32 / 16_777_216.0);
    let inputs = Inputs::Matrix { values: values.collect(), features: 784 };
    let dataset = Dataset::new(inputs, Targets::Inputs, "ae")?;
    let mut layers: Vec<Layer> =
        [128, 64, 32, 64, 128].map(|units| Layer::dense(units, Activation::Relu)).to_vec();
    layers.push(Layer::dense(784, Activation::Sigmoid));
    Ok((Model::new(Input::Matrix { features: 784 }, layers, Loss::Mse, 7)?, dataset))
}

/// Random pictures of 28 x 28, and a classifier or an autoencoder of them.
fn pictures(classifies: bool) -> Result<(Model, Dataset)> {
    let mut generator = ChaCha8Rng::seed_from_u64(0);
    let rows = 8 * PICTURES;
    let values = (0..rows * 784).map(|_| (generator.next_u32() >> 8) as f32 / 16_777_216.0);
    let inputs = Inputs::Matrix { values: values.collect(), features: 784 };
    let same = |filters: usize, strides: usize| {
        Conv2d::new(filters, 3, Activation::Relu).with_strides(strides).with_padding(Padding::Same)
    };
    let up = |filters: usize, activation: Activation| {
        Conv2dTranspose::new(filters, 3, activation).with_strides(2).with_padding(Padding::Same)
    };
    let mut layers = vec![Layer::reshape(&[28, 28, 1])];
    let input = Input::Matrix { features: 784 };
    if !classifies {
        layers.extend([same(16, 2).into(), same(32, 2).into()]);
        layers.extend([up(16, Activation::Relu).into(), up(1, Activation::Sigmoid).into()]);
        let dataset = Dataset::new(inputs, Targets::Inputs, "cae")?;
        return Ok((Model::new(input, layers, Loss::Mse, 7)?, dataset));
    }
    layers.extend([same(32, 1).into(), Layer::max_pool(2)]);
    layers.extend([same(64, 1).into(), Layer::max_pool(2)]);
    layers.extend([Layer::flatten(), Layer::dense(128, Activation::Relu)]);
    layers.push(Layer::dense(10, Activation::Softmax));
    let values = (0..rows).map(|_| (generator.next_u32() % 10) as f32).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values, width: 1 }, "cnn")?;
    Ok((Model::new(input, layers, Loss::CategoricalCrossentropy, 7)?, dataset))
}

/// A classifier over a table of `rows` rows, and eight batches of ids that follow Zipf's law.
pub(super) fn table(
    rows: usize,
    units: usize,
    batch: usize,
    length: usize,
) -> Result<(Model, Dataset)> {
    let mut generator = ChaCha8Rng::seed_from_u64(0);
    // The cumulated weights of ranks 1, 2, ... to the power of -1.1.
    let mut weights: Vec<f64> = (1..rows).map(|rank| (rank as f64).powf(-1.1)).collect();
    let total = weights.iter_mut().fold(0.0, |sum, weight| {
        *weight += sum;
        *weight
    });
    let draw = |_| {
        let at = (generator.next_u32() as f64 + 0.5) / 4_294_967_296.0 * total;
        (weights.partition_point(|&sum| sum < at) + 1).min(rows - 1) as u32
    };
    let values = (0..8 * batch * length).map(draw).collect();
    let targets = (0..8 * batch).map(|row| (row % 2) as f32).collect();
    let targets = Targets::Values { values: targets, width: 1 };
    let dataset = Dataset::new(Inputs::Ids { values, length }, targets, "table")?;
    let layers = vec![
        Layer::embedding(rows, units),
        Layer::mean_pool(),
        Layer::dense(1, Activation::Sigmoid),
    ];
    Ok((Model::new(Input::Ids { length }, layers, Loss::BinaryCrossentropy, 7)?, dataset))
}

pub(super) fn trainer() -> Trainer {
    let optimizer = Optimizer::adam(1e-3);
    Trainer { batch_size: BATCH, shuffle: false, optimizer, ..Trainer::default() }
}

/// Seconds of a step of a session that is warm; each round takes half a second or more.
pub(super) fn seconds_per_step(
    model: &Model,
    dataset: &Dataset,
    trainer: &Trainer,
    device: &Device,
) -> Result<f64> {
    let trainer = Trainer { epochs: 1_000_000, ..trainer.clone() };
    let mut session = Session::new(model, &trainer, dataset, None, device)?;
    let per_epoch = dataset.rows().div_ceil(trainer.batch_size);
    let mut epoch = 0;
    let mut run = |session: &mut Session<'_>, epochs: usize| -> Result<f64> {
        let started = Instant::now();
        session.train(epoch..epoch + epochs)?;
        epoch += epochs;
        Ok(started.elapsed().as_secs_f64())
    };
    run(&mut session, 1)?;
    let one = run(&mut session, 1)?;
    let epochs = ((0.5 / one).ceil() as usize).clamp(1, 10_000);
    median(|| Ok(run(&mut session, epochs)? / (per_epoch * epochs) as f64))
}
