//! Pictures moved at random in training: what a run asks for, and what the kernel makes of it.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::kernels::{augment, random};

/// How the pictures of a batch are moved, each by a draw of its own in every step of training. Targets stay as they are,
/// but those of an autoencoder, which are the moved pictures, and pictures of [`Augment::targets`], which are moved with
/// those that they belong to.
///
/// ```
/// use wgslearn::train::Augment;
///
/// let augment = Augment::parse(&["flip", "shift:2", "rotate:10"])?;
/// assert!(augment.flip && augment.shift == 2 && augment.crop == 1.0);
/// assert!(Augment::parse(&["spin:3"]).is_err());
/// # Ok::<(), wgslearn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Augment {
    /// Size of the pictures, which the model's rows are.
    pub shape: ImageShape,
    /// Size of the targets, where these are pictures that are moved as their inputs are: of the same height and width.
    pub targets: Option<ImageShape>,
    /// Mirror half of them, left to right.
    pub flip: bool,
    /// Mirror half of them, top to bottom.
    pub flip_vertical: bool,
    /// Shift them by at most so many pixels each way.
    pub shift: usize,
    /// Turn them by at most so many degrees each way.
    pub rotate: f64,
    /// Enlarge a window of at least this part of each side; 1 for none.
    pub crop: f64,
}

/// The stream of random bits that it takes; noise and dropout layers take their own.
const STREAM: u32 = 0x6175_676d;

/// Pixels of a shift at most.
const MOST_SHIFT: usize = 1 << 12;

impl Augment {
    /// Reads `flip`, `flip-vertical`, `shift:PIXELS`, `rotate:DEGREES` and `crop:PART`, for pictures of a size that is
    /// not known yet.
    ///
    /// # Errors
    /// [`Error::Usage`] says what is wrong with a word.
    pub fn parse(words: &[impl AsRef<str>]) -> Result<Augment> {
        let shape = ImageShape { width: 0, height: 0, channels: 1 };
        let mut augment = Augment {
            shape,
            targets: None,
            flip: false,
            flip_vertical: false,
            shift: 0,
            rotate: 0.0,
            crop: 1.0,
        };
        for word in words {
            let word = word.as_ref();
            let wrong = |why: &str| {
                Err(Error::usage(format!(
                    "augment holds \"{word}\", {why}; write flip, flip-vertical, shift:2 (pixels), rotate:10 (degrees) or crop:0.8 (the least part of a side)"
                )))
            };
            let (name, amount) = match word.split_once(':') {
                Some((name, amount)) => (name, Some(amount)),
                None => (word, None),
            };
            let number = amount.and_then(|amount| amount.trim().parse::<f64>().ok());
            match (name, amount, number) {
                ("flip", None, _) => augment.flip = true,
                ("flip-vertical", None, _) => augment.flip_vertical = true,
                ("flip" | "flip-vertical", Some(_), _) => return wrong("which has no amount"),
                ("shift" | "rotate" | "crop", None, _) => return wrong("which has no amount"),
                ("shift", _, Some(pixels))
                    if pixels.fract() == 0.0 && (0.0..=MOST_SHIFT as f64).contains(&pixels) =>
                {
                    augment.shift = pixels as usize;
                }
                ("rotate", _, Some(degrees)) if (0.0..=180.0).contains(&degrees) => {
                    augment.rotate = degrees;
                }
                ("crop", _, Some(part)) if part > 0.0 && part <= 1.0 => augment.crop = part,
                ("shift", ..) => return wrong("whose amount is no whole number of pixels"),
                ("rotate", ..) => return wrong("whose amount is not from 0 to 180 degrees"),
                ("crop", ..) => return wrong("whose amount is not above 0 and at most 1"),
                _ => return wrong("which is not known"),
            }
        }
        Ok(augment)
    }

    /// The same for pictures of this size.
    pub fn of_shape(self, shape: ImageShape) -> Augment {
        Augment { shape, ..self }
    }

    /// The same with targets of this size, which are moved with the pictures that they belong to.
    pub fn with_targets(self, targets: ImageShape) -> Augment {
        Augment { targets: Some(targets), ..self }
    }

    /// Refuses pictures that are not what a model reads, and targets that are not what it gives.
    pub(super) fn check(&self, width: Option<usize>, outputs: usize) -> Result<()> {
        if let Some(targets) = self.targets
            && (targets.len() != outputs
                || (targets.width, targets.height) != (self.shape.width, self.shape.height))
        {
            return Err(Error::usage(format!(
                "pictures of {} are to be moved with targets of {targets}, but the model gives {outputs} numbers a row; targets that are moved have the height and width of their pictures",
                self.shape
            )));
        }
        if self.shape.is_empty() || width != Some(self.shape.len()) {
            return Err(Error::usage(format!(
                "pictures of {} are to be moved, but {}; leave augment out, or give pictures",
                self.shape,
                match width {
                    Some(width) => format!("the model reads {width} numbers a row"),
                    None => "the model reads ids".to_owned(),
                }
            )));
        }
        Ok(())
    }

    /// The kernel's parameters for rows of a batch, of pictures of this size: those from `first` on, in one batch the same
    /// moves whatever the channels.
    pub(super) fn params(
        &self,
        shape: ImageShape,
        [first, rows]: [u32; 2],
        seed: u64,
    ) -> augment::Params {
        let flip = if self.flip { augment::FLIP } else { 0 };
        let vertical = if self.flip_vertical { augment::FLIP_VERTICAL } else { 0 };
        augment::Params {
            rows,
            first,
            height: shape.height as u32,
            width: shape.width as u32,
            channels: shape.channels as u32,
            flips: flip + vertical,
            shift: self.shift as u32,
            rotate: self.rotate.to_radians() as f32,
            crop: self.crop as f32,
            seed: random::fold_seed(seed),
            stream: STREAM,
        }
    }
}
