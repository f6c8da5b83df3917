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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_amounts_held_to_their_ranges() {
        let read = |word: &str| Augment::parse(&[word]).map_err(|error| error.to_string());
        let good = |word: &str| read(word).expect(word);
        assert!(good("flip").flip && !good("flip").flip_vertical);
        assert!(good("flip-vertical").flip_vertical && !good("flip-vertical").flip);
        for pixels in [0, 1, 7, MOST_SHIFT] {
            assert_eq!(good(&format!("shift:{pixels}")).shift, pixels);
        }
        for degrees in [0.0, 0.5, 180.0] {
            assert_eq!(good(&format!("rotate:{degrees}")).rotate, degrees);
        }
        for part in [0.001, 0.8, 1.0] {
            assert_eq!(good(&format!("crop: {part}")).crop, part);
        }
        let refused = [
            ("flip:1", "has no amount"),
            ("flip-vertical:1", "has no amount"),
            ("shift", "has no amount"),
            ("rotate", "has no amount"),
            ("crop", "has no amount"),
            ("shift:1.5", "whole number of pixels"),
            ("shift:-1", "whole number of pixels"),
            ("shift:4097", "whole number of pixels"),
            ("shift:NaN", "whole number of pixels"),
            ("shift:x", "whole number of pixels"),
            ("rotate:-0.1", "from 0 to 180"),
            ("rotate:180.1", "from 0 to 180"),
            ("rotate:NaN", "from 0 to 180"),
            ("crop:0", "above 0 and at most 1"),
            ("crop:1.01", "above 0 and at most 1"),
            ("crop:-1", "above 0 and at most 1"),
            ("crop:NaN", "above 0 and at most 1"),
            ("zoom:2", "not known"),
            ("zoom", "not known"),
            ("", "not known"),
        ];
        for (word, says) in refused {
            let error = read(word).expect_err(word);
            assert!(error.contains(says) && error.contains(word), "{error}");
        }
    }

    #[test]
    fn pictures_are_those_that_the_model_reads_and_targets_those_that_it_gives() {
        let shape = |width, height, channels| ImageShape { width, height, channels };
        let augment = Augment::parse(&["flip"]).expect("a word").of_shape(shape(3, 4, 2));
        augment.check(Some(24), 7).expect("its pictures");
        for width in [Some(23), Some(25), None] {
            assert!(augment.check(width, 7).is_err(), "{width:?}");
        }
        assert!(augment.of_shape(shape(0, 4, 2)).check(Some(0), 7).is_err(), "no pictures");
        augment.with_targets(shape(3, 4, 1)).check(Some(24), 12).expect("pictures of them");
        for (targets, outputs) in
            [(shape(3, 4, 1), 13), (shape(4, 3, 1), 12), (shape(2, 4, 1), 8), (shape(3, 5, 1), 15)]
        {
            assert!(augment.with_targets(targets).check(Some(24), outputs).is_err(), "{targets}");
        }
    }

    #[test]
    fn the_kernel_is_told_what_was_asked_for() {
        let augment =
            Augment::parse(&["flip", "flip-vertical", "shift:3", "rotate:90", "crop:0.5"]);
        let shape = ImageShape { width: 5, height: 6, channels: 3 };
        let params = augment.expect("words").params(shape, [8, 4], 11);
        assert_eq!((params.first, params.rows, params.seed), (8, 4, random::fold_seed(11)));
        assert_eq!((params.width, params.height, params.channels), (5, 6, 3));
        assert_eq!(params.flips, augment::FLIP + augment::FLIP_VERTICAL);
        assert_eq!((params.shift, params.crop), (3, 0.5));
        assert_eq!(params.rotate, std::f32::consts::FRAC_PI_2);
        let of = |word: &str| Augment::parse(&[word]).expect(word).params(shape, [0, 1], 0).flips;
        assert_eq!(
            [of("flip"), of("flip-vertical"), of("shift:1")],
            [augment::FLIP, augment::FLIP_VERTICAL, 0]
        );
    }
}
