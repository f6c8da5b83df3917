//! Noise that a model learns to undo: its kinds by name, and what the kernel makes of it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::kernels::{noise, random};

/// A kind of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// Adds a normal draw; the amount is its standard deviation.
    Gaussian,
    /// Sets elements to the least or the largest value; the amount is their share.
    SaltPepper,
    /// Sets elements to 0; the amount is their share.
    Mask,
}

/// Noise on a model's inputs, drawn on the device, anew for every step.
///
/// ```
/// use wgslearn::{Noise, NoiseKind};
///
/// let noise: Noise = "salt-pepper:0.1".parse()?;
/// assert_eq!((noise.kind, noise.amount), (NoiseKind::SaltPepper, 0.1));
/// assert!("gaussian:-1".parse::<Noise>().is_err());
/// # Ok::<(), wgslearn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Its kind.
    pub kind: NoiseKind,
    /// Standard deviation, or share of the elements.
    pub amount: f32,
    /// Least value that it makes: 0 for images; the least of the data for others.
    pub low: f32,
    /// Largest value that it makes.
    pub high: f32,
}

impl NoiseKind {
    const ALL: [NoiseKind; 3] = [NoiseKind::Gaussian, NoiseKind::SaltPepper, NoiseKind::Mask];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            NoiseKind::Gaussian => "gaussian",
            NoiseKind::SaltPepper => "salt-pepper",
            NoiseKind::Mask => "mask",
        }
    }
}

impl std::fmt::Display for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.amount)
    }
}

impl FromStr for Noise {
    type Err = Error;

    /// `KIND:AMOUNT`, for data from 0 to 1.
    fn from_str(text: &str) -> Result<Noise, Error> {
        let wrong = |why: &str| {
            Error::usage(format!(
                "the noise \"{text}\" {why}; write gaussian:0.3 (standard deviation), salt-pepper:0.1 or mask:0.25 (share of the elements)"
            ))
        };
        let (name, amount) = text.split_once(':').ok_or_else(|| wrong("has no amount"))?;
        let kind = NoiseKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| wrong("is of no known kind"))?;
        let amount: f32 = amount.parse().map_err(|_| wrong("has no number as its amount"))?;
        let most = if kind == NoiseKind::Gaussian { f32::MAX } else { 1.0 };
        if !(amount >= 0.0 && amount <= most) {
            return Err(wrong("has an amount out of range"));
        }
        Ok(Noise { kind, amount, low: 0.0, high: 1.0 })
    }
}

/// The stream of random bits that noise takes; dropout layers take their own number.
const STREAM: u32 = 0x6e6f_6973;

impl Noise {
    /// The kernel's parameters for a batch; `fixed` for noise that a row keeps.
    pub(crate) fn params(&self, rows: u32, width: u32, fixed: bool, seed: u64) -> noise::Params {
        noise::Params {
            rows,
            width,
            first: 0,
            kind: match self.kind {
                NoiseKind::Gaussian => noise::GAUSSIAN,
                NoiseKind::SaltPepper => noise::SALT_PEPPER,
                NoiseKind::Mask => noise::MASK,
            },
            fixed: fixed as u32,
            threshold: random::drop_threshold(self.amount as f64),
            amount: self.amount,
            low: self.low,
            high: self.high,
            seed: random::fold_seed(seed),
            // Rows and steps count from 0 and 1: they must not share draws.
            stream: STREAM + fixed as u32,
        }
    }

    /// Rows with the noise that an evaluation with this seed gives them: row by row the same,
    /// whatever the batches. `values` are `[rows, width]`.
    pub fn apply(&self, values: &[f32], width: usize, seed: u64) -> Vec<f32> {
        let params = self.params(1, width as u32, true, seed);
        let mut noisy = vec![0.0; values.len()];
        let rows = values.chunks_exact(width).zip(noisy.chunks_exact_mut(width));
        for (row, (values, noisy)) in rows.enumerate() {
            noise::add(&params, row as u32, 0, values, noisy);
        }
        noisy
    }
}
