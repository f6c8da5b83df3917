//! The pictures that a classifier is most confidently wrong about.

use serde::Serialize;

use super::answers::{ClassAnswer, wrong_rows};
use crate::data::{ImageShape, Inputs};
use crate::error::{Error, Result};
use crate::model::{Model, Preprocessor};
use crate::report::{Tile, tiles_png};

/// Mistakes that are kept: what a picture of them has room for.
const MOST: usize = 48;
/// Columns of that picture.
const COLUMNS: usize = 8;

/// A picture that was answered wrongly.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PictureMistake {
    /// Its row, from 0.
    pub row: usize,
    /// The name of its file, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its label.
    pub truth: String,
    /// What was answered.
    pub answer: String,
    /// How probable the model takes its answer to be.
    pub probability: f32,
    /// Its pixels, as the model reads them.
    #[serde(skip)]
    pub pixels: Vec<f32>,
}

/// The most confident mistakes of a classifier of pictures, worst first; none of another model.
pub(super) fn mistakes(
    model: &Model,
    inputs: &Inputs,
    names: &[String],
    found: &[ClassAnswer],
) -> Vec<PictureMistake> {
    let (Preprocessor::Image(_), Inputs::Matrix { values, features }) =
        (&model.preprocessor, inputs)
    else {
        return Vec::new();
    };
    let label = |class: usize| model.labels.get(class).cloned().unwrap_or_default();
    let mistake = |&row: &usize| PictureMistake {
        row,
        name: names.get(row).cloned(),
        truth: label(found[row].truth),
        answer: label(found[row].answer),
        probability: found[row].probability,
        pixels: values[row * features..(row + 1) * features].to_vec(),
    };
    wrong_rows(found).iter().take(MOST).map(mistake).collect()
}

/// Draws mistakes in rows of eight, worst first, each with its answer, its truth and its name or number beneath, as the
/// bytes of a PNG.
///
/// # Errors
/// [`Error::Usage`] where there are none, or the model reads no pictures.
pub(super) fn mistakes_png(model: &Model, mistakes: &[PictureMistake]) -> Result<Vec<u8>> {
    let shape = match &model.preprocessor {
        Preprocessor::Image(encoder) => encoder.input,
        _ => ImageShape { width: 0, height: 0, channels: 1 },
    };
    if mistakes.is_empty() || shape.is_empty() {
        return Err(Error::usage("there is no picture with a wrong answer to draw"));
    }
    let tiles: Vec<Tile<'_>> = mistakes.iter().map(PictureMistake::tile).collect();
    tiles_png(shape, &tiles, COLUMNS)
}

impl PictureMistake {
    fn tile(&self) -> Tile<'_> {
        let name = || format!("row {}", self.row);
        Tile {
            image: &self.pixels,
            lines: [
                format!("{} {:.2}", self.answer, self.probability),
                format!("is {}", self.truth),
                self.name.clone().unwrap_or_else(name),
            ],
        }
    }
}
