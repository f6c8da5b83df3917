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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_held_to_what_their_kind_can_be() {
        for text in ["gaussian:0", "gaussian:2.5", "mask:0", "mask:1", "salt-pepper:0.25"] {
            let noise: Noise = text.parse().expect(text);
            assert_eq!((noise.to_string(), noise.low, noise.high), (text.to_owned(), 0.0, 1.0));
        }
        for (text, says) in [
            ("mask", "has no amount"),
            ("blur:1", "is of no known kind"),
            ("mask:x", "has no number"),
            ("mask:1.01", "out of range"),
            ("salt-pepper:1.01", "out of range"),
            ("mask:-0.1", "out of range"),
            ("gaussian:-1", "out of range"),
            ("gaussian:inf", "out of range"),
            ("gaussian:NaN", "out of range"),
        ] {
            let error = text.parse::<Noise>().expect_err(text).to_string();
            assert!(error.contains(says) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn noise_that_a_row_keeps_is_drawn_apart_and_the_same_whatever_the_rows() {
        let noise = Noise { kind: NoiseKind::Gaussian, amount: 0.5, low: -2.0, high: 3.0 };
        let [moving, fixed] = [false, true].map(|fixed| noise.params(4, 5, fixed, 9));
        assert_eq!((moving.fixed, fixed.fixed), (0, 1));
        assert_eq!((moving.stream, fixed.stream), (STREAM, STREAM + 1));
        assert_eq!((fixed.rows, fixed.width, fixed.first), (4, 5, 0));
        assert_eq!((fixed.amount, fixed.low, fixed.high), (0.5, -2.0, 3.0));
        assert_eq!(fixed.seed, random::fold_seed(9));
        let kinds = [NoiseKind::Gaussian, NoiseKind::SaltPepper, NoiseKind::Mask];
        let codes = kinds.map(|kind| Noise { kind, ..noise }.params(1, 1, false, 0).kind);
        assert_eq!(codes, [noise::GAUSSIAN, noise::SALT_PEPPER, noise::MASK]);
        let values = vec![0.5; 20];
        let all = noise.apply(&values, 5, 9);
        assert_eq!(noise.apply(&values[..10], 5, 9), all[..10]);
        assert!(all.iter().all(|value| (-2.0..=3.0).contains(value)));
        assert!(all.windows(6).any(|row| row[0] != row[5]), "rows differ");
    }
}
