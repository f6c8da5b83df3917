//! `reshape`: the same elements under another shape, as Keras' `Reshape`: `{ reshape = { target_shape = [28, 28, 1] } }`,
//! one length -1 for what is left. A row of features becomes a picture `[height, width, channels]` by it.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, ValueId};
use super::{Describe, Layer, Shape, values};

/// The same elements under another shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reshape {
    /// Lengths of one to three axes; one may be -1, and takes what is left.
    pub target_shape: Vec<i64>,
}

impl Layer {
    /// The same elements under another shape, of one to three axes; one may be -1, and takes what is left.
    pub fn reshape(target_shape: &[i64]) -> Layer {
        Reshape { target_shape: target_shape.to_vec() }.into()
    }
}

impl Reshape {
    /// The shape of what has `width` elements.
    fn shape(&self, width: usize) -> Result<Shape, String> {
        let axes = &self.target_shape;
        let wrong = |why: String| Err(format!("target_shape is {axes:?}, but {why}"));
        if !(1..=3).contains(&axes.len()) {
            return wrong("must have one to three lengths".into());
        }
        let left = axes.iter().filter(|&&length| length == -1).count();
        if left > 1 || axes.iter().any(|&length| length < 1 && length != -1) {
            return wrong("its lengths must be at least 1, and one of them at most -1".into());
        }
        let mut given = axes.iter().filter(|&&length| length > 0);
        let given = given.try_fold(1usize, |product, &length| {
            product.checked_mul(usize::try_from(length).ok()?)
        });
        let fits = |given: usize| match left {
            0 => given == width,
            _ => width.is_multiple_of(given),
        };
        let Some(given) = given.filter(|&given| fits(given)) else {
            return wrong(format!("what it reads has {width} elements"));
        };
        let length = |&length: &i64| usize::try_from(length).unwrap_or(width / given);
        let lengths: Vec<usize> = axes.iter().map(length).collect();
        Ok(match lengths[..] {
            [height, width, channels] => Shape::picture(height, width, channels),
            [length, units] => Shape::sequence(length, units),
            _ => Shape::vector(width),
        })
    }
}

impl Describe for Reshape {
    fn kind(&self) -> &'static str {
        "reshape"
    }

    fn title(&self) -> &'static str {
        "Reshape"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.shape(values(inputs[0])?.width())
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // The layers were checked.
        let own = to.shape(inputs[0]);
        to.view(inputs[0], self.shape(own.width()).unwrap_or(own))
    }
}
